/**
 * Buffers for outgoing bytes. A connection borrows one only while it has something to send, so an idle connection owns
 * none. There are two sizes: the small one serves a tick of ordinary traffic, the large one is as much as one write
 * should carry.
 */
import { free } from "../lib/freed.ts";

export const smallBytes = 16 * 1024;
export const largeBytes = 64 * 1024;

/** 4 MiB of each size are kept. The allocator gets back what a burst borrowed beyond that. */
const smallKept = 256;
const largeKept = 64;

const small: Buffer[] = [];
const large: Buffer[] = [];

/** Lends a buffer of the small or the large size, or one of exactly `bytes` above that. Its content is undefined. */
export function borrowBuffer(bytes: number): Buffer {
  if (bytes <= smallBytes) return small.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
  if (bytes <= largeBytes) return large.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
  return Buffer.allocUnsafeSlow(bytes);
}

/** Takes a buffer back. The caller must not touch it afterwards. */
export function returnBuffer(buffer: Buffer): void {
  if (buffer.length === smallBytes && small.length < smallKept) small.push(buffer);
  else if (buffer.length === largeBytes && large.length < largeKept) large.push(buffer);
  else free(buffer);
}
