/**
 * The chat interface for backends (REST.md, "Chats interface", "Chat room management") with the backend's key, and a
 * chat's history for its members (SPEC § 6.2).
 */

import { isKey } from "../../domain/keys.ts";
import type { ChatView, User } from "../../domain/model.ts";
import { accessToken, requireBackend, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { documented, type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { invalidChatId, Refusal, words } from "../errors.ts";
import { json, messagesJson } from "../json.ts";
import { parse, pick } from "../schemas.ts";

const historyQueryNames = ["after_seq", "before_seq", "limit"] as const;

export function createChatRoutes({ domain, log, limits, schemas }: RouteParts) {
  const { accounts, chats, store } = domain;
  const firstPage = parse(schemas.historyQuery, {});

  const remove = documented(words.deleteChat, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    await chats.remove(chatKeyOf(c));
    return json("{}");
  });

  const putUsers = documented(words.putUsers, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const chatKey = chatKeyOf(c);
    const put = parse(schemas.putUsers, await readJson(c.req.raw, limits));
    const people = put.users.map((person) =>
      typeof person === "string"
        ? { username: person }
        : { username: person.userID, displayName: person.displayName ?? undefined },
    );
    const { users } = await chats.putMembers({ chatKey, people, chatName: put.chatName });
    return json(JSON.stringify({ GUIDList: users.map((user) => user.guid) }));
  });

  const getUsers = documented(words.getUsers, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const view = await store.findChatView({ key: chatKeyOf(c) });
    if (view === undefined) throw new Refusal(invalidChatId, "there is no such chat");
    return json(JSON.stringify({ chat: chatShape(view, await ownerOf(view)) }));
  });

  const deleteUsers = documented(words.deleteUsers, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const chatKey = chatKeyOf(c);
    // Many clients cannot send a body with DELETE, so the query will do (R14).
    const listed = queryOf(c.req.raw)?.get("users")?.split(",");
    const people = parse(schemas.removedUsers, listed ?? (await readJson(c.req.raw, limits)));
    await chats.removeMembers({ chatKey, people });
    return json("{}");
  });

  /**
   * A page of messages, ascending. `after_seq` walks towards newer ones, anything else from the newest towards older
   * ones; `next` is the value of that parameter for the page that follows, null where nothing follows.
   */
  const history: Handler = own(log, async (c) => {
    const query = queryOf(c.req.raw);
    const { user } = await requireParticipant(accounts, accessToken(c.req.raw, query), c.env.address);
    const key = chatKeyOf(c);
    const page = query === undefined ? firstPage : parse(schemas.historyQuery, pick(query, historyQueryNames));
    const chat = await chats.getAsMember({ key }, user.userId);
    const { after_seq: afterSeq, before_seq: beforeSeq, limit } = page;
    let messages = await store.messages({ chatId: chat.chatId, afterSeq, beforeSeq, limit });
    let next: number | null = null;
    if (afterSeq === undefined) {
      const first = messages[0];
      if (first !== undefined && messages.length === limit && first.seq > 1) next = first.seq;
    } else {
      if (beforeSeq !== undefined) messages = messages.filter((message) => message.seq < beforeSeq);
      const last = messages.at(-1);
      const end = Math.min(chat.lastSeq, (beforeSeq ?? Number.POSITIVE_INFINITY) - 1);
      if (last !== undefined && messages.length === limit && last.seq < end) next = last.seq;
    }
    return json(`{"messages":${messagesJson(messages)},"next":${next}}`);
  });

  async function ownerOf(view: ChatView): Promise<User | undefined> {
    const { ownerId } = view.chat;
    return view.members.find((member) => member.userId === ownerId) ?? (await store.findUser(ownerId));
  }

  return { remove, putUsers, getUsers, deleteUsers, history };
}

/** The chatID of the path, decoded and then judged here, never by the router (R38). */
function chatKeyOf(c: RestContext): string {
  const key = c.req.param("chatID") ?? "";
  if (isKey(key)) return key;
  throw new Refusal(invalidChatId, key === "" ? "chatID is missing" : "chatID must match [a-zA-Z0-9.-]{1,256}");
}

/** REST.md, "Get a list of users in a chat room": times are decimal strings, displayName only where one is known. */
function chatShape({ chat, members }: ChatView, owner: User | undefined) {
  return {
    chatID: chat.chatKey,
    chatName: chat.name,
    ownerGUID: owner?.guid ?? "",
    creationTime: String(chat.createdAtMs),
    updateTime: String(chat.updatedAtMs),
    users: members.map((member) => ({
      GUID: member.guid,
      userID: member.userKey,
      ...(member.nick === "" || member.nick === member.userKey ? {} : { displayName: member.nick }),
    })),
  };
}
