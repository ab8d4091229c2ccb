/**
 * What the store must do to change messages that are there. Every edit, deletion and reaction takes the chat's next
 * revision, which then stands in the message's row: so a client that was away asks for what changed after the revision
 * that it knows. See `store.ts` for the promises of every method.
 */
import type { ChatId, Message, MessageId, MessageReader, Reacted, UserId } from "../model.ts";

export interface Edit {
  readonly userId: UserId;
  readonly messageId: MessageId;
  /** Of the message; an edit does not change it. */
  readonly type: string;
  readonly content: string | Uint8Array;
  /** As in `Draft`. */
  readonly asBase64?: boolean | undefined;
  /** As in `Draft`. */
  readonly mentions?: readonly UserId[] | undefined;
}

export interface ReactionChange {
  readonly userId: UserId;
  readonly messageId: MessageId;
  readonly reaction: string;
  /** False takes the reaction back. */
  readonly added: boolean;
}

export interface ChangedMessages {
  /** By rising revision, each as it is now; a deleted message has only its place. None is shown that is not for the reader. */
  readonly messages: readonly Message[];
  /** Up to here everything was looked at: where to go on. */
  readonly through: number;
  /** Something follows after `through`. */
  readonly more: boolean;
}

export interface EditReads {
  /**
   * Messages of a chat that changed after a revision. In a direct chat in which one user blocks the other, edits and
   * reactions of the other user are left out; they take new revisions when no one blocks any more. With `bytesMax` it
   * stops after the message with which the content reaches this size.
   */
  changedAfter(page: {
    chatId: ChatId;
    after: number;
    limit: number;
    reader: MessageReader;
    inlineBytesMax?: number | undefined;
    bytesMax?: number | undefined;
  }): Promise<ChangedMessages>;
}

export interface EditStore extends EditReads {
  /**
   * Replaces the content of a message. The same content again changes nothing. Throws `message_not_found` where there is no
   * such message, where it is not the user's own, and where the user may not write in its chat now; `user_disabled`, `share_full`.
   */
  editMessage(edit: Edit): Promise<{ message: Message; changed: boolean }>;
  /**
   * A user has each reaction at most once to a message; what is so already changes nothing. Throws `message_not_found`, also
   * where the message is not for the user and where the user may not write in its chat now; `too_many_reactions`,
   * `user_disabled`.
   */
  reactToMessage(change: ReactionChange): Promise<{ reacted: Reacted; changed: boolean }>;
}
