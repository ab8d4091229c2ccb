/** Messages that cost money, of the last day: what was spent must survive a restart. */
import type { SteadyMs } from "../../../lib/clock.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

const keptMs = 86_400_000;

export interface PaidMessage {
  readonly number: string;
  readonly network: string;
  readonly prefix: string;
  readonly atMs: SteadyMs;
}

export function createPaidMessageChanges(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare("INSERT INTO paid_messages (number, network, prefix, paid_at_ms) VALUES (?, ?, ?, ?)");
  const deleteOld = db.prepare("DELETE FROM paid_messages WHERE paid_at_ms <= ?");

  function keepPaidMessage({ number, network, prefix, atMs }: PaidMessage): null {
    tx.writes += 1;
    deleteOld.run(tx.steadyMs - keptMs);
    insert.run(number, network, prefix, Math.min(atMs, tx.steadyMs));
    return null;
  }

  return { keepPaidMessage: growing(keepPaidMessage) };
}
