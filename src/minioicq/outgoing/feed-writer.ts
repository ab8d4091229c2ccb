/**
 * Writes what one log-in is told without asking: first the chats it does not know and the messages it missed, then both as
 * they happen (docs/protocols/resolutions.md § MiniOICQ). A slow client is given no more messages, which then wait in the store, so
 * what is kept here is bounded; the same holds for a client that acknowledges and has too much left to confirm.
 */
import { Feed } from "../../delivery/feed.ts";
import type { Sink } from "../../delivery/hub.ts";
import { KnownPlaces } from "../../delivery/known-places.ts";
import { narrowed } from "../../delivery/narrowed.ts";
import type { DomainEvent } from "../../domain/events.ts";
import { concerns, isHidden } from "../../domain/messages/addressed.ts";
import type { ChatId, DeviceId, Entered, EventId, Message, MessageReader, Sent, User } from "../../domain/model.ts";
import type { ChatReach } from "../../domain/people/chat-reach.ts";
import type { DialectBuilder } from "../dialect.ts";
import { closeCode } from "../errors.ts";
import type { MessageAck } from "../requests/handlers/acknowledge.ts";
import type { Shared } from "../shared.ts";
import type { AckListener } from "./ack-window.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { ChatAnnouncements } from "./chat-announcements.ts";
import { extensionBytes, extensionPush } from "./extension-push.ts";
import { messageBytes, needsContent, withFrameContent } from "./large-content.ts";

import type { PushSource } from "./outgoing.ts";
import { OwnMessages } from "./own-messages.ts";
import { PresenceWatcher } from "./presence-watcher.ts";
import { livePush, pushFrame } from "./push.ts";
import { type ClientConnection, PushQueue, type QueuedFrame } from "./push-queue.ts";

export class FeedWriter implements PushSource, AckListener<readonly EventId[]> {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  readonly pushes: PushQueue;
  readonly acknowledgements: Acknowledgements;
  readonly #shared: Shared;
  readonly #connection: ClientConnection;
  readonly #dialects: DialectBuilder;
  readonly #sink: Sink;
  readonly #feed: Feed;
  readonly #announcements: ChatAnnouncements;
  readonly #reader: MessageReader;
  readonly #own: OwnMessages;
  readonly #presence: PresenceWatcher;
  /** The chats that the client's token opens; undefined: all of the user's. */
  readonly #reach: ChatReach | undefined;
  /** The feed was refused a message and waits for `roomAgain`. */
  #feedFull = false;
  readonly #known = new KnownPlaces();
  #endReceipts: (() => void) | undefined;
  /** So many messages were missed; until the first push has said it. */
  #waiting: number | undefined;

  constructor(parts: {
    shared: Shared;
    connection: ClientConnection;
    dialects: DialectBuilder;
    user: User;
    deviceId: DeviceId | undefined;
    reach: ChatReach | undefined;
    acknowledges: boolean;
    /** Acknowledgements on their way for what this connection was pushed as another user. */
    owed: number;
  }) {
    const { shared, connection, user, deviceId } = parts;
    const { userId } = user;
    this.#shared = shared;
    this.#reach = parts.reach;
    this.#connection = connection;
    this.#dialects = parts.dialects;
    this.user = user;
    this.deviceId = deviceId;
    this.#reader = { userId, deviceId };
    this.pushes = new PushQueue(connection);
    this.acknowledgements = new Acknowledgements({ limits: shared.limits, connection, listener: this });
    if (parts.acknowledges) this.acknowledgements.begin(parts.owed);
    this.#presence = new PresenceWatcher({
      userId,
      news: shared.presence,
      pushes: this.pushes,
      failed: (error) => this.#fail("presence could not be read", error),
    });
    this.#own = new OwnMessages(userId);
    this.#announcements = new ChatAnnouncements({
      shared,
      connection,
      pushes: this.pushes,
      acknowledgements: this.acknowledgements,
      userId,
      deviceId,
    });
    this.#sink = {
      userId,
      deliver: (event) => this.#deliver(event),
      client: () => connection.client(),
      detached: () => connection.close(closeCode.internal, "Internal error"),
    };
    this.#feed = new Feed({
      store: narrowed(shared.domain.store, parts.reach),
      userId,
      deviceId,
      from: "position",
      inlineBytesMax: 0,
      begins: (waiting) => {
        this.#waiting = waiting;
      },
      emit: (messages) => this.#emit(messages),
      failed: (error) => this.#fail("messages could not be read", error),
    });
  }

  start(): void {
    this.#shared.hub.attach(this.#sink);
    if (this.#dialects.extended) this.hearReceipts();
    this.#begin().catch((error: unknown) => this.#fail("events could not be read", error));
  }

  end(): void {
    this.#feed.end();
    this.#endReceipts?.();
    this.#presence.end();
    this.#shared.hub.detach(this.#sink);
    this.#announcements.end();
    this.#own.end();
    this.acknowledgements.end();
    this.pushes.end();
  }

  /** For a client that uses extensions. */
  hearReceipts(): void {
    this.#endReceipts ??= this.#shared.receipts.listen(this.user.userId);
  }

  watchPresence(watch: boolean): void {
    if (watch) this.#presence.start();
    else this.#presence.end();
  }

  /** Requests wait for this: a chat made by one must not be announced before those from the store. */
  get ready(): boolean {
    return this.#announcements.live;
  }

  /** By which the hub knows this client. */
  get connectionId(): number {
    return this.#shared.hub.connectionIdOf(this.#sink);
  }

  /** Everything written so far left the socket's buffer. */
  roomAgain(): void {
    this.pushes.roomAgain();
    if (!this.#feedFull || !this.pushes.empty || this.acknowledgements.isFull) return;
    this.#feedFull = false;
    this.#feed.resume();
  }

  // ---- acknowledgements

  acknowledged(ack: MessageAck): void {
    if (this.acknowledgements.acknowledged(ack) && this.#connection.bufferedBytes === 0) this.roomAgain();
  }

  messageConfirmed(chatId: ChatId, seq: number): void {
    this.#known.delivered(chatId, seq);
    this.#shared.domain.deliveries.confirmed(this.user.userId, this.deviceId, chatId, seq);
  }

  /** The store knows it; nothing of it is pushed or waited for any more. */
  confirmedThrough(chatId: ChatId, seq: number, read: boolean): void {
    if (read) this.#known.read(chatId, seq);
    else this.#known.delivered(chatId, seq);
    this.#feed.confirmedThrough(chatId, seq);
    this.acknowledgements.confirmedThrough(chatId, seq);
    if (this.#connection.bufferedBytes === 0) this.roomAgain();
  }

  chatConfirmed(chatId: ChatId, eventIds: readonly EventId[]): void {
    this.#announcements.confirm(chatId, eventIds);
  }

  // ---- the client's own doing

  sendStarted(): void {
    this.#own.sendStarted();
  }

  /** See `OwnMessages`. */
  sendSettled(sent: Sent | undefined): QueuedFrame | undefined {
    return this.#own.sendSettled(sent, this.#feed.live);
  }

  /** The push that tells this client of a chat it made. */
  announcementOf(entered: Entered): QueuedFrame | undefined {
    return this.#announcements.frameOf(entered);
  }

  // ---- what happens, and what was missed

  #deliver(event: DomainEvent): void {
    if (this.#reach !== undefined) {
      this.#deliverWithin(this.#reach, event);
      return;
    }
    switch (event.type) {
      case "message.sent":
        this.#feed.offer(event.message);
        return;
      case "chat.entered":
        if (!event.entered.users.some((user) => user.userId === this.user.userId)) this.#tell(event);
        this.#announcements.entered(event.entered);
        return;
      case "chat.left":
        this.#announcements.left(event.left);
        this.#tell(event);
        return;
      case "message.deleted":
        this.#feed.deleted(event.message);
        if (concerns(event.message, this.#reader)) this.#tell(event);
        return;
      case "message.edited":
        this.#feed.edited(event.message);
        this.#tell(event);
        return;
      case "message.reacted":
        if (concerns(event.reacted, this.#reader)) this.#tell(event);
        return;
      case "receipts.told": {
        const { userId } = this.user;
        const receipts = event.receipts.filter((one) => one.userId !== userId || this.#known.isNews(event.chatId, one));
        if (receipts.length > 0) this.#tell({ ...event, receipts });
        return;
      }
      case "chat.typing":
        if (event.by !== this.#connection && this.#keepsUp) this.#tell(event);
        return;
      case "contact.changed":
      case "contact.blocked":
      case "chat.renamed":
      case "chat.pictured":
      case "chat.muted":
      case "login-name.taken":
        this.#tell(event);
        return;
      case "user.revoked":
        this.#connection.close(closeCode.policy, "User disabled");
        return;
    }
  }

  /** A token with scopes opens the messages of some chats, and nothing else that happens. */
  #deliverWithin(reach: ChatReach, event: DomainEvent): void {
    if (event.type === "message.sent" && reach.opens("read", event.message)) this.#feed.offer(event.message);
    else if (event.type === "message.edited") this.#feed.edited(event.message);
    else if (event.type === "message.deleted") this.#feed.deleted(event.message);
    else if (event.type === "user.revoked") this.#connection.close(closeCode.policy, "User disabled");
  }

  /** A client that reads too slowly is not told of what passes. */
  get #keepsUp(): boolean {
    return this.pushes.waitingBytes <= this.#shared.limits.sendBytesMax;
  }

  /** A push beyond the document. What happens before the stored chats are through, the client sees when it asks after that. */
  #tell(event: DomainEvent): void {
    if (!this.#announcements.live || !this.#dialects.extended) return;
    if (this.pushes.waitingBytes > this.#shared.limits.sendBytesHardMax) {
      this.#connection.close(closeCode.tryAgainLater, "Too slow");
      return;
    }
    this.pushes.push({
      bytes: extensionBytes(event, this.#dialects.contentBytesMax),
      ready: true,
      written: false,
      answers: undefined,
      encode: (dialect) => extensionPush(event, dialect, this.user.userId),
      wrote() {},
      sent() {},
    });
  }

  /** The chats, then the messages. */
  async #begin(): Promise<void> {
    const { domain, toldChats } = this.#shared;
    const { userId } = this.user;
    // What an earlier connection was told, or has confirmed, must not be told again.
    await Promise.all([toldChats.settled(userId), domain.deliveries.flush()]);
    if (this.#reach === undefined) await this.#announcements.begin();
    else this.#announcements.leaveOut();
    if (this.pushes.ended) return;
    this.#connection.schedule();
    this.#feed.start();
  }

  /** From the feed: how many were taken. */
  #emit(messages: readonly Message[]): number {
    const taken = this.#feed.live ? this.#emitLive(messages) : this.#emitMissed(messages);
    if (taken < messages.length) {
      this.#feedFull = true;
      this.#connection.schedule();
    }
    return taken;
  }

  #emitLive(messages: readonly Message[]): number {
    let taken = 0;
    for (const message of messages) {
      const bytes = messageBytes(message, this.#dialects.contentBytesMax);
      const waiting = this.pushes.waitingBytes;
      if (waiting > 0 && waiting + bytes > this.#shared.limits.sendBytesMax) break;
      if (this.acknowledgements.isFull) break;
      taken += 1;
      this.#own.caughtUp(message.messageId);
      const one = [message];
      const shown = this.#isShown(message) ? one : [];
      this.#push(one, shown, bytes, (dialect) =>
        shown.length === 0 ? undefined : livePush(message, dialect, this.user.userId),
      );
    }
    return taken;
  }

  /** Pushes of bounded size, each when the one before has drained (docs/protocols/minioicq.md § What comes unasked). */
  #emitMissed(messages: readonly Message[]): number {
    if (this.pushes.waitingBytes > 0 || this.acknowledgements.isFull) return 0;
    const { pushMessagesMax, pushBytesMax } = this.#shared.limits;
    const { contentBytesMax } = this.#dialects;
    const group: Message[] = [];
    let bytes = 0;
    for (const message of messages) {
      const size = messageBytes(message, contentBytesMax);
      if (group.length > 0 && (group.length >= pushMessagesMax || bytes + size > pushBytesMax)) break;
      group.push(message);
      bytes += size;
    }
    let shown = group.filter((message) => this.#isShown(message));
    const waiting = this.#waiting;
    if (shown.length > 0) this.#waiting = undefined;
    const queued = this.#push(group, shown, bytes, (dialect) => {
      if (shown.length === 0) return undefined;
      return pushFrame(shown, dialect, this.user.userId, this.#dialects.extended ? waiting : undefined);
    });
    if (needsContent(shown, contentBytesMax)) {
      queued.ready = false;
      withFrameContent(this.#shared.domain.store, shown, contentBytesMax).then(
        (whole) => {
          shown = whole;
          queued.ready = true;
          this.#connection.schedule();
        },
        (error: unknown) => this.#fail("content could not be read", error),
      );
    }
    return group.length;
  }

  /** Neither pushed as an answer meanwhile, nor deleted, nor for others alone. */
  #isShown(message: Message): boolean {
    return !this.#own.wasAhead(message.messageId) && message.kind !== "deleted" && !isHidden(message);
  }

  /** @param shown those of `messages` that stand in the frame. */
  #push(
    messages: readonly Message[],
    shown: readonly Message[],
    bytes: number,
    encode: QueuedFrame["encode"],
  ): QueuedFrame {
    const { acknowledgements } = this;
    let acknowledged = false;
    const queued: QueuedFrame = {
      bytes,
      ready: true,
      written: false,
      answers: undefined,
      encode,
      wrote: (isFrame) => {
        acknowledgements.unqueued(shown.length);
        acknowledged = acknowledgements.expected;
        if (isFrame) acknowledgements.wrote(shown);
      },
      sent: () => {
        if (acknowledged) this.#passOver(messages);
        else this.#delivered(messages);
      },
    };
    acknowledgements.queued(shown.length);
    this.#own.handedOver(messages, queued);
    this.pushes.push(queued);
    return queued;
  }

  /** Written and drained: so far this client has got (O26, a connection that does not acknowledge). */
  #delivered(messages: readonly Message[]): void {
    for (const { chatId, seq } of messages) {
      this.#known.delivered(chatId, seq);
      this.#shared.domain.deliveries.delivered(this.user.userId, this.deviceId, chatId, seq);
    }
  }

  /** A deleted message is not pushed, so the client cannot confirm it. */
  #passOver(messages: readonly Message[]): void {
    for (const { chatId, seq, kind } of messages) {
      if (kind === "deleted") this.messageConfirmed(chatId, seq);
    }
  }

  #fail(what: string, error: unknown): void {
    if (this.pushes.ended) return;
    this.#shared.log.error(what, { userId: this.user.userId, error });
    this.#connection.close(closeCode.internal, "Internal error");
  }
}
