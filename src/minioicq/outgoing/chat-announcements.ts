/**
 * The chats one client is told of (`chat.spawn`): first those it has not heard of, from the store, then those its user
 * comes into. A client that names its device is told of every chat the device does not know yet, so that no push ever
 * names a chat it never heard of; one without a name gets what no client of its user was told.
 */
import type { ChatId, ChatView, DeviceId, Entered, EventId, Left, UserId } from "../../domain/model.ts";
import { closeCode } from "../errors.ts";
import type { Front } from "../shared.ts";
import type { Unconfirmed } from "./ack-window.ts";
import type { Entries, StreamEntry, StreamHost } from "./entries.ts";
import { spawnFrame } from "./push.ts";

const pageRows = 64;
/** Chats entered while the stored ones are still being read. */
const heldMax = 1000;

/** The user's own copies of a spawn, which it confirms. */
export type SpawnEvents = readonly EventId[];

export interface SpawnsParts {
  readonly front: Front;
  readonly host: StreamHost;
  readonly entries: Entries;
  readonly userId: UserId;
  readonly deviceId: DeviceId | undefined;
  /** Where the connection acknowledges. */
  unconfirmed(): Unconfirmed<SpawnEvents> | undefined;
}

export class Spawns {
  readonly #parts: SpawnsParts;
  /** Whether the stored ones are through; until then live ones are held back. */
  #live = false;
  #held: Entered[] = [];
  readonly #entryOf = new Map<EventId, StreamEntry>();

  constructor(parts: SpawnsParts) {
    this.#parts = parts;
  }

  get live(): boolean {
    return this.#live;
  }

  /** Stored ones, then those that came meanwhile. */
  async begin(): Promise<void> {
    const { userId, deviceId, entries } = this.#parts;
    const isKnown = deviceId === undefined ? await this.#ofUser() : await this.#ofDevice(deviceId);
    if (entries.ended) return;
    this.#live = true;
    const held = this.#held;
    this.#held = [];
    for (const entered of held) {
      const row = entered.rows.find((one) => one.userId === userId);
      if (row !== undefined && !isKnown(row.eventId, entered.chat.chatId)) this.#enter(entered);
    }
  }

  end(): void {
    this.#held = [];
    this.#entryOf.clear();
  }

  /** The entry that spawns a chat here. */
  entryOf(entered: Entered): StreamEntry | undefined {
    const row = entered.rows.find(({ userId }) => userId === this.#parts.userId);
    return row === undefined ? undefined : this.#entryOf.get(row.eventId);
  }

  entered(entered: Entered): void {
    if (this.#live) this.#enter(entered);
    else if (this.#held.length < heldMax) this.#held.push(entered);
    else this.#parts.host.close(closeCode.tryAgainLater, "Too slow");
  }

  /** The protocol has no word for leaving; the durable copy is not kept for it either. */
  left(left: Left): void {
    const row = left.rows.find(({ userId }) => userId === this.#parts.userId);
    if (row !== undefined) this.#confirmEvents([row.eventId]);
  }

  /** What no client of the user was told of. */
  async #ofUser(): Promise<(eventId: EventId) => boolean> {
    const { entries } = this.#parts;
    const handled = new Set<EventId>();
    const chats = new Set<ChatId>();
    for (let after = 0; !entries.ended; ) {
      const { page, unwanted } = await this.#page(after, pageRows);
      if (entries.ended || page.length === 0) break;
      for (const event of page) {
        after = event.eventId;
        handled.add(event.eventId);
        if (unwanted.has(event.eventId)) continue;
        if (chats.has(event.chatId)) unwanted.add(event.eventId);
        else this.#spawnStored(event.chatId, [event.eventId]);
        chats.add(event.chatId);
      }
      this.#confirmEvents([...unwanted]);
      await entries.drained();
    }
    return (eventId) => handled.has(eventId);
  }

  /** What the device does not know, whoever else was told. */
  async #ofDevice(deviceId: DeviceId): Promise<(eventId: EventId, chatId: ChatId) => boolean> {
    const { front, userId, entries } = this.#parts;
    const { store } = front.domain;
    const events = await this.#eventsByChat();
    const told = new Set<ChatId>();
    for (let after: number | undefined = 0; after !== undefined && !entries.ended; ) {
      const page = await store.unannouncedChats({ userId, deviceId, after, limit: pageRows });
      if (entries.ended) break;
      for (const chatId of page.chatIds) {
        told.add(chatId);
        this.#spawnStored(chatId, events.get(chatId) ?? []);
      }
      await entries.drained();
      after = page.next;
    }
    const stale = [...events].flatMap(([chatId, eventIds]) => (told.has(chatId) ? [] : eventIds));
    if (!entries.ended) this.#confirmEvents(stale);
    return (_eventId, chatId) => told.has(chatId);
  }

  async #eventsByChat(): Promise<Map<ChatId, EventId[]>> {
    const events = new Map<ChatId, EventId[]>();
    for (let after = 0; !this.#parts.entries.ended; ) {
      const { page, unwanted } = await this.#page(after, pageRows);
      if (page.length === 0) break;
      for (const { chatId, eventId } of page) {
        after = eventId;
        if (!unwanted.has(eventId)) events.set(chatId, [...(events.get(chatId) ?? []), eventId]);
      }
      this.#confirmEvents([...unwanted]);
    }
    return events;
  }

  /** Events of the user this door has not confirmed, and which of them are no spawn of his. */
  async #page(after: number, limit: number) {
    const { front, userId } = this.#parts;
    const page = await front.domain.store.events(userId, "minioicq", { after, limit });
    const unwanted = new Set<EventId>();
    for (const event of page) {
      const mine = event.type === "entered" && event.users.some((user) => user.userId === userId);
      if (!mine) unwanted.add(event.eventId);
    }
    return { page, unwanted };
  }

  #enter(entered: Entered): void {
    const { front, host, entries, userId } = this.#parts;
    const row = entered.rows.find((one) => one.userId === userId);
    if (row === undefined) return;
    if (!entered.users.some((user) => user.userId === userId)) {
      // Somebody else came into a chat of mine; the document has no message for that.
      this.#confirmEvents([row.eventId]);
      return;
    }
    if (entries.waitingBytes > front.limits.sendBytesHardMax) {
      host.close(closeCode.tryAgainLater, "Too slow");
      return;
    }
    this.#spawn(entered.chat.chatId, [row.eventId], front.viewOf(entered, userId));
  }

  #spawnStored(chatId: ChatId, events: SpawnEvents): void {
    const { front, userId } = this.#parts;
    this.#spawn(chatId, events, front.domain.store.findChatView({ id: chatId }, userId));
  }

  /** A chat's announcement; everything behind it waits until the chat has been read. */
  #spawn(chatId: ChatId, events: SpawnEvents, reading: Promise<ChatView | undefined>): void {
    const { front, host, entries, userId, unconfirmed } = this.#parts;
    const { limits, log } = front;
    let view: ChatView | undefined;
    let acknowledged = false;
    const entry: StreamEntry = {
      bytes: 0,
      ready: false,
      written: false,
      answers: undefined,
      frame: (dialect) => (view === undefined ? undefined : spawnFrame(view, dialect, userId, limits.avatarBytesMax)),
      wrote: (said) => {
        const waiting = said ? unconfirmed() : undefined;
        waiting?.spawned(chatId, events);
        acknowledged = waiting !== undefined;
      },
      settled: () => {
        for (const eventId of events) this.#entryOf.delete(eventId);
        if (!acknowledged) this.confirm(chatId, events);
      },
    };
    for (const eventId of events) this.#entryOf.set(eventId, entry);
    entries.push(entry);
    reading.then(
      (found) => {
        // Gone again, or I am: then there is nothing to say.
        view = found?.members.some((user) => user.userId === userId) ? found : undefined;
        entries.ready(entry, 256 + 512 * (view?.members.length ?? 0));
      },
      (error: unknown) => {
        log.error("a chat could not be read", { chatId, userId, error });
        host.close(closeCode.internal, "Internal error");
      },
    );
  }

  /** The client knows the chat. */
  confirm(chatId: ChatId, eventIds: SpawnEvents): void {
    const { front, userId, deviceId } = this.#parts;
    front.confirmations.confirm({ userId, deviceId, chatIds: [chatId], eventIds });
  }

  #confirmEvents(eventIds: SpawnEvents): void {
    const { front, userId } = this.#parts;
    if (eventIds.length > 0) front.confirmations.confirm({ userId, eventIds });
  }
}
