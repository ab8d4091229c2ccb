/** `chat/{chatID}/changes` through real sockets: edits, deletions and reactions are published, heard and asked for. */
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

async function send(server: TestServer, phone: Phone, chatID: string, content: string): Promise<string> {
  const answer = await call(server, "POST /messages", { as: phone.token, body: { chatID, content } });
  return JSON.parse(answer.text).message_id;
}

test("changes are heard on their own topic alone, and what is asked for is answered to the asking session", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await using other = await connect(server, "ben", tokens[1] ?? "");
  await ben.client.subscribeAsync(["chat/+/changes", "chat/team/messages"], { qos: 1 });
  await other.client.subscribeAsync("chat/team/messages", { qos: 1 });
  const [id, second] = [await send(server, anna, "team", "first words"), await send(server, anna, "team", "second")];
  await until("two messages", () => ben.heard.length === 2 && other.heard.length === 2);
  for (const phone of [ben, other]) phone.heard.splice(0);
  expect(await anna.say("chat/team/changes", { edit: id, content: "other words @ben" })).toBe(0);
  expect(await ben.say("chat/team/changes", { react: id, reaction: "👍" })).toBe(0);
  expect(await ben.say("chat/team/changes", { react: Number(id), reaction: "👍", remove: true })).toBe(0);
  expect(await anna.say("chat/team/changes", { delete: second })).toBe(0);
  const heard = await ben.fence();
  expect(heard.map(({ topic, qos }) => [topic, qos])).toEqual(Array(4).fill(["chat/team/changes", 0]));
  const place = { message_id: id, seq: 1, chatID: "team" };
  expect(heard.map(({ value }) => value)).toMatchObject([
    {
      change: "edited",
      revision: 1,
      message: { ...place, content: "other words @ben", mentions: [expect.any(String)] },
    },
    { change: "reacted", revision: 2, ...place, reaction: "👍", added: true, reactions: [{ count: 1 }] },
    { change: "reacted", revision: 3, ...place, reaction: "👍", added: false, reactions: [] },
    { change: "deleted", revision: 4, message_id: second, seq: 2 },
  ]);
  expect(await other.fence()).toEqual([]);

  // Without a subscription, by the response topic or on the topic of the request.
  const properties = { responseTopic: "answers/anna", correlationData: Buffer.from("q1") };
  await anna.say("chat/team/changes", { after: 1 }, properties);
  await anna.say("chat/team/changes", { after: 1, limit: 1 });
  await anna.say("chat/team/changes", { after: 99 });
  await until("three answers", () => anna.heard.length === 3);
  const changes = [
    { change: "changed", revision: 3, message: { message_id: id, content: "other words @ben" } },
    { change: "deleted", revision: 4, message_id: second },
  ];
  expect(anna.heard).toMatchObject([
    {
      topic: "answers/anna",
      correlation: "q1",
      value: { chatID: "team", epoch: server.domain.epoch, changes, revision: 4, more: false, reset: false },
    },
    { topic: "chat/team/changes", value: { changes: changes.slice(0, 1), revision: 3, more: true } },
    { topic: "chat/team/changes", value: { changes: [], revision: 4, reset: true } },
  ]);
  expect((await ben.fence()).concat(await other.fence())).toEqual([]);
});

test("a wildcard hears both, at MQTT 3.1.1 too, and a message may answer and name", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "", { protocolVersion: 4 });
  await using ben = await connect(server, "ben", tokens[1] ?? "", { protocolVersion: 4 });
  await ben.client.subscribeAsync("chat/#", { qos: 1 });
  const id = await send(server, anna, "team", "lunch?");
  const annaId = String((await server.store.findUserByKey("anna"))?.userId);
  await ben.say("chat/team/send", { content: "yes", reply_to: id, mentions: [annaId, "7"] });
  await anna.say("chat/team/changes", { edit: id, content: "dinner?" });
  await until("three", () => ben.heard.filter(({ topic }) => !topic.endsWith("receipts")).length === 3);
  const told = ben.heard.filter(({ topic }) => !topic.endsWith("receipts"));
  expect(told.map(({ topic, value }) => [topic, value.content ?? value.message?.content])).toEqual([
    ["chat/team/messages", "lunch?"],
    ["chat/team/messages", "yes"],
    ["chat/team/changes", "dinner?"],
  ]);
  expect(told[1]?.value).toMatchObject({ reply_to: id, mentions: [annaId] });
});

test("what is wrong is refused in MQTT's words, alike for what is not there and what is not theirs", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await using eve = await connect(server, "eve", tokens[2] ?? "");
  await room(server, "other", "anna", "eve");
  const [id, gone] = [await send(server, anna, "team", "mine"), await send(server, anna, "team", "gone")];
  const elsewhere = await send(server, anna, "other", "elsewhere");
  await anna.say("chat/team/changes", { delete: gone });
  for (const message of [gone, elsewhere, "999999", "word"]) {
    for (const change of [{ edit: message, content: "x" }, { delete: message }, { react: message, reaction: "x" }]) {
      const code = await anna.say("chat/team/changes", change);
      expect([change, code]).toEqual([change, message === "word" ? wrongFormat : unauthorized]);
    }
  }
  expect(await ben.say("chat/team/changes", { edit: id, content: "his?" })).toBe(unauthorized);
  for (const topic of ["chat/team/changes", "chat/nowhere/changes"]) {
    for (const change of [{ edit: id, content: "x" }, { delete: id }, { react: id, reaction: "x" }, { after: 0 }]) {
      expect([change, await eve.say(topic, change)]).toEqual([change, unauthorized]);
    }
  }
  for (const wrong of [
    "text",
    "[]",
    "{}",
    { edit: id },
    { edit: id, content: 5 },
    { edit: id, content: "x", delete: id },
    { edit: id, content: "x", encoding: "base64" },
    { edit: id, content: "x", mentions: "all" },
    { edit: id, content: "x", mentions: Array(33).fill("1") },
    { react: id, reaction: "ok" },
    { react: id, reaction: "👍".repeat(200_000) },
    { react: id, reaction: "x", remove: 1 },
    { after: -1 },
    { after: 0, limit: 0 },
    { after: 0, epoch: 5 },
  ]) {
    const code = await anna.say("chat/team/changes", wrong);
    expect([JSON.stringify(wrong).slice(0, 60), code]).toEqual([JSON.stringify(wrong).slice(0, 60), wrongFormat]);
  }
  for (let kind = 0; kind < 20; kind += 1) {
    await anna.say("chat/team/changes", { react: id, reaction: String.fromCharCode(65 + kind) });
  }
  expect(await anna.say("chat/team/changes", { react: id, reaction: "Z" })).toBe(0x97);
  expect(await anna.say("chat/team/send", { content: "x", reply_to: elsewhere })).toBe(unauthorized);
  expect(await anna.say("chat/team/send", { content: "x", reply_to: {} })).toBe(wrongFormat);
});

test("who left hears nothing more, and a blocked user hears of deletions alone", async () => {
  const { server, tokens } = await stage();
  await using _ = server;
  await using anna = await connect(server, "anna", tokens[0] ?? "");
  await using ben = await connect(server, "ben", tokens[1] ?? "");
  await ben.client.subscribeAsync("chat/+/changes", { qos: 1 });
  const ids = ["anna", "ben"].map(async (key) => (await server.store.findUserByKey(key))?.userId);
  const [annaId = 0, benId = 0] = await Promise.all(ids);
  const direct = `direct.${annaId}.${benId}`;
  const said = await send(server, anna, `user.${benId}`, "between us");
  const theirs = await send(server, anna, direct, "gone soon");
  await server.domain.contacts.block(annaId as never, benId);
  await anna.say(`chat/${direct}/changes`, { edit: said, content: "unheard" });
  await anna.say(`chat/${direct}/changes`, { delete: theirs });
  expect((await ben.fence()).map(({ value }) => value.change)).toEqual(["deleted"]);
  expect(await ben.say(`chat/${direct}/changes`, { react: said, reaction: "x" })).toBe(unauthorized);

  const group = await send(server, anna, "team", "before");
  await server.domain.chats.leave(benId as never, { key: "team" });
  await anna.say("chat/team/changes", { edit: group, content: "after" });
  // A direct chat with oneself is a fence that needs no other chat.
  await send(server, ben, `user.${benId}`, "to myself");
  await ben.say(`chat/user.${benId}/changes`, { after: 0 }, { responseTopic: "fence" });
  await until("the fence", () => ben.heard.some(({ topic }) => topic === "fence"));
  expect(ben.heard.filter(({ topic }) => topic !== "fence")).toEqual([]);
  expect(await ben.say("chat/team/changes", { after: 0 })).toBe(unauthorized);
});
