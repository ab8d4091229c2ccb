/** The hooks of a chat, for its owner (docs/hooks.md): made, listed and removed. What is posted to them goes by `incoming.ts`. */
import { isoTime } from "../../delivery/shapes.ts";
import type { Hook } from "../../domain/chats/hook-store.ts";
import { DomainError } from "../../domain/errors.ts";
import { isKey, safeInteger } from "../../domain/keys.ts";
import type { UserId } from "../../domain/model.ts";
import { accessToken, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { forbidden, hookNotFound, invalidChatId, Refusal } from "../errors.ts";
import { json } from "../json.ts";
import { noChatId } from "../paths.ts";
import { parse } from "../schemas.ts";

export function createHookRoutes({ domain, log, limits, schemas }: RouteParts) {
  const { accounts, hooks } = domain;

  /** Owners alone; others learn that they are none where they are in the chat. */
  const asOwner = (handle: (c: RestContext, by: UserId, key: string) => Promise<unknown>): Handler =>
    own(log, async (c) => {
      const { user } = await requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env);
      const key = c.req.param("chatID") ?? noChatId;
      if (!isKey(key)) throw new Refusal(invalidChatId, "chatID must match [a-zA-Z0-9.-]{1,256}");
      try {
        return json(JSON.stringify(await handle(c, user.userId, key)));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        if (error.code === "not_authorized") throw new Refusal(forbidden, "only the owner of the chat may do this");
        if (error.code === "user_not_found") throw new Refusal(hookNotFound, "no hook of this chat has this id");
        throw error;
      }
    });

  const list = asOwner(async (_, by, key) => ({ hooks: (await hooks.list(by, { key })).map(shapeOf) }));

  const add = asOwner(async (c, by, key) => {
    const { name } = parse(schemas.hook, (await readJson(c.req.raw, limits)) ?? {});
    const { hook, path } = await hooks.add({ chat: { key }, by, name: name ?? undefined });
    return { ...shapeOf(hook), path };
  });

  const remove = asOwner(async (c, by, key) => {
    const userId = safeInteger(c.req.param("hookID"));
    if (userId === undefined) throw new Refusal(hookNotFound, "no hook of this chat has this id");
    await hooks.remove({ userId, chat: { key }, by });
    return {};
  });

  return { list, add, remove };
}

const shapeOf = ({ userId, chatKey, name, createdAtMs }: Hook) => ({
  hook_id: String(userId),
  chatID: chatKey,
  name,
  created: isoTime(createdAtMs),
});
