/**
 * /messages in its simple form (docs/protocols/rest.md § Send messages): send messages, fetch what waits, confirm it.
 * The signed form of the documents (`outgoingEvents`, `incomingEvents`) shares these paths.
 */

import { messagesJson, sentJson } from "../../delivery/message-json.ts";
import { changeEventShape, eventShape, reachedShape, typingShape } from "../../delivery/shapes.ts";
import { safeInteger } from "../../domain/keys.ts";
import type { Draft, EventId, MessageId, UserId } from "../../domain/model.ts";
import type { LoggedIn } from "../../domain/people/accounts.ts";
import { type ChatReach, requireReadableFile } from "../../domain/people/chat-reach.ts";
import type { Advance } from "../../domain/store.ts";
import {
  accessToken,
  asksAsBackend,
  reachOf,
  refuseUnsigned,
  requireParticipant,
  requireReadableMessage,
} from "../auth.ts";
import { type JsonDocument, readDocument } from "../body.ts";
import { documented, type Handler, keepOpen, own, queryOf, type RequestInfo, type RouteParts } from "../context.ts";
import { type Cursor, decodeCursor, encodeCursor } from "../cursor.ts";
import { answerProblem, badRequest, Refusal, unauthorized, words } from "../errors.ts";
import { answerEventStream, answerStreamHead, wantsEventStream } from "../event-stream.ts";
import { type Inbox, readerOf } from "../inbox.ts";
import { json } from "../json.ts";
import { clientIdsOf, draftOf, plainOf } from "../outgoing.ts";
import type { ReplyKey } from "../reply-key.ts";
import { inboxItemsMax, parse, pick } from "../schemas.ts";
import { createBackendMessages } from "./backend-messages.ts";
import { createSignedForm } from "./signed.ts";

const inboxQueryNames = ["after", "wait", "limit", "receipts"] as const;

export function createMessageRoutes(parts: RouteParts & { inbox: Inbox; replyKey: ReplyKey }) {
  const { domain, log, limits, schemas, clock, inbox, requireSignature } = parts;
  const signed = createSignedForm(parts);
  const backend = createBackendMessages(parts);
  const { accounts, messages, store, epoch } = domain;

  const post = documented(words.messages, log, async (c) => {
    const { raw } = c.req;
    const query = queryOf(raw);
    const token = accessToken(raw, query);
    if (await asksAsBackend(accounts, token)) return backend.post(c);
    // A token outside the body is checked before the body is read; without one the token may stand in the body.
    const { sender, document } =
      token === undefined
        ? await readWithToken(raw, c.env)
        : {
            sender: await requireParticipant(accounts, token, c.env),
            document: await readDocument(raw, limits),
          };
    const body = document.value;
    if (typeof body !== "object" || body === null) throw new Refusal(badRequest, "the body must be an object or array");
    if ("outgoingEvents" in body) return signed.post(sender, body, document.text);
    refuseUnsigned(requireSignature, sender);
    try {
      return await answerSimple(sender, withoutToken(body), clientIdsOf(raw, clock.steadyMs()));
    } catch (error) {
      return answerProblem(error, log, { method: c.req.method, path: c.req.path });
    }
  });

  /** A body that must hold the token. It has a smaller limit, and one that cannot be read holds none. */
  async function readWithToken(
    request: Request,
    info: RequestInfo,
  ): Promise<{ sender: LoggedIn; document: JsonDocument }> {
    let document: JsonDocument;
    try {
      document = await readDocument(request, {
        ...limits,
        bodyBytesMax: limits.strangersBodyBytesMax,
        ofStranger: true,
      });
    } catch (error) {
      if (error instanceof Refusal && error.answer === badRequest) throw unauthorized("the access token is missing");
      throw error;
    }
    const token = accessToken(request, undefined, document.value);
    return { sender: await requireParticipant(accounts, token, info), document };
  }

  async function answerSimple(
    sender: LoggedIn,
    body: object,
    clientIdAt: (index: number) => string | undefined,
  ): Promise<Response> {
    const from = sender.user.userId;
    const reach = reachOf(sender, store);
    if (Array.isArray(body)) {
      const drafts = parse(schemas.messages, body).map((outgoing, index) =>
        draftOf(outgoing, { from, fallbackClientId: clientIdAt(index) }),
      );
      if (reach !== undefined) for (const draft of drafts) await requireWithin(reach, draft);
      return json(`[${(await messages.sendAll(drafts)).map(sentJson).join(",")}]`);
    }
    if ("statuses" in body) return confirm(sender, body);
    const draft = draftOf(plainOf(body) ?? parse(schemas.message, body), { from, fallbackClientId: clientIdAt(0) });
    if (reach !== undefined) await requireWithin(reach, draft);
    const sent = await messages.send(draft);
    return json(sentJson(sent));
  }

  /** Throws `out_of_scope`, `file_not_found`. */
  async function requireWithin(reach: ChatReach, { chat, from, file }: Draft): Promise<void> {
    await reach.require("send", chat);
    await requireReadableFile(reach, from, file, store);
  }

  /**
   * `{statuses: [{messageID, messageStatus}, {chatID, through, messageStatus}]}`: events are confirmed one by one; a message
   * stands for everything in its chat up to it, and so does a place in a chat. What is unknown, or of other users, is no
   * error (docs/protocols/rest-signed.md § Fetching and confirming). Answers once all is on disk.
   */
  async function confirm(reader: LoggedIn, body: object): Promise<Response> {
    const { statuses } = parse(schemas.statuses, body);
    const { deviceId } = reader;
    const { userId } = reader.user;
    const reach = reachOf(reader, store);
    if (reach !== undefined) await requireReadable(reach, userId, statuses);
    const eventIds: EventId[] = [];
    const moves = new Map<string, Advance>();
    const echoed = new Map<string, string | { chatID: string; through: number }>();
    for (const status of statuses) {
      const read = status.messageStatus === "read";
      if ("messageID" in status && status.messageID.startsWith("e")) {
        const eventId = safeInteger(status.messageID.slice(1));
        if (eventId !== undefined) eventIds.push(eventId as EventId);
      } else {
        const place = await findPlace(userId, status);
        const key = `${place?.chatId} ${read}`;
        if (place !== undefined && (moves.get(key)?.deliveredSeq ?? 0) < place.seq) {
          moves.set(key, { userId, deviceId, chatId: place.chatId, deliveredSeq: place.seq, read });
        }
      }
      if ("messageID" in status) echoed.set(status.messageID, status.messageID);
      else echoed.set(`${status.chatID} ${status.through}`, { chatID: status.chatID, through: status.through });
    }
    if (moves.size > 0) await store.advance([...moves.values()]);
    if (eventIds.length > 0) await store.confirmEvents(userId, "rest", eventIds);
    return json(JSON.stringify({ statuses: [...echoed.values()] }));
  }

  /** Events are of no chat's messages. */
  async function requireReadable(
    reach: ChatReach,
    userId: UserId,
    statuses: readonly ({ messageID: string } | { chatID: string; through: number })[],
  ): Promise<void> {
    for (const status of statuses) {
      if ("chatID" in status) await reach.require("read", { key: status.chatID });
      else await requireReadableMessage(reach, { store, userId }, status.messageID);
    }
  }

  /** A message of one of the user's chats, or a place in one. */
  async function findPlace(userId: UserId, status: { messageID: string } | { chatID: string; through: number }) {
    if ("chatID" in status) {
      const chat = await store.findChatOf(userId, { key: status.chatID });
      return chat === undefined ? undefined : { chatId: chat.chatId, seq: status.through };
    }
    const message = await store.findMessage((safeInteger(status.messageID) ?? 0) as MessageId, 0);
    return message !== undefined && (await store.isMember(message.chatId, userId)) ? message : undefined;
  }

  const get = documented(words.messages, log, async (c) => {
    const query = queryOf(c.req.raw) ?? new URLSearchParams();
    const token = accessToken(c.req.raw, query);
    const reader = await requireParticipant(accounts, token, c.env);
    const asStream = wantsEventStream(c.req.raw);
    const format = query.get("format") ?? "";
    if (format !== "" && format !== "simple") {
      throw new Refusal(badRequest, "format: must be simple; left out it is the signed form");
    }
    if (!asStream && format === "") {
      return signed.get(reader, token ?? "", { query, context: c });
    }
    refuseUnsigned(requireSignature, reader);
    return own(log, (asStream ? stream : simple)(reader, token ?? "", query))(c);
  });

  /** A place of another epoch is none here: the reader begins with all that waits. */
  function cursorOf(text: string): Cursor | undefined {
    const cursor = decodeCursor(text, epoch);
    if (cursor === undefined) throw new Refusal(badRequest, "after: not a value of next");
    return cursor === "of another epoch" ? undefined : cursor;
  }

  const simple =
    (reader: LoggedIn, token: string, query: URLSearchParams): Handler =>
    async (c) => {
      const { after, wait, limit, receipts } = parse(schemas.inboxQuery, pick(query, inboxQueryNames));
      const waitMs = wait * 1000;
      if (waitMs > 0) keepOpen(c);
      const from = after === undefined ? undefined : cursorOf(after);
      const page = await inbox.wait(readerOf(reader, { address: c.env.address, store }), {
        after: from,
        limit,
        waitMs,
        signal: c.req.raw.signal,
        receipts: receipts === "true",
      });
      // The token may have ended while the request waited.
      if (waitMs > 0 && !(await accounts.isTokenValid(token))) throw unauthorized("the access token has ended");
      const events = JSON.stringify([
        ...page.events.map(eventShape),
        ...page.typing.map(typingShape),
        ...page.changes.map(changeEventShape),
        ...page.receipts.map(reachedShape),
      ]);
      const waiting = from === undefined ? `"waiting":${page.waiting ?? page.messages.length},` : "";
      const next = encodeCursor(page.next, epoch);
      return json(`{"messages":${messagesJson(page.messages)},"events":${events},${waiting}"next":"${next}"}`);
    };

  const stream =
    (reader: LoggedIn, token: string, query: URLSearchParams): Handler =>
    async (c) => {
      const { raw } = c.req;
      const { after: asked, receipts } = parse(schemas.inboxQuery, pick(query, inboxQueryNames));
      // A client that comes again has come further than the `after` of its first address.
      const after = (raw.headers.get("last-event-id") ?? "") || asked;
      const from = after === undefined ? undefined : cursorOf(after);
      if (c.env.isHead === true) return answerStreamHead();
      const pages = inbox.follow(readerOf(reader, { address: c.env.address, store }), {
        after: from,
        limit: inboxItemsMax,
        bytesMax: limits.streamBytesMax,
        idleMs: limits.streamCommentSeconds * 1000,
        receipts: receipts === "true",
      });
      return answerEventStream(pages, {
        after: from,
        epoch,
        isAllowed: () => accounts.isTokenValid(token),
        waiting: () => keepOpen(c, limits.streamStallSeconds),
      });
    };

  return { post, get };
}

/** The token may stand in the body, beside the fields of the form. */
function withoutToken(body: object): object {
  if (Array.isArray(body) || !("accessToken" in body)) return body;
  const { accessToken: _, ...form } = body as { accessToken: unknown };
  return form;
}
