/**
 * Messages confirmed one by one, in any order. A position still says "everything up to here"; what was confirmed beyond
 * it stands beside it as ranges, and the position moves over them, and over what is none of the reader's, as the gaps close.
 */
import { isInRanges, parseRanges, type Range, rangesText, withRange } from "../../../lib/ranges.ts";
import type { Tx } from "../engine/tx.ts";

/** Kept per member or device and chat; beyond, the oldest of what was confirmed out of order is offered again. */
const rangesMax = 256;
/** Messages of others the position is moved over at one time. */
const stepsMax = 1000;

/** The bit in `messages.kind` of a message that addresses each recipient by himself. */
export const addressedBit = 16;

export interface ConfirmedMessage {
  readonly messageId: number;
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
}

interface ProgressRow {
  readonly deliveredSeq: number;
  readonly deliveredRanges: string | null;
  readonly readRanges: string | null;
}

/** How far one reader has got in one chat, while the change goes on. */
interface Progress {
  deliveredSeq: number;
  delivered: readonly Range[];
  read: readonly Range[];
  moved: boolean;
}

interface Place {
  readonly ofUser: Progress;
  readonly ofDevice: Progress | undefined;
}

export interface ConfirmingReader {
  readonly userId: number;
  readonly deviceId: number | null;
}

export type ConfirmationParts = ReturnType<typeof createConfirmationParts>;

export function createConfirmationParts(tx: Tx) {
  const { db } = tx;
  const message = db.prepare<ConfirmedMessage, [number]>(
    "SELECT message_id messageId, chat_id chatId, seq, sender_id senderId, kind FROM messages WHERE message_id = ?",
  );
  const messageAt = db.prepare<{ messageId: number; senderId: number; kind: number }, [number, number]>(
    "SELECT message_id messageId, sender_id senderId, kind FROM messages WHERE chat_id = ? AND seq = ?",
  );
  const textOf = db.prepare<{ deviceId: number }, [number, number, number]>(
    "SELECT device_id deviceId FROM message_texts WHERE message_id = ?1 AND user_id = ?2 AND device_id IN (0, ?3) ORDER BY device_id DESC LIMIT 1",
  );
  const member = db.prepare<ProgressRow & { joinedSeq: number }, [number, number]>(
    "SELECT joined_seq joinedSeq, delivered_seq deliveredSeq, delivered_ranges deliveredRanges, read_ranges readRanges FROM members WHERE chat_id = ? AND user_id = ?",
  );
  const saveMember = db.prepare(
    "UPDATE members SET delivered_seq = ?3, delivered_ranges = ?4, read_ranges = ?5, read_seq = max(read_seq, ?6) WHERE chat_id = ?1 AND user_id = ?2",
  );
  const device = db.prepare<ProgressRow, [number, number]>(
    "SELECT delivered_seq deliveredSeq, delivered_ranges deliveredRanges, read_ranges readRanges FROM device_positions WHERE device_id = ? AND chat_id = ?",
  );
  const saveDevice = db.prepare(
    `INSERT INTO device_positions (device_id, chat_id, delivered_seq, delivered_ranges, read_ranges) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT DO UPDATE SET delivered_seq = ?3, delivered_ranges = ?4, read_ranges = ?5`,
  );
  const sinceOf = db.prepare<{ since: number }, [number]>(
    "SELECT since_message_id since FROM devices WHERE device_id = ?",
  );

  /** The message, if it is in a chat of the reader's, another's, and for him; with the device his text is for (0: all). */
  function find(messageId: number, { userId, deviceId }: ConfirmingReader) {
    const row = message.get(messageId);
    if (row === null || tx.chat(row.chatId)?.memberSet.has(userId) !== true) return undefined;
    if (row.kind < addressedBit) return row.senderId === userId ? undefined : { ...row, textFor: 0 };
    const text = textOf.get(messageId, userId, deviceId ?? 0);
    return text === null ? undefined : { ...row, textFor: text.deviceId };
  }

  /** Statuses of one reader in one change: each place is read once and written once, however many name it. */
  function begin(reader: ConfirmingReader) {
    const { userId, deviceId } = reader;
    const places = new Map<number, Place | undefined>();

    function placeOf(chatId: number): Place | undefined {
      if (places.has(chatId)) return places.get(chatId);
      const row = member.get(chatId, userId);
      const place = row === null ? undefined : { ofUser: unpack(row), ofDevice: deviceProgress(chatId, row.joinedSeq) };
      places.set(chatId, place);
      return place;
    }

    function deviceProgress(chatId: number, joinedSeq: number): Progress | undefined {
      if (deviceId === null) return undefined;
      const row = device.get(deviceId, chatId);
      if (row !== null) return unpack(row);
      const deliveredSeq = Math.max(joinedSeq, seqUpTo(chatId, sinceOf.get(deviceId)?.since ?? 0));
      return unpack({ deliveredSeq, deliveredRanges: null, readRanges: null });
    }

    /** Notes a status; true where it says something new of the one the message was for. */
    function note(row: ConfirmedMessage & { textFor: number }, status: "delivered" | "read"): boolean {
      const place = placeOf(row.chatId);
      if (place === undefined) return false;
      const ofUser = move(place.ofUser, row, reader, status);
      const ofDevice = place.ofDevice !== undefined && move(place.ofDevice, row, reader, status);
      return row.textFor === 0 ? ofUser : ofDevice;
    }

    function finish(): void {
      for (const [chatId, place] of places) {
        if (place === undefined) continue;
        const { ofUser, ofDevice } = place;
        if (ofUser.moved) {
          tx.writes += 1;
          const { deliveredSeq, delivered, read } = ofUser;
          saveMember.run(chatId, userId, deliveredSeq, rangesText(delivered), rangesText(read), read.at(-1)?.[1] ?? 0);
        }
        if (ofDevice?.moved === true && deviceId !== null) {
          tx.writes += 1;
          const { deliveredSeq, delivered, read } = ofDevice;
          saveDevice.run(deviceId, chatId, deliveredSeq, rangesText(delivered), rangesText(read));
        }
      }
    }

    return { note, finish };
  }

  /** False where nothing changes. */
  function move(
    progress: Progress,
    row: ConfirmedMessage,
    reader: ConfirmingReader,
    status: "delivered" | "read",
  ): boolean {
    if (status === "read") {
      if (isInRanges(progress.read, row.seq)) return false;
      progress.read = joined(withRange(progress.read, row.seq, row.seq));
    } else {
      if (row.seq <= progress.deliveredSeq || isInRanges(progress.delivered, row.seq)) return false;
      const after = closeGaps(
        progress.deliveredSeq,
        withRange(progress.delivered, row.seq, row.seq),
        row.chatId,
        reader,
      );
      progress.deliveredSeq = after.seq;
      progress.delivered = after.ranges.slice(-rangesMax);
    }
    progress.moved = true;
    return true;
  }

  function closeGaps(from: number, ranges: readonly Range[], chatId: number, reader: ConfirmingReader) {
    let seq = from;
    let at = 0;
    for (let steps = 0; steps < stepsMax; ) {
      const range = ranges[at];
      if (range === undefined) break;
      if (range[0] <= seq + 1) {
        seq = Math.max(seq, range[1]);
        at += 1;
      } else if (isForOthers(chatId, seq + 1, reader)) {
        seq += 1;
        steps += 1;
      } else {
        break;
      }
    }
    return { seq, ranges: ranges.slice(at) };
  }

  /** Gone, the reader's own, or addressed to others: he will never confirm it. */
  function isForOthers(chatId: number, seq: number, { userId, deviceId }: ConfirmingReader): boolean {
    const row = messageAt.get(chatId, seq);
    if (row === null) return true;
    if (row.kind < addressedBit) return row.senderId === userId;
    return textOf.get(row.messageId, userId, deviceId ?? 0) === null;
  }

  /** The last `seq` of a chat with an id up to `messageId`: ids and seqs rise together, so halve the range. */
  function seqUpTo(chatId: number, messageId: number): number {
    let low = 0;
    let high = tx.chat(chatId)?.lastSeq ?? 0;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((messageAt.get(chatId, middle)?.messageId ?? 0) <= messageId) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  return { find, begin };
}

const unpack = (row: ProgressRow): Progress => ({
  deliveredSeq: row.deliveredSeq,
  delivered: parseRanges(row.deliveredRanges),
  read: parseRanges(row.readRanges),
  moved: false,
});

/** Too many gaps: the oldest counts as read, so that telling has an end. */
function joined(ranges: readonly Range[]): readonly Range[] {
  const [first, second, ...rest] = ranges;
  if (ranges.length <= rangesMax || first === undefined || second === undefined) return ranges;
  return [[first[0], second[1]], ...rest];
}
