/**
 * /messages in its simple form (docs/protocols/rest.md § Send messages): send messages, fetch what waits, confirm it.
 * The signed form of the documents (`outgoingEvents`, `incomingEvents`) shares these paths.
 */
import { eventShape, sentShape, typingShape } from "../../delivery/shapes.ts";
import { safeInteger } from "../../domain/keys.ts";
import type { EventId, MessageId, UserId } from "../../domain/model.ts";
import type { LoggedIn } from "../../domain/people/accounts.ts";
import { tokenIdOf } from "../../domain/people/secrets.ts";
import type { Advance } from "../../domain/store.ts";
import { accessToken, asksAsBackend, refuseUnsigned, requireParticipant } from "../auth.ts";
import { type JsonDocument, readDocument } from "../body.ts";
import { documented, type Handler, keepOpen, own, queryOf, type RouteParts } from "../context.ts";
import { type Cursor, decodeCursor, encodeCursor } from "../cursor.ts";
import { answerProblem, badRequest, Refusal, unauthorized, words } from "../errors.ts";
import { answerEventStream, answerStreamHead, wantsEventStream } from "../event-stream.ts";
import type { Inbox } from "../inbox.ts";
import { json } from "../json.ts";
import { messagesJson } from "../message-json.ts";
import { clientIdsOf, draftOf } from "../outgoing.ts";
import type { ReplyKey } from "../reply-key.ts";
import { inboxItemsMax, parse, pick } from "../schemas.ts";
import { createBackendMessages } from "./backend-messages.ts";
import { createSignedForm } from "./signed.ts";

const inboxQueryNames = ["after", "wait", "limit"] as const;

export function createMessageRoutes(parts: RouteParts & { inbox: Inbox; replyKey: ReplyKey }) {
  const { domain, log, limits, schemas, clock, inbox, requireSignature } = parts;
  const signed = createSignedForm(parts);
  const backend = createBackendMessages(parts);
  const { accounts, messages, store } = domain;

  const post = documented(words.messages, log, async (c) => {
    const { raw } = c.req;
    const query = queryOf(raw);
    const token = accessToken(raw, query);
    if (await asksAsBackend(accounts, raw, { token, address: c.env.address })) return backend.post(c);
    // A token outside the body is checked before the body is read; without one the token may stand in the body.
    const { sender, document } =
      token === undefined
        ? await readWithToken(raw, c.env.address)
        : {
            sender: await requireParticipant(accounts, token, c.env.address),
            document: await readDocument(raw, limits),
          };
    const body = document.value;
    if (typeof body !== "object" || body === null) throw new Refusal(badRequest, "the body must be an object or array");
    if ("outgoingEvents" in body) return signed.post(sender, body, document.text);
    refuseUnsigned(requireSignature, sender);
    try {
      return await answerSimple(sender, body, clientIdsOf(raw, clock.nowMs()));
    } catch (error) {
      return answerProblem(error, log, { method: c.req.method, path: c.req.path });
    }
  });

  /** A body that must hold the token. It has a smaller limit, and one that cannot be read holds none. */
  async function readWithToken(
    request: Request,
    address: string,
  ): Promise<{ sender: LoggedIn; document: JsonDocument }> {
    let document: JsonDocument;
    try {
      document = await readDocument(request, { ...limits, bodyBytesMax: limits.strangersBodyBytesMax });
    } catch (error) {
      if (error instanceof Refusal && error.answer === badRequest) throw unauthorized("the access token is missing");
      throw error;
    }
    const token = accessToken(request, undefined, document.value);
    return { sender: await requireParticipant(accounts, token, address), document };
  }

  async function answerSimple(
    sender: LoggedIn,
    body: object,
    clientIdAt: (index: number) => string | undefined,
  ): Promise<Response> {
    const from = sender.user.userId;
    if (Array.isArray(body)) {
      const drafts = parse(schemas.messages, body).map((outgoing, index) =>
        draftOf(outgoing, { from, fallbackClientId: clientIdAt(index) }),
      );
      return json(JSON.stringify((await messages.sendAll(drafts)).map(sentShape)));
    }
    if ("statuses" in body) return confirm(sender, body);
    const sent = await messages.send(draftOf(parse(schemas.message, body), { from, fallbackClientId: clientIdAt(0) }));
    return json(JSON.stringify(sentShape(sent)));
  }

  /**
   * `{statuses: [{messageID, messageStatus}]}`: events are confirmed one by one; a message stands for everything in its
   * chat up to it. An unknown id, or one of other users, is no error (docs/protocols/rest-signed.md § Fetching and confirming). Answers once all is on disk.
   */
  async function confirm({ user, deviceId }: LoggedIn, body: object): Promise<Response> {
    const { statuses } = parse(schemas.statuses, body);
    const ids = [...new Set(statuses.map((status) => status.messageID))];
    const eventIds: EventId[] = [];
    const moves = new Map<number, Advance>();
    for (const id of ids) {
      if (id.startsWith("e")) {
        const eventId = safeInteger(id.slice(1));
        if (eventId !== undefined) eventIds.push(eventId as EventId);
        continue;
      }
      const place = await findPlace(user.userId, safeInteger(id) ?? 0);
      if (place === undefined || (moves.get(place.chatId)?.deliveredSeq ?? 0) >= place.seq) continue;
      moves.set(place.chatId, { userId: user.userId, deviceId, chatId: place.chatId, deliveredSeq: place.seq });
    }
    if (moves.size > 0) await store.advance([...moves.values()]);
    if (eventIds.length > 0) await store.confirmEvents(user.userId, "rest", eventIds);
    return json(JSON.stringify({ statuses: ids }));
  }

  /** Chat and seq of a message of one of the user's chats. */
  async function findPlace(userId: UserId, messageId: number) {
    const message = await store.findMessage(messageId as MessageId, 0);
    return message !== undefined && (await store.isMember(message.chatId, userId)) ? message : undefined;
  }

  const get = documented(words.messages, log, async (c) => {
    const query = queryOf(c.req.raw) ?? new URLSearchParams();
    const token = accessToken(c.req.raw, query);
    const reader = await requireParticipant(accounts, token, c.env.address);
    const asStream = wantsEventStream(c.req.raw);
    if (!asStream && query.get("format") !== "simple") {
      return signed.get(reader, token ?? "", { query, context: c });
    }
    refuseUnsigned(requireSignature, reader);
    return own(log, (asStream ? stream : simple)(reader, token ?? "", query))(c);
  });

  const simple =
    ({ user, deviceId, tokenHash }: LoggedIn, token: string, query: URLSearchParams): Handler =>
    async (c) => {
      const { after, wait, limit } = parse(schemas.inboxQuery, pick(query, inboxQueryNames));
      const waitMs = wait * 1000;
      if (waitMs > 0) keepOpen(c);
      const page = await inbox.wait(
        { userId: user.userId, deviceId, by: { tokenId: tokenIdOf(tokenHash), address: c.env.address } },
        { after: after === undefined ? undefined : cursorOf(after), limit, waitMs, signal: c.req.raw.signal },
      );
      // The token may have ended while the request waited.
      if (waitMs > 0 && !(await accounts.isTokenValid(token))) throw unauthorized("the access token has ended");
      const events = JSON.stringify([...page.events.map(eventShape), ...page.typing.map(typingShape)]);
      return json(`{"messages":${messagesJson(page.messages)},"events":${events},"next":"${encodeCursor(page.next)}"}`);
    };

  const stream =
    ({ user, deviceId }: LoggedIn, token: string, query: URLSearchParams): Handler =>
    async (c) => {
      const { raw } = c.req;
      const asked = parse(schemas.inboxQuery, pick(query, inboxQueryNames)).after;
      // A client that comes again has come further than the `after` of its first address.
      const after = (raw.headers.get("last-event-id") ?? "") || asked;
      const from = after === undefined ? undefined : cursorOf(after);
      if (raw.method === "HEAD") return answerStreamHead();
      const pages = inbox.follow(
        { userId: user.userId, deviceId },
        {
          after: from,
          limit: inboxItemsMax,
          bytesMax: limits.streamBytesMax,
          idleMs: limits.streamCommentSeconds * 1000,
        },
      );
      return answerEventStream(pages, {
        after: from,
        isAllowed: () => accounts.isTokenValid(token),
        waiting: () => keepOpen(c, limits.streamStallSeconds),
      });
    };

  return { post, get };
}

function cursorOf(text: string): Cursor {
  const cursor = decodeCursor(text);
  if (cursor === undefined) throw new Refusal(badRequest, "after: not a value of next");
  return cursor;
}
