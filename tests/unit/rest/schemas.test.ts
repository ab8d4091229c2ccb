import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../src/rest/errors.ts";
import { defaultRestLimits } from "../../../src/rest/limits.ts";
import { createSchemas, parse } from "../../../src/rest/schemas.ts";
import { cpuMsOf } from "../../support/cpu-time.ts";

const schemas = createSchemas({
  ...defaultRestLimits,
  membersMax: 3,
  messagesMax: 3,
  participantsMax: 3,
  statusesMax: 3,
});
type Name = keyof typeof schemas;

const good: [Name, unknown, unknown?][] = [
  ["token", { userID: "John.Doe-mobile1" }],
  ["token", { userID: "a", userKey: "30", clientOS: "ios", clientID: "phone" }],
  ["token", { userID: "a", unknown: { of: "a later revision" } }, { userID: "a" }],
  ["tokens", [{ userID: "a" }, { userID: "b" }]],
  ["putUsers", { users: ["a"] }, { users: ["a"], chatName: undefined }],
  ["putUsers", { users: ["a", { userID: "b", displayName: "B" }], chatName: "" }],
  ["putUsers", { users: ["a"], chatName: 12 }, { users: ["a"], chatName: "12" }], // R12
  ["putUsers", { users: ["a"], chatName: false }, { users: ["a"], chatName: "false" }],
  ["putUsers", { users: ["a"], chatName: null }, { users: ["a"], chatName: undefined }],
  ["removedUsers", ["a"]], // R14
  ["removedUsers", { users: ["a"] }, ["a"]],
  ["removedUsers", { GUIDList: ["8861c317-a6a8-4655-b49f-0561f83220ff"] }, ["8861c317-a6a8-4655-b49f-0561f83220ff"]],
  ["removedUsers", { GUIDs: ["a", "b"] }, ["a", "b"]],
  ["message", { chatID: "team", content: "" }],
  ["message", { chatID: "team", file: "up_1" }],
  ["message", { chatID: "user.10001", type: "image/png", content: "iVBO", encoding: "base64", clientID: "1" }],
  ["messages", [{ chatID: "team", content: "a" }]],
  [
    "statuses",
    { statuses: [{ messageID: 12, messageStatus: "read" }] },
    { statuses: [{ messageID: "12", messageStatus: "read" }] },
  ],
  ["statuses", { statuses: [{ messageID: "e12", messageStatus: "delivered" }] }],
  ["statuses", { statuses: [{ messageID: `1700000000000_${"0af9".repeat(8)}`, messageStatus: "read" }] }],
  ["statuses", { statuses: [{ chatID: "team", through: 3, messageStatus: "read" }] }],
  ["inboxQuery", {}, { wait: 0, limit: 10 }],
  ["inboxQuery", { wait: "0.5", limit: "3", after: "x" }, { wait: 0.5, limit: 3, after: "x" }],
  ["inboxQuery", { wait: "3600", limit: "5000" }, { wait: 60, limit: 100 }],
  ["historyQuery", {}, { limit: 50 }],
  ["historyQuery", { after_seq: "0", before_seq: "9", limit: "101" }, { after_seq: 0, before_seq: 9, limit: 100 }],
];

const bad: [Name, unknown, string][] = [
  ["token", undefined, "expected object"],
  ["token", null, "expected object"],
  ["token", {}, "userID"],
  ["token", { userID: 7 }, "userID"],
  ["token", { userID: "" }, "userID: must match"],
  ["token", { userID: "a/b" }, "userID: must match"],
  ["token", { userID: "a\n" }, "userID: must match"],
  ["token", { userID: "a".repeat(257) }, "userID: must match"],
  ["token", { userID: "a", userKey: 5 }, "userKey"],
  ["token", { userID: "a", userKey: "a".repeat(9000) }, "userKey"],
  ["token", { userID: "a", clientID: "" }, "clientID"],
  ["token", { userID: "a", clientID: "x".repeat(257) }, "clientID"],
  ["token", { userID: "a", clientID: "\ud800" }, "clientID: not well-formed"],
  ["tokens", [], "Too small"],
  ["tokens", [{ userID: "a" }, {}], "1.userID"],
  ["tokens", [{}, {}, {}, {}], "Too big"],
  ["putUsers", {}, "users"],
  ["putUsers", { users: [] }, "users"],
  ["putUsers", { users: "a" }, "users"],
  ["putUsers", { users: [1] }, "users.0"],
  ["putUsers", { users: ["a", "b c"] }, "users.1"],
  ["putUsers", { users: ["a", "b", "c", "d"] }, "users: Too big"],
  ["putUsers", { users: ["a"], chatName: {} }, "chatName"],
  ["putUsers", { users: ["a"], chatName: "x".repeat(257) }, "chatName"],
  ["removedUsers", [], ""],
  ["removedUsers", {}, ""],
  ["removedUsers", { users: [] }, ""],
  ["removedUsers", { users: [null] }, ""],
  ["removedUsers", "a", ""],
  ["message", { chatID: "team" }, "content"],
  ["message", { chatID: "team", content: "", file: "up_1" }, "file: a message has content or a file"],
  ["message", { chatID: "team", file: "" }, "file"],
  ["message", { chatID: "team", file: "x".repeat(129) }, "file"],
  ["message", { chatID: "a b", content: "" }, "chatID: must match"],
  ["message", { chatID: "team", content: "\udfff" }, "content: not well-formed"],
  ["message", { chatID: "team", content: "a", type: "" }, "type"],
  ["message", { chatID: "team", content: "a", type: "x".repeat(129) }, "type"],
  ["message", { chatID: "team", content: "a", encoding: "hex" }, "encoding"],
  ["messages", [{ chatID: "team", content: "a" }, 5], "1: "],
  ["statuses", { statuses: [] }, "statuses"],
  ["statuses", { statuses: [{ messageID: "", messageStatus: "delivered" }] }, "statuses.0"],
  ["statuses", { statuses: [{ messageID: -1, messageStatus: "delivered" }] }, "statuses.0"],
  ["statuses", { statuses: [{ messageID: "9".repeat(129), messageStatus: "delivered" }] }, "statuses.0"],
  ["statuses", { statuses: [{ chatID: "team", through: 0, messageStatus: "read" }] }, "statuses.0"],
  ["statuses", { statuses: [{ chatID: "a b", through: 1, messageStatus: "read" }] }, "statuses.0"],
  ["statuses", { statuses: [{ chatID: "team", messageStatus: "read" }] }, "statuses.0"],
  ["statuses", { statuses: [{ messageID: "1", messageStatus: "eaten" }] }, "statuses.0"],
  ["inboxQuery", { wait: "-1" }, "wait"],
  ["inboxQuery", { wait: "1e9" }, "wait"],
  ["inboxQuery", { limit: "0" }, "limit"],
  ["inboxQuery", { after: "x".repeat(193) }, "after"],
  ["historyQuery", { after_seq: "-1" }, "after_seq: must be a whole number"],
  ["historyQuery", { before_seq: "1.5" }, "before_seq"],
  ["historyQuery", { limit: "ten" }, "limit"],
];

describe("schemas", () => {
  test.each(good)("%s takes %j", (name, value, expected = value) => {
    expect(parse(schemas[name], value) as unknown).toEqual(expected as never);
  });

  test.each(bad)("%s refuses %j", (name, value, detail) => {
    expect(() => parse(schemas[name], value)).toThrow(Refusal);
    expect(() => parse(schemas[name], value)).toThrow(detail);
  });

  test("a refusal never repeats the value it refuses", () => {
    const secret = "s3cr3t value";
    for (const body of [
      { userID: secret },
      { userID: "a", userKey: [secret] },
      { userID: "a", clientID: secret.repeat(99) },
    ]) {
      expect(() => parse(schemas.token, body)).toThrow(/^(?!.*s3cr3t)/);
    }
  });

  test("too long an array is judged before its elements", () => {
    const spentMs = cpuMsOf(() =>
      expect(() => parse(createSchemas(defaultRestLimits).putUsers, { users: Array(200_000).fill({}) })).toThrow(
        "Too big",
      ),
    );
    expect(spentMs).toBeLessThan(2000);
  });
});
