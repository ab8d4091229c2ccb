/**
 * What waits for a participant: GET /messages in its simple form (SPEC § 6.1). Messages of all the user's chats in the
 * order of their ids, merged by time with the events this door has not confirmed; the oldest first, the user's own
 * messages left out. Reading consumes nothing; the cursor remembers how far a reader has come.
 */
import { Backlog } from "../delivery/backlog.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import { DomainError } from "../domain/errors.ts";
import type { DomainEvent } from "../domain/events.ts";
import type { Client } from "../domain/log-ins.ts";
import type { DeviceId, Message, MessageId, StoredEvent, UserId } from "../domain/model.ts";
import type { DeliveryStore, Head } from "../domain/store.ts";
import type { Cursor } from "./cursor.ts";
import { Refusal, tooMany, unavailable } from "./errors.ts";
import type { RestLimits } from "./limits.ts";

type InboxStore = Pick<DeliveryStore, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan" | "events">;

export interface Reader {
  readonly userId: UserId;
  /** Whose position to begin at: a device's, or the user's own. */
  readonly deviceId: DeviceId | undefined;
  /** By which token, and from where. */
  readonly by?: { readonly tokenId: string; readonly address: string };
}

export interface Page {
  readonly messages: readonly Message[];
  readonly events: readonly StoredEvent[];
  readonly next: Cursor;
}

/** Rows read from the store at once, so that a page of long messages never stands in memory whole. */
const runRows = 32;
/** After so many rows without an answer (all the reader's own) other work gets its turn. */
const rowsBetweenTurns = 512;

export type Inbox = ReturnType<typeof createInbox>;

export function createInbox({ store, hub, limits }: { store: InboxStore; hub: Hub; limits: RestLimits }) {
  const waiting = new Map<UserId, number>();
  const waiters = new Set<Waiter>();
  let stopped = false;

  /** One page after `after`, or from the reader's position on; up to `limit` messages and events together. */
  async function read(reader: Reader, after: Cursor | undefined, limit: number): Promise<Page> {
    const newest = await store.lastMessageId();
    const from: Cursor = {
      // Ids past the newest are of a world a restore has undone.
      messageId: Math.min(after?.messageId ?? 0, newest) as MessageId,
      eventId: after?.eventId ?? 0,
      backlogEnd: Math.min(after?.backlogEnd ?? newest, newest) as MessageId,
    };
    const events = await store.events(reader.userId, "rest", { after: from.eventId, limit });
    const backlog = new Gathering({ store, reader, limit, bytesMax: limits.pageBytesMax, through: from.messageId });
    if (from.messageId < from.backlogEnd) {
      const undelivered = await store.undelivered(reader.userId, reader.deviceId);
      const newer = from.messageId === 0 ? undefined : await store.newerThan(reader.userId, from.messageId);
      await backlog.walk(furthest(undelivered, newer), from.backlogEnd);
    }
    if (!backlog.full && backlog.through < newest) {
      await backlog.walk(await store.newerThan(reader.userId, backlog.through), newest);
    }
    return merge(from, backlog, events, limit);
  }

  /**
   * Like `read`; where nothing is there yet, waits up to `waitMs` for something to come. Throws `token_invalid` when
   * the account is revoked meanwhile, and refuses a user (or a server) with too many requests waiting.
   */
  async function wait(
    reader: Reader,
    query: { after: Cursor | undefined; limit: number; waitMs: number; signal: AbortSignal },
  ): Promise<Page> {
    if (query.waitMs <= 0 || stopped) return read(reader, query.after, query.limit);
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
        const page = await read(reader, after, query.limit);
        if (last || page.messages.length > 0 || page.events.length > 0) return page;
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

  /** Answers everyone who waits with what there is; from now on nobody waits. */
  function stop(): void {
    stopped = true;
    for (const waiter of waiters) waiter.expire();
  }

  return { read, wait, stop };
}

/** One request that waits: woken by the first event that could change its answer, or when its time is up. */
class Waiter implements Sink {
  readonly userId: UserId;
  #news = false;
  #expired = false;
  #revoked = false;
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
    // One's own message is not delivered to oneself.
    if (event.type === "message.sent" && event.message.senderId === this.userId) return;
    if (event.type === "user.revoked") this.#revoked = true;
    this.#news = true;
    this.#wake?.();
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
  readonly #parts: { store: InboxStore; reader: Reader; limit: number; bytesMax: number };
  readonly messages: Message[] = [];
  /** Everything of the reader's up to here is among `messages`, or is none of his. */
  through: MessageId;
  /** Stopped before the end of what there is. */
  full = false;
  #bytes = 0;
  #rowsSinceTurn = 0;

  constructor(parts: { store: InboxStore; reader: Reader; limit: number; bytesMax: number; through: MessageId }) {
    this.#parts = parts;
    this.through = parts.through;
  }

  /** Takes from the chats in `waiting`, each from its head on, what has an id up to `end`. */
  async walk(waiting: readonly Head[], end: MessageId): Promise<void> {
    const { store, reader } = this.#parts;
    const backlog = new Backlog({ store, userId: reader.userId, from: waiting, through: end });
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
    // One's own message is not delivered to oneself, and of a deleted one there is nothing to deliver.
    if (row.senderId === this.#parts.reader.userId || row.kind === "deleted") {
      this.through = row.messageId;
      return true;
    }
    if (this.messages.length >= this.#parts.limit || this.#bytes >= this.#parts.bytesMax) {
      this.full = true;
      return false;
    }
    this.messages.push(row);
    this.#bytes += row.content.length;
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

/** Of two heads of one chat the one further on; without `newer`, all of `undelivered`. */
function furthest(undelivered: readonly Head[], newer: readonly Head[] | undefined): Head[] {
  if (newer === undefined) return [...undelivered];
  const newerOf = new Map(newer.map((head) => [head.chatId, head]));
  const heads: Head[] = [];
  for (const head of undelivered) {
    const other = newerOf.get(head.chatId);
    if (other !== undefined) heads.push(other.seq > head.seq ? other : head);
  }
  return heads;
}

/** The oldest first by time, each of the two keeping its own order; together at most `limit`. */
function merge(from: Cursor, backlog: Gathering, stored: readonly StoredEvent[], limit: number): Page {
  const { messages } = backlog;
  let taken = 0;
  let events = 0;
  while (taken + events < limit) {
    const message = messages[taken];
    const event = stored[events];
    // What lies behind a backlog cut short may be older than the event.
    if (message === undefined && (event === undefined || backlog.full)) break;
    if (event === undefined || (message !== undefined && message.sentAtMs <= event.createdAtMs)) taken += 1;
    else events += 1;
  }
  const messageId = taken === messages.length ? backlog.through : (messages[taken - 1]?.messageId ?? from.messageId);
  return {
    messages: messages.slice(0, taken),
    events: stored.slice(0, events),
    next: { messageId, eventId: stored[events - 1]?.eventId ?? from.eventId, backlogEnd: from.backlogEnd },
  };
}
