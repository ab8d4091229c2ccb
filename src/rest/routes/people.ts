/**
 * Who is there, and which chats (docs/protocols/rest.md § Routes): participants ask about themselves, and say that they are
 * typing; a backend lists all users and chats.
 */
import { isoTime } from "../../delivery/shapes.ts";
import { DomainError } from "../../domain/errors.ts";
import { isKey } from "../../domain/keys.ts";
import type { Chat, MemberChat, OwnedChat, User } from "../../domain/model.ts";
import { tokenIdOf } from "../../domain/people/secrets.ts";
import { accessToken, asksAsBackend, reachOf, requireBackend, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { invalidChatId, Refusal } from "../errors.ts";
import { json } from "../json.ts";
import { idOfPageCursor, pageCursorOf, pageOf } from "../pages.ts";
import { noChatId } from "../paths.ts";
import { parse, pick } from "../schemas.ts";

const pageQueryNames = ["after", "limit"] as const;

export function createPeopleRoutes({ domain, typing, log, limits, schemas }: RouteParts) {
  const { accounts, store, epoch } = domain;

  const participantOf = (c: RestContext) =>
    requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env);

  const me: Handler = own(log, async (c) => answerMe((await participantOf(c)).user));

  /** What the body does not name stays. */
  const patchMe: Handler = own(log, async (c) => {
    const { userId } = (await participantOf(c)).user;
    const { displayName, receipts, presence } = parse(schemas.me, (await readJson(c.req.raw, limits)) ?? {});
    if (displayName !== undefined) await domain.nicks.set(userId, displayName);
    if (receipts !== undefined) await domain.deliveries.setReceiptRule(userId, receipts);
    if (presence !== undefined) await domain.presence.setRule(userId, presence);
    const user = await store.findUser(userId);
    if (user === undefined) throw new DomainError("user_disabled");
    return answerMe(user);
  });

  async function answerMe(user: User): Promise<Response> {
    const receipts = await store.receiptRule(user.userId);
    return json(JSON.stringify({ ...userShape(user), receipts, presence: user.presenceRule }));
  }

  /**
   * A participant's own chats, with how far they have come; for a backend all chats. By rising chat id; `next` is the
   * `after` of the page that follows, null where nothing follows.
   */
  const chats: Handler = own(log, async (c) => {
    const query = queryOf(c.req.raw);
    const token = accessToken(c.req.raw, query);
    const backend = await asksAsBackend(accounts, token);
    const asking = backend ? undefined : await requireParticipant(accounts, token, c.env);
    const { after, limit } = parse(schemas.chatsQuery, pick(query ?? new URLSearchParams(), pageQueryNames));
    if (asking === undefined) {
      const rows = await store.listChats({ after: idOfPageCursor("a", after), limit: limit + 1 });
      const { page, next } = pageOf(rows, limit, ({ chat }) => pageCursorOf("a", chat.chatId));
      return json(JSON.stringify({ epoch, chats: page.map(ownedChatShape), next }));
    }
    const of = { after: idOfPageCursor("c", after), limit: limit + 1 };
    const { page, next } = pageOf(await store.chatPage(asking.user.userId, of), limit, ({ chat }) =>
      pageCursorOf("c", chat.chatId),
    );
    const reach = reachOf(asking, store);
    const opened = page.filter(({ chat }) => reach?.opens("read", chat) ?? true);
    return json(JSON.stringify({ epoch, chats: opened.map(memberChatShape), next }));
  });

  /** By rising user id, deactivated users left out; with `userID` the one of that name alone. */
  const users: Handler = own(log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const query = pick(queryOf(c.req.raw) ?? new URLSearchParams(), [...pageQueryNames, "userID"]);
    const { userID, after, limit } = parse(schemas.usersQuery, query);
    if (userID !== undefined) {
      const user = await store.findUserByKey(userID);
      const found = user === undefined || user.disabled ? [] : [user];
      return json(JSON.stringify({ users: found.map(listedUserShape), next: null }));
    }
    const rows = await store.listUsers({ after: idOfPageCursor("u", after), limit: limit + 1 });
    const { page, next } = pageOf(rows, limit, ({ userId }) => pageCursorOf("u", userId));
    return json(JSON.stringify({ users: page.map(listedUserShape), next }));
  });

  const putTyping: Handler = own(log, async (c) => {
    const participant = await participantOf(c);
    const key = c.req.param("chatID") ?? noChatId;
    if (!isKey(key)) throw new Refusal(invalidChatId, "chatID must match [a-zA-Z0-9.-]{1,256}");
    const request = parse(schemas.typing, (await readJson(c.req.raw, limits)) ?? {});
    await reachOf(participant, store)?.require("send", { key });
    const { user, tokenHash } = participant;
    await typing.set({ userId: user.userId, chat: { key }, typing: request.typing, by: tokenIdOf(tokenHash) });
    return json("{}");
  });

  /** `{"until":"<ISO 8601>"}`; without it, or with a time that is over, notices come again. */
  const putMute: Handler = own(log, async (c) => {
    const { user } = await participantOf(c);
    const key = c.req.param("chatID") ?? noChatId;
    if (!isKey(key)) throw new Refusal(invalidChatId, "chatID must match [a-zA-Z0-9.-]{1,256}");
    const { until } = parse(schemas.mute, (await readJson(c.req.raw, limits)) ?? {});
    const muted = await domain.chats.mute(user.userId, { chat: { key }, untilMs: until ?? undefined });
    const { chatId, chatKey, mutedUntilMs } = muted;
    return json(JSON.stringify({ chat_id: String(chatId), chatID: chatKey, ...mutedShape(mutedUntilMs) }));
  });

  return { me, patchMe, chats, users, putTyping, putMute };
}

function userShape(user: User) {
  return {
    user_id: String(user.userId),
    userID: user.userKey,
    GUID: user.guid,
    ...(user.nick === "" || user.nick === user.userKey ? {} : { displayName: user.nick }),
    has_key: user.publicKey !== undefined,
    created: isoTime(user.createdAtMs),
  };
}

const listedUserShape = (user: User) => ({
  ...userShape(user),
  ...(user.lastSeenAtMs === undefined ? {} : { last_seen: isoTime(user.lastSeenAtMs) }),
});

const chatShape = (chat: Chat) => ({
  chat_id: String(chat.chatId),
  chatID: chat.chatKey,
  kind: chat.kind,
  name: chat.name,
  last_seq: chat.lastSeq,
  revision: chat.revision,
});

const timesOf = (chat: Chat) => ({ created: isoTime(chat.createdAtMs), updated: isoTime(chat.updatedAtMs) });

const mutedShape = (untilMs: number | undefined) => (untilMs === undefined ? {} : { muted_until: isoTime(untilMs) });

const memberChatShape = ({ chat, deliveredSeq, readSeq, unread, mutedUntilMs }: MemberChat) => ({
  ...chatShape(chat),
  delivered_seq: deliveredSeq,
  read_seq: readSeq,
  unread,
  ...mutedShape(mutedUntilMs),
  ...timesOf(chat),
});

/** Both members of a direct chat have the same part in it. */
const ownedChatShape = ({ chat, ownerGuid }: OwnedChat) => ({
  ...chatShape(chat),
  ...(ownerGuid === undefined || chat.kind === "direct" ? {} : { ownerGUID: ownerGuid }),
  ...timesOf(chat),
});
