/** What participants ask about themselves: who they are, their chats, and who is typing. */
import { expect, test } from "bun:test";
import { createLeapingClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, asBackend, call, enroll, inboxOf, prefixes, room, say } from "./client.ts";
import { openStream } from "./event-stream.ts";

const problem = (answer: Answer) => {
  expect(answer.type).toBe("application/problem+json");
  return [answer.status, JSON.parse(answer.text).error];
};

test("GET /users/me says who the token is", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice");
  const [guid] = await room(server, "team", "alice");
  for (const prefix of prefixes) {
    const answer = await call(server, `GET ${prefix}/users/me`, { as: alice });
    expect([answer.status, answer.type]).toEqual([200, "application/json"]);
    const me = JSON.parse(answer.text);
    expect(me).toMatchObject({ userID: "alice", GUID: guid, has_key: false });
    expect(me.user_id).toMatch(/^\d+$/);
  }
  await asBackend(server, "POST /token", { userID: "alice", displayName: "Älice" });
  expect(JSON.parse((await call(server, "GET /users/me", { as: alice })).text).displayName).toBe("Älice");
  for (const as of [undefined, "wrong", server.backendKey]) {
    expect(problem(await call(server, "GET /users/me", { as }))).toEqual([401, "Bad token"]);
  }
});

test("GET /chats pages through one's own chats, each once, with how far one has got", async () => {
  await using server = await startTestServer();
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  const names = Array.from({ length: 23 }, (_, at) => `chat-${at}`);
  for (const name of names) await room(server, name, "alice", "bob");
  await room(server, "not-mine", "alice");
  const sent = JSON.parse((await say(server, alice, "chat-4", "hello")).text);
  await say(server, alice, "chat-4", "again");
  const statuses = [{ messageID: sent.message_id, messageStatus: "delivered" }];
  await call(server, "POST /messages", { as: bob, body: { statuses } });
  const seen: { chatID: string }[] = [];
  let query = "?limit=5";
  for (let pages = 1; ; pages += 1) {
    const answer = await call(server, `GET /chats${query}`, { as: bob });
    const { chats, next } = JSON.parse(answer.text);
    seen.push(...chats);
    if (next === null) {
      expect(pages).toBe(5);
      break;
    }
    expect(chats).toBeArrayOfSize(5);
    query = `?limit=5&after=${next}`;
  }
  expect(seen.map(({ chatID }) => chatID)).toEqual(names);
  expect(seen[4]).toMatchObject({ kind: "group", name: "", last_seq: 2, delivered_seq: 1, read_seq: 0 });
  for (const bad of ["?after=x", "?after=AAAA", "?limit=0", `?after=${"A".repeat(200)}`]) {
    expect([bad, ...problem(await call(server, `GET /chats${bad}`, { as: bob }))]).toEqual([bad, 400, "Bad request"]);
  }
  expect(problem(await call(server, "GET /chats"))).toEqual([401, "Bad token"]);
});

test("typing is told to the others who wait, and kept nowhere", async () => {
  const clock = createLeapingClock();
  await using server = await startTestServer({ clock });
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  const [guid] = await room(server, "team", "alice", "bob");
  await using stream = await openStream(server, bob);
  const { id } = await stream.next(); // chat_enter
  const { next } = await inboxOf(server, bob);
  const waiting = inboxOf(server, bob, `&wait=30&after=${next}`);
  while (server.hub.size().sinks < 2) await call(server, "GET /version");
  const typed = await call(server, "PUT /chats/team/typing", { as: alice });
  expect([typed.status, typed.text]).toEqual([200, "{}"]);
  const wanted = {
    type: "chat_typing",
    chat_id: expect.stringMatching(/^\d+$/),
    chatID: "team",
    users: [{ GUID: guid, user_id: expect.stringMatching(/^\d+$/), userID: "alice" }],
    time: expect.stringMatching(/Z$/),
  };
  const step = await stream.next();
  expect([step.name, step.id, step.data as unknown]).toEqual(["event", undefined, wanted]);
  expect((await waiting).events as unknown[]).toEqual([wanted]);
  await call(server, "PUT /chats/team/typing", { as: alice, body: { typing: false } });
  // It is told once a second.
  clock.leap(1000);
  expect((await stream.next()).data).toMatchObject({ type: "chat_typingEnd", chatID: "team" });
  // Whoever comes now learns nothing of it.
  expect(await inboxOf(server, bob, `&after=${id}`)).toMatchObject({ messages: [], events: [] });
});

test("typing is refused to strangers and where it cannot be read", async () => {
  await using server = await startTestServer();
  const [alice = "", mallory = ""] = await enroll(server, "alice", "mallory");
  await room(server, "team", "alice");
  const table: [string, string | undefined, unknown, number, string][] = [
    ["/chats/team/typing", mallory, undefined, 404, "ChatID not found"],
    ["/chats/nowhere/typing", alice, undefined, 404, "ChatID not found"],
    ["/chats/a%2Fb/typing", alice, undefined, 400, "Invalid chatID"],
    ["/chats//typing", alice, undefined, 400, "Invalid chatID"],
    ["/chats/team/typing", alice, { typing: "yes" }, 400, "Bad request"],
    ["/chats/team/typing", alice, "{", 400, "Bad request"],
    ["/chats/team/typing", undefined, undefined, 401, "Bad token"],
  ];
  for (const [path, as, body, status, error] of table) {
    expect([path, ...problem(await call(server, `PUT ${path}`, { as, body }))]).toEqual([path, status, error]);
  }
});
