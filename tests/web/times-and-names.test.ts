/** Words for times, sizes, names, and the table of words itself. */
import { expect, test } from "bun:test";
import { membersFor, mentionAt, mentionsIn } from "../../src/web/views/conversation/mentions.ts";
import { errandOf, hashOf, placeOf } from "../../src/web/views/place.ts";
import { around } from "../../src/web/views/sidebar/around.ts";
import { initials, personName, visibleName } from "../../src/web/views/text/names.ts";
import { dayName, dayOf, shortTime, sizeWords } from "../../src/web/views/text/times.ts";
import { ar } from "../../src/web/words/ar.ts";
import { de } from "../../src/web/words/de.ts";
import { en } from "../../src/web/words/en.ts";

const now = new Date(2026, 5, 17, 15, 0);
const day = (daysAgo: number, hour = 12): Date => new Date(2026, 5, 17 - daysAgo, hour, 5);

test("a day is today, yesterday, a weekday of the last week, else a date", () => {
  expect(dayName(en, day(0, 0), now)).toBe("Today");
  expect(dayName(de, day(1, 23), now)).toBe("Gestern");
  expect(dayName(en, day(3), now)).toBe("Sunday");
  expect(dayName(en, day(8), now)).toBe("Tuesday, June 9");
  expect(dayName(en, new Date(2024, 1, 29), now)).toBe("Thursday, February 29, 2024");
  expect(dayName(en, day(-1), now)).toBe("Thursday, June 18");
  expect(shortTime(en, day(0, 9), now)).toMatch(/^9:05\sAM$/);
  expect(shortTime(de, day(0, 9), now)).toBe("9:05");
  expect(shortTime(en, day(30), now)).toBe("May 18");
});

test("days are counted by the calendar of the reader, across a change of the clock too", () => {
  for (let at = 0; at < 800; at++) {
    expect(dayOf(new Date(2026, 0, at + 1, 23, 59)) - dayOf(new Date(2026, 0, at, 0, 1))).toBe(1);
  }
});

test("sizes are rounded as other programs show them", () => {
  expect(sizeWords("en", 1)).toBe("1 byte");
  expect(sizeWords("en", 183_042)).toBe("183 kB");
  expect(sizeWords("en", 2_412_300)).toBe("2.4 MB");
  expect(sizeWords("en", 999_999)).toBe("1 MB");
});

test("a name that no eye sees is replaced, and one that turns the direction is stripped", () => {
  expect(visibleName("\u200b\u2060 ")).toBeUndefined();
  expect(visibleName("\u3164")).toBeUndefined();
  expect(visibleName("\u202eevil")).toBe("evil");
  expect(visibleName(" Mia\n\tKern ")).toBe("Mia Kern");
  expect(visibleName("a".repeat(1_000_000))).toHaveLength(128);
  expect(personName(en, { name: "" }, "10008")).toBe("Person 10008");
  expect(initials("Mia Kern")).toBe("MK");
  expect(initials("🙂 <script>")).toBe("S");
});

test("whom one names by @", () => {
  const person = (userId: string, name: string) =>
    ({ userId, name, avatar: "", kind: "person", contact: "none" }) as const;
  const members = [person("1", "Mia Kern"), person("2", "Mark"), person("3", "Anna Mart"), person("4", "")];
  expect(mentionAt("hello @ma", 9)).toEqual({ at: 6, query: "ma" });
  expect(mentionAt("mail@ma", 7)).toBeUndefined();
  expect(mentionAt("@ ma", 4)).toBeUndefined();
  expect(membersFor("ma", members, "1").map(({ userId }) => userId)).toEqual(["2", "3"]);
  expect(membersFor("", members, "2").map(({ userId }) => userId)).toEqual(["1", "3"]);
  expect(
    mentionsIn(
      "hi @Mark",
      new Map([
        ["2", "Mark"],
        ["1", "Mia Kern"],
      ]),
    ),
  ).toEqual(["2"]);
});

test("the address says where one is, and an errand is told from a place", () => {
  const place = { chat: "10002", side: "settings.privacy", details: true } as const;
  expect(placeOf(hashOf(place))).toEqual(place);
  expect(hashOf({})).toBe("");
  expect(placeOf("#chat=<script>&side=../..")).toEqual({});
  expect(errandOf("#invite=ri_a%20b")).toEqual({ kind: "invite", value: "ri_a b" });
  expect(errandOf("#reset=%E0%A4")).toEqual({ kind: "reset", value: "%E0%A4" });
  expect(errandOf("#chat=1")).toBeUndefined();
});

test("what was found is shown around its first word", () => {
  expect(around("The café is open", "café")).toBe("The café is open");
  expect(around(`${"a ".repeat(100)}needle here`, "needle")).toContain("needle here");
});

test("no sentence of a language is empty, and each translated reason is one that English has", () => {
  for (const words of [en, de, ar]) {
    for (const [key, value] of Object.entries(words)) {
      const said = typeof value === "function" ? (value as (...args: unknown[]) => string)(2, 3) : value;
      expect(`${key}: ${typeof said === "string" ? said.trim().length > 0 : true}`).toBe(`${key}: true`);
    }
    expect(Object.keys(words.reasons).filter((reason) => en.reasons[reason] === undefined)).toEqual([]);
    expect(words.keys).toHaveLength(en.keys.length);
  }
});
