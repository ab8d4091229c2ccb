/**
 * Chat for any MQTT client: the service of the broker that serves the `chat/…` topics. A PUBLISH to
 * `chat/{chatID}/send` is acknowledged once the message is on disk and queued for all recipients, one to
 * `chat/{chatID}/receipts` once the user's position is on disk, one to `chat/{chatID}/changes` once the change is, or once
 * the answer is on its way, one to `chat/{chatID}/history` once the answer is, one to `chat/{chatID}/typing` when it was told.
 */
import type { Account, Accounts } from "../access/accounts.ts";
import type { PresenceFilter } from "../access/chat-form.ts";
import { publishReasonOf, publishRefusalOf } from "../access/errors.ts";
import type { RefusalNotes } from "../access/refusals.ts";
import { changeShape, inlineFileBytesMax } from "../delivery/shapes.ts";
import type { Typing } from "../delivery/typing.ts";
import type { Domain } from "../domain/domain.ts";
import { DomainError } from "../domain/errors.ts";
import type { Draft, UserId } from "../domain/model.ts";
import { type ChatReach, chatReachOf, requireReadableFile } from "../domain/people/chat-reach.ts";
import { topicNeeds } from "../domain/people/scope-rules.ts";
import { preparePublish } from "../mqtt/publish/prepared-publish.ts";
import {
  acknowledge,
  type InterceptedPublish,
  type PublishOutcome,
  type PublishRefusal,
  type Service,
  type ServiceSession,
  type SubscribeAnswer,
} from "../mqtt/service.ts";
import { propertyId } from "../mqtt/wire/properties.ts";
import { type ChangePayload, parseChange } from "./change-payload.ts";
import { type Hearings, subscriberOf } from "./hearings.ts";
import { historyPage, parseHistoryRequest } from "./history-request.ts";
import { parsePayload } from "./payload.ts";
import { parseReceipt } from "./receipt-payload.ts";
import { opensAll, readerOf, type Standing, speakerOf } from "./standing.ts";
import { revoked } from "./subscriber.ts";
import { chatTopic, isChatTopic, parseChatFilter, parseChatTopic, parsePresenceFilter } from "./topic-names.ts";
import { parseTyping } from "./typing-payload.ts";

export function createChatTopics(parts: {
  domain: Domain;
  hearings: Hearings;
  typing: Pick<Typing, "set">;
  accounts: Pick<Accounts, "endLogIn" | "hasEnded">;
  notes: Pick<RefusalNotes, "refusedByService">;
}): Service<Account> {
  const { domain, hearings, accounts, notes } = parts;

  function intercept(session: ServiceSession<Account>, publish: InterceptedPublish): Promise<PublishOutcome> {
    const speaker = speakerOf(session.principal, domain.devices);
    if (speaker === undefined) {
      const why = "only users, and devices of a user or of a chat, send messages to chats";
      const { device } = session.principal;
      const allow = device === undefined ? "roost user add NAME" : `roost device set ${device.name} --user USER`;
      notes.refusedByService(session, publish.topic, { why, allow });
      return refuse("not_authorized", why);
    }
    const said = parseChatTopic(publish.topic);
    if (said === undefined) {
      const why = "no client may publish to this topic";
      notes.refusedByService(session, publish.topic, { why, allow: "chat/{chatID}/send is the topic to send to" });
      return refuse("topic_name_invalid", why);
    }
    const done = doing[said.says];
    const { userId } = speaker;
    const by = { chat: { key: said.chatKey }, userId, reaches: reachesOf(speaker) };
    const need = topicNeeds.says[said.says];
    const outcome =
      by.reaches.length === 0
        ? done(session, publish, by)
        : need === "whole"
          ? Promise.reject(new DomainError("out_of_scope"))
          : within(need, by, publish, (copied) => done(session, copied, by));
    return outcome.catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
      notes.refusedByService(session, publish.topic, error);
      return { refused: publishRefusalOf[error.code], why: publishReasonOf(error) };
    });
  }

  function send(session: ServiceSession<Account>, publish: InterceptedPublish, by: By): Promise<PublishOutcome> {
    const parsed = parsePayload(publish.payload, publish.properties);
    if (parsed === undefined) return Promise.resolve(notWhatItSays);
    const { content, file, type, replyTo, mentions } = parsed;
    const draft: Draft = {
      chat: by.chat,
      from: by.userId,
      content,
      file,
      type,
      clientId: parsed.clientId ?? clientIdOf(publish),
      publish: storedPublish(session, publish),
      replyTo,
      mentions,
    };
    if (file !== undefined && by.reaches.length > 0) return sendNamed(draft, file, by);
    return domain.messages.send(draft).then(acknowledged);
  }

  async function sendNamed(draft: Draft, file: string, { userId, reaches }: By): Promise<PublishOutcome> {
    for (const reach of reaches) await requireReadableFile(reach, userId, file, domain.store);
    return domain.messages.send(draft).then(acknowledged);
  }

  async function change(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
    by: By,
  ): Promise<PublishOutcome> {
    const said = parseChange(publish.payload);
    if (said === undefined) return noChange;
    const { userId } = by;
    if (said.says === "ask") return tellChanges(session, publish, { ...by, said });
    const { messageId } = said;
    const [chat, message] = await Promise.all([
      domain.store.findChatOf(userId, by.chat),
      domain.store.findMessage(messageId, 0),
    ]);
    if (chat === undefined) throw new DomainError("chat_not_found");
    if (message?.chatId !== chat.chatId) throw new DomainError("message_not_found");
    if (said.says === "edit") await domain.edits.edit({ ...said, userId });
    else if (said.says === "react") await domain.edits.react(userId, said);
    else await domain.messages.remove(userId, messageId);
    return acknowledge;
  }

  async function tellChanges(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
    { chat, userId, said }: By & { said: Extract<ChangePayload, { says: "ask" }> },
  ): Promise<PublishOutcome> {
    if (readerOf(session.principal, domain.devices) === undefined) return hearsNothing;
    const isOurs = said.epoch === undefined || said.epoch === domain.epoch;
    const found = await domain.edits.changesAfter(
      { userId, deviceId: subscriberOf(session)?.deviceId },
      {
        chat,
        // A revision of another epoch is of no use.
        after: isOurs ? said.after : Number.MAX_SAFE_INTEGER,
        limit: said.limit,
        inlineBytesMax: inlineFileBytesMax,
        bytesMax: answerBytesMax,
      },
    );
    const { revision, more, reset } = found;
    const body = {
      epoch: domain.epoch,
      chat_id: String(found.chat.chatId),
      chatID: found.chat.chatKey,
      changes: found.messages.map(changeShape),
      revision,
      more,
      reset,
    };
    await answer(session, publish, { topic: publish.topic, body });
    return acknowledge;
  }

  async function tellHistory(
    session: ServiceSession<Account>,
    publish: InterceptedPublish,
    { chat, userId }: By,
  ): Promise<PublishOutcome> {
    const asked = parseHistoryRequest(publish.payload);
    if (asked === undefined) return noHistory;
    if (readerOf(session.principal, domain.devices) === undefined) return hearsNothing;
    const reader = { userId, deviceId: subscriberOf(session)?.deviceId };
    const body = await historyPage(domain, { chat, reader, asked });
    await answer(session, publish, { topic: chatTopic(chat.key, "history"), body });
    return acknowledge;
  }

  async function read(session: ServiceSession<Account>, publish: InterceptedPublish, by: By): Promise<PublishOutcome> {
    const place = parseReceipt(publish.payload);
    if (place === undefined) return noReceipt;
    const subscriber = subscriberOf(session);
    const { chatId, seq } = await domain.deliveries.readThrough({ ...by, place, deviceId: subscriber?.deviceId });
    subscriber?.readThrough(chatId, seq);
    return acknowledge;
  }

  /** The payload is valid until the chat was looked up. */
  async function within(
    allow: "send" | "read",
    { chat, reaches }: By,
    publish: InterceptedPublish,
    work: (publish: InterceptedPublish) => Promise<PublishOutcome>,
  ): Promise<PublishOutcome> {
    const copied = { ...publish, payload: Uint8Array.from(publish.payload) };
    for (const reach of reaches) await reach.require(allow, chat);
    return work(copied);
  }

  async function type(session: ServiceSession<Account>, publish: InterceptedPublish, by: By): Promise<PublishOutcome> {
    const typing = parseTyping(publish.payload);
    if (typing === undefined) return noTyping;
    await parts.typing.set({ ...by, typing, by: session });
    return acknowledge;
  }

  const doing = { send, receipts: read, changes: change, typing: type, history: tellHistory };

  const reachesOf = ({ userId, limits }: Standing): readonly ChatReach[] =>
    limits.length === 0 ? noReaches : limits.flatMap((limit) => chatReachOf(limit, userId, domain.store) ?? []);

  return {
    serves: isChatTopic,
    intercept,
    serving({ principal }, filter) {
      const reader = readerOf(principal, domain.devices);
      if (reader === undefined) return "none";
      const chat = parseChatFilter(filter);
      if (chat.wants === "nothing") return servingPresence(reader, parsePresenceFilter(filter));
      if (!chat.hears.some((topic) => opensAll(reader.limits, topicNeeds.hears[topic])))
        return chat.wants === "every" && chat.ordinaryToo ? "none" : "refused";
      return chat.wants === "every" && chat.ordinaryToo ? "both" : "service";
    },
    subscribed: (session, filter, qos) =>
      subscriberOf(session)?.subscribe(
        filter,
        { chat: parseChatFilter(filter), presence: parsePresenceFilter(filter) },
        qos > 0 ? 1 : 0,
      ),
    unsubscribed(session, filter) {
      subscriberOf(session)?.unsubscribe(filter);
      return false;
    },
    opened(session, { before }) {
      const reader = readerOf(session.principal, domain.devices);
      if (reader === undefined) return;
      if (accounts.hasEnded(session.principal)) {
        // The account or the log-in ended while the client was logging in.
        if (before === undefined) session.close(revoked);
        else accounts.endLogIn(session, revoked);
        return;
      }
      hearings.of(session, reader).open();
    },
    closed: (session) => subscriberOf(session)?.close(),
    // The session may be older than a restart and never have been opened here.
    ended(session) {
      const reader = readerOf(session.principal, domain.devices);
      if (reader !== undefined) void hearings.of(session, reader).endDevice();
    },
  };
}

const noReaches: readonly ChatReach[] = [];
const acknowledged = (): PublishOutcome => acknowledge;

/** To the asking session alone: where its request says, else on `topic`. */
async function answer(
  session: ServiceSession<Account>,
  { qos, properties }: InterceptedPublish,
  { topic, body }: { topic: string; body: unknown },
): Promise<void> {
  const { responseTopic = topic, correlationData } = properties ?? {};
  const options = correlationData === undefined ? {} : { properties: correlation(correlationData) };
  const packet = preparePublish(responseTopic, Buffer.from(JSON.stringify(body)), options);
  if (session.connected) await session.send(packet, qos === 0 ? 0 : 1);
}

function servingPresence({ limits }: Standing, asked: PresenceFilter): SubscribeAnswer {
  if (asked.wants === "nothing") return "none";
  return opensAll(limits, topicNeeds.presence) ? "service" : "refused";
}

const refuse = (refused: PublishRefusal, why: string): Promise<PublishOutcome> => Promise.resolve({ refused, why });

const notWhatItSays: PublishOutcome = {
  refused: "payload_format_invalid",
  why: "the payload is not what its type says, or its fields are wrong",
};
const noReceipt: PublishOutcome = {
  refused: "payload_format_invalid",
  why: 'a receipt is {"read": seq} or {"message_id": "…"}',
};

const noChange: PublishOutcome = {
  refused: "payload_format_invalid",
  why: 'a change is {"edit": "…", "content": "…"}, {"delete": "…"}, {"react": "…", "reaction": "…"} or {"after": revision}',
};
const noHistory: PublishOutcome = {
  refused: "payload_format_invalid",
  why: 'a request for history is {"after_seq": seq} or {"before_seq": seq}, with "limit", or nothing',
};
const hearsNothing: PublishOutcome = { refused: "not_authorized", why: "a device receives no chats" };

/** Content of one answer about changes; a larger message comes alone. */
const answerBytesMax = 256 * 1024;

/** As the property stands on the wire. */
function correlation(data: Uint8Array): Uint8Array {
  const property = Buffer.alloc(3 + data.byteLength);
  property[0] = propertyId.correlationData;
  property.writeUInt16BE(data.byteLength, 1);
  property.set(data, 3);
  return property;
}
const noTyping: PublishOutcome = {
  refused: "payload_format_invalid",
  why: 'typing is {"typing": true} or {"typing": false}',
};

/** Who speaks in which chat. */
interface By {
  readonly chat: { readonly key: string };
  readonly userId: UserId;
  /** Which chats the client may speak in, where not in all. */
  readonly reaches: readonly ChatReach[];
}

/** The sender's own id for a message whose payload has none. An empty id counts as none. */
function clientIdOf({ properties }: InterceptedPublish): string | undefined {
  return properties?.userProperties.find(([name]) => name === "client-message-id")?.[1] || undefined;
}

/**
 * What makes a DUP of this PUBLISH recognisable after a reconnect. Only a session that outlives its connection has it.
 */
function storedPublish(session: ServiceSession<Account>, publish: InterceptedPublish) {
  if (session.storedId === undefined || publish.packetId === undefined || publish.qos === 0) return undefined;
  const { packetId, dup, qos } = publish;
  return { sessionId: session.storedId, packetId, dup: dup && qos === 1, exactlyOnce: qos === 2 };
}
