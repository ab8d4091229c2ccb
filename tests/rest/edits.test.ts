/** docs/protocols/rest.md § Changes: messages are edited, deleted and reacted to, and those who were away ask for it. */
import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { call, enroll, inboxOf, room } from "./client.ts";

async function stage() {
  const server = await startTestServer();
  const [anna = "", ben = "", eve = ""] = await enroll(server, "anna", "ben", "eve");
  await room(server, "team", "anna", "ben");
  return { server, anna, ben, eve };
}

/** The body of an answer that must be 200. */
async function ok(server: TestServer, as: string, request: string, body?: unknown, headers = {}) {
  const answer = await call(server, request, { as, body, headers });
  expect({ request, status: answer.status, text: answer.text }).toMatchObject({ request, status: 200 });
  return JSON.parse(answer.text);
}

const send = (server: TestServer, as: string, content: string, more: object = {}) =>
  ok(server, as, "POST /messages", { chatID: "team", content, ...more });

const idOf = async (server: TestServer, as: string): Promise<string> => (await ok(server, as, "GET /users/me")).user_id;

test("an edit replaces the message in the history, in what waits, and in a page that was read before", async () => {
  const { server, anna, ben } = await stage();
  await using _ = server;
  const { message_id: id } = await send(server, anna, "first words", { clientID: "c1" });
  const history = () => ok(server, ben, "GET /chats/team/messages");
  const before = (await history()).messages[0];
  expect(Object.keys(before)).not.toContain("revision");
  const edited = await ok(server, anna, `PATCH /messages/${id}`, { content: "other words" });
  expect(edited).toEqual({ ...before, content: "other words", revision: 1, edited: expect.any(String) });
  expect((await history()).messages).toEqual([edited]);
  expect((await inboxOf(server, ben)).messages).toEqual([edited]);
  expect(await ok(server, anna, `PATCH /messages/${id}`, { content: "other words" })).toEqual(edited);
  expect((await ok(server, ben, "GET /chats")).chats).toMatchObject([{ chatID: "team", revision: 1 }]);
});

test("who waits hears of changes at once, and the signed form has no words for them", async () => {
  const { server, anna, ben } = await stage();
  await using _ = server;
  const { message_id: id } = await send(server, anna, "first words");
  const { next } = await inboxOf(server, ben);
  const waiting = (query: string) => ok(server, ben, `GET /messages?wait=30&${query}`);
  const heard = async (change: () => Promise<unknown>) => {
    const simple = waiting(`format=simple&after=${next}`);
    await until("a request that waits", () => server.hub.size().sinks === 1);
    await change();
    return (await simple).events;
  };
  const edited = { type: "change", change: "edited", revision: 1, message: { message_id: id, content: "other" } };
  expect(await heard(() => ok(server, anna, `PATCH /messages/${id}`, { content: "other" }))).toMatchObject([edited]);
  const user_id = await idOf(server, anna);
  const reacted = {
    type: "change",
    change: "reacted",
    revision: 2,
    message_id: id,
    user_id,
    reaction: "👍",
    added: true,
  };
  expect(await heard(() => ok(server, anna, `PUT /messages/${id}/reactions/👍`))).toMatchObject([reacted]);
  const deleted = { type: "change", change: "deleted", revision: 3, message_id: id, seq: 1, chatID: "team" };
  expect(await heard(() => ok(server, anna, `DELETE /messages/${id}`))).toMatchObject([deleted]);
  // What waits in the signed form sleeps on, and is answered by the next message.
  const statuses = (await inboxOf(server, ben)).events.map(({ event_id: messageID }) => ({
    messageID,
    messageStatus: "delivered",
  }));
  await ok(server, ben, "POST /messages", { statuses });
  const signed = waiting("");
  await until("a request that waits", () => server.hub.size().sinks === 1);
  const { message_id: another } = await send(server, ben, "mine");
  await ok(server, ben, `PATCH /messages/${another}`, { content: "mine, edited" });
  await send(server, anna, "hello");
  const { incomingEvents } = await signed;
  expect(incomingEvents.messages).toMatchObject([{ messageText: "hello" }]);
  expect(Object.keys(incomingEvents).toSorted()).toEqual(["messages", "timestamp"]);
});

test("who was away asks for what changed after the revision they know", async () => {
  const { server, anna, ben } = await stage();
  await using _ = server;
  const ids: string[] = [];
  for (const content of ["one", "two", "three"]) ids.push((await send(server, anna, content)).message_id);
  const [one, two, three] = ids;
  await ok(server, anna, `PATCH /messages/${one}`, { content: "one, edited" });
  await ok(server, anna, `DELETE /messages/${two}`);
  await ok(server, ben, `PUT /messages/${three}/reactions/👍`);
  await ok(server, anna, `PUT /messages/${three}/reactions/👍`);
  await ok(server, anna, `DELETE /messages/${three}/reactions/👍`);
  const ask = (query = "") => ok(server, ben, `GET /chats/team/changes${query}`);
  const { epoch } = await ok(server, ben, "GET /chats");
  const all = await ask();
  const reactions = [{ reaction: "👍", count: 1, user_ids: [await idOf(server, ben)] }];
  expect(all).toMatchObject({ epoch, revision: 5, more: false, reset: false });
  expect(all.changes).toMatchObject([
    { change: "changed", revision: 1, message: { message_id: one, content: "one, edited" } },
    { change: "deleted", revision: 2, message_id: two, seq: 2, chatID: "team" },
    { change: "changed", revision: 5, message: { message_id: three, content: "three", reactions } },
  ]);
  expect(await ask("?limit=1")).toMatchObject({ revision: 1, more: true, changes: [{ revision: 1 }] });
  expect(await ask(`?after=1&epoch=${epoch}`)).toMatchObject({
    revision: 5,
    changes: [{ revision: 2 }, { revision: 5 }],
  });
  expect(await ask("?after=5")).toMatchObject({ revision: 5, changes: [], reset: false });
  for (const query of ["?after=6", "?after=1&epoch=another"]) {
    expect(await ask(query)).toEqual({ epoch, revision: 5, changes: [], more: false, reset: true });
  }
});

test("a cursor of another data folder begins with what waits", async () => {
  const { server, anna, ben } = await stage();
  await using _ = server;
  await send(server, anna, "hello");
  const foreign = Buffer.from("2.0000000000000000.900.900.900").toString("base64url");
  const page = await inboxOf(server, ben, `&after=${foreign}`);
  expect(page.messages.map(({ content }) => content)).toEqual(["hello"]);
  expect(page).toMatchObject({ waiting: 1 });
  expect((await inboxOf(server, ben, `&after=${page.next}`)).messages).toEqual([]);
});

test("a message answers another one and names members, in each shape of our own", async () => {
  const { server, anna, ben, eve } = await stage();
  await using _ = server;
  const first = (await send(server, anna, "lunch?")).message_id;
  await send(server, ben, "yes @anna", { reply_to: first });
  const [annaId, eveId] = [await idOf(server, anna), await idOf(server, eve)];
  await send(server, ben, "who?", { mentions: [annaId, eveId, Number(annaId)] });
  expect((await inboxOf(server, anna)).messages).toMatchObject([
    { content: "yes @anna", reply_to: first, mentions: [annaId] },
    { content: "who?", mentions: [annaId] },
  ]);
  const refused = await call(server, "POST /messages", {
    as: ben,
    body: { chatID: "team", content: "", reply_to: "99" },
  });
  expect([refused.status, JSON.parse(refused.text).error]).toEqual([404, "messageID not found"]);
  const many = { chatID: "team", content: "", mentions: Array.from({ length: 33 }, () => annaId) };
  expect((await call(server, "POST /messages", { as: ben, body: many })).status).toBe(400);
});

test("strangers, and members whose message it is not, get the answer of no message", async () => {
  const { server, anna, ben, eve } = await stage();
  await using _ = server;
  const { message_id: id } = await send(server, anna, "mine");
  const gone = (await send(server, anna, "gone")).message_id;
  await ok(server, anna, `DELETE /messages/${gone}`);
  const refusal = async (as: string, request: string, body?: unknown) => {
    const answer = await call(server, request, { as, body });
    const { title: _title, ...problem } = JSON.parse(answer.text);
    return problem;
  };
  const none = await refusal(anna, "PATCH /messages/999999", { content: "x" });
  expect(none).toMatchObject({ status: 404, error: "messageID not found" });
  for (const [as, of] of [
    [ben, id],
    [eve, id],
    [anna, gone],
    [anna, "word"],
  ] as const) {
    expect(await refusal(as, `PATCH /messages/${of}`, { content: "x" })).toEqual(none);
    if (of !== id || as === eve) expect(await refusal(as, `PUT /messages/${of}/reactions/👍`)).toEqual(none);
    if (of !== id || as === eve) expect(await refusal(as, `DELETE /messages/${of}`)).toEqual(none);
  }
  expect(await refusal(ben, `DELETE /messages/${id}`)).toMatchObject({ status: 403, error: "Not authorized" });
  expect(await refusal(eve, "GET /chats/team/changes")).toEqual(await refusal(eve, "GET /chats/nowhere/changes"));
  for (const wrong of ["👍👍", "ok", "%20", "%00", encodeURIComponent("👍".repeat(1000))]) {
    expect(await refusal(anna, `PUT /messages/${id}/reactions/${wrong}`)).toMatchObject({ status: 400 });
  }
});

test("an edit with an idempotency key is done once", async () => {
  const { server, anna } = await stage();
  await using _ = server;
  const { message_id: id } = await send(server, anna, "one");
  const key = { "Idempotency-Key": "k" };
  const first = await ok(server, anna, `PATCH /messages/${id}`, { content: "two" }, key);
  await ok(server, anna, `PATCH /messages/${id}`, { content: "three" });
  expect(await ok(server, anna, `PATCH /messages/${id}`, { content: "two" }, key)).toEqual(first);
  expect((await ok(server, anna, "GET /chats/team/messages")).messages).toMatchObject([
    { content: "three", revision: 2 },
  ]);
});
