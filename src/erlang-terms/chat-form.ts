/**
 * Chats in Erlang terms: the topics `p2p/{a}/{b}`, `room/{room}` and `ac/{PhoneId}`, and the records on them. A message is
 * encoded once for each encoding and layout in which clients hear it.
 */
import type { Account } from "../access/accounts.ts";
import type { ChatForm, ChatPlace } from "../access/chat-form.ts";
import type { ShownPresence } from "../delivery/presence.ts";
import type { MessageChange } from "../delivery/shapes.ts";
import type { ChatId, Message, MessageId, Receipt, User } from "../domain/model.ts";
import { deviceNameOf } from "../domain/people/long-tokens.ts";
import { phoneIdOf } from "../domain/phones/phones.ts";
import { encodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { type PreparedPublish, preparePublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { TermClient } from "./client.ts";
import { contact15 } from "./records/contact-records.ts";
import { feedTopic, presenceTopic } from "./records/feeds.ts";
import { deletedRecord, messageRecord, typingRecord } from "./records/message-answer.ts";

/** Before the client's id; no client id has U+0000. */
const devicePrefix = "terms\0";

export function createTermForm(parts: {
  findUser(userId: number): User | undefined;
  messageIdNow(chatId: ChatId, seq: number): MessageId | undefined;
  clientOf(session: ServiceSession<Account>): Pick<TermClient, "dialect" | "layout" | "isNewReader">;
}): ChatForm {
  const { findUser, clientOf } = parts;
  const prepared = new WeakMap<Message, Map<string, PreparedPublish>>();

  const packet = (session: ServiceSession<Account>, topic: string, term: WireTerm): PreparedPublish =>
    preparePublish(topic, encodePayload(clientOf(session).dialect, term));

  const onFeed = (session: ServiceSession<Account>, chat: ChatPlace, term: WireTerm): PreparedPublish =>
    packet(session, feedTopic(chat, findUser), term);

  function message(session: ServiceSession<Account>, sent: Message): PreparedPublish {
    const { dialect, layout } = clientOf(session);
    const key = `${dialect} ${layout}`;
    const made = prepared.get(sent) ?? new Map<string, PreparedPublish>();
    prepared.set(sent, made);
    const known = made.get(key) ?? onFeed(session, sent, messageRecord(sent, { layout, findUser }));
    made.set(key, known);
    return known;
  }

  function change(session: ServiceSession<Account>, changed: MessageChange | Message): PreparedPublish | undefined {
    const { layout } = clientOf(session);
    if ("type" in changed && changed.type === "message.reacted") return undefined;
    const of =
      "messageId" in changed ? changed : (changed as Exclude<MessageChange, { type: "message.reacted" }>).message;
    if (!("content" in of) || of.kind === "deleted")
      return onFeed(session, of, deletedRecord(of, { layout, findUser }));
    // What was only reacted to is not another message in these words.
    if (of.editedAtMs === undefined) return undefined;
    return onFeed(session, of, messageRecord(of, { layout, findUser, status: "edit" }));
  }

  /** Of other members, where they have read further than this session was told. */
  function receipts(session: ServiceSession<Account>, news: readonly Receipt[], chat: ChatPlace): PreparedPublish[] {
    const client = clientOf(session);
    return news.flatMap(({ userId, readSeq = 0, atMs }) => {
      const user = findUser(userId);
      const reader = readSeq === 0 ? undefined : parts.messageIdNow(chat.chatId, readSeq);
      if (user === undefined || reader === undefined || userId === session.principal.userId) return [];
      if (!client.isNewReader(chat.chatId, userId, reader)) return [];
      const updatedAtMs = atMs ?? user.updatedAtMs;
      return [onFeed(session, chat, contact15({ user, status: "last_msg", updatedAtMs, reader }))];
    });
  }

  /** Of friends; a client knows of its own user. */
  function presence(session: ServiceSession<Account>, { userId, online }: ShownPresence): PreparedPublish | undefined {
    const user = userId === session.principal.userId ? undefined : findUser(userId);
    if (user === undefined) return undefined;
    const shown = { user, status: "friend", updatedAtMs: user.updatedAtMs } as const;
    const contact = contact15({ ...shown, presence: online ? "online" : "offline" });
    return packet(session, presenceTopic(phoneIdOf(user)), contact);
  }

  return {
    sign: -1,
    deviceNameOf: ({ principal, clientId }) => deviceNameOf(principal.scoped, `${devicePrefix}${clientId}`),
    message,
    change,
    receipts,
    typing: (session, typing) => onFeed(session, typing, typingRecord(typing, findUser)),
    showsPresence: false,
    presence,
  };
}
