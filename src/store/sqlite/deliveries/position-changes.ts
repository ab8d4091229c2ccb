/** Changes to how far members have got, and to the durable events they confirmed. */
import { doors } from "../../../domain/model.ts";
import type { Tx } from "../engine/tx.ts";

/** So long, and not longer, an event waits for its doors. */
export const eventKeptMs = 30 * 86_400_000;

/** `[userId, deviceId or 0, chatId, deliveredSeq, 1 if only passed over]` */
export type WireAdvance = readonly [number, number, number, number, number];

export function createDeliveryChanges(tx: Tx) {
  const { db } = tx;
  // A confirmation of what was never sent, or of a chat since left, moves nothing; no position moves back. Nor does a
  // device that confirms what is older than itself: where it begins is ahead of that.
  const moveMember = db.prepare(
    "UPDATE members SET delivered_seq = ?1 WHERE chat_id = ?2 AND user_id = ?3 AND delivered_seq < ?1 AND ?1 <= (SELECT last_seq FROM chats WHERE chat_id = ?2)",
  );
  const moveDevice = db.prepare(
    `INSERT INTO device_positions (device_id, chat_id, delivered_seq)
     SELECT d.device_id, c.chat_id, ?1 FROM devices d JOIN members m ON m.user_id = d.user_id JOIN chats c ON c.chat_id = m.chat_id
     JOIN messages g ON g.chat_id = c.chat_id AND g.seq = ?1
     WHERE d.device_id = ?2 AND d.user_id = ?3 AND c.chat_id = ?4 AND ?1 <= c.last_seq AND g.message_id > d.since_message_id
     ON CONFLICT DO UPDATE SET delivered_seq = max(delivered_seq, excluded.delivered_seq)`,
  );
  const confirm = db.prepare("UPDATE events SET doors = doors & ~?1 WHERE event_id = ?2 AND user_id = ?3");
  const dropConfirmed = db.prepare("DELETE FROM events WHERE event_id = ? AND doors = 0");
  const dropOld = db.prepare("DELETE FROM events WHERE created_at_ms < ?");

  function advance(args: { moves: readonly WireAdvance[] }): null {
    for (const [userId, deviceId, chatId, seq, passedOver] of args.moves) {
      tx.writes += 1;
      if (passedOver === 0) moveMember.run(seq, chatId, userId);
      if (deviceId !== 0) moveDevice.run(seq, deviceId, userId, chatId);
    }
    return null;
  }

  function confirmEvents(args: { userId: number; door: keyof typeof doors; eventIds: readonly number[] }): null {
    tx.writes += 1;
    for (const eventId of args.eventIds) {
      confirm.run(doors[args.door], eventId, args.userId);
      dropConfirmed.run(eventId);
    }
    dropOld.run(tx.nowMs - eventKeptMs);
    return null;
  }

  return { advance, confirmEvents };
}
