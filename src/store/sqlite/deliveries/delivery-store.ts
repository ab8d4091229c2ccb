/** What moves positions, and the chats that each device of MiniOICQ was told of. */

import type { Database } from "bun:sqlite";
import type { ChatId } from "../../../domain/model.ts";
import type { Advance, DeliveryStore } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";
import { type AdvanceBy, advances, type WireAdvance, type WireConfirmed } from "./positions.ts";

type Parts = Pick<DeliveryStore, "advance" | "confirmMessages" | "announceChats" | "unannouncedChats">;

export function createDeliveryStore(db: Database, submit: Submit): Parts {
  // Rows of `members` are numbered in the order of joining.
  const unannounced = lazily(() =>
    db.prepare<{ chatId: ChatId; place: number }, [number, number, number, number]>(
      `SELECT m.chat_id chatId, m.rowid place FROM members m WHERE m.user_id = ?1 AND m.rowid > ?2
       AND NOT EXISTS (SELECT 1 FROM device_chats d WHERE d.device_id = ?3 AND d.chat_id = m.chat_id)
       ORDER BY m.rowid LIMIT ?4`,
    ),
  );
  const nothing = (): void => {};

  return {
    advance: (moves) => submit("advance", { moves: moves.map(wireAdvance) }).then(nothing),
    confirmMessages: (moves) =>
      submit("confirmMessages", {
        moves: moves.map((move): WireConfirmed => [move.userId, move.deviceId ?? 0, move.chatId, move.ranges]),
      }).then(nothing),
    announceChats: (announced) => submit("announceChats", announced).then(nothing),
    async unannouncedChats({ userId, deviceId, after, limit }) {
      const rows = unannounced().all(userId, after, deviceId, limit);
      return {
        chatIds: rows.map((row) => row.chatId),
        next: rows.length < limit ? undefined : rows.at(-1)?.place,
      };
    },
  };
}

const wireAdvance = (move: Advance): WireAdvance => [
  move.userId,
  move.deviceId ?? 0,
  move.chatId,
  move.fromSeq ?? 1,
  move.deliveredSeq,
  wayOf(move),
];

function wayOf({ passedOver, read }: Advance): AdvanceBy {
  if (passedOver === true) return advances.passedOver;
  return read === true ? advances.read : advances.delivered;
}
