/** `Idempotency-Key`: a request sent again gets its first answer, for a day, and nothing is done twice. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { clockOf } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { startTestServer } from "../support/server.ts";
import { type Answer, type CallOptions, call, enroll, inboxOf, type RunningServer, room } from "./client.ts";
import { outgoing } from "./signing.ts";

const withKey = (server: RunningServer, request: string, key: string, options: CallOptions): Promise<Answer> =>
  call(server, request, { ...options, headers: { ...options.headers, "Idempotency-Key": key } });

const asBackend = (server: RunningServer, request: string, key: string, body?: unknown): Promise<Answer> =>
  withKey(server, request, key, { as: server.backendKey, body });

const shown = ({ status, text, type, headers }: Answer) => [status, text, type, headers.get("x-error-detail")];

const problem = (answer: Answer) => {
  expect(answer.type).toBe("application/problem+json");
  return [answer.status, JSON.parse(answer.text).error];
};

test("every route that changes something gives its first answer again, also after a restart", async () => {
  await using server = await startTestServer();
  const [alice = ""] = await enroll(server, "alice", "bob");
  const routes: [request: string, body: unknown, as: string, status: number][] = [
    ["POST /token", { userID: "carol" }, server.backendKey, 201],
    ["PUT /chats/team/users", { users: ["alice", "bob"] }, server.backendKey, 200],
    ["PUT /chats/team/users", { users: [] }, server.backendKey, 400],
    ["POST /messages", { chatID: "team", content: "once" }, alice, 200],
    [
      "POST /messages",
      [
        { chatID: "team", content: "two" },
        { chatID: "team", content: "three" },
      ],
      alice,
      200,
    ],
    ["POST /messages", { chatID: "nowhere", content: "x" }, alice, 404],
    ["DELETE /chats/team/users?users=bob", undefined, server.backendKey, 200],
    ["DELETE /chats/team", undefined, server.backendKey, 200],
    ["DELETE /chats/team/users", { users: ["bob"] }, server.backendKey, 404],
  ];
  const first: Answer[] = [];
  for (const [index, [request, body, as, status]] of routes.entries()) {
    const answer = await withKey(server, request, `key-${index}`, { as, body });
    expect([request, answer.status, answer.headers.get("idempotency-replayed")]).toEqual([request, status, null]);
    first.push(answer);
  }
  const restarted = await server.restart();
  await using _ = restarted;
  for (const [index, [request, body, as]] of routes.entries()) {
    const again = await withKey(restarted, request, `key-${index}`, { as, body });
    expect([request, ...shown(again)]).toEqual([request, ...shown(first[index] as Answer)]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  }
  // Without the key the chat that was deleted is unknown by now.
  expect((await call(restarted, "DELETE /chats/team", { as: restarted.backendKey })).status).toBe(400);
});

test("a message is said once, however often its request comes", async () => {
  await using server = await startTestServer();
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  await room(server, "team", "alice", "bob");
  const body = { chatID: "team", content: "once" };
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => withKey(server, "POST /messages", "k", { as: alice, body })),
  );
  expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
  expect(answers.filter((answer) => answer.headers.get("idempotency-replayed") === null)).toBeArrayOfSize(1);
  expect((await inboxOf(server, bob)).messages).toBeArrayOfSize(1);
  // The same key of somebody else is another key.
  await withKey(server, "POST /messages", "k", { as: bob, body });
  expect((await inboxOf(server, alice)).messages).toBeArrayOfSize(1);
});

test("a crash between the message and its kept answer repeats neither", async () => {
  await using server = await startTestServer();
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  await room(server, "team", "alice", "bob");
  const body = [
    { chatID: "team", content: "one" },
    { chatID: "team", content: "two" },
  ];
  const first = await withKey(server, "POST /messages", "k", { as: alice, body });
  await server.stop();
  const db = openStopped(join(server.dataDir, "roost.db"));
  expect(db.prepare("DELETE FROM kept_answers").run().changes).toBe(1);
  db.close();
  await using restarted = await server.restart();
  const again = await withKey(restarted, "POST /messages", "k", { as: alice, body });
  expect([again.status, again.text, again.headers.get("idempotency-replayed")]).toEqual([200, first.text, null]);
  expect((await inboxOf(restarted, bob)).messages).toBeArrayOfSize(2);
});

test("a key used with another request is refused, whatever differs", async () => {
  await using server = await startTestServer();
  await asBackend(server, "PUT /chats/team/users", "k", { users: ["alice"] });
  for (const [request, body] of [
    ["PUT /chats/team/users", { users: ["bob"] }],
    ["PUT /chats/other/users", { users: ["alice"] }],
    ["DELETE /chats/team/users", { users: ["alice"] }],
    ["PUT /chats/team/users?x=1", { users: ["alice"] }],
  ] as const) {
    expect([request, ...problem(await asBackend(server, request, "k", body))]).toEqual([
      request,
      422,
      "Unprocessable content",
    ]);
  }
  for (const key of ["", " ", "two words", "x".repeat(256)]) {
    const answer = await asBackend(server, "PUT /chats/team/users", key, { users: ["alice"] });
    expect([key, ...problem(answer)]).toEqual([key, 400, "Bad request"]);
  }
});

test("who may not ask learns nothing of what was answered", async () => {
  await using server = await startTestServer();
  const body = { userID: "alice" };
  const first = await asBackend(server, "POST /token", "k", body);
  for (const as of ["wrong", JSON.parse(first.text).accessToken]) {
    const answer = await withKey(server, "POST /token", "k", { as, body });
    expect([answer.status, answer.text]).toEqual([401, '{"error":"Bad token"}']);
  }
  // Refusals of the caller are not kept: with the right key the request is made.
  const denied = await withKey(server, "POST /token", "later", { as: "wrong", body });
  expect(denied.status).toBe(401);
  expect((await asBackend(server, "POST /token", "later", body)).status).toBe(201);
});

test("what is kept can be read by nobody who has the file", async () => {
  await using server = await startTestServer();
  const { text } = await asBackend(server, "POST /token", "k", { userID: "alice" });
  const { accessToken } = JSON.parse(text);
  const db = openStopped(join(server.dataDir, "roost.db"), { readonly: true });
  const rows = db.prepare("SELECT * FROM kept_answers").all() as { body: Uint8Array; caller: string }[];
  db.close();
  expect(rows).toBeArrayOfSize(1);
  for (const value of Object.values(rows[0] ?? {})) {
    const shownValue = value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value);
    for (const secret of [accessToken, "accessToken", server.backendKey]) expect(shownValue).not.toContain(secret);
  }
});

test("is forgotten after a day, and each participant has room for a thousand", async () => {
  let nowMs = Date.now();
  await using server = await startTestServer({ clock: clockOf(() => nowMs) });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  const say = (index: number, as = alice) =>
    withKey(server, "POST /messages", `k${index}`, { as, body: { chatID: "team", content: `${index}` } });
  for (let index = 0; index < 1300; index += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, at) => say(index + at)));
  }
  const db = openStopped(join(server.dataDir, "roost.db"), { readonly: true });
  const count = () => (db.prepare("SELECT count(*) n FROM kept_answers").get() as { n: number }).n;
  expect(count()).toBeGreaterThanOrEqual(1000);
  expect(count()).toBeLessThan(1130);
  expect((await say(1299)).headers.get("idempotency-replayed")).toBe("true");
  nowMs += 86_400_000;
  const [fresh = ""] = await enroll(server, "alice");
  const later = await say(1299, fresh);
  expect([later.headers.get("idempotency-replayed"), JSON.parse(later.text).seq]).toEqual([null, 1301]);
  for (let index = 2000; index < 2128; index += 1) await say(index, fresh);
  expect(count()).toBeLessThan(130);
  db.close();
});

test("the backend's messages and the signed form are answered once too, and a stranger's request without a key is their own", async () => {
  await using server = await startTestServer({ env: { ROOST_REST_OPEN_TOKENS: "true" } });
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  const [, bobGuid = ""] = await room(server, "team", "alice", "bob");
  const said = { chatID: "team", content: "by the system", sender: "system" };
  const events = outgoing([{ chatID: "team", clientHash: "h", to: { [bobGuid]: "signed" } }]);
  for (const [key, as, body] of [
    ["system", server.backendKey, said],
    ["signed", alice, { outgoingEvents: events }],
    ["user", server.backendKey, { ...said, sender: "alice", content: "as alice" }],
  ] as const) {
    const first = await withKey(server, "POST /messages", key, { as, body });
    const again = await withKey(server, "POST /messages", key, { as, body });
    expect([key, first.status, shown(again)]).toEqual([key, 200, shown(first)]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  }
  expect((await inboxOf(server, bob)).messages.map(({ content }) => content)).toEqual([
    "by the system",
    "signed",
    "as alice",
  ]);
  // An answer that was lost is found by the name made of the key.
  using db = openStopped(join(server.dataDir, "roost.db"));
  db.run("DELETE FROM kept_answers");
  expect((await withKey(server, "POST /messages", "system", { as: server.backendKey, body: said })).status).toBe(200);
  expect((await inboxOf(server, bob)).messages).toHaveLength(3);

  const guid = bobGuid;
  const removed = await asBackend(server, `DELETE /users/${guid}`, "gone");
  expect([removed.status, shown(await asBackend(server, `DELETE /users/${guid}`, "gone"))]).toEqual([
    200,
    shown(removed),
  ]);
  const stranger = { body: { userID: "zoe" } };
  expect((await withKey(server, "POST /token", "s", stranger)).status).toBe(201);
  expect((await withKey(server, "POST /token", "s", stranger)).status).toBe(401);
});
