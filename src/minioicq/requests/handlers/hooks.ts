/** The hooks of a chat, for its owner (docs/hooks.md). */
import { isoTime } from "../../../delivery/shapes.ts";
import { nickCharactersMax } from "../../../domain/bounds.ts";
import type { Hook } from "../../../domain/chats/hook-store.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { Dialect } from "../../dialect.ts";
import { wireId } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { optionalText, type WireId } from "../fields.ts";

/** Throws `chat_not_found`, `chat_is_direct`, `not_authorized`, `too_many_members`. */
export const addHook: Handler<{
  readonly action: "hook.add";
  readonly chatId: WireId;
  readonly name: string | undefined;
}> = {
  parse: (fields, reader) => ({
    action: "hook.add",
    chatId: reader.id(fields["chat_id"], "Chat not found"),
    name: optionalText(fields["name"], { wrong: "Invalid name", charactersMax: nickCharactersMax }),
  }),
  handle: async ({ shared, caller, user }, { chatId, name }) => {
    const { hook, path } = await shared.domain.hooks.add({ chat: chatOf(chatId), by: user.userId, name });
    return answerWith({ action: "hook.add.success", ...hookFields(hook, caller.dialect), path });
  },
};

/** Throws `chat_not_found`, `not_authorized`. */
export const listHooks: Handler<{ readonly action: "hook.list"; readonly chatId: WireId }> = {
  parse: (fields, reader) => ({ action: "hook.list", chatId: reader.id(fields["chat_id"], "Chat not found") }),
  handle: async ({ shared, caller, user }, { chatId }) => {
    const hooks = await shared.domain.hooks.list(user.userId, chatOf(chatId));
    return answerWith({ action: "hook.list.success", hooks: hooks.map((hook) => hookFields(hook, caller.dialect)) });
  },
};

/** Throws `user_not_found` where there is no such hook, and as `addHook`. */
export const removeHook: Handler<{ readonly action: "hook.remove"; readonly hookId: WireId }> = {
  parse: (fields, reader) => ({ action: "hook.remove", hookId: reader.id(fields["hook_id"], "User not found") }),
  handle: async ({ shared, caller, user }, { hookId }) => {
    if (hookId === undefined) throw new DomainError("user_not_found");
    await shared.domain.hooks.remove({ userId: hookId, by: user.userId });
    return answerWith({ action: "hook.remove.success", hook_id: wireId(hookId, caller.dialect) });
  },
};

function chatOf(chatId: WireId): { id: number } {
  if (chatId === undefined) throw new DomainError("chat_not_found");
  return { id: chatId };
}

const hookFields = ({ userId, chatId, name, createdAtMs }: Hook, dialect: Dialect) => ({
  hook_id: wireId(userId, dialect),
  chat_id: wireId(chatId, dialect),
  name,
  created: isoTime(createdAtMs),
});
