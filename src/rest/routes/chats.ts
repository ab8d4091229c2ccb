/**
 * The chat interface for backends (REST § Chats interface for backend, § Chat room management) with the backend's key,
 * and a chat's history for its members (docs/protocols/rest.md § Receive messages).
 */

import { isKey } from "../../domain/keys.ts";
import type { ChatId, ChatView, MessageReader, User } from "../../domain/model.ts";
import { isPerson } from "../../domain/people/kinds.ts";
import { accessToken, reachOf, refuseUnsigned, requireBackend, requireParticipant } from "../auth.ts";
import { readJson } from "../body.ts";
import { documented, type Handler, own, queryOf, type RestContext, type RouteParts } from "../context.ts";
import { type EncodedMessages, historyJson } from "../encoded-messages.ts";
import { invalidChatId, Refusal, words } from "../errors.ts";
import { json } from "../json.ts";
import { fitting, withInlineContent } from "../large-pages.ts";
import { noChatId } from "../paths.ts";
import { parse, pick } from "../schemas.ts";

const historyQueryNames = ["after_seq", "before_seq", "limit"] as const;

export function createChatRoutes(parts: RouteParts & { encoded: EncodedMessages }) {
  const { domain, log, limits, schemas, encoded, answers, requireSignature } = parts;
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
    const members = view.members.filter((member) => !member.disabled); // their GUIDs are unknown elsewhere
    return json(JSON.stringify({ chat: chatShape({ ...view, members }, await ownerOf(view)) }));
  });

  const deleteUsers = documented(words.deleteUsers, log, async (c) => {
    await requireBackend(accounts, c.req.raw, c.env.address);
    const chatKey = chatKeyOf(c);
    // Many clients cannot send a body with DELETE, so the query may hold the users (R14).
    const listed = queryOf(c.req.raw)?.get("users")?.split(",");
    const people = parse(schemas.removedUsers, listed ?? (await readJson(c.req.raw, limits)));
    await chats.removeMembers({ chatKey, people });
    return json("{}");
  });

  /**
   * A page of messages, ascending. With `after_seq` pages go towards newer messages, else from the newest towards older
   * ones. `next` is the value of that parameter for the page that follows, null where nothing follows.
   */
  const history: Handler = own(log, async (c) => {
    const query = queryOf(c.req.raw);
    const asking = await requireParticipant(accounts, accessToken(c.req.raw, query), c.env);
    refuseUnsigned(requireSignature, asking);
    const { user, deviceId } = asking;
    const reader = { userId: user.userId, deviceId };
    const key = chatKeyOf(c);
    const page = query === undefined ? firstPage : parse(schemas.historyQuery, pick(query, historyQueryNames));
    const reach = reachOf(asking, store);
    if (reach !== undefined) await reach.require("read", { key });
    const chat = await chats.getAsMember({ key }, user.userId);
    const { after_seq: afterSeq, before_seq: beforeSeq, limit } = page;
    // Where seq has no gap, the page's messages are known before they are read.
    const end = Math.min(chat.lastSeq, (beforeSeq ?? Number.POSITIVE_INFINITY) - 1);
    const to = afterSeq === undefined ? end : Math.min(end, afterSeq + limit);
    const from = afterSeq === undefined ? Math.max(1, end - limit + 1) : afterSeq + 1;
    const next = afterSeq === undefined ? (from > 1 && from <= to ? from : null) : to < end ? to : null;
    const answer = encoded.answer(chat.chatId, { from, to, next });
    if (answer !== undefined) return json(answer);
    return answers.page(user.userId, c.req.raw, async () => {
      const known = await knownPage(chat.chatId, { from, to, reader });
      if (known !== undefined) return json(historyJson(known, next));
      const found = await store.messages({
        chatId: chat.chatId,
        afterSeq,
        beforeSeq,
        limit,
        reader,
        inlineBytesMax: 0,
        bytesMax: limits.historyBytesMax,
      });
      const taken = fitting(found, afterSeq === undefined ? "down" : "up", limits.historyBytesMax);
      const messages = await withInlineContent(store, taken);
      const following = afterSeq === undefined ? messages[0]?.seq : messages.at(-1)?.seq;
      const mayEnd = found.length < limit && taken.length === found.length;
      const ended = following === (afterSeq === undefined ? 1 : end) || (mayEnd && !(await follows(following)));
      return json(historyJson(encoded.keep(chat.chatId, messages), ended ? null : (following ?? null)));

      /** Whether there is a message beyond: the page has fewer than asked for where they are large, too. */
      async function follows(seq: number | undefined): Promise<boolean> {
        if (seq === undefined) return false;
        const way = afterSeq === undefined ? { beforeSeq: seq } : { afterSeq: seq, beforeSeq };
        const beyond = await store.messages({ chatId: chat.chatId, ...way, limit: 1, reader, inlineBytesMax: 0 });
        return beyond.length > 0;
      }
    });
  });

  /**
   * The page as it is encoded already; where only its newer end is missing, that end comes from the store. Undefined
   * where the whole page must be read: nothing of it is encoded, or retention has left a gap.
   */
  async function knownPage(
    chatId: ChatId,
    { from, to, reader }: { from: number; to: number; reader: MessageReader },
  ): Promise<string | undefined> {
    if (from > to) return "";
    const found = encoded.find(chatId, { from, to });
    if (typeof found === "string") return found;
    if (found === from) return undefined;
    const limit = to - found + 1;
    const bytesMax = limits.historyBytesMax;
    const missing = await store.messages({ chatId, afterSeq: found - 1, limit, reader, inlineBytesMax: 0, bytesMax });
    if (missing.at(0)?.seq !== found || missing.at(-1)?.seq !== to) return undefined;
    if (fitting(missing, "up", bytesMax).length < missing.length) return undefined;
    const newer = encoded.keep(chatId, await withInlineContent(store, missing));
    const older = encoded.find(chatId, { from, to: found - 1 });
    if (typeof older !== "string") return undefined;
    return newer === "" ? older : `${older},${newer}`;
  }

  async function ownerOf(view: ChatView): Promise<User | undefined> {
    const { ownerId } = view.chat;
    return view.members.find((member) => member.userId === ownerId) ?? (await store.findUser(ownerId));
  }

  return { remove, putUsers, getUsers, deleteUsers, history };
}

/** The chatID of the path, decoded and then judged here, never by the router (R38). */
function chatKeyOf(c: RestContext): string {
  const key = c.req.param("chatID") ?? noChatId;
  if (isKey(key)) return key;
  throw new Refusal(invalidChatId, key === noChatId ? "chatID is missing" : "chatID must match [a-zA-Z0-9.-]{1,256}");
}

/** REST § Chat room management: times are decimal strings, displayName only where one is known. */
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
      ...(isPerson(member) ? {} : { kind: member.kind }),
    })),
  };
}
