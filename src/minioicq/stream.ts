/**
 * What one logged-in client is told without asking: first the chats it entered and the messages it missed, then both
 * as they happen (PROTOCOLS § 3.4 auth.login). Entries wait here in order until the session writes them; a slow reader
 * stops taking messages, which then wait in the store, so what is kept here is bounded.
 */
import { Feed } from "../delivery/feed.ts";
import type { Sink } from "../delivery/hub.ts";
import { isHidden } from "../domain/addressed.ts";
import type { DomainEvent } from "../domain/events.ts";
import type { ChatId, ChatView, DeviceId, Entered, EventId, Message, MessageId, Sent, User } from "../domain/model.ts";
import type { Frame } from "./codec.ts";
import { closeCode } from "./errors.ts";
import type { Front } from "./front.ts";
import { messageBytes, needsContent, withWantedContent } from "./large-content.ts";
import { type Dialect, livePush, pushFrame, spawnFrame } from "./push.ts";

const eventsPageRows = 64;
/** Chats entered while the stored ones are still being read. */
const eventsHeldMax = 1000;
/** Own messages answered ahead of the feed; past this the oldest is forgotten, and would be pushed once more. */
const pushedAheadMax = 10_000;

/** One thing to be written, in its turn. */
export interface StreamEntry {
  bytes: number;
  /** False while what it says is still being read from the store; everything behind it waits. */
  ready: boolean;
  written: boolean;
  /** The request it answers, where it is this client's own doing. */
  answers: object | undefined;
  /** Undefined where there turned out to be nothing to say. */
  frame(dialect: Dialect): Frame | undefined;
  /** The socket took all of it. */
  settled(): void;
}

/** The session, as its stream sees it. */
export interface StreamHost {
  /** Something can be written, or a request may start. */
  schedule(): void;
  /** See `Dialect`. */
  contentBytesMax(): number;
  /** In the socket's own buffer. */
  bufferedBytes(): number;
  close(code: number, reason: string): void;
}

export class Stream {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  readonly #front: Front;
  readonly #host: StreamHost;
  readonly #sink: Sink;
  readonly #feed: Feed;
  #entries: StreamEntry[] = [];
  #queuedBytes = 0;
  #ended = false;

  /** Whether the stored events are through; until then live ones are held back. */
  #eventsLive = false;
  #eventsHeld: Entered[] = [];
  readonly #spawns = new Map<EventId, StreamEntry>();
  #waitingForRoom: (() => void) | undefined;

  /** The feed was refused a message and waits for `roomAgain`. */
  #feedFull = false;
  /** Sends of this very connection whose outcome is not known yet. */
  #sendsInFlight = 0;
  /** Own messages the feed handed over meanwhile; one of them may be the answer to such a send. */
  readonly #own = new Map<MessageId, StreamEntry>();
  /** Own messages pushed as answers before the feed, still catching up, came to them; it skips them. */
  readonly #pushedAhead = new Set<MessageId>();

  constructor(parts: { front: Front; host: StreamHost; user: User; deviceId: DeviceId | undefined }) {
    this.#front = parts.front;
    this.#host = parts.host;
    this.user = parts.user;
    this.deviceId = parts.deviceId;
    const { userId } = parts.user;
    this.#sink = {
      userId,
      deliver: (event) => this.#deliver(event),
      detached: () => this.#host.close(closeCode.internal, "Internal error"),
    };
    this.#feed = new Feed({
      store: parts.front.domain.store,
      userId,
      deviceId: parts.deviceId,
      from: "position",
      inlineBytesMax: 0,
      emit: (messages) => this.#emit(messages),
      failed: (error) => this.#fail("messages could not be read", error),
    });
  }

  start(): void {
    this.#front.hub.attach(this.#sink);
    this.#begin().catch((error: unknown) => this.#fail("events could not be read", error));
  }

  end(): void {
    this.#ended = true;
    this.#feed.end();
    this.#front.hub.detach(this.#sink);
    this.#entries = [];
    this.#eventsHeld = [];
    this.#spawns.clear();
    this.#own.clear();
    this.#pushedAhead.clear();
    this.#queuedBytes = 0;
    this.#waitingForRoom?.();
  }

  /** Requests wait for this: a chat made by one must not be spawned before those from the store. */
  get ready(): boolean {
    return this.#eventsLive;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  first(): StreamEntry | undefined {
    return this.#entries[0];
  }

  shift(): void {
    const entry = this.#entries.shift();
    if (entry === undefined) return;
    entry.written = true;
    this.#queuedBytes -= entry.bytes;
  }

  /** Puts an answer behind everything that waits here, except for what answers later requests. Undefined if nothing does. */
  fence(frame: Frame, answers: object): StreamEntry | undefined {
    const later = this.#entries.findIndex((entry) => entry.answers !== undefined);
    const index = later === -1 ? this.#entries.length : later;
    if (index === 0) return undefined;
    const entry: StreamEntry = { bytes: 0, ready: true, written: false, answers, frame: () => frame, settled() {} };
    this.#entries.splice(index, 0, entry);
    return entry;
  }

  /** Everything written so far left the socket's buffer. */
  roomAgain(): void {
    this.#waitingForRoom?.();
    if (!this.#feedFull || this.#entries.length > 0) return;
    this.#feedFull = false;
    this.#feed.resume();
  }

  sendStarted(): void {
    this.#sendsInFlight += 1;
  }

  /**
   * A send of this connection came back, with what was stored or without. Gives the entry that pushes the message
   * here, if the feed handed it over; otherwise the answer is to be written for itself.
   */
  sendSettled(sent: Sent | undefined): StreamEntry | undefined {
    this.#sendsInFlight -= 1;
    const entry = sent === undefined ? undefined : this.#takeOwn(sent);
    if (this.#sendsInFlight === 0) this.#own.clear();
    return entry;
  }

  #takeOwn(sent: Sent): StreamEntry | undefined {
    const { messageId } = sent.message;
    const entry = sent.repeated ? undefined : this.#own.get(messageId);
    // What this connection sends next has larger ids, so nothing up to here can be asked for again.
    if (!sent.repeated) this.#forgetOwn(messageId);
    if (entry === undefined && !this.#feed.live) this.#rememberAhead(messageId);
    return entry;
  }

  #forgetOwn(through: MessageId): void {
    for (const id of this.#own.keys()) {
      if (id > through) return;
      this.#own.delete(id);
    }
  }

  #rememberAhead(messageId: MessageId): void {
    this.#pushedAhead.add(messageId);
    if (this.#pushedAhead.size <= pushedAheadMax) return;
    for (const oldest of this.#pushedAhead) {
      this.#pushedAhead.delete(oldest);
      return;
    }
  }

  /** The entry that spawns a chat here. */
  spawnOf(entered: Entered): StreamEntry | undefined {
    const row = entered.rows.find(({ userId }) => userId === this.user.userId);
    return row === undefined ? undefined : this.#spawns.get(row.eventId);
  }

  #deliver(event: DomainEvent): void {
    switch (event.type) {
      case "message.sent":
        this.#feed.offer(event.message);
        return;
      case "chat.entered":
        if (this.#eventsLive) this.#entered(event.entered);
        else this.#hold(event.entered);
        return;
      case "chat.left": {
        // The protocol has no word for leaving; the durable copy is not kept for it either.
        const row = event.left.rows.find(({ userId }) => userId === this.user.userId);
        if (row !== undefined) this.#front.confirmations.confirm(this.user.userId, [row.eventId]);
        return;
      }
      case "user.revoked":
        this.#host.close(closeCode.policy, "User disabled");
        return;
    }
  }

  #hold(entered: Entered): void {
    if (this.#eventsHeld.length < eventsHeldMax) this.#eventsHeld.push(entered);
    else this.#host.close(closeCode.tryAgainLater, "Too slow");
  }

  /** Stored events, then those that came meanwhile, then the messages. */
  async #begin(): Promise<void> {
    const { domain, confirmations } = this.#front;
    const { userId } = this.user;
    // What an earlier connection of this user was handed is not to be handed over again.
    await Promise.all([confirmations.settled(userId), domain.deliveries.flush()]);
    const handled = new Set<EventId>();
    const chats = new Set<ChatId>();
    for (let after = 0; ; ) {
      const page = await domain.store.events(userId, "minioicq", { after, limit: eventsPageRows });
      if (this.#ended) return;
      const unwanted: EventId[] = [];
      for (const event of page) {
        after = event.eventId;
        handled.add(event.eventId);
        const wanted = event.type === "entered" && event.users.some((user) => user.userId === userId);
        if (wanted && !chats.has(event.chatId)) {
          chats.add(event.chatId);
          this.#spawn(event.chatId, event.eventId, domain.store.findChatView({ id: event.chatId }, userId));
        } else {
          unwanted.push(event.eventId);
        }
      }
      if (unwanted.length > 0) confirmations.confirm(userId, unwanted);
      if (page.length === 0) break;
      await this.#drained();
      if (this.#ended) return;
    }
    this.#eventsLive = true;
    const held = this.#eventsHeld;
    this.#eventsHeld = [];
    for (const entered of held) {
      const row = entered.rows.find((one) => one.userId === userId);
      if (row !== undefined && !handled.has(row.eventId)) this.#entered(entered);
    }
    this.#host.schedule();
    this.#feed.start();
  }

  /** Resolves when all that waits here was written and has left the socket's buffer. */
  #drained(): Promise<void> {
    if (this.#ended || (this.#entries.length === 0 && this.#host.bufferedBytes() === 0)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waitingForRoom = () => {
        if (!this.#ended && this.#entries.length > 0) return;
        this.#waitingForRoom = undefined;
        resolve();
      };
    });
  }

  #entered(entered: Entered): void {
    const { userId } = this.user;
    const row = entered.rows.find((one) => one.userId === userId);
    if (row === undefined) return;
    if (!entered.users.some((user) => user.userId === userId)) {
      // Somebody else came into a chat of mine; the document has no message for that.
      this.#front.confirmations.confirm(userId, [row.eventId]);
      return;
    }
    if (this.#queuedBytes + this.#host.bufferedBytes() > this.#front.limits.sendBytesHardMax) {
      this.#host.close(closeCode.tryAgainLater, "Too slow");
      return;
    }
    this.#spawn(entered.chat.chatId, row.eventId, this.#front.viewOf(entered, userId));
  }

  /** A chat's announcement; everything behind it waits until the chat has been read. */
  #spawn(chatId: ChatId, eventId: EventId, reading: Promise<ChatView | undefined>): void {
    const { userId } = this.user;
    const { limits, confirmations, log } = this.#front;
    let view: ChatView | undefined;
    const entry: StreamEntry = {
      bytes: 0,
      ready: false,
      written: false,
      answers: undefined,
      frame: (dialect) => (view === undefined ? undefined : spawnFrame(view, dialect, userId, limits.avatarBytesMax)),
      settled: () => {
        this.#spawns.delete(eventId);
        confirmations.confirm(userId, [eventId]);
      },
    };
    this.#spawns.set(eventId, entry);
    this.#push(entry);
    reading.then(
      (found) => {
        // Gone again, or I am: then there is nothing to say.
        view = found?.members.some((user) => user.userId === userId) ? found : undefined;
        entry.ready = true;
        if (this.#ended) return;
        entry.bytes = 256 + 512 * (view?.members.length ?? 0);
        this.#queuedBytes += entry.bytes;
        this.#host.schedule();
      },
      (error: unknown) => {
        log.error("a chat could not be read", { chatId, userId, error });
        this.#host.close(closeCode.internal, "Internal error");
      },
    );
  }

  /** From the feed: how many were taken. */
  #emit(messages: readonly Message[]): number {
    const taken = this.#feed.live ? this.#emitLive(messages) : this.#emitMissed(messages);
    if (taken < messages.length) {
      this.#feedFull = true;
      this.#host.schedule();
    }
    return taken;
  }

  #emitLive(messages: readonly Message[]): number {
    if (this.#pushedAhead.size > 0) this.#pushedAhead.clear();
    let taken = 0;
    for (const message of messages) {
      const bytes = messageBytes(message, this.#host.contentBytesMax());
      const waiting = this.#queuedBytes + this.#host.bufferedBytes();
      if (waiting > 0 && waiting + bytes > this.#front.limits.sendBytesMax) break;
      taken += 1;
      this.#pushMessages([message], bytes, (dialect) =>
        isHidden(message) ? undefined : livePush(message, dialect, this.user.userId),
      );
    }
    return taken;
  }

  /** Pushes of bounded size, each when the one before has drained (PROTOCOLS § 3.4). */
  #emitMissed(messages: readonly Message[]): number {
    if (this.#queuedBytes + this.#host.bufferedBytes() > 0) return 0;
    const { pushMessagesMax, pushBytesMax } = this.#front.limits;
    const contentBytesMax = this.#host.contentBytesMax();
    const group: Message[] = [];
    let bytes = 0;
    for (const message of messages) {
      const size = messageBytes(message, contentBytesMax);
      if (group.length > 0 && (group.length >= pushMessagesMax || bytes + size > pushBytesMax)) break;
      group.push(message);
      bytes += size;
    }
    const fresh = group.filter(
      (message) => !this.#pushedAhead.delete(message.messageId) && message.kind !== "deleted" && !isHidden(message),
    );
    let shown = fresh;
    const entry = this.#pushMessages(group, bytes, (dialect) =>
      shown.length === 0 ? undefined : pushFrame(shown, dialect, this.user.userId),
    );
    if (needsContent(fresh, contentBytesMax)) {
      entry.ready = false;
      withWantedContent(this.#front.domain.store, fresh, contentBytesMax).then(
        (whole) => {
          shown = whole;
          entry.ready = true;
          this.#host.schedule();
        },
        (error: unknown) => this.#fail("content could not be read", error),
      );
    }
    return group.length;
  }

  #pushMessages(messages: readonly Message[], bytes: number, frame: StreamEntry["frame"]): StreamEntry {
    const entry: StreamEntry = {
      bytes,
      ready: true,
      written: false,
      answers: undefined,
      frame,
      settled: () => this.#delivered(messages),
    };
    if (this.#sendsInFlight > 0) {
      for (const { senderId, messageId } of messages) {
        if (senderId === this.user.userId) this.#own.set(messageId, entry);
      }
    }
    this.#push(entry);
    return entry;
  }

  #push(entry: StreamEntry): void {
    this.#entries.push(entry);
    this.#queuedBytes += entry.bytes;
    this.#host.schedule();
  }

  /** Written and drained: so far this client has got (O26, a connection that does not acknowledge). */
  #delivered(messages: readonly Message[]): void {
    for (const { chatId, seq } of messages) {
      this.#front.domain.deliveries.delivered(this.user.userId, this.deviceId, chatId, seq);
    }
  }

  #fail(what: string, error: unknown): void {
    if (this.#ended) return;
    this.#front.log.error(what, { userId: this.user.userId, error });
    this.#host.close(closeCode.internal, "Internal error");
  }
}
