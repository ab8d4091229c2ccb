/** `chat.list`: the user's chats by id, or as an overview with the liveliest first (docs/protocols/minioicq.md). */
import { otherInDirect } from "../../../domain/keys.ts";
import { isHidden } from "../../../domain/messages/addressed.ts";
import type { Chat, MemberChat, Message, User } from "../../../domain/model.ts";
import type { RecentPlace, UserReads } from "../../../domain/store.ts";
import { chatFields, messageBody, mutedUntil, wireId } from "../../outgoing/push.ts";
import { type Handler, reachOf, type UserCall } from "../action.ts";
import { type Answer, answerWith } from "../answer.ts";
import { isAbsent, type Reader, Refused } from "../fields.ts";

/** Chats of one `chat.list.success`. */
const chatsById = 200;
const recentChats = 50;
const recentChatsMax = 100;
/** Of a text, in an overview. */
const shownCharacters = 256;
/** So many messages are looked at for one that the user may see. */
const looksMax = 16;

type List =
  | { readonly action: "chat.list"; readonly order: "id"; readonly after: number; readonly limit: number }
  | {
      readonly action: "chat.list";
      readonly order: "recent";
      readonly before: RecentPlace | undefined;
      readonly limit: number;
    };

/** Without members; `next` goes into `after` of the next page, and is missing at the end. */
export const listChats: Handler<List> = {
  parse: ({ order, after, limit }, reader) => {
    if (isAbsent(order)) {
      return {
        action: "chat.list",
        order: "id",
        after: parseAfter(after, reader),
        limit: Math.min(limitOf(limit, chatsById), chatsById),
      };
    }
    if (order !== "recent") throw new Refused("Invalid order");
    const before = parsePlace(after);
    return { action: "chat.list", order, before, limit: Math.min(limitOf(limit, recentChats), recentChatsMax) };
  },
  handle: (call, request) => (request.order === "id" ? byId(call, request) : byNewest(call, request)),
};

async function byId(call: UserCall, { after, limit }: { after: number; limit: number }): Promise<Answer> {
  const { user } = call;
  const { store, epoch } = call.shared.domain;
  const { dialect } = call.caller;
  const reach = reachOf(call);
  const mutes = await store.mutes(user.userId);
  const all = (await store.chatsOf(user.userId)).filter(
    (chat) => chat.chatId > after && (reach === undefined || reach.opens("read", chat)),
  );
  const page = all.slice(0, limit);
  const chats = await Promise.all(
    page.map(async (chat) => ({
      ...(await fieldsOf(call, chat)),
      muted_until: mutedUntil(mutes.get(chat.chatId)),
    })),
  );
  const last = page.at(-1);
  const next = all.length > page.length && last !== undefined ? wireId(last.chatId, dialect) : undefined;
  return answerWith({ action: "chat.list.success", epoch, chats, next });
}

/** A page of chats that a token does not open holds fewer of them. */
async function byNewest(
  call: UserCall,
  { before, limit }: { before: RecentPlace | undefined; limit: number },
): Promise<Answer> {
  const { store, epoch } = call.shared.domain;
  const reach = reachOf(call);
  const rows = await store.recentChatPage(call.user.userId, { before, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const opened = page.filter(({ chat }) => reach === undefined || reach.opens("read", chat));
  const chats = await Promise.all(opened.map((row) => overviewOf(call, row)));
  const last = page.at(-1)?.place;
  const next = rows.length > page.length && last !== undefined ? `${last.messageId}.${last.chatId}` : undefined;
  return answerWith({ action: "chat.list.success", epoch, chats, next });
}

async function overviewOf(call: UserCall, { chat, readSeq, unread, mutedUntilMs }: MemberChat) {
  const last = await lastShown(call, chat);
  return {
    ...(await fieldsOf(call, chat)),
    read_seq: readSeq,
    unread,
    muted: mutedUntilMs !== undefined && mutedUntilMs > call.shared.clock.nowMs(),
    muted_until: mutedUntil(mutedUntilMs),
    last_message: last === undefined ? undefined : previewOf(call, last),
  };
}

/** A chat without its members. */
export async function fieldsOf({ shared, caller, user }: UserCall, chat: Chat) {
  const { store } = shared.domain;
  const picture =
    chat.kind === "direct"
      ? { other: await otherOf(store, chat, user), avatar: undefined }
      : { other: undefined, avatar: await store.findChatAvatar(chat.chatId) };
  return {
    ...chatFields(chat, caller.dialect, picture),
    kind: chat.kind,
    last_seq: chat.lastSeq,
    revision: chat.revision,
  };
}

/** The newest message that the user may see, if it is among the last ones. */
async function lastShown({ shared, caller, user }: UserCall, { chatId, lastSeq }: Chat): Promise<Message | undefined> {
  if (lastSeq === 0) return undefined;
  const reader = { userId: user.userId, deviceId: caller.deviceId };
  // As a rule it is the last one.
  for (const limit of [1, looksMax]) {
    const messages = await shared.domain.store.messages({ chatId, limit, reader, inlineBytesMax: 0 });
    const shown = messages.findLast((message) => !isHidden(message) && message.kind !== "deleted");
    if (shown !== undefined || messages.length < limit) return shown;
  }
  return undefined;
}

/** Text alone has content here, as much as an overview shows; a file is named as ever. */
function previewOf({ caller, user }: UserCall, message: Message) {
  const { content, kind } = message;
  const isText = kind === "text" && typeof content === "string" && message.file === undefined;
  const shown = isText ? beginningOf(content) : "";
  const body = messageBody({ ...message, content: shown }, caller.dialect, user.userId);
  return { ...body, content: isText ? body.content : undefined, cut: isText && shown !== content ? true : undefined };
}

/** Whole characters. */
function beginningOf(text: string): string {
  if (text.length <= shownCharacters) return text;
  const cut = text.slice(0, shownCharacters);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}

/** The other user of a direct chat; the asking user where they talk to themselves, or the other is gone. */
async function otherOf(store: Pick<UserReads, "findUser">, chat: Chat, user: User): Promise<User> {
  const otherId = otherInDirect(chat.chatKey, user.userId);
  return (otherId === undefined ? undefined : await store.findUser(otherId)) ?? user;
}

function parseAfter(after: unknown, reader: Reader): number {
  const id = isAbsent(after) ? 0 : reader.id(after, "Invalid after");
  if (id === undefined) throw new Refused("Invalid after");
  return id;
}

function parsePlace(after: unknown): RecentPlace | undefined {
  if (isAbsent(after)) return undefined;
  const [, messageId, chatId] = (typeof after === "string" && /^(\d{1,15})\.(\d{1,15})$/.exec(after)) || [];
  if (messageId === undefined || chatId === undefined) throw new Refused("Invalid after");
  return { messageId: Number(messageId), chatId: Number(chatId) };
}

function limitOf(value: unknown, most: number): number {
  if (isAbsent(value)) return most;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) throw new Refused("Invalid limit");
  return value;
}
