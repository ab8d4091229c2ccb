/**
 * What a connection writes to. A Bun TCP or TLS socket is a transport as it is, so an idle connection needs no wrapper;
 * a WebSocket needs a small one.
 */
export interface Transport {
  readonly remoteAddress: string;
  /** The subject of the peer's verified certificate, canonical (`lib/distinguished-name.ts`); known once bytes arrive. */
  readonly certificateSubject?: string | undefined;
  /**
   * Hands bytes to the kernel and gives how many it took. Fewer than asked means "wait for drain"; a negative number
   * means "closed".
   */
  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number;
  /** Ends our half of the connection after the bytes written so far; the peer's close follows. */
  shutdown(): void;
  /** Drops the connection at once. */
  terminate(): void;
  /** `pause` stops reading, `resume` goes on: TCP flow control towards the peer. */
  pause(): unknown;
  resume(): unknown;
}
