/** Who is writing just now: told to the other members who are connected, and kept nowhere. */
import type { Clock } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";
import type { Publish } from "../events.ts";
import type { ChatRef, User } from "../model.ts";
import type { Store } from "../store.ts";

/** In larger chats nobody is told: a message reaches everybody, that one is being written need not. */
const membersMax = 256;

export type TypingKeeper = ReturnType<typeof createTyping>;

export function createTyping({ store, publish, clock }: { store: Store; publish: Publish; clock: Clock }) {
  /** Throws `chat_not_found` for a stranger too. */
  async function set(user: User, ref: ChatRef, typing: boolean): Promise<void> {
    const chat = await store.findChatOf(user.userId, ref);
    if (chat === undefined) throw new DomainError("chat_not_found");
    const members = await store.memberIds(chat.chatId, membersMax + 1);
    if (members.length > membersMax) return;
    const { userId, guid, userKey, nick } = user;
    publish({
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
