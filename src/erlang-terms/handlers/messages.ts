/** `Message`: sent, edited, deleted. The sender is answered `Ack` when that is on disk; all members hear it on the chat's topic. */
import type { Domain } from "../../domain/domain.ts";
import { DomainError } from "../../domain/errors.ts";
import type { MessageId, UserId } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { type ActingParts, actorOf, chatOfFeed, findPerson } from "../acting.ts";
import { error } from "../records/answers.ts";
import { ack } from "../records/message-answer.ts";
import { type MessageRecord, readMessage } from "../records/message-record.ts";
import type { TermRequest } from "../request.ts";

export interface MessageParts extends ActingParts {
  readonly domain: Pick<Domain, "messages" | "edits" | "store">;
}

export async function handleMessage(parts: MessageParts, request: TermRequest): Promise<WireTerm | undefined> {
  const record = readMessage(request.fields);
  if (record === undefined) return error("invalid_data");
  const userId = actorOf(request);
  if (userId === undefined) return error("not_authorized");
  request.client.layout = record.layout;
  if (record.from !== undefined && (await findPerson(parts, record.from))?.userId !== userId) {
    return error("permission_denied");
  }
  switch (record.action) {
    case "send":
      return send(parts, record, userId);
    case "edit":
      return edit(parts, record, userId);
    case "delete":
      return remove(parts, record, userId);
  }
}

async function send(parts: MessageParts, record: MessageRecord, userId: UserId): Promise<WireTerm> {
  const { feed, content, msgId, createdAtMs, replyTo, mentions } = record;
  if (feed === undefined || content === undefined) return error("invalid_data");
  const chat = await chatOfFeed(parts, feed, userId);
  const { message } = await parts.domain.messages.send({
    chat,
    from: userId,
    ...content,
    clientId: msgId,
    clientTimeMs: createdAtMs,
    replyTo,
    mentions: mentions as readonly UserId[] | undefined,
  });
  return ack(message);
}

async function edit(parts: MessageParts, record: MessageRecord, userId: UserId): Promise<WireTerm> {
  const { id: messageId, content, msgId, mentions } = record;
  if (messageId === undefined || content === undefined || content.file !== undefined) return error("invalid_data");
  await checkPlace(parts, record, { messageId, userId });
  await parts.domain.edits.edit({
    userId,
    messageId,
    content: content.content,
    mentions: mentions as readonly UserId[] | undefined,
  });
  return ack({ clientId: msgId, messageId });
}

async function remove(parts: MessageParts, record: MessageRecord, userId: UserId): Promise<WireTerm> {
  const { id: messageId, msgId, isPartial } = record;
  // A message is there for all members or for none.
  if (messageId === undefined || isPartial) return error("invalid_data");
  await checkPlace(parts, record, { messageId, userId });
  await parts.domain.messages.remove(userId, messageId);
  return ack({ clientId: msgId, messageId });
}

/** Throws where the tuple names a chat, and the message is not of it. */
async function checkPlace(
  parts: MessageParts,
  { feed }: MessageRecord,
  { messageId, userId }: { messageId: MessageId; userId: UserId },
): Promise<void> {
  if (feed === undefined) return;
  const { store } = parts.domain;
  const ref = await chatOfFeed(parts, feed, userId);
  const [chat, message] = await Promise.all([store.findChatOf(userId, ref), store.findMessage(messageId, 0)]);
  if (chat === undefined || message?.chatId !== chat.chatId) throw new DomainError("message_not_found");
}
