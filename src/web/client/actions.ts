/** What a user does beside writing messages: each of them one or a few documented actions. */
import type { Refusal } from "./channel.ts";
import type { Client } from "./client.ts";
import { type Fields, idOf, isFields, listOf, textOf, timeOf, wordOf } from "./json.ts";
import { contactStates, type MessageRecord, type PersonRecord, readAvatar, readMessage } from "./records.ts";

/** A refusal has the server's words, or `No line`. */
export type Done = { readonly ok: true } | Refusal;

export interface SessionRecord {
  readonly id: string;
  readonly kind: string;
  readonly name?: string | undefined;
  readonly door?: string | undefined;
  readonly address?: string | undefined;
  readonly created?: number | undefined;
  readonly lastSeen?: number | undefined;
  readonly online: boolean;
  readonly own: boolean;
}

export type Actions = ReturnType<typeof createActions>;

const exportPagesMax = 100_000;

const ofChat = (chatId: string) => (fields: Fields) => idOf(fields["chat_id"]) === chatId;
const ofMessage = (messageId: string) => (fields: Fields) => idOf(fields["message_id"]) === messageId;
const ofUser = (userId: string) => (fields: Fields) => idOf(fields["user_id"]) === userId;

export function createActions(client: Client) {
  const { cache, people } = client;
  const ask = client.ask.bind(client);
  const done = async (action: string, fields: Fields, isMine?: (fields: Fields) => boolean): Promise<Done> => {
    const answer = await ask(action, fields, isMine);
    return answer.ok ? { ok: true } : answer;
  };
  /** Without a log-in too. */
  const anywhere = async (action: string, fields: Fields): Promise<Done> => {
    const answer = client.stage === "in" ? await ask(action, fields) : await client.askOnce(action, fields);
    return answer.ok ? { ok: true } : answer;
  };
  /** An edit, a deletion or a reaction. It is not pushed to the connection that made it. */
  const change = async (action: string, messageId: string, fields: Fields): Promise<Done> => {
    const answer = await ask(action, { message_id: messageId, ...fields }, ofMessage(messageId));
    if (!answer.ok) return answer;
    const chatId = idOf(answer.fields["chat_id"]);
    if (chatId !== undefined) await client.catchUp(chatId);
    return { ok: true };
  };
  const changeChat = async (action: string, chatId: string, fields: Fields): Promise<Done> => {
    const outcome = await done(action, { chat_id: chatId, ...fields }, ofChat(chatId));
    if (outcome.ok) await client.learnChat(chatId);
    return outcome;
  };
  const contact = async (action: string, userId: string, now: PersonRecord["contact"]): Promise<Done> => {
    const answer = await ask(action, { user_id: userId }, ofUser(userId));
    if (!answer.ok) return answer;
    if (!cache.people.has(userId)) await people.learn(userId);
    people.contactChanged(userId, wordOf(answer.fields["status"], contactStates) ?? now);
    return { ok: true };
  };

  return {
    edit: (messageId: string, content: string) => change("message.edit", messageId, { content }),
    remove: (messageId: string) => change("message.delete", messageId, {}),
    react: (messageId: string, reaction: string, on: boolean) =>
      change("message.react", messageId, { reaction, ...(on ? {} : { remove: true }) }),

    async createGroup(name: string, members: readonly string[]): Promise<Done & { readonly chatId?: string }> {
      const me = cache.identity?.userId;
      const isMine = (fields: Fields) =>
        idOf(fields["owner_id"]) === me && !cache.chats.has(idOf(fields["chat_id"]) ?? "");
      const answer = await ask("chat.create", { name, members }, isMine);
      if (!answer.ok) return answer;
      const chatId = idOf(answer.fields["chat_id"]);
      // It is known from the push on, which is on its way to the storage.
      if (chatId !== undefined) await client.learnChat(chatId);
      return { ok: true, ...(chatId === undefined ? {} : { chatId }) };
    },
    rename: (chatId: string, name: string) => changeChat("chat.rename", chatId, { name }),
    /** In base64. */
    setChatPicture: (chatId: string, avatar: string | undefined) =>
      changeChat("chat.avatar.set", chatId, avatar === undefined ? {} : { avatar }),
    addMembers: (chatId: string, members: readonly string[]) => changeChat("chat.add", chatId, { members }),
    removeMember: (chatId: string, userId: string) => changeChat("chat.remove", chatId, { members: [userId] }),
    leave: (chatId: string) => done("chat.leave", { chat_id: chatId }, ofChat(chatId)),
    async mute(chatId: string, until: Date | undefined): Promise<Done> {
      const answer = await ask("chat.mute", { chat_id: chatId, until: until?.toISOString() ?? "" }, ofChat(chatId));
      if (!answer.ok) return answer;
      const chat = cache.chats.get(chatId);
      if (chat !== undefined)
        await cache.write({ chats: [{ ...chat, mutedUntil: timeOf(answer.fields["muted_until"]) }] });
      return { ok: true };
    },
    async members(chatId: string): Promise<readonly PersonRecord[]> {
      const answer = await ask("chat.get", { chat_id: chatId }, ofChat(chatId));
      return answer.ok ? people.heard(answer.fields["members"]) : [];
    },

    async findPeople(query: string): Promise<readonly PersonRecord[]> {
      const answer = await ask("user.search", { query, limit: 50 });
      return answer.ok ? people.heard(answer.fields["users"]) : [];
    },
    ask: (userId: string) => contact("contact.request", userId, "request"),
    confirm: (userId: string) => contact("contact.confirm", userId, "friend"),
    revoke: (userId: string) => contact("contact.revoke", userId, "none"),
    async block(userId: string, on: boolean): Promise<Done> {
      if (on) return contact("contact.block", userId, "banned");
      const outcome = await done("contact.unblock", { user_id: userId }, ofUser(userId));
      // What they were before the block, the server knows.
      if (outcome.ok) await people.syncContacts();
      return outcome;
    },

    async search(
      query: string,
      options: { chatId?: string | undefined; next?: string | undefined },
    ): Promise<{ readonly messages: readonly MessageRecord[]; readonly next: string | undefined } | Refusal> {
      const { chatId, next } = options;
      const answer = await ask("message.search", {
        query,
        ...(chatId === undefined ? {} : { chat_id: chatId }),
        ...(next === undefined ? {} : { next }),
      });
      if (!answer.ok) return answer;
      return { messages: listOf(answer.fields["messages"], readMessage), next: textOf(answer.fields["next"]) };
    },

    async setNick(nick: string): Promise<Done> {
      const answer = await ask("profile.set", { nick });
      if (!answer.ok) return answer;
      await client.identityChanged({ name: textOf(answer.fields["user_name"]) ?? nick });
      return { ok: true };
    },
    /** In base64. */
    async setPicture(avatar: string | undefined): Promise<Done> {
      const outcome = await done("avatar.set", avatar === undefined ? {} : { avatar });
      const me = cache.identity?.userId;
      if (!outcome.ok || me === undefined) return outcome;
      const answer = await ask("user.get", { user_id: me }, ofUser(me));
      if (answer.ok) await client.identityChanged({ avatar: readAvatar(answer.fields["avatar"]) });
      return outcome;
    },
    async setLoginName(password: string, name: string | undefined): Promise<Done> {
      const outcome = await done("login_name.set", { password, ...(name === undefined ? {} : { login_name: name }) });
      if (outcome.ok) await client.identityChanged({ loginName: name });
      return outcome;
    },
    setPassword: (fields: { old: string; next: string; endOthers: boolean }) =>
      done("password.set", { old_password: fields.old, password: fields.next, end_sessions: fields.endOthers }),
    forgotPassword: (name: string) => anywhere("password.forgot", { user_id: name }),
    resetPassword: (fields: { name: string; code: string; password: string }) =>
      anywhere("password.reset", { user_id: fields.name, code: fields.code, password: fields.password }),
    setPresence: (presence: "friends" | "none") => done("presence.set", { presence }),
    setReceipts: (receipts: "all" | "delivered" | "none") => done("receipt.set", { receipts }),

    async sessions(): Promise<readonly SessionRecord[]> {
      const answer = await ask("session.list");
      return answer.ok ? listOf(answer.fields["sessions"], readSession) : [];
    },
    endSession: (id: string) => done("session.end", { session_id: id }),
    async linkDevice(): Promise<{ readonly link: string; readonly expires: number } | Refusal> {
      const answer = await ask("auth.link");
      if (!answer.ok) return answer;
      return { link: textOf(answer.fields["link"]) ?? "", expires: timeOf(answer.fields["expires"]) ?? 0 };
    },
    async createInvite(): Promise<{ readonly invite: string; readonly expires: number } | Refusal> {
      const answer = await ask("invite.create");
      if (!answer.ok) return answer;
      return { invite: textOf(answer.fields["invite"]) ?? "", expires: timeOf(answer.fields["expires"]) ?? 0 };
    },

    /** Each page as the server wrote it. `page`: told each one, with their number so far. */
    async exportAccount(password: string, page: (fields: Fields, pages: number) => void): Promise<Done> {
      let next: string | undefined;
      for (let pages = 1; pages <= exportPagesMax; pages += 1) {
        const answer = await ask("account.export", { password, ...(next === undefined ? {} : { next }) });
        if (!answer.ok) return answer;
        const { action: _action, next: following, ...fields } = answer.fields;
        page(fields, pages);
        next = textOf(following);
        if (next === undefined) return { ok: true };
      }
      return { ok: false, reason: "Internal error" };
    },
    async deleteAccount(password: string): Promise<Done> {
      const outcome = await done("account.delete", { password });
      // The answer is that the connection ends, and the log-in with it.
      if (!outcome.ok && (outcome.reason !== "No line" || client.stage === "in")) return outcome;
      await client.ceased();
      return { ok: true };
    },
  };
}

function readSession(value: unknown): SessionRecord | undefined {
  const id = isFields(value) ? textOf(value["session_id"]) : undefined;
  if (!isFields(value) || id === undefined) return undefined;
  return {
    id,
    kind: textOf(value["kind"]) ?? "connection",
    name: textOf(value["name"]),
    door: textOf(value["door"]),
    address: textOf(value["address"]),
    created: timeOf(value["created"]),
    lastSeen: timeOf(value["last_seen"]),
    online: value["online"] === true,
    own: value["own"] === true,
  };
}
