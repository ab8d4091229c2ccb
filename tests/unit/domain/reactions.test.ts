/** One grapheme that is seen, and short. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { checkReaction } from "../../../src/domain/messages/reactions.ts";

test.each(["👍", "👍🏽", "👩🏽‍❤️‍💋‍👨🏿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇨🇾", "1️⃣", "é", "e\u0301", "ж", "界", "+", "각"])(
  "%s is one",
  (reaction) => {
    expect(() => checkReaction(reaction)).not.toThrow();
  },
);

test.each([
  ["nothing", ""],
  ["two emoji", "👍👍"],
  ["two letters", "ok"],
  ["a space", " "],
  ["a line end", "\n"],
  ["a character that is not seen", "\u200b"],
  ["a mark without a letter", "\u0301"],
  ["half a pair", "\ud83d"],
  ["a letter under many marks", `a${"\u0301".repeat(40)}`],
  ["a megabyte", "👍".repeat(262_144)],
])("%s is none", (_, reaction) => {
  expect(() => checkReaction(reaction)).toThrow(DomainError);
});
