/** The changes that users make to their groups. Backends have changes of their own (`ChatStore`). */
import type { Chat, ChatRef, Entered, Left, UserId } from "../model.ts";

/**
 * `userId` acts. All of these throw `chat_not_found` where that user is no member, and `chat_is_direct` for a direct
 * chat.
 */
export interface GroupStore {
  /** What the user owned passes to the longest-standing member. A group without members is deleted. */
  leaveChat(request: { userId: UserId; chat: ChatRef }): Promise<Left>;
  /**
   * Users who are members already are skipped. Throws `user_not_found`, also for a user who blocked the acting user,
   * and `too_many_members`.
   */
  addToChat(request: {
    userId: UserId;
    chat: ChatRef;
    members: readonly number[];
  }): Promise<{ chat: Chat; entered: Entered | undefined }>;
  /** The owner may remove other members. Throws `not_authorized`, `user_not_found` for a user who is not a member. */
  removeFromChat(request: { userId: UserId; chat: ChatRef; members: readonly number[] }): Promise<Left>;
  /** The owner may give the group a picture; without one the generated one is back. Gives the members to notify. */
  setChatAvatar(request: {
    userId: UserId;
    chat: ChatRef;
    avatar: Uint8Array | undefined;
  }): Promise<{ chat: Chat; notified: readonly UserId[] }>;
  /** The owner may rename the group. Gives also the members to notify; none where the name stays the same. */
  renameChat(request: {
    userId: UserId;
    chat: ChatRef;
    name: string;
  }): Promise<{ chat: Chat; notified: readonly UserId[] }>;
}
