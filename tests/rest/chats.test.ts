/**
 * What the chat routes do (docs/protocols/resolutions.md § REST); their answers, row by row, stand in
 * chat-routes.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { startTestServer } from "../support/server.ts";
import { asBackend, call, enroll, inboxOf, room, say } from "./client.ts";

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const invalidChatId = '{"error":"Invalid chatID"}';
const notFound = '{"error":"ChatID not found"}';
const badToken = '{"error":"Bad token"}';

describe("R2 the backend key", () => {
  const requests = [
    "DELETE /chats/team",
    "PUT /chats/team/users",
    "GET /chats/team/users",
    "DELETE /chats/team/users",
    "DELETE /chats/a%2Fb", // 401 comes before any 400
    "POST /token",
  ];

  test("is asked for by every backend route, before anything else is judged", async () => {
    await using server = await startTestServer();
    const [token] = await enroll(server, "alice");
    await room(server, "team", "alice");
    for (const request of requests) {
      for (const headers of [
        {},
        { Authorization: "Bearer wrong" },
        { Authorization: `Bearer ${token}` },
        { "X-API-Key": "wrong" },
      ]) {
        const answer = await call(server, request, { headers });
        expect([request, answer.status, answer.text, answer.type]).toEqual([
          request,
          401,
          badToken,
          "application/json",
        ]);
        expect(answer.headers.get("x-error-detail")).not.toContain(token ?? "");
      }
    }
    expect((await asBackend(server, "GET /chats/team/users")).status).toBe(200);
  });

  test("is taken bare, after Bearer, or in X-API-Key", async () => {
    await using server = await startTestServer();
    await room(server, "team", "alice");
    const { backendKey } = server;
    for (const headers of [
      { Authorization: backendKey },
      { Authorization: `Bearer ${backendKey}` },
      { authorization: `bearer   ${backendKey}` },
      { "X-API-Key": backendKey },
      { "x-api-key": backendKey, Authorization: "Basic c29tZTpwcm94eQ==" },
    ] as Record<string, string>[]) {
      expect((await call(server, "GET /chats/team/users", { headers })).status).toBe(200);
    }
  });

  test("wrong ones are counted: after too many the answer is to try later, and the right one passes all the same", async () => {
    await using server = await startTestServer();
    let answer = await call(server, "GET /chats/team/users", { as: "wrong" });
    for (let tries = 0; answer.status === 401 && tries < 1000; tries += 1) {
      answer = await call(server, "GET /chats/team/users", { as: "wrong" });
    }
    expect([answer.status, answer.text]).toEqual([429, '{"error":"Too many requests"}']);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await asBackend(server, "GET /chats/team/users")).status).toBe(400);
  });
});

describe("PUT users", () => {
  test("R3 R9 makes the chat, answers a GUID per entry in the order asked, and repeats without change", async () => {
    await using server = await startTestServer();
    const first = await asBackend(server, "PUT /chats/best-chat/users", {
      users: ["user2222", "John.Doe-mobile1", "user2222"],
      chatName: "Descriptive string",
    });
    expect([first.status, first.type]).toEqual([200, "application/json"]);
    const { GUIDList } = JSON.parse(first.text);
    expect(GUIDList).toEqual([expect.stringMatching(guid), expect.stringMatching(guid), GUIDList[0]]); // R9
    expect(first.text).toBe(JSON.stringify({ GUIDList }));
    const before = await asBackend(server, "GET /chats/best-chat/users");
    const again = await asBackend(server, "PUT /chats/best-chat/users", {
      users: ["user2222", "John.Doe-mobile1", "user2222"],
    });
    expect(again.text).toBe(first.text);
    expect((await asBackend(server, "GET /chats/best-chat/users")).text).toBe(before.text);
  });

  test("a new user is not named by a plain number, which means a user by id", async () => {
    await using server = await startTestServer();
    const refused = await asBackend(server, "PUT /chats/team/users", { users: ["anna", "10001"] });
    expect([refused.status, refused.headers.get("x-error-detail")]).toEqual([
      400,
      expect.stringContaining("10001 is a plain number"),
    ]);
    expect((await asBackend(server, "GET /chats/team/users")).status).toBe(400);
  });

  test("R9 a user made here is the one POST /token completes", async () => {
    await using server = await startTestServer();
    const [guidOfAlice] = await room(server, "team", "alice");
    await enroll(server, "alice");
    expect(await room(server, "other", "alice")).toEqual([guidOfAlice ?? ""]);
  });

  test("R12 R13 takes objects too, and a name that is a number", async () => {
    await using server = await startTestServer();
    await asBackend(server, "PUT /chats/team/users", {
      users: [{ userID: "alice", displayName: "Älice" }],
      chatName: 42,
    });
    const { chat } = JSON.parse((await asBackend(server, "GET /chats/team/users")).text);
    expect([chat.chatName, chat.users[0].displayName]).toEqual(["42", "Älice"]); // R12, R13
  });
});

describe("GET users", () => {
  test("R10 R11 R13 prints the document's object, members in joining order", async () => {
    await using server = await startTestServer();
    const beginMs = Date.now();
    const [owner, john] = await room(server, "best-chat", "user2222", "John.Doe-mobile1");
    const answer = await asBackend(server, "GET /chats/best-chat/users");
    const { chat } = JSON.parse(answer.text);
    expect(chat.creationTime).toMatch(/^\d{13}$/); // R11: a decimal string of milliseconds
    expect(Number(chat.creationTime)).toBeGreaterThanOrEqual(beginMs - 1000);
    expect(answer.text).toBe(
      `{"chat":{"chatID":"best-chat","chatName":"","ownerGUID":"${owner}","creationTime":"${chat.creationTime}",` +
        `"updateTime":"${chat.updateTime}","users":[{"GUID":"${owner}","userID":"user2222"},` +
        `{"GUID":"${john}","userID":"John.Doe-mobile1"}]}}`,
    );
  });

  test("R11 R12 updateTime moves with members and name, not with messages; an absent name is kept", async () => {
    await using server = await startTestServer();
    const [alice = ""] = await enroll(server, "alice");
    const update = async () => JSON.parse((await asBackend(server, "GET /chats/team/users")).text).chat;
    await asBackend(server, "PUT /chats/team/users", { users: ["alice"], chatName: "Team" });
    const made = await update();
    await say(server, alice, "team", "hello");
    expect(await update()).toEqual(made);
    await room(server, "team", "bob");
    const joined = await update();
    expect(joined.chatName).toBe("Team");
    expect(Number(joined.updateTime)).toBeGreaterThanOrEqual(Number(made.updateTime));
    expect(joined.creationTime).toBe(made.creationTime);
    await asBackend(server, "PUT /chats/team/users", { users: ["bob"], chatName: "" });
    expect((await update()).chatName).toBe("");
  });
});

describe("leaving", () => {
  const membersOf = async (server: Parameters<typeof asBackend>[0], chatID: string) => {
    const answer = await asBackend(server, `GET /chats/${chatID}/users`);
    return answer.status === 200
      ? JSON.parse(answer.text).chat.users.map((user: { userID: string }) => user.userID)
      : answer.text;
  };

  test("R14 users go by userID or GUID, in every spelling of the list", async () => {
    await using server = await startTestServer();
    const guids = await room(server, "team", "owner", "b", "c", "d", "e", "f", "g");
    const lists: [string, unknown, string][] = [
      ["", { users: ["b"] }, "c,d,e,f,g"],
      ["", { GUIDList: [guids[2]] }, "d,e,f,g"],
      ["", { GUIDs: [guids[3]] }, "e,f,g"],
      ["", ["e"], "f,g"],
      ["?users=f,nobody", undefined, "g"],
    ];
    for (const [query, body, left] of lists) {
      const answer = await asBackend(server, `DELETE /chats/team/users${query}`, body);
      expect([answer.status, answer.text]).toEqual([200, "{}"]);
      expect((await membersOf(server, "team")).join()).toBe(`owner,${left}`);
    }
  });

  test("R10 the owner takes the chat along, by either of their names", async () => {
    await using server = await startTestServer();
    await room(server, "one", "owner", "b");
    const [guidOfOwner] = await room(server, "two", "owner", "b");
    await asBackend(server, "DELETE /chats/one/users", { users: ["b", "owner"] });
    await asBackend(server, "DELETE /chats/two/users", { users: [guidOfOwner] });
    for (const chatID of ["one", "two"]) expect(await membersOf(server, chatID)).toBe(invalidChatId);
    const second = await asBackend(server, "DELETE /chats/one/users", { users: ["owner"] });
    expect([second.status, second.text]).toEqual([404, notFound]);
  });

  test("R16 with its last member a chat goes", async () => {
    await using server = await startTestServer();
    const [alice = ""] = await enroll(server, "alice");
    await room(server, "team", "owner", "alice");
    const sent = JSON.parse((await say(server, alice, "team", "hello")).text);
    expect((await asBackend(server, "DELETE /chats/team/users", { users: ["alice"] })).text).toBe("{}");
    expect(await membersOf(server, "team")).toEqual(["owner"]);
    expect((await asBackend(server, "DELETE /chats/team/users", { users: ["owner"] })).text).toBe("{}");
    expect(await membersOf(server, "team")).toBe(invalidChatId);
    // Its key is free again, for another chat.
    await room(server, "team", "alice");
    const next = JSON.parse((await say(server, alice, "team", "hello")).text);
    expect([next.seq, next.chat_id === sent.chat_id]).toEqual([1, false]);
  });

  test("R4 a chat is deleted once; the second time it is unknown", async () => {
    await using server = await startTestServer();
    await room(server, "team", "owner", "b");
    const first = await asBackend(server, "DELETE /chats/team");
    expect([first.status, first.text, first.type]).toEqual([200, "{}", "application/json"]);
    expect((await asBackend(server, "DELETE /chats/team")).text).toBe(invalidChatId);
    expect(await membersOf(server, "team")).toBe(invalidChatId);
  });

  test("is told to those who stay and to those who go", async () => {
    await using server = await startTestServer();
    const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
    await room(server, "team", "alice", "bob");
    await asBackend(server, "DELETE /chats/team/users", { users: ["bob"] });
    for (const token of [alice, bob]) {
      const { events } = await inboxOf(server, token);
      expect(events.map((event) => [event.type, event.chatID])).toEqual([
        ["chat_enter", "team"],
        ["chat_leave", "team"],
      ]);
    }
  });
});
