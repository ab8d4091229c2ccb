/** `History`: a part of a chat's messages, and how far the user has read. `Typing`: that they are writing. */

import { inlineFileBytesMax } from "../../delivery/shapes.ts";
import type { Typing } from "../../delivery/typing.ts";
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import { isHidden } from "../../domain/messages/addressed.ts";
import type { Chat, ChatId, Message, MessageId, UserId } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { type ActingParts, actorOf, chatOfFeed } from "../acting.ts";
import { error } from "../records/answers.ts";
import { feedRecord } from "../records/feeds.ts";
import { readHistory, readTyping } from "../records/history-record.ts";
import { deletedRecord, historyRecord, messageRecord } from "../records/message-answer.ts";
import type { TermRequest } from "../request.ts";

export interface HistoryParts extends ActingParts {
  readonly domain: Pick<Domain, "store" | "deliveries">;
  readonly typing: Pick<Typing, "set">;
}

/** Of one answer. */
const messagesMax = 1000;
/** Content of one answer; a larger message comes alone. */
const answerBytesMax = 256 * 1024;

export async function handleHistory(parts: HistoryParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readHistory(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  const { store, deliveries } = parts.domain;
  const chat = await store.findChatOf(userId, await chatOfFeed(parts, record.feed, userId));
  if (chat === undefined) throw new DomainError("chat_not_found");
  const { size, entityId } = record;
  const feed = feedRecord(chat, parts.findUserNow, userId);
  const answer = { rosterId: userId, feed, entityId: entityId ?? 0 };
  if (record.request === "update") {
    if (entityId === undefined) return error("invalid_data");
    await deliveries.readThrough({
      userId,
      chat: { id: chat.chatId },
      place: { messageId: entityId },
      deviceId: undefined,
    });
    return historyRecord({ ...answer, size: 0, data: [], status: "update" });
  }
  const messages = await page(store, { chat, userId, size, entityId });
  const view = { layout: request.client.layout, findUser: parts.findUserNow };
  const data = messages.map((one) => (one.kind === "deleted" ? deletedRecord(one, view) : messageRecord(one, view)));
  return historyRecord({ ...answer, size: data.length, data, status: "get" });
}

/** By rising number. */
async function page(
  store: HistoryParts["domain"]["store"],
  of: { chat: Chat; userId: UserId; size: number; entityId: MessageId | undefined },
): Promise<Message[]> {
  const { chat, userId, size, entityId } = of;
  const { chatId } = chat;
  if (size === 0) return [];
  const seq = entityId === undefined ? undefined : await seqOf(store, { chatId, userId, entityId });
  const place = size < 0 ? { beforeSeq: seq?.before } : { afterSeq: seq?.after ?? 0 };
  const found = await store.messages({
    chatId,
    ...place,
    limit: Math.min(Math.abs(size), messagesMax),
    reader: { userId },
    inlineBytesMax: inlineFileBytesMax,
    bytesMax: answerBytesMax,
  });
  return found.filter((message) => !isHidden(message));
}

/** The places next to a message's number, whether the chat has that message or not. */
async function seqOf(
  store: HistoryParts["domain"]["store"],
  { chatId, userId, entityId }: { chatId: ChatId; userId: UserId; entityId: MessageId },
): Promise<{ before: number; after: number }> {
  const log = await store.findChatLog(userId, chatId);
  if (log === undefined) throw new DomainError("chat_not_found");
  const [before, following] = await Promise.all([store.seqFrom(log, entityId), store.seqFrom(log, entityId + 1)]);
  return { before, after: following - 1 };
}

export async function handleTyping(parts: HistoryParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readTyping(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  const chat = await chatOfFeed(parts, record.feed, userId);
  await parts.typing.set({ userId, chat, typing: record.typing, by: request.session });
  return undefined;
}
