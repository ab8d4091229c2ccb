/** Changes to the wills of MQTT clients that are connected, or gone while the will's delay runs. */
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

export function createWillChanges(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare<{ willId: number }, [string, string, Uint8Array | null, number]>(
    "INSERT INTO mqtt_wills (principal_key, client_id, packet, delay_seconds) VALUES (?, ?, ?, ?) RETURNING will_id willId",
  );
  const schedule = db.prepare("UPDATE mqtt_wills SET publish_at_ms = ?2 WHERE will_id = ?1");
  const remove = db.prepare("DELETE FROM mqtt_wills WHERE will_id = ?");

  /** The packet is its only blob. */
  function putWill(
    will: { principalKey: string; clientId: string; delaySeconds: number },
    blobs: readonly Uint8Array[],
  ): number {
    tx.writes += 1;
    const row = insert.get(will.principalKey, will.clientId, blobs[0] ?? null, will.delaySeconds);
    if (row === null) throw new Error("a will was not stored");
    return row.willId;
  }

  function scheduleWill(args: { willId: number; publishAtMs: number }): null {
    tx.writes += 1;
    schedule.run(args.willId, args.publishAtMs);
    return null;
  }

  function removeWill(args: { willId: number }): null {
    tx.writes += 1;
    remove.run(args.willId);
    return null;
  }

  return { putWill: growing(putWill), scheduleWill: freeing(scheduleWill), removeWill: freeing(removeWill) };
}
