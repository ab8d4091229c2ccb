/** Chats and their members. Backends use string ids and may change any chat; users act for themselves. */

import { chatNameCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import { isKey, isUserKey } from "../keys.ts";
import type { Chat, ChatRef, ChatView, Left, Mute, User, UserId } from "../model.ts";
import { checkPicture, type PictureRefusal } from "../people/pictures.ts";
import type { Store } from "../store.ts";

export type Chats = ReturnType<typeof createChats>;

export function createChats({ store }: { store: Store }) {
  /** Creates a group of the creator and `members`. Throws `user_not_found`, `too_many_members`, `invalid_chat_name`. */
  async function create(ownerId: UserId, request: { members: readonly number[]; name: string | undefined }) {
    if (request.name !== undefined) checkName(request.name);
    return store.createChat({ ownerId, ...request });
  }

  /** REST's PUT of members: see `ChatStore.putMembers`. Throws `invalid_chat_key`, `reserved_key`, `invalid_name`, `too_many_members`. */
  async function putMembers(put: {
    chatKey: string;
    people: readonly { username: string; displayName?: string | undefined }[];
    chatName: string | undefined;
  }): Promise<{ view: ChatView; users: User[] }> {
    if (!isKey(put.chatKey)) throw new DomainError("invalid_chat_key", "chatID must match [a-zA-Z0-9.-]{1,256}");
    for (const { username } of put.people) {
      if (!isUserKey(username)) throw new DomainError("invalid_name", "users must match [a-zA-Z0-9.@_:-]{1,256}");
      // `user.<id>` names a user who registered at another door; the store refuses the name where no user has that id.
    }
    const { view, users } = await store.putMembers(put);
    return { view, users };
  }

  async function removeMembers(removal: { chatKey: string; people: readonly string[] }): Promise<void> {
    await store.removeMembers(removal);
  }

  async function remove(chatKey: string): Promise<void> {
    await store.deleteChat(chatKey);
  }

  /**
   * `userId` leaves a group. What they owned passes to the longest-standing member. Throws `chat_not_found`,
   * `chat_is_direct`, as all below do.
   */
  async function leave(userId: UserId, chat: ChatRef): Promise<Left> {
    return store.leaveChat({ userId, chat });
  }

  /** Adds members; any member may do this. Throws `user_not_found`, `too_many_members`. */
  async function addPeople(userId: UserId, request: { chat: ChatRef; members: readonly number[] }): Promise<Chat> {
    return (await store.addToChat({ userId, ...request })).chat;
  }

  /**
   * Removes other members; only the owner may do this. Throws `not_authorized`, `user_not_found` for a user who is not
   * in the chat.
   */
  async function removePeople(userId: UserId, request: { chat: ChatRef; members: readonly number[] }): Promise<Left> {
    return store.removeFromChat({ userId, ...request });
  }

  /** Renames a group; only the owner may do this. Throws `not_authorized`, `invalid_chat_name`. */
  async function rename(userId: UserId, request: { chat: ChatRef; name: string }): Promise<Chat> {
    const name = request.name.trim();
    if (name === "") throw new DomainError("invalid_chat_name", "a chat's name is not blank");
    checkName(name);
    return (await store.renameChat({ userId, chat: request.chat, name })).chat;
  }

  /**
   * Gives a group a picture; without bytes the generated one is back. Only the owner may do this. Gives the reason where a
   * picture is refused. Throws `not_authorized`.
   */
  async function setAvatar(
    userId: UserId,
    request: { chat: ChatRef; bytes: Uint8Array | undefined },
  ): Promise<Chat | PictureRefusal> {
    const avatar = request.bytes === undefined ? undefined : checkPicture(request.bytes);
    if (typeof avatar === "string") return avatar;
    return (await store.setChatAvatar({ userId, chat: request.chat, avatar })).chat;
  }

  /**
   * Gives the chat if `userId` is a member. Throws `chat_not_found` for other users too, so they do not learn that the
   * chat exists.
   */
  async function getAsMember(ref: ChatRef, userId: UserId): Promise<Chat> {
    const chat = await store.findChatOf(userId, ref);
    if (chat === undefined) throw new DomainError("chat_not_found");
    return chat;
  }

  /** No notices until then; see `Mute`. Throws `chat_not_found`. */
  async function mute(userId: UserId, request: { chat: ChatRef; untilMs: number | undefined }): Promise<Mute> {
    return store.muteChat({ userId, ...request });
  }

  return {
    create,
    mute,
    putMembers,
    removeMembers,
    remove,
    leave,
    addPeople,
    removePeople,
    rename,
    setAvatar,
    getAsMember,
  };
}

function checkName(name: string): void {
  if (name.length > chatNameCharactersMax || !name.isWellFormed()) {
    throw new DomainError("invalid_chat_name", `a chat's name has at most ${chatNameCharactersMax} characters`);
  }
}
