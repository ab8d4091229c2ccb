/** `chat/{chatID}/history` through real sockets: what was said before is asked for in pages, and answered to the asking session alone. */
import { expect, test } from "bun:test";
import { call, enroll, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { connect, type Phone, unauthorized, wrongFormat } from "./phone.ts";

async function stage() {
  const server = await startTestServer();
  const tokens = await enroll(server, "anna", "ben", "eve");
  await room(server, "team", "anna", "ben");
  return { server, tokens };
}

async function send(server: TestServer, phone: Phone, ...contents: readonly string[]): Promise<void> {
  const body = contents.map((content) => ({ chatID: "team", content }));
  expect((await call(server, "POST /messages", { as: phone.token, body })).status).toBe(200);
}

/** The page that an MQTT 5 client is answered with. */
async function ask(phone: Phone, request: unknown, topic = "chat/team/history") {
  expect([request, await phone.say(topic, request, { responseTopic: "page" })]).toEqual([request, 0]);
  await until("the page", () => phone.heard.length > 0);
  const [answer, ...others] = phone.heard.splice(0);
  expect([answer?.topic, others]).toEqual(["page", []]);
  return answer?.value;
}

const seqs = ({ messages, next }: { messages: { seq: number }[]; next: number | null }) => [
  messages.map(({ seq }) => seq),
  next,
];

test("pages go back from the newest message, or on from any, and are those of the other doors", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await send(server, anna, ...Array.from({ length: 7 }, (_, index) => `message ${index + 1}`));
  expect(seqs(await ask(ben, { limit: 3 }))).toEqual([[5, 6, 7], 5]);
  expect(seqs(await ask(ben, { before_seq: 5, limit: 3 }))).toEqual([[2, 3, 4], 2]);
  expect(seqs(await ask(ben, { before_seq: 2, limit: 3 }))).toEqual([[1], null]);
  expect(seqs(await ask(ben, { before_seq: 1 }))).toEqual([[], null]);
  expect(seqs(await ask(ben, { after_seq: 0, limit: 4 }))).toEqual([[1, 2, 3, 4], 4]);
  expect(seqs(await ask(ben, { after_seq: 4, limit: 4 }))).toEqual([[5, 6, 7], null]);
  expect(seqs(await ask(ben, { after_seq: 2, before_seq: 5 }))).toEqual([[3, 4], null]);
  expect(seqs(await ask(ben, { after_seq: 7 }))).toEqual([[], null]);
  expect(seqs(await ask(ben, { after_seq: Number.MAX_SAFE_INTEGER }))).toEqual([[], null]);
  expect(seqs(await ask(ben, { before_seq: Number.MAX_SAFE_INTEGER, limit: 1_000_000 }))).toEqual([
    [1, 2, 3, 4, 5, 6, 7],
    null,
  ]);
  const page = await ask(ben, "");
  const { text } = await call(server, "GET /chats/team/messages", { as: ben.token });
  expect({ messages: page.messages, next: page.next }).toEqual(JSON.parse(text));
  expect(page).toMatchObject({ epoch: server.domain.epoch, chatID: "team", revision: 0 });

  await server.domain.messages.remove(
    (await server.store.findUserByKey("anna"))?.userId as never,
    page.messages[6].message_id,
  );
  const after = await ask(ben, { limit: 1 });
  expect(after).toMatchObject({ revision: 1, messages: [{ seq: 7, type: "deleted", content: "" }] });
});

test("the answer comes to the asking session alone: on its own topic, or where MQTT 5 says, with its correlation", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await using other = await connect(server, "ben", tokens[1] ?? "");
  await using old = await connect(server, "ben", tokens[1] ?? "", { protocolVersion: 4 });
  await send(server, anna, "hello");
  for (const phone of [ben, other, old]) await phone.client.subscribeAsync("chat/+/history", { qos: 1 });
  expect(await old.say("chat/team/history/get", { limit: 1 })).toBe(0);
  expect(await old.say("chat/team/history", { limit: 1 })).toBe(0);
  await until("two pages", () => old.heard.length === 2);
  expect(old.heard).toMatchObject(
    Array(2).fill({ topic: "chat/team/history", qos: 1, value: { messages: [{ content: "hello" }], next: null } }),
  );
  const correlationData = Buffer.from("q1");
  await ben.say("chat/team/history", "", { responseTopic: "answers/ben", correlationData });
  await ben.say("chat/team/history/get", "", { correlationData });
  await until("two answers", () => ben.heard.length === 2);
  expect(ben.heard.map(({ topic, correlation }) => [topic, correlation])).toEqual([
    ["answers/ben", "q1"],
    ["chat/team/history", "q1"],
  ]);
  expect(await other.fence()).toEqual([]);
  expect(await anna.fence()).toEqual([]);
});

test("what is no request, and what is not one's own, is refused in MQTT's words", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await using eve = await connect(server, "eve", tokens[2] ?? "");
  await send(server, anna, "secret");
  for (const wrong of [
    "text",
    "[]",
    "null",
    { limit: 0 },
    { limit: "3" },
    { limit: 1.5 },
    { after_seq: -1 },
    { after_seq: "1" },
    { before_seq: -(2 ** 60) },
    { before_seq: 2 ** 60 },
    `{"limit":1,"x":"${"x".repeat(2000)}"}`,
  ]) {
    const code = await ben.say("chat/team/history", wrong);
    expect([JSON.stringify(wrong).slice(0, 60), code]).toEqual([JSON.stringify(wrong).slice(0, 60), wrongFormat]);
  }
  for (const topic of [
    "chat/team/history",
    "chat/nowhere/history",
    "chat/chat.1/history/get",
    "chat/user.999999/history",
  ]) {
    expect([topic, await eve.say(topic, "")]).toEqual([topic, unauthorized]);
  }
  await server.domain.chats.leave((await server.store.findUserByKey("ben"))?.userId as never, { key: "team" });
  expect(await ben.say("chat/team/history", "")).toBe(unauthorized);
  expect([ben.heard, eve.heard]).toEqual([[], []]);
});

test("a page has at most 256 KiB of content, and one message at least", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  const large = "x".repeat(60_000);
  await send(server, anna, ...Array.from({ length: 8 }, () => large));
  const first = await ask(anna, {});
  expect(seqs(first)).toEqual([[4, 5, 6, 7, 8], 4]);
  expect(seqs(await ask(anna, { before_seq: first.next }))).toEqual([[1, 2, 3], null]);
  await send(server, anna, "y".repeat(400_000));
  const [only] = (await ask(anna, { limit: 5 })).messages;
  expect([only.seq, only.content.length]).toEqual([9, 400_000]);
});
