/**
 * /messages in its simple form (SPEC § 6.1, § 6.2): say something, fetch what waits, confirm it. The signed form of the
 * documents (`outgoingEvents`, `incomingEvents`) shares these paths.
 */
import { eventShape, sentShape } from "../../delivery/shapes.ts";
import type { LoggedIn } from "../../domain/accounts.ts";
import { safeInteger } from "../../domain/keys.ts";
import type { Draft, EventId, MessageId, UserId } from "../../domain/model.ts";
import { tokenIdOf } from "../../domain/secrets.ts";
import type { Advance } from "../../domain/store.ts";
import { accessToken, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { documented, type Handler, own, queryOf, type RouteParts } from "../context.ts";
import { type Cursor, decodeCursor, encodeCursor } from "../cursor.ts";
import { answerProblem, badRequest, notImplemented, Refusal, unauthorized, words } from "../errors.ts";
import type { Inbox } from "../inbox.ts";
import { json, messagesJson } from "../json.ts";
import { parse, pick, type Schemas } from "../schemas.ts";

const inboxQueryNames = ["after", "wait", "limit"] as const;

type Outgoing = ReturnType<Schemas["message"]["parse"]>;

export function createMessageRoutes({ domain, log, limits, schemas, keepOpen, inbox }: RouteParts & { inbox: Inbox }) {
  const { accounts, messages, store } = domain;

  const post = documented(words.messages, log, async (c) => {
    const { raw } = c.req;
    const query = queryOf(raw);
    const token = accessToken(raw, query);
    // With a token at hand a stranger's body is not even read; without one it may stand in the body.
    const { sender, body } =
      token === undefined
        ? await readWithToken(raw, c.env.address)
        : {
            sender: await requireParticipant(accounts, token, c.env.address),
            body: await readJson(raw, limits),
          };
    if (typeof body !== "object" || body === null) throw new Refusal(badRequest, "the body must be an object or array");
    try {
      return await answerSimple(sender, body);
    } catch (error) {
      return answerProblem(error, log, { method: c.req.method, path: c.req.path });
    }
  });

  /** A body that is to say who sends it: a smaller one will do, and one that cannot be read says nobody. */
  async function readWithToken(request: Request, address: string): Promise<{ sender: LoggedIn; body: unknown }> {
    let body: unknown;
    try {
      body = await readJson(request, { ...limits, bodyBytesMax: limits.strangersBodyBytesMax });
    } catch (error) {
      if (error instanceof Refusal && error.answer === badRequest) throw unauthorized("the access token is missing");
      throw error;
    }
    return { sender: await requireParticipant(accounts, accessToken(request, undefined, body), address), body };
  }

  async function answerSimple(sender: LoggedIn, body: object): Promise<Response> {
    if (Array.isArray(body)) {
      const drafts = parse(schemas.messages, body).map((outgoing) => draftOf(outgoing, sender.user.userId));
      return json(JSON.stringify((await messages.sendAll(drafts)).map(sentShape)));
    }
    if ("outgoingEvents" in body) throw new Refusal(notImplemented, "the signed form is not served yet");
    if ("statuses" in body) return confirm(sender, body);
    const sent = await messages.send(draftOf(parse(schemas.message, body), sender.user.userId));
    return json(JSON.stringify(sentShape(sent)));
  }

  /**
   * `{statuses: [{messageID, messageStatus}]}`: events are confirmed one by one; a message stands for everything in its
   * chat up to it. One that is unknown, or none of the user's, is no error (PROTOCOLS § 3.5). Answers once on disk.
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
    const message = await store.findMessage(messageId as MessageId);
    return message !== undefined && (await store.isMember(message.chatId, userId)) ? message : undefined;
  }

  const get = documented(words.messages, log, async (c) => {
    const query = queryOf(c.req.raw) ?? new URLSearchParams();
    const reader = await requireParticipant(accounts, accessToken(c.req.raw, query), c.env.address);
    const form = query.get("format") === "simple" ? simple(reader, query) : signed;
    return own(log, form)(c);
  });

  const simple =
    ({ user, deviceId, tokenHash }: LoggedIn, query: URLSearchParams): Handler =>
    async (c) => {
      const { after, wait, limit } = parse(schemas.inboxQuery, pick(query, inboxQueryNames));
      const waitMs = wait * 1000;
      if (waitMs > 0) keepOpen(c.req.raw);
      const page = await inbox.wait(
        { userId: user.userId, deviceId, by: { tokenId: tokenIdOf(tokenHash), address: c.env.address } },
        { after: after === undefined ? undefined : cursorOf(after), limit, waitMs, signal: c.req.raw.signal },
      );
      const events = JSON.stringify(page.events.map(eventShape));
      return json(`{"messages":${messagesJson(page.messages)},"events":${events},"next":"${encodeCursor(page.next)}"}`);
    };

  const signed: Handler = async () => {
    throw new Refusal(notImplemented, "the signed form is not served yet; ask with format=simple");
  };

  return { post, get };
}

function cursorOf(text: string): Cursor {
  const cursor = decodeCursor(text);
  if (cursor === undefined) throw new Refusal(badRequest, "after: not a value of next");
  return cursor;
}

function draftOf({ chatID, type, content, encoding, clientID }: Outgoing, from: UserId): Draft {
  return {
    chat: { key: chatID },
    from,
    type: type ?? "text",
    content: encoding === "base64" ? bytesOf(content) : content,
    clientId: clientID ?? undefined,
  };
}

function bytesOf(base64: string): Uint8Array {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new Refusal(badRequest, "content: not base64");
  }
  return new Uint8Array(Buffer.from(base64, "base64"));
}
