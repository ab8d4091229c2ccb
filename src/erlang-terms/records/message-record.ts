/**
 * Reads the `Message` tuples of two generations of clients. A message has one content here, so a tuple has one `Desc`.
 */

import type { FriendRef } from "../../domain/contacts/contact-store.ts";
import { isFileId } from "../../domain/messages/file-ids.ts";
import { mentionsMax } from "../../domain/messages/messages.ts";
import type { MessageId } from "../../domain/model.ts";
import { atomOf, integerOf, isUnset, listOf, recordOf, textOf } from "../../etf/read.ts";
import { CharList, type Term } from "../../etf/term.ts";
import { type Feed, readAddressee, readFeed } from "./feeds.ts";
import { friendOf } from "./private-record.ts";

/** The fields after the tag: as of November 2017, and as of 2018. */
export const messageLayouts = [13, 16] as const;
export type MessageLayout = (typeof messageLayouts)[number];

export interface MessageContent {
  readonly type: string;
  readonly content: string | Uint8Array;
  /** Names what was uploaded; `content` is empty then. */
  readonly file: string | undefined;
}

export interface MessageRecord {
  readonly layout: MessageLayout;
  readonly action: "send" | "edit" | "delete";
  readonly id: MessageId | undefined;
  readonly msgId: string | undefined;
  /** Undefined where the tuple names none. */
  readonly feed: Feed | undefined;
  /** Undefined where it is unset. */
  readonly from: FriendRef | undefined;
  readonly createdAtMs: number | undefined;
  readonly content: MessageContent | undefined;
  readonly replyTo: MessageId | undefined;
  readonly mentions: readonly number[] | undefined;
  /** A deletion for some users alone. */
  readonly isPartial: boolean;
}

/** Records that occur within a `Message`. */
export const innerMessageRecords = ["p2p", "muc", "Desc", "Feature"] as const;

const actions: Readonly<Record<string, MessageRecord["action"]>> = {
  "": "send",
  async: "send",
  edit: "edit",
  delete: "delete",
};
/** In milliseconds this is a date in 1973; every real time is later. */
const timeMsMin = 1e11;

/** Undefined where the fields are no `Message` of either generation, or one of them cannot be read. */
export function readMessage(fields: readonly Term[]): MessageRecord | undefined {
  const layout = messageLayouts.find((one) => one === fields.length);
  const [id, , feedTerm, , , msgIdTerm, from, to, created, files, , twelfth] = fields;
  const status = fields.at(-1);
  if (layout === undefined || id === undefined || feedTerm === undefined || msgIdTerm === undefined) return undefined;
  if (from === undefined || to === undefined || created === undefined || files === undefined) return undefined;
  if (twelfth === undefined || status === undefined) return undefined;
  const action = actionOf(status);
  const feed = isUnset(feedTerm) && !isUnset(to) ? readAddressee(to) : readFeed(feedTerm);
  const sender = isUnset(from) ? undefined : friendOf(from);
  const content = readContent(files, layout);
  const named = idOf(id) ?? (layout === 13 && action !== "send" ? idOf(twelfth) : undefined);
  const msgId = isUnset(msgIdTerm) ? undefined : textOf(msgIdTerm, { integers: true });
  if (action === undefined || feed === undefined || content === null) return undefined;
  if (!isUnset(from) && sender === undefined) return undefined;
  if (!isUnset(msgIdTerm) && msgId === undefined) return undefined;
  const mentions = layout === 16 ? readMentions(fields[14]) : undefined;
  if (mentions === null) return undefined;
  const time = integerOf(created);
  return {
    layout,
    action,
    id: named,
    msgId,
    feed: feed ?? undefined,
    from: sender,
    createdAtMs: time !== undefined && time >= timeMsMin ? time : undefined,
    content,
    replyTo: layout === 16 ? linkOf(twelfth) : undefined,
    mentions,
    isPartial: layout === 16 && fields[12] !== undefined && !isUnset(fields[12]),
  };
}

function actionOf(status: Term): MessageRecord["action"] | undefined {
  const name = isUnset(status) ? "" : (atomOf(status) ?? textOf(status) ?? "?");
  return Object.hasOwn(actions, name) ? actions[name] : undefined;
}

function idOf(term: Term): MessageId | undefined {
  const id = isUnset(term) ? undefined : integerOf(term);
  return id !== undefined && id > 0 ? (id as MessageId) : undefined;
}

/** A link is the number of the message that it answers, or that message. */
function linkOf(term: Term): MessageId | undefined {
  const [first] = recordOf(term)?.name === "Message" ? (recordOf(term)?.fields ?? []) : [term];
  return first === undefined ? undefined : idOf(first);
}

/** Undefined: none are given. Null: they cannot be read. */
function readMentions(term: Term | undefined): readonly number[] | null | undefined {
  if (term === undefined || isUnset(term)) return undefined;
  const items = listOf(term, { charLists: true });
  if (items === undefined || items.length > mentionsMax) return null;
  const ids = items.map((item) => {
    const ref = friendOf(item);
    return typeof ref === "number" ? ref : ref?.userId;
  });
  return ids.every((id) => id !== undefined) ? ids : null;
}

/** Undefined: there is none. Null: it cannot be read, or there are several. */
function readContent(term: Term, layout: MessageLayout): MessageContent | null | undefined {
  if (isUnset(term)) return undefined;
  const [one, ...others] = recordOf(term)?.name === "Desc" ? [term] : (listOf(term) ?? []);
  const desc = one === undefined ? undefined : recordOf(one);
  if (others.length > 0 || desc?.name !== "Desc" || desc.fields.length !== 5) return null;
  const [id, mime, payload] = layout === 16 ? desc.fields : [undefined, ...desc.fields];
  if (mime === undefined || payload === undefined) return null;
  const type = isUnset(mime) ? "text" : (textOf(mime) ?? atomOf(mime));
  const file = id === undefined || isUnset(id) ? undefined : textOf(id);
  if (type === undefined) return null;
  if (isUnset(payload)) {
    // The file's sender may have said what it is.
    if (file !== undefined && isFileId(file)) return { type: isUnset(mime) ? "" : type, content: "", file };
    return { type, content: "", file: undefined };
  }
  const content = contentOf(payload, type);
  return content === undefined ? null : { type, content, file: undefined };
}

/** Text is text, other content its bytes, or the text that the client wrote. */
function contentOf(payload: Term, type: string): string | Uint8Array | undefined {
  const isText = type === "text" || type.startsWith("text/");
  if (payload instanceof CharList && !isText) return payload.bytes.slice();
  const text = payload instanceof Uint8Array && !isText ? undefined : textOf(payload);
  return text ?? (payload instanceof Uint8Array ? payload.slice() : undefined);
}
