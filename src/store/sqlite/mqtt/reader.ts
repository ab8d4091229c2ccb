/**
 * What an MQTT broker reads back, on the calling thread's own connection. As in `reader.ts` every statement runs to its
 * end within the tick; a broker with much to read asks page by page.
 */
import type { Database } from "bun:sqlite";
import type { SteadyMs } from "../../../lib/clock.ts";
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
  "sessionsPage" | "wills" | "lastQueueId" | "retainedPage" | "hasDiskFor" | "findSession" | "queuedPage" | "queuedOf"
>;

export function createMqttReader(
  db: Database,
  disk: { hasRoom(userId: number, bytes: () => number): boolean },
): MqttReader {
  /** Prepared together, by the first that is used. */
  const statements = lazily(() => ({
    retainedAfter: db.prepare<RetainedRow, [string]>(
      "SELECT topic, qos, payload, properties, expires_at_ms expiresAtMs, publisher_key owner FROM mqtt_retained WHERE topic > ? ORDER BY topic",
    ),
    sessionByOwner: db.prepare<{ sessionId: number }, [string, string]>(
      "SELECT session_id sessionId FROM mqtt_sessions WHERE principal_key = ? AND client_id = ?",
    ),
    // One that was never suspended is only read before `restart`.
    sessionsAfter: db.prepare<SessionRow, [number, number]>(
      "SELECT session_id sessionId, principal_key principalKey, client_id clientId, expiry_seconds expirySeconds, coalesce(disconnected_at_ms, last_connected_at_ms) disconnectedAtMs, (SELECT count(*) FROM mqtt_queue WHERE mqtt_queue.session_id = mqtt_sessions.session_id AND live = 0) queued FROM mqtt_sessions WHERE session_id > ? ORDER BY session_id LIMIT ?",
    ),
    subscriptionsBetween: db.prepare<SubscriptionRow & { sessionId: number }, [number, number]>(
      "SELECT session_id sessionId, filter, qos, options, subscription_id subscriptionId FROM mqtt_subscriptions WHERE session_id BETWEEN ? AND ?",
    ),
    allWills: db.prepare<WillRow, []>(
      "SELECT will_id willId, principal_key principalKey, client_id clientId, packet, delay_seconds delaySeconds, publish_at_ms publishAtMs FROM mqtt_wills ORDER BY will_id",
    ),
    highestQueueId: db.prepare<{ queueId: number }, []>(
      "SELECT max(coalesce((SELECT max(queue_id) FROM mqtt_queue), 0), coalesce((SELECT max(last_id) FROM mqtt_turns), 0)) queueId",
    ),
    queuedAfter: db.prepare<QueuedRow, [number, number, number]>(
      "SELECT queue_id queueId, qos, packet_id packetId, released, expires_at_ms expiresAtMs, share, packet FROM mqtt_queue WHERE session_id = ? AND live = 0 AND queue_id > ? ORDER BY queue_id LIMIT ?",
    ),
    queuedSum: db.prepare<{ messages: number; bytes: number }, [number]>(
      "SELECT count(*) messages, coalesce(sum(length(packet)), 0) bytes FROM mqtt_queue WHERE session_id = ? AND live = 0",
    ),
  }));

  /** About a megabyte of retained messages after `after`, by topic. */
  function retainedPage(after: string): StoredRetained[] {
    const page: StoredRetained[] = [];
    let bytes = 0;
    for (const row of statements().retainedAfter.iterate(after)) {
      page.push({
        topic: row.topic,
        payload: row.payload,
        qos: qosOf(row.qos),
        properties: row.properties ?? undefined,
        expiresAtMs: row.expiresAtMs ?? undefined,
        owner: row.owner ?? undefined,
      });
      bytes += row.payload.length + (row.properties?.length ?? 0);
      if (bytes >= retainedPageBytesMax || page.length >= retainedPageMax) break;
    }
    return page;
  }

  function sessionsPage(after: number): StoredSession[] {
    const rows = statements().sessionsAfter.all(after, sessionsPageMax);
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return [];
    const subscriptions = new Map<number, StoredSubscription[]>(rows.map((row) => [row.sessionId, []]));
    for (const row of statements().subscriptionsBetween.all(first.sessionId, last.sessionId)) {
      subscriptions.get(row.sessionId)?.push(toSubscription(row));
    }
    return rows.map((row) => ({
      ...row,
      expirySeconds: row.expirySeconds ?? undefined,
      subscriptions: subscriptions.get(row.sessionId) ?? [],
    }));
  }

  const wills = (): StoredWill[] =>
    statements()
      .allWills.all()
      .map((row) => ({ ...row, publishAtMs: row.publishAtMs ?? undefined }));

  /** One message at least, if there is one. */
  function queuedPage(sessionId: number, after: number): QueuedMessage[] {
    const page: QueuedMessage[] = [];
    let bytes = 0;
    for (const row of statements().queuedAfter.iterate(sessionId, after, queuedPageMax)) {
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
    // Devices are the operator's, and have what they need.
    hasDiskFor: (principalKey: string, bytes: () => number): boolean =>
      !principalKey.startsWith("user:") || disk.hasRoom(Number(principalKey.slice("user:".length)), bytes),
    sessionsPage,
    wills,
    queuedPage,
    findSession: (principalKey: string, clientId: string): number | undefined =>
      statements().sessionByOwner.get(principalKey, clientId)?.sessionId,
    lastQueueId: (): number => statements().highestQueueId.get()?.queueId ?? 0,
    queuedOf: (sessionId: number) => statements().queuedSum.get(sessionId) ?? { messages: 0, bytes: 0 },
  };
}

interface RetainedRow {
  readonly topic: string;
  readonly qos: number;
  readonly payload: Uint8Array;
  readonly properties: Uint8Array | null;
  readonly expiresAtMs: SteadyMs | null;
  readonly owner: string | null;
}

interface SessionRow {
  readonly sessionId: number;
  readonly principalKey: string;
  readonly clientId: string;
  readonly expirySeconds: number | null;
  readonly disconnectedAtMs: SteadyMs;
  readonly queued: number;
}

interface WillRow extends Omit<StoredWill, "publishAtMs"> {
  readonly publishAtMs: SteadyMs | null;
}

interface QueuedRow {
  readonly queueId: number;
  readonly qos: number;
  readonly packetId: number;
  readonly released: number;
  readonly expiresAtMs: SteadyMs;
  readonly share: string | null;
  readonly packet: Uint8Array;
}
