/** Receipts over REST: how far others have got since a cursor, and who got and read one message. */
import { expect, test } from "bun:test";
import type { ReceiptRule } from "../../src/domain/model.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { call, enroll, type RunningServer, room, say } from "./client.ts";

interface Reached {
  readonly type: string;
  readonly chatID: string;
  readonly through: number;
  readonly users: readonly { readonly user_id: string; readonly userID: string; readonly GUID: string }[];
}

interface Page {
  readonly messages: readonly { readonly content: string }[];
  readonly events: readonly (Reached & { readonly event_id?: string })[];
  readonly next: string;
}

async function fetchPage(server: RunningServer, as: string, query = ""): Promise<Page> {
  const answer = await call(server, `GET /messages?format=simple&receipts=true${query}`, { as });
  if (answer.status !== 200) throw new Error(`GET /messages answered ${answer.status}: ${answer.text}`);
  return JSON.parse(answer.text);
}

const textsOf = (events: Page["events"]): string[] =>
  events
    .filter(({ type }) => type === "delivered" || type === "read")
    .map(({ type, chatID, through, users }) => `${chatID} ${users[0]?.userID} ${type} ${through}`)
    .toSorted();

async function confirm(
  server: RunningServer,
  as: string,
  chatID: string,
  through: number,
  messageStatus = "delivered",
) {
  const body = { statuses: [{ chatID, through, messageStatus }] };
  expect((await call(server, "POST /messages", { as, body })).status).toBe(200);
}

async function idOf(server: TestServer, userID: string) {
  const user = await server.store.findUserByKey(userID);
  if (user === undefined) throw new Error(`no user ${userID}`);
  return user.userId;
}

const setRule = async (server: TestServer, userID: string, rule: ReceiptRule) =>
  server.domain.deliveries.setReceiptRule(await idOf(server, userID), rule);

const messageIdOf = (answer: { text: string }): string => JSON.parse(answer.text).message_id;

test("one entry for each chat, recipient and direction, beside what limit counts, and each once", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben", "carl");
  const { next: begin } = await fetchPage(server, anna);
  for (const content of ["one", "two", "three"]) await say(server, anna, "team", content);
  await say(server, ben, "team", "four");
  await say(server, ben, "team", "five");
  await confirm(server, ben, "team", 2);
  await confirm(server, ben, "team", 3);
  await confirm(server, carl, "team", 3);
  await confirm(server, carl, "team", 2, "read");
  const page = await fetchPage(server, anna, `&limit=1&after=${begin}`);
  expect(page.messages.map(({ content }) => content)).toEqual(["four"]);
  expect(textsOf(page.events)).toEqual(["team ben delivered 3", "team carl delivered 3", "team carl read 2"]);
  const [entry] = page.events.filter(({ type }) => type === "delivered");
  expect(Object.keys(entry ?? {})).toEqual(["type", "chat_id", "chatID", "through", "users"]);
  expect(entry?.users[0]).toMatchObject({ userID: "ben", user_id: String(await idOf(server, "ben")) });
  const after = await fetchPage(server, anna, `&limit=1&after=${page.next}`);
  expect([after.messages.map(({ content }) => content), textsOf(after.events)]).toEqual([["five"], []]);
  // Who wrote none of these messages is not told of them, and who does not ask neither.
  await confirm(server, ben, "team", 5, "read");
  expect(textsOf((await fetchPage(server, carl, `&after=${begin}`)).events)).toEqual([]);
  const unasked = await call(server, `GET /messages?format=simple&after=${after.next}`, { as: anna });
  const { events, next } = JSON.parse(unasked.text);
  expect(textsOf(events)).toEqual([]);
  // The cursor of a request that did not ask keeps the place; a restart changes nothing.
  await using again = await server.restart();
  expect(textsOf((await fetchPage(again, anna, `&after=${next}`)).events)).toEqual([
    "team ben delivered 5",
    "team ben read 5",
  ]);
});

test("what users let others know is kept to, blocks too, and larger chats have counts alone", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = "", carl = "", dora = ""] = await enroll(server, "anna", "ben", "carl", "dora");
  await room(server, "team", "anna", "ben", "carl", "dora");
  const many = await enroll(server, ...Array.from({ length: 256 }, (_, at) => `m${at}`));
  await room(server, "crowd", "anna", "ben", ...many.map((_, at) => `m${at}`));
  await setRule(server, "ben", "delivered");
  await setRule(server, "carl", "none");
  const { next } = await fetchPage(server, anna);
  const doraId = await idOf(server, "dora");
  const direct = `user.${doraId}`;
  const sent = [
    await say(server, anna, "team", "hello"),
    await say(server, anna, "crowd", "hello"),
    await say(server, anna, direct, "hello"),
  ].map(messageIdOf);
  const annaId = await idOf(server, "anna");
  for (const one of [ben, carl, dora]) await confirm(server, one, "team", 1, "read");
  for (const one of [ben, ...many.slice(0, 9)]) await confirm(server, one, "crowd", 1, "read");
  await confirm(server, dora, `user.${annaId}`, 1, "read");
  const directKey = `direct.${annaId}.${doraId}`;
  expect(textsOf((await fetchPage(server, anna, `&after=${next}`)).events)).toEqual(
    [
      "team ben delivered 1",
      "team dora delivered 1",
      "team dora read 1",
      `${directKey} dora delivered 1`,
      `${directKey} dora read 1`,
    ].toSorted(),
  );
  const receiptsOf = async (id: string | undefined, as = anna) => {
    const { status, text } = await call(server, `GET /messages/${id}/receipts`, { as });
    return { status, ...JSON.parse(text) };
  };
  const benId = String(await idOf(server, "ben"));
  expect(await receiptsOf(sent[0])).toEqual({
    status: 200,
    message_id: sent[0],
    seq: 1,
    chat_id: expect.any(String),
    chatID: "team",
    members: 4,
    delivered: 2,
    read: 1,
    receipts: [
      { chat_id: expect.any(String), chatID: "team", user_id: String(annaId), delivered: 0, read: 0 },
      { chat_id: expect.any(String), chatID: "team", user_id: benId, delivered: 1 },
      { chat_id: expect.any(String), chatID: "team", user_id: String(doraId), delivered: 1, read: 1 },
    ],
  });
  const crowd = await receiptsOf(sent[1]);
  expect(crowd).toMatchObject({ members: 258, delivered: 10, read: 9 });
  expect(Object.keys(crowd)).not.toContain("receipts");
  await server.store.blockContact({ userId: doraId, contactId: annaId });
  const { delivered, read, receipts } = await receiptsOf(sent[2]);
  expect([delivered, read, receipts.map(({ user_id }: { user_id: string }) => user_id)]).toEqual([
    0,
    0,
    [String(annaId)],
  ]);
  expect(textsOf((await fetchPage(server, anna, `&after=${next}`)).events)).not.toContain(`${directKey} dora read 1`);
  // Not theirs, deleted, none, no id: one answer.
  await call(server, `DELETE /messages/${sent[0]}`, { as: anna });
  for (const [id, as] of [
    [sent[1], carl],
    [sent[0], ben],
    ["999999", anna],
    ["e1", anna],
  ] as const) {
    expect(await receiptsOf(id, as)).toMatchObject({ status: 404, error: "messageID not found" });
  }
});

test("a request that waits is woken by a burst of receipts once, and a stream goes on behind its last id", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  await room(server, "team", "anna", "ben");
  let { next } = await fetchPage(server, anna);
  for (const content of ["one", "two", "three"]) await say(server, anna, "team", content);
  const waiting = fetchPage(server, anna, `&wait=30&after=${next}`);
  await until("a request that waits", () => server.hub.size().sinks === 1);
  for (const through of [1, 2, 3]) await confirm(server, ben, "team", through);
  const page = await waiting;
  expect(textsOf(page.events)).toEqual(["team ben delivered 3"]);
  next = page.next;

  const stream = async (id: string) => {
    const headers = { Authorization: `Bearer ${anna}`, Accept: "text/event-stream", "Last-Event-ID": id };
    const ending = new AbortController();
    const { body } = await fetch(`http://${server.http}/messages?receipts=true`, { headers, signal: ending.signal });
    let text = "";
    const reading = (async () => {
      for await (const bytes of body ?? []) text += Buffer.from(bytes).toString();
    })().catch(() => {});
    const end = (): Promise<void> => {
      ending.abort();
      return reading;
    };
    return { text: () => text, end };
  };
  const one = await stream(next);
  await until("a stream", () => server.hub.size().sinks === 1);
  await confirm(server, ben, "team", 2, "read");
  await until("the receipt", () => one.text().includes("data: "));
  await one.end();
  const [, id = "", data = ""] = /event: event\nid: (.*)\ndata: (.*)\n\n$/.exec(one.text()) ?? [];
  expect(JSON.parse(data)).toMatchObject({ type: "read", chatID: "team", through: 2, users: [{ userID: "ben" }] });
  await until("the stream is gone", () => server.hub.size().sinks === 0);
  const two = await stream(id);
  await until("a stream", () => server.hub.size().sinks === 1);
  await confirm(server, ben, "team", 3, "read");
  await until("the receipt", () => two.text().includes("data: "));
  await two.end();
  expect(two.text().match(/"through":\d/g)).toEqual(['"through":3']);
});

test("a blocked user's read confirms what was delivered and says nothing more, in both forms of a status", async () => {
  await using server = await startTestServer();
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  const [annaId, benId] = [await idOf(server, "anna"), await idOf(server, "ben")];
  for (const content of ["one", "two", "three"]) await say(server, anna, `user.${benId}`, content);
  const place = async () => {
    const { text } = await call(server, "GET /chats", { as: ben });
    const [{ delivered_seq: delivered, read_seq: read }] = JSON.parse(text).chats;
    return { delivered, read };
  };
  await server.domain.contacts.block(annaId, benId);
  const { messages } = await fetchPage(server, ben);
  const [first] = messages as unknown as { message_id: string }[];
  const status = { messageID: first?.message_id, messageStatus: "read" };
  const answer = await call(server, "POST /messages", { as: ben, body: { statuses: [status] } });
  // As for a chat that is not the user's: no error, and nothing said.
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { statuses: [first?.message_id] }]);
  expect(await place()).toEqual({ delivered: 1, read: 0 });
  await confirm(server, ben, `user.${annaId}`, 3, "read");
  expect(await place()).toEqual({ delivered: 3, read: 0 });
  expect((await fetchPage(server, ben)).messages).toEqual([]);
  await server.domain.contacts.unblock(annaId, benId);
  await confirm(server, ben, `user.${annaId}`, 3, "read");
  expect(await place()).toEqual({ delivered: 3, read: 3 });
});
