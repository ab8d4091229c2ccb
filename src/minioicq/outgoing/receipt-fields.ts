/** How far a member has got, as every door shapes it, with ids as this client reads them. */
import { receiptShape } from "../../delivery/shapes.ts";
import type { ChatId, Receipt } from "../../domain/model.ts";
import type { Dialect } from "../dialect.ts";
import { wireId } from "./push.ts";

export function receiptFields(
  receipt: Receipt,
  chat: { readonly chatId: ChatId; readonly chatKey: string },
  dialect: Dialect,
) {
  const { chatID: _, ...shape } = receiptShape(receipt, chat);
  return { ...shape, chat_id: wireId(chat.chatId, dialect), user_id: wireId(receipt.userId, dialect) };
}
