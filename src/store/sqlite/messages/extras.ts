/** What few messages have besides their content: `messages.extras`, null for all others. */
import type { Message, MessageId, ReactionCount, UserId } from "../../../domain/model.ts";

export interface Extras {
  /** Of the last edit, deletion or reaction. */
  readonly revision?: number;
  readonly replyTo?: number;
  readonly mentions?: readonly number[];
  readonly editedAtMs?: number;
  /** Each with its count and the first users; the users of all stand in `message_reactions`. */
  readonly reactions?: readonly (readonly [reaction: string, count: number, userIds: readonly number[]])[];
  /** Who changed it last, while one user of the direct chat blocks the other. */
  readonly heldBy?: number;
}

export const parseExtras = (text: string | null): Extras => (text === null ? {} : (JSON.parse(text) as Extras));

/** Undefined fields are left out; null where nothing is left. */
export function extrasText(extras: { readonly [Name in keyof Extras]: Extras[Name] | undefined }): string | null {
  const text = JSON.stringify(extras);
  return text === "{}" ? null : text;
}

type Shown = Pick<Message, "revision" | "replyTo" | "mentions" | "editedAtMs" | "reactions">;

/** The same as readers see it. */
export function shownExtras({ revision, replyTo, mentions, editedAtMs, reactions }: Extras): Shown {
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(replyTo === undefined ? {} : { replyTo: replyTo as MessageId }),
    ...(mentions === undefined ? {} : { mentions: mentions as readonly UserId[] }),
    ...(editedAtMs === undefined ? {} : { editedAtMs }),
    ...(reactions === undefined ? {} : { reactions: shownReactions(reactions) }),
  };
}

export const shownReactions = (reactions: NonNullable<Extras["reactions"]>): ReactionCount[] =>
  reactions.map(([reaction, count, userIds]) => ({ reaction, count, userIds: userIds as readonly UserId[] }));
