/** Which users are writing now. The other connected members of the chat are told; nothing is stored. */

import { DomainError } from "../domain/errors.ts";
import type { ChatRef, User } from "../domain/model.ts";
import type { Reads } from "../domain/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Hub } from "./hub.ts";

/** In larger chats no member is told: a message goes to all members, a typing notice does not have to. */
const membersMax = 256;

export type Typing = ReturnType<typeof createTyping>;

export function createTyping(parts: {
  store: Pick<Reads, "findChatOf" | "memberIds">;
  hub: Pick<Hub, "publish">;
  clock: Clock;
}) {
  const { store, hub, clock } = parts;

  /** Throws `chat_not_found`, also where the user is not a member. */
  async function set(user: User, ref: ChatRef, typing: boolean): Promise<void> {
    const chat = await store.findChatOf(user.userId, ref);
    if (chat === undefined) throw new DomainError("chat_not_found");
    const members = await store.memberIds(chat.chatId, membersMax + 1);
    if (members.length > membersMax) return;
    const { userId, guid, userKey, nick } = user;
    hub.publish({
      type: "chat.typing",
      typing: {
        chatId: chat.chatId,
        chatKey: chat.chatKey,
        user: { userId, guid, userKey, nick },
        typing,
        atMs: clock.nowMs(),
      },
      to: members.filter((member) => member !== userId),
    });
  }

  return { set };
}
