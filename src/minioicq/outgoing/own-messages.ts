/**
 * A client's own messages. Each is pushed to the client once: as the answer to its send, or by the feed, whichever has
 * it first (O8).
 */
import type { Message, MessageId, Sent, UserId } from "../../domain/model.ts";
import type { QueuedFrame } from "./push-queue.ts";

/** Own messages answered ahead of the feed; past this the oldest is forgotten, and would be pushed once more. */
const aheadMax = 10_000;

export class OwnMessages {
  readonly #userId: UserId;
  /** Sends of this very connection whose outcome is not known yet. */
  #inFlight = 0;
  /** Own messages that the feed handed over meanwhile; one of them may be the answer to such a send. */
  readonly #handed = new Map<MessageId, QueuedFrame>();
  /** Own messages pushed as answers before the feed, still catching up, came to them. The feed skips them. */
  readonly #ahead = new Set<MessageId>();

  constructor(userId: UserId) {
    this.#userId = userId;
  }

  sendStarted(): void {
    this.#inFlight += 1;
  }

  /**
   * A send settled; `sent` is what was stored, if anything. Gives the push that holds the message, if the feed handed
   * the message over; otherwise the answer has to be written for itself.
   */
  sendSettled(sent: Sent | undefined, feedIsLive: boolean): QueuedFrame | undefined {
    this.#inFlight -= 1;
    const push = sent === undefined ? undefined : this.#take(sent, feedIsLive);
    if (this.#inFlight === 0) this.#handed.clear();
    return push;
  }

  /** The feed's messages stand in `push`. */
  handedOver(messages: readonly Message[], push: QueuedFrame): void {
    if (this.#inFlight === 0) return;
    for (const { senderId, messageId } of messages) {
      if (senderId === this.#userId) this.#handed.set(messageId, push);
    }
  }

  /** The feed came to this message. Gives whether it was pushed as an answer before. */
  wasAhead(messageId: MessageId): boolean {
    return this.#ahead.delete(messageId);
  }

  /** The feed is live and at this message: it comes to none before it any more. */
  caughtUp(messageId: MessageId): void {
    for (const id of this.#ahead) {
      if (id >= messageId) return;
      this.#ahead.delete(id);
    }
  }

  end(): void {
    this.#handed.clear();
    this.#ahead.clear();
  }

  #take(sent: Sent, feedIsLive: boolean): QueuedFrame | undefined {
    const { messageId } = sent.message;
    const push = sent.repeated ? undefined : this.#handed.get(messageId);
    // What this connection sends next has larger ids, so no send can ask for a message up to here again.
    if (!sent.repeated) this.#forget(messageId);
    if (push === undefined && !feedIsLive) this.#rememberAhead(messageId);
    return push;
  }

  #forget(through: MessageId): void {
    for (const id of this.#handed.keys()) {
      if (id > through) return;
      this.#handed.delete(id);
    }
  }

  #rememberAhead(messageId: MessageId): void {
    this.#ahead.add(messageId);
    if (this.#ahead.size <= aheadMax) return;
    for (const oldest of this.#ahead) {
      this.#ahead.delete(oldest);
      return;
    }
  }
}
