/** Changes to the retained messages of MQTT. */
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** `payload` and `properties` are places in the blobs beside the batch; without a payload the topic retains nothing. */
export interface WireRetained {
  readonly topic: string;
  readonly qos: number;
  readonly payload: number | null;
  readonly properties: number | null;
  readonly expiresAtMs: number | null;
}

export type RetainedChanges = ReturnType<typeof createRetainedChanges>;

export function createRetainedChanges(tx: Tx) {
  // Not Drizzle: it would turn the bytes into a Buffer and copy them.
  const upsert = tx.db.prepare(
    `INSERT INTO mqtt_retained (topic, qos, payload, properties, stored_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET qos = excluded.qos, payload = excluded.payload, properties = excluded.properties,
       stored_at_ms = excluded.stored_at_ms, expires_at_ms = excluded.expires_at_ms`,
  );
  const remove = tx.db.prepare("DELETE FROM mqtt_retained WHERE topic = ?");

  function retain(args: { topics: readonly WireRetained[] }, blobs: readonly Uint8Array[]): null {
    for (const { topic, qos, payload, properties, expiresAtMs } of args.topics) {
      tx.writes += 1;
      if (payload === null) remove.run(topic);
      else upsert.run(topic, qos, blobs[payload] ?? null, bytesAt(blobs, properties), tx.nowMs, expiresAtMs);
    }
    return null;
  }

  return { retain: growing(retain) };
}

const bytesAt = (blobs: readonly Uint8Array[], place: number | null): Uint8Array | null =>
  place === null ? null : (blobs[place] ?? null);
