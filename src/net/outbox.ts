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

/** What all outboxes of a server share. */
export interface OutboxParts extends OutboxLimits {
  readonly flushQueue: FlushQueue;
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

/**
 * What an outbox is doing, as bits of one number: JavaScriptCore has objects of 12 fields and of 18, and there is an outbox
 * for each connection.
 */
const isScheduled = 1;
const isBlocked = 2;
const isClosed = 4;
const isOverflowed = 8;
const wantsWritable = 16;

export class Outbox {
  readonly transport: Transport;
  /** Where `reserve` made room. It changes with every call of `reserve`. */
  buffer: Buffer = noBuffer;
  /** Unsent bytes. */
  queuedBytes = 0;
  /** How often room was reserved; each time is one packet. */
  appends = 0;
  readonly #parts: OutboxParts;
  readonly #owner: OutboxOwner;
  /** Full chunks before `buffer`; only while the kernel takes no more bytes. */
  #older: Chunk[] | undefined;
  #start = 0;
  #end = 0;
  #sentBytes = 0;
  #state = 0;
  #sentWantedAt = Number.POSITIVE_INFINITY;

  constructor(transport: Transport, parts: OutboxParts, owner: OutboxOwner) {
    this.transport = transport;
    this.#parts = parts;
    this.#owner = owner;
  }

  /** True above the soft cap: data that can wait elsewhere or be dropped should not be appended. */
  get full(): boolean {
    return this.queuedBytes > this.#parts.outboxSoftBytesMax;
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
    if ((this.#state & isScheduled) === 0) this.#schedule();
    return at;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** Asks for one `outboxWritable` when no more than half the soft cap is unsent. */
  notifyWhenWritable(): void {
    this.#state |= wantsWritable;
    this.#schedule();
  }

  /** Asks for one `outboxSent` when all bytes before `position` (an `appendedBytes`) went to the kernel. */
  notifyWhenSent(position: number): void {
    if (position < this.#sentWantedAt) this.#sentWantedAt = position;
    this.#schedule();
  }

  /** Writes what the kernel takes, then notifies the owner. Called by the flush queue. */
  flush(): void {
    this.#state &= ~isScheduled;
    if ((this.#state & isClosed) !== 0) return;
    if ((this.#state & isBlocked) === 0) this.#writeOut();
    this.#notify();
  }

  /** Call this when the socket takes bytes again. */
  drained(): void {
    if ((this.#state & isClosed) !== 0) return;
    this.#state &= ~isBlocked;
    this.#writeOut();
    this.#notify();
  }

  /** Writes what the kernel takes now and drops the rest. Safe to call twice. */
  close(): void {
    if ((this.#state & isClosed) !== 0) return;
    if ((this.#state & isBlocked) === 0) this.#writeOut();
    this.#state |= isClosed;
    this.#forget();
  }

  #schedule(): void {
    if ((this.#state & (isScheduled | isClosed)) !== 0) return;
    this.#state |= isScheduled;
    this.#parts.flushQueue.add(this);
  }

  #notify(): void {
    if (this.queuedBytes > this.#parts.outboxHardBytesMax && (this.#state & isOverflowed) === 0) {
      this.#state |= isOverflowed;
      this.#owner.outboxOverflowed();
      return;
    }
    if (this.#sentBytes >= this.#sentWantedAt) {
      this.#sentWantedAt = Number.POSITIVE_INFINITY;
      this.#owner.outboxSent(this.#sentBytes);
    }
    if (
      (this.#state & isClosed) === 0 &&
      (this.#state & wantsWritable) !== 0 &&
      this.queuedBytes <= this.#parts.outboxSoftBytesMax / 2
    ) {
      this.#state &= ~wantsWritable;
      this.#owner.outboxWritable();
    }
  }

  #makeRoom(bytes: number): void {
    if ((this.#state & isClosed) !== 0) this.#forget();
    const used = this.#end - this.#start;
    if (this.buffer.length === smallBytes && used + bytes <= largeBytes && this.#older === undefined) {
      const larger = borrowBuffer(largeBytes);
      this.buffer.copy(larger, 0, this.#start, this.#end);
      returnBuffer(this.buffer);
      this.#use(larger, used);
      return;
    }
    if (used > 0 && (this.#state & isBlocked) === 0) this.#writeOut();
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
      if ((this.#state & isScheduled) === 0) this.#release();
    }
  }

  #write(buffer: Buffer, start: number, end: number): number {
    const taken = Math.max(0, this.transport.write(buffer, start, end - start));
    if (taken < end - start) this.#state |= isBlocked; // `drain` follows, or the close event if the socket is gone
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
