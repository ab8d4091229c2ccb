/** Chats in the store: reads of this thread's connection, and changes sent to the writer. */
import type { ChatId, Left, Mute, User } from "../../../domain/model.ts";
import type { ChatStore } from "../../../domain/store.ts";
import type { DirectoryRule } from "../people/directory.ts";
import type { Submit } from "../submit.ts";
import type { ChatReader } from "./chat-reader.ts";
import { toEntered, toLeft, toMute } from "./entered.ts";

export function createChatStore(
  reads: ChatReader,
  parts: {
    submit: Submit;
    sweep(chatId: ChatId): void;
    /** Throws where there is no such user. */
    getUser(userId: number): User;
    membersMax: number | undefined;
    rule: DirectoryRule;
  },
): ChatStore {
  const { submit, sweep, getUser, membersMax, rule } = parts;

  async function putMembers(put: Parameters<ChatStore["putMembers"]>[0]) {
    const { chat, userIds, renamed, entered } = await submit("putMembers", { ...put, membersMax });
    // Gone again where a later change of the same commit deleted it: then those who were put are all there is to tell.
    const view = reads.findChatView({ id: chat.chatId }, undefined) ?? {
      chat,
      members: [...new Set(userIds)].map(getUser),
    };
    return {
      view,
      users: userIds.map(getUser),
      renamed: renamed.map(getUser),
      entered: entered === undefined ? undefined : toEntered(entered),
    };
  }

  async function removeMembers(removal: Parameters<ChatStore["removeMembers"]>[0]): Promise<Left | undefined> {
    const parts = await submit("removeMembers", removal);
    if (parts === undefined || parts === null) return undefined;
    if (parts.deleted) sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  async function deleteChat(chatKey: string): Promise<Left> {
    const parts = await submit("deleteChat", { chatKey });
    sweep(parts.chat.chatId);
    return toLeft(parts);
  }

  async function muteChat(request: Parameters<ChatStore["muteChat"]>[0]): Promise<Mute> {
    return toMute(await submit("muteChat", request));
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    createChat: (chat) => submit("createChat", { ...chat, ...rule, membersMax }).then(toEntered),
    putMembers,
    removeMembers,
    deleteChat,
    muteChat,
    mutes: async (userId) => reads.mutes(userId),
    findChat: async (ref, asSeenBy) => reads.findChat(ref, asSeenBy),
    findChatOf: async (userId, ref) => reads.findChatOf(userId, ref),
    findChatView: async (ref, asSeenBy) => reads.findChatView(ref, asSeenBy),
    isMember: async (chatId, userId) => reads.isMember(chatId, userId),
    chatsOf: async (userId) => reads.chatsOf(userId),
    chatPage: async (userId, page) => reads.chatPage(userId, page),
    findChatAvatar: async (chatId) => reads.chatAvatar(chatId),
    recentChatPage: async (userId, page) => reads.recentChatPage(userId, page),
    listChats: async (page) => reads.listChats(page),
    memberIds: async (chatId, limit) => reads.memberIds(chatId, limit),
  };
}
