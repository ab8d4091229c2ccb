/** The open chat as signals. */
import { batch, signal } from "@preact/signals";
import type { Client } from "../client/client.ts";
import type { Window } from "../client/window.ts";
import type { Message, Timeline } from "./model.ts";
import type { Showing } from "./showing.ts";

export class ShownTimeline implements Timeline {
  readonly chatId: string;
  readonly messages = signal<readonly Message[]>([]);
  readonly atOldest = signal(false);
  readonly atNewest = signal(false);
  readonly loading = signal<"older" | "newer" | "jump" | undefined>(undefined);
  readonly firstUnreadSeq = signal<number | undefined>(undefined);
  readonly #window: Window;
  readonly #client: Client;
  readonly #showing: Showing;

  constructor(parts: { window: Window; client: Client; showing: Showing }) {
    this.#window = parts.window;
    this.#client = parts.client;
    this.#showing = parts.showing;
    this.chatId = parts.window.chatId;
    this.refresh();
  }

  isOf(window: Window | undefined): boolean {
    return this.#window === window;
  }

  refresh(): void {
    const { messages, atOldest, atNewest, loading, firstUnreadSeq } = this.#window;
    const { cache, queue, people } = this.#client;
    const shown = messages.map((message) => this.#showing.message(message));
    // A chat without messages shows what waits, too.
    if (atNewest || messages.length === 0) {
      const keys = new Set(shown.map(({ key }) => key));
      for (const waiting of queue.waiting)
        if (cache.chatIdOf(waiting.chatId) === this.chatId && !keys.has(waiting.clientId))
          shown.push(this.#showing.queued(waiting));
    }
    people.want(new Set(messages.map(({ senderId }) => senderId)));
    batch(() => {
      if (!isSame(shown, this.messages.peek())) this.messages.value = shown;
      this.atOldest.value = atOldest;
      this.atNewest.value = atNewest;
      this.loading.value = loading;
      this.firstUnreadSeq.value = firstUnreadSeq;
    });
  }

  older(): Promise<void> {
    return this.#window.older();
  }
  newer(): Promise<void> {
    return this.#window.newer();
  }
  toNewest(): Promise<void> {
    return this.#window.toNewest();
  }
  toSeq(seq: number): Promise<void> {
    return this.#window.toSeq(seq);
  }
  toDate(date: Date): Promise<void> {
    return this.#window.toDate(date);
  }
  readUpTo(seq: number): void {
    this.#client.readUpTo(this.chatId, seq);
  }
}

const isSame = (some: readonly Message[], others: readonly Message[]): boolean =>
  some.length === others.length && some.every((message, index) => message === others[index]);
