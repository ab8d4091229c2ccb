/** `Message` and `Ack` as the server writes them, in the layout that the client writes. */
import { isInline } from "../../delivery/shapes.ts";
import { shownTimeMs } from "../../domain/messages/messages.ts";
import type { DeletedMessage, Message, MessageFile, Typing, UserId } from "../../domain/model.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";
import { textField } from "./contact-records.ts";
import { type FindUser, feedRecord, pairOf, phoneIdNow, roomId } from "./feeds.ts";
import type { HistoryRecord } from "./history-record.ts";
import type { MessageLayout } from "./message-record.ts";

const unset: WireTerm = [];
const record = (name: string, ...fields: readonly WireTerm[]): WireTerm => new Tuple([atom(name), ...fields]);

/** `{'Ack','Message',MsgId}`: the sender's own id, or the server's where it gave none. */
export const ack = ({ clientId, messageId }: Pick<Message, "clientId" | "messageId">): WireTerm =>
  record("Ack", atom("Message"), clientId === undefined ? messageId : binary(clientId));

/** `{'Typing',PhoneId,Comments}`: who writes; without comments they stopped. */
export const typingRecord = ({ user, typing }: Typing, findUser: FindUser): WireTerm =>
  record("Typing", binary(phoneIdNow(user.userId, findUser)), typing ? binary("typing") : unset);

/** `{'History',RosterId,Feed,Size,EntityId,Data,Status}`. */
export const historyRecord = (answer: {
  readonly rosterId: UserId;
  readonly feed: WireTerm;
  readonly size: number;
  readonly entityId: number;
  readonly data: readonly WireTerm[];
  readonly status: HistoryRecord["request"];
}): WireTerm =>
  record("History", answer.rosterId, answer.feed, answer.size, answer.entityId, answer.data, atom(answer.status));

export interface MessageView {
  readonly layout: MessageLayout;
  readonly findUser: FindUser;
  /** Unset for a message as it is, as it was sent or is listed. */
  readonly status?: "edit" | undefined;
}

/**
 * `{'Message',Id,Container,FeedId,Prev,Next,MsgId,From,To,Created,Files,Type,…,Status}`, with 13 fields `EditMsg` in between,
 * with 16 `Link,SeenBy,RepliedBy,Mentioned`.
 */
export function messageRecord(message: Message, { layout, findUser, status }: MessageView): WireTerm {
  const { messageId, senderId, clientId, replyTo, mentions, editedAtMs, kind } = message;
  const words = [
    ...(kind === "system" ? ["sys"] : []),
    ...(replyTo === undefined ? [] : ["reply"]),
    ...(editedAtMs === undefined ? [] : ["edited"]),
  ];
  const [first = "text"] = words;
  return record(
    "Message",
    messageId,
    atom("chain"),
    feedRecord(message, findUser, senderId),
    unset,
    unset,
    textField(clientId),
    binary(phoneIdNow(senderId, findUser)),
    addresseeOf(message, findUser),
    shownTimeMs(message),
    [descRecord(message, layout)],
    ...(layout === 13
      ? [atom(first), status === "edit" ? messageId : unset]
      : [words.map(atom), replyTo ?? unset, unset, unset, mentions === undefined ? unset : [...mentions]]),
    status === undefined ? unset : atom(status),
  );
}

/** What is left of a message: its number and its chat. */
export function deletedRecord(
  deleted: Pick<DeletedMessage, "messageId" | "chatId" | "chatKey" | "senderId">,
  { layout, findUser }: MessageView,
): WireTerm {
  return record(
    "Message",
    deleted.messageId,
    atom("chain"),
    feedRecord(deleted, findUser, deleted.senderId),
    unset,
    unset,
    unset,
    binary(phoneIdNow(deleted.senderId, findUser)),
    addresseeOf(deleted, findUser),
    unset,
    unset,
    ...(layout === 13 ? [unset, unset] : [unset, unset, unset, unset, unset]),
    atom("delete"),
  );
}

function addresseeOf(
  { chatId, chatKey, senderId }: Pick<Message, "chatId" | "chatKey" | "senderId">,
  findUser: FindUser,
): WireTerm {
  const pair = pairOf(chatKey, findUser, senderId);
  return pair === undefined ? roomId(chatId) : binary(pair[1]);
}

/**
 * `{'Desc',Id,Mime,Payload,ParentId,Data}`; in the earlier layout `{'Desc',Mime,Payload,Size,FileName,Info}`. Large content
 * has no payload: it is fetched by its id.
 */
function descRecord(message: Message, layout: MessageLayout): WireTerm {
  const { type, content, file } = message;
  const id = file === undefined ? unset : binary(file.hash);
  const payload = !isInline(message) ? unset : typeof content === "string" ? binary(content) : content;
  if (layout === 16)
    return record("Desc", id, binary(type), payload, unset, file === undefined ? unset : features(file));
  const size = file?.bytes ?? (typeof content === "string" ? Buffer.byteLength(content) : content.byteLength);
  return record("Desc", binary(type), payload, size, textField(file?.name), id);
}

const features = ({ bytes, name }: MessageFile): WireTerm[] => [
  feature("SIZE", String(bytes)),
  ...(name === undefined ? [] : [feature("FILENAME", name)]),
];

const feature = (key: string, value: string): WireTerm =>
  record("Feature", unset, binary(key), binary(value), binary("FILE_DATA"));
