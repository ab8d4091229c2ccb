/**
 * What users change about messages that are there: edits, reactions, and what a client that was away asks for. Deleting
 * stands with sending, in `messages.ts`.
 */
import { DomainError } from "../errors.ts";
import type { Chat, ChatRef, Message, MessageId, MessageReader, Reacted, UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { ChangedMessages, Edit } from "./edit-store.ts";
import { checkDraft, type MessageLimits } from "./messages.ts";
import { checkReaction } from "./reactions.ts";

/** The size of a page of changes. */
export const changesMax = 100;

export interface Changes extends ChangedMessages {
  readonly chat: Chat;
  /** To ask with next time. */
  readonly revision: number;
  /** The client's revision is not of this chat: it must read the chat anew. */
  readonly reset: boolean;
}

export type Edits = ReturnType<typeof createEdits>;

export function createEdits({ store, limits }: { store: Store; limits: MessageLimits }) {
  /**
   * Replaces the content of one's own message. Resolves when that is on disk. Throws `message_not_found` where it is not
   * the user's own, or they may not write there now; `invalid_message`, `message_too_large`, `user_disabled`.
   */
  async function edit(edit: Omit<Edit, "type">): Promise<Message> {
    const before = await store.findMessage(edit.messageId, 0);
    // The change decides; this is where the type comes from.
    if (before === undefined || before.kind === "deleted") throw new DomainError("message_not_found");
    if (before.senderId !== edit.userId) throw new DomainError("message_not_found");
    const { type } = before;
    checkDraft({ ...edit, type }, limits);
    return (await store.editMessage({ ...edit, type })).message;
  }

  /** Throws `message_not_found` as above, `invalid_reaction`, `too_many_reactions`, `user_disabled`. */
  async function react(
    userId: UserId,
    change: { messageId: MessageId; reaction: string; added: boolean },
  ): Promise<Reacted> {
    checkReaction(change.reaction);
    return (await store.reactToMessage({ userId, ...change })).reacted;
  }

  /** What changed in a chat of the reader after a revision that their client knows. Throws `chat_not_found`. */
  async function changesAfter(
    reader: MessageReader,
    of: {
      chat: ChatRef;
      after: number;
      limit?: number | undefined;
      inlineBytesMax?: number | undefined;
      bytesMax?: number | undefined;
    },
  ): Promise<Changes> {
    const chat = await store.findChatOf(reader.userId, of.chat);
    if (chat === undefined) throw new DomainError("chat_not_found");
    const { chatId, revision } = chat;
    const { after, inlineBytesMax, bytesMax } = of;
    // From another data folder, or from before an older backup was restored.
    if (after > revision) return { chat, messages: [], through: 0, more: false, revision, reset: true };
    const limit = Math.min(of.limit ?? changesMax, changesMax);
    const page = await store.changedAfter({ chatId, after, limit, reader, inlineBytesMax, bytesMax });
    return { chat, ...page, revision: page.through, reset: false };
  }

  return { edit, react, changesAfter };
}
