/**
 * What a connection writes to. A Bun TCP or TLS socket is one as it stands, so that an idle connection costs no wrapper;
 * a WebSocket needs a small one.
 */
export interface Transport {
  readonly remoteAddress: string;
  /** The subject of the peer's verified certificate, canonical (`lib/distinguished-name.ts`); known once bytes arrive. */
  readonly certificateSubject?: string | undefined;
  /** Hands bytes to the kernel and gives how many it took: fewer than asked means "wait for drain", negative "closed". */
  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number;
  /** Ends our half after what was written; the peer's close follows. */
  shutdown(): void;
  /** Drops the connection at once. */
  terminate(): void;
  /** Stops and resumes reading: real flow control towards the peer. */
  pause(): unknown;
  resume(): unknown;
}
