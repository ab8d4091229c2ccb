/** How far chats were read: said, asked for, and what others may know of it (docs/protocols/minioicq.md). */
import type { ReadPlace } from "../../../domain/deliveries/receipt-store.ts";
import { DomainError } from "../../../domain/errors.ts";
import { type ReceiptRule, receiptRules } from "../../../domain/model.ts";
import { shownMessageId, wireId } from "../../outgoing/push.ts";
import { receiptFields } from "../../outgoing/receipt-fields.ts";
import { type Handler, reachOf } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, isAbsent, type Reader, Refused, type WireId } from "../fields.ts";

interface Read {
  readonly action: "message.read";
  readonly chatId: WireId;
  /** Everything up to one of the two was read. */
  readonly seq: number | undefined;
  readonly messageId: WireId;
}

/** Throws `chat_not_found`, `not_a_member`, `message_not_found`. */
export const readMessages: Handler<Read> = {
  parse: (fields, reader) => {
    const seq = parseSeq(fields["seq"]);
    const { message_id: id } = fields;
    if ((seq === undefined) === isAbsent(id)) throw new Refused("Invalid seq");
    const messageId = isAbsent(id) ? undefined : reader.id(id, "Message not found");
    return { action: "message.read", chatId: parseChat(fields, reader), seq, messageId };
  },
  handle: async (call, { chatId: id, seq: asked, messageId }) => {
    const { shared, caller, user } = call;
    const { userId } = user;
    const { deliveries, store } = shared.domain;
    if (id === undefined) throw new DomainError("chat_not_found");
    await reachOf(call)?.require("read", { id });
    const meant = messageId && shownMessageId(messageId, await store.lastMessageId(), caller.dialect);
    const place: ReadPlace = asked === undefined ? { messageId: meant ?? 0 } : { seq: asked };
    const { chatId, seq } = await deliveries.readThrough({ userId, deviceId: caller.deviceId, chat: { id }, place });
    caller.confirmedThrough(chatId, seq, true);
    return answerWith({ action: "message.read.success", chat_id: wireId(chatId, caller.dialect), seq });
  },
};

interface List {
  readonly action: "receipt.list";
  readonly chatId: WireId;
  readonly seq: number | undefined;
}

/** Throws `chat_not_found`. */
export const listReceipts: Handler<List> = {
  parse: (fields, reader) => ({
    action: "receipt.list",
    chatId: parseChat(fields, reader),
    seq: parseSeq(fields["seq"]),
  }),
  handle: async (call, request) => {
    const { shared, caller, user } = call;
    const { userId } = user;
    if (request.chatId === undefined) throw new DomainError("chat_not_found");
    await reachOf(call)?.require("read", { id: request.chatId });
    const chat = await shared.domain.chats.getAsMember({ id: request.chatId }, userId);
    const seq = request.seq ?? chat.lastSeq;
    const { receipts, ...counts } = await shared.receipts.list(userId, chat.chatId, seq);
    return answerWith({
      action: "receipt.list.success",
      chat_id: wireId(chat.chatId, caller.dialect),
      seq,
      ...counts,
      receipts: receipts?.map((receipt) => receiptFields(receipt, chat, caller.dialect)),
    });
  },
};

/** What others may know. Throws `user_disabled`. */
export const setReceipts: Handler<{ readonly action: "receipt.set"; readonly rule: ReceiptRule }> = {
  parse: ({ receipts }) => {
    const rule = receiptRules.find((one) => one === receipts);
    if (rule === undefined) throw new Refused("Invalid receipts");
    return { action: "receipt.set", rule };
  },
  handle: async ({ shared, user }, { rule }) => {
    await shared.domain.deliveries.setReceiptRule(user.userId, rule);
    return answerWith({ action: "receipt.set.success", receipts: rule });
  },
};

function parseChat({ chat_id: id }: Fields, reader: Reader): WireId {
  if (isAbsent(id)) throw new Refused("Chat not found");
  return reader.id(id, "Chat not found");
}

function parseSeq(value: unknown): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) throw new Refused("Invalid seq");
  return value;
}
