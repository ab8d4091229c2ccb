/**
 * Changes to the messages queued for persistent MQTT sessions: a hot path. Messages for connected clients lie together
 * with those of their turn where they can; as rows of their own they are in no index while their clients are connected.
 */

import { queueColumnCount, type Sending } from "../../../mqtt/store.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { RetainedChanges, WireRetained } from "./retained-changes.ts";
import { liesTogether, StoredTurn, TurnRows, type WireTurns } from "./turns.ts";

/** The rows and the packets are the first two of its blobs. */
export interface WireQueueChange {
  /** Whether those rows that may are to lie together. */
  readonly together: boolean;
  readonly shares: readonly (readonly [row: number, filter: string])[];
  readonly received: readonly (readonly [sessionId: number, packetId: number])[];
  readonly retained: readonly WireRetained[];
}

/** `[queueId, packetId, released]` */
export type WireSending = readonly [number, number, 0 | 1];

export const toWireSending = (sending: readonly Sending[]): WireSending[] =>
  sending.map(({ queueId, packetId, released }) => [queueId, packetId, released ? 1 : 0]);

/** A session that has just ended takes no packet id. */
export const insertReceived =
  "INSERT OR IGNORE INTO mqtt_received (session_id, packet_id) SELECT session_id, ?2 FROM mqtt_sessions WHERE session_id = ?1";

export type QueueChanges = ReturnType<typeof createQueueChanges>;

export function createQueueChanges(tx: Tx, { retain }: RetainedChanges) {
  const { db } = tx;
  const insert = db.prepare(
    "INSERT INTO mqtt_queue (queue_id, session_id, qos, packet_id, released, live, expires_at_ms, share, packet) VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)",
  );
  const insertTurn = db.prepare("INSERT INTO mqtt_turns (first_id, last_id, rows, packets) VALUES (?, ?, ?, ?)");
  const selectTurn = db.prepare<{ rows: Uint8Array; packets: Uint8Array }, [number]>(
    "SELECT rows, packets FROM mqtt_turns WHERE first_id = ?",
  );
  const selectTurnIds = db.prepare<{ firstId: number }, []>(
    "SELECT first_id firstId FROM mqtt_turns ORDER BY first_id",
  );
  const deleteTurn = db.prepare("DELETE FROM mqtt_turns WHERE first_id = ?");
  const insertMoved = db.prepare(
    "INSERT OR IGNORE INTO mqtt_queue (queue_id, session_id, qos, packet_id, released, live, expires_at_ms, share, packet) VALUES (?, ?, 1, ?, 0, 1, ?, NULL, ?)",
  );
  const takePacketId = db.prepare(insertReceived);
  // An update writes the whole row again, with its packet: what waits already is left as it is.
  const waitBetween = db.prepare(
    "UPDATE mqtt_queue SET live = 0, packet_id = 0 WHERE queue_id BETWEEN ? AND ? AND (live <> 0 OR packet_id <> 0)",
  );
  const deleteBetween = db.prepare("DELETE FROM mqtt_queue WHERE queue_id BETWEEN ? AND ?");
  const givePacketId = db.prepare("UPDATE mqtt_queue SET packet_id = ?2 WHERE queue_id = ?1");
  const releaseOne = db.prepare("UPDATE mqtt_queue SET released = 1, packet = x'' WHERE queue_id = ?");
  const suspendSent = db.prepare(
    "UPDATE mqtt_queue SET live = 0, packet_id = ?2 WHERE queue_id = ?1 AND (live <> 0 OR packet_id <> ?2)",
  );
  const suspendReleased = db.prepare(
    "UPDATE mqtt_queue SET live = 0, packet_id = ?2, released = 1, packet = x'' WHERE queue_id = ?1 AND (live <> 0 OR packet_id <> ?2 OR released <> 1)",
  );

  /** Turns are read again for each session that leaves them: the last ones are kept. */
  const recent = new Map<number, StoredTurn>();
  let recentGeneration = 0;

  function turnOf(firstId: number): StoredTurn | undefined {
    if (recentGeneration !== tx.generation) recent.clear(); // A turn may have been rolled back.
    recentGeneration = tx.generation;
    const known = recent.get(firstId);
    if (known !== undefined) return known;
    const found = selectTurn.get(firstId);
    if (found === null) return undefined;
    if (recent.size >= recentMax) recent.clear();
    const turn = new StoredTurn(firstId, found.rows, found.packets);
    recent.set(firstId, turn);
    return turn;
  }

  function enqueue(change: WireQueueChange, blobs: readonly Uint8Array[]): null {
    const [rowBytes = nothing, packets = nothing] = blobs;
    const rows = numbersOf(rowBytes);
    const shares = new Map(change.shares);
    const count = Math.floor(rows.length / queueColumnCount);
    const together = change.together ? new TurnRows(count) : undefined;
    // Raised before anything is written, so that a failure in between undoes all of it.
    tx.writes += 1 + count + change.received.length;
    for (let row = 0; row < count; row += 1) {
      const at = row * queueColumnCount;
      if (together !== undefined && liesTogether(rows, at) && !shares.has(row)) {
        together.add(row, rows, at);
        continue;
      }
      const packet = packets.subarray(rows[at + 6], rows[at + 7]);
      insert.run(
        rows[at] ?? 0,
        rows[at + 1] ?? 0,
        rows[at + 2] ?? 0,
        rows[at + 3] ?? 0,
        rows[at + 4] ?? 0,
        rows[at + 5] ?? 0,
        shares.get(row) ?? null,
        packet,
      );
    }
    if (together !== undefined) {
      const [firstId = 0] = rows;
      insertTurn.run(firstId, firstId + count - 1, together.bytes, packets);
    }
    for (const [sessionId, packetId] of change.received) takePacketId.run(sessionId, packetId);
    retain({ topics: change.retained }, blobs);
    return null;
  }

  function leaveTurns({ moved, emptied }: WireTurns): null {
    tx.writes += moved.length + emptied.length;
    for (const [firstId, queueIds] of moved) {
      const turn = turnOf(firstId);
      if (turn !== undefined) for (const queueId of queueIds) moveOne(turn, queueId);
    }
    for (const firstId of emptied) {
      recent.delete(firstId);
      deleteTurn.run(firstId);
    }
    return null;
  }

  function moveOne(turn: StoredTurn, queueId: number): void {
    const message = turn.message(queueId);
    if (message === undefined) return;
    const { sessionId, packetId, expiresAtMs, packet } = message;
    insertMoved.run(queueId, sessionId, packetId, expiresAtMs, packet);
  }

  /** What a run of the server left. */
  function leaveAllTurns(): void {
    for (const { firstId } of selectTurnIds.all()) {
      const turn = turnOf(firstId);
      for (let id = firstId; turn !== undefined && id <= turn.lastId; id++) moveOne(turn, id);
      leaveTurns({ moved: [], emptied: [firstId] });
    }
  }

  function wait(args: { queueIds: readonly number[] } & WireTurns): null {
    leaveTurns(args);
    tx.writes += args.queueIds.length;
    forEachRun(args.queueIds, (first, last) => waitBetween.run(first, last));
    return null;
  }

  function send(args: { sent: readonly (readonly [queueId: number, packetId: number])[] }): null {
    tx.writes += args.sent.length;
    for (const [queueId, packetId] of args.sent) givePacketId.run(queueId, packetId);
    return null;
  }

  function release(args: { queueId: number }): null {
    tx.writes += 1;
    releaseOne.run(args.queueId);
    return null;
  }

  function dequeue(args: { queueIds: readonly number[] } & WireTurns): null {
    leaveTurns(args);
    tx.writes += args.queueIds.length;
    forEachRun(args.queueIds, (first, last) => deleteBetween.run(first, last));
    return null;
  }

  /** Part of the end of a connection. */
  function suspendSending(sending: readonly WireSending[]): void {
    tx.writes += sending.length;
    for (const [queueId, packetId, released] of sending) {
      if (released === 0) suspendSent.run(queueId, packetId);
      else suspendReleased.run(queueId, packetId);
    }
  }

  const changes = {
    enqueue: growing(enqueue),
    wait: freeing(wait),
    send: freeing(send),
    release: freeing(release),
    dequeue: freeing(dequeue),
    leaveTurns: growing(leaveTurns),
  };
  return { changes, suspendSending, leaveAllTurns };
}

const recentMax = 8;
const nothing = new Uint8Array(0);

/** Clones keep their alignment; bytes that were read from elsewhere need not have any. */
function numbersOf(bytes: Uint8Array): Float64Array {
  const aligned = bytes.byteOffset % Float64Array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Float64Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.byteLength / 8));
}

/** Each run of ids without a gap. One statement for a run costs half of one for each of its ids. */
function forEachRun(ids: readonly number[], each: (first: number, last: number) => void): void {
  const sorted = Float64Array.from(ids).sort();
  let [first] = sorted;
  if (first === undefined) return;
  let last = first;
  for (const id of sorted) {
    if (id > last + 1) {
      each(first, last);
      first = id;
    }
    last = id;
  }
  each(first, last);
}
