/** What participants ask about themselves (docs/protocols/rest.md § Routes): who they are and which chats they are in; and that they are typing. */
import { isoTime } from "../../delivery/shapes.ts";
import { isKey } from "../../domain/keys.ts";
import type { MemberChat, User } from "../../domain/model.ts";
import { accessToken, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { badRequest, invalidChatId, Refusal } from "../errors.ts";
import { json } from "../json.ts";
import { noChatId } from "../paths.ts";
import { parse, pick } from "../schemas.ts";

const chatsQueryNames = ["after", "limit"] as const;

export function createPeopleRoutes({ domain, typing, log, limits, schemas }: RouteParts) {
  const { accounts, store } = domain;

  const participantOf = (c: RestContext) =>
    requireParticipant(accounts, accessToken(c.req.raw, queryOf(c.req.raw)), c.env.address);

  const me: Handler = own(log, async (c) => json(JSON.stringify(userShape((await participantOf(c)).user))));

  /** By rising chat id; `next` is the `after` of the page that follows, null where nothing follows. */
  const chats: Handler = own(log, async (c) => {
    const { user } = await participantOf(c);
    const { after, limit } = parse(
      schemas.chatsQuery,
      pick(queryOf(c.req.raw) ?? new URLSearchParams(), chatsQueryNames),
    );
    const rows = await store.chatPage(user.userId, { after: chatIdOfCursor(after), limit: limit + 1 });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const next = rows.length > limit && last !== undefined ? cursorOf(last) : null;
    return json(JSON.stringify({ chats: page.map(chatShape), next }));
  });

  const putTyping: Handler = own(log, async (c) => {
    const { user } = await participantOf(c);
    const key = c.req.param("chatID") ?? noChatId;
    if (!isKey(key)) throw new Refusal(invalidChatId, "chatID must match [a-zA-Z0-9.-]{1,256}");
    const request = parse(schemas.typing, (await readJson(c.req.raw, limits)) ?? {});
    await typing.set(user, { key }, request.typing);
    return json("{}");
  });

  return { me, chats, putTyping };
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

function chatShape({ chat, deliveredSeq, readSeq }: MemberChat) {
  return {
    chat_id: String(chat.chatId),
    chatID: chat.chatKey,
    kind: chat.kind,
    name: chat.name,
    last_seq: chat.lastSeq,
    delivered_seq: deliveredSeq,
    read_seq: readSeq,
    created: isoTime(chat.createdAtMs),
    updated: isoTime(chat.updatedAtMs),
  };
}

const cursorOf = ({ chat }: MemberChat): string => Buffer.from(`c1.${chat.chatId}`).toString("base64url");

function chatIdOfCursor(text: string | undefined): number {
  if (text === undefined) return 0;
  const match = /^c1\.(\d{1,15})$/.exec(Buffer.from(text, "base64url").toString("latin1"));
  if (match === null) throw new Refusal(badRequest, "after: not a value of next");
  return Number(match[1]);
}
