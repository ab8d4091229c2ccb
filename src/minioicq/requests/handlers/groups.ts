/** Which chats I am in, and what people change of groups (docs/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { parseChatKey } from "../../../domain/keys.ts";
import type { Chat, User } from "../../../domain/model.ts";
import { type Body, chatBody, chatFields, type Dialect, wireId } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { ExtensionRequest } from "../extensions.ts";
import type { WireId } from "../fields.ts";

/** Chats of one `chat.list.success`. */
const pageChats = 200;

type GroupRequest = Extract<ExtensionRequest, { action: `chat.${string}` }>;

/** Throws `chat_not_found`, `chat_is_direct`, `user_not_found`, `too_many_members`, `not_authorized`. */
export async function handleGroup(front: Front, dialect: Dialect, user: User, request: GroupRequest): Promise<Body> {
  if (request.action === "chat.list") return listChats(front, dialect, user, request.after);
  const { chats, store } = front.domain;
  const chat = { id: known(request.chatId, "chat_not_found") };
  const done = (id: number): Body => ({ action: `${request.action}.success`, chat_id: wireId(id, dialect) });
  switch (request.action) {
    case "chat.get": {
      const { chatId } = await chats.getAsMember(chat, user.userId);
      const view = await store.findChatView({ id: chatId }, user.userId);
      if (view === undefined) throw new DomainError("chat_not_found");
      return { ...chatBody(view, dialect, user.userId, front.limits.avatarBytesMax), action: "chat.get.success" };
    }
    case "chat.leave":
      return done((await chats.leave(user.userId, chat)).chat.chatId);
    case "chat.add":
      return done((await chats.addPeople(user.userId, { chat, members: people(request.members) })).chatId);
    case "chat.remove":
      return done((await chats.removePeople(user.userId, { chat, members: people(request.members) })).chat.chatId);
    case "chat.rename":
      return done((await chats.rename(user.userId, { chat, name: request.name })).chatId);
  }
}

const people = (members: readonly WireId[]): number[] => members.map((member) => known(member, "user_not_found"));

function known(id: WireId, otherwise: "chat_not_found" | "user_not_found"): number {
  if (id === undefined) throw new DomainError(otherwise);
  return id;
}

/** By rising id, without their members; `next` goes into `after` of the next page, and is missing at the end. */
async function listChats({ domain }: Front, dialect: Dialect, user: User, after: number): Promise<Body> {
  const all = (await domain.store.chatsOf(user.userId)).filter((chat) => chat.chatId > after);
  const page = all.slice(0, pageChats);
  const chats = await Promise.all(
    page.map(async (chat) => ({
      ...chatFields(chat, dialect, chat.kind === "direct" ? await otherOf(domain.store, chat, user) : undefined),
      kind: chat.kind,
      last_seq: chat.lastSeq,
    })),
  );
  const last = page.at(-1);
  const next = all.length > page.length && last !== undefined ? wireId(last.chatId, dialect) : undefined;
  return { action: "chat.list.success", chats, next };
}

/** The other person of a direct chat; myself where I talk to myself, or the other is gone. */
async function otherOf(store: Front["domain"]["store"], chat: Chat, user: User): Promise<User> {
  const pair = parseChatKey(chat.chatKey);
  if (pair === undefined || !("low" in pair)) return user;
  const otherId = pair.low === user.userId ? pair.high : pair.low;
  return (await store.findUser(otherId)) ?? user;
}
