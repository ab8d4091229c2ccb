/** Messages that cost money, of the last day: what was spent must survive a restart. */
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

const keptMs = 86_400_000;

export interface PaidMessage {
  readonly number: string;
  readonly network: string;
  readonly prefix: string;
  readonly atMs: number;
}

export function createPaidMessageChanges(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare("INSERT INTO paid_messages (number, network, prefix, paid_at_ms) VALUES (?, ?, ?, ?)");
  const deleteOld = db.prepare("DELETE FROM paid_messages WHERE paid_at_ms <= ?");
  // The clock was set back: else they would be kept until it has caught up.
  const settleNow = db.prepare("UPDATE paid_messages SET paid_at_ms = ?1 WHERE paid_at_ms > ?1");

  function keepPaidMessage({ number, network, prefix, atMs }: PaidMessage): null {
    tx.writes += 1;
    deleteOld.run(tx.nowMs - keptMs);
    settleNow.run(tx.nowMs);
    insert.run(number, network, prefix, Math.min(atMs, tx.nowMs));
    return null;
  }

  return { keepPaidMessage: growing(keepPaidMessage) };
}
