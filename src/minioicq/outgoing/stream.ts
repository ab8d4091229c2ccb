/**
 * What one logged-in client is told without asking: first the chats it entered and the messages it missed, then both
 * as they happen (PROTOCOLS § 3.4 auth.login). A slow reader stops taking messages, which then wait in the store, so
 * what is kept here is bounded; so does a client that acknowledges and has too much left to confirm.
 */
import { Feed } from "../../delivery/feed.ts";
import type { Sink } from "../../delivery/hub.ts";
import type { DomainEvent } from "../../domain/events.ts";
import { isHidden } from "../../domain/messages/addressed.ts";
import type { DeviceId, Entered, Message, Sent, User } from "../../domain/model.ts";
import { closeCode } from "../errors.ts";
import type { MessageAck } from "../requests/actions.ts";
import type { Front } from "../shared.ts";
import { Unconfirmed } from "./ack-window.ts";
import { type SpawnEvents, Spawns } from "./chat-announcements.ts";
import { Entries, type StreamEntry, type StreamHost } from "./entries.ts";
import { extensionPush } from "./extension-push.ts";
import { messageBytes, needsContent, withWantedContent } from "./large-content.ts";
import { OwnMessages } from "./own-messages.ts";
import { livePush, pushFrame } from "./push.ts";

/** More pushes than this before its first acknowledgement, and a client is taken to have begun with a later one. */
const owedMax = 64;

export class Stream {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  readonly entries: Entries;
  readonly #front: Front;
  readonly #host: StreamHost;
  readonly #sink: Sink;
  readonly #feed: Feed;
  readonly #spawns: Spawns;

  /** The feed was refused a message and waits for `roomAgain`. */
  #feedFull = false;
  readonly #own: OwnMessages;

  /** Where the client acknowledges (O26); others have what they were sent once the socket's buffer is empty. */
  #unconfirmed: Unconfirmed<SpawnEvents> | undefined;
  #pushesWritten = 0;
  /** Among the entries: pushes, and the messages in them. */
  #queuedPushes = 0;
  #queuedMessages = 0;

  constructor(parts: {
    front: Front;
    host: StreamHost;
    user: User;
    deviceId: DeviceId | undefined;
    acknowledges: boolean;
    /** Acknowledgements on their way for what this connection was pushed as somebody else. */
    owed: number;
  }) {
    const { front, host, user, deviceId } = parts;
    this.#front = front;
    this.#host = host;
    this.user = user;
    this.deviceId = deviceId;
    this.entries = new Entries(host);
    this.#own = new OwnMessages(user.userId);
    const { userId } = user;
    this.#spawns = new Spawns({
      front,
      host,
      entries: this.entries,
      userId,
      deviceId,
      unconfirmed: () => this.#unconfirmed,
    });
    this.#sink = {
      userId,
      deliver: (event) => this.#deliver(event),
      client: () => host.client(),
      detached: () => host.close(closeCode.internal, "Internal error"),
    };
    this.#feed = new Feed({
      store: front.domain.store,
      userId,
      deviceId,
      from: "position",
      inlineBytesMax: 0,
      emit: (messages) => this.#emit(messages),
      failed: (error) => this.#fail("messages could not be read", error),
    });
    if (parts.acknowledges) this.acknowledgeFromHere(parts.owed);
  }

  start(): void {
    this.#front.hub.attach(this.#sink);
    this.#begin().catch((error: unknown) => this.#fail("events could not be read", error));
  }

  end(): void {
    this.#feed.end();
    this.#front.hub.detach(this.#sink);
    this.#spawns.end();
    this.#own.end();
    this.#unconfirmed = undefined;
    this.entries.end();
  }

  /** Requests wait for this: a chat made by one must not be spawned before those from the store. */
  get ready(): boolean {
    return this.#spawns.live;
  }

  /** By which the hub knows this client. */
  get connectionId(): number {
    return this.#front.hub.connectionIdOf(this.#sink);
  }

  /** Everything written so far left the socket's buffer. */
  roomAgain(): void {
    this.entries.roomAgain();
    if (!this.#feedFull || !this.entries.empty || this.#isWindowFull()) return;
    this.#feedFull = false;
    this.#feed.resume();
  }

  // ---- acknowledgements

  /** What is written from here on waits for the client's word. */
  acknowledgeFromHere(owed = 0): void {
    const { limits, domain } = this.#front;
    const { userId } = this.user;
    this.#unconfirmed ??= new Unconfirmed(
      {
        limits,
        confirmed: (chatId, seq) => domain.deliveries.confirmed(userId, this.deviceId, chatId, seq),
        spawnConfirmed: (chatId, events) => this.#spawns.confirm(chatId, events),
      },
      owed,
    );
  }

  /** Plain acknowledgements that may be on their way. */
  get awaited(): number {
    return this.#unconfirmed?.awaited ?? 0;
  }

  acknowledged({ messageIds, chatIds }: MessageAck): void {
    const plain = messageIds === undefined && chatIds === undefined;
    const unconfirmed = this.#unconfirmed;
    if (unconfirmed === undefined) {
      // Its first one: it stands for the first push, which was confirmed by itself, and those for the others follow.
      const owed = Math.max(0, this.#pushesWritten - 1);
      this.acknowledgeFromHere(plain && owed <= owedMax ? owed : 0);
      return;
    }
    if (plain) unconfirmed.confirmOldest();
    if (messageIds !== undefined) unconfirmed.confirmMessages(messageIds);
    if (chatIds !== undefined) unconfirmed.confirmChats(chatIds);
    if (this.#host.bufferedBytes() === 0) this.roomAgain();
  }

  #isWindowFull(): boolean {
    return this.#unconfirmed?.isFull(this.#queuedPushes, this.#queuedMessages) ?? false;
  }

  /** A push of `messages` is being written. */
  #wrotePush(messages: readonly Message[]): void {
    this.#pushesWritten += 1;
    if (this.#unconfirmed === undefined) return;
    this.#unconfirmed.pushed(messages);
    // Answers to its own sends are not held back, so a client that never confirms them must be stopped here.
    if (this.#unconfirmed.messages > this.#front.limits.unconfirmedMessagesHardMax) {
      this.#host.close(closeCode.policy, "Too many unacknowledged messages");
    }
  }

  // ---- own messages

  sendStarted(): void {
    this.#own.sendStarted();
  }

  /** See `OwnMessages`. */
  sendSettled(sent: Sent | undefined): StreamEntry | undefined {
    return this.#own.sendSettled(sent, this.#feed.live);
  }

  /** The answer to a send is being written for itself. */
  answeredWith(message: Message): void {
    if (message.senderId === this.user.userId) this.#wrotePush([message]);
  }

  /** The entry that spawns a chat here. */
  spawnOf(entered: Entered): StreamEntry | undefined {
    return this.#spawns.entryOf(entered);
  }

  // ---- what happens, and what was missed

  #deliver(event: DomainEvent): void {
    switch (event.type) {
      case "message.sent":
        this.#feed.offer(event.message);
        return;
      case "chat.entered":
        if (!event.entered.users.some((user) => user.userId === this.user.userId)) this.#tell(event);
        this.#spawns.entered(event.entered);
        return;
      case "chat.left":
        this.#spawns.left(event.left);
        this.#tell(event);
        return;
      case "message.deleted":
        this.#feed.deleted(event.message);
        this.#tell(event);
        return;
      case "contact.blocked":
      case "chat.renamed":
        this.#tell(event);
        return;
      case "user.revoked":
        this.#host.close(closeCode.policy, "User disabled");
        return;
    }
  }

  /** An extension's push. What happens before the stored chats are through is known by whoever asks after that. */
  #tell(event: DomainEvent): void {
    if (!this.#spawns.live || !this.#host.extended()) return;
    if (this.entries.waitingBytes > this.#front.limits.sendBytesHardMax) {
      this.#host.close(closeCode.tryAgainLater, "Too slow");
      return;
    }
    this.entries.push({
      bytes: 256 + 64 * (event.type === "chat.entered" ? event.entered.users.length : 0),
      ready: true,
      written: false,
      answers: undefined,
      frame: (dialect) => extensionPush(event, dialect),
      wrote() {},
      settled() {},
    });
  }

  /** The chats, then the messages. */
  async #begin(): Promise<void> {
    const { domain, confirmations } = this.#front;
    const { userId } = this.user;
    // What an earlier connection was handed, or has confirmed, is not to be handed over again.
    await Promise.all([confirmations.settled(userId), domain.deliveries.flush()]);
    await this.#spawns.begin();
    if (this.entries.ended) return;
    this.#host.schedule();
    this.#feed.start();
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
    this.#own.caughtUp();
    let taken = 0;
    for (const message of messages) {
      const bytes = messageBytes(message, this.#host.contentBytesMax());
      const waiting = this.entries.waitingBytes;
      if (waiting > 0 && waiting + bytes > this.#front.limits.sendBytesMax) break;
      if (this.#isWindowFull()) break;
      taken += 1;
      const one = [message];
      const fresh = isHidden(message) || message.kind === "deleted" ? [] : one;
      this.#pushMessages(one, fresh, bytes, (dialect) =>
        fresh.length === 0 ? undefined : livePush(message, dialect, this.user.userId),
      );
    }
    return taken;
  }

  /** Pushes of bounded size, each when the one before has drained (PROTOCOLS § 3.4). */
  #emitMissed(messages: readonly Message[]): number {
    if (this.entries.waitingBytes > 0 || this.#isWindowFull()) return 0;
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
    const fresh = group.filter((message) => this.#isFresh(message));
    let shown = fresh;
    const entry = this.#pushMessages(group, fresh, bytes, (dialect) =>
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

  /** Neither pushed as an answer meanwhile, nor deleted, nor for others alone. */
  #isFresh(message: Message): boolean {
    return !this.#own.wasAhead(message.messageId) && message.kind !== "deleted" && !isHidden(message);
  }

  /** @param fresh those of `messages` that the frame says. */
  #pushMessages(
    messages: readonly Message[],
    fresh: readonly Message[],
    bytes: number,
    frame: StreamEntry["frame"],
  ): StreamEntry {
    let acknowledged = false;
    const entry: StreamEntry = {
      bytes,
      ready: true,
      written: false,
      answers: undefined,
      frame,
      wrote: (said) => {
        this.#queuedPushes -= 1;
        this.#queuedMessages -= fresh.length;
        acknowledged = this.#unconfirmed !== undefined;
        if (said) this.#wrotePush(fresh);
      },
      settled: () => {
        if (acknowledged) this.#passOver(messages);
        else this.#delivered(messages);
      },
    };
    this.#queuedPushes += 1;
    this.#queuedMessages += fresh.length;
    this.#own.handedOver(messages, entry);
    this.entries.push(entry);
    return entry;
  }

  /** Written and drained: so far this client has got (O26, a connection that does not acknowledge). */
  #delivered(messages: readonly Message[]): void {
    for (const { chatId, seq } of messages) {
      this.#front.domain.deliveries.delivered(this.user.userId, this.deviceId, chatId, seq);
    }
  }

  /** What is deleted is not said, and so confirmed by nobody. */
  #passOver(messages: readonly Message[]): void {
    for (const { chatId, seq, kind } of messages) {
      if (kind === "deleted") this.#front.domain.deliveries.confirmed(this.user.userId, this.deviceId, chatId, seq);
    }
  }

  #fail(what: string, error: unknown): void {
    if (this.entries.ended) return;
    this.#front.log.error(what, { userId: this.user.userId, error });
    this.#host.close(closeCode.internal, "Internal error");
  }
}
