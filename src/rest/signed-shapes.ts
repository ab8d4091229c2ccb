/**
 * The bodies of the signed form (docs/protocols/rest-signed.md § Sending): times and ids are decimal strings, users are
 * GUIDs.
 */
import type { Addressing, Exchanged } from "../domain/messages/exchange-store.ts";
import type { Message, StoredEvent, Typing, UserSummary } from "../domain/model.ts";

/** The sender of system messages; no user has it. */
const systemGuid = "00000000-0000-0000-0000-000000000000";

/** The text of `outgoingEventsResult`. */
export function resultText(exchanged: Exchanged, statusHashes: readonly string[]): string {
  return JSON.stringify({
    messages: exchanged.messages.map(({ message }) => ({
      clientHash: message.clientId,
      serverTime: String(message.sentAtMs),
      messageID: String(message.messageId),
    })),
    statuses: statusHashes,
  });
}

export interface IncomingMessage {
  readonly message: Message;
  readonly senderGuid: string | undefined;
  readonly addressing: Addressing;
}

/** The text of `incomingEvents`; empty lists are left out. */
export function incomingText(
  nowMs: number,
  {
    messages,
    events,
    typing,
  }: {
    readonly messages: readonly IncomingMessage[];
    readonly events: readonly StoredEvent[];
    readonly typing: readonly Typing[];
  },
): string {
  const statuses = events.flatMap(statusShape);
  const info = [...events.flatMap(infoShape), ...typing.map(typingInfo)];
  return JSON.stringify({
    timestamp: String(nowMs),
    ...(messages.length === 0 ? {} : { messages: messages.map(messageShape) }),
    ...(statuses.length === 0 ? {} : { statuses }),
    ...(info.length === 0 ? {} : { info }),
  });
}

function messageShape({ message, senderGuid, addressing }: IncomingMessage) {
  const { content } = message;
  const { recipients, oldMessageId } = addressing;
  return {
    messageID: String(message.messageId),
    sender: senderGuid ?? systemGuid,
    messageText: typeof content === "string" ? content : Buffer.from(content).toString("base64"),
    serverTime: String(message.sentAtMs),
    chatID: message.chatKey,
    recipientList: recipients,
    ...(oldMessageId === undefined ? {} : { oldMessageID: String(oldMessageId) }),
  };
}

/** R36: `messageID` is the event's own, `messageIDStatus` the message it is about. */
function statusShape({ eventId, type, about }: StoredEvent) {
  if (about === undefined) return [];
  return [{ type, messageID: `e${eventId}`, messageIDStatus: String(about.messageId), recipient: about.guid }];
}

function infoShape({ eventId, type, chatKey, users, about }: StoredEvent) {
  if (about !== undefined) return [];
  return [
    {
      messageID: `e${eventId}`,
      subType: type === "entered" ? "chat_enter" : "chat_leave",
      chatID: chatKey,
      messageGUIDList: users.map(personShape),
    },
  ];
}

/** Has no id: there is nothing to confirm. */
function typingInfo({ chatKey, user, typing }: Typing) {
  const subType = typing ? "chat_typing" : "chat_typingEnd";
  return { subType, chatID: chatKey, messageGUIDList: [personShape(user)] };
}

const personShape = ({ guid, userKey, nick }: UserSummary) => ({ GUID: guid, userID: userKey, displayName: nick });
