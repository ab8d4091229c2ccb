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
import { heldStepBytes } from "./memory-budget.ts";
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
  /** Running totals of them all. Each `reserve` is one packet. */
  readonly counters: { packetsSent: number; bytesSent: number };
}

/** Called at the end of a tick or on drain, never inside `reserve`, but for `outboxGrew`. */
export interface OutboxOwner {
  /** Bytes were handed to the kernel; `sentBytes` is their running total. Called after `notifyWhenSent`. */
  outboxSent(sentBytes: number): void;
  /** There is room again. Called after `notifyWhenWritable`. */
  outboxWritable(): void;
  /** The hard cap is passed because the peer does not read. */
  outboxOverflowed(): void;
  /** Much waits for the peer, by so many bytes more than before. Also called inside `reserve`, so it only takes note. */
  outboxGrew(bytes: number): void;
}

interface Chunk {
  readonly buffer: Buffer;
  start: number;
  readonly end: number;
}

const noBuffer: Buffer = Buffer.alloc(0);

/**
 * There is an outbox for each connection, and JavaScriptCore has objects of 8 fields and of 12: so what an outbox is doing
 * are bits of one number, and what only few have stands in an object of its own.
 */
const isScheduled = 1;
const isBlocked = 2;
const isClosed = 4;
const isOverflowed = 8;
const wantsWritable = 16;

/** Of an outbox whose peer once read too slowly, or whose owner once asked what was sent. */
interface Uncommon {
  /** Full chunks before `buffer`; only while the kernel takes no more bytes. */
  older: Chunk[] | undefined;
  /** The unsent bytes of `older`. */
  olderBytes: number;
  /** The bytes of `buffer` that the kernel has already. */
  start: number;
  /** The position of which the owner wants to hear. */
  sentWantedAt: number;
}

export class Outbox {
  readonly transport: Transport;
  /** Where `reserve` made room. It changes with every call of `reserve`. */
  buffer: Buffer = noBuffer;
  #parts: OutboxParts;
  readonly #owner: OutboxOwner;
  #end = 0;
  #sentBytes = 0;
  #state = 0;
  #uncommon: Uncommon | undefined;

  constructor(transport: Transport, parts: OutboxParts, owner: OutboxOwner) {
    this.transport = transport;
    this.#parts = parts;
    this.#owner = owner;
  }

  /** From now on these limits hold. */
  useParts(parts: OutboxParts): void {
    this.#parts = parts;
  }

  /** Unsent bytes. */
  get queuedBytes(): number {
    const uncommon = this.#uncommon;
    return uncommon === undefined ? this.#end : this.#end - uncommon.start + uncommon.olderBytes;
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
    this.#parts.counters.packetsSent++;
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
    const uncommon = this.#getUncommon();
    if (position < uncommon.sentWantedAt) uncommon.sentWantedAt = position;
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
    const uncommon = this.#uncommon;
    if (uncommon !== undefined && this.#sentBytes >= uncommon.sentWantedAt) {
      uncommon.sentWantedAt = Number.POSITIVE_INFINITY;
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
    const start = this.#uncommon?.start ?? 0;
    const used = this.#end - start;
    if (this.buffer.length === smallBytes && used + bytes <= largeBytes && this.#uncommon?.older === undefined) {
      const larger = borrowBuffer(largeBytes);
      this.buffer.copy(larger, 0, start, this.#end);
      returnBuffer(this.buffer);
      this.#use(larger, used);
      return;
    }
    if (used > 0 && (this.#state & isBlocked) === 0) this.#writeOut();
    if (this.#end + bytes <= this.buffer.length) return;
    if (this.queuedBytes > 0) {
      this.#setAside();
      this.#use(borrowBuffer(Math.max(bytes, largeBytes)), 0);
      return;
    }
    if (this.buffer !== noBuffer) returnBuffer(this.buffer);
    this.#use(borrowBuffer(bytes), 0);
  }

  /** Moves what `buffer` holds to the older chunks. */
  #setAside(): void {
    const uncommon = this.#getUncommon();
    const { start } = uncommon;
    uncommon.older ??= [];
    uncommon.older.push({ buffer: this.buffer, start, end: this.#end });
    uncommon.olderBytes += this.#end - start;
    if (uncommon.olderBytes >= heldStepBytes) this.#owner.outboxGrew(this.#end - start);
  }

  #getUncommon(): Uncommon {
    this.#uncommon ??= { older: undefined, olderBytes: 0, start: 0, sentWantedAt: Number.POSITIVE_INFINITY };
    return this.#uncommon;
  }

  #use(buffer: Buffer, end: number): void {
    this.buffer = buffer;
    this.#end = end;
    if (this.#uncommon !== undefined) this.#uncommon.start = 0;
  }

  /** Leaves an empty `buffer` in place until the tick ends; then `#release` gives it back. */
  #writeOut(): void {
    const uncommon = this.#uncommon;
    if (uncommon?.older !== undefined && !this.#writeOlder(uncommon, uncommon.older)) return;
    const start = uncommon?.start ?? 0;
    if (this.#end > start) {
      const sentTo = start + this.#write(this.buffer, start, this.#end);
      if (sentTo < this.#end) {
        this.#getUncommon().start = sentTo;
        return;
      }
    }
    this.#use(this.buffer, 0);
    if ((this.#state & isScheduled) === 0) this.#release();
  }

  /** Gives whether all older chunks went to the kernel. */
  #writeOlder(uncommon: Uncommon, older: Chunk[]): boolean {
    let sent = 0;
    for (const chunk of older) {
      const taken = this.#write(chunk.buffer, chunk.start, chunk.end);
      chunk.start += taken;
      uncommon.olderBytes -= taken;
      if (chunk.start < chunk.end) break;
      returnBuffer(chunk.buffer);
      sent++;
    }
    if (sent < older.length) {
      older.splice(0, sent);
      return false;
    }
    uncommon.older = undefined;
    return true;
  }

  #write(buffer: Buffer, start: number, end: number): number {
    const taken = Math.max(0, this.transport.write(buffer, start, end - start));
    if (taken < end - start) {
      this.#state |= isBlocked; // `drain` follows, or the close event if the socket is gone
      if (end - start - taken >= heldStepBytes) this.#owner.outboxGrew(end - start - taken);
    }
    this.#sentBytes += taken;
    this.#parts.counters.bytesSent += taken;
    return taken;
  }

  #release(): void {
    if (this.buffer !== noBuffer) returnBuffer(this.buffer);
    this.#use(noBuffer, 0);
  }

  #forget(): void {
    const uncommon = this.#uncommon;
    for (const chunk of uncommon?.older ?? []) returnBuffer(chunk.buffer);
    this.#uncommon = undefined;
    this.#release();
  }
}
