/**
 * What a reference to a chat names, and who may write there. The writer and the readers look chats up by statements of
 * their own; the order in which a reference is understood stands here alone.
 */
import { DomainError } from "../../../domain/errors.ts";
import { parseChatKey } from "../../../domain/keys.ts";
import { type ChatId, type ChatRef, systemUserId } from "../../../domain/model.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";

/** How chats are found: by our number, by the id that a backend gave, and by the two users of a direct chat. */
export interface ChatLookup<Chat> {
  byId(chatId: number): Chat | undefined;
  byGivenKey(chatKey: string): Chat | undefined;
  byPair(low: number, high: number): Chat | undefined;
}

/**
 * The chat that a reference names, where it exists. A user's number, or `user.<number>`, means the direct chat of that
 * user with `userId`, the user who refers to it.
 */
export function findNamed<Chat>(look: ChatLookup<Chat>, ref: ChatRef, userId: number | undefined): Chat | undefined {
  if ("id" in ref) return look.byId(ref.id) ?? findDirect(look, ref.id, userId);
  const given = look.byGivenKey(ref.key);
  if (given !== undefined) return given;
  const own = parseChatKey(ref.key);
  if (own === undefined) return undefined;
  if ("chatId" in own) return look.byId(own.chatId);
  return "userId" in own ? findDirect(look, own.userId, userId) : look.byPair(own.low, own.high);
}

function findDirect<Chat>(look: ChatLookup<Chat>, a: number, b: number | undefined): Chat | undefined {
  return b === undefined ? undefined : look.byPair(Math.min(a, b), Math.max(a, b));
}

/** The user with whom a reference means a direct chat, if it is one of this kind and no chat has the number. */
function userNamed(ref: ChatRef): number | undefined {
  if ("id" in ref) return ref.id;
  const own = parseChatKey(ref.key);
  return own !== undefined && "userId" in own ? own.userId : undefined;
}

/** Where a sender's message goes: a chat, or a user with whom there is no direct chat yet. */
export type Target = { readonly chat: ChatEntry } | { readonly stranger: number };

/** Whether a user may write in a chat now, or say there what they read: they are in it, and the other one of a direct chat does not block them. */
export const mayWriteIn = ({ memberSet, blocked }: Pick<ChatEntry, "memberSet" | "blocked">, userId: number): boolean =>
  memberSet.has(userId) && !blocked.includes(userId);

export type ChatReferences = ReturnType<typeof createChatReferences>;

/** The same inside the writer, with what a change may do there. */
export function createChatReferences(tx: Tx, directory: Directory) {
  const idOfPair = tx.db.prepare<{ chatId: ChatId }, [number, number]>(
    "SELECT chat_id chatId FROM chats WHERE direct_low = ? AND direct_high = ?",
  );

  const owner = tx.db.prepare<{ ownerId: number }, [number]>("SELECT owner_id ownerId FROM chats WHERE chat_id = ?");

  const look: ChatLookup<ChatEntry> = {
    byId: (chatId) => tx.chat(chatId),
    byGivenKey(chatKey) {
      const chatId = tx.chatIdOfKey(chatKey);
      return chatId === undefined ? undefined : tx.chat(chatId);
    },
    byPair(low, high) {
      const row = idOfPair.get(low, high);
      return row === null ? undefined : tx.chat(row.chatId);
    },
  };

  const directIdOf = (a: number, b: number): ChatId | undefined => idOfPair.get(Math.min(a, b), Math.max(a, b))?.chatId;

  /** A chat the user is in. Throws `chat_not_found`: a stranger learns nothing of a chat, not even that there is one. */
  function ofMember(ref: ChatRef, userId: number): ChatEntry {
    const chat = findNamed(look, ref, userId);
    if (chat === undefined || !chat.memberSet.has(userId)) throw new DomainError("chat_not_found");
    return chat;
  }

  /** A group that the user is in. Throws `chat_is_direct` too, and `user_disabled`. */
  function groupOf(ref: ChatRef, userId: number): ChatEntry {
    const sender = tx.sender(userId);
    if (sender === undefined || sender.disabled) throw new DomainError("user_disabled");
    return notDirect(ofMember(ref, userId));
  }

  /** A group for its owner `by`, or without `by` for the operator, who may name any. Throws `not_authorized` for others. */
  function ownGroup(ref: ChatRef, by: number | undefined): ChatEntry {
    if (by !== undefined) {
      const group = groupOf(ref, by);
      if (owner.get(group.chatId)?.ownerId !== by) throw new DomainError("not_authorized", "not the owner");
      return group;
    }
    const chat = findNamed(look, ref, undefined);
    if (chat === undefined) throw new DomainError("chat_not_found");
    return notDirect(chat);
  }

  function notDirect(chat: ChatEntry): ChatEntry {
    if (chat.kind === "direct") throw new DomainError("chat_is_direct");
    return chat;
  }

  /** A chat by the id that a backend gave it, or by `chat.<number>` where it was given none. */
  function ofBackend(chatKey: string): ChatEntry | undefined {
    const given = look.byGivenKey(chatKey);
    if (given !== undefined) return given;
    const own = parseChatKey(chatKey);
    const chat = own !== undefined && "chatId" in own ? tx.chat(own.chatId) : undefined;
    return chat?.chatKey === chatKey ? chat : undefined;
  }

  /** Where a message of `from` goes. Throws `chat_not_found` or `not_a_member` where it may go nowhere. */
  function toWriteIn(ref: ChatRef, from: number, rule: DirectoryRule): Target {
    const chat = findNamed(look, ref, from);
    if (chat === undefined) return { stranger: strangerNamed(ref, from, rule) };
    if (chat.kind === "direct" && chat.members.length === 1 && isOfRemovedUser(chat, ref)) {
      throw new DomainError("chat_not_found");
    }
    // A blocked sender gets the answer of a sender who has left the chat.
    if (!mayWriteIn(chat, from) && from !== systemUserId) throw new DomainError("not_a_member");
    return { chat };
  }

  /** The same where the chat must be there and `from` in it. */
  function memberToWriteIn(ref: ChatRef, from: number): ChatEntry {
    const chat = ofMember(ref, from);
    if (!mayWriteIn(chat, from)) throw new DomainError("not_a_member");
    return chat;
  }

  function strangerNamed(ref: ChatRef, from: number, rule: DirectoryRule): number {
    const userId = userNamed(ref);
    // The system has no direct chats.
    const mayBe = userId !== undefined && userId !== systemUserId && from !== systemUserId;
    if (!mayBe || tx.sender(userId) === undefined || !directory.mayFind(from, userId, rule)) {
      throw new DomainError("chat_not_found");
    }
    if (tx.isBlocked(from, userId)) throw new DomainError("not_a_member");
    return userId;
  }

  /** The other user of a direct chat may be gone. That user's number leads nowhere any more. */
  function isOfRemovedUser(chat: ChatEntry, ref: ChatRef): boolean {
    const userId = userNamed(ref);
    return userId !== undefined && userId !== chat.chatId && tx.sender(userId) === undefined;
  }

  return { ofMember, groupOf, ownGroup, ofBackend, toWriteIn, memberToWriteIn, directIdOf };
}
