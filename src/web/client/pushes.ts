/** What the server tells by itself, and who hears of it. */
import type { Cache } from "./cache.ts";
import type { Changes } from "./changes.ts";
import { countOf, type Fields, idOf, listOf, textOf, timeOf, wordOf } from "./json.ts";
import type { MessageLog } from "./message-log.ts";
import type { People } from "./people.ts";
import type { Reading } from "./reading.ts";
import { type ChatRecord, contactStates, membersKept, readAvatar, readChat } from "./records.ts";
import type { Turns } from "./turns.ts";

interface Parts {
  readonly log: MessageLog;
  readonly changes: Changes;
  readonly reading: Reading;
  readonly turns: Turns;
}

/** In one acknowledgement. */
const idsMax = 1_000;

/** What of the client the pushes change. */
export interface Told {
  readonly cache: Cache;
  readonly people: People;
  readonly window: { readonly chatId: string } | undefined;
  readonly line: { say(action: string, fields: Fields): void };
  heardWaiting(messages: number): void;
  chatCame(chatId: string): void;
  learnChat(chatId: string): Promise<boolean>;
  openChat(chatId: undefined): void;
  identityChanged(fields: { readonly loginName: undefined }): Promise<void>;
}

export function createPushes(client: Told, { log, changes, reading, turns }: Parts) {
  const { cache, people } = client;

  /** `change` is of the chat as it is when its turn comes. */
  const changeChat = (chatId: string | undefined, change: (chat: ChatRecord) => ChatRecord): void => {
    if (chatId === undefined) return;
    void turns.run(() => {
      const chat = cache.chats.get(chatId);
      return chat === undefined ? undefined : cache.write({ chats: [change(chat)] });
    });
  };

  const table: Readonly<Record<string, (fields: Fields, action: string) => void>> = {
    "message.push": async (fields) => {
      client.heardWaiting(countOf(fields["waiting"]) ?? 0);
      const messages = await log.pushed(fields);
      const ids = messages.map(({ messageId }) => messageId);
      for (let from = 0; from < ids.length; from += idsMax)
        client.line.say("message.push.ack", { message_ids: ids.slice(from, from + idsMax) });
    },
    "chat.spawn": async (fields) => {
      const chatId = idOf(fields["chat_id"]);
      if (chatId === undefined) return;
      people.heard(fields["members"]);
      await turns.run(() => {
        const chat = readChat(fields, cache.chats.get(chatId));
        return chat === undefined ? undefined : cache.write({ chats: [chat] });
      });
      client.line.say("message.push.ack", { chat_ids: [chatId] });
      client.chatCame(chatId);
    },
    "chat.joined": (fields) => {
      const members = people.heard(fields["members"]).map(({ userId }) => userId);
      changeChat(idOf(fields["chat_id"]), (chat) =>
        chat.memberIds === undefined
          ? chat
          : { ...chat, memberIds: [...new Set([...chat.memberIds, ...members])].slice(0, membersKept) },
      );
    },
    "chat.left": (fields) => {
      const chatId = idOf(fields["chat_id"]);
      const left = listOf(fields["members"], idOf);
      if (chatId === undefined) return;
      if (fields["deleted"] === true || left.includes(cache.identity?.userId ?? "")) {
        void turns.run(() => cache.write({ forget: [chatId] }));
        if (client.window?.chatId === chatId) client.openChat(undefined);
        return;
      }
      changeChat(chatId, (chat) => ({
        ...chat,
        ownerId: idOf(fields["owner_id"]) ?? chat.ownerId,
        memberIds: chat.memberIds?.filter((id) => !left.includes(id)),
      }));
    },
    "chat.renamed": (fields) =>
      changeChat(idOf(fields["chat_id"]), (chat) => ({ ...chat, name: textOf(fields["name"]) ?? chat.name })),
    "chat.avatar.changed": (fields) =>
      changeChat(idOf(fields["chat_id"]), (chat) => ({ ...chat, avatar: readAvatar(fields["avatar"]) })),
    "chat.muted": (fields) =>
      changeChat(idOf(fields["chat_id"]), (chat) => ({ ...chat, mutedUntil: timeOf(fields["muted_until"]) })),
    "chat.typing": (fields) => people.heardTyping(fields),
    "message.deleted": (fields, action) => changes.pushed(action, fields),
    "message.edited": (fields, action) => changes.pushed(action, fields),
    "message.reacted": (fields, action) => changes.pushed(action, fields),
    "contact.changed": (fields) => {
      const userId = idOf(fields["user_id"]);
      if (userId === undefined) return;
      people.contactChanged(userId, wordOf(fields["status"], contactStates) ?? "none");
      // The push says that they have another name or picture, not which.
      void people.learn(userId).then(() => {
        people.contactChanged(userId, wordOf(fields["status"], contactStates) ?? "none");
        for (const chat of cache.chats.values()) if (chat.peerId === userId) void client.learnChat(chat.chatId);
      });
    },
    "contact.blocked": (fields) => {
      const userId = idOf(fields["user_id"]);
      if (userId !== undefined) people.contactChanged(userId, "banned");
    },
    "contact.unblocked": () => void people.syncContacts(),
    "login_name.taken": () => void client.identityChanged({ loginName: undefined }),
    "presence.push": (fields) => people.heardPresence(fields),
    "receipt.push": (fields) => reading.pushed(fields),
  };

  return (action: string, fields: Fields): void => {
    if (Object.hasOwn(table, action)) table[action]?.(fields, action);
  };
}
