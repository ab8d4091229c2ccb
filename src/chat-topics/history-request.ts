/**
 * `chat/{chatID}/history`: what a client asks for, `{"after_seq"?, "before_seq"?, "limit"?}` in JSON or nothing at all, and the
 * page that it is answered with.
 */
import { inlineFileBytesMax, messageShape } from "../delivery/shapes.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import { historyRowsMax } from "../domain/messages/messages.ts";
import type { ChatRef, MessageReader } from "../domain/model.ts";
import { parseSmallJson } from "./small-json.ts";

export interface HistoryRequest {
  /** With it the page goes on towards newer messages, else from the newest towards older ones. */
  readonly afterSeq: number | undefined;
  readonly beforeSeq: number | undefined;
  readonly limit: number;
}

/** Where the client names no limit. */
const usualLimit = 50;
/** Content of one page; a larger message comes alone. */
const pageBytesMax = 256 * 1024;

/** Undefined where it is none. */
export function parseHistoryRequest(payload: Uint8Array): HistoryRequest | undefined {
  const value = payload.byteLength === 0 ? {} : parseSmallJson(payload);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { after_seq: afterSeq, before_seq: beforeSeq, limit = usualLimit } = value as Readonly<Record<string, unknown>>;
  if (!isCount(limit) || limit === 0 || !isPlace(afterSeq) || !isPlace(beforeSeq)) return undefined;
  return { afterSeq, beforeSeq, limit: Math.min(limit, historyRowsMax) };
}

const isPlace = (value: unknown): value is number | undefined => value === undefined || isCount(value);

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/**
 * A page in the order of `seq`. `next` is the `after_seq`, or without that the `before_seq`, of the page that follows, null at the
 * end. Throws `chat_not_found`.
 */
export async function historyPage(
  { store, epoch }: Pick<Domain, "store" | "epoch">,
  { chat: ref, reader, asked }: { chat: ChatRef; reader: MessageReader; asked: HistoryRequest },
) {
  const chat = await store.findChatOf(reader.userId, ref);
  const log = chat === undefined ? undefined : await store.findChatLog(reader.userId, chat.chatId);
  if (chat === undefined || log === undefined) throw new DomainError("chat_not_found");
  const { chatId, chatKey, revision } = chat;
  const { afterSeq, beforeSeq, limit } = asked;
  const found = await store.messages({
    chatId,
    afterSeq,
    beforeSeq,
    limit,
    reader,
    inlineBytesMax: inlineFileBytesMax,
    bytesMax: pageBytesMax,
  });
  const isUp = afterSeq !== undefined;
  const reached = (isUp ? found.at(-1) : found[0])?.seq;
  const isLast =
    reached === undefined ||
    (isUp ? reached >= Math.min(log.lastSeq, (beforeSeq ?? Number.POSITIVE_INFINITY) - 1) : reached <= log.firstSeq);
  return {
    epoch,
    chat_id: String(chatId),
    chatID: chatKey,
    revision,
    messages: found.filter((message) => !isHidden(message)).map(messageShape),
    next: isLast ? null : reached,
  };
}
