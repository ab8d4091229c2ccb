/**
 * Who of the user's friends is online, as one client is told it: of each friend the newest alone waits, and one push takes
 * up to so many. A client that reads slowly is told later, and then as it is by then.
 */
import type { PresenceListener, PresenceNews, ShownPresence } from "../../delivery/presence.ts";
import { presenceShape } from "../../delivery/shapes.ts";
import type { UserId } from "../../domain/model.ts";
import type { Dialect } from "../dialect.ts";
import { encodeFrame, type Frame } from "../requests/codec.ts";
import { type Body, wireId } from "./push.ts";
import type { PushQueue } from "./push-queue.ts";

const pushMax = 256;
/** About so many for each, in a frame. */
const presenceBytes = 96;
/** Friends who wait to be told of; beyond it the oldest is left out. */
const waitingMax = 10_000;

export class PresenceWatcher implements PresenceListener {
  readonly userId: UserId;
  readonly #news: Pick<PresenceNews, "listen" | "current">;
  readonly #pushes: PushQueue;
  readonly #failed: (error: unknown) => void;
  readonly #waiting = new Map<UserId, ShownPresence>();
  #isQueued = false;
  #end: (() => void) | undefined;

  constructor(parts: {
    userId: UserId;
    news: Pick<PresenceNews, "listen" | "current">;
    pushes: PushQueue;
    failed(error: unknown): void;
  }) {
    this.userId = parts.userId;
    this.#news = parts.news;
    this.#pushes = parts.pushes;
    this.#failed = parts.failed;
  }

  /** Tells how it is now, and from here on what changes. */
  start(): void {
    this.end();
    const end = this.#news.listen(this);
    this.#end = end;
    this.#showAll(end).catch(this.#failed);
  }

  end(): void {
    this.#end?.();
    this.#end = undefined;
    this.#waiting.clear();
  }

  /** Clients know of themselves. */
  wants(userId: UserId): boolean {
    return userId !== this.userId;
  }

  tell(shown: ShownPresence): void {
    const [oldest] = this.#waiting.keys();
    if (!this.#waiting.delete(shown.userId) && this.#waiting.size >= waitingMax && oldest !== undefined) {
      this.#waiting.delete(oldest);
    }
    this.#waiting.set(shown.userId, shown);
    this.#queue();
  }

  async #showAll(started: () => void): Promise<void> {
    for await (const shown of this.#news.current(this.userId, (userId) => this.wants(userId))) {
      if (this.#end !== started) return;
      // What was told meanwhile is newer.
      if (!this.#waiting.has(shown.userId)) this.tell(shown);
    }
  }

  #queue(): void {
    if (this.#isQueued || this.#pushes.ended) return;
    this.#isQueued = true;
    this.#pushes.push({
      bytes: presenceBytes,
      ready: true,
      written: false,
      answers: undefined,
      encode: (dialect) => this.#frame(dialect),
      wrote: () => {
        this.#isQueued = false;
      },
      // One push is on its way at a time: the others wait here, where they are bounded.
      sent: () => {
        if (this.#waiting.size > 0) this.#queue();
      },
    });
  }

  #frame(dialect: Dialect): Frame | undefined {
    const presences: unknown[] = [];
    for (const shown of this.#waiting.values()) {
      if (presences.length >= pushMax) break;
      presences.push({ ...presenceShape(shown), user_id: wireId(shown.userId, dialect) });
      this.#waiting.delete(shown.userId);
    }
    if (presences.length === 0) return undefined;
    return encodeFrame(dialect.encoding, { action: "presence.push", presences } satisfies Body);
  }
}
