/** A message just stored, made of what its sender said and of the place the store gave it. */
import { kindOf } from "../../../domain/messages/messages.ts";
import type { ChatId, Draft, Message, MessageId } from "../../../domain/model.ts";
import type { EncodedAppend } from "./message-changes.ts";

/** How an `EncodedAppend` begins. */
export type Placed = readonly [
  messageId: EncodedAppend[0],
  seq: EncodedAppend[1],
  sentAtMs: EncodedAppend[2],
  chatId: EncodedAppend[3],
  chatKey: EncodedAppend[4],
  senderKey: EncodedAppend[5],
  ...unknown[],
];

export function sentMessage(
  draft: Pick<Draft, "from" | "type" | "clientId" | "clientTimeMs">,
  [messageId, seq, sentAtMs, chatId, chatKey, senderKey]: Placed,
  content: string | Uint8Array,
): Message {
  return {
    messageId: messageId as MessageId,
    chatId: chatId as ChatId,
    chatKey,
    seq,
    senderId: draft.from,
    senderKey,
    kind: kindOf(draft),
    type: draft.type,
    content,
    clientId: draft.clientId,
    clientTimeMs: draft.clientTimeMs,
    sentAtMs,
  };
}
