/**
 * How far a member of a chat has got, and each of the member's devices: the one place that moves a position, whichever
 * way a message was confirmed. A position says "everything up to here". What was confirmed beyond a gap stands beside it
 * as ranges, and the position moves over them as the gaps close. A position never moves back. Confirmations of what was
 * never sent, or in a chat since left, count for nothing. Who may not write in a chat now says nothing of having read it: there
 * what is read counts as delivered alone, since it need not come again.
 *
 * A member has got what any of the member's clients confirmed, and no more: what no client took still waits for the member.
 * A new device begins where its member stands.
 */
import { isInRanges, parseRanges, type Range, rangesText, settle, withRange } from "../../../lib/ranges.ts";
import { mayWriteIn } from "../chats/chat-references.ts";
import type { PositionEntry, Tx } from "../engine/tx.ts";
import { seqThrough } from "../messages/seq-through.ts";
import type { Confirming, Covered, MessageStatuses, Status } from "./message-statuses.ts";

/** Kept per member or device and chat; past that the oldest is forgotten, and its gap is sent again with it. */
const rangesMax = 256;
/** Messages that are none of the reader's, which a position is moved over at one time. */
const passedOverMax = 1000;

/** What became of the messages. Those that were read were delivered too. */
export const advances = { delivered: 0, passedOver: 1, read: 2 } as const;
export type AdvanceBy = (typeof advances)[keyof typeof advances];
/** `[userId, deviceId or 0, chatId, fromSeq, deliveredSeq, by]` */
export type WireAdvance = readonly [number, number, number, number, number, AdvanceBy];
/** `[userId, deviceId or 0, chatId, ranges]` */
export type WireConfirmed = readonly [number, number, number, readonly Range[]];
/** A member's position that moved: `[chatId, userId, deliveredBefore, deliveredAfter, readBefore, readAfter]`. */
export type MovedPosition = readonly [number, number, number, number, number, number];

/** What came of confirmations. */
export interface Moves {
  /** The members' positions that moved. */
  readonly moved: MovedPosition[];
  /** The senders for whom a status was stored. */
  readonly told: number[];
}

export const noMoves = (): Moves => ({ moved: [], told: [] });

export interface ConfirmingReader {
  readonly userId: number;
  /** Null for a user without a device. */
  readonly deviceId: number | null;
}

interface MemberRow {
  readonly rowId: number;
  readonly deliveredSeq: number;
  readonly deliveredRanges: string | null;
  readonly readSeq: number;
  readonly readRanges: string | null;
  readonly joinedSeq: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

interface DeviceRow {
  readonly since: number;
  readonly deliveredSeq: number | null;
  readonly deliveredRanges: string | null;
  readonly readRanges: string | null;
}

interface KnownDeviceRow {
  readonly rowId: number;
  readonly userId: number;
  readonly deliveredSeq: number;
  readonly deliveredRanges: string | null;
}

/** How far a member or a device has got, while a change goes on. */
interface Progress {
  readonly row: { readonly deliveredRanges: string | null; readonly readRanges: string | null };
  readonly deliveredBefore: number;
  delivered: number;
  ranges: readonly Range[];
  read: readonly Range[];
}

/** A reader in a chat. The device is left out where there is none, or it is not the user's. */
interface Place {
  readonly row: MemberRow;
  readonly member: Progress;
  readonly device: Progress | undefined;
}

export type Positions = ReturnType<typeof createPositions>;

/** The statements have subqueries where joins would say the same: SQLite takes ten times as long to begin a join. */
export function createPositions(tx: Tx, statuses: MessageStatuses) {
  const { db } = tx;
  const memberRow = db.prepare<MemberRow, [number, number]>(
    `SELECT rowid rowId, delivered_seq deliveredSeq, delivered_ranges deliveredRanges, read_seq readSeq,
     read_ranges readRanges, joined_seq joinedSeq, (SELECT first_seq FROM chats c WHERE c.chat_id = m.chat_id) firstSeq,
     (SELECT last_seq FROM chats c WHERE c.chat_id = m.chat_id) lastSeq FROM members m WHERE chat_id = ? AND user_id = ?`,
  );
  const beginDevices = db.prepare(
    `INSERT INTO device_positions (device_id, chat_id, delivered_seq, delivered_ranges)
     SELECT ?1, chat_id, delivered_seq, delivered_ranges FROM members m
     WHERE user_id = ?2 AND delivered_seq < (SELECT last_seq FROM chats c WHERE c.chat_id = m.chat_id)`,
  );
  const moveMember = db.prepare("UPDATE members SET delivered_seq = ?, delivered_move = ? WHERE rowid = ?");
  const saveMember = db.prepare(
    `UPDATE members SET delivered_seq = ?1, delivered_ranges = ?2, read_seq = ?3, read_ranges = ?4,
     delivered_move = CASE WHEN delivered_seq < ?1 THEN ?5 ELSE delivered_move END,
     read_move = CASE WHEN read_seq < ?3 THEN ?5 ELSE read_move END WHERE rowid = ?6`,
  );
  const knownDevice = db.prepare<KnownDeviceRow, [number, number]>(
    `SELECT rowid rowId, (SELECT user_id FROM devices d WHERE d.device_id = p.device_id) userId,
     delivered_seq deliveredSeq, delivered_ranges deliveredRanges
     FROM device_positions p WHERE device_id = ? AND chat_id = ?`,
  );
  const moveDevice = db.prepare("UPDATE device_positions SET delivered_seq = ? WHERE rowid = ?");
  const deviceRow = db.prepare<DeviceRow, [number, number, number]>(
    `SELECT since_message_id since,
     (SELECT delivered_seq FROM device_positions p WHERE p.device_id = d.device_id AND chat_id = ?1) deliveredSeq,
     (SELECT delivered_ranges FROM device_positions p WHERE p.device_id = d.device_id AND chat_id = ?1) deliveredRanges,
     (SELECT read_ranges FROM device_positions p WHERE p.device_id = d.device_id AND chat_id = ?1) readRanges
     FROM devices d WHERE device_id = ?2 AND user_id = ?3`,
  );
  const saveDevice = db.prepare(
    `INSERT INTO device_positions (device_id, chat_id, delivered_seq, delivered_ranges, read_ranges) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET delivered_seq = excluded.delivered_seq, delivered_ranges = excluded.delivered_ranges,
     read_ranges = excluded.read_ranges`,
  );
  const messageAt = db.prepare<{ messageId: number }, [number, number]>(
    "SELECT message_id messageId FROM messages WHERE chat_id = ? AND seq = ?",
  );

  /** The new device has got what its user has. Chats in which nothing waits for the user need no position. */
  function beginDevice(deviceId: number, userId: number): void {
    tx.writes += 1;
    beginDevices.run(deviceId, userId);
  }

  /**
   * The messages from `fromSeq` on reached a device, which takes them in order, or without a device the user. The hot path:
   * most moves are one update.
   */
  function advance(move: WireAdvance, moves: Moves): void {
    const [userId, deviceId, chatId, fromSeq, seq, by] = move;
    if (by === advances.read) {
      const counted = maySayRead(chatId, userId) ? by : advances.delivered;
      advanceSlowly([userId, deviceId, chatId, fromSeq, seq, counted], memberRow.get(chatId, userId), moves);
      return;
    }
    const chat = tx.chatAtHand(chatId);
    let at: PositionEntry | undefined = chat?.positions?.get(userId);
    let lastSeq = chat?.lastSeq ?? 0;
    if (at === undefined) {
      const row = memberRow.get(chatId, userId);
      if (row === null || row.deliveredRanges !== null) {
        advanceSlowly(move, row, moves);
        return;
      }
      at = { rowId: row.rowId, deliveredSeq: row.deliveredSeq, readSeq: row.readSeq };
      if (chat === undefined) lastSeq = row.lastSeq;
      else tx.keepPosition(chat, userId, at);
    }
    if (seq > lastSeq) return;
    if (by === advances.delivered && seq > at.deliveredSeq) {
      if (fromSeq > at.deliveredSeq + 1) {
        advanceSlowly(move, memberRow.get(chatId, userId), moves);
        return;
      }
      tx.writes += 1;
      moveMember.run(seq, tx.move(), at.rowId);
      moves.moved.push([chatId, userId, at.deliveredSeq, seq, at.readSeq, at.readSeq]);
      if (statuses.isAfter(chatId, at.deliveredSeq)) {
        const [before, after] = [covered(at.deliveredSeq), covered(seq)];
        const by = { chatId, userId, deviceId: deviceId === 0 ? null : deviceId, ofDevice: false };
        statuses.tell({ ...by, status: "delivered", before, after }, moves.told);
      }
      at.deliveredSeq = seq;
    }
    if (deviceId === 0) return;
    const device = knownDevice.get(deviceId, chatId);
    if (device === null || device.deliveredRanges !== null) {
      advanceSlowly(move, memberRow.get(chatId, userId), moves);
    } else if (device.userId === userId && seq > device.deliveredSeq) {
      tx.writes += 1;
      moveDevice.run(seq, device.rowId);
      if (by === advances.delivered && statuses.isAfter(chatId, device.deliveredSeq)) {
        const [before, after] = [covered(device.deliveredSeq), covered(seq)];
        const one = { chatId, userId, deviceId, ofDevice: true };
        statuses.tell({ ...one, status: "delivered", before, after }, moves.told);
      }
    }
  }

  function maySayRead(chatId: number, userId: number): boolean {
    const chat = tx.chat(chatId);
    return chat !== undefined && mayWriteIn(chat, userId);
  }

  /** The same where there are ranges or a gap, the device has no position in the chat yet, or the messages were read. */
  function advanceSlowly(move: WireAdvance, row: MemberRow | null, moves: Moves): void {
    const [userId, deviceId, chatId, fromSeq, seq, by] = move;
    if (row === null || seq > row.lastSeq) return;
    const reader = { userId, deviceId: deviceId === 0 ? null : deviceId };
    const place = placeIn(chatId, reader, row);
    const { member, device } = place;
    if (by !== advances.passedOver && fromSeq <= seq) deliver(member, [[fromSeq, seq]]);
    if (device !== undefined) reach(device, seq);
    if (by === advances.read && fromSeq <= seq) {
      for (const one of device === undefined ? [member] : [member, device]) {
        one.read = joined(withRange(one.read, fromSeq, seq));
      }
    }
    save(chatId, reader, place, moves, by === advances.passedOver);
  }

  /** Messages that a client confirmed one by one. A device may be gone by now; the user has them all the same. */
  function confirm([userId, deviceId, chatId, confirmed]: WireConfirmed, moves: Moves): void {
    const row = memberRow.get(chatId, userId);
    if (row === null) return;
    const reader = { userId, deviceId: deviceId === 0 ? null : deviceId };
    const place = placeIn(chatId, reader, row);
    const { member, device } = place;
    const ranges = confirmed.filter(([from, to]) => from >= 1 && from <= to && to <= row.lastSeq);
    deliver(member, ranges);
    if (device !== undefined) deliver(device, ranges);
    save(chatId, reader, place, moves);
  }

  /**
   * Statuses of one reader, each of one message, which count for the user and for the device. Each place is read once and
   * written once, however many name it. A position moves over messages that the reader will never confirm.
   */
  function begin(reader: ConfirmingReader, isPassedOver: (chatId: number, seq: number) => boolean) {
    const places = new Map<number, Place | undefined>();

    function placeOf(chatId: number): Place | undefined {
      if (places.has(chatId)) return places.get(chatId);
      const row = memberRow.get(chatId, reader.userId);
      const place = row === null ? undefined : placeIn(chatId, reader, row);
      places.set(chatId, place);
      return place;
    }

    function note(chatId: number, seq: number, status: Status): void {
      const place = placeOf(chatId);
      if (place === undefined || (status === "read" && !maySayRead(chatId, reader.userId))) return;
      noteOne(place.member, chatId, seq, status);
      if (place.device !== undefined) noteOne(place.device, chatId, seq, status);
    }

    function noteOne(progress: Progress, chatId: number, seq: number, status: Status): void {
      if (status === "read") {
        progress.read = joined(withRange(progress.read, seq, seq));
        return;
      }
      if (seq <= progress.delivered || isInRanges(progress.ranges, seq)) return;
      let steps = 0;
      deliver(progress, [[seq, seq]], (before) => {
        steps += 1;
        return steps <= passedOverMax && isPassedOver(chatId, before);
      });
    }

    function finish(): Moves {
      const moves = noMoves();
      for (const [chatId, place] of places) if (place !== undefined) save(chatId, reader, place, moves);
      return moves;
    }

    return { note, finish };
  }

  function placeIn(chatId: number, reader: ConfirmingReader, row: MemberRow): Place {
    const member = progressOf(row, Math.max(row.deliveredSeq, row.firstSeq - 1));
    return { row, member, device: deviceIn(chatId, reader, row) };
  }

  /**
   * A device without a position came when its user had got everything in the chat, or before the user entered: it begins at
   * its own first day, or its user's in the chat.
   */
  function deviceIn(chatId: number, { userId, deviceId }: ConfirmingReader, row: MemberRow): Progress | undefined {
    const device = deviceId === null ? null : deviceRow.get(chatId, deviceId, userId);
    if (device === null) return undefined;
    const delivered =
      device.deliveredSeq ?? seqThrough(device.since, row, (seq) => messageAt.get(chatId, seq)?.messageId);
    return progressOf(device, Math.max(delivered, row.joinedSeq, row.firstSeq - 1));
  }

  /** @param passedOver a device skips the messages, which confirms nothing. */
  function save(chatId: number, reader: ConfirmingReader, place: Place, moves: Moves, passedOver = false): void {
    const { row, member, device } = place;
    const { userId, deviceId } = reader;
    if (hasChanged(member)) {
      const readSeq = Math.max(row.readSeq, member.read.at(-1)?.[1] ?? 0);
      tx.writes += 1;
      tx.dropPosition(chatId, userId);
      const hasMoved = member.delivered > row.deliveredSeq || readSeq > row.readSeq;
      const [ranges, read] = [rangesText(member.ranges), rangesText(member.read)];
      saveMember.run(member.delivered, ranges, readSeq, read, hasMoved ? tx.move() : 0, row.rowId);
      if (hasMoved) {
        moves.moved.push([chatId, userId, row.deliveredSeq, member.delivered, row.readSeq, readSeq]);
      }
      tellOf(member, { chatId, userId, deviceId, ofDevice: false }, moves.told);
    }
    if (device !== undefined && deviceId !== null && hasChanged(device)) {
      tx.writes += 1;
      saveDevice.run(deviceId, chatId, device.delivered, rangesText(device.ranges), rangesText(device.read));
      if (!passedOver) tellOf(device, { chatId, userId, deviceId, ofDevice: true }, moves.told);
    }
  }

  function tellOf(
    { row, deliveredBefore, delivered, ranges, read }: Progress,
    by: Pick<Confirming, "chatId" | "userId" | "deviceId" | "ofDevice">,
    told: number[],
  ): void {
    if (!statuses.isAfter(by.chatId, 0)) return;
    const before = covered(deliveredBefore, parseRanges(row.deliveredRanges));
    statuses.tell({ ...by, status: "delivered", before, after: covered(delivered, ranges) }, told);
    const readBefore = covered(0, parseRanges(row.readRanges));
    statuses.tell({ ...by, status: "read", before: readBefore, after: covered(0, read) }, told);
  }

  return { beginDevice, advance, confirm, begin };
}

const progressOf = (row: Progress["row"], delivered: number): Progress => ({
  row,
  deliveredBefore: delivered,
  delivered,
  ranges: parseRanges(row.deliveredRanges),
  read: parseRanges(row.readRanges),
});

const covered = (through: number, ranges: readonly Range[] = []): Covered => ({ through, ranges });

const hasChanged = ({ row, deliveredBefore, delivered, ranges, read }: Progress): boolean =>
  delivered !== deliveredBefore || rangesText(ranges) !== row.deliveredRanges || rangesText(read) !== row.readRanges;

/** Everything up to `seq` was delivered. */
function reach(progress: Progress, seq: number): void {
  if (seq > progress.delivered) settleAt(progress, seq, progress.ranges);
}

/** These messages were delivered. */
function deliver(progress: Progress, confirmed: readonly Range[], isPassedOver?: (seq: number) => boolean): void {
  let { ranges } = progress;
  for (const [from, to] of confirmed) ranges = withRange(ranges, from, to);
  settleAt(progress, progress.delivered, ranges, isPassedOver);
}

function settleAt(
  progress: Progress,
  position: number,
  ranges: readonly Range[],
  isPassedOver?: (seq: number) => boolean,
): void {
  const after = settle(position, ranges, isPassedOver);
  progress.delivered = after.position;
  progress.ranges = after.ranges.slice(-rangesMax);
}

/** Too many gaps: the oldest counts as read, so that telling has an end. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const [first, second, ...rest] = ranges;
  if (ranges.length <= rangesMax || first === undefined || second === undefined) return ranges;
  return [[first[0], second[1]], ...rest];
}
