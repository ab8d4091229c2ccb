/**
 * The chat routes of the REST document, to the letter: every route with every status that docs/protocols/rest.md §
 * Routes gives it, the body as text and its Content-Type, under every prefix (R1). `*` stands for a body whose GUIDs
 * and times differ by run.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "../support/server.ts";
import { asBackend, call, prefixes, room } from "./client.ts";

const invalidParameters = '{"error":"Invalid parameters"}';
const invalidChatId = '{"error":"Invalid chatID"}';
const badRequest = '{"error":"Bad request"}';
const notFound = '{"error":"ChatID not found"}';
const badToken = '{"error":"Bad token"}';
const internal = '{"error":"Internal server error"}';

const long = "a".repeat(257);
const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

type Row = readonly [name: string, request: string, body: unknown, status: number, text: string | RegExp];

const rows: readonly Row[] = [
  ["R4 an unknown chat cannot be deleted", "DELETE /chats/nowhere", undefined, 400, invalidChatId],
  ["R38 an encoded slash is judged by the route", "DELETE /chats/a%2Fb", undefined, 400, invalidChatId],
  ["R38 so is an encoded NUL", "DELETE /chats/%00", undefined, 400, invalidChatId],
  ["R38 so is a space", "DELETE /chats/a%20b", undefined, 400, invalidChatId],
  ["R38 so is an escape that is none", "DELETE /chats/%zz", undefined, 400, invalidChatId],
  ["R38 so are bytes that are no UTF-8", "DELETE /chats/%ff", undefined, 400, invalidChatId],
  ["R25 a missing chatID to delete", "DELETE /chats/", undefined, 400, invalidChatId],
  ["R7 a chatID of 257 characters to delete", `DELETE /chats/${long}`, undefined, 400, invalidChatId],

  ["R4 users of an unknown chat", "GET /chats/nowhere/users", undefined, 400, invalidChatId],
  ["R25 users of a missing chatID", "GET /chats//users", undefined, 400, invalidChatId],
  ["R38 users of an encoded slash", "GET /chats/a%2Fb/users", undefined, 400, invalidChatId],
  ["R38 users of an encoded NUL", "GET /chats/%00/users", undefined, 400, invalidChatId],
  ["R7 a chatID is case-sensitive", "GET /chats/KEPT/users", undefined, 400, invalidChatId],
  ["R7 users of a chatID of 257 characters", `GET /chats/${long}/users`, undefined, 400, invalidChatId],
  [
    "R10 R11 R12 R13 users of a chat, as the document prints them",
    "GET /chats/kept/users",
    undefined,
    200,
    new RegExp(
      `^\\{"chat":\\{"chatID":"kept","chatName":"","ownerGUID":"(${uuid})","creationTime":"\\d{13}","updateTime":"\\d{13}",` +
        `"users":\\[\\{"GUID":"\\1","userID":"owner"\\}\\]\\}\\}$`,
    ),
  ],

  [
    "R3 R9 R12 a user is put, and put again",
    "PUT /chats/kept/users",
    { users: ["owner"] },
    200,
    new RegExp(`^\\{"GUIDList":\\["${uuid}"\\]\\}$`),
  ],
  [
    "R9 a user put twice in one request has one GUID, twice",
    "PUT /chats/kept/users",
    { users: ["owner", "owner"] },
    200,
    new RegExp(`^\\{"GUIDList":\\["(${uuid})","\\1"\\]\\}$`),
  ],
  ["R24 no body to put", "PUT /chats/kept/users", undefined, 400, invalidParameters],
  ["R24 an empty body to put", "PUT /chats/kept/users", "", 400, invalidParameters],
  ["R24 a body that is no JSON", "PUT /chats/kept/users", "{", 400, invalidParameters],
  ["R3 a bare array to put", "PUT /chats/kept/users", "[]", 400, invalidParameters],
  ["R3 null to put", "PUT /chats/kept/users", "null", 400, invalidParameters],
  ["R3 an object without users", "PUT /chats/kept/users", {}, 400, invalidParameters],
  ["R3 an empty list of users", "PUT /chats/kept/users", { users: [] }, 400, invalidParameters],
  ["R3 users that are no list", "PUT /chats/kept/users", { users: "owner" }, 400, invalidParameters],
  ["R3 one user that is none among good ones", "PUT /chats/kept/users", { users: ["fine", 7] }, 400, invalidParameters],
  ["R7 a userID with a plus", "PUT /chats/kept/users", { users: ["fine", "a+b"] }, 400, invalidParameters],
  ["R7 a userID of 257 characters", "PUT /chats/kept/users", { users: ["fine", long] }, 400, invalidParameters],
  ["R7 a reserved userID that is nobody's", "PUT /chats/kept/users", { users: ["user.99999"] }, 400, invalidParameters],
  ["R7 a userID of a chat's form", "PUT /chats/kept/users", { users: ["chat.99999"] }, 400, invalidParameters],
  ["R7 a userID that is a PhoneId", "PUT /chats/kept/users", { users: ["fine", "_10001"] }, 400, invalidParameters],
  [
    "R12 a chatName that is an object",
    "PUT /chats/kept/users",
    { users: ["fine"], chatName: {} },
    400,
    invalidParameters,
  ],
  [
    "R26 a list longer than any chat",
    "PUT /chats/kept/users",
    { users: Array.from({ length: 10_001 }, (_, at) => `u${at}`) },
    400,
    invalidParameters,
  ],
  [
    "R26 one member more than a chat may have",
    "PUT /chats/kept/users",
    { users: ["one", "two", "three", "four"] },
    400,
    invalidParameters,
  ],
  ["R6 R38 an encoded slash to put to", "PUT /chats/a%2Fb/users", { users: ["fine"] }, 400, invalidParameters],
  ["R6 R25 a missing chatID to put to", "PUT /chats//users", { users: ["fine"] }, 400, invalidParameters],
  [
    "R6 a reserved chatID that is no chat's",
    "PUT /chats/chat.99999/users",
    { users: ["fine"] },
    400,
    invalidParameters,
  ],

  ["R4 R5 users of an unknown chat to remove", "DELETE /chats/nowhere/users", { users: ["owner"] }, 404, notFound],
  ["R5 R15 the body is judged before the chat", "DELETE /chats/nowhere/users", { users: [] }, 400, badRequest],
  ["R5 R38 an encoded slash to remove from", "DELETE /chats/a%2Fb/users", { users: ["owner"] }, 400, badRequest],
  ["R5 R25 a missing chatID to remove from", "DELETE /chats//users", { users: ["owner"] }, 400, badRequest],
  ["R14 neither body nor query", "DELETE /chats/kept/users", undefined, 400, badRequest],
  ["R24 a body that is no JSON to remove by", "DELETE /chats/kept/users", "{", 400, badRequest],
  ["R14 an object without a list", "DELETE /chats/kept/users", {}, 400, badRequest],
  ["R15 an empty list to remove", "DELETE /chats/kept/users", { users: [] }, 400, badRequest],
  ["R14 a list of null", "DELETE /chats/kept/users", { users: [null] }, 400, badRequest],
  ["R14 an empty query", "DELETE /chats/kept/users?users=", undefined, 400, badRequest],
  ["R14 a query with a gap", "DELETE /chats/kept/users?users=a,,b", undefined, 400, badRequest],
  ["R8 R15 a stranger to remove", "DELETE /chats/kept/users", { users: ["stranger"] }, 200, "{}"],
  ["R8 R14 strangers in a query", "DELETE /chats/kept/users?users=stranger,another", undefined, 200, "{}"],
];

describe("R1 under every prefix", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env: { ROOST_LIMITS_CHAT_MEMBERS: "4" } });
    await room(server, "kept", "owner");
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([...rows])("%s: %s", async (_name, request, body, status, text) => {
    for (const prefix of prefixes) {
      const at = request.replace(" ", ` ${prefix}`);
      const answer = await asBackend(server, at, body);
      expect([at, answer.status, answer.type]).toEqual([at, status, "application/json"]);
      if (typeof text === "string") expect(answer.text).toBe(text);
      else expect(answer.text).toMatch(text);
      if (status >= 400) expect(answer.headers.get("x-error-detail")).toMatch(/^[\x20-\x7e]{1,200}$/);
    }
    // Nothing of a refused request was applied.
    const kept = await asBackend(server, "GET /chats/kept/users");
    expect(JSON.parse(kept.text).chat.users).toBeArrayOfSize(1);
  });

  test.each(["DELETE /chats/kept", "GET /chats/kept/users", "PUT /chats/kept/users", "DELETE /chats/kept/users"])(
    "R2 %s without the backend key, whatever else is wrong",
    async (request) => {
      for (const prefix of prefixes) {
        for (const path of ["/kept", "/a%2Fb", "/nowhere"]) {
          const at = request.replace(" ", ` ${prefix}`).replace("/kept", path);
          const answer = await call(server, at, { body: request.startsWith("GET") ? undefined : "{" });
          expect([at, answer.status, answer.text, answer.type]).toEqual([at, 401, badToken, "application/json"]);
        }
      }
    },
  );

  test("R8 a chat is deleted with an empty object", async () => {
    for (const prefix of prefixes) {
      await room(server, "short-lived", "owner");
      const answer = await asBackend(server, `DELETE ${prefix}/chats/short-lived`);
      expect([answer.status, answer.text, answer.type]).toEqual([200, "{}", "application/json"]);
    }
  });
});

test("R24 a fault of the server, and nothing else, is 500 on every route", async () => {
  await using server = await startTestServer();
  await room(server, "team", "owner");
  Object.assign(server.domain.store, {
    findBackendKey() {
      throw new Error("the disk is on fire");
    },
  });
  for (const request of [
    "DELETE /chats/team",
    "GET /chats/team/users",
    "PUT /chats/team/users",
    "DELETE /chats/team/users",
  ]) {
    const answer = await asBackend(server, request);
    expect([request, answer.status, answer.text, answer.type]).toEqual([request, 500, internal, "application/json"]);
    expect(answer.headers.get("x-error-detail")).not.toContain("fire");
  }
});
