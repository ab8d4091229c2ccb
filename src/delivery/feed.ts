/**
 * One client's stream of chat messages: first everything it missed, from the store, then live ones from the hub,
 * without a gap and without a repeat.
 *
 * Message ids grow with every commit, so one number splits the world: everything up to `#through` was handed over (or
 * was never wanted), everything above is still to come. While behind, live messages are not kept, only noticed; a round
 * reads the store up to the id that was newest when the round began, and a round that ends without anything newer
 * having settled goes live. A client too slow to take a live message falls behind again and is caught up the same way
 * when it has room: what waits for it is in the store, never in memory.
 */
import { messageFor } from "../domain/messages/addressed.ts";
import type { DeletedMessage, DeviceId, Message, MessageId, UserId } from "../domain/model.ts";
import type { DeliveryReads, Head } from "../domain/store.ts";
import { Backlog, empty } from "./backlog.ts";

/** Rows read from the store at once; between two pages other work gets its turn. */
const pageRows = 128;
/** So many ids are read through rather than looking up where each chat's own begin. */
const shortRangeIds = 8192;
/** What a client may leave waiting here before it has to be read from the store. */
const heldMessagesMax = 1024;
const heldBytesMax = 128 * 1024;

export interface FeedOptions {
  readonly store: Pick<DeliveryReads, "lastMessageId" | "undelivered" | "newerThan" | "run" | "scan">;
  readonly userId: UserId;
  /** Whose position to begin at: a device's, or the user's own. */
  readonly deviceId?: DeviceId | undefined;
  /** `position`: everything undelivered first. `now`: only what the hub publishes from here on. */
  readonly from: "position" | "now";
  /** Content of larger files is left out of what was missed; what is live comes whole. Without it, none is. */
  readonly inlineBytesMax?: number | undefined;
  /** Takes messages in order, hidden ones too (`domain/addressed.ts`), and says how many it took; fewer than given means it is full until `resume()`. */
  emit(messages: readonly Message[]): number;
  /** Told when the stored backlog is through and the feed went live for the first time. */
  caughtUp?(): void;
  /** The store failed while catching up; the client should be closed, it will catch up when it returns. */
  failed(error: unknown): void;
}

type State = "idle" | "behind" | "full" | "live" | "ended";

export class Feed {
  readonly #options: FeedOptions;
  #state: State = "idle";
  /** Every message up to here was handed over or is none of ours. Only moved while live or at the end of a round. */
  #through = 0 as MessageId;
  /** The newest id the hub showed us while we were not live. */
  #noticed = 0 as MessageId;
  /** What the current round has still to hand over. */
  #backlog: Backlog | undefined;
  #roundEnd = 0 as MessageId;
  #running = false;
  #announced = false;
  /** Live messages there was no room for, complete since `#through`; undefined where the store must be asked. */
  #held: Message[] | undefined;
  #heldBytes = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get live(): boolean {
    return this.#state === "live";
  }

  /** Attach to the hub before calling this, so that nothing settles between the two unseen. */
  start(): void {
    if (this.#state !== "idle") return;
    if (this.#options.from === "now") {
      this.#goLive();
      return;
    }
    this.#state = "behind";
    void this.#run("position");
  }

  /** A message published by the hub. */
  offer(sent: Message): void {
    if (this.#state === "ended") return;
    const message = sent.texts === undefined ? sent : messageFor(sent, this.#options);
    if (this.#state !== "live") {
      if (message.messageId > this.#noticed) this.#noticed = message.messageId;
      if (this.#held !== undefined) this.#hold(this.#held, message);
      return;
    }
    if (message.messageId <= this.#through) return;
    // The first of a feed from now on: had there been one of ours before it, the hub would have shown it.
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

  /** A short stall is not worth a reading; a long one is not worth the memory. */
  #hold(held: Message[], message: Message): void {
    this.#heldBytes += weightOf(message);
    if (held.length < heldMessagesMax && this.#heldBytes <= heldBytesMax) held.push(message);
    else this.#held = undefined;
  }

  /** A message was deleted: what waits here of it is only its place. */
  deleted({ messageId }: DeletedMessage): void {
    if (this.#held !== undefined) empty(this.#held, messageId);
    this.#backlog?.deleted(messageId);
  }

  /** The client has room again. */
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
    for (const message of held.splice(0, taken)) this.#heldBytes -= weightOf(message);
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
      // Room may be announced, or run out again, in the turns between the end of a round and the end of this call.
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
      this.#beginRound(await store.undelivered(userId, deviceId));
    }
    while (this.#state === "behind") {
      if (this.#backlog !== undefined) {
        await this.#page(this.#backlog);
        continue;
      }
      // The round is complete: all of ours up to its end was handed over.
      if (this.#roundEnd > this.#through) this.#through = this.#roundEnd;
      // The store may know more than the hub has shown yet: above all that a chat was left, and what was said in it before.
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

  /** Hands over the next messages of the round; without any it is complete. */
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

/** Large content is not looked at, since its text may not have been made. */
const weightOf = (message: Message): number => message.file?.bytes ?? message.content.length;
