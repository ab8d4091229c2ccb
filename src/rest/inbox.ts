/**
 * What waits for a participant: GET /messages in its simple form (docs/protocols/rest.md § Receive messages). It holds
 * the messages of all the user's chats in the order of their ids, merged by time with the events this door has not
 * confirmed; the oldest first, without the user's own messages. Reading consumes nothing; the cursor remembers how far
 * a reader has come.
 */
import { Backlog } from "../delivery/backlog.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import { inlineFileBytesMax } from "../delivery/shapes.ts";
import { DomainError } from "../domain/errors.ts";
import type { DomainEvent } from "../domain/events.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import { isLeftOut } from "../domain/messages/content.ts";
import type {
  ChatId,
  DeviceId,
  Message,
  MessageId,
  MessageReader,
  StoredEvent,
  Typing,
  UserId,
} from "../domain/model.ts";
import type { Client } from "../domain/people/log-ins.ts";
import type { DeliveryReads, Head, MessageReads } from "../domain/store.ts";
import type { Cursor } from "./cursor.ts";
import { Refusal, tooMany, unavailable } from "./errors.ts";
import type { RestLimits } from "./limits.ts";

type InboxStore = Pick<DeliveryReads, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan" | "events"> &
  Pick<MessageReads, "withContent">;

/** `whole`: with the content of larger files too, which the JSON of the simple form only names. */
export type Content = "inline" | "whole";

/** Reading begins at the position of the device, or else at the user's own. */
export interface Reader extends MessageReader {
  readonly deviceId: DeviceId | undefined;
  /** The token and the address it reads with. */
  readonly by?: { readonly tokenId: string; readonly address: string };
}

export interface Page {
  readonly messages: readonly Message[];
  readonly events: readonly StoredEvent[];
  /** Users who began or stopped typing while the reader waited; it is not kept for later. */
  readonly typing: readonly Typing[];
  readonly next: Cursor;
}

export interface Following {
  readonly after: Cursor | undefined;
  readonly limit: number;
  readonly bytesMax: number;
  readonly idleMs: number;
}

export interface Follower {
  /** The next page that is not empty; `idle` where nothing came for `idleMs`, `end` where nothing will come. */
  next(): Promise<Page | "idle" | "end">;
  /** The reader is gone. Safe to call twice. */
  end(): void;
}

const isEmpty = ({ messages, events, typing }: Page): boolean => messages.length + events.length + typing.length === 0;

/** Rows read from the store at once, so that a page of long messages is never in memory as a whole. */
const runRows = 32;
/** One waiting request is told of so many users typing, and of no more. */
const typingMax = 32;
/** After so many rows that are not for the reader (their own messages) other work gets its turn. */
const rowsBetweenTurns = 512;

export type Inbox = ReturnType<typeof createInbox>;

export function createInbox(parts: {
  store: InboxStore;
  hub: Hub;
  limits: RestLimits;
  /** Up to this place in the chat everything is delivered, or is not for this reader. */
  passedOver(reader: Reader, chatId: ChatId, seq: number): void;
}) {
  const { store, hub, limits, passedOver } = parts;
  const waiting = new Map<UserId, number>();
  const waiters = new Set<Waiter>();
  let stopped = false;

  /** One page after `after`, or from the reader's position on; up to `limit` messages and events together. */
  async function read(
    reader: Reader,
    after: Cursor | undefined,
    limit: number,
    content: Content = "inline",
    bytesMax = limits.pageBytesMax,
  ): Promise<Page> {
    const newest = await store.lastMessageId();
    const from: Cursor = {
      // Ids past the newest are from before a restore of an older backup.
      messageId: Math.min(after?.messageId ?? 0, newest) as MessageId,
      eventId: after?.eventId ?? 0,
      backlogEnd: Math.min(after?.backlogEnd ?? newest, newest) as MessageId,
    };
    const events = await store.events(reader.userId, "rest", { after: from.eventId, limit });
    const backlog = new Gathering({ store, reader, limit, bytesMax, content, through: from.messageId });
    if (from.messageId < from.backlogEnd) {
      const undelivered = await store.undelivered(reader.userId, reader.deviceId);
      const newer = from.messageId === 0 ? undefined : await store.newerThan(reader.userId, from.messageId);
      await backlog.walk(furthest(undelivered, newer), from.backlogEnd);
      if (newer === undefined) {
        for (const [chatId, seq] of backlog.passed) passedOver(reader, chatId, seq);
      }
    }
    if (!backlog.full && backlog.through < newest) {
      await backlog.walk(await store.newerThan(reader.userId, backlog.through), newest);
    }
    const page = merge(from, backlog, events, limit);
    if (content === "inline" || page.messages.length === 0) return page;
    // A message whose file cannot be read is left out rather than shown empty: it stays unconfirmed and is tried again.
    const messages = (await store.withContent(page.messages)).filter((message) => !isLeftOut(message));
    if (messages.length === 0 && page.events.length === 0) return read(reader, page.next, limit, content);
    return { ...page, messages };
  }

  /**
   * Like `read`; where nothing is there yet, waits up to `waitMs` for something to come. Throws `token_invalid` when
   * the account is revoked meanwhile, and refuses where too many requests of the user, or of all users, are waiting.
   */
  async function wait(
    reader: Reader,
    query: { after: Cursor | undefined; limit: number; waitMs: number; signal: AbortSignal; content?: Content },
  ): Promise<Page> {
    if (query.waitMs <= 0 || stopped) return read(reader, query.after, query.limit, query.content);
    const waiter = admit(reader);
    const expire = () => waiter.expire();
    const timer = setTimeout(expire, query.waitMs);
    query.signal.addEventListener("abort", expire);
    // Attached before the first read, so that nothing can settle unseen between reading and waiting.
    hub.attach(waiter);
    try {
      let after = query.after;
      for (;;) {
        const last = waiter.expired;
        const page = { ...(await read(reader, after, query.limit, query.content)), typing: waiter.takeTyping() };
        if (last || !isEmpty(page)) return page;
        after = page.next;
        await waiter.news();
        if (waiter.revoked) throw new DomainError("token_invalid", "the account or the log-in was revoked");
      }
    } finally {
      clearTimeout(timer);
      query.signal.removeEventListener("abort", expire);
      hub.detach(waiter);
      release(waiter);
    }
  }

  /** Page after page as they come, until `end` is called, the server stops or the account is revoked. Refuses as `wait` does. */
  function follow(reader: Reader, query: Following): Follower {
    const waiter = admit(reader);
    hub.attach(waiter);
    let { after } = query;
    let ended = false;

    async function next(): Promise<Page | "idle" | "end"> {
      while (!waiter.expired && !waiter.revoked) {
        const page = {
          ...(await read(reader, after, query.limit, "inline", query.bytesMax)),
          typing: waiter.takeTyping(),
        };
        after = page.next;
        if (!isEmpty(page)) return page;
        if (!(await waiter.newsWithin(query.idleMs))) return "idle";
      }
      return "end";
    }

    function end(): void {
      if (ended) return;
      ended = true;
      waiter.expire();
      hub.detach(waiter);
      release(waiter);
    }

    return { next, end };
  }

  function admit(reader: Reader): Waiter {
    const { userId } = reader;
    const mine = waiting.get(userId) ?? 0;
    if (mine >= limits.waitingPerUserMax) throw new Refusal(tooMany, "too many requests of this user are waiting");
    if (waiters.size >= limits.waitingMax) throw new Refusal(unavailable, "too many requests are waiting");
    const waiter = new Waiter(reader);
    waiting.set(userId, mine + 1);
    waiters.add(waiter);
    return waiter;
  }

  function release(waiter: Waiter): void {
    waiters.delete(waiter);
    const left = (waiting.get(waiter.userId) ?? 1) - 1;
    if (left === 0) waiting.delete(waiter.userId);
    else waiting.set(waiter.userId, left);
  }

  /** Answers all requests that wait with what there is; from now on no request waits. */
  function stop(): void {
    stopped = true;
    for (const waiter of waiters) waiter.expire();
  }

  return { read, wait, follow, stop };
}

/** One request that waits. The first event that could change its answer wakes it, or the end of its time. */
class Waiter implements Sink {
  readonly userId: UserId;
  #news = false;
  #expired = false;
  #revoked = false;
  /** By chat and user, the newest only. */
  #typing: Map<string, Typing> | undefined;
  #wake: (() => void) | undefined;
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.userId = reader.userId;
    this.#reader = reader;
  }

  get expired(): boolean {
    return this.#expired;
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  deliver(event: DomainEvent): void {
    if (event.type === "message.sent" && this.#isOwn(event.message)) return;
    if (event.type === "user.revoked") this.#revoked = true;
    if (event.type === "chat.typing") this.#keepTyping(event.typing);
    this.#news = true;
    this.#wake?.();
  }

  /** Users' own messages are not delivered to them, but an addressed message may be for another device of its sender. */
  #isOwn({ senderId, texts }: Message): boolean {
    return senderId === this.userId && texts === undefined;
  }

  #keepTyping(typing: Typing): void {
    this.#typing ??= new Map();
    if (this.#typing.size < typingMax) this.#typing.set(`${typing.chatId} ${typing.user.userId}`, typing);
  }

  takeTyping(): Typing[] {
    const typing = [...(this.#typing?.values() ?? [])];
    this.#typing = undefined;
    return typing;
  }

  client(): Client | undefined {
    const { by } = this.#reader;
    if (by === undefined) return undefined;
    return { door: "rest", name: undefined, ...by, phoneSessionId: undefined, end: () => this.#revoke() };
  }

  #revoke(): void {
    this.#revoked = true;
    this.#news = true;
    this.#wake?.();
  }

  detached(): void {
    this.expire();
  }

  expire(): void {
    this.#expired = true;
    this.#wake?.();
  }

  /** False where the time is up and nothing came. */
  async newsWithin(ms: number): Promise<boolean> {
    let idle = false;
    const timer = setTimeout(() => {
      idle = true;
      this.#news = true;
      this.#wake?.();
    }, ms);
    await this.news();
    clearTimeout(timer);
    return !idle;
  }

  /** Resolves at the first event since the last call, or when the time is up. */
  async news(): Promise<void> {
    if (!this.#news && !this.#expired) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#news = false;
  }
}

/** Gathers messages over many chats in the order of their ids, until it has enough. */
class Gathering {
  readonly #parts: { store: InboxStore; reader: Reader; limit: number; bytesMax: number; content: Content };
  readonly messages: Message[] = [];
  /** Up to here every message that is for the reader is among `messages`. */
  through: MessageId;
  /** Gathering stopped before the last message there is. */
  full = false;
  /** How far each chat holds hidden messages only, from where reading it began. */
  readonly passed = new Map<ChatId, number>();
  readonly #begun = new Set<ChatId>();
  #bytes = 0;
  #rowsSinceTurn = 0;

  constructor(parts: {
    store: InboxStore;
    reader: Reader;
    limit: number;
    bytesMax: number;
    content: Content;
    through: MessageId;
  }) {
    this.#parts = parts;
    this.through = parts.through;
  }

  /** Takes from the chats in `waiting`, each from its head on, the messages with an id up to `end`. */
  async walk(waiting: readonly Head[], end: MessageId): Promise<void> {
    const { store, reader, content } = this.#parts;
    const backlog = new Backlog({
      store,
      ...reader,
      from: waiting,
      through: end,
      // Content that the page needs whole is read once it is known which messages the page holds.
      inlineBytesMax: content === "whole" ? 0 : inlineFileBytesMax,
    });
    for (let rows = await backlog.page(runRows); rows.length > 0; rows = await backlog.page(runRows)) {
      for (const row of rows) {
        if (!this.#take(row)) return;
      }
      backlog.take(rows.length);
      await this.#yieldTurn(rows.length);
    }
    if (end > this.through) this.through = end;
  }

  #take(row: Message): boolean {
    if (isHidden(row)) {
      if (!this.#begun.has(row.chatId)) this.passed.set(row.chatId, row.seq);
      this.through = row.messageId;
      return true;
    }
    this.#begun.add(row.chatId);
    // A deleted message has nothing to deliver, and of their own messages users get those addressed to another of their devices.
    const own = row.senderId === this.#parts.reader.userId && row.addressed === undefined;
    if (own || row.kind === "deleted") {
      this.through = row.messageId;
      return true;
    }
    if (this.messages.length >= this.#parts.limit || this.#bytes >= this.#parts.bytesMax) {
      this.full = true;
      return false;
    }
    this.messages.push(row);
    this.#bytes += this.#parts.content === "whole" ? (row.file?.bytes ?? row.content.length) : row.content.length;
    this.through = row.messageId;
    return true;
  }

  async #yieldTurn(rows: number): Promise<void> {
    this.#rowsSinceTurn += rows;
    if (this.#rowsSinceTurn < rowsBetweenTurns) return;
    this.#rowsSinceTurn = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Of two heads of one chat, the one further on; without `newer`, all of `undelivered`. */
function furthest(undelivered: readonly Head[], newer: readonly Head[] | undefined): Head[] {
  if (newer === undefined) return [...undelivered];
  const newerOf = new Map(newer.map((head) => [head.chatId, head]));
  const heads: Head[] = [];
  for (const head of undelivered) {
    const other = newerOf.get(head.chatId);
    if (other !== undefined) heads.push(other.seq > head.seq ? { ...head, ...other } : head);
  }
  return heads;
}

/** Merged by time, the oldest first; messages keep their order, and so do events. Together at most `limit`. */
function merge(from: Cursor, backlog: Gathering, stored: readonly StoredEvent[], limit: number): Page {
  const { messages } = backlog;
  let taken = 0;
  let events = 0;
  while (taken + events < limit) {
    const message = messages[taken];
    const event = stored[events];
    // Behind a backlog that was cut short there may be messages older than the event.
    if (message === undefined && (event === undefined || backlog.full)) break;
    if (event === undefined || (message !== undefined && message.sentAtMs <= event.createdAtMs)) taken += 1;
    else events += 1;
  }
  const messageId = taken === messages.length ? backlog.through : (messages[taken - 1]?.messageId ?? from.messageId);
  return {
    messages: messages.slice(0, taken),
    events: stored.slice(0, events),
    typing: [],
    next: { messageId, eventId: stored[events - 1]?.eventId ?? from.eventId, backlogEnd: from.backlogEnd },
  };
}
