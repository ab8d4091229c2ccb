/** MiniOICQ § Create Chat; listing, leaving and changing chats (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { parseChatKey } from "../../../domain/keys.ts";
import type { Chat, User } from "../../../domain/model.ts";
import type { UserReads } from "../../../domain/store.ts";
import { chatBody, chatFields, wireId } from "../../outgoing/push.ts";
import type { Handler, UserCall } from "../action.ts";
import { type Answer, answerWith } from "../answer.ts";
import { type Fields, idList, isAbsent, optionalText, type Reader, Refused, text, type WireId } from "../fields.ts";

/** Chats of one `chat.list.success`. */
const pageChats = 200;

interface OfChat<Name> {
  readonly action: Name;
  readonly chatId: WireId;
}

interface OfMembers<Name> extends OfChat<Name> {
  readonly members: readonly WireId[];
}

/**
 * A new group, also for one other member (O10). Every member is told by `chat.spawn`, the creator too: that is the
 * answer (O15). Throws `user_not_found`, `too_many_members`.
 */
export const createChat: Handler<{
  readonly action: "chat.create";
  readonly members: readonly WireId[];
  readonly name: string | undefined;
}> = {
  parse: (fields, reader) => {
    const { chatNameCharactersMax } = reader.limits;
    const members = idList(fields["members"], reader);
    const named = isAbsent(fields["chat_name"]) ? fields["name"] : fields["chat_name"]; // O16
    const name = optionalText(named, { wrong: "Invalid chat name", charactersMax: chatNameCharactersMax });
    return { action: "chat.create", members, name };
  },
  handle: async ({ shared, caller, user }, { members, name }) => {
    const known = members.filter((member) => member !== undefined);
    if (known.length < members.length) throw new DomainError("user_not_found");
    const entered = await shared.domain.chats.create(user.userId, { members: known, name });
    const queued = caller.announcementOf(entered);
    return queued === undefined ? { is: "none" } : { is: "queued", queued };
  },
};

/** By rising id, without their members; `next` goes into `after` of the next page, and is missing at the end. */
export const listChats: Handler<{ readonly action: "chat.list"; readonly after: number }> = {
  parse: ({ after }, reader) => {
    const id = isAbsent(after) ? 0 : reader.id(after, "Invalid after");
    if (id === undefined) throw new Refused("Invalid after");
    return { action: "chat.list", after: id };
  },
  handle: async ({ shared, caller, user }, { after }) => {
    const { store } = shared.domain;
    const { dialect } = caller;
    const all = (await store.chatsOf(user.userId)).filter((chat) => chat.chatId > after);
    const page = all.slice(0, pageChats);
    const chats = await Promise.all(
      page.map(async (chat) => ({
        ...chatFields(chat, dialect, chat.kind === "direct" ? await otherOf(store, chat, user) : undefined),
        kind: chat.kind,
        last_seq: chat.lastSeq,
      })),
    );
    const last = page.at(-1);
    const next = all.length > page.length && last !== undefined ? wireId(last.chatId, dialect) : undefined;
    return answerWith({ action: "chat.list.success", chats, next });
  },
};

/** Throws `chat_not_found`. */
export const getChat: Handler<OfChat<"chat.get">> = {
  parse: (fields, reader) => ({ action: "chat.get", chatId: parseChatId(fields, reader) }),
  handle: async ({ shared, caller, user }, request) => {
    const { domain, limits } = shared;
    const { chatId } = await domain.chats.getAsMember(chatOf(request), user.userId);
    const view = await domain.store.findChatView({ id: chatId }, user.userId);
    if (view === undefined) throw new DomainError("chat_not_found");
    const body = chatBody(view, caller.dialect, user.userId, limits.avatarBytesMax);
    return answerWith({ ...body, action: "chat.get.success" });
  },
};

/** Throws `chat_not_found`, `chat_is_direct`. */
export const leaveChat: Handler<OfChat<"chat.leave">> = {
  parse: (fields, reader) => ({ action: "chat.leave", chatId: parseChatId(fields, reader) }),
  handle: async (call, request) => {
    const left = await call.shared.domain.chats.leave(call.user.userId, chatOf(request));
    return done(call, request, left.chat.chatId);
  },
};

/** Throws `chat_not_found`, `chat_is_direct`, `user_not_found`, `too_many_members`. */
export const addMembers: Handler<OfMembers<"chat.add">> = {
  parse: (fields, reader) => ({ action: "chat.add", ...parseMembers(fields, reader) }),
  handle: async (call, request) => {
    const change = { chat: chatOf(request), members: membersOf(request) };
    return done(call, request, (await call.shared.domain.chats.addPeople(call.user.userId, change)).chatId);
  },
};

/** Throws `chat_not_found`, `chat_is_direct`, `user_not_found`, `not_authorized`. */
export const removeMembers: Handler<OfMembers<"chat.remove">> = {
  parse: (fields, reader) => ({ action: "chat.remove", ...parseMembers(fields, reader) }),
  handle: async (call, request) => {
    const change = { chat: chatOf(request), members: membersOf(request) };
    return done(call, request, (await call.shared.domain.chats.removePeople(call.user.userId, change)).chat.chatId);
  },
};

/** Throws `chat_not_found`, `chat_is_direct`, `not_authorized`. */
export const renameChat: Handler<OfChat<"chat.rename"> & { readonly name: string }> = {
  parse: (fields, reader) => {
    const wrong = "Invalid chat name";
    const given = fields["name"] ?? fields["chat_name"];
    const name = text(given, { empty: wrong, wrong }).trim();
    if (name === "" || name.length > reader.limits.chatNameCharactersMax) throw new Refused(wrong);
    return { action: "chat.rename", chatId: parseChatId(fields, reader), name };
  },
  handle: async (call, request) => {
    const change = { chat: chatOf(request), name: request.name };
    return done(call, request, (await call.shared.domain.chats.rename(call.user.userId, change)).chatId);
  },
};

const parseChatId = (fields: Fields, reader: Reader): WireId => reader.id(fields["chat_id"], "Chat not found");

function parseMembers(fields: Fields, reader: Reader) {
  const members = idList(fields["members"], reader);
  if (members.length === 0) throw new Refused("Invalid members");
  return { chatId: parseChatId(fields, reader), members };
}

const chatOf = ({ chatId }: OfChat<string>) => ({ id: known(chatId, "chat_not_found") });

const membersOf = ({ members }: OfMembers<string>): number[] =>
  members.map((member) => known(member, "user_not_found"));

function known(id: WireId, otherwise: "chat_not_found" | "user_not_found"): number {
  if (id === undefined) throw new DomainError(otherwise);
  return id;
}

const done = ({ caller }: UserCall, { action }: OfChat<string>, chatId: number): Answer =>
  answerWith({ action: `${action}.success`, chat_id: wireId(chatId, caller.dialect) });

/** The other user of a direct chat; the asking user where they talk to themselves, or the other is gone. */
async function otherOf(store: Pick<UserReads, "findUser">, chat: Chat, user: User): Promise<User> {
  const pair = parseChatKey(chat.chatKey);
  if (pair === undefined || !("low" in pair)) return user;
  const otherId = pair.low === user.userId ? pair.high : pair.low;
  return (await store.findUser(otherId)) ?? user;
}
