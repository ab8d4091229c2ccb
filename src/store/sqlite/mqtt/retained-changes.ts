/** Changes to the retained messages of MQTT. */
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** `payload` and `properties` are places in the blobs beside the batch; without a payload the topic retains nothing. */
export interface WireRetained {
  readonly topic: string;
  readonly qos: number;
  readonly payload: number | null;
  readonly properties: number | null;
  readonly expiresAtMs: number | null;
  /** The key of its publisher. */
  readonly owner?: string | undefined;
}

export type RetainedChanges = ReturnType<typeof createRetainedChanges>;

export function createRetainedChanges(tx: Tx) {
  // Not Drizzle: it would turn the bytes into a Buffer and copy them.
  const upsert = tx.db.prepare(
    `INSERT INTO mqtt_retained (topic, qos, payload, properties, stored_at_ms, expires_at_ms, publisher_key)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET qos = excluded.qos, payload = excluded.payload, properties = excluded.properties,
       stored_at_ms = excluded.stored_at_ms, expires_at_ms = excluded.expires_at_ms, publisher_key = excluded.publisher_key`,
  );
  const remove = tx.db.prepare("DELETE FROM mqtt_retained WHERE topic = ?");

  function retain(args: { topics: readonly WireRetained[] }, blobs: readonly Uint8Array[]): null {
    tx.disk.countedElsewhere();
    for (const { topic, qos, payload, properties, expiresAtMs, owner } of args.topics) {
      tx.writes += 1;
      if (payload === null) remove.run(topic);
      else {
        const bytes = blobs[payload] ?? null;
        upsert.run(topic, qos, bytes, bytesAt(blobs, properties), tx.nowMs, expiresAtMs, owner ?? null);
      }
    }
    return null;
  }

  function unretain({ topics }: { topics: readonly string[] }): null {
    for (const topic of topics) {
      tx.writes += 1;
      remove.run(topic);
    }
    return null;
  }

  return { retain: growing(retain), unretain: freeing(unretain) };
}

const bytesAt = (blobs: readonly Uint8Array[], place: number | null): Uint8Array | null =>
  place === null ? null : (blobs[place] ?? null);
