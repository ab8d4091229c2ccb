/**
 * The bytes waiting to leave one connection. Bun's `write` takes what the kernel has room for and drops the rest, so
 * the unsent tail is kept here, in order, until `drain`. A peer may stop reading for good, so the queue is bounded:
 * above the soft cap `full` tells producers to hold back; above the hard cap the owner is asked to close the
 * connection.
 *
 * To append, call `reserve(n)` and write into `buffer` at the offset it gave: no object per packet, one copy.
 */
import { borrowBuffer, largeBytes, returnBuffer, smallBytes } from "./buffer-pool.ts";
import type { FlushQueue } from "./flush-queue.ts";
import type { Transport } from "./transport.ts";

export interface OutboxLimits {
  /** Above this many unsent bytes `full` is true. */
  readonly outboxSoftBytesMax: number;
  /** Above this many unsent bytes the owner's `outboxOverflowed` is called. */
  readonly outboxHardBytesMax: number;
}

/** Called at the end of a tick or on drain, never inside `reserve`. */
export interface OutboxOwner {
  /** Bytes were handed to the kernel; `sentBytes` is their running total. Called after `notifyWhenSent`. */
  outboxSent(sentBytes: number): void;
  /** There is room again. Called after `notifyWhenWritable`. */
  outboxWritable(): void;
  /** The hard cap is passed because the peer does not read. */
  outboxOverflowed(): void;
}

interface Chunk {
  readonly buffer: Buffer;
  start: number;
  readonly end: number;
}

const noBuffer: Buffer = Buffer.alloc(0);

export class Outbox {
  readonly transport: Transport;
  /** Where `reserve` made room. It changes with every call of `reserve`. */
  buffer: Buffer = noBuffer;
  /** Unsent bytes. */
  queuedBytes = 0;
  /** How often room was reserved; each time is one packet. */
  appends = 0;
  readonly #limits: OutboxLimits;
  readonly #flushQueue: FlushQueue;
  readonly #owner: OutboxOwner;
  /** Full chunks before `buffer`; only while the kernel takes no more bytes. */
  #older: Chunk[] | undefined;
  #start = 0;
  #end = 0;
  #sentBytes = 0;
  #scheduled = false;
  #blocked = false;
  #closed = false;
  #overflowed = false;
  #writableWanted = false;
  #sentWantedAt = Number.POSITIVE_INFINITY;

  constructor(transport: Transport, limits: OutboxLimits, flushQueue: FlushQueue, owner: OutboxOwner) {
    this.transport = transport;
    this.#limits = limits;
    this.#flushQueue = flushQueue;
    this.#owner = owner;
  }

  /** True above the soft cap: data that can wait elsewhere or be dropped should not be appended. */
  get full(): boolean {
    return this.queuedBytes > this.#limits.outboxSoftBytesMax;
  }

  /** The number of bytes handed to the kernel so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The position in the stream after everything appended so far; comparable with `sentBytes`. */
  get appendedBytes(): number {
    return this.#sentBytes + this.queuedBytes;
  }

  /** Makes room for `bytes` contiguous bytes and gives their offset in `buffer`. They leave at the end of the tick. */
  reserve(bytes: number): number {
    let at = this.#end;
    if (at + bytes > this.buffer.length) {
      this.#makeRoom(bytes);
      at = this.#end;
    }
    this.#end = at + bytes;
    this.queuedBytes += bytes;
    this.appends++;
    if (!this.#scheduled) this.#schedule();
    return at;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** Asks for one `outboxWritable` when no more than half the soft cap is unsent. */
  notifyWhenWritable(): void {
    this.#writableWanted = true;
    this.#schedule();
  }

  /** Asks for one `outboxSent` when all bytes before `position` (an `appendedBytes`) went to the kernel. */
  notifyWhenSent(position: number): void {
    if (position < this.#sentWantedAt) this.#sentWantedAt = position;
    this.#schedule();
  }

  /** Writes what the kernel takes, then notifies the owner. Called by the flush queue. */
  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    if (!this.#blocked) this.#writeOut();
    this.#tell();
  }

  /** Call this when the socket takes bytes again. */
  drained(): void {
    if (this.#closed) return;
    this.#blocked = false;
    this.#writeOut();
    this.#tell();
  }

  /** Writes what the kernel takes now and drops the rest. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    if (!this.#blocked) this.#writeOut();
    this.#closed = true;
    this.#forget();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#flushQueue.add(this);
  }

  #tell(): void {
    if (this.queuedBytes > this.#limits.outboxHardBytesMax && !this.#overflowed) {
      this.#overflowed = true;
      this.#owner.outboxOverflowed();
      return;
    }
    if (this.#sentBytes >= this.#sentWantedAt) {
      this.#sentWantedAt = Number.POSITIVE_INFINITY;
      this.#owner.outboxSent(this.#sentBytes);
    }
    if (!this.#closed && this.#writableWanted && this.queuedBytes <= this.#limits.outboxSoftBytesMax / 2) {
      this.#writableWanted = false;
      this.#owner.outboxWritable();
    }
  }

  #makeRoom(bytes: number): void {
    if (this.#closed) this.#forget();
    const used = this.#end - this.#start;
    if (this.buffer.length === smallBytes && used + bytes <= largeBytes && this.#older === undefined) {
      const larger = borrowBuffer(largeBytes);
      this.buffer.copy(larger, 0, this.#start, this.#end);
      returnBuffer(this.buffer);
      this.#use(larger, used);
      return;
    }
    if (used > 0 && !this.#blocked) this.#writeOut();
    if (this.#end + bytes <= this.buffer.length) return;
    if (this.#end > this.#start) {
      this.#older ??= [];
      this.#older.push({ buffer: this.buffer, start: this.#start, end: this.#end });
      this.#use(borrowBuffer(Math.max(bytes, largeBytes)), 0);
      return;
    }
    if (this.buffer !== noBuffer) returnBuffer(this.buffer);
    this.#use(borrowBuffer(bytes), 0);
  }

  #use(buffer: Buffer, end: number): void {
    this.buffer = buffer;
    this.#start = 0;
    this.#end = end;
  }

  /** Leaves an empty `buffer` in place until the tick ends; then `#release` gives it back. */
  #writeOut(): void {
    const older = this.#older;
    if (older !== undefined) {
      let sent = 0;
      for (const chunk of older) {
        chunk.start += this.#write(chunk.buffer, chunk.start, chunk.end);
        if (chunk.start < chunk.end) break;
        returnBuffer(chunk.buffer);
        sent++;
      }
      if (sent < older.length) {
        older.splice(0, sent);
        return;
      }
      this.#older = undefined;
    }
    if (this.#end > this.#start) this.#start += this.#write(this.buffer, this.#start, this.#end);
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (!this.#scheduled) this.#release();
    }
  }

  #write(buffer: Buffer, start: number, end: number): number {
    const taken = Math.max(0, this.transport.write(buffer, start, end - start));
    if (taken < end - start) this.#blocked = true; // `drain` follows, or the close event if the socket is gone
    this.#sentBytes += taken;
    this.queuedBytes -= taken;
    return taken;
  }

  #release(): void {
    if (this.buffer !== noBuffer) returnBuffer(this.buffer);
    this.#use(noBuffer, 0);
  }

  #forget(): void {
    for (const chunk of this.#older ?? []) returnBuffer(chunk.buffer);
    this.#older = undefined;
    this.#release();
    this.queuedBytes = 0;
  }
}
