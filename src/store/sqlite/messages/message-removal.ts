/** How a message is deleted: its row keeps its place in the chat, and nothing of its content. */
import { DomainError } from "../../../domain/errors.ts";
import { messageKinds } from "../../../domain/model.ts";
import type { ChatParts } from "../chats/chat-parts.ts";
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MessageFiles } from "./message-files.ts";

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
  readonly members: readonly number[];
}

const deleted = messageKinds.indexOf("deleted");

export function createMessageEnds(tx: Tx, chatParts: ChatParts, files: MessageFiles) {
  const select = tx.db.prepare<Row, [number]>(
    "SELECT chat_id chatId, seq, sender_id senderId, kind FROM messages WHERE message_id = ?",
  );
  // The client's own id stays, so that a late repeat of the message is not a new one.
  const empty = tx.db.prepare(
    `UPDATE messages SET kind = ${deleted}, type = NULL, content = NULL, signature = NULL WHERE message_id = ?`,
  );

  const removeTexts = tx.db.prepare("DELETE FROM message_texts WHERE message_id = ?");

  /** Its sender may, and the owner of its group. A stranger does not learn that there is such a message. */
  function deleteMessage({ userId, messageId }: { userId: number; messageId: number }): WireDeleted {
    const sender = tx.sender(userId);
    if (sender === undefined || sender.disabled) throw new DomainError("user_disabled");
    const row = select.get(messageId);
    const chat = row === null ? undefined : tx.chat(row.chatId);
    if (row === null || row.kind === deleted || chat === undefined || !chat.memberSet.has(userId)) {
      throw new DomainError("message_not_found");
    }
    const mayDelete =
      row.senderId === userId || (chat.kind === "group" && chatParts.chatOf(row.chatId).ownerId === userId);
    if (!mayDelete) throw new DomainError("not_authorized", "neither its sender nor the group's owner");
    tx.writes += 1;
    files.releaseContent(messageId);
    removeTexts.run(messageId);
    empty.run(messageId);
    const { chatId, chatKey, members } = chat;
    return { chatId, chatKey, seq: row.seq, senderId: row.senderId, members };
  }

  return { deleteMessage: freeing(deleteMessage) };
}
