/**
 * Durable events of users: each waits until the doors that keep it have confirmed it. A user who never confirms does not
 * grow without end.
 */
import { type Door, doors } from "../../../domain/model.ts";
import type { Tx } from "../engine/tx.ts";

/** So long, and not longer, an event waits for its doors. */
const eventKeptMs = 30 * 86_400_000;
/** Of one user; beyond this the oldest go. */
const eventsPerUserMax = 10_000;

export interface UserEvent {
  readonly userId: number;
  readonly type: "entered" | "left" | "delivered" | "read";
  readonly chatId: number;
  /** A text of its own, or what `share` gave. */
  readonly body: string | SharedBody;
  /** The doors that keep it, a bit each. */
  readonly doors: number;
}

/** The id of a body that events of several users have together. */
export interface SharedBody {
  readonly bodyId: number;
}

export type UserEvents = ReturnType<typeof createUserEvents>;

export function createUserEvents(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare(
    "INSERT INTO events (user_id, type, chat_id, body, body_id, doors, created_at_ms, kept_since_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const insertBody = db.prepare("INSERT INTO event_bodies (body, created_at_ms) VALUES (?, ?)");
  const trim = db.prepare(
    "DELETE FROM events WHERE user_id = ?1 AND event_id <= (SELECT event_id FROM events WHERE user_id = ?1 ORDER BY event_id DESC LIMIT 1 OFFSET ?2)",
  );
  const confirm = db.prepare("UPDATE events SET doors = doors & ~?1 WHERE event_id = ?2 AND user_id = ?3");
  const dropConfirmed = db.prepare<{ bodyId: number | null }, [number]>(
    "DELETE FROM events WHERE event_id = ? AND doors = 0 RETURNING body_id bodyId",
  );
  const dropUnusedBody = db.prepare(
    "DELETE FROM event_bodies WHERE body_id = ?1 AND NOT EXISTS (SELECT 1 FROM events WHERE body_id = ?1)",
  );
  const dropOld = db.prepare("DELETE FROM events WHERE kept_since_ms < ?");
  // Also those whose last event went otherwise, for example with its user.
  const dropOldBodies = db.prepare("DELETE FROM event_bodies WHERE created_at_ms < ?");

  return {
    /** Stores a body once for the events that follow. */
    share(body: string): SharedBody {
      tx.writes += 1;
      return { bodyId: Number(insertBody.run(body, tx.steadyMs).lastInsertRowid) };
    },
    /** Gives the event's id. */
    add({ userId, type, chatId, body, doors }: UserEvent): number {
      tx.writes += 1;
      const [own, bodyId] = typeof body === "string" ? [body, null] : [null, body.bodyId];
      const eventId = Number(
        insert.run(userId, type, chatId, own, bodyId, doors, tx.nowMs, tx.steadyMs).lastInsertRowid,
      );
      if (isOneOf64(eventId)) trim.run(userId, eventsPerUserMax);
      return eventId;
    },
    confirm(userId: number, door: Door, eventId: number): void {
      tx.writes += 1;
      confirm.run(doors[door], eventId, userId);
      const bodyId = dropConfirmed.get(eventId)?.bodyId ?? null;
      if (bodyId !== null) dropUnusedBody.run(bodyId);
    },
    dropOld(): void {
      tx.writes += 1;
      dropOld.run(tx.steadyMs - eventKeptMs);
      dropOldBodies.run(tx.steadyMs - eventKeptMs);
    },
  };
}

/**
 * The row's own id says whether it is time to trim. Plain multiples of 64 would run in step with the size of a chat: of two
 * members who are told each time, one gets all the odd ids and would never be trimmed. So the id's bits are mixed first.
 */
function isOneOf64(id: number): boolean {
  let mixed = Math.imul(id ^ (id >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 16)) & 63) === 0;
}
