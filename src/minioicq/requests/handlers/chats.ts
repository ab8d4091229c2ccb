/** MiniOICQ § Create Chat; leaving and changing chats (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { chatBody, mutedUntil, wireId } from "../../outgoing/push.ts";
import { parseTimeMs } from "../../time.ts";
import { type Handler, reachOf, type UserCall } from "../action.ts";
import { type Answer, answerWith } from "../answer.ts";
import { type Fields, idList, isAbsent, type Reader, Refused, text, type WireId } from "../fields.ts";

interface OfChat<Name> {
  readonly action: Name;
  readonly chatId: WireId;
}

interface OfMembers<Name> extends OfChat<Name> {
  readonly members: readonly WireId[];
}

/**
 * A new group, also for one other member (O10). Every member is told by `chat.spawn`, the creator too: that is the
 * answer (O15). Throws `user_not_found`, `too_many_members`, `invalid_chat_name`.
 */
export const createChat: Handler<{
  readonly action: "chat.create";
  readonly members: readonly WireId[];
  readonly name: string | undefined;
}> = {
  parse: (fields, reader) => {
    const members = idList(fields["members"], reader);
    const named = isAbsent(fields["chat_name"]) ? fields["name"] : fields["chat_name"]; // O16
    return { action: "chat.create", members, name: isAbsent(named) ? undefined : chatName(named) };
  },
  handle: async ({ shared, caller, user }, { members, name }) => {
    const known = members.filter((member) => member !== undefined);
    if (known.length < members.length) throw new DomainError("user_not_found");
    const entered = await shared.domain.chats.create(user.userId, { members: known, name });
    const queued = caller.announcementOf(entered);
    return queued === undefined ? { is: "none" } : { is: "queued", queued };
  },
};

/** Throws `chat_not_found`. */
export const getChat: Handler<OfChat<"chat.get">> = {
  parse: (fields, reader) => ({ action: "chat.get", chatId: parseChatId(fields, reader) }),
  handle: async (call, request) => {
    const { caller, user } = call;
    const { domain, limits } = call.shared;
    await reachOf(call)?.require("read", chatOf(request));
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

/** Throws `chat_not_found`, `chat_is_direct`, `not_authorized`, `invalid_chat_name`. */
export const renameChat: Handler<OfChat<"chat.rename"> & { readonly name: string }> = {
  parse: (fields, reader) => {
    const name = chatName(fields["name"] ?? fields["chat_name"]);
    return { action: "chat.rename", chatId: parseChatId(fields, reader), name };
  },
  handle: async (call, request) => {
    const change = { chat: chatOf(request), name: request.name };
    return done(call, request, (await call.shared.domain.chats.rename(call.user.userId, change)).chatId);
  },
};

/** No notices of a chat until then; without a time, or with one that is over, they come again. Throws `chat_not_found`. */
export const muteChat: Handler<OfChat<"chat.mute"> & { readonly untilMs: number | undefined }> = {
  parse: (fields, reader) => {
    const { until } = fields;
    const untilMs = isAbsent(until) ? undefined : parseTimeMs(until);
    if (!isAbsent(until) && untilMs === undefined) throw new Refused("Invalid until");
    return { action: "chat.mute", chatId: parseChatId(fields, reader), untilMs };
  },
  handle: async ({ shared, caller, user }, request) => {
    const change = { chat: chatOf(request), untilMs: request.untilMs };
    const mute = await shared.domain.chats.mute(user.userId, change);
    return answerWith({
      action: "chat.mute.success",
      chat_id: wireId(mute.chatId, caller.dialect),
      muted_until: mutedUntil(mute.mutedUntilMs),
    });
  },
};

/** Any text; the domain bounds it. */
const chatName = (given: unknown): string => text(given, { empty: "Invalid chat name", wrong: "Invalid chat name" });

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
