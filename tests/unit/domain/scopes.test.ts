/** What scopes may be, what they open, and that everything a client can ask for has a row in their table. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { opensTopic } from "../../../src/access/topic-scopes.ts";
import { DomainError } from "../../../src/domain/errors.ts";
import type { ChatId, TokenScopes, UserId } from "../../../src/domain/model.ts";
import { createChatReach } from "../../../src/domain/people/chat-reach.ts";
import { actionNeeds, type Need, opens, recordNeeds, routeNeeds } from "../../../src/domain/people/scope-rules.ts";
import { checkScopes, fitsGlob, type ScopeRequest } from "../../../src/domain/people/scopes.ts";
import { restLimits } from "../../../src/rest/limits.ts";
import { createOperations } from "../../../src/rest/reference/operations.ts";
import { createSchemas } from "../../../src/rest/schemas.ts";
import { actionNames } from "../../minioicq/action-names.ts";

const codeOf = (scopes: readonly ScopeRequest[]): string => {
  try {
    checkScopes(scopes);
    return "fine";
  } catch (error) {
    return error instanceof DomainError ? error.code : String(error);
  }
};

test.each<[ScopeRequest, boolean]>([
  [{ allow: "publish", topic: "home/+/state" }, true],
  [{ allow: "read", topic: "#" }, true],
  [{ allow: "read", topic: "$SYS/#" }, true],
  [{ allow: "read", chat: "team" }, true],
  [{ allow: "send", chat: "*" }, true],
  [{ allow: "send", chat: "user.10002" }, true],
  [{ allow: "publish", topic: "$SYS/x" }, false],
  [{ allow: "read", topic: "$share/a/b" }, false],
  [{ allow: "read", topic: "chat/team/messages" }, false],
  [{ allow: "read", topic: "events/#" }, false],
  [{ allow: "publish", topic: "a/#/b" }, false],
  [{ allow: "publish", topic: "" }, false],
  [{ allow: "publish", topic: "a\0b" }, false],
  [{ allow: "publish", topic: `${"a".repeat(1024)}b` }, false],
  [{ allow: "publish", chat: "team" }, false],
  [{ allow: "send", topic: "home" }, false],
  [{ allow: "read", topic: "home", chat: "team" }, false],
  [{ allow: "read" }, false],
  [{ allow: "read", chat: "" }, false],
  [{ allow: "read", chat: "a b" }, false],
  [{ allow: "everything", chat: "team" }, false],
])("%j is a scope: %p", (scope, fine) => {
  expect(codeOf([scope])).toBe(fine ? "fine" : "invalid_scope");
});

test("a token has between one and 64 scopes, where it has any", () => {
  const one = { allow: "send", chat: "team" };
  expect([0, 1, 64, 65].map((count) => codeOf(Array(count).fill(one)))).toEqual([
    "invalid_scope",
    "fine",
    "fine",
    "invalid_scope",
  ]);
});

test("* stands for any text, in no more time than the product of the lengths", () => {
  for (const [pattern, text, fits] of [
    ["team", "team", true],
    ["team", "teams", false],
    ["team*", "teams", true],
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["a*c", "abcbc", true],
    ["a*c", "abcb", false],
    ["*.10002", "user.10002", true],
    ["**", "x", true],
  ] as const) {
    expect([pattern, text, fitsGlob(pattern, text)]).toEqual([pattern, text, fits]);
  }
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 12 });
  fc.assert(
    fc.property(text, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 }), (pattern, of) => {
      const regexp = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      expect([pattern, of, fitsGlob(pattern, of)]).toEqual([pattern, of, regexp.test(of)]);
    }),
  );
  expect(fitsGlob("*a".repeat(128), `${"a".repeat(255)}b`)).toBe(false);
});

describe("what scopes open", () => {
  const every = ["open", "send", "read", "chat", "publish", "subscribe", "whole", "password", "backend"] as const;
  const rows: [name: string, scopes: TokenScopes | undefined, opened: readonly Need[]][] = [
    ["none", undefined, ["open", "send", "read", "chat", "publish", "subscribe", "whole"]],
    ["publish", [{ allow: "publish", topic: "a" }], ["open", "publish"]],
    ["read of topics", [{ allow: "read", topic: "a" }], ["open", "subscribe"]],
    ["read of chats", [{ allow: "read", chat: "a" }], ["open", "read", "chat"]],
    ["send", [{ allow: "send", chat: "a" }], ["open", "send", "chat"]],
  ];
  test.each(rows)("%s", (_, scopes, opened) => {
    expect(every.filter((need) => opens({ scopes }, need))).toEqual([...opened]);
    // What is in no table is not opened, and who came otherwise may all.
    expect([opens({ scopes }, undefined), opens(undefined, undefined)]).toEqual([false, true]);
  });

  test("topics", () => {
    const scopes: TokenScopes = [
      { allow: "publish", topic: "home/lamp/#" },
      { allow: "read", topic: "home/+" },
      { allow: "read", topic: "$SYS/#" },
      { allow: "read", chat: "*" },
    ];
    for (const [action, topic, opened] of [
      ["publish", "home/lamp/state", true],
      ["publish", "home/lamp", true],
      ["publish", "home", false],
      ["subscribe", "home/lamp", true],
      ["subscribe", "home/+", true],
      ["subscribe", "home/#", false],
      ["subscribe", "#", false],
      ["deliver", "home/lamp", true],
      ["deliver", "home/lamp/state", false],
      ["subscribe", "$SYS/#", true],
      ["deliver", "$SYS/broker/uptime", true],
      ["publish", "$SYS/broker/uptime", false],
      ["subscribe", "chat/team/messages", false],
    ] as const) {
      expect([action, topic, opensTopic(scopes, action, topic)]).toEqual([action, topic, opened]);
    }
  });

  test("chats, by any of their names", async () => {
    const me = 10_001 as UserId;
    const chats = [
      { chatId: 10_005 as ChatId, chatKey: "team", names: ["team", "chat.10005"] },
      { chatId: 10_006 as ChatId, chatKey: "direct.10001.10002", names: ["direct.10001.10002", "user.10002"] },
    ];
    const findChatOf = async (_: UserId, ref: { key: string } | { id: number }) =>
      chats.find((chat) =>
        "key" in ref ? [...chat.names, `chat.${chat.chatId}`].includes(ref.key) : chat.chatId === ref.id,
      ) as never;
    const named = async (chat: string, key: string): Promise<boolean> =>
      createChatReach([{ allow: "send", chat }], me, { findChatOf }).opensNamed("send", { key });
    for (const { chatId, names } of chats) {
      for (const pattern of [...names, `chat.${chatId}`, "*"]) {
        const reach = createChatReach([{ allow: "read", chat: pattern }], me, { findChatOf });
        for (const key of names) {
          expect([pattern, key, await reach.opensNamed("read", { key })]).toEqual([pattern, key, true]);
          expect(await reach.opensNamed("send", { key })).toBe(false);
        }
        expect(await reach.opensNamed("read", { id: chatId })).toBe(true);
      }
    }
    // A direct chat that is not made yet, by the two names it may be called.
    expect([await named("user.10009", "user.10009"), await named("direct.10001.10009", "user.10009")]).toEqual([
      true,
      true,
    ]);
    expect([await named("user.10009", "direct.10001.10009"), await named("user.10009", "user.10008")]).toEqual([
      true,
      false,
    ]);
    expect([await named("team", "other"), await named("team", "user.10002")]).toEqual([false, false]);
    const readable = await createChatReach([{ allow: "read", chat: "team" }], me, { findChatOf }).readable(
      [...chats, { chatId: 10_099 as ChatId }].map(({ chatId }) => ({ chatId })),
    );
    expect(readable).toEqual([{ chatId: 10_005 as ChatId }]);
  });
});

describe("everything that a client can ask for has a row", () => {
  test("MiniOICQ's actions", () => {
    expect(Object.keys(actionNeeds).toSorted()).toEqual([...actionNames].toSorted());
  });

  test("REST's routes", () => {
    const documented = Object.entries(createOperations(createSchemas(restLimits(1024 * 1024)))).flatMap(
      ([path, verbs]) => Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    const rows = Object.entries(routeNeeds).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    // The reference itself.
    const besides = ["GET /docs", "GET /docs/page.css", "GET /docs/page.js", "GET /openapi.json"];
    expect(rows.toSorted()).toEqual([...documented, ...besides].toSorted());
  });

  test("no row of accounts, tokens and log-ins is open to a token with scopes", () => {
    const all: TokenScopes = [
      { allow: "publish", topic: "#" },
      { allow: "read", topic: "#" },
      { allow: "read", chat: "*" },
      { allow: "send", chat: "*" },
    ];
    const opened = Object.entries(actionNeeds).flatMap(([name, need]) => (opens({ scopes: all }, need) ? [name] : []));
    expect(opened.toSorted()).toEqual([
      "auth.login",
      "auth.logout",
      "auth.register",
      "chat.get",
      "chat.list",
      "chat.typing",
      "heartbeat",
      "message.confirm",
      "message.get",
      "message.push.ack",
      "message.read",
      "message.send",
      "password.forgot",
      "password.reset",
      "receipt.list",
      "server.info",
    ]);
    expect(Object.values(recordNeeds).filter((need) => opens({ scopes: all }, need))).toEqual([]);
  });
});
