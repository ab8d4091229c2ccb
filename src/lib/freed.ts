/**
 * Memory that is given back at once, and not when the collector comes to it. It lies outside of the collector's heap, so the
 * collector lets much of it lie about (docs/decisions/bun.md).
 */

/** Smaller ones are not worth the call. Buffers with a pool share what is smaller than this, too. */
const freedFromBytes = 16 * 1024;

/** Gives back all memory behind `bytes`. No view of that memory may be used from then on: each is empty. */
export function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= freedFromBytes) buffer.transfer(0);
}
