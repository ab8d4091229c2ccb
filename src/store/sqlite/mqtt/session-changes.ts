/** Changes to MQTT sessions that outlive their connection. */
import { DomainError } from "../../../domain/errors.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import { insertReceived, type QueueChanges, type WireSending } from "./queue-changes.ts";
import type { SubscriptionRow } from "./rows.ts";
import { noTurns, type WireTurns } from "./turns.ts";

export interface WireOpening {
  readonly principalKey: string;
  readonly clientId: string;
  readonly nowMs: number;
  readonly expirySeconds: number | null;
}

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
  const selectSession = db.prepare<{ sessionId: number }, [string, string]>(
    "SELECT session_id sessionId FROM mqtt_sessions WHERE principal_key = ? AND client_id = ?",
  );
  const insertSession = db.prepare<{ sessionId: number }, [string, string, number, number | null]>(
    `INSERT INTO mqtt_sessions (principal_key, client_id, created_at_ms, last_connected_at_ms, expiry_seconds)
     VALUES (?1, ?2, ?3, ?3, ?4) RETURNING session_id sessionId`,
  );
  const connect = db.prepare(
    "UPDATE mqtt_sessions SET last_connected_at_ms = ?2, expiry_seconds = ?3, disconnected_at_ms = NULL WHERE session_id = ?1",
  );
  const disconnect = db.prepare(
    "UPDATE mqtt_sessions SET disconnected_at_ms = ?2, expiry_seconds = ?3 WHERE session_id = ?1",
  );
  const deleteSession = db.prepare("DELETE FROM mqtt_sessions WHERE session_id = ?");
  const deleteQueued = db.prepare("DELETE FROM mqtt_queue WHERE session_id = ? AND live = 0");
  const selectSending = db.prepare(
    "SELECT queue_id, packet_id, qos, released FROM mqtt_queue WHERE session_id = ? AND live = 0 AND packet_id <> 0 ORDER BY queue_id",
  );

  const selectSubscriptions = db.prepare<SubscriptionRow, [number]>(
    `SELECT filter, qos, options, subscription_id subscriptionId FROM mqtt_subscriptions WHERE session_id = ?`,
  );
  const upsertSubscription = db.prepare(
    `INSERT INTO mqtt_subscriptions (session_id, filter, qos, options, subscription_id) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET qos = excluded.qos, options = excluded.options, subscription_id = excluded.subscription_id`,
  );
  const deleteSubscription = db.prepare("DELETE FROM mqtt_subscriptions WHERE session_id = ? AND filter = ?");

  const takePacketId = db.prepare(insertReceived);
  const selectReceived = db.prepare<{ packetId: number }, [number]>(
    "SELECT packet_id packetId FROM mqtt_received WHERE session_id = ?",
  );
  const deleteReceived = db.prepare("DELETE FROM mqtt_received WHERE session_id = ? AND packet_id = ?");

  function openSession(opening: WireOpening): WireOpened {
    const { principalKey, clientId, nowMs, expirySeconds } = opening;
    const known = selectSession.get(principalKey, clientId);
    if (known !== null) return resume(known.sessionId, opening);
    tx.writes += 1;
    const made = insertSession.get(principalKey, clientId, nowMs, expirySeconds);
    if (made === null) throw new Error("a session was not made");
    return { sessionId: made.sessionId, resumed: false, subscriptions: [], received: [], sending: [] };
  }

  /** What a full disk leaves of `openSession`: a client comes back for what waits for it, and a new session is refused. */
  function resumeSession(opening: WireOpening): WireOpened {
    const known = selectSession.get(opening.principalKey, opening.clientId);
    if (known === null) throw new DomainError("storage_full");
    return resume(known.sessionId, opening);
  }

  function resume(sessionId: number, { nowMs, expirySeconds }: WireOpening): WireOpened {
    tx.writes += 1;
    connect.run(sessionId, nowMs, expirySeconds);
    return {
      sessionId,
      resumed: true,
      subscriptions: selectSubscriptions.all(sessionId),
      received: selectReceived.all(sessionId).map(({ packetId }) => packetId),
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
    deleteSession.run(args.sessionId);
    // Beside foreign keys, which would cost every queued message a look at its session.
    deleteQueued.run(args.sessionId);
    return null;
  }

  function subscribe(args: { sessionId: number; subscriptions: readonly SubscriptionRow[] }): null {
    const { sessionId } = args;
    for (const { filter, qos, options, subscriptionId } of args.subscriptions) {
      tx.writes += 1;
      upsertSubscription.run(sessionId, filter, qos, options, subscriptionId);
    }
    return null;
  }

  function unsubscribe(args: { sessionId: number; filters: readonly string[] }): null {
    for (const filter of args.filters) {
      tx.writes += 1;
      deleteSubscription.run(args.sessionId, filter);
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
    deleteReceived.run(args.sessionId, args.packetId);
    return null;
  }

  return {
    openSession: growing(openSession),
    resumeSession: freeing(resumeSession),
    suspendSession: freeing(suspendSession),
    endSession: freeing(endSession),
    subscribe: growing(subscribe),
    unsubscribe: freeing(unsubscribe),
    received: growing(received),
    released: freeing(released),
  };
}
