/**
 * How the content of a message is replaced, and how users react to it. Both need the right to write in the chat now; all
 * else is answered as if there were no such message. The former content is gone with the commit.
 */
import { DomainError } from "../../../domain/errors.ts";
import { reactionKindsMax, reactionUsersNamed } from "../../../domain/messages/reactions.ts";
import { type MessageFile, type MessageId, messageKinds, type UserId } from "../../../domain/model.ts";
import { mayWriteIn } from "../chats/chat-references.ts";
import { growing } from "../engine/change.ts";
import { messageBytes } from "../engine/disk-usage.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { SearchMarks } from "../search/search-marks.ts";
import { type Extras, extrasText, parseExtras } from "./extras.ts";
import { type Mentions, mayMention } from "./mentions.ts";
import type { MessageFiles } from "./message-files.ts";
import { type Revisions, usersOf, type WireAddressee } from "./revisions.ts";
import { addressedBit, isDeletedRow } from "./stored-message.ts";

export interface WireEdit {
  readonly userId: number;
  readonly messageId: number;
  readonly content: string | { readonly blob: number } | { readonly file: MessageFile };
  readonly mentions?: readonly number[] | undefined;
}

export interface WireReaction {
  readonly userId: number;
  readonly messageId: number;
  readonly reaction: string;
  readonly added: boolean;
}

export interface WireEdited {
  /** False where that was the content already. */
  readonly changed: boolean;
  readonly revision: number;
  /** Who hears of it. */
  readonly told: readonly number[];
}

export interface WireReacted extends WireEdited {
  readonly chatId: number;
  readonly chatKey: string;
  readonly seq: number;
  readonly senderId: number;
  readonly reactions: NonNullable<Extras["reactions"]>;
  readonly addressees?: readonly WireAddressee[];
}

interface Row {
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
  readonly content: string | Uint8Array | null;
  readonly extras: string | null;
}

const text = messageKinds.indexOf("text");

export function createEditChanges(
  tx: Tx,
  {
    files,
    revisions,
    mentions,
    searchMarks,
  }: { files: MessageFiles; revisions: Revisions; mentions: () => Mentions; searchMarks: SearchMarks },
) {
  const { db } = tx;
  const select = db.prepare<Row, [number]>(
    "SELECT chat_id chatId, seq, sender_id senderId, kind, content, extras FROM messages WHERE message_id = ?",
  );
  const replace = db.prepare("UPDATE messages SET content = ?2, signature = NULL, extras = ?3 WHERE message_id = ?1");
  const changeExtras = db.prepare("UPDATE messages SET extras = ?2 WHERE message_id = ?1");
  const hasReacted = db.prepare<{ one: 1 }, [number, string, number]>(
    "SELECT 1 one FROM message_reactions WHERE message_id = ? AND reaction = ? AND user_id = ?",
  );
  const addReaction = db.prepare("INSERT INTO message_reactions (message_id, reaction, user_id) VALUES (?, ?, ?)");
  const removeReaction = db.prepare(
    "DELETE FROM message_reactions WHERE message_id = ? AND reaction = ? AND user_id = ?",
  );
  const firstUsers = db.prepare<{ userId: number }, [number, string, number]>(
    "SELECT user_id userId FROM message_reactions WHERE message_id = ? AND reaction = ? ORDER BY reaction_id LIMIT ?",
  );

  function editMessage(edit: WireEdit, blobs: readonly Uint8Array[]): WireEdited {
    const { userId, messageId } = edit;
    const { row, chat } = writableOf(userId, messageId);
    // A message with a text for each recipient is replaced by another message.
    if (row.senderId !== userId || row.kind >= addressedBit) throw notFound();
    const { content, file } = contentOf(edit, blobs);
    const { replyTo, reactions, revision: before = 0 } = parseExtras(row.extras);
    if (isSame(messageId, row, { content, file })) return { changed: false, revision: before, told: [] };
    const sender = tx.sender(userId);
    if (sender?.hasShare === true) {
      const before = messageBytes(row.content, null, undefined) + files.bytesOf(messageId);
      const growth = messageBytes(content, null, undefined) + (file?.bytes ?? 0) - before;
      if (growth > 0) tx.disk.require(sender.payerId, growth, growth);
    }
    const words = row.kind === text && typeof content === "string" && mayMention(content) ? content : undefined;
    const named =
      edit.mentions === undefined && words === undefined
        ? undefined
        : mentions().find(chat, { mentions: edit.mentions, text: words });
    const { revision, heldBy } = revisions.takeHeld(chat, messageId, userId);
    files.releaseContent(messageId);
    const extras = extrasText({ revision, replyTo, mentions: named, editedAtMs: tx.nowMs, reactions, heldBy });
    replace.run(messageId, content, extras);
    searchMarks.message(messageId, chat.chatId);
    if (file !== undefined) files.refer(messageId, chat.chatId, file);
    revisions.logged({ type: "edited", ...placeOf(chat, edit, row), revision });
    return { changed: true, revision, told: toldOf(chat, userId) };
  }

  function reactToMessage({ userId, messageId, reaction, added }: WireReaction): WireReacted {
    const { row, chat } = writableOf(userId, messageId);
    const addressees = row.kind < addressedBit ? undefined : revisions.addressees(messageId);
    if (addressees?.some(([one]) => one === userId) === false) throw notFound();
    const before = parseExtras(row.extras);
    const { reactions = [] } = before;
    const place = {
      chatId: chat.chatId,
      chatKey: chat.chatKey,
      seq: row.seq,
      senderId: row.senderId,
      ...(addressees === undefined ? {} : { addressees }),
    };
    if ((hasReacted.get(messageId, reaction, userId) !== null) === added) {
      return { ...place, changed: false, revision: before.revision ?? 0, reactions, told: [] };
    }
    if (added && reactions.length >= reactionKindsMax && !reactions.some(([kind]) => kind === reaction)) {
      throw new DomainError("too_many_reactions", `at most ${reactionKindsMax} kinds`);
    }
    const { revision, heldBy } = revisions.takeHeld(chat, messageId, userId);
    if (added) addReaction.run(messageId, reaction, userId);
    else removeReaction.run(messageId, reaction, userId);
    const after = counted(messageId, reactions, { reaction, by: added ? 1 : -1 });
    const { replyTo, mentions: named, editedAtMs } = before;
    const kept = after.length === 0 ? undefined : after;
    const extras = extrasText({ revision, replyTo, mentions: named, editedAtMs, reactions: kept, heldBy });
    changeExtras.run(messageId, extras);
    const done = { by: userId as UserId, reaction, added };
    revisions.logged({ type: "reacted", ...placeOf(chat, { messageId }, row), revision, reaction: done });
    const isForAll = addressees === undefined || chat.blocked.length > 0;
    const told = isForAll ? toldOf(chat, userId) : usersOf(addressees, chat, userId);
    return { ...place, changed: true, revision, reactions: after, told };
  }

  function counted(
    messageId: number,
    reactions: NonNullable<Extras["reactions"]>,
    { reaction, by }: { reaction: string; by: 1 | -1 },
  ): NonNullable<Extras["reactions"]> {
    const count = (reactions.find(([kind]) => kind === reaction)?.[1] ?? 0) + by;
    if (count === 0) return reactions.filter(([kind]) => kind !== reaction);
    const users = firstUsers.all(messageId, reaction, reactionUsersNamed).map(({ userId }) => userId);
    const one = [reaction, count, users] as const;
    if (!reactions.some(([kind]) => kind === reaction)) return [...reactions, one];
    return reactions.map((each) => (each[0] === reaction ? one : each));
  }

  /** A message in a chat in which the user may write now. */
  function writableOf(userId: number, messageId: number): { row: Row; chat: ChatEntry } {
    const sender = tx.sender(userId);
    if (sender === undefined || sender.disabled) throw new DomainError("user_disabled");
    const row = select.get(messageId);
    const chat = row === null || isDeletedRow(row) ? undefined : tx.chat(row.chatId);
    if (row === null || chat === undefined || !mayWriteIn(chat, userId)) throw notFound();
    return { row, chat };
  }

  const isSame = (
    messageId: number,
    row: Row,
    { content, file }: { content: Row["content"]; file: MessageFile | undefined },
  ): boolean => {
    if (file !== undefined) return row.content === null && files.isSame(messageId, file);
    if (row.content instanceof Uint8Array && content instanceof Uint8Array) {
      return Buffer.compare(row.content, content) === 0;
    }
    return row.content === content;
  };

  return { editMessage: growing(editMessage), reactToMessage: growing(reactToMessage) };
}

const placeOf = ({ chatId, chatKey }: ChatEntry, { messageId }: { messageId: number }, { seq }: Row) => ({
  chatId,
  chatKey,
  messageId: messageId as MessageId,
  seq,
});

/** Where one user of a direct chat blocks the other, the acting user's own clients. */
const toldOf = (chat: ChatEntry, by: number): readonly number[] => (chat.blocked.length === 0 ? chat.members : [by]);

const notFound = (): DomainError => new DomainError("message_not_found");

function contentOf({ content }: WireEdit, blobs: readonly Uint8Array[]) {
  if (typeof content === "string") return { content, file: undefined };
  if ("file" in content) return { content: null, file: content.file };
  return { content: blobs[content.blob] ?? null, file: undefined };
}
