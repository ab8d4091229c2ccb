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
import type { DeviceId, Message, MessageId, UserId } from "../domain/model.ts";
import type { DeliveryStore, Head } from "../domain/store.ts";

/** Rows read from the store at once; between two pages other work gets its turn. */
const pageRows = 128;

export interface FeedOptions {
  readonly store: Pick<DeliveryStore, "lastMessageId" | "undelivered" | "newerThan" | "run">;
  readonly userId: UserId;
  /** Whose position to begin at: a device's, or the user's own. */
  readonly deviceId?: DeviceId | undefined;
  /** `position`: everything undelivered first. `now`: only what is sent from here on. */
  readonly from: "position" | "now";
  /** Takes messages in order and says how many it took; fewer than given means it is full until `resume()`. */
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
  /** The chats of the current round, the one with the oldest waiting message first. */
  #heads: Head[] = [];
  #roundEnd = 0 as MessageId;
  #running = false;
  #announced = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get live(): boolean {
    return this.#state === "live";
  }

  /** Attach to the hub before calling this, so that nothing settles between the two unseen. */
  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "behind";
    void this.#run(this.#options.from);
  }

  /** A message published by the hub. */
  offer(message: Message): void {
    if (this.#state === "ended") return;
    if (this.#state !== "live") {
      if (message.messageId > this.#noticed) this.#noticed = message.messageId;
      return;
    }
    if (message.messageId <= this.#through) return;
    if (this.#options.emit([message]) === 1) {
      this.#through = message.messageId;
      return;
    }
    this.#noticed = message.messageId;
    this.#state = "full";
  }

  /** The client has room again. */
  resume(): void {
    if (this.#state !== "full") return;
    this.#state = "behind";
    if (!this.#running) void this.#run("round");
  }

  end(): void {
    this.#state = "ended";
    this.#heads = [];
  }

  async #run(begin: "position" | "now" | "round"): Promise<void> {
    this.#running = true;
    try {
      await this.#catchUp(begin);
    } catch (error) {
      if (this.#isEnded()) return;
      this.end();
      this.#options.failed(error);
    } finally {
      this.#running = false;
    }
  }

  async #catchUp(begin: "position" | "now" | "round"): Promise<void> {
    const { store, userId, deviceId } = this.#options;
    if (begin !== "round") {
      this.#roundEnd = await store.lastMessageId();
      this.#heads = begin === "position" ? sorted(await store.undelivered(userId, deviceId)) : [];
      this.#heads = this.#heads.filter((head) => head.messageId <= this.#roundEnd);
      if (begin === "now") this.#through = this.#roundEnd;
    }
    while (this.#state === "behind") {
      if (this.#heads.length > 0) {
        await this.#page();
        continue;
      }
      // The round is complete: all of ours up to its end was handed over.
      if (this.#roundEnd > this.#through) this.#through = this.#roundEnd;
      if (this.#noticed <= this.#through) {
        this.#state = "live";
        if (!this.#announced) {
          this.#announced = true;
          this.#options.caughtUp?.();
        }
        return;
      }
      this.#roundEnd = await store.lastMessageId();
      const newer = await store.newerThan(userId, this.#through);
      this.#heads = sorted(newer.filter((head) => head.messageId <= this.#roundEnd));
    }
  }

  /** Hands over the next run: messages of the chat that is furthest back, up to where another chat's turn comes. */
  async #page(): Promise<void> {
    const [head, next] = this.#heads;
    if (head === undefined) return;
    const through = next === undefined ? this.#roundEnd : (Math.min(this.#roundEnd, next.messageId) as MessageId);
    const rows = await this.#options.store.run({ chatId: head.chatId, seq: head.seq, through, limit: pageRows });
    if (this.#state !== "behind") return;
    const taken = rows.length === 0 ? 0 : this.#options.emit(rows);
    const rest = rows[taken];
    if (rest !== undefined) {
      this.#heads[0] = { chatId: head.chatId, seq: rest.seq, messageId: rest.messageId };
      if (this.#state === "behind") this.#state = "full";
      return;
    }
    const last = rows[rows.length - 1];
    this.#heads.shift();
    if (last !== undefined) await this.#requeue(head.chatId, last.seq + 1);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Puts a chat back among the heads at its next waiting message, if the round still holds one. */
  async #requeue(chatId: Head["chatId"], seq: number): Promise<void> {
    const { store } = this.#options;
    const [first] = await store.run({ chatId, seq, through: this.#roundEnd, limit: 1 });
    if (first === undefined) return;
    this.#heads.push({ chatId, seq: first.seq, messageId: first.messageId });
    this.#heads = sorted(this.#heads);
  }

  #isEnded(): boolean {
    return this.#state === "ended";
  }
}

const sorted = (heads: Head[]): Head[] => heads.sort((a, b) => a.messageId - b.messageId);
