/** What was spent on messages in the last day: written as it is spent, read once at start. */
import type { Database } from "bun:sqlite";
import type { Submit } from "../submit.ts";
import type { PaidMessage } from "./paid-message-changes.ts";

export interface PaidMessageStore {
  keep(message: PaidMessage): Promise<void>;
  /** The oldest first; some may be older than a day. */
  list(): PaidMessage[];
}

export const createPaidMessageStore = (db: Database, submit: Submit): PaidMessageStore => ({
  keep: (message) => submit("keepPaidMessage", message).then(() => {}),
  list: () =>
    db
      .query<PaidMessage, []>("SELECT number, network, prefix, paid_at_ms atMs FROM paid_messages ORDER BY paid_at_ms")
      .all(),
});
