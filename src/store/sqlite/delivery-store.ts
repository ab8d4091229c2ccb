/** What MiniOICQ's devices need of the store: messages confirmed one by one, and the chats each device was told of. */
import type { Database } from "bun:sqlite";
import type { ChatId } from "../../domain/model.ts";
import type { DeliveryStore } from "../../domain/store.ts";
import type { Range } from "../../lib/ranges.ts";
import { lazily } from "./lazily.ts";
import type { Writer } from "./writer.ts";

type Parts = Pick<DeliveryStore, "confirmMessages" | "confirmedRanges" | "announceChats" | "unannouncedChats">;

interface RangesRow {
  readonly chatId: ChatId;
  readonly ranges: string;
}

export function createDeliveryStore(db: Database, submit: Writer["submit"]): Parts {
  const rangesOfUser = lazily(() =>
    db.prepare<RangesRow, [number]>(
      "SELECT chat_id chatId, delivered_ranges ranges FROM members WHERE user_id = ? AND delivered_ranges IS NOT NULL",
    ),
  );
  const rangesOfDevice = lazily(() =>
    db.prepare<RangesRow, [number]>(
      "SELECT chat_id chatId, delivered_ranges ranges FROM device_positions WHERE device_id = ? AND delivered_ranges IS NOT NULL",
    ),
  );
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
    confirmMessages: (moves) =>
      submit("confirmMessages", {
        moves: moves.map((move) => [move.userId, move.deviceId ?? 0, move.chatId, move.ranges]),
      }).then(nothing),
    async confirmedRanges(userId, deviceId) {
      const rows = deviceId === undefined ? rangesOfUser().all(userId) : rangesOfDevice().all(deviceId);
      return new Map(rows.map((row) => [row.chatId, JSON.parse(row.ranges) as readonly Range[]]));
    },
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
