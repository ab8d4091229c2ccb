/** One chat's messages, one after the other, from a few stretches of its log; `bound` orders it among other chats. */

import type { ChatLog, HistoryReads } from "../../domain/messages/history-store.ts";
import type { Message, MessageReader, UserId } from "../../domain/model.ts";

/** Read at first from each of several chats; twice as much each time after that. */
const rowsAtFirst = 16;

export interface Segment {
  readonly from: number;
  readonly to: number;
  /** Only messages whose client's clock disagrees with the server's. */
  readonly odd: boolean;
}

type Store = Pick<HistoryReads, "readStretch" | "readOddTimes" | "messageIdOf">;

export class LogReader {
  readonly #store: Store;
  readonly #log: ChatLog;
  readonly #descending: boolean;
  readonly #senders: readonly [UserId, UserId] | undefined;
  readonly #reader: MessageReader;
  readonly #rowsAtOnceMax: number;
  #rowsAtOnce: number;
  /** The stretches left, in the order of reading. The first begins with the next message that was not looked at. */
  #segments: Segment[];
  /** Read, and not yet taken. */
  #messages: readonly Message[] = [];
  #taken = 0;
  #unread = 0;

  constructor(parts: {
    store: Store;
    log: ChatLog;
    /** Ascending. */
    segments: readonly Segment[];
    descending: boolean;
    senders: readonly [UserId, UserId] | undefined;
    reader: MessageReader;
    rowsAtOnce: number | undefined;
    rowsAtOnceMax: number;
  }) {
    this.#store = parts.store;
    this.#log = parts.log;
    this.#descending = parts.descending;
    this.#senders = parts.senders;
    this.#reader = parts.reader;
    this.#rowsAtOnceMax = parts.rowsAtOnceMax;
    this.#rowsAtOnce = parts.rowsAtOnce ?? rowsAtFirst;
    this.#segments = parts.descending ? [...parts.segments].reverse() : [...parts.segments];
  }

  /** Finds the first bound. */
  async open(): Promise<void> {
    this.#unread = await this.#boundOf(this.#segments[0]);
  }

  get first(): Message | undefined {
    return this.#messages[this.#taken];
  }

  take(): void {
    this.#taken += 1;
  }

  get ended(): boolean {
    return this.#segments.length === 0 && this.first === undefined;
  }

  /** The next message's id; where that was not read yet, the id of the place where reading goes on. */
  get bound(): number {
    return this.first?.messageId ?? this.#unread;
  }

  /** The next place that was not looked at. */
  get seq(): number {
    const [segment] = this.#segments;
    return this.first?.seq ?? (this.#descending ? segment?.to : segment?.from) ?? 0;
  }

  /** Gives how many messages were looked at. */
  async read(): Promise<number> {
    const [segment, ...rest] = this.#segments;
    if (segment === undefined) return 0;
    const rows = this.#rowsAtOnce;
    this.#rowsAtOnce = Math.min(rows * 2, this.#rowsAtOnceMax);
    const where = {
      chatId: this.#log.chatId,
      descending: this.#descending,
      senders: this.#senders,
      reader: this.#reader,
    };
    const { from, to, odd } = segment;
    const stretch = odd
      ? { from, to }
      : this.#descending
        ? { from: Math.max(from, to - rows + 1), to }
        : { from, to: Math.min(to, from + rows - 1) };
    const { messages, reached } = odd
      ? await this.#store.readOddTimes({ ...where, ...stretch, limit: this.#rowsAtOnceMax })
      : await this.#store.readStretch({ ...where, ...stretch });
    this.#messages = messages;
    this.#taken = 0;
    const left = this.#descending ? { from, to: reached - 1, odd } : { from: reached + 1, to, odd };
    this.#segments = left.from <= left.to ? [left, ...rest] : rest;
    this.#unread = await this.#boundOf(this.#segments[0]);
    await new Promise<void>((resolve) => setImmediate(resolve)); // Between two pieces other work gets its turn.
    return odd ? messages.length + 1 : Math.abs(reached - (this.#descending ? to : from)) + 1;
  }

  async #boundOf(segment: Segment | undefined): Promise<number> {
    if (segment === undefined) return 0;
    const seq = this.#descending ? segment.to : segment.from;
    if (seq === this.#log.lastSeq) return this.#log.lastMessageId;
    return (await this.#store.messageIdOf(this.#log.chatId, seq)) ?? 0;
  }
}
