/** Webhooks on a real server: signed, in order, again after failures and restarts, and never where they may not go. */
import { expect, test } from "bun:test";
import { type Answer, asBackend, call, enroll, room, say } from "../rest/client.ts";
import { outgoing } from "../rest/signing.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { isSigned, startReceiver, wordOf } from "./receiver.ts";

const allowed = { ROOST_WEBHOOKS_HOSTS: "127.0.0.1", ROOST_WEBHOOKS_NETWORKS: "127.0.0.1" };

const bodyOf = ({ status, text }: Answer) => {
  expect(status).toBe(200);
  return JSON.parse(text);
};

test("every message and event of every chat is told, signed, in the order of its chat", async () => {
  using receiver = startReceiver();
  await using server = await startTestServer({ env: allowed });
  const [alice = "", bob = ""] = await enroll(server, "alice", "bob");
  await room(server, "before", "alice", "bob");
  const made = bodyOf(await asBackend(server, "PUT /webhooks/audit", { url: receiver.url }));
  expect(made).toMatchObject({
    name: "audit",
    url: receiver.url,
    events: ["message", "event", "change"],
    failing_chats: 0,
  });
  expect(made.secret).toMatch(/^whsec_/);
  expect(bodyOf(await asBackend(server, "GET /webhooks/audit")).secret).toBeUndefined();
  await room(server, "one", "alice", "bob");
  const wanted = new Map<string, string[]>([
    ["one", ["chat_enter one"]],
    ["before", []],
  ]);
  for (let index = 0; index < 30; index += 1) {
    const chatID = index % 3 === 0 ? "before" : "one";
    await say(server, index % 2 === 0 ? alice : bob, chatID, `${chatID} ${index}`);
    wanted.get(chatID)?.push(`${chatID} ${index}`);
  }
  await asBackend(server, "DELETE /chats/one/users", { users: ["bob"] });
  wanted.get("one")?.push("chat_leave one");
  await receiver.until(32);
  for (const [chatID, words] of wanted) {
    const told = receiver.taken.filter(({ body }) => (body.message ?? body.event)?.chatID === chatID);
    expect(told.map(wordOf)).toEqual(words);
  }
  for (const delivery of receiver.taken) {
    expect(isSigned(delivery, made.secret)).toBe(true);
    expect(delivery.id).toBe(`audit.${delivery.body.type}.${delivery.body.offset}`);
    expect(Math.abs(Number(delivery.timestamp) * 1000 - Date.now())).toBeLessThan(60_000);
  }
  const shown = receiver.taken.find(({ body }) => body.message !== undefined)?.body.message;
  const history = bodyOf(await call(server, "GET /chats/before/messages?after_seq=0&limit=1", { as: alice }));
  expect(shown).toEqual(history.messages[0]);
  expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(32);
});

test("of a message with a text for each recipient a webhook learns that it was sent, and no text", async () => {
  using receiver = startReceiver();
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice", "bob");
  const [, bobGuid = ""] = await room(server, "team", "alice", "bob");
  await asBackend(server, "PUT /webhooks/audit", { url: receiver.url });
  for (const [clientHash, to] of [
    ["1", { [bobGuid]: "secret" }],
    // For nobody: it has its place in the chat all the same.
    ["2", {}],
  ] as const) {
    const events = outgoing([{ chatID: "team", clientHash, to: { ...to, ...(await selfOf(server, "alice")) } }]);
    expect((await call(server, "POST /messages", { as: alice, body: { outgoingEvents: events } })).status).toBe(200);
  }
  await receiver.until(2);
  expect(receiver.taken.map(({ body }) => body.message)).toMatchObject([
    { seq: 1, sender: "alice", type: "text", content: "", addressed: true },
    { seq: 2, sender: "alice", type: "text", content: "", addressed: true },
  ]);
  expect(receiver.taken.some(({ text }) => text.includes("secret"))).toBe(false);
});

test("edits, reactions and deletions are told in their place, with the message as it is by then", async () => {
  let answers = false;
  using receiver = startReceiver(() => (answers ? 204 : 503));
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  await asBackend(server, "PUT /webhooks/audit", { url: receiver.url });
  const first = bodyOf(await say(server, alice, "team", "first words")).message_id;
  const second = bodyOf(await say(server, alice, "team", "second")).message_id;
  const own = (request: string, body?: unknown) => call(server, request, { as: alice, body });
  bodyOf(await own(`PATCH /messages/${first}`, { content: "other words" }));
  bodyOf(await own(`PUT /messages/${first}/reactions/👍`));
  bodyOf(await own(`DELETE /messages/${second}`));
  answers = true;
  await receiver.until(5);
  const told = receiver.taken.map(({ body }) => (body as unknown as { change?: object }).change ?? body.message);
  const place = { chatID: "team", seq: 1, message_id: first };
  const now = { content: "other words", revision: 2, reactions: [{ reaction: "👍", count: 1 }] };
  expect(told).toMatchObject([
    now,
    { seq: 2, type: "deleted", content: "", revision: 3 },
    { change: "edited", revision: 1, ...place, message: now },
    { change: "reacted", revision: 2, ...place, reaction: "👍", added: true, message: now },
    { change: "deleted", revision: 3, chatID: "team", seq: 2, message_id: second },
  ]);
  expect([...receiver.taken, ...receiver.refused].filter(({ text }) => text.includes("second"))).toHaveLength(0);
});

/** The user as a recipient, who is given nothing. */
async function selfOf(server: TestServer, userID: string): Promise<Record<string, string>> {
  const user = await server.domain.store.findUserByKey(userID);
  return { [user?.guid ?? ""]: "to myself" };
}

test("a chat whose deliveries fail is tried again in order, and holds up no other", async () => {
  let failing = true;
  using receiver = startReceiver(({ body }) => (failing && body.message?.chatID === "bad" ? 500 : 204));
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice");
  for (const chatID of ["good", "bad"]) await room(server, chatID, "alice");
  await asBackend(server, "PUT /webhooks/w", { url: receiver.url, events: ["message"] });
  for (let index = 0; index < 5; index += 1) {
    await say(server, alice, "bad", `bad ${index}`);
    await say(server, alice, "good", `good ${index}`);
  }
  await receiver.until(5);
  expect(receiver.taken.map(wordOf)).toEqual(["good 0", "good 1", "good 2", "good 3", "good 4"]);
  expect(bodyOf(await asBackend(server, "GET /webhooks/w"))).toMatchObject({
    failing_chats: 1,
    problem: "answered 500",
  });
  failing = false;
  await receiver.until(10);
  const told = receiver.taken.slice(5);
  expect(told.map(wordOf)).toEqual(["bad 0", "bad 1", "bad 2", "bad 3", "bad 4"]);
  // The same item has the same id each time it comes.
  expect(told[0]?.id).toBe(receiver.refused[0]?.id ?? "");
  await say(server, alice, "bad", "bad 5");
  await receiver.until(11);
  while (bodyOf(await asBackend(server, "GET /webhooks/w")).failing_chats > 0);
});

test("a restart forgets nothing: what was told is not told again, what was not is", async () => {
  let away = true;
  using receiver = startReceiver(({ body }) => (away && body.message?.content !== "first" ? 503 : 200));
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  await room(server, "other", "alice");
  await asBackend(server, "PUT /webhooks/w", { url: receiver.url });
  await say(server, alice, "team", "first");
  await receiver.until(1);
  for (const content of ["second", "third"]) await say(server, alice, "team", content);
  await say(server, alice, "other", "elsewhere");
  while (receiver.refused.length < 2) await call(server, "GET /version");
  const restarted = await server.restart();
  await using _ = restarted;
  away = false;
  await say(restarted, alice, "team", "fourth");
  await receiver.until(5);
  const told = receiver.taken.map(wordOf);
  expect(told.filter((word) => word !== "elsewhere")).toEqual(["first", "second", "third", "fourth"]);
  expect(told.toSorted()).toEqual(["elsewhere", "first", "fourth", "second", "third"]);
});

test("replay delivers again from an offset, and the end of a webhook is one", async () => {
  using receiver = startReceiver();
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  await asBackend(server, "PUT /webhooks/w", { url: receiver.url });
  for (const content of ["a", "b", "c"]) await say(server, alice, "team", content);
  await receiver.until(3);
  await asBackend(server, "POST /webhooks/w/replay", { offset: receiver.taken[0]?.body.offset });
  await receiver.until(5);
  await asBackend(server, "POST /webhooks/w/replay", { offset: "0.0" });
  await receiver.until(8);
  expect(receiver.taken.map(wordOf)).toEqual(["a", "b", "c", "b", "c", "a", "b", "c"]);
  expect(new Set(receiver.taken.map(({ id }) => id)).size).toBe(3);
  expect((await asBackend(server, "DELETE /webhooks/w")).text).toBe("{}");
  await say(server, alice, "team", "d");
  await asBackend(server, "PUT /webhooks/w", { url: receiver.url });
  await say(server, alice, "team", "e");
  await receiver.until(9);
  expect(receiver.taken.slice(8).map(wordOf)).toEqual(["e"]);
});

test("no URL is called that the operator did not allow: host, address, redirect", async () => {
  using inside = startReceiver();
  const { port } = new URL(inside.url);
  using redirecting = startReceiver(() => new Response(null, { status: 307, headers: { Location: inside.url } }));
  await using server = await startTestServer({
    env: { ROOST_WEBHOOKS_HOSTS: "localhost,127.0.0.1,*.example", ROOST_WEBHOOKS_NETWORKS: "10.0.0.0/8" },
  });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  for (const url of [
    "https://evil.test/",
    "https://example/",
    "ftp://a.example/",
    "https://user:password@a.example/",
    "nonsense",
    `http://[::1]:${port}/`,
    `http://2130706433:${port}/`.replace("2130706433", "0x7f000002"),
  ]) {
    const answer = await asBackend(server, "PUT /webhooks/w", { url });
    expect([url, answer.status, answer.type]).toEqual([url, 400, "application/problem+json"]);
  }
  const closed = [
    ["name", `http://localhost:${port}/`],
    ["number", `http://2130706433:${port}/`],
    ["address", inside.url],
  ] as const;
  for (const [name, url] of closed) {
    const answer = await asBackend(server, `PUT /webhooks/${name}`, { url });
    expect([url, answer.status]).toEqual([url, 400]);
    expect(JSON.parse(answer.text).detail).toContain("webhooks.networks");
  }
  expect(bodyOf(await asBackend(server, "GET /webhooks")).webhooks).toEqual([]);
  // A name without an address may have one later.
  expect((await asBackend(server, "PUT /webhooks/later", { url: "https://a.example/" })).status).toBe(200);
  expect((await asBackend(server, "DELETE /webhooks/later")).status).toBe(200);

  // The operator may have closed a network, or a name got another address, after the webhook was made.
  for (const [name, url] of closed) {
    await server.store.putWebhook({
      name,
      url,
      secret: `whsec_${Buffer.alloc(24).toString("base64")}`,
      kinds: ["message"],
    });
  }
  await using again = await server.restart();
  for (const [name] of closed) {
    await say(again, alice, "team", `for ${name}`);
    for (;;) {
      const { problem } = bodyOf(await asBackend(again, `GET /webhooks/${name}`));
      if (problem === undefined) continue;
      expect(problem).toBe("the address is none that may be called");
      break;
    }
  }
  expect(inside.taken).toEqual([]);
  await using open = await startTestServer({ env: allowed });
  const [bob = ""] = await enroll(open, "bob");
  await room(open, "team", "bob");
  await asBackend(open, "PUT /webhooks/w", { url: redirecting.url });
  await say(open, bob, "team", "hello");
  while (bodyOf(await asBackend(open, "GET /webhooks/w")).problem === undefined);
  expect(bodyOf(await asBackend(open, "GET /webhooks/w")).problem).toBe("answered 307");
  expect(inside.taken).toEqual([]);
});

test("one that never answers is given up in time, and does not keep the server from stopping", async () => {
  using silent = startReceiver(() => new Promise(() => {}));
  await using server = await startTestServer({ env: { ...allowed, ROOST_WEBHOOKS_TIMEOUT: "1 s" } });
  const [alice = ""] = await enroll(server, "alice");
  await room(server, "team", "alice");
  await asBackend(server, "PUT /webhooks/w", { url: silent.url });
  await say(server, alice, "team", "hello");
  while (bodyOf(await asBackend(server, "GET /webhooks/w")).problem === undefined);
  expect(bodyOf(await asBackend(server, "GET /webhooks/w")).problem).toBe("no answer (TimeoutError)");
  await say(server, alice, "team", "again");
  await server.stop();
});

test("only the backend manages webhooks, and names nothing twice", async () => {
  await using server = await startTestServer({ env: allowed });
  const [alice = ""] = await enroll(server, "alice");
  for (const as of [undefined, alice, "wrong"]) {
    for (const request of ["GET /webhooks", "PUT /webhooks/w", "GET /webhooks/w", "DELETE /webhooks/w"]) {
      expect([request, (await call(server, request, { as })).status]).toEqual([request, 401]);
    }
  }
  const secret = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  const url = "http://127.0.0.1:9/";
  expect(bodyOf(await asBackend(server, "PUT /webhooks/w", { url, secret })).secret).toBe(secret);
  expect(bodyOf(await asBackend(server, "PUT /webhooks/w", { url: `${url}new` })).secret).toBeUndefined();
  expect((await server.domain.store.listWebhooks()).map((one) => [one.name, one.url, one.secret])).toEqual([
    ["w", `${url}new`, secret],
  ]);
  for (const bad of ["whsec_short", "plain", `whsec_${"A".repeat(200)}`]) {
    expect((await asBackend(server, "PUT /webhooks/w", { url, secret: bad })).status).toBe(400);
  }
});
