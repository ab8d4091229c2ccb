/** Reads of how far users and their devices have got, and of the events that wait for them, as `people/user-reader.ts`. */
import type { Database } from "bun:sqlite";
import {
  type ChatId,
  type DeviceId,
  type Door,
  doors,
  type EventId,
  type MessageId,
  type Position,
  type StoredEvent,
  type UserId,
} from "../../../domain/model.ts";
import type { Head } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { parseRanges } from "../../../lib/ranges.ts";
import type { MembersBody } from "../chats/chat-parts.ts";
import { seqThrough } from "../messages/seq-through.ts";
import type { StatusBody } from "./message-statuses.ts";

export function createDeliveryReader(db: Database) {
  /** Prepared together, by the first that is used. */
  const statements = lazily(() => ({
    bounds: db.prepare<{ firstSeq: number; lastSeq: number }, [number]>(
      "SELECT first_seq firstSeq, last_seq lastSeq FROM chats WHERE chat_id = ?",
    ),
    firstFrom: db.prepare<{ seq: number; messageId: number }, [number, number]>(
      "SELECT seq, message_id messageId FROM messages WHERE chat_id = ? AND seq >= ? ORDER BY seq LIMIT 1",
    ),
    behindUser: db.prepare<{ chatId: number; lastSeq: number; seq: number; ranges: string | null }, [number]>(
      "SELECT c.chat_id chatId, c.last_seq lastSeq, m.delivered_seq + 1 seq, m.delivered_ranges ranges FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ? AND c.last_seq > m.delivered_seq",
    ),
    behindDevice: db.prepare<BehindDevice, [number, number]>(
      `SELECT c.chat_id chatId, c.last_seq lastSeq, d.delivered_seq + 1 seq, m.joined_seq joinedSeq, d.delivered_ranges ranges FROM members m JOIN chats c USING (chat_id)
     LEFT JOIN device_positions d ON d.device_id = ?1 AND d.chat_id = m.chat_id
     WHERE m.user_id = ?2 AND c.last_seq > max(coalesce(d.delivered_seq, 0), m.joined_seq)`,
    ),
    deviceSince: db.prepare<{ since: number }, [number]>(
      "SELECT since_message_id since FROM devices WHERE device_id = ?",
    ),
    movedChats: db.prepare<{ chatId: number; firstSeq: number; lastSeq: number; joinedSeq: number }, [number, number]>(
      "SELECT c.chat_id chatId, c.first_seq firstSeq, c.last_seq lastSeq, m.joined_seq joinedSeq FROM members m JOIN chats c USING (chat_id) WHERE m.user_id = ? AND c.last_message_id > ?",
    ),
    idAt: db.prepare<{ messageId: number }, [number, number]>(
      "SELECT message_id messageId FROM messages WHERE chat_id = ? AND seq = ?",
    ),
    userPositions: db.prepare<Position, [number]>(
      "SELECT chat_id chatId, delivered_seq deliveredSeq, read_seq readSeq FROM members WHERE user_id = ?",
    ),
    eventPage: db.prepare<EventRecord, [number, number, number, number]>(
      `SELECT event_id eventId, user_id userId, type, chat_id chatId, coalesce(e.body, b.body) body, e.created_at_ms createdAtMs
     FROM events e LEFT JOIN event_bodies b USING (body_id)
     WHERE user_id = ? AND event_id > ? AND doors & ? <> 0 ORDER BY event_id LIMIT ?`,
    ),
  }));

  function undelivered(userId: UserId, deviceId: DeviceId | undefined): Head[] {
    if (deviceId === undefined)
      return statements()
        .behindUser.all(userId)
        .flatMap((behind) => headAt(behind, behind.seq, behind.ranges) ?? []);
    const since = (statements().deviceSince.get(deviceId)?.since ?? 0) as MessageId;
    return statements()
      .behindDevice.all(deviceId, userId)
      .flatMap((behind) => {
        const from = behind.seq === null ? seqAfter(behind.chatId, since) : behind.seq;
        return headAt(behind, Math.max(from, behind.joinedSeq + 1), behind.ranges) ?? [];
      });
  }

  function newerThan(userId: UserId, after: MessageId): Head[] {
    return statements()
      .movedChats.all(userId, after)
      .flatMap((moved) => {
        return headAt(moved, Math.max(seqAfter(moved.chatId, after), moved.joinedSeq + 1)) ?? [];
      });
  }

  function headAt(
    { chatId, lastSeq }: { chatId: number; lastSeq: number },
    seq: number,
    ranges: string | null = null,
  ): Head | undefined {
    const row = statements().firstFrom.get(chatId, seq);
    if (row === null) return undefined;
    const head = { chatId: chatId as ChatId, seq: row.seq, messageId: row.messageId as MessageId, lastSeq };
    return ranges === null ? head : { ...head, confirmed: parseRanges(ranges) };
  }

  /** The first `seq` of a chat whose message id is above `after`. */
  function seqAfter(chatId: number, after: MessageId): number {
    const row = statements().bounds.get(chatId);
    if (row === null) return 1;
    return seqThrough(after, row, (seq) => statements().idAt.get(chatId, seq)?.messageId) + 1;
  }

  function readEvents(userId: UserId, door: Door, of: { after: number; limit: number }): StoredEvent[] {
    return statements().eventPage.all(userId, of.after, doors[door], of.limit).map(toStoredEvent);
  }

  return {
    undelivered,
    newerThan,
    positions: (userId: UserId) => statements().userPositions.all(userId),
    events: readEvents,
  };
}

function toStoredEvent(row: EventRecord): StoredEvent {
  const event = {
    eventId: row.eventId as EventId,
    userId: row.userId as UserId,
    chatId: row.chatId as ChatId,
    createdAtMs: row.createdAtMs,
  };
  if (row.type === "delivered" || row.type === "read") {
    const { chatKey, messageId, by, guid } = JSON.parse(row.body) as StatusBody;
    const about = { messageId: messageId as MessageId, guid };
    return { ...event, type: row.type, chatKey, users: [by], deleted: false, about };
  }
  return { ...event, type: row.type, ...(JSON.parse(row.body) as MembersBody) };
}

interface BehindDevice {
  readonly chatId: number;
  readonly lastSeq: number;
  readonly seq: number | null;
  readonly joinedSeq: number;
  readonly ranges: string | null;
}

interface EventRecord {
  readonly eventId: number;
  readonly userId: number;
  readonly type: StoredEvent["type"];
  readonly chatId: number;
  readonly body: string;
  readonly createdAtMs: number;
}
