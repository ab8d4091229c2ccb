/**
 * Buffers for outgoing bytes, lent to a connection only while it has something to send, so that an idle connection owns
 * none. Two sizes: the small one serves a tick of ordinary traffic, the large one is as much as one write should carry.
 */
export const smallBytes = 16 * 1024;
export const largeBytes = 64 * 1024;

/** 4 MiB of each size are kept; what a burst borrowed beyond that goes back to the allocator. */
const smallKept = 256;
const largeKept = 64;

const small: Buffer[] = [];
const large: Buffer[] = [];

/** A buffer of exactly the small or the large size, or one made to measure above that. Its content is undefined. */
export function borrowBuffer(bytes: number): Buffer {
  if (bytes <= smallBytes) return small.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
  if (bytes <= largeBytes) return large.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
  return Buffer.allocUnsafeSlow(bytes);
}

/** The caller must not touch `buffer` afterwards. */
export function returnBuffer(buffer: Buffer): void {
  if (buffer.length === smallBytes && small.length < smallKept) small.push(buffer);
  else if (buffer.length === largeBytes && large.length < largeKept) large.push(buffer);
}
