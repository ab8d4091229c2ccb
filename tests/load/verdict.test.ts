/** The arithmetic of `bun run compare`. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { judge, quantile, type Round } from "./verdict.ts";

/** Rounds in which the base and its repetition lie `noise` apart by turns, up and down. */
const roundsOf = (heads: readonly number[], noise = 0): Round[] =>
  heads.map((head, n) => ({ base: 100, head, again: 100 * (1 + (n % 2 === 0 ? noise : -noise)) }));

const eight = (head: number): number[] => Array.from({ length: 8 }, () => head);
const cost = { lowerIsBetter: true };
const rate = { lowerIsBetter: false };

describe("the verdict on a change", () => {
  test.each([
    ["a cost that is the same", eight(100), 0, cost, "same"],
    ["a cost 3 % higher on a still machine: not more than 3 %", eight(103), 0, cost, "same"],
    ["a cost 5 % higher on a still machine", eight(105), 0, cost, "worse"],
    ["a cost 5 % higher where the base differs from itself by 8 %", eight(105), 0.08, cost, "same"],
    ["a cost 20 % higher where the base differs from itself by 8 %", eight(120), 0.08, cost, "worse"],
    ["a cost 20 % lower", eight(80), 0.02, cost, "better"],
    ["a rate 20 % lower", eight(80), 0.02, rate, "worse"],
    ["a rate 20 % higher", eight(120), 0.02, rate, "better"],
    ["a rate 2 % lower", eight(98), 0, rate, "same"],
    ["a cost with one round far off", [...eight(100).slice(1), 900], 0, cost, "same"],
  ] as const)("%s", (_, heads, noise, how, verdict) => {
    expect(judge(roundsOf(heads, noise), how).verdict).toBe(verdict);
  });

  test("the ratio is the median of the rounds' own ratios, not the ratio of the medians", () => {
    const rounds = [
      { base: 100, head: 110, again: 100 },
      { base: 200, head: 220, again: 200 },
      { base: 50, head: 55, again: 50 },
    ];
    const { ratio, base, head, spread } = judge(rounds, cost);
    expect(ratio).toBeCloseTo(1.1);
    expect([base, head, spread]).toEqual([100, 110, 0]);
  });

  test("a base that drifts against itself counts as spread, however alike the drift of each round is", () => {
    const rounds = eight(106).map((head) => ({ base: 100, head, again: 110 }));
    expect(judge(rounds, cost)).toMatchObject({ verdict: "same" });
    expect(judge(rounds, cost).spread).toBeCloseTo(0.1);
  });

  test("a round without one of its values does not count, and without any round there is no verdict", () => {
    const broken = { base: 100, head: Number.NaN, again: 100 };
    expect(judge([broken, ...roundsOf([120])], cost).verdict).toBe("worse");
    expect(() => judge([broken], cost)).toThrow("nothing to compare");
    expect(() => judge([{ base: 0, head: 1, again: 1 }], cost)).toThrow("nothing to compare");
  });

  test("what is never worse: a build against itself, with any noise that falls on all three alike", () => {
    const value = fc.double({ min: 0.001, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), fc.boolean(), (values, lowerIsBetter) => {
        const rounds = values.map((one) => ({ base: one, head: one, again: one }));
        expect(judge(rounds, { lowerIsBetter })).toMatchObject({ ratio: 1, spread: 0, verdict: "same" });
      }),
    );
  });
});

test("a quantile lies between its neighbours", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([4, 1, 3, 2], 0)).toBe(1);
  expect(quantile([4, 1, 3, 2], 1)).toBe(4);
  expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
  expect(quantile([7], 0.75)).toBe(7);
});
