/**
 * Who types, as one session hears it: a PUBLISH at QoS 0. What finds no room waits here, of each chat and user the newest
 * alone.
 */
import type { ChatPlace } from "../access/chat-form.ts";
import type { Typing } from "../domain/model.ts";
import type { PreparedPublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";

/** Beyond so many the oldest is left out. */
const waitingMax = 256;
/** No message has this id, so a notice that was sent is not taken for one. */
const noMessage = 0;

export class TypingWriter {
  readonly #session: Pick<ServiceSession, "deliver">;
  /** Under which name the session hears of a chat; undefined where it does not. */
  readonly #nameOf: (chat: ChatPlace) => string | undefined;
  readonly #packetOf: (typing: Typing, name: string) => PreparedPublish;
  readonly #waiting = new Map<string, Typing>();

  constructor(
    session: Pick<ServiceSession, "deliver">,
    parts: { nameOf(chat: ChatPlace): string | undefined; packetOf(typing: Typing, name: string): PreparedPublish },
  ) {
    this.#session = session;
    this.#nameOf = parts.nameOf;
    this.#packetOf = parts.packetOf;
  }

  tell(typing: Typing): void {
    const key = `${typing.chatId} ${typing.user.userId}`;
    const [oldest] = this.#waiting.keys();
    if (!this.#waiting.has(key) && this.#waiting.size >= waitingMax && oldest !== undefined)
      this.#waiting.delete(oldest);
    this.#waiting.set(key, typing);
    this.writable();
  }

  /** The session has room. */
  writable(): void {
    for (const [key, typing] of this.#waiting) {
      const name = this.#nameOf(typing);
      if (name !== undefined && this.#session.deliver(this.#packetOf(typing, name), 0, noMessage) === "full") return;
      this.#waiting.delete(key);
    }
  }
}
