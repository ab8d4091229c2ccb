/** GET /search (docs/protocols/rest.md § Receive messages): messages of the caller's chats by their words. */

import { messagesJson } from "../../delivery/message-json.ts";
import { inlineFileBytesMax } from "../../delivery/shapes.ts";
import { accessToken, refuseUnsigned, requireParticipant } from "../auth.ts";
import { type Handler, own, queryOf, type RouteParts } from "../context.ts";
import { json } from "../json.ts";
import { parse, pick } from "../schemas.ts";

const queryNames = ["query", "chatID", "before", "limit"] as const;

export function createSearchRoute({ domain, log, schemas, requireSignature }: RouteParts): { get: Handler } {
  const { accounts, search } = domain;

  /** The newest first. `next` is the `before` of the page that follows, null where nothing follows. */
  const get = own(log, async (c) => {
    const given = queryOf(c.req.raw) ?? new URLSearchParams();
    const asking = await requireParticipant(accounts, accessToken(c.req.raw, given), c.env);
    refuseUnsigned(requireSignature, asking);
    const { query, chatID, before, limit } = parse(schemas.searchQuery, pick(given, queryNames));
    const { messages, next } = await search(asking.user.userId, {
      query,
      chat: chatID === undefined ? undefined : { key: chatID },
      before,
      limit,
      inlineBytesMax: inlineFileBytesMax,
    });
    return json(`{"messages":${messagesJson(messages)},"next":${next === undefined ? "null" : `"${next}"`}}`);
  });

  return { get };
}
