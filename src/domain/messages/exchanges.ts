/**
 * Batches of one sender: messages with a text per recipient, and statuses. A batch is checked as a whole and applied in
 * one commit.
 */
import { DomainError } from "../errors.ts";
import type { Store } from "../store.ts";
import type { Exchange, Exchanged } from "./exchange-store.ts";
import type { MessageLimits } from "./messages.ts";

export type Exchanges = ReturnType<typeof createExchanges>;

export function createExchanges({ store, limits }: { store: Store; limits: MessageLimits }) {
  /**
   * Resolves when everything is on disk and queued for the recipients who are connected. Throws what the store throws.
   */
  async function exchange(batch: Exchange): Promise<Exchanged | "foreign"> {
    for (const draft of batch.messages) {
      for (const { text } of draft.texts) checkText(text);
    }
    return store.exchange(batch);
  }

  function checkText(text: string): void {
    if (text.length * 3 > limits.contentBytesMax && Buffer.byteLength(text) > limits.contentBytesMax) {
      throw new DomainError("message_too_large", `a text is over ${limits.contentBytesMax} bytes`);
    }
    if (!text.isWellFormed()) throw new DomainError("invalid_message", "not Unicode");
  }

  return { exchange };
}
