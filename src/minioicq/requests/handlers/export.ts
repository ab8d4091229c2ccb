/**
 * `account.export`: everything that an account has, page by page (docs/protocols/minioicq.md § account.export). Each page is
 * read when it is asked for and is bounded, so that an account of any size costs no more memory than one page of its history.
 */
import { isoTime } from "../../../delivery/shapes.ts";
import { safeInteger } from "../../../domain/keys.ts";
import type { Chat, ChatId } from "../../../domain/model.ts";
import type { ShownProof } from "../../../domain/people/account-proof.ts";
import { readHistory } from "../../history/history.ts";
import { messageBody, userFields, wireId } from "../../outgoing/push.ts";
import type { Handler, UserCall } from "../action.ts";
import { type Answer, answerWith } from "../answer.ts";
import { isAbsent, Refused } from "../fields.ts";
import { fieldsOf } from "./chat-list.ts";
import { contactBodies } from "./contacts.ts";
import { sessionFields } from "./log-ins.ts";
import { parseShownProof } from "./shown-proof.ts";

const pageContacts = 200;

/** What comes next: contacts, or chats, behind an id; or messages of a chat behind a place. */
type Place =
  | { readonly part: "account" }
  | { readonly part: "contacts" | "chats"; readonly after: number }
  | { readonly part: "messages"; readonly chatId: number; readonly seq: number };

/** Throws `wrong_password`, `code_invalid`, `try_later`, `busy`. */
export const exportAccount: Handler<{
  readonly action: "account.export";
  readonly by: ShownProof;
  readonly from: Place;
}> = {
  parse: (fields) => ({ action: "account.export", from: parsePlace(fields["next"]), by: parseShownProof(fields) }),
  handle: async (call, { by, from }) => {
    await call.shared.domain.prove(call.user, by, call.caller.address);
    switch (from.part) {
      case "account":
        return accountPage(call);
      case "contacts":
        return contactsPage(call, from.after);
      case "chats":
        return chatPage(call, from.after);
      case "messages":
        return messagesPage(call, from.chatId as ChatId, from.seq);
    }
  },
};

async function accountPage(call: UserCall): Promise<Answer> {
  const { domain } = call.shared;
  const { store } = domain;
  const user = (await store.findUser(call.user.userId)) ?? call.user;
  const { phone } = user;
  const profile = phone === undefined ? undefined : await store.findProfile(phone);
  return answer("account", "contacts:0", {
    account: {
      ...userFields(user, call.caller.dialect),
      guid: user.guid,
      user_key: user.username,
      login_name: user.loginName,
      phone,
      names: user.names === "" ? undefined : user.names,
      surnames: user.surnames === "" ? undefined : user.surnames,
      avatar_link: user.avatarLink === "" ? undefined : user.avatarLink,
      credentials: await domain.links.of(user),
      receipts: await store.receiptRule(user.userId),
      presence: user.presenceRule,
      created: isoTime(user.createdAtMs),
      last_seen: user.lastSeenAtMs === undefined ? undefined : isoTime(user.lastSeenAtMs),
      services: profile?.services,
      settings: profile?.settings,
    },
    sessions: (await domain.logIns.list(user, call.caller.own)).map(sessionFields),
  });
}

async function contactsPage(call: UserCall, after: number): Promise<Answer> {
  const { store } = call.shared.domain;
  const rows = await store.contactPage({ userId: call.user.userId, after, limit: pageContacts + 1 });
  const page = rows.slice(0, pageContacts);
  const last = page.at(-1);
  const next = rows.length > page.length && last !== undefined ? `contacts:${last.user.userId}` : "chats:0";
  return answer("contacts", next, { contacts: await contactBodies(call, page) });
}

/** The next chat with its members, and the first of its messages. */
async function chatPage(call: UserCall, after: number): Promise<Answer> {
  const { store } = call.shared.domain;
  const [row] = await store.chatPage(call.user.userId, { after, limit: 1 });
  if (row === undefined) return answer("chats", undefined, {});
  const { chat } = row;
  const { messages, next } = await messagesOf(call, chat, 0);
  const memberIds = await store.memberIds(chat.chatId, call.shared.options.about.chatMembersMax);
  return answer("chats", next, {
    chat: {
      ...(await fieldsOf(call, chat)),
      members: memberIds.map((userId) => wireId(userId, call.caller.dialect)),
      delivered_seq: row.deliveredSeq,
      read_seq: row.readSeq,
    },
    messages,
  });
}

/** Of a chat that the user left since the last page there is nothing more. */
async function messagesPage(call: UserCall, chatId: ChatId, seq: number): Promise<Answer> {
  const chat = await call.shared.domain.store.findChatOf(call.user.userId, { id: chatId });
  const { messages, next } =
    chat === undefined || chat.chatId !== chatId
      ? { messages: [], next: `chats:${chatId}` }
      : await messagesOf(call, chat, seq);
  return answer("messages", next, { chat_id: wireId(chatId, call.caller.dialect), messages });
}

/** All that the user may read behind a place, as in `message.get`; large content by its address alone. */
async function messagesOf({ shared, caller, user }: UserCall, { chatId }: Chat, seq: number) {
  const log = await shared.domain.store.findChatLog(user.userId, chatId);
  const { messages, next } = await shared.historyTurns.run(user.userId, () =>
    readHistory(shared, {
      logs: log === undefined ? [] : [log],
      places: "seq",
      senders: undefined,
      range: { by: "index", first: 0, last: Number.MAX_SAFE_INTEGER },
      page: { limit: undefined, from: { go: "up", place: seq, index: 0, whole: true } },
      reader: { userId: user.userId, deviceId: caller.deviceId },
      contentBytesMax: 0,
    }),
  );
  const dialect = { ...caller.dialect, extended: true, contentBytesMax: 0 };
  const place = next === undefined ? undefined : /^after:(\d+)/.exec(next)?.[1];
  return {
    messages: messages.map((message) => messageBody(message, dialect, user.userId)),
    next: place === undefined ? `chats:${chatId}` : `messages:${chatId}:${place}`,
  };
}

const answer = (part: Place["part"], next: string | undefined, fields: object): Answer =>
  answerWith({ action: "account.export.success", part, ...fields, next });

function parsePlace(next: unknown): Place {
  if (isAbsent(next)) return { part: "account" };
  const parts = typeof next === "string" ? next.split(":") : [];
  const [part, ...numbers] = parts;
  const [first, second] = numbers.map((number) => safeInteger(number));
  if (first === undefined) throw new Refused("Invalid next");
  if ((part === "contacts" || part === "chats") && parts.length === 2) return { part, after: first };
  if (part !== "messages" || parts.length !== 3 || second === undefined) throw new Refused("Invalid next");
  return { part, chatId: first, seq: second };
}
