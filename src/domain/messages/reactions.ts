/** What may be a reaction: one grapheme that is seen, such as a letter or an emoji of many code points. */
import { lazily } from "../../lib/lazily.ts";
import { DomainError } from "../errors.ts";

/** Of one message, by all users together. */
export const reactionKindsMax = 20;
/** Of users who reacted in one way, so many are named; all are counted. */
export const reactionUsersNamed = 20;
/** In UTF-8. The longest emoji in use take about 40; combining marks alone could make one grapheme of any length. */
export const reactionBytesMax = 64;

const segmenter = lazily(() => new Intl.Segmenter("en", { granularity: "grapheme" }));
const unseen = /^[\p{C}\p{Z}\p{M}]+$/u;

/** Throws `invalid_reaction`. */
export function checkReaction(reaction: string): void {
  if (reaction === "" || reaction.length > reactionBytesMax || Buffer.byteLength(reaction) > reactionBytesMax) {
    throw new DomainError("invalid_reaction", `one character, at most ${reactionBytesMax} bytes`);
  }
  if (!reaction.isWellFormed() || unseen.test(reaction)) throw new DomainError("invalid_reaction", "not seen");
  const [first] = segmenter().segment(reaction);
  if (first?.segment !== reaction) throw new DomainError("invalid_reaction", "more than one character");
}
