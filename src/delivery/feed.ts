/**
 * One client's stream of chat messages: first what the client missed, from the store, then live messages from the hub,
 * without a gap and without a repeat.
 *
 * Message ids grow with every commit, so one number divides them: messages up to `#through` were handed over or are not
 * for this client; messages above it are still to come. While the feed is behind, live messages are not kept; only the
 * newest id is noted. A round reads the store up to the id that was newest when the round began. When a round ends and
 * nothing newer has settled, the feed goes live. A client too slow for a live message falls behind again and catches up
 * the same way when it has room. What waits for the client is in the store, never in memory.
 */
import { messageFor } from "../domain/messages/addressed.ts";
import type { ChatId, DeletedMessage, DeviceId, Message, MessageId, UserId } from "../domain/model.ts";
import type { DeliveryReads, Head } from "../domain/store.ts";
import { Backlog, empty, emptyThrough, replace, waitingIn } from "./backlog.ts";

/** The number of rows one read of the store gives. Other work gets its turn between two pages. */
const pageRows = 128;
/** A range of at most this many ids is read as a whole; for a longer one the start of each chat is looked up. */
const shortRangeIds = 8192;
/** The most messages held here for a client that has no room; beyond that the store is read. */
const heldMessagesMax = 1024;
const heldBytesMax = 128 * 1024;

export interface FeedOptions {
  readonly store: Pick<DeliveryReads, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan">;
  readonly userId: UserId;
  /** The device whose position the feed begins at; without it the user's own position. */
  readonly deviceId?: DeviceId | undefined;
  /** `position`: all undelivered messages first. `now`: only what the hub publishes from now on. */
  readonly from: "position" | "now";
  /**
   * Content of larger files is left out of missed messages; live messages come whole. Without it no content is left
   * out.
   */
  readonly inlineBytesMax?: number | undefined;
  /**
   * Takes messages in order, hidden ones too (`domain/messages/addressed.ts`), and gives how many it took. Fewer than
   * given means that it is full until `resume()`.
   */
  emit(messages: readonly Message[]): number;
  /** Called once before the messages that were missed: how many there are, at most (`waitingIn`). */
  begins?(waiting: number): void;
  /** Called when the feed goes live for the first time, after the stored backlog. */
  caughtUp?(): void;
  /** The store failed while catching up. The caller should close the client; the client catches up when it returns. */
  failed(error: unknown): void;
}

type State = "idle" | "behind" | "full" | "live" | "ended";

export class Feed {
  readonly #options: FeedOptions;
  #state: State = "idle";
  /**
   * Messages up to this id were handed over or are not for this client. It moves only while live or at the end of a
   * round.
   */
  #through = 0 as MessageId;
  /** The newest id that the hub published while the feed was not live. */
  #noticed = 0 as MessageId;
  /** What the current round still has to hand over. */
  #backlog: Backlog | undefined;
  #roundEnd = 0 as MessageId;
  #running = false;
  #announced = false;
  /** Live messages that had no room, complete since `#through`; undefined where the store must be read. */
  #held: Message[] | undefined;
  #heldBytes = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get live(): boolean {
    return this.#state === "live";
  }

  /** Attach to the hub before this call, so that no message that settles in between is missed. */
  start(): void {
    if (this.#state !== "idle") return;
    if (this.#options.from === "now") {
      this.#goLive();
      return;
    }
    this.#state = "behind";
    void this.#run("position");
  }

  /** Takes a message that the hub published. */
  offer(sent: Message): void {
    if (this.#state === "ended") return;
    const message = sent.texts === undefined ? sent : messageFor(sent, this.#options);
    if (this.#state !== "live") {
      if (message.messageId > this.#noticed) this.#noticed = message.messageId;
      if (this.#held !== undefined) this.#hold(this.#held, message);
      return;
    }
    if (message.messageId <= this.#through) return;
    // The first message of a feed that begins now. An earlier message for this client would have come through the hub.
    if (this.#through === 0) this.#through = (message.messageId - 1) as MessageId;
    if (this.#options.emit([message]) === 1) {
      this.#through = message.messageId;
      return;
    }
    this.#noticed = message.messageId;
    this.#state = "full";
    this.#heldBytes = 0;
    this.#held = [];
    this.#hold(this.#held, message);
  }

  /** A short stall is not worth a read of the store; a long one is not worth the memory. */
  #hold(held: Message[], message: Message): void {
    this.#heldBytes += weightOf(message);
    if (held.length < heldMessagesMax && this.#heldBytes <= heldBytesMax) held.push(message);
    else this.#held = undefined;
  }

  /** Empties a deleted message that waits here: it keeps only its position. */
  deleted({ messageId }: DeletedMessage): void {
    if (this.#held !== undefined) empty(this.#held, messageId);
    this.#backlog?.deleted(messageId);
  }

  /** A message that waits here is handed over as it is now. */
  edited(message: Message): void {
    if (this.#held !== undefined) replace(this.#held, message);
    this.#backlog?.edited(message);
  }

  /** The client has everything in the chat up to `seq`: what waits of it here keeps only its position. */
  confirmedThrough(chatId: ChatId, seq: number): void {
    if (this.#held !== undefined) emptyThrough(this.#held, chatId, seq);
    this.#backlog?.confirmedThrough(chatId, seq);
  }

  /** Call this when the client has room again. */
  resume(): void {
    if (this.#state !== "full") return;
    if (this.#held !== undefined) {
      this.#resumeLive(this.#held);
      return;
    }
    this.#state = "behind";
    if (!this.#running) void this.#run("round");
  }

  #resumeLive(held: Message[]): void {
    this.#state = "live";
    const taken = this.#options.emit(held);
    const last = held[taken - 1];
    if (last !== undefined) this.#through = last.messageId;
    if (taken === held.length) {
      this.#held = undefined;
      return;
    }
    held.splice(0, taken);
    this.#heldBytes = held.reduce((bytes, message) => bytes + weightOf(message), 0);
    if (this.#state === "live") this.#state = "full";
  }

  end(): void {
    this.#state = "ended";
    this.#backlog = undefined;
    this.#held = undefined;
  }

  async #run(begin: "position" | "round"): Promise<void> {
    this.#running = true;
    try {
      await this.#catchUp(begin);
      // The client may report room, or fill up again, between the end of a round and the end of this call.
      while (this.#state === "behind") await this.#catchUp("round");
    } catch (error) {
      if (this.#isEnded()) return;
      this.end();
      this.#options.failed(error);
    } finally {
      this.#running = false;
    }
  }

  async #catchUp(begin: "position" | "round"): Promise<void> {
    const { store, userId, deviceId } = this.#options;
    if (begin === "position") {
      this.#roundEnd = await store.lastMessageId();
      const heads = await store.undelivered(userId, deviceId);
      if (this.#state === "behind") this.#options.begins?.(waitingIn(heads));
      this.#beginRound(heads);
    }
    while (this.#state === "behind") {
      if (this.#backlog !== undefined) {
        await this.#page(this.#backlog);
        continue;
      }
      // The round is complete: all of this client's messages up to its end were handed over.
      if (this.#roundEnd > this.#through) this.#through = this.#roundEnd;
      // The store may be ahead of the hub: above all where the user left a chat and messages were sent before that.
      this.#roundEnd = await store.lastMessageId();
      if (this.#state !== "behind") return;
      if (Math.max(this.#roundEnd, this.#noticed) <= this.#through) return this.#goLive();
      const short = this.#roundEnd - this.#through <= shortRangeIds;
      this.#beginRound(short ? { after: this.#through } : await store.newerThan(userId, this.#through));
    }
  }

  #goLive(): void {
    this.#state = "live";
    if (this.#announced) return;
    this.#announced = true;
    this.#options.caughtUp?.();
  }

  #beginRound(from: readonly Head[] | { after: MessageId }): void {
    if (this.#isEnded()) return;
    const { store, userId, deviceId, inlineBytesMax } = this.#options;
    this.#backlog = new Backlog({ store, userId, deviceId, from, through: this.#roundEnd, inlineBytesMax });
  }

  /** Hands over the next messages of the round. Without any the round is complete. */
  async #page(backlog: Backlog): Promise<void> {
    const rows = await backlog.page(pageRows);
    if (this.#state !== "behind") return;
    if (rows.length === 0) {
      this.#backlog = undefined;
      return;
    }
    const taken = this.#options.emit(rows);
    backlog.take(taken);
    if (taken === rows.length) await new Promise<void>((resolve) => setImmediate(resolve));
    else if (this.#state === "behind") this.#state = "full";
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }
}

/** The content of a large file is not read here, since its text may not exist yet. */
const weightOf = (message: Message): number => message.file?.bytes ?? message.content.length;
