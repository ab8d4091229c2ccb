/** Changes to MQTT sessions that outlive their connection. */
import { and, eq, sql } from "drizzle-orm";
import { mqttReceived, mqttRetained, mqttSessions, mqttSubscriptions } from "../schema.ts";
import type { Tx } from "../tx.ts";

export interface StoredSubscription {
  readonly filter: string;
  readonly qos: number;
}

/** `blob` is the place of the payload beside the batch; without it the topic retains nothing. */
export interface WireRetained {
  readonly topic: string;
  readonly qos: number;
  readonly blob: number | null;
}

/** A packet id of a session that has just ended is nobody's. */
export const insertReceived =
  "INSERT OR IGNORE INTO mqtt_received (session_id, packet_id) SELECT session_id, ?2 FROM mqtt_sessions WHERE session_id = ?1";

export function createMqttChanges(tx: Tx) {
  const { orm } = tx;
  const p = sql.placeholder;
  const selectSession = orm
    .select({ sessionId: mqttSessions.sessionId })
    .from(mqttSessions)
    .where(and(eq(mqttSessions.principalKey, p("principalKey")), eq(mqttSessions.clientId, p("clientId"))))
    .prepare();
  const insertSession = orm
    .insert(mqttSessions)
    .values({
      principalKey: p("principalKey"),
      clientId: p("clientId"),
      createdAtMs: p("nowMs"),
      lastConnectedAtMs: p("nowMs"),
    })
    .returning({ sessionId: mqttSessions.sessionId })
    .prepare();
  const touchSession = orm
    .update(mqttSessions)
    .set({ lastConnectedAtMs: sql`${p("nowMs")}` })
    .where(eq(mqttSessions.sessionId, p("sessionId")))
    .prepare();
  const selectSubscriptions = orm
    .select({ filter: mqttSubscriptions.filter, qos: mqttSubscriptions.qos })
    .from(mqttSubscriptions)
    .where(eq(mqttSubscriptions.sessionId, p("sessionId")))
    .prepare();
  const upsertSubscription = orm
    .insert(mqttSubscriptions)
    .values({ sessionId: p("sessionId"), filter: p("filter"), qos: p("qos") })
    .onConflictDoUpdate({
      target: [mqttSubscriptions.sessionId, mqttSubscriptions.filter],
      set: { qos: sql`excluded.qos` },
    })
    .prepare();
  const deleteSubscription = orm
    .delete(mqttSubscriptions)
    .where(and(eq(mqttSubscriptions.sessionId, p("sessionId")), eq(mqttSubscriptions.filter, p("filter"))))
    .prepare();
  const deleteSession = orm
    .delete(mqttSessions)
    .where(eq(mqttSessions.sessionId, p("sessionId")))
    .prepare();

  // A statement of its own: Drizzle would turn the payload into a Buffer and copy it.
  const upsertRetained = tx.db.prepare(
    "INSERT INTO mqtt_retained (topic, qos, payload, stored_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET qos = excluded.qos, payload = excluded.payload, stored_at_ms = excluded.stored_at_ms",
  );
  const deleteRetained = orm
    .delete(mqttRetained)
    .where(eq(mqttRetained.topic, p("topic")))
    .prepare();

  const takePacketId = tx.db.prepare(insertReceived);
  const selectReceived = orm
    .select({ packetId: mqttReceived.packetId })
    .from(mqttReceived)
    .where(eq(mqttReceived.sessionId, p("sessionId")))
    .prepare();
  const deleteReceived = orm
    .delete(mqttReceived)
    .where(and(eq(mqttReceived.sessionId, p("sessionId")), eq(mqttReceived.packetId, p("packetId"))))
    .prepare();

  function openSession(session: { principalKey: string; clientId: string }): {
    sessionId: number;
    resumed: boolean;
    subscriptions: StoredSubscription[];
    received: number[];
  } {
    const known = selectSession.get({ ...session });
    tx.writes += 1;
    if (known !== undefined) {
      const { sessionId } = known;
      touchSession.run({ sessionId, nowMs: tx.nowMs });
      const received = selectReceived.all({ sessionId }).map(({ packetId }) => packetId);
      return { sessionId, resumed: true, subscriptions: selectSubscriptions.all({ sessionId }), received };
    }
    const [made] = insertSession.all({ ...session, nowMs: tx.nowMs });
    if (made === undefined) throw new Error("a session was not made");
    return { sessionId: made.sessionId, resumed: false, subscriptions: [], received: [] };
  }

  function subscribe(args: { sessionId: number; subscriptions: readonly StoredSubscription[] }): null {
    for (const { filter, qos } of args.subscriptions) {
      tx.writes += 1;
      upsertSubscription.run({ sessionId: args.sessionId, filter, qos });
    }
    return null;
  }

  function unsubscribe(args: { sessionId: number; filters: readonly string[] }): null {
    for (const filter of args.filters) {
      tx.writes += 1;
      deleteSubscription.run({ sessionId: args.sessionId, filter });
    }
    return null;
  }

  function endSession(args: { sessionId: number }): null {
    tx.writes += 1;
    deleteSession.run(args);
    return null;
  }

  function retain(args: { topics: readonly WireRetained[] }, blobs: readonly Uint8Array[]): null {
    for (const { topic, qos, blob } of args.topics) {
      tx.writes += 1;
      if (blob === null) deleteRetained.run({ topic });
      else upsertRetained.run(topic, qos, blobs[blob] ?? null, tx.nowMs);
    }
    return null;
  }

  function received(args: { sessionId: number; packetId: number }): null {
    tx.writes += 1;
    takePacketId.run(args.sessionId, args.packetId);
    return null;
  }

  function released(args: { sessionId: number; packetId: number }): null {
    tx.writes += 1;
    deleteReceived.run(args);
    return null;
  }

  return { retain, received, released, openSession, subscribe, unsubscribe, endSession };
}
