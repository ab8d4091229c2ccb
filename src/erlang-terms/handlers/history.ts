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
import { type HistoryFilter, readHistory, readTyping } from "../records/history-record.ts";
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
/** With a filter: in one request, and before other work gets its turn. */
const lookedAtMax = 10_000;
const lookedAtAtOnce = 200;
/** Content that is read in one go. */
const readBytesMax = 1024 * 1024;

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
  const stretch = await stretchOf(store, { chat, userId, size, entityId });
  const status = record.request;
  const { messages, reached } =
    status === "get"
      ? { messages: await page(store, stretch), reached: entityId }
      : await filteredPage(store, { ...stretch, filter: status });
  const view = { layout: request.client.layout, findUser: parts.findUserNow };
  const data = messages.map((one) => (one.kind === "deleted" ? deletedRecord(one, view) : messageRecord(one, view)));
  return historyRecord({ ...answer, entityId: reached ?? entityId ?? 0, size: data.length, data, status });
}

type HistoryStore = HistoryParts["domain"]["store"];

/** Where to read, in which direction, and how much. */
interface Stretch {
  readonly chatId: ChatId;
  readonly userId: UserId;
  readonly place: { readonly beforeSeq: number | undefined } | { readonly afterSeq: number };
  readonly limit: number;
}

async function stretchOf(
  store: HistoryStore,
  of: { chat: Chat; userId: UserId; size: number; entityId: MessageId | undefined },
): Promise<Stretch> {
  const { userId, size, entityId } = of;
  const { chatId } = of.chat;
  const seq = entityId === undefined ? undefined : await seqOf(store, { chatId, userId, entityId });
  const place = size < 0 ? { beforeSeq: seq?.before } : { afterSeq: seq?.after ?? 0 };
  return { chatId, userId, place, limit: Math.min(Math.abs(size), messagesMax) };
}

/** By rising number. */
async function page(store: HistoryStore, { chatId, userId, place, limit }: Stretch): Promise<Message[]> {
  if (limit === 0) return [];
  const found = await store.messages({
    chatId,
    ...place,
    limit,
    reader: { userId },
    inlineBytesMax: inlineFileBytesMax,
    bytesMax: answerBytesMax,
  });
  return found.filter((message) => !isHidden(message));
}

/**
 * Those that the filter wants, by rising number. `reached` is the last message that was looked at, in the direction of reading:
 * behind it a client asks on. Undefined where there is none.
 */
async function filteredPage(
  store: HistoryStore,
  { chatId, userId, place, limit, filter }: Stretch & { readonly filter: HistoryFilter },
): Promise<{ messages: Message[]; reached: MessageId | undefined }> {
  const isDown = "beforeSeq" in place;
  const taken: Message[] = [];
  let [next, bytes]: [typeof place, number] = [place, 0];
  let reached: Message | undefined;
  for (let left = limit === 0 ? 0 : lookedAtMax; left > 0; ) {
    const rows = Math.min(left, lookedAtAtOnce);
    const reader = { userId };
    const found = await store.messages({
      chatId,
      ...next,
      limit: rows,
      reader,
      inlineBytesMax: 0,
      bytesMax: readBytesMax,
    });
    for (const message of isDown ? found.toReversed() : found) {
      reached = message;
      if (!isWanted(message, filter)) continue;
      taken.push(message);
      bytes += shownBytes(message);
      if (taken.length === limit || bytes >= answerBytesMax) break;
    }
    const last = (isDown ? found[0] : found.at(-1))?.seq;
    if (last === undefined || taken.length === limit || bytes >= answerBytesMax) break;
    next = isDown ? { beforeSeq: last } : { afterSeq: last };
    left -= found.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const messages = await store.withContent(isDown ? taken.reverse() : taken, inlineFileBytesMax);
  return { messages, reached: reached?.messageId };
}

/** A deleted message, and one that is for others, is of no kind. */
const isWanted = ({ kind, content }: Message, filter: HistoryFilter): boolean =>
  filter === "link" ? kind === "text" && typeof content === "string" && link.test(content) : kind === filter;

const link = /\bhttps?:\/\/\S/i;

/** Of its content, as far as the record shows it. */
const shownBytes = ({ content, file }: Message): number =>
  file === undefined ? Buffer.byteLength(content) : file.bytes > inlineFileBytesMax ? 0 : file.bytes;

/** The places next to a message's number, whether the chat has that message or not. */
async function seqOf(
  store: HistoryStore,
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
