/** Hooks: addresses whose posts become messages of a chat, seen at every door, and no log-in of any kind. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MiniClient, messagesOf, newUser } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { requireProgram } from "../support/programs.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const addTo = (server: TestServer, chat: string, name = "grafana") =>
  server.domain.hooks.add({ chat: { key: chat }, name });

interface Simple {
  readonly messages: readonly { readonly content: string; readonly sender: string; readonly message_id: string }[];
}

async function read(server: TestServer, token: string, chat = "team"): Promise<Simple["messages"]> {
  const { text } = await call(server, `GET /chats/${chat}/messages`, { as: token });
  return (JSON.parse(text) as Simple).messages;
}

test("a post is one message, which every door shows as the hook's", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  await using ben = await RawMqtt.connect(server.mqttPort, { username: "api", password: Buffer.from(anna) });
  await ben.subscribe("chat/team/messages");
  using mia = await MiniClient.connect(server.http, "json");
  await mia.ask({ action: "auth.login", token: anna });
  const { hook, path } = await addTo(server, "team");
  expect(path).toMatch(/^\/in\/rh_[\w-]{32}$/);
  expect(Buffer.from(path.slice("/in/rh_".length), "base64url").byteLength * 8).toBeGreaterThanOrEqual(160);
  const answer = await call(server, `POST ${path}`, { body: "the disk is full" });
  const sent = JSON.parse(answer.text) as { message_id: string };
  expect([answer.status, sent]).toMatchObject([200, { chatID: "team", seq: 1 }]);
  expect(await read(server, anna)).toMatchObject([
    { content: "the disk is full", sender: `user.${hook.userId}`, message_id: sent.message_id },
  ]);
  const { payload } = await ben.expect("publish");
  expect(JSON.parse(String(payload))).toMatchObject({ content: "the disk is full", sender_id: String(hook.userId) });
  const pushed = (await mia.fence()).filter(({ action }) => action === "message.push").flatMap(messagesOf);
  expect(pushed).toMatchObject([{ content: "the disk is full", sender_id: String(hook.userId) }]);
  // Members see who it is, and that it is no person.
  const { chat } = JSON.parse((await asBackend(server, "GET /chats/team/users")).text) as {
    chat: { users: unknown[] };
  };
  expect(chat.users).toContainEqual({
    GUID: expect.any(String),
    userID: `user.${hook.userId}`,
    displayName: "grafana",
    kind: "hook",
  });
  expect(await mia.ask({ action: "user.get", user_id: String(hook.userId) })).toMatchObject({
    action: "user.push",
    nick: "grafana",
    kind: "hook",
  });
});

test("a client_id that comes again is the same message", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const { path } = await addTo(server, "team");
  const post = (text: string) => call(server, `POST ${path}`, { body: { text, client_id: "alert-1" } });
  const [first, again] = [await post("once"), await post("twice")];
  expect([first.status, again.status, again.text]).toEqual([200, 200, first.text]);
  expect(await read(server, anna)).toMatchObject([{ content: "once" }]);
});

test("Slack's clients get their ok, as JSON and as a form, and who they say they are counts for nothing", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  await room(server, "other", "anna");
  const { hook, path } = await addTo(server, "team");
  const body = { text: "over Slack", username: "anna", channel: "other", icon_emoji: ":fire:" };
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const form = new URLSearchParams({ payload: JSON.stringify({ text: "over a form" }) }).toString();
  for (const answer of [
    await call(server, `POST ${path}`, { body }),
    await call(server, `POST ${path}`, { body: form, headers }),
  ]) {
    expect([answer.status, answer.text, answer.type]).toEqual([200, "ok", "text/plain;charset=utf-8"]);
  }
  expect((await read(server, anna)).map(({ content, sender }) => [content, sender])).toEqual([
    ["over Slack", `user.${hook.userId}`],
    ["over a form", `user.${hook.userId}`],
  ]);
  expect(await read(server, anna, "other")).toEqual([]);
});

test("an unknown, a malformed and a revoked address are answered alike, and no log has an address", async () => {
  const recorded = recordLog();
  await using server = await startTestServer({ log: recorded.log });
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const { hook, path } = await addTo(server, "team");
  const secret = path.slice("/in/".length);
  expect((await call(server, `POST ${path}`, { body: "1" })).status).toBe(200);
  await server.domain.hooks.remove({ userId: hook.userId });
  const answers = await Promise.all(
    [path, `/in/rh_${"x".repeat(32)}`, "/in/x", `/in/${"y".repeat(4000)}`, `${path}/more`, "/in/%00"].map((wrong) =>
      call(server, `POST ${wrong}`, { body: "2" }),
    ),
  );
  for (const { status, text, type } of answers) {
    expect([status, text, type]).toEqual([404, answers[0]?.text ?? "", "application/problem+json"]);
  }
  // Behind a prefix of REST there are none.
  expect((await call(server, `POST /api/v3${path}`, { body: "2" })).status).toBe(404);
  expect((await call(server, `GET ${path}`)).status).toBe(405);
  expect((await read(server, anna)).map(({ content }) => content)).toEqual(["1"]);
  expect(JSON.stringify(recorded.lines)).not.toContain(secret);
});

test("a hook's posts are limited by themselves, and wrong addresses by who shows them", async () => {
  const clock = createManualClock(Date.now());
  const env = { ROOST_REST_ANONYMOUS_REQUESTS_PER_MINUTE: "30" };
  await using server = await startTestServer({ clock, env });
  await room(server, "team", "anna", "ben");
  const { path } = await addTo(server, "team");
  const other = await addTo(server, "team", "relay");
  const post = (to: string) => call(server, `POST ${to}`, { body: "hello" });
  for (let n = 0; n < 60; n += 1) expect((await post(path)).status).toBe(200);
  const limited = await post(path);
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "1"]);
  expect((await post(other.path)).status).toBe(200);
  clock.advance(1000);
  expect([(await post(path)).status, (await post(path)).status]).toEqual([200, 429]);
  const wrong: number[] = [];
  for (let n = 0; n < 40; n += 1) wrong.push((await post(`/in/rh_${String(n).padEnd(32, "x")}`)).status);
  expect([wrong[0], wrong.at(-1)]).toEqual([404, 429]);
  expect((await post(other.path)).status).toBe(200);
});

test("bodies are bounded, and what is no message is refused with what to send", async () => {
  await using server = await startTestServer();
  await room(server, "team", "anna", "ben");
  const { path } = await addTo(server, "team");
  const json = { "content-type": "application/json" };
  for (const [body, headers, status, detail] of [
    ["x".repeat(256 * 1024 + 1), {}, 413, "the body is over 262144 bytes"],
    ["", {}, 400, "there is no text"],
    [" \n", {}, 400, "there is no text"],
    ["{", json, 400, "the body is not JSON"],
    ["[1]", json, 400, "the JSON must be an object"],
    ['{"text":5}', json, 400, "text must be a string"],
    ['{"text":"a","priority":"red"}', json, 400, "priority must be a number from 0 to 10"],
    [`{"text":"a","client_id":"${"c".repeat(257)}"}`, json, 400, "client id must have 1 to 256 characters"],
    ["a", { "content-type": "multipart/form-data; boundary=x" }, 415, "send plain text, JSON, or payload="],
    ["a", { "content-encoding": "gzip" }, 415, "send the body without Content-Encoding"],
  ] as const) {
    const answer = await call(server, `POST ${path}`, { body, headers });
    expect([body.slice(0, 40), answer.status, answer.headers.get("x-error-detail")]).toEqual([
      body.slice(0, 40),
      status,
      expect.stringContaining(detail),
    ]);
  }
  // Lone halves of pairs have no UTF-8.
  expect((await call(server, `POST ${path}`, { body: '{"text":"\\ud800"}', headers: json })).status).toBe(400);
});

test("no user finds a hook's user, which logs in nowhere and is in no other chat", async () => {
  await using server = await startTestServer();
  const [anna = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  const stranger = await newUser(server.http, "Mia", "json");
  using mia = stranger.client;
  const { hook } = await addTo(server, "team");
  const id = String(hook.userId);
  const key = `user.${id}`;
  // Strangers do not learn that it is there, and reach it in no way.
  const synced = await mia.ask({ action: "user.sync" });
  expect(JSON.stringify(synced)).not.toContain(`"${id}"`);
  expect(await mia.ask({ action: "user.get", user_id: id })).toMatchObject({ reason: "User not found" });
  expect(await mia.ask({ action: "contact.block", user_id: id })).toMatchObject({ reason: "User not found" });
  expect(await mia.ask({ action: "chat.create", members: [id] })).toMatchObject({ reason: "User not found" });
  const message = { chat_id: id, type: "text", content: "psst" };
  expect(await mia.ask({ action: "message.send", message })).toMatchObject({ reason: "Chat not found" });
  // Nor does one who sees it in a chat.
  expect((await call(server, "POST /messages", { as: anna, body: { chatID: key, content: "psst" } })).status).toBe(404);
  const asked = await server.store.requestContacts({
    userId: (await server.store.findUserByKey("anna"))?.userId as never,
    friends: [hook.userId],
  });
  expect(asked).toMatchObject([{ outcome: "not_found" }]);
  // A backend neither lists it, nor gives it tokens or other chats.
  const { users } = JSON.parse((await asBackend(server, "GET /users")).text) as { users: { userID: string }[] };
  expect(users.map(({ userID }) => userID)).toEqual(["anna", "ben", expect.stringMatching(/^user\./)]);
  expect((await asBackend(server, "POST /token", { userID: key })).status).toBe(400);
  expect((await asBackend(server, "PUT /chats/other/users", { users: ["anna", key] })).status).toBe(400);
  expect((await asBackend(server, "PUT /chats/team/users", { users: ["anna", key] })).status).toBe(200);
  const ownerKey = `user:${id}`;
  const token = { ownerKey, name: undefined, scopes: undefined, lifetimeMs: undefined, madeBy: "operator" } as const;
  await expect(server.domain.longTokens.add(token)).rejects.toThrow("user_not_found");
  await expect(server.domain.accounts.setPassword(hook.userId, "a long password", "own")).rejects.toThrow(
    "user_not_found",
  );
  await expect(server.domain.loginNames.set(hook.userId, "grafana")).rejects.toThrow("user_not_found");
  expect(await server.store.countUsers()).toBe(3);
});

test("a hook goes with its membership and its chat, and no chat is left to hooks", async () => {
  await using server = await startTestServer();
  await room(server, "team", "anna", "ben");
  await room(server, "other", "anna", "ben");
  const post = async ({ path }: { path: string }) => (await call(server, `POST ${path}`, { body: "hello" })).status;
  const hooks = [await addTo(server, "team"), await addTo(server, "team"), await addTo(server, "other")] as const;
  const [first, second, third] = hooks;
  for (const hook of hooks) expect(await post(hook)).toBe(200);
  const out = { users: [`user.${first.hook.userId}`] };
  expect((await asBackend(server, "DELETE /chats/team/users", out)).status).toBe(200);
  expect([await post(first), await post(second), await post(third)]).toEqual([404, 200, 200]);
  expect(await server.store.findUser(first.hook.userId)).toBeUndefined();
  // The messages stay, under the same name.
  const [anna = ""] = await enroll(server, "anna");
  expect((await read(server, anna))[0]).toMatchObject({ sender: `user.${first.hook.userId}` });
  expect((await asBackend(server, "DELETE /chats/other")).status).toBe(200);
  expect(await post(third)).toBe(404);
  // The last person takes the chat along.
  const { userId } = (await server.store.findUserByKey("anna")) ?? { userId: 0 as never };
  await server.domain.chats.leave(userId, { key: "team" });
  const ben = (await server.store.findUserByKey("ben"))?.userId as typeof userId;
  expect(await server.store.findChat({ key: "team" }, undefined)).toMatchObject({ ownerId: ben });
  expect(await server.domain.chats.leave(ben, { key: "team" })).toMatchObject({ deleted: true });
  expect(await post(second)).toBe(404);
  expect(await server.store.listHooks({ after: 0, limit: 10 })).toEqual([]);
});

test.skipIf(![requireProgram("sh"), requireProgram("curl")].every(Boolean))(
  "the lines that docs/hooks.md prints for curl do what the page says",
  async () => {
    await using server = await startTestServer();
    const [anna = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    const { path } = await addTo(server, "team");
    const page = readFileSync(new URL("../../docs/hooks.md", import.meta.url), "utf8");
    const blocks = [...page.matchAll(/```sh\n(curl [\s\S]*?)```/g)].map(([, block = ""]) => block);
    expect(blocks).toHaveLength(2);
    const lines = blocks.join("").replaceAll("curl ", "curl -fsS ").replaceAll("localhost:8080", server.http);
    await using child = Bun.spawn(["sh", "-c", `set -eu\n${lines}`], {
      env: { PATH: process.env["PATH"], HOOK: `http://${server.http}${path}`, ANNA: anna },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, complaint] = await withDeadline(
      "curl",
      Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]),
    );
    expect([await child.exited, complaint]).toEqual([0, ""]);
    expect(out).toMatch(
      /^\{"hook_id":.*"name":"grafana".*"path":"\/in\/rh_\S{32}"\}\{"message_id".*"client_id":"disk-var-1"\}okok$/,
    );
    expect((await read(server, anna)).map(({ content }) => content)).toEqual([
      "the backup is done",
      "[high] Disk\n/var is full",
      "deploy of v1 (https://example.org/1) is done",
      "the old form of Slack",
    ]);
  },
);

test("owners make, list and remove hooks over REST, and a long-lived token makes none", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben");
  await room(server, "other", "anna");
  const made = await call(server, "POST /chats/team/hooks", { as: anna, body: { name: "grafana" } });
  const { path, ...hook } = JSON.parse(made.text) as {
    path: string;
    hook_id: string;
    chatID: string;
    name: string;
    created: string;
  };
  expect([made.status, hook]).toEqual([
    200,
    { hook_id: expect.any(String), chatID: "team", name: "grafana", created: expect.any(String) },
  ]);
  expect((await call(server, `POST ${path}`, { body: "hello" })).status).toBe(200);
  expect(JSON.parse((await call(server, "GET /chats/team/hooks", { as: anna })).text)).toEqual({ hooks: [hook] });
  const userId = (await server.store.findUserByKey("anna"))?.userId ?? 0;
  const owner = { ownerKey: `user:${userId}`, name: undefined, scopes: undefined, lifetimeMs: undefined } as const;
  const { secret } = await server.domain.longTokens.add({ ...owner, madeBy: "operator" });
  const one = `/chats/team/hooks/${hook.hook_id}`;
  for (const [request, as, status, error] of [
    ["POST /chats/team/hooks", ben, 403, "Not authorized"],
    ["GET /chats/team/hooks", ben, 403, "Not authorized"],
    [`DELETE ${one}`, ben, 403, "Not authorized"],
    ["POST /chats/team/hooks", carl, 404, "ChatID not found"],
    ["GET /chats/team/hooks", carl, 404, "ChatID not found"],
    [`DELETE ${one}`, carl, 404, "ChatID not found"],
    ["POST /chats/team/hooks", secret, 403, "Out of scope"],
    ["GET /chats/team/hooks", undefined, 401, "Bad token"],
    [`DELETE /chats/other/hooks/${hook.hook_id}`, anna, 404, "Hook not found"],
    [`DELETE /chats/team/hooks/${userId}`, anna, 404, "Hook not found"],
    ["DELETE /chats/team/hooks/x", anna, 404, "Hook not found"],
  ] as const) {
    const answer = await call(server, request, { as });
    const said = JSON.parse(answer.text) as { error: string };
    expect([request, answer.status, said.error]).toEqual([request, status, error]);
  }
  expect((await call(server, `DELETE ${one}`, { as: anna })).text).toBe("{}");
  expect((await call(server, `POST ${path}`, { body: "hello" })).status).toBe(404);
  expect(JSON.parse((await call(server, "GET /chats/team/hooks", { as: anna })).text)).toEqual({ hooks: [] });
});
