/**
 * The announcements of chats to one log-in (`chat.spawn`): first the chats it does not know, from the store, then those
 * its user comes into. A client that names its device is told of every chat the device does not know, so that no push
 * ever names an unknown chat. A client without a device name is told of chats that no client of its user was told of.
 */
import type { ChatId, ChatView, DeviceId, Entered, EventId, Left, UserId } from "../../domain/model.ts";
import { closeCode } from "../errors.ts";
import type { Shared } from "../shared.ts";
import type { Acknowledgements } from "./acknowledgements.ts";
import { announcementFrame } from "./push.ts";
import type { ClientConnection, PushQueue, QueuedFrame } from "./push-queue.ts";

const pageRows = 64;
/** Chats entered while the stored ones are still being read. */
const heldMax = 1000;

interface Parts {
  readonly shared: Shared;
  readonly connection: ClientConnection;
  readonly pushes: PushQueue;
  readonly acknowledgements: Acknowledgements;
  readonly userId: UserId;
  readonly deviceId: DeviceId | undefined;
}

export class ChatAnnouncements {
  readonly #parts: Parts;
  /** Live ones are held back until the stored ones are through; undefined since then. */
  #held: Entered[] | undefined = [];
  /**
   * What was read from the store. A read may see a commit before its event is told here, so an event may come later that
   * brought the user into a chat that was read. Of a user, the last event; of a device, the chats.
   */
  #readThrough: EventId | 0 = 0;
  #readChats: Set<ChatId> | undefined;
  /** By event, until it left the socket's buffer. */
  readonly #queued = new Map<EventId, QueuedFrame>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get live(): boolean {
    return this.#held === undefined;
  }

  /** Stored ones, then those that came meanwhile. */
  async begin(): Promise<void> {
    const { deviceId, pushes } = this.#parts;
    if (deviceId === undefined) await this.#ofUser();
    else await this.#ofDevice(deviceId);
    if (pushes.ended) return;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const entered of held) this.#enter(entered);
  }

  /** The client is told of no chats. */
  leaveOut(): void {
    this.#held = undefined;
  }

  end(): void {
    if (this.#held !== undefined) this.#held = [];
    this.#queued.clear();
  }

  /** The push that tells this client that its user came into a chat. */
  frameOf(entered: Entered): QueuedFrame | undefined {
    const row = entered.rows.find(({ userId }) => userId === this.#parts.userId);
    return row === undefined ? undefined : this.#queued.get(row.eventId);
  }

  entered(entered: Entered): void {
    if (this.#held === undefined) this.#enter(entered);
    else if (this.#held.length < heldMax) this.#held.push(entered);
    else this.#parts.connection.close(closeCode.tryAgainLater, "Too slow");
  }

  /** The document has no message for leaving, so the durable copy is not kept for one. */
  left(left: Left): void {
    const { userId } = this.#parts;
    // Who comes into the chat again is told of it again.
    if (left.users.some((user) => user.userId === userId)) this.#readChats?.delete(left.chat.chatId);
    const row = left.rows.find((one) => one.userId === userId);
    if (row !== undefined) this.#confirmEvents([row.eventId]);
  }

  /** Announces the stored chats that no client of the user was told of. */
  async #ofUser(): Promise<void> {
    const { pushes } = this.#parts;
    const chats = new Set<ChatId>();
    while (!pushes.ended) {
      const { page, unwanted } = await this.#page(this.#readThrough, pageRows);
      if (pushes.ended || page.length === 0) break;
      for (const event of page) {
        this.#readThrough = event.eventId;
        if (unwanted.has(event.eventId)) continue;
        if (chats.has(event.chatId)) unwanted.add(event.eventId);
        else this.#announceStored(event.chatId, [event.eventId]);
        chats.add(event.chatId);
      }
      this.#confirmEvents([...unwanted]);
      await pushes.drained();
    }
  }

  /** Announces the chats that the device does not know, whatever other clients of the user were told. */
  async #ofDevice(deviceId: DeviceId): Promise<void> {
    const { shared, userId, pushes } = this.#parts;
    const { store } = shared.domain;
    const events = await this.#eventsByChat();
    const told = new Set<ChatId>();
    this.#readChats = told;
    for (let after: number | undefined = 0; after !== undefined && !pushes.ended; ) {
      const page = await store.unannouncedChats({ userId, deviceId, after, limit: pageRows });
      if (pushes.ended) break;
      for (const chatId of page.chatIds) {
        told.add(chatId);
        this.#announceStored(chatId, events.get(chatId) ?? []);
      }
      await pushes.drained();
      after = page.next;
    }
    const stale = [...events].flatMap(([chatId, eventIds]) => (told.has(chatId) ? [] : eventIds));
    if (!pushes.ended) this.#confirmEvents(stale);
    if (told.size === 0) this.#readChats = undefined;
  }

  async #eventsByChat(): Promise<Map<ChatId, EventId[]>> {
    const events = new Map<ChatId, EventId[]>();
    for (let after = 0; !this.#parts.pushes.ended; ) {
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

  /** Events of the user that this door has not confirmed, and which of them do not bring the user into a chat. */
  async #page(after: number, limit: number) {
    const { shared, userId } = this.#parts;
    const page = await shared.domain.store.events(userId, "minioicq", { after, limit });
    const unwanted = new Set<EventId>();
    for (const event of page) {
      const mine = event.type === "entered" && event.users.some((user) => user.userId === userId);
      if (!mine) unwanted.add(event.eventId);
    }
    return { page, unwanted };
  }

  #enter(entered: Entered): void {
    const { shared, connection, pushes, userId } = this.#parts;
    const row = entered.rows.find((one) => one.userId === userId);
    if (row === undefined || row.eventId <= this.#readThrough) return;
    if (!entered.users.some((user) => user.userId === userId)) {
      // Another user came into a chat of this user; the document has no message for that.
      this.#confirmEvents([row.eventId]);
      return;
    }
    if (this.#readChats?.delete(entered.chat.chatId) === true) return;
    if (pushes.waitingBytes > shared.limits.sendBytesHardMax) {
      connection.close(closeCode.tryAgainLater, "Too slow");
      return;
    }
    this.#announce(entered.chat.chatId, [row.eventId], shared.viewOf(entered, userId));
  }

  #announceStored(chatId: ChatId, events: readonly EventId[]): void {
    const { shared, userId } = this.#parts;
    this.#announce(chatId, events, shared.domain.store.findChatView({ id: chatId }, userId));
  }

  /** A chat's announcement; everything behind it waits until the chat has been read. */
  #announce(chatId: ChatId, events: readonly EventId[], reading: Promise<ChatView | undefined>): void {
    const { shared, connection, pushes, acknowledgements, userId } = this.#parts;
    const { limits, log } = shared;
    let view: ChatView | undefined;
    let acknowledged = false;
    const queued: QueuedFrame = {
      bytes: 0,
      ready: false,
      written: false,
      answers: undefined,
      encode: (dialect) =>
        view === undefined ? undefined : announcementFrame(view, dialect, userId, limits.avatarBytesMax),
      wrote: (isFrame) => {
        acknowledged = isFrame && acknowledgements.expected;
        if (acknowledged) acknowledgements.announced(chatId, events);
      },
      sent: () => {
        for (const eventId of events) this.#queued.delete(eventId);
        if (!acknowledged) this.confirm(chatId, events);
      },
    };
    for (const eventId of events) this.#queued.set(eventId, queued);
    pushes.push(queued);
    reading.then(
      (found) => {
        // The chat is gone again, or the user left it: then there is nothing to tell.
        view = found?.members.some((user) => user.userId === userId) ? found : undefined;
        pushes.ready(queued, 256 + 512 * (view?.members.length ?? 0));
      },
      (error: unknown) => {
        log.error("a chat could not be read", { chatId, userId, error });
        connection.close(closeCode.internal, "Internal error");
      },
    );
  }

  /** The client knows the chat. */
  confirm(chatId: ChatId, eventIds: readonly EventId[]): void {
    const { shared, userId, deviceId } = this.#parts;
    shared.toldChats.confirm({ userId, deviceId, chatIds: [chatId], eventIds });
  }

  #confirmEvents(eventIds: readonly EventId[]): void {
    const { shared, userId } = this.#parts;
    if (eventIds.length > 0) shared.toldChats.confirm({ userId, eventIds });
  }
}
