/**
 * Who is online, as one session hears it: a PUBLISH at QoS 0. What finds no room waits here, of each user the newest alone.
 */
import type { PresenceFilter } from "../access/chat-form.ts";
import type { PresenceListener, PresenceNews, ShownPresence } from "../delivery/presence.ts";
import type { UserId } from "../domain/model.ts";
import type { PreparedPublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";

/** Beyond so many the oldest is left out. */
const waitingMax = 4096;
/** No message has this id, so a notice that was sent is not taken for one. */
const noMessage = 0;

interface Waiting {
  readonly shown: ShownPresence;
  /** It answers a subscription, as a retained message does. */
  readonly retained: boolean;
}

export class PresenceWriter implements PresenceListener {
  readonly userId: UserId;
  readonly #session: Pick<ServiceSession, "deliver">;
  readonly #news: Pick<PresenceNews, "listen" | "current">;
  readonly #filters = new Map<string, PresenceFilter>();
  readonly #waiting = new Map<UserId, Waiting>();
  readonly #packetOf: (shown: ShownPresence, retained: boolean) => PreparedPublish | undefined;
  readonly #showsNow: boolean;
  readonly #failed: (error: unknown) => void;
  #end: (() => void) | undefined;

  constructor(parts: {
    userId: UserId;
    session: Pick<ServiceSession, "deliver">;
    news: Pick<PresenceNews, "listen" | "current">;
    /** Whether a subscription is answered with how it is now. */
    showsNow: boolean;
    packetOf(shown: ShownPresence, retained: boolean): PreparedPublish | undefined;
    failed(error: unknown): void;
  }) {
    this.userId = parts.userId;
    this.#session = parts.session;
    this.#news = parts.news;
    this.#packetOf = parts.packetOf;
    this.#showsNow = parts.showsNow;
    this.#failed = parts.failed;
  }

  subscribe(filter: string, asked: PresenceFilter): void {
    this.#filters.set(filter, asked);
    this.#end ??= this.#news.listen(this);
    if (this.#showsNow) this.#show(filter, asked).catch(this.#failed);
  }

  /** Whether the session still hears of anyone. */
  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    if (this.#filters.size === 0) this.end();
  }

  end(): void {
    this.#filters.clear();
    this.#waiting.clear();
    this.#end?.();
    this.#end = undefined;
  }

  wants(userId: UserId): boolean {
    return this.#filters.values().some((asked) => isOf(asked, userId));
  }

  tell(shown: ShownPresence): void {
    this.#add({ shown, retained: false });
  }

  /** The session has room. */
  writable(): void {
    for (const [userId, { shown, retained }] of this.#waiting) {
      const packet = this.wants(userId) ? this.#packetOf(shown, retained) : undefined;
      if (packet !== undefined && this.#session.deliver(packet, 0, noMessage) === "full") return;
      this.#waiting.delete(userId);
    }
  }

  async #show(filter: string, asked: PresenceFilter): Promise<void> {
    for await (const shown of this.#news.current(this.userId, (userId) => isOf(asked, userId))) {
      if (this.#filters.get(filter) !== asked) return;
      this.#add({ shown, retained: true });
    }
  }

  #add(waiting: Waiting): void {
    const { userId } = waiting.shown;
    const [oldest] = this.#waiting.keys();
    if (!this.#waiting.has(userId) && this.#waiting.size >= waitingMax && oldest !== undefined) {
      this.#waiting.delete(oldest);
    }
    this.#waiting.set(userId, waiting);
    this.writable();
  }
}

const isOf = (asked: PresenceFilter, userId: UserId): boolean =>
  asked.wants === "every" || (asked.wants === "one" && asked.userId === userId);
