/** Changes to MQTT sessions that outlive their connection. */
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import { insertReceived, type QueueChanges, type WireSending } from "./queue-changes.ts";
import type { SubscriptionRow } from "./rows.ts";
import { noTurns, type WireTurns } from "./turns.ts";

export interface WireOpened {
  readonly sessionId: number;
  readonly resumed: boolean;
  readonly subscriptions: readonly SubscriptionRow[];
  readonly received: readonly number[];
  /** `[queueId, packetId, qos, released]` */
  readonly sending: readonly (readonly [number, number, number, number])[];
}

export interface WireSuspended extends WireTurns {
  readonly sessionId: number;
  readonly disconnectedAtMs: number;
  readonly expirySeconds: number | null;
  readonly sending: readonly WireSending[];
  readonly waiting: readonly number[];
}

export function createSessionChanges(tx: Tx, queue: QueueChanges) {
  const { db } = tx;
  const { orm, p, and, eq, sql, mqttReceived, mqttSessions, mqttSubscriptions } = tx.drizzle();
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
      expirySeconds: p("expirySeconds"),
    })
    .returning({ sessionId: mqttSessions.sessionId })
    .prepare();
  const connect = db.prepare(
    "UPDATE mqtt_sessions SET last_connected_at_ms = ?2, expiry_seconds = ?3, disconnected_at_ms = NULL WHERE session_id = ?1",
  );
  const disconnect = db.prepare(
    "UPDATE mqtt_sessions SET disconnected_at_ms = ?2, expiry_seconds = ?3 WHERE session_id = ?1",
  );
  const deleteSession = orm
    .delete(mqttSessions)
    .where(eq(mqttSessions.sessionId, p("sessionId")))
    .prepare();
  const deleteQueued = db.prepare("DELETE FROM mqtt_queue WHERE session_id = ? AND live = 0");
  const selectSending = db.prepare(
    "SELECT queue_id, packet_id, qos, released FROM mqtt_queue WHERE session_id = ? AND live = 0 AND packet_id <> 0 ORDER BY queue_id",
  );

  const selectSubscriptions = orm
    .select({
      filter: mqttSubscriptions.filter,
      qos: mqttSubscriptions.qos,
      options: mqttSubscriptions.options,
      subscriptionId: mqttSubscriptions.subscriptionId,
    })
    .from(mqttSubscriptions)
    .where(eq(mqttSubscriptions.sessionId, p("sessionId")))
    .prepare();
  const upsertSubscription = orm
    .insert(mqttSubscriptions)
    .values({
      sessionId: p("sessionId"),
      filter: p("filter"),
      qos: p("qos"),
      options: p("options"),
      subscriptionId: p("subscriptionId"),
    })
    .onConflictDoUpdate({
      target: [mqttSubscriptions.sessionId, mqttSubscriptions.filter],
      set: { qos: sql`excluded.qos`, options: sql`excluded.options`, subscriptionId: sql`excluded.subscription_id` },
    })
    .prepare();
  const deleteSubscription = orm
    .delete(mqttSubscriptions)
    .where(and(eq(mqttSubscriptions.sessionId, p("sessionId")), eq(mqttSubscriptions.filter, p("filter"))))
    .prepare();

  const takePacketId = db.prepare(insertReceived);
  const selectReceived = orm
    .select({ packetId: mqttReceived.packetId })
    .from(mqttReceived)
    .where(eq(mqttReceived.sessionId, p("sessionId")))
    .prepare();
  const deleteReceived = orm
    .delete(mqttReceived)
    .where(and(eq(mqttReceived.sessionId, p("sessionId")), eq(mqttReceived.packetId, p("packetId"))))
    .prepare();

  function openSession(session: {
    principalKey: string;
    clientId: string;
    nowMs: number;
    expirySeconds: number | null;
  }): WireOpened {
    const { principalKey, clientId, nowMs, expirySeconds } = session;
    const known = selectSession.get({ principalKey, clientId });
    tx.writes += 1;
    if (known === undefined) {
      const [made] = insertSession.all({ principalKey, clientId, nowMs, expirySeconds });
      if (made === undefined) throw new Error("a session was not made");
      return { sessionId: made.sessionId, resumed: false, subscriptions: [], received: [], sending: [] };
    }
    const { sessionId } = known;
    connect.run(sessionId, nowMs, expirySeconds);
    return {
      sessionId,
      resumed: true,
      subscriptions: selectSubscriptions.all({ sessionId }),
      received: selectReceived.all({ sessionId }).map(({ packetId }) => packetId),
      sending: selectSending.values(sessionId) as [number, number, number, number][],
    };
  }

  function suspendSession(args: WireSuspended): null {
    tx.writes += 1;
    disconnect.run(args.sessionId, args.disconnectedAtMs, args.expirySeconds);
    queue.changes.leaveTurns(args);
    queue.suspendSending(args.sending);
    return queue.changes.wait({ queueIds: args.waiting, ...noTurns });
  }

  function endSession(args: { sessionId: number }): null {
    tx.writes += 1;
    deleteSession.run(args);
    // Beside foreign keys, which would cost every queued message a look at its session.
    deleteQueued.run(args.sessionId);
    return null;
  }

  function subscribe(args: { sessionId: number; subscriptions: readonly SubscriptionRow[] }): null {
    const { sessionId } = args;
    for (const { filter, qos, options, subscriptionId } of args.subscriptions) {
      tx.writes += 1;
      upsertSubscription.run({ sessionId, filter, qos, options, subscriptionId });
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

  return {
    openSession: growing(openSession),
    suspendSession: freeing(suspendSession),
    endSession: freeing(endSession),
    subscribe: growing(subscribe),
    unsubscribe: freeing(unsubscribe),
    received: growing(received),
    released: freeing(released),
  };
}
