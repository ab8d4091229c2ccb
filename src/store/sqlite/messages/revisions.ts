/**
 * The revisions of chats: which message changed after which other. In a direct chat in which one user blocks the other,
 * edits and reactions are heard by the acting user's own clients alone. They are held: when no one blocks any more, what was
 * held takes new revisions, so that the other one hears of it too.
 */
import type { Addressee, DeviceId, UserId } from "../../../domain/model.ts";
import type { LoggedChange } from "../../../domain/webhooks/webhook-store.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import { createEventLog } from "../webhooks/webhook-changes.ts";

export type Revisions = ReturnType<typeof createRevisions>;

export function createRevisions(tx: Tx) {
  const { db } = tx;
  const log = createEventLog(tx);
  const move = db.prepare<{ revision: number }, [number]>(
    "UPDATE chats SET revision = revision + 1 WHERE chat_id = ? RETURNING revision",
  );
  const hold = db.prepare("UPDATE chats SET held_revision = ?2 WHERE chat_id = ?1 AND held_revision IS NULL");
  const held = db.prepare<{ heldRevision: number | null; revision: number }, [number]>(
    "SELECT held_revision heldRevision, revision FROM chats WHERE chat_id = ?",
  );
  const note = db.prepare(
    `INSERT INTO message_revisions (message_id, chat_id, revision) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision`,
  );
  const raise = db.prepare(
    "UPDATE message_revisions SET revision = revision + ?3 WHERE chat_id = ?1 AND revision >= ?2",
  );
  const raiseInRows = db.prepare(
    `UPDATE messages SET extras = json_set(extras, '$.revision', (extras ->> '$.revision') + ?3) WHERE message_id IN
     (SELECT message_id FROM message_revisions WHERE chat_id = ?1 AND revision >= ?2)`,
  );
  const release = db.prepare("UPDATE chats SET held_revision = NULL, revision = ?2 WHERE chat_id = ?1");
  const addresseesOf = db.prepare<{ userId: number; deviceId: number }, [number]>(
    "SELECT user_id userId, device_id deviceId FROM message_texts WHERE message_id = ?",
  );

  /** The caller puts it into the message's row too. */
  function take(chatId: number, messageId: number): number {
    tx.writes += 1;
    const row = move.get(chatId);
    if (row === null) throw new Error(`chat ${chatId} is gone`);
    note.run(messageId, chatId, row.revision);
    return row.revision;
  }

  /** For an edit or a reaction. */
  function takeHeld(chat: ChatEntry, messageId: number, by: number): { revision: number; heldBy: number | undefined } {
    const revision = take(chat.chatId, messageId);
    if (chat.blocked.length === 0) return { revision, heldBy: undefined };
    hold.run(chat.chatId, revision);
    return { revision, heldBy: by };
  }

  /** To be called when a user may have stopped blocking the other one of a direct chat. */
  function unblocked(chatId: number): void {
    const row = held.get(chatId);
    if (row === null || row.heldRevision === null || tx.chat(chatId)?.blocked.length !== 0) return;
    const by = row.revision - row.heldRevision + 1;
    tx.writes += 1;
    raiseInRows.run(chatId, row.heldRevision, by);
    raise.run(chatId, row.heldRevision, by);
    release.run(chatId, row.revision + by);
  }

  /** Whom a message with a text for each recipient is for. */
  const addressees = (messageId: number): WireAddressee[] =>
    addresseesOf.all(messageId).map(({ userId, deviceId }) => [userId, deviceId] as const);

  /** For webhooks. */
  function logged(change: Omit<LoggedChange, "eventId">): void {
    const { type, chatId, ...body } = change;
    log.append(type, chatId, JSON.stringify(body));
  }

  return { take, takeHeld, unblocked, addressees, logged };
}

/** The device is 0 where all of the user's devices are meant. */
export type WireAddressee = readonly [userId: number, deviceId: number];

/** Those of them who are in the chat still, and the acting user. */
export const usersOf = (addressees: readonly WireAddressee[], chat: ChatEntry, by: number | undefined): number[] => [
  ...new Set([
    ...addressees.map(([userId]) => userId).filter((userId) => chat.memberSet.has(userId)),
    ...(by === undefined ? [] : [by]),
  ]),
];

export const toAddressees = (addressees: readonly WireAddressee[]): Addressee[] =>
  addressees.map(([userId, deviceId]) => ({
    userId: userId as UserId,
    deviceId: deviceId === 0 ? undefined : (deviceId as DeviceId),
  }));
