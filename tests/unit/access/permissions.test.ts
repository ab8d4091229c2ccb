/** Patterns: what they cover, held against every topic there is in a small world, and what hostile names make of them. */
import { describe, expect, test } from "bun:test";
import { allows, covers, decide, fillIn, matches, type Permissions } from "../../../src/access/permissions.ts";
import { withoutToken } from "../../../src/access/reserved-topics.ts";
import type { Action } from "../../../src/mqtt/identity.ts";

const split = (text: string) => text.split("/");

/** Every list of one to `length` of these levels. */
function lists(levels: readonly string[], length: number): string[][] {
  const all: string[][] = [];
  for (let level = levels.map((one) => [one]), n = 1; n <= length; n++) {
    all.push(...level);
    level = level.flatMap((list) => levels.map((one) => [...list, one]));
  }
  return all;
}

test("covers says yes exactly where every topic of the filter is one of the pattern", () => {
  const filters = lists(["a", "b", "", "$x", "+", "#"], 3).filter((filter) => !filter.slice(0, -1).includes("#"));
  // "z" stands for every level no filter names.
  const topics = lists(["a", "b", "", "$x", "z"], 4);
  const naive = (filter: string[], topic: string[]): boolean => {
    const [first, ...rest] = filter;
    if (first === "#") return true;
    if (topic.length === 0) return first === undefined;
    if (first === undefined) return false;
    return (first === "+" || first === topic[0]) && naive(rest, topic.slice(1));
  };
  const ordinary = (filter: string[], topic: string[]) =>
    !(topic[0]?.startsWith("$") && (filter[0] === "+" || filter[0] === "#"));
  const asked = filters.map((filter) => {
    const set = new Set<number>();
    for (const [at, topic] of topics.entries()) {
      const expected = ordinary(filter, topic) && naive(filter, topic);
      if (matches(filter, topic) !== expected) throw new Error(`${filter.join("/")} and ${topic.join("/")}`);
      if (expected) set.add(at);
    }
    return set;
  });
  for (const [p, pattern] of filters.entries()) {
    for (const [f, filter] of filters.entries()) {
      const expected = asked[f]?.isSubsetOf(asked[p] ?? new Set()) ?? false;
      if (covers(pattern, filter) !== expected) {
        throw new Error(`${pattern.join("/")} ${expected ? "covers" : "does not cover"} ${filter.join("/")}`);
      }
    }
  }
});

test.each([
  ["a/+", "a/b", true],
  ["a/+", "a/+", true],
  ["a/+", "a/#", false],
  ["a/+", "+/b", false],
  ["a/#", "a", true],
  ["a/#", "a/#", true],
  ["a/#", "a/+/b/#", true],
  ["#", "+/#", true],
  ["+/#", "#", true],
  ["#", "$SYS/#", false],
  ["$SYS/#", "$SYS/broker/+", true],
  ["a", "a/", false],
] as const)("%s covers %s: %p", (pattern, filter, expected) => {
  expect(covers(split(pattern), split(filter))).toBe(expected);
});

interface Case {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly name?: string;
  readonly clientId?: string | undefined;
}

const ask = ({ publish, subscribe, name = "lamp", clientId }: Case, action: Action, topic: string) => {
  const everything: Permissions = { publish: undefined, subscribe: undefined, why: "no patterns" };
  const none = publish === undefined && subscribe === undefined;
  const permissions = none
    ? everything
    : fillIn({ publish: publish ?? [], subscribe: subscribe ?? [] }, { name, clientId });
  const { allowed, pattern } = decide(permissions, action, topic);
  expect(allows(permissions, action, topic)).toBe(allowed);
  return pattern ?? allowed;
};

describe("without patterns everything outside the reserved prefixes", () => {
  test.each([
    ["publish", "a/b", true],
    ["subscribe", "#", true],
    ["subscribe", "+/messages", true],
    ["deliver", "a", true],
    ["publish", "chat/team/send", false],
    ["subscribe", "chat/#", false],
    ["deliver", "chat/team/messages", false],
    ["subscribe", "user/10001/presence", false],
    ["publish", "events/1", false],
    ["subscribe", "$SYS/#", false],
    ["deliver", "$SYS/broker/uptime", false],
    ["publish", "$SYS/broker/uptime", false],
    ["subscribe", "$other/#", false],
  ] as const)("%s %s: %p", (action, topic, expected) => {
    expect(ask({}, action, topic)).toBe(expected);
  });
});

test("an empty list is nothing", () => {
  expect(ask({ publish: [], subscribe: ["a"] }, "publish", "a")).toBe(false);
  expect(ask({ publish: [], subscribe: ["a"] }, "deliver", "a")).toBe("a");
});

test("the name and the client id stand for themselves", () => {
  const device: Case = { publish: ["s/%u/+", "c-%c/#"], subscribe: ["all/#", "%c/in"], clientId: "c7" };
  expect(ask(device, "publish", "s/lamp/t")).toBe("s/%u/+");
  expect(ask(device, "publish", "s/other/t")).toBe(false);
  expect(ask(device, "publish", "c-c7/a/b")).toBe("c-%c/#");
  expect(ask(device, "subscribe", "c7/in")).toBe("%c/in");
  expect(ask(device, "deliver", "c7/in")).toBe("%c/in");
  expect(ask(device, "subscribe", "+/in")).toBe(false);
  expect(ask(device, "deliver", "c8/in")).toBe(false);
});

describe("a client id that is more than a piece of a level hears nothing by it", () => {
  for (const clientId of ["+", "#", "a/b", "/", "a+", "x#", "", undefined, "%u/#", "\u0000"]) {
    test(JSON.stringify(clientId) ?? "unknown", () => {
      const device: Case = { publish: ["%c/#"], subscribe: ["in/%c", "%c", "%c/#"], clientId };
      for (const topic of ["in/a", "in/+", "in/#", "#", "+", "a/b", "a", "/", "lamp/x", `in/${clientId}`]) {
        for (const action of ["publish", "subscribe", "deliver"] as const) {
          expect([topic, action, ask(device, action, topic)]).toEqual([topic, action, false]);
        }
      }
    });
  }
});

describe("values are not read again, nor do they reach what is reserved", () => {
  test.each([
    [{ subscribe: ["%c/x"], clientId: "%u" }, "lamp/x", false],
    [{ subscribe: ["%c/x"], clientId: "%u" }, "%u/x", "%c/x"],
    [{ subscribe: ["%c/#"], clientId: "$SYS" }, "$SYS/broker/uptime", false],
    [{ subscribe: ["%c/#", "$SYS/broker/uptime"], clientId: "$SYS" }, "$SYS/broker/clients", false],
    [{ subscribe: ["$SYS/%c/#"], clientId: "broker" }, "$SYS/broker/uptime", "$SYS/%c/#"],
    [{ subscribe: ["%c/#"], clientId: "chat" }, "chat/team/messages", false],
    [{ subscribe: ["%u/#"], name: "chat" }, "chat/team/messages", false],
    [{ subscribe: ["chat/#", "#"] }, "chat/team/messages", false],
    [{ subscribe: ["#"] }, "$SYS/broker/uptime", false],
    [{ subscribe: ["$SYS/#"] }, "$SYS/broker/uptime", "$SYS/#"],
    [{ subscribe: ["$SYS/#"] }, "a", false],
  ] as const)("%j, %s: %p", (device, topic, expected) => {
    expect(ask(device, "deliver", topic)).toBe(expected);
    expect(ask(device, "subscribe", topic)).toBe(expected);
  });
  expect(ask({ publish: ["$SYS/#"] }, "publish", "$SYS/broker/uptime")).toBe(false);
});

test("a topic in the log does not show the token that the Erlang-term clients write into it", () => {
  const table: [topic: string, shown: string][] = [
    ["test", "test"],
    ["sensors/api/x/y/z", "sensors/api/x/y/z"],
    ["events/1/api/anna/phone/secret", "events/1/api/anna/phone/***"],
    ["/events/1/api/anna/phone/secret", "/events/1/api/anna/phone/***"],
    ["events/1/1/api/anna/phone/secret/more", "events/1/1/api/anna/phone/***"],
    ["events/1/api/anna/phone", "events/1/api/anna/phone"],
    ["events/secret", "events/***"],
    ["events", "events"],
    ["actions/1/api/phone", "actions/1/api/phone"],
  ];
  for (const [topic, shown] of table) expect([topic, withoutToken(topic)]).toEqual([topic, shown]);
});
