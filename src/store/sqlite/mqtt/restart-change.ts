/** What the end of an earlier process left: sessions that look connected, messages that look as if their client kept up. */
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { QueueChanges } from "./queue-changes.ts";

/** Every start waits for it, so its statements stand apart from those of the sessions. */
export function createRestartChange(tx: Tx, queue: QueueChanges) {
  const { db } = tx;
  const disconnectAll = db.prepare("UPDATE mqtt_sessions SET disconnected_at_ms = ? WHERE disconnected_at_ms IS NULL");
  // The one statement that reads the queue from end to end, and of large packets only where they begin.
  const waitAll = db.prepare("UPDATE mqtt_queue SET live = 0 WHERE live <> 0");
  const deleteOrphans = db.prepare(
    "DELETE FROM mqtt_queue INDEXED BY mqtt_queue_waiting WHERE live = 0 AND session_id NOT IN (SELECT session_id FROM mqtt_sessions)",
  );

  /** Writes nothing where there is nothing to do. */
  function restart(args: { nowMs: number }): null {
    tx.writes += 1;
    disconnectAll.run(args.nowMs);
    queue.leaveAllTurns();
    waitAll.run();
    deleteOrphans.run();
    return null;
  }

  return { restart: freeing(restart) };
}
