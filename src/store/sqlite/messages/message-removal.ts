/** How a message is deleted: its row keeps its place in the chat, and nothing of its content. */
import { DomainError } from "../../../domain/errors.ts";
import type { MessageId } from "../../../domain/model.ts";
import type { ChatParts } from "../chats/chat-parts.ts";
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { SearchMarks } from "../search/search-marks.ts";
import { extrasText } from "./extras.ts";
import type { MessageFiles } from "./message-files.ts";
import { type Revisions, usersOf, type WireAddressee } from "./revisions.ts";
import { addressedBit, deletedKind, isDeletedRow } from "./stored-message.ts";

interface Row {
  readonly chatId: number;
  readonly seq: number;
  readonly senderId: number;
  readonly kind: number;
}

export interface WireDeleted {
  readonly chatId: number;
  readonly chatKey: string;
  readonly seq: number;
  readonly senderId: number;
  readonly revision: number;
  /** Whom it was for. */
  readonly members: readonly number[];
  /** Set where it was not for all members. */
  readonly addressees?: readonly WireAddressee[];
}

export type MessageRemoval = ReturnType<typeof createMessageRemoval>;

/** What remains of a message that is taken back, or replaced by another one. */
export function createMessageRemoval(
  tx: Tx,
  { files, revisions, searchMarks }: { files: MessageFiles; revisions: Revisions; searchMarks: SearchMarks },
) {
  // The client's own id stays, so that a late repeat of the message is not a new one.
  const empty = tx.db.prepare(
    `UPDATE messages SET kind = ?2, type = NULL, content = NULL, signature = NULL, extras = ?3
     WHERE message_id = ?1`,
  );
  const removeReactions = tx.db.prepare("DELETE FROM message_reactions WHERE message_id = ?");
  // Whom it was for stays known: they are told that it is gone, and no others.
  const emptyTexts = tx.db.prepare("UPDATE message_texts SET content = '' WHERE message_id = ?");

  /** Gives the revision, and whom the message was for, where it was not for all members. */
  function remove(messageId: number, { chatId, kind, seq }: Pick<Row, "chatId" | "kind" | "seq">) {
    const addressees = kind < addressedBit ? undefined : revisions.addressees(messageId);
    const revision = revisions.take(chatId, messageId);
    files.releaseContent(messageId);
    removeReactions.run(messageId);
    if (addressees !== undefined) emptyTexts.run(messageId);
    const kept = addressees === undefined ? deletedKind : deletedKind + addressedBit;
    empty.run(messageId, kept, extrasText({ revision }));
    searchMarks.message(messageId, chatId);
    const chat = tx.chat(chatId);
    if (chat !== undefined) {
      const place = { chatId: chat.chatId, chatKey: chat.chatKey, messageId: messageId as MessageId, seq };
      revisions.logged({ type: "deleted", ...place, revision });
    }
    return { revision, addressees };
  }

  const isAddressee = (messageId: number, userId: number): boolean =>
    revisions.addressees(messageId).some(([one]) => one === userId);

  return { remove, isAddressee };
}

export function createMessageRemovalChanges(tx: Tx, chatParts: ChatParts, removal: MessageRemoval) {
  const select = tx.db.prepare<Row, [number]>(
    "SELECT chat_id chatId, seq, sender_id senderId, kind FROM messages WHERE message_id = ?",
  );

  /**
   * Its sender may, the owner of its group, and a backend, which acts for no user. A stranger does not learn that there is
   * such a message.
   */
  function deleteMessage({ userId, messageId }: { userId?: number | undefined; messageId: number }): WireDeleted {
    const sender = userId === undefined ? undefined : tx.sender(userId);
    if (userId !== undefined && (sender === undefined || sender.disabled)) throw new DomainError("user_disabled");
    const row = select.get(messageId);
    const chat = row === null ? undefined : tx.chat(row.chatId);
    if (row === null || isDeletedRow(row) || chat === undefined) throw new DomainError("message_not_found");
    if (userId !== undefined) {
      const isFor = row.kind < addressedBit || row.senderId === userId || removal.isAddressee(messageId, userId);
      if (!chat.memberSet.has(userId) || !isFor) throw new DomainError("message_not_found");
      const mayDelete =
        row.senderId === userId || (chat.kind === "group" && chatParts.chatOf(row.chatId).ownerId === userId);
      if (!mayDelete) throw new DomainError("not_authorized", "neither its sender nor the group's owner");
    }
    const { revision, addressees } = removal.remove(messageId, row);
    const { chatId, chatKey, members } = chat;
    const place = { chatId, chatKey, seq: row.seq, senderId: row.senderId, revision };
    if (addressees === undefined) return { ...place, members };
    return { ...place, members: usersOf(addressees, chat, userId), addressees };
  }

  return { deleteMessage: freeing(deleteMessage) };
}
