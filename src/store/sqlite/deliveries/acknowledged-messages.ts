/**
 * Messages that clients confirmed one by one, and not always in order. A position moves over what it reaches without a
 * gap; what lies beyond the gap stands beside it as ranges.
 */
import { parseRanges, type Range, rangesText, settle, withRange } from "../../../lib/ranges.ts";
import type { Tx } from "../engine/tx.ts";

/** A position keeps no more; beyond it the oldest is forgotten, and the gap before it is sent again with it. */
const rangesMax = 256;

/** `[userId, deviceId or 0, chatId, ranges]` */
export type WireConfirmed = readonly [number, number, number, readonly Range[]];

interface PositionRow {
  readonly deliveredSeq: number;
  readonly ranges: string | null;
  readonly joinedSeq: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export function createConfirmedChanges(tx: Tx) {
  const { db } = tx;
  const ofMember = db.prepare<PositionRow, [number, number]>(
    `SELECT m.delivered_seq deliveredSeq, m.delivered_ranges ranges, m.joined_seq joinedSeq, c.first_seq firstSeq, c.last_seq lastSeq
     FROM members m JOIN chats c USING (chat_id) WHERE m.chat_id = ? AND m.user_id = ?`,
  );
  const setMember = db.prepare(
    "UPDATE members SET delivered_seq = ?, delivered_ranges = ? WHERE chat_id = ? AND user_id = ?",
  );
  const ofDevice = db.prepare<
    { deliveredSeq: number | null; ranges: string | null; since: number },
    [number, number, number]
  >(
    `SELECT p.delivered_seq deliveredSeq, p.delivered_ranges ranges, d.since_message_id since FROM devices d
     LEFT JOIN device_positions p ON p.device_id = d.device_id AND p.chat_id = ? WHERE d.device_id = ? AND d.user_id = ?`,
  );
  const setDevice = db.prepare(
    `INSERT INTO device_positions (device_id, chat_id, delivered_seq, delivered_ranges) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET delivered_seq = excluded.delivered_seq, delivered_ranges = excluded.delivered_ranges`,
  );
  const idAt = db.prepare<{ messageId: number }, [number, number]>(
    "SELECT message_id messageId FROM messages WHERE chat_id = ? AND seq = ?",
  );

  function confirmMessages(args: { moves: readonly WireConfirmed[] }): null {
    for (const move of args.moves) confirmOne(move);
    return null;
  }

  function confirmOne([userId, deviceId, chatId, confirmed]: WireConfirmed): void {
    const member = ofMember.get(chatId, userId);
    if (member === null) return; // left since
    if (deviceId === 0) {
      const after = moved(member.deliveredSeq, member, parseRanges(member.ranges), confirmed);
      setMemberTo(chatId, userId, after);
      return;
    }
    const device = ofDevice.get(chatId, deviceId, userId);
    if (device === null) return;
    const from = Math.max(device.deliveredSeq ?? seqThrough(chatId, device.since, member), member.joinedSeq);
    const after = moved(from, member, parseRanges(device.ranges), confirmed);
    tx.writes += 1;
    setDevice.run(deviceId, chatId, after.position, rangesText(after.ranges));
    // The user has got as far as the device that got furthest.
    if (after.position > member.deliveredSeq) {
      setMemberTo(chatId, userId, moved(after.position, member, parseRanges(member.ranges), []));
    }
  }

  function setMemberTo(chatId: number, userId: number, after: ReturnType<typeof settle>): void {
    tx.writes += 1;
    setMember.run(after.position, rangesText(after.ranges), chatId, userId);
  }

  /** Confirmations of what was never sent count for nothing. */
  function moved(
    position: number,
    { firstSeq, lastSeq }: PositionRow,
    known: readonly Range[],
    confirmed: readonly Range[],
  ) {
    let ranges = known;
    for (const [from, to] of confirmed) {
      if (from >= 1 && from <= to && to <= lastSeq) ranges = withRange(ranges, from, to);
    }
    const after = settle(Math.max(position, firstSeq - 1), ranges);
    return { position: after.position, ranges: after.ranges.slice(-rangesMax) };
  }

  /** The last `seq` of a chat with a message id up to `through`: both rise together, so halve the range. */
  function seqThrough(chatId: number, through: number, { firstSeq, lastSeq }: PositionRow): number {
    let low = firstSeq - 1;
    let high = lastSeq;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((idAt.get(chatId, middle)?.messageId ?? 0) <= through) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  return { confirmMessages };
}
