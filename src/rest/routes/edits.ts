/**
 * What participants change about messages that are there, and what changed after a revision (docs/protocols/rest.md §
 * Changes).
 */

import { messageJson } from "../../delivery/message-json.ts";
import { changeShape, placeShape, reactionShapes } from "../../delivery/shapes.ts";
import { DomainError } from "../../domain/errors.ts";
import { isKey } from "../../domain/keys.ts";
import { accessToken, asksAsBackend, refuseUnsigned, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { forbidden, invalidChatId, Refusal } from "../errors.ts";
import { json } from "../json.ts";
import { withInlineContent } from "../large-pages.ts";
import { contentOf, mentionsOf } from "../outgoing.ts";
import { messageIdOf, noChatId } from "../paths.ts";
import { parse, pick } from "../schemas.ts";

const queryNames = ["after", "limit", "epoch"] as const;

export function createEditRoutes({ domain, log, limits, schemas, requireSignature }: RouteParts) {
  const { accounts, edits, messages, store } = domain;

  async function participantOf(c: RestContext) {
    const asking = await requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env);
    refuseUnsigned(requireSignature, asking);
    return asking;
  }

  const edit: Handler = own(log, async (c) => {
    const { user } = await participantOf(c);
    const request = parse(schemas.edit, await readJson(c.req.raw, limits));
    const change = {
      userId: user.userId,
      messageId: messageIdOf(c.req.param("messageID")),
      content: contentOf(request),
    };
    const edited = await edits.edit({ ...change, ...mentionsOf(request.mentions) });
    return json(messageJson(edited));
  });

  const remove: Handler = own(log, async (c) => {
    if (await asksAsBackend(accounts, accessToken(c.req.raw, queryOf(c.req.raw)))) {
      await messages.removeAny(messageIdOf(c.req.param("messageID")));
      return json("{}");
    }
    const { user } = await participantOf(c);
    const deleted = await messages
      .remove(user.userId, messageIdOf(c.req.param("messageID")))
      .catch((error: unknown) => {
        // The token is right all the same.
        if (!(error instanceof DomainError) || error.code !== "not_authorized") throw error;
        throw new Refusal(forbidden, error.reason);
      });
    return json(JSON.stringify({ ...placeShape(deleted), revision: deleted.revision }));
  });

  const reacting = (added: boolean): Handler =>
    own(log, async (c) => {
      const { user } = await participantOf(c);
      const reaction = c.req.param("reaction") ?? "";
      const reacted = await edits.react(user.userId, {
        messageId: messageIdOf(c.req.param("messageID")),
        reaction,
        added,
      });
      const { revision, reactions } = reacted;
      return json(JSON.stringify({ ...placeShape(reacted), revision, reactions: reactionShapes(reactions) }));
    });

  /** The oldest change first; `revision` is the `after` of the request that follows. */
  const changes: Handler = own(log, async (c) => {
    const { user, deviceId } = await participantOf(c);
    const key = c.req.param("chatID") ?? noChatId;
    if (!isKey(key)) throw new Refusal(invalidChatId, "chatID must match [a-zA-Z0-9.-]{1,256}");
    const query = parse(schemas.changesQuery, pick(queryOf(c.req.raw) ?? new URLSearchParams(), queryNames));
    const isOurs = query.epoch === undefined || query.epoch === domain.epoch;
    const found = await edits.changesAfter(
      { userId: user.userId, deviceId },
      {
        chat: { key },
        // A revision of another epoch is of no use.
        after: isOurs ? query.after : Number.MAX_SAFE_INTEGER,
        limit: query.limit,
        inlineBytesMax: 0,
        bytesMax: limits.historyBytesMax,
      },
    );
    const shown = await withInlineContent(store, found.messages);
    const { revision, more, reset } = found;
    return json(JSON.stringify({ epoch: domain.epoch, changes: shown.map(changeShape), revision, more, reset }));
  });

  return { edit, remove, react: reacting(true), unreact: reacting(false), changes };
}
