/** What people change of the groups they are in; backends have changes of their own (`ChatStore`). */
import type { Chat, ChatRef, Entered, Left, UserId } from "../model.ts";

/** `userId` acts. All of these throw `chat_not_found` where he is no member and `chat_is_direct` for a direct chat. */
export interface GroupStore {
  /** What he owned is the longest member's then; a group that nobody is left in is gone. */
  leaveChat(request: { userId: UserId; chat: ChatRef }): Promise<Left>;
  /** Those who are in it already are passed over. Throws `user_not_found`, also for who blocked the acting user, `too_many_members`. */
  addToChat(request: {
    userId: UserId;
    chat: ChatRef;
    members: readonly number[];
  }): Promise<{ chat: Chat; entered: Entered | undefined }>;
  /** The owner's right, over others. Throws `not_authorized`, `user_not_found` for somebody who is not in it. */
  removeFromChat(request: { userId: UserId; chat: ChatRef; members: readonly number[] }): Promise<Left>;
  /** The owner's right. Gives the members too, who are to be told; nobody where it was called so before. */
  renameChat(request: {
    userId: UserId;
    chat: ChatRef;
    name: string;
  }): Promise<{ chat: Chat; told: readonly UserId[] }>;
}
