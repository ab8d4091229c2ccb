/**
 * Delivers the log to one webhook: in order within each chat, several chats at once, at least once. A chat whose
 * delivery fails keeps a position of its own and is retried with growing pauses while the other chats continue. Many
 * failing chats mean that the receiver is down; then no new chat is begun until some of them succeed. An item that
 * cannot be delivered is given up in the end and recorded, so that its chat continues.
 */
import { inlineFileBytesMax } from "../delivery/shapes.ts";
import type { ChatId } from "../domain/model.ts";
import type { MessageReads } from "../domain/store.ts";
import type {
  DeadLetter,
  Webhook,
  WebhookOffset,
  WebhookPlace,
  WebhookStore,
} from "../domain/webhooks/webhook-store.ts";
import { type Clock, later } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { type Item, inOrder, offsetText } from "./item.ts";
import { signedHeaders } from "./signature.ts";

export interface RetryPolicy {
  readonly firstPauseMs: number;
  /** Each pause is twice the last one, up to this. */
  readonly longestPauseMs: number;
  /** How often an item is tried that the receiver refuses (a 4xx). */
  readonly refusalsMax: number;
  /** How long an item is tried while the receiver fails or cannot be reached. */
  readonly givenUpAfterMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  firstPauseMs: 1000,
  longestPauseMs: 10 * 60_000,
  refusalsMax: 6,
  givenUpAfterMs: 86_400_000,
};

export interface RunnerParts {
  readonly store: WebhookStore & { lastMessageId(): Promise<number> } & Pick<MessageReads, "findMessage">;
  readonly clock: Clock;
  readonly log: Log;
  readonly retry: RetryPolicy;
  /** Gives the status of the answer; throws where there is no answer. */
  send(request: {
    url: string;
    headers: Record<string, string>;
    body: Uint8Array;
    signal: AbortSignal;
  }): Promise<number>;
}

const sliceMessages = 128;
const sliceEvents = 128;
/** The number of chats delivered at once. */
const chatsAtOnce = 8;
/** With this many failing chats the receiver counts as down. */
const placesMax = 64;
/** The pause after a fault of our own, such as a full disk. */
const faultPauseMs = 5000;

/** How a try ended. `problem` says why it failed, without any text of the receiver. */
type Outcome = { readonly ok: true } | { readonly ok: false; readonly refused: boolean; readonly problem: string };

type GivenUp = Omit<DeadLetter, "letterId" | "givenUpAtMs">;

export class Runner {
  readonly #parts: RunnerParts;
  readonly #webhook: Webhook;
  readonly #places = new Map<ChatId, WebhookPlace>();
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #offset: WebhookOffset;
  #news = true;
  #wake: (() => void) | undefined;
  #changed = new Set<ChatId>();
  #caughtUp = new Set<ChatId>();
  #givenUp: GivenUp[] = [];

  constructor(webhook: Webhook, parts: RunnerParts) {
    this.#parts = parts;
    this.#webhook = webhook;
    this.#offset = { messageId: webhook.messageId, eventId: webhook.eventId };
    this.#done = this.#run();
  }

  /** Call this after each commit. */
  wake(): void {
    if (this.#news) return;
    this.#news = true;
    this.#wake?.();
  }

  /** Aborts what is under way. The next runner delivers again what was not confirmed. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("stopped"));
    this.#wake?.();
    await this.#done;
  }

  get #stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  async #run(): Promise<void> {
    let loaded = false;
    while (!this.#stopped) {
      try {
        if (!loaded) await this.#load();
        loaded = true;
        await this.#round();
      } catch (error) {
        this.#parts.log.warn("a webhook's round failed and is tried again", { webhook: this.#webhook.name, error });
        if (!this.#stopped) await this.#sleep(faultPauseMs);
      }
    }
  }

  async #load(): Promise<void> {
    for (const place of await this.#parts.store.webhookPlaces(this.#webhook.name))
      this.#places.set(place.chatId, place);
  }

  async #round(): Promise<void> {
    this.#news = false;
    const retried = await this.#retryDue();
    const delivered = this.#places.size < placesMax ? await this.#deliverNew() : false;
    if (retried || delivered) {
      await this.#save();
      return;
    }
    await this.#pause(this.#untilNextTry());
  }

  /** Gives whether any retry was due. */
  async #retryDue(): Promise<boolean> {
    const nowMs = this.#parts.clock.steadyMs();
    const due = [...this.#places.values()].filter((place) => place.nextAtMs <= nowMs).slice(0, chatsAtOnce);
    await Promise.all(due.map((place) => this.#retryChat(place)));
    return due.length > 0;
  }

  /** Continues a chat from its own position until it has caught up with the others or fails again. */
  async #retryChat(place: WebhookPlace): Promise<void> {
    const { store } = this.#parts;
    const newest = await store.lastMessageId();
    const items = inOrder(place, {
      newest,
      events: await store.eventLog(place.eventId, sliceEvents, place.chatId),
      messages: await store.messageLogOf(place.chatId, place.messageId, sliceMessages),
      eventsMax: sliceEvents,
    }).filter((item) => this.#isBehindUs(item));
    if (items.length > 0) await this.#deliverChat(place.chatId, items);
    else this.#drop(place.chatId);
  }

  /** Items past the webhook's own offset are left to the main pass. */
  #isBehindUs({ kind, offset }: Item): boolean {
    return kind === "message" ? offset.messageId <= this.#offset.messageId : offset.eventId <= this.#offset.eventId;
  }

  #drop(chatId: ChatId): void {
    this.#places.delete(chatId);
    this.#changed.delete(chatId);
    this.#caughtUp.add(chatId);
  }

  async #deliverNew(): Promise<boolean> {
    const { store } = this.#parts;
    const newest = await store.lastMessageId();
    const items = inOrder(this.#offset, {
      newest,
      events: await store.eventLog(this.#offset.eventId, sliceEvents),
      messages: await store.messageLog(this.#offset.messageId, sliceMessages),
      eventsMax: sliceEvents,
    });
    const last = items.at(-1);
    if (last === undefined) return false;
    const before = this.#offset;
    const byChat = Map.groupBy(items, (item) => item.chatId);
    const chats = [...byChat].filter(([chatId]) => !this.#places.has(chatId));
    for (let at = 0; at < chats.length && !this.#stopped; at += chatsAtOnce) {
      await Promise.all(
        chats.slice(at, at + chatsAtOnce).map(([chatId, mine]) => this.#deliverChat(chatId, mine, before)),
      );
    }
    // After a stop the next runner reads this slice again and repeats what was delivered.
    if (!this.#stopped) this.#offset = last.offset;
    return true;
  }

  /**
   * Delivers items one after the other. At the first failure the chat gets a position after the last delivered item.
   */
  async #deliverChat(chatId: ChatId, items: readonly Item[], from?: WebhookOffset): Promise<void> {
    let at: WebhookOffset = this.#places.get(chatId) ?? from ?? this.#offset;
    for (const item of items) {
      const outcome = await this.#deliver(item);
      if (this.#stopped) return;
      if (!outcome.ok && !this.#isGivenUp(chatId, item, outcome)) {
        this.#fail(chatId, at, outcome.problem);
        return;
      }
      at = item.offset;
      if (this.#places.has(chatId)) this.#succeed(chatId, at);
    }
  }

  #succeed(chatId: ChatId, at: WebhookOffset): void {
    const place = this.#places.get(chatId);
    if (place === undefined) return;
    const nowMs = this.#parts.clock.steadyMs();
    const again = { attempts: 0, failingSinceMs: nowMs, nextAtMs: nowMs, problem: "" };
    this.#places.set(chatId, { ...place, ...again, messageId: at.messageId, eventId: at.eventId });
    this.#changed.add(chatId);
  }

  #fail(chatId: ChatId, at: WebhookOffset, problem: string): void {
    const { clock, retry } = this.#parts;
    const nowMs = clock.steadyMs();
    const place = this.#places.get(chatId);
    const attempts = (place?.attempts ?? 0) + 1;
    const pauseMs = Math.min(retry.longestPauseMs, retry.firstPauseMs * 2 ** Math.min(attempts - 1, 30));
    this.#places.set(chatId, {
      chatId,
      messageId: at.messageId,
      eventId: at.eventId,
      attempts,
      failingSinceMs: attempts === 1 ? nowMs : (place?.failingSinceMs ?? nowMs),
      nextAtMs: later(nowMs, pauseMs),
      problem,
    });
    this.#changed.add(chatId);
    this.#caughtUp.delete(chatId);
  }

  /** Gives whether this was the last try. If so, the item is recorded as given up and the chat continues. */
  #isGivenUp(chatId: ChatId, item: Item, { refused, problem }: { refused: boolean; problem: string }): boolean {
    const place = this.#places.get(chatId);
    if (place === undefined) return false;
    const { clock, retry } = this.#parts;
    const tooOften = refused && place.attempts + 1 >= retry.refusalsMax;
    const tooLong = clock.steadyMs() - place.failingSinceMs >= retry.givenUpAfterMs;
    if (place.attempts === 0 || !(tooOften || tooLong)) return false;
    this.#givenUp.push({ chatId, kind: item.kind, ...item.offset, problem });
    this.#parts.log.warn("a webhook's delivery was given up", { webhook: this.#webhook.name, chatId, problem });
    return true;
  }

  async #deliver(item: Item): Promise<Outcome> {
    const { name, url, secret, kinds } = this.#webhook;
    if (!kinds.includes(item.kind)) return { ok: true };
    const body = await item.body(name, (messageId) => this.#parts.store.findMessage(messageId, inlineFileBytesMax));
    const id = `${name}.${item.kind}.${offsetText(item.offset)}`;
    const headers = {
      "Content-Type": "application/json",
      "User-Agent": "Roost",
      ...signedHeaders({ id, nowMs: this.#parts.clock.nowMs(), secret }, body),
    };
    try {
      const status = await this.#parts.send({ url, headers, body, signal: this.#abort.signal });
      if (status >= 200 && status < 300) return { ok: true };
      const later = status === 408 || status === 409 || status === 425 || status === 429;
      return { ok: false, refused: status >= 400 && status < 500 && !later, problem: `answered ${status}` };
    } catch (error) {
      return { ok: false, refused: false, problem: error instanceof Error ? error.message : "unknown" };
    }
  }

  async #save(): Promise<void> {
    const places = [...this.#changed].flatMap((chatId) => this.#places.get(chatId) ?? []);
    const [caughtUp, givenUp] = [[...this.#caughtUp], this.#givenUp];
    await this.#parts.store.saveWebhook({ name: this.#webhook.name, offset: this.#offset, places, caughtUp, givenUp });
    this.#changed = new Set();
    this.#caughtUp = new Set();
    this.#givenUp = [];
  }

  #untilNextTry(): number | undefined {
    const times = [...this.#places.values()].map((place) => place.nextAtMs);
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - this.#parts.clock.steadyMs());
  }

  /** Waits until there is news, or at most `ms`. */
  async #pause(ms: number | undefined): Promise<void> {
    if (!this.#news && !this.#stopped) await this.#sleep(ms);
  }

  /** Waits `ms`, or until `wake` is called. */
  async #sleep(ms: number | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = ms === undefined ? undefined : setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
