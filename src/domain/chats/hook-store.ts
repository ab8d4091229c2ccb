/** What the store keeps of hooks: addresses whose posts become messages of a chat. */
import type { Chat, ChatId, ChatRef, UserId } from "../model.ts";

export interface Hook {
  /** The hook's own user, who is a member of the chat; its id is the hook's. */
  readonly userId: UserId;
  readonly chatId: ChatId;
  readonly chatKey: string;
  /** The nick of its user. */
  readonly name: string;
  readonly createdAtMs: number;
}

export interface HookReads {
  /** By the SHA-256 of the secret. */
  findHook(hash: Uint8Array): Promise<Hook | undefined>;
  /** By rising id, those above `after`; with `chatId` those of this chat. */
  listHooks(page: { chatId?: ChatId | undefined; after: number; limit: number }): Promise<Hook[]>;
}

/** `by` is the owner of the chat who acts; without one the operator does. All throw `chat_not_found`, `not_authorized`. */
export interface HookStore extends HookReads {
  /** Throws `chat_is_direct`, `too_many_members`. */
  addHook(hook: {
    chat: ChatRef;
    by: UserId | undefined;
    name: string;
    hash: Uint8Array;
    hooksMax: number;
  }): Promise<Hook>;
  /** With `chat` only a hook of this one. Throws `user_not_found`. Gives the chat that it was in. */
  removeHook(hook: { userId: number; chat: ChatRef | undefined; by: UserId | undefined }): Promise<Chat>;
}
