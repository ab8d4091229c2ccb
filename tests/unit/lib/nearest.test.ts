import { expect, test } from "bun:test";
import { editDistance, nearest } from "../../../src/lib/nearest.ts";

test("a distance counts insertions, deletions, replacements and swapped neighbours", () => {
  const table: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["abc", "abc", 0],
    ["abc", "abd", 1],
    ["abc", "ac", 1],
    ["abcd", "abdc", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [from, to, distance] of table) expect([from, to, editDistance(from, to)]).toEqual([from, to, distance]);
});

test("a word close to none is not suggested", () => {
  const known = ["durability", "registration"];
  expect(nearest("durablity", known)).toBe("durability");
  expect(nearest("zzz", known)).toBeUndefined();
});
