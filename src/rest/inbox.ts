/**
 * What waits for a participant: GET /messages in its simple form (docs/protocols/rest.md § Receive messages). It holds
 * the messages of all the user's chats in the order of their ids, merged by time with the events this door has not
 * confirmed; the oldest first, without the user's own messages. Reading consumes nothing; the cursor remembers how far
 * a reader has come.
 */
import { Backlog, waitingIn } from "../delivery/backlog.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import { narrowed } from "../delivery/narrowed.ts";
import type { Receipts } from "../delivery/receipts.ts";
import { inlineFileBytesMax, type MessageChange } from "../delivery/shapes.ts";
import { DomainError } from "../domain/errors.ts";
import type { DomainEvent } from "../domain/events.ts";
import { concerns, isHidden } from "../domain/messages/addressed.ts";
import { isLeftOut } from "../domain/messages/content.ts";
import type {
  ChatId,
  DeviceId,
  Message,
  MessageId,
  MessageReader,
  ReachedThrough,
  StoredEvent,
  Typing,
  UserId,
} from "../domain/model.ts";
import type { LoggedIn } from "../domain/people/accounts.ts";
import type { ChatReach } from "../domain/people/chat-reach.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import type { Client } from "../domain/people/log-ins.ts";
import { tokenIdOf } from "../domain/people/secrets.ts";
import type { ChatReads, DeliveryReads, Head, MessageReads } from "../domain/store.ts";
import type { Range } from "../lib/ranges.ts";
import { reachOf } from "./auth.ts";
import type { Cursor } from "./cursor.ts";
import { Refusal, tooMany, unavailable } from "./errors.ts";
import type { RestLimits } from "./limits.ts";
import type { PageRoom } from "./memory.ts";

type InboxStore = Pick<DeliveryReads, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan" | "events"> &
  Pick<MessageReads, "withContent">;

/** `whole`: with the content of larger files too, which the JSON of the simple form only names. */
export type Content = "inline" | "whole";

/** Reading begins at the position of the device, or else at the user's own. */
export interface Reader extends MessageReader {
  readonly deviceId: DeviceId | undefined;
  /** The token and the address it reads with. */
  readonly by?: { readonly tokenId: string; readonly address: string };
  /** The chats that the token opens; undefined: all of the user's, and what happens besides messages. */
  readonly reach?: ChatReach | undefined;
}

export const readerOf = (
  loggedIn: LoggedIn,
  { address, store }: { address: string; store: Pick<ChatReads, "findChatOf"> },
): Reader => ({
  userId: loggedIn.user.userId,
  deviceId: loggedIn.deviceId,
  by: { tokenId: tokenIdOf(loggedIn.tokenHash), address },
  reach: reachOf(loggedIn, store),
});

export interface Page {
  readonly messages: readonly Message[];
  readonly events: readonly StoredEvent[];
  /** Users who began or stopped typing while the reader waited; it is not kept for later. */
  readonly typing: readonly Typing[];
  /** What was changed while the reader waited. Who was away asks for what changed after a revision. */
  readonly changes: readonly MessageChange[];
  /** How far others have got since the cursor, where the reader asks for it. */
  readonly receipts: readonly ReachedThrough[];
  /** Where reading began without a cursor: so many messages wait, at most, those of this page included. */
  readonly waiting?: number;
  readonly next: Cursor;
}

export interface Following {
  readonly after: Cursor | undefined;
  readonly limit: number;
  readonly bytesMax: number;
  readonly idleMs: number;
  /** The reader asks for receipts. */
  readonly receipts: boolean;
}

export interface Follower {
  /** The next page that is not empty; `idle` where nothing came for `idleMs`, `end` where nothing will come. */
  next(): Promise<Page | "idle" | "end">;
  /** The reader is gone. Safe to call twice. */
  end(): void;
}

const isEmpty = ({ messages, events, typing, changes, receipts }: Page): boolean =>
  messages.length + events.length + typing.length + changes.length + receipts.length === 0;

/** Rows read from the store at once, so that a page of long messages is never in memory as a whole. */
const runRows = 32;
/** One waiting request is told of so many users typing, and of no more. */
const typingMax = 32;
/** The same of changes, and of the content in them. */
const changesMax = 64;
const changedBytesMax = 1024 * 1024;
/** After so many rows that are not for the reader (their own messages) other work gets its turn. */
const rowsBetweenTurns = 512;

export type Inbox = ReturnType<typeof createInbox>;

export function createInbox(parts: {
  store: InboxStore;
  hub: Hub;
  receipts: Pick<Receipts, "listen" | "since">;
  limits: RestLimits;
  /** These messages of the chat, with which what waits in it begins, are not for this reader. */
  passedOver(reader: Reader, chatId: ChatId, messages: Range): void;
  /** Resolves when what the user's clients confirmed so far counts. */
  settled(userId: UserId): Promise<void>;
  readonly answers: PageRoom;
}) {
  const { hub, limits, passedOver, settled, answers } = parts;
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
    const { reach } = reader;
    const store = narrowed(parts.store, reach);
    const newest = await store.lastMessageId();
    const from: Cursor = {
      // Ids past the newest are from before a restore of an older backup.
      messageId: Math.min(after?.messageId ?? 0, newest) as MessageId,
      eventId: after?.eventId ?? 0,
      backlogEnd: Math.min(after?.backlogEnd ?? newest, newest) as MessageId,
      receipts: after?.receipts,
    };
    const events = reach === undefined ? await store.events(reader.userId, "rest", { after: from.eventId, limit }) : [];
    let waiting = 0;
    const backlog = new Gathering({ store, reader, limit, bytesMax, content, through: from.messageId });
    if (from.messageId < from.backlogEnd) {
      await settled(reader.userId);
      const undelivered = await store.undelivered(reader.userId, reader.deviceId);
      const newer = from.messageId === 0 ? undefined : await store.newerThan(reader.userId, from.messageId);
      await backlog.walk(furthest(undelivered, newer), from.backlogEnd);
      waiting = waitingIn(undelivered);
      if (newer === undefined) {
        for (const [chatId, range] of backlog.passed) passedOver(reader, chatId, range);
      }
    }
    if (!backlog.full && backlog.through < newest) {
      await backlog.walk(await store.newerThan(reader.userId, backlog.through), newest);
    }
    const merged = merge(from, backlog, events, limit);
    const page =
      after === undefined ? { ...merged, waiting: backlog.full ? waiting : backlog.messages.length } : merged;
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
    query: {
      after: Cursor | undefined;
      limit: number;
      waitMs: number;
      signal: AbortSignal;
      content?: Content;
      receipts?: boolean;
    },
  ): Promise<Page> {
    const { limit, content, signal } = query;
    const readPage = (after: Cursor | undefined): Promise<Page> =>
      answers.page(reader.userId, query, () => read(reader, after, limit, content));
    const asksForReceipts = query.receipts === true && reader.reach === undefined;
    if (query.waitMs <= 0 || stopped) {
      const page = await readPage(query.after);
      return asksForReceipts ? withReceipts(reader, page) : page;
    }
    const waiter = admit(reader, { hearsChanges: content !== "whole", hearsReceipts: asksForReceipts });
    const expire = () => waiter.expire();
    const timer = setTimeout(expire, query.waitMs);
    signal.addEventListener("abort", expire);
    // Attached before the first read, so that nothing can settle unseen between reading and waiting.
    hub.attach(waiter);
    try {
      let after = query.after;
      for (;;) {
        const last = waiter.expired;
        const gathered = { ...(await readPage(after)), ...waiter.take() };
        const page = waiter.takeReceipts() ? await withReceipts(reader, gathered) : gathered;
        if (last || !isEmpty(page)) return page;
        after = page.next;
        await waiter.news();
        if (waiter.revoked) throw new DomainError("token_invalid", "the account or the log-in was revoked");
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", expire);
      hub.detach(waiter);
      release(waiter);
    }
  }

  /** Page after page as they come, until `end` is called, the server stops or the account is revoked. Refuses as `wait` does. */
  function follow(reader: Reader, query: Following): Follower {
    const hearsReceipts = query.receipts && reader.reach === undefined;
    const waiter = admit(reader, { hearsChanges: true, hearsReceipts });
    hub.attach(waiter);
    let { after } = query;
    let ended = false;

    async function next(): Promise<Page | "idle" | "end"> {
      while (!waiter.expired && !waiter.revoked) {
        const gathered = {
          ...(await read(reader, after, query.limit, "inline", query.bytesMax)),
          ...waiter.take(),
        };
        const page = waiter.takeReceipts() ? await withReceipts(reader, gathered) : gathered;
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

  /** A token with scopes opens no receipts. */
  async function withReceipts({ userId }: Reader, page: Page): Promise<Page> {
    const { receipts, next } = await parts.receipts.since(userId, page.next.receipts);
    return { ...page, receipts, next: { ...page.next, receipts: next } };
  }

  function admit(reader: Reader, hears: Hears): Waiter {
    const { userId } = reader;
    const mine = waiting.get(userId) ?? 0;
    if (mine >= limits.waitingPerUserMax) throw new Refusal(tooMany, "too many requests of this user are waiting");
    if (waiters.size >= limits.waitingMax) throw new Refusal(unavailable, "too many requests are waiting");
    const waiter = new Waiter(reader, hears);
    if (hears.hearsReceipts) waiter.endHearing = parts.receipts.listen(userId);
    waiting.set(userId, mine + 1);
    waiters.add(waiter);
    return waiter;
  }

  function release(waiter: Waiter): void {
    waiters.delete(waiter);
    waiter.endHearing?.();
    const left = (waiting.get(waiter.userId) ?? 1) - 1;
    if (left === 0) waiting.delete(waiter.userId);
    else waiting.set(waiter.userId, left);
  }

  /** Answers all requests that wait with what there is; from now on no request waits. */
  function stop(): void {
    stopped = true;
    for (const waiter of waiters) waiter.expire();
  }

  /** Requests that wait, and streams. */
  function* clients(): Generator<ListedClient> {
    for (const waiter of waiters) {
      const listed = waiter.listed();
      if (listed !== undefined) yield listed;
    }
  }

  return { read, wait, follow, clients, stop };
}

interface Hears {
  /** The signed form has no words for changes. */
  readonly hearsChanges: boolean;
  readonly hearsReceipts: boolean;
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
  readonly #hears: Hears;
  /** There may be receipts: they are read once when the request begins, and again when some were told. */
  #receipts: boolean;
  endHearing: (() => void) | undefined;
  #changes: MessageChange[] = [];
  #changesLeft = changesMax;
  #changedBytesLeft = changedBytesMax;

  constructor(reader: Reader, hears: Hears) {
    this.userId = reader.userId;
    this.#reader = reader;
    this.#hears = hears;
    this.#receipts = hears.hearsReceipts;
  }

  get expired(): boolean {
    return this.#expired;
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  deliver(event: DomainEvent): void {
    if (this.#isBeyond(event)) return;
    if (event.type === "message.sent" && this.#isOwn(event.message)) return;
    if (event.type === "receipts.told") {
      if (!this.#hears.hearsReceipts || event.receipts.every(({ userId }) => userId === this.userId)) return;
      this.#receipts = true;
    }
    if (event.type === "chat.typing" && event.by !== undefined && event.by === this.#reader.by?.tokenId) return;
    if (event.type === "message.deleted" || event.type === "message.edited" || event.type === "message.reacted") {
      if (!this.#hears.hearsChanges || !this.#keepChange(event)) return;
    }
    if (event.type === "user.revoked") this.#revoked = true;
    if (event.type === "chat.typing") this.#keepTyping(event.typing);
    this.#news = true;
    this.#wake?.();
  }

  /** Users' own messages are not delivered to them, but an addressed message may be for another device of its sender. */
  #isOwn({ senderId, texts }: Message): boolean {
    return senderId === this.userId && texts === undefined;
  }

  /** A token with scopes opens the messages of some chats, and nothing else that happens. */
  #isBeyond(event: DomainEvent): boolean {
    const { reach } = this.#reader;
    if (reach === undefined || event.type === "user.revoked") return false;
    return event.type !== "message.sent" || !reach.opens("read", event.message);
  }

  #keepTyping(typing: Typing): void {
    this.#typing ??= new Map();
    const key = `${typing.chatId} ${typing.user.userId}`;
    if (this.#typing.has(key) || this.#typing.size < typingMax) this.#typing.set(key, typing);
  }

  /** False where it is not kept: a reader sees by the revisions that there was more. */
  #keepChange(change: MessageChange): boolean {
    const bytes = change.type === "message.edited" ? weightOf(change.message) : 0;
    const of =
      change.type === "message.reacted" ? change.reacted : change.type === "message.deleted" ? change.message : {};
    if (!concerns(of, this.#reader) || this.#changesLeft === 0 || bytes > this.#changedBytesLeft) return false;
    this.#changesLeft -= 1;
    this.#changedBytesLeft -= bytes;
    this.#changes.push(change);
    return true;
  }

  takeReceipts(): boolean {
    const before = this.#receipts;
    this.#receipts = false;
    return before;
  }

  take(): Pick<Page, "typing" | "changes"> {
    const typing = [...(this.#typing?.values() ?? [])];
    this.#typing = undefined;
    const changes = this.#changes;
    this.#changes = [];
    this.#changesLeft = changesMax;
    this.#changedBytesLeft = changedBytesMax;
    return { typing, changes };
  }

  /** As the operator lists it; undefined where no address is known. */
  listed(): ListedClient | undefined {
    const client = this.client();
    if (client === undefined) return undefined;
    const { name: clientId, address, end } = client;
    const unknown = { connectedMs: undefined, idleMs: undefined, subscriptions: undefined, queued: undefined };
    return { door: "rest", account: { userId: this.userId }, clientId, address, protocol: "REST", ...unknown, end };
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
  /** The hidden messages with which each chat began. */
  readonly passed = new Map<ChatId, Range>();
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
      if (!this.#begun.has(row.chatId))
        this.passed.set(row.chatId, [this.passed.get(row.chatId)?.[0] ?? row.seq, row.seq]);
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
    changes: [],
    receipts: [],
    next: {
      messageId,
      eventId: stored[events - 1]?.eventId ?? from.eventId,
      backlogEnd: from.backlogEnd,
      receipts: from.receipts,
    },
  };
}

/** Of content that the JSON shows. */
const weightOf = ({ file, content }: Message): number =>
  file === undefined ? content.length : file.bytes > inlineFileBytesMax ? 0 : file.bytes;
