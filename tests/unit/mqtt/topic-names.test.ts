/** Which strings are topic filters, § 4.7.1. */
import { expect, test } from "bun:test";
import { countLevels, firstLevel, isTopicFilter, isTopicName } from "../../../src/mqtt/wire/topic-names.ts";

test.each([
  ["#", true],
  ["+", true],
  ["a/#", true],
  ["+/tennis/#", true],
  ["sport/+/player1", true],
  ["/", true],
  ["", false],
  ["sport/tennis#", false],
  ["sport/tennis/#/ranking", false],
  ["sport+", false],
  ["+sport", false],
  ["a/+b/c", false],
  ["##", false],
  ["#/", false],
  ["a/++", false],
] as const)("%p is a filter: %p", (filter, valid) => {
  expect(isTopicFilter(filter)).toBe(valid);
});

test.each([
  ["a/b", true],
  ["/", true],
  ["", false],
  ["a/+", false],
  ["#", false],
] as const)("%p is a topic name: %p", (topic, valid) => {
  expect(isTopicName(topic)).toBe(valid);
});

test("levels are what stands between slashes, empty ones too", () => {
  expect(["a", "/", "a/b/c", "a//"].map(countLevels)).toEqual([1, 2, 3, 3]);
  expect(["a", "/", "a/b"].map(firstLevel)).toEqual(["a", "", "a"]);
});
