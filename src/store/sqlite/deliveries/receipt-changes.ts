/** A member says up to where they have read a chat, and what others may know of that. */
import { DomainError } from "../../../domain/errors.ts";
import type { ChatId, ChatRef, ReceiptRule } from "../../../domain/model.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import { freeing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import { advances, type Moves, noMoves, type Positions } from "./positions.ts";

export interface WireRead {
  readonly userId: number;
  /** 0: none. */
  readonly deviceId: number;
  readonly chat: ChatRef;
  /** One of the two is there. */
  readonly seq?: number | undefined;
  readonly messageId?: number | undefined;
}

export function createReceiptChanges(
  tx: Tx,
  { references, positions }: { references: ChatReferences; positions: Positions },
) {
  const place = tx.db.prepare<{ seq: number }, [number, number]>(
    "SELECT seq FROM messages WHERE message_id = ? AND chat_id = ?",
  );

  const setRule = tx.db.prepare("UPDATE users SET receipts = ? WHERE user_id = ?");

  /** Only who may write in a chat now may say that they read it. A message of another chat is none. */
  function readThrough({ userId, deviceId, ...of }: WireRead): Moves & { chatId: ChatId; seq: number } {
    const { chatId, lastSeq } = references.memberToWriteIn(of.chat, userId);
    const seq = of.seq ?? place.get(of.messageId ?? 0, chatId)?.seq ?? 0;
    if (seq < 1 || seq > lastSeq) throw new DomainError("message_not_found");
    const moves = noMoves();
    positions.advance([userId, deviceId, chatId, 1, seq, advances.read], moves);
    return { chatId, seq, ...moves };
  }

  function setReceiptRule({ userId, rule }: { userId: number; rule: ReceiptRule }): null {
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    tx.writes += 1;
    setRule.run(rule, userId);
    return null;
  }

  return { readThrough: freeing(readThrough), setReceiptRule: freeing(setReceiptRule) };
}
