/**
 * What an MQTT broker reads back, on the calling thread's own connection. As in `reader.ts` every statement runs to its
 * end within the tick; a broker with much to read asks page by page.
 */
import type { Database } from "bun:sqlite";
import { lazily } from "../../../lib/lazily.ts";
import type {
  BrokerStore,
  QueuedMessage,
  StoredRetained,
  StoredSession,
  StoredSubscription,
  StoredWill,
} from "../../../mqtt/store.ts";
import { qosOf, queuedQosOf, type SubscriptionRow, toSubscription } from "./rows.ts";

const retainedPageMax = 1000;
const retainedPageBytesMax = 1024 * 1024;
const sessionsPageMax = 500;
const queuedPageMax = 100;
const queuedPageBytesMax = 256 * 1024;

/** The plain reads. */
export type MqttReader = Pick<
  BrokerStore,
  "sessionsPage" | "wills" | "lastQueueId" | "retainedPage" | "findSession" | "queuedPage" | "queuedOf"
>;

export function createMqttReader(db: Database): MqttReader {
  const retainedAfter = lazily(() =>
    db.prepare<RetainedRow, [string]>(
      "SELECT topic, qos, payload, properties, expires_at_ms expiresAtMs FROM mqtt_retained WHERE topic > ? ORDER BY topic",
    ),
  );
  const sessionByOwner = lazily(() =>
    db.prepare<{ sessionId: number }, [string, string]>(
      "SELECT session_id sessionId FROM mqtt_sessions WHERE principal_key = ? AND client_id = ?",
    ),
  );
  // One that was never suspended is only read before `restart`.
  const sessionsAfter = lazily(() =>
    db.prepare<SessionRow, [number, number]>(
      "SELECT session_id sessionId, principal_key principalKey, client_id clientId, expiry_seconds expirySeconds, coalesce(disconnected_at_ms, last_connected_at_ms) disconnectedAtMs, (SELECT count(*) FROM mqtt_queue WHERE mqtt_queue.session_id = mqtt_sessions.session_id AND live = 0) queued FROM mqtt_sessions WHERE session_id > ? ORDER BY session_id LIMIT ?",
    ),
  );
  const subscriptionsBetween = lazily(() =>
    db.prepare<SubscriptionRow & { sessionId: number }, [number, number]>(
      "SELECT session_id sessionId, filter, qos, options, subscription_id subscriptionId FROM mqtt_subscriptions WHERE session_id BETWEEN ? AND ?",
    ),
  );
  const allWills = lazily(() =>
    db.prepare<WillRow, []>(
      "SELECT will_id willId, principal_key principalKey, client_id clientId, packet, delay_seconds delaySeconds, publish_at_ms publishAtMs FROM mqtt_wills ORDER BY will_id",
    ),
  );
  const highestQueueId = lazily(() =>
    db.prepare<{ queueId: number }, []>(
      "SELECT max(coalesce((SELECT max(queue_id) FROM mqtt_queue), 0), coalesce((SELECT max(last_id) FROM mqtt_turns), 0)) queueId",
    ),
  );
  const queuedAfter = lazily(() =>
    db.prepare<QueuedRow, [number, number, number]>(
      "SELECT queue_id queueId, qos, packet_id packetId, released, expires_at_ms expiresAtMs, share, packet FROM mqtt_queue WHERE session_id = ? AND live = 0 AND queue_id > ? ORDER BY queue_id LIMIT ?",
    ),
  );
  const queuedSum = lazily(() =>
    db.prepare<{ messages: number; bytes: number }, [number]>(
      "SELECT count(*) messages, coalesce(sum(length(packet)), 0) bytes FROM mqtt_queue WHERE session_id = ? AND live = 0",
    ),
  );

  /** About a megabyte of retained messages after `after`, by topic. */
  function retainedPage(after: string): StoredRetained[] {
    const page: StoredRetained[] = [];
    let bytes = 0;
    for (const row of retainedAfter().iterate(after)) {
      page.push({
        topic: row.topic,
        payload: row.payload,
        qos: qosOf(row.qos),
        properties: row.properties ?? undefined,
        expiresAtMs: row.expiresAtMs ?? undefined,
      });
      bytes += row.payload.length + (row.properties?.length ?? 0);
      if (bytes >= retainedPageBytesMax || page.length >= retainedPageMax) break;
    }
    return page;
  }

  function sessionsPage(after: number): StoredSession[] {
    const rows = sessionsAfter().all(after, sessionsPageMax);
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return [];
    const subscriptions = new Map<number, StoredSubscription[]>(rows.map((row) => [row.sessionId, []]));
    for (const row of subscriptionsBetween().all(first.sessionId, last.sessionId)) {
      subscriptions.get(row.sessionId)?.push(toSubscription(row));
    }
    return rows.map((row) => ({
      ...row,
      expirySeconds: row.expirySeconds ?? undefined,
      subscriptions: subscriptions.get(row.sessionId) ?? [],
    }));
  }

  const wills = (): StoredWill[] =>
    allWills()
      .all()
      .map((row) => ({ ...row, publishAtMs: row.publishAtMs ?? undefined }));

  /** One message at least, if there is one. */
  function queuedPage(sessionId: number, after: number): QueuedMessage[] {
    const page: QueuedMessage[] = [];
    let bytes = 0;
    for (const row of queuedAfter().iterate(sessionId, after, queuedPageMax)) {
      page.push({
        queueId: row.queueId,
        qos: queuedQosOf(row.qos),
        packetId: row.packetId,
        released: row.released !== 0,
        expiresAtMs: row.expiresAtMs,
        share: row.share ?? undefined,
        packet: row.packet,
      });
      bytes += row.packet.length;
      if (bytes >= queuedPageBytesMax) break;
    }
    return page;
  }

  return {
    retainedPage,
    sessionsPage,
    wills,
    queuedPage,
    findSession: (principalKey: string, clientId: string): number | undefined =>
      sessionByOwner().get(principalKey, clientId)?.sessionId,
    lastQueueId: (): number => highestQueueId().get()?.queueId ?? 0,
    queuedOf: (sessionId: number) => queuedSum().get(sessionId) ?? { messages: 0, bytes: 0 },
  };
}

interface RetainedRow {
  readonly topic: string;
  readonly qos: number;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array | null;
  readonly expiresAtMs: number | null;
}

interface SessionRow {
  readonly sessionId: number;
  readonly principalKey: string;
  readonly clientId: string;
  readonly expirySeconds: number | null;
  readonly disconnectedAtMs: number;
  readonly queued: number;
}

interface WillRow extends Omit<StoredWill, "publishAtMs"> {
  readonly publishAtMs: number | null;
}

interface QueuedRow {
  readonly queueId: number;
  readonly qos: number;
  readonly packetId: number;
  readonly released: number;
  readonly expiresAtMs: number;
  readonly share: string | null;
  readonly packet: Uint8Array;
}
