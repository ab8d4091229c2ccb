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
  /** Of a WebSocket, of which strangers and accounts have a limited number. */
  readonly place?: TransportPlace | undefined;
}

export interface TransportPlace {
  /** The peer is this account now. False where the account has as many as it may. */
  logIn(account: string): boolean;
  /** The peer may go without a log-in for so long from now. */
  stay(ms: number): void;
}
