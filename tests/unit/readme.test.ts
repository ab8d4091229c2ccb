/** What README.md says of settings is what they are. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { limitSettings } from "../../src/config/limit-settings.ts";
import { settingKeys } from "../../src/config/settings.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

test("the table of limits has every limit with its default", () => {
  const rows = [...readme.matchAll(/^\| `(limits\.[a-z_]+)` \| ([^|]+) \|/gm)].map(([, key, shown]) => [key, shown]);
  const limits = Object.entries(limitSettings).map(([key, { fallback }]) => [key, String(fallback)]);
  expect(rows.toSorted()).toEqual(limits.toSorted());
});

test("every setting it names exists", () => {
  const named = [...readme.matchAll(/`((?:http|log|login|mqtts?|tls|limits)\.[a-z_]+)\b(?!\.)/g)].map(([, key]) => key);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((key) => !settingKeys.some((known) => known === key))).toEqual([]);
});
