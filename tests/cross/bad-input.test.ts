/**
 * What no client should send, sent to the executable at every door: ids of nothing and of others, numbers out of every range,
 * changes of what is deleted, text that means something elsewhere, hooks that are guessed, and floods. Each is answered in its
 * door's words; what is another's and what is not there are answered alike; and the server stays as it was.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "mqtt-packet";
import { encodeTerm } from "../../src/etf/encode.ts";
import { roost } from "../cli/roost.ts";
import { atom, binary, tuple } from "../erlang-terms/conversation-stage.ts";
import { readProcessStats } from "../load/process-stats.ts";
import { type Action, MiniClient } from "../minioicq/client.ts";
import { call, enroll, room, say } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-bad-input-"));
const data = join(folder, "data");
let server: BinaryServer;
/** Anna and Ben are in the chats `team` and `board`; Mallory is in `team` alone. */
let tokens: Readonly<Record<"anna" | "ben" | "mallory", string>>;
/** A message of Anna's in each, one of Mallory's, and one of Mallory's that is deleted. */
let ids: Readonly<Record<"team" | "board" | "own" | "deleted", string>>;
let boardId = "";

beforeAll(async () => {
  server = await startBinary(data);
  const [anna = "", ben = "", mallory = ""] = await enroll(server, "anna", "ben", "mallory");
  tokens = { anna, ben, mallory };
  await room(server, "team", "anna", "ben", "mallory");
  await room(server, "board", "anna", "ben");
  await room(server, "alarms", "anna");
  const said = async (token: string, chat: string, content: string) => {
    const sent = JSON.parse((await say(server, token, chat, content)).text) as { message_id: string; chat_id: string };
    if (chat === "board") boardId = sent.chat_id;
    return sent.message_id;
  };
  ids = {
    team: await said(anna, "team", "for all"),
    board: await said(anna, "board", "the board alone knows"),
    own: await said(mallory, "team", "hello"),
    deleted: await said(mallory, "team", "soon gone"),
  };
  await call(server, `DELETE /messages/${ids.deleted}`, { as: mallory });
}, 60_000);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const unknown = "987654321";

/** An answer without what was asked for in it. */
const without = (text: string, ...names: string[]): string =>
  names.reduce((rest, name) => rest.replaceAll(`"${name}"`, '"…"'), text);

async function rest(request: string, body?: unknown): Promise<string> {
  const { status, text } = await call(server, request, { as: tokens.mallory, body });
  return `${status} ${text}`;
}

async function mini(token = tokens.mallory): Promise<MiniClient> {
  const client = await MiniClient.connect(server.http, "json", { receipts: true });
  await client.ask({ action: "auth.login", token, extensions: true });
  await client.fence();
  return client;
}

/** What a request is answered, without what is told meanwhile: that typing ended, which another test began. */
async function answerOf(client: MiniClient, request: Action): Promise<Action> {
  client.say(request);
  const frames = await client.fence();
  const answer = frames.find(({ action }) => action === "error" || action.startsWith(`${request.action}.`));
  if (answer === undefined) throw new Error(`no answer to ${request.action}: ${JSON.stringify(frames)}`);
  return answer;
}

let clients = 0;
function mqtt(userID = "mallory", token = tokens.mallory): Promise<RawMqtt> {
  clients += 1;
  const login = { username: userID, password: Buffer.from(token), clientId: `bad-${clients}` };
  return RawMqtt.connect(server.mqtt, { protocolVersion: 5, ...login });
}

/** The code of the PUBACK; the words of it, too. */
async function code(client: RawMqtt, topic: string, payload: string): Promise<string> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId: 9 }));
  const { reasonCode, properties } = await client.expect("puback");
  return `0x${(reasonCode ?? 0).toString(16)} ${properties?.reasonString ?? ""}`;
}

test("what is another's is answered as what is not there, at every door", async () => {
  const change = { content: "mine now" };
  const byId = async (id: string): Promise<string[]> => [
    await rest(`PATCH /messages/${id}`, change),
    await rest(`DELETE /messages/${id}`),
    await rest(`PUT /messages/${id}/reactions/%F0%9F%91%8D`),
    await rest(`DELETE /messages/${id}/reactions/%F0%9F%91%8D`),
    await rest(`GET /messages/${id}/receipts`),
    await rest("POST /messages", { chatID: "team", content: "yes", reply_to: id }),
    await rest("POST /messages", { statuses: [{ messageID: id, messageStatus: "read" }] }),
  ];
  const byChat = async (chat: string): Promise<string[]> => [
    await rest(`GET /chats/${chat}/messages`),
    await rest(`GET /chats/${chat}/changes?after=0`),
    await rest(`PUT /chats/${chat}/typing`, { typing: true }),
    await rest("POST /messages", { chatID: chat, content: "let me in" }),
    await rest("POST /messages", { statuses: [{ chatID: chat, through: 1, messageStatus: "read" }] }),
  ];
  using client = await mini();
  const ask = async (action: Action): Promise<string> => JSON.stringify(await answerOf(client, action));
  const byMini = async (id: string, chat: string): Promise<string[]> => [
    await ask({ action: "message.edit", message_id: id, content: "mine now" }),
    await ask({ action: "message.delete", message_id: id }),
    await ask({ action: "message.react", message_id: id, reaction: "👍" }),
    await ask({ action: "message.read", chat_id: chat, seq: 1 }),
    await ask({ action: "message.get", chat_id: chat }),
    await ask({ action: "changes.get", chat_id: chat, after: 0 }),
    await ask({ action: "receipt.list", chat_id: chat }),
    await ask({ action: "chat.typing", chat_id: chat }),
    await ask({ action: "chat.get", chat_id: chat }),
    await ask({ action: "chat.leave", chat_id: chat }),
    await ask({ action: "chat.mute", chat_id: chat }),
    await ask({ action: "message.send", message: { chat_id: chat, type: "text", content: "let me in" } }),
  ];
  await using packets = await mqtt();
  const byMqtt = async (id: string, chat: string): Promise<string[]> => [
    await code(packets, `chat/${chat}/send`, "let me in"),
    await code(packets, `chat/${chat}/typing`, '{"typing":true}'),
    await code(packets, `chat/${chat}/receipts`, '{"read":1}'),
    await code(packets, `chat/${chat}/changes`, '{"after":0}'),
    await code(packets, `chat/${chat}/history`, ""),
    await code(packets, "chat/team/changes", JSON.stringify({ edit: id, content: "mine now" })),
    await code(packets, "chat/team/changes", JSON.stringify({ delete: id })),
    await code(packets, "chat/team/changes", JSON.stringify({ react: id, reaction: "👍" })),
    await code(packets, "chat/team/receipts", JSON.stringify({ message_id: id })),
  ];
  const future = String(Number(ids.deleted) + 1000);
  const all = async (id: string, { name, number }: { name: string; number: string }): Promise<string[]> => [
    ...(await byId(id)).map((text) => without(text, id)),
    ...(await byChat(name)).map((text) => without(text, name)),
    ...(await byMini(id, number)).map((text) => without(text, id, number)),
    ...(await byMqtt(id, name)).map((text) => without(text, id, name)),
  ];
  const foreign = await all(ids.board, { name: "board", number: boardId });
  expect(await all(unknown, { name: "nowhere", number: unknown })).toEqual(foreign);
  expect(await all(future, { name: "later", number: future })).toEqual(foreign);
  expect(foreign.join("\n")).not.toContain("the board alone knows");
  expect(foreign.filter((text) => text.startsWith("5"))).toEqual([]);
  // Nothing of it happened.
  const { text } = await call(server, "GET /chats/board/messages", { as: tokens.anna });
  expect(JSON.parse(text).messages).toMatchObject([{ content: "the board alone knows", seq: 1 }]);
  expect(text).not.toContain("reactions");
});

test("strangers edit nothing, and what is deleted is changed no more", async () => {
  using client = await mini();
  await using packets = await mqtt();
  const edits = {
    rest: await rest(`PATCH /messages/${ids.team}`, { content: "mine now" }),
    mini: await answerOf(client, { action: "message.edit", message_id: ids.team, content: "mine now" }),
    mqtt: await code(packets, "chat/team/changes", JSON.stringify({ edit: ids.team, content: "mine now" })),
  };
  expect(edits.rest).toMatch(/^40[34]/);
  expect(edits.mini.action).toBe("message.edit.fail");
  expect(edits.mqtt).not.toStartWith("0x0 ");
  const gone = [
    await rest(`PATCH /messages/${ids.deleted}`, { content: "back" }),
    await rest(`PUT /messages/${ids.deleted}/reactions/%F0%9F%91%8D`),
    await rest(`DELETE /messages/${ids.deleted}`),
  ];
  for (const text of gone) expect(text).toMatch(/^40[04]/);
  for (const request of [
    { action: "message.edit", message_id: ids.deleted, content: "back" },
    { action: "message.react", message_id: ids.deleted, reaction: "👍" },
    { action: "message.delete", message_id: ids.deleted },
  ]) {
    expect((await answerOf(client, request)).action).toBe(`${request.action}.fail`);
  }
  for (const payload of [
    { edit: ids.deleted, content: "back" },
    { react: ids.deleted, reaction: "👍" },
  ]) {
    expect(await code(packets, "chat/team/changes", JSON.stringify(payload))).not.toStartWith("0x0 ");
  }
});

test("numbers out of every range, and what is no number, are refused in words or mean an end of the chat", async () => {
  const odd = [
    "-1",
    "0",
    "-0",
    "1e999",
    "NaN",
    "0x10",
    "1.5",
    "",
    " ",
    "9007199254740993",
    "99999999999999999999",
    "٣",
    "1;2",
  ];
  for (const value of odd) {
    const given = encodeURIComponent(value);
    for (const name of ["before_seq", "after_seq", "limit"]) {
      expect([name, value, await rest(`GET /chats/team/messages?${name}=${given}`)]).toEqual([
        name,
        value,
        expect.stringMatching(/^[24]/),
      ]);
    }
    expect(await rest(`GET /chats/team/changes?after=${given}`)).toMatch(/^[24]/);
    expect(await rest(`PATCH /messages/${given}`, { content: "x" })).toMatch(/^4/);
  }
  using client = await mini();
  await using packets = await mqtt();
  for (const seq of [-1, 0, 1.5, 2 ** 53, -(2 ** 63), 1e300, "1", null, [], {}, true]) {
    const status = { chatID: "team", through: seq, messageStatus: "read" };
    expect(await rest("POST /messages", { statuses: [status] })).toMatch(/^[24]/);
    const answer = await answerOf(client, { action: "message.read", chat_id: "team", seq });
    expect(answer.action).toStartWith("message.read.");
    expect(await code(packets, "chat/team/receipts", JSON.stringify({ read: seq }))).toStartWith("0x");
  }
  // No one has read what was not said.
  const { text } = await call(server, `GET /messages/${ids.team}/receipts`, { as: tokens.anna });
  for (const { read } of JSON.parse(text).receipts as { read: number }[]) expect(read).toBeLessThanOrEqual(3);
});

test("a reaction of a megabyte is none, and neither are two signs, a word or nothing", async () => {
  using client = await mini();
  await using packets = await mqtt();
  const large = "👍".repeat(256 * 1024);
  {
    await using refused = await mqtt();
    refused.send(
      publishPacket("chat/team/changes", JSON.stringify({ react: ids.team, reaction: large }), {
        qos: 1,
        messageId: 9,
      }),
    );
    // Packet too large.
    expect(await refused.expect("disconnect")).toMatchObject({ reasonCode: 0x95 });
  }
  expect((await answerOf(client, { action: "message.react", message_id: ids.team, reaction: large })).action).toBe(
    "message.react.fail",
  );
  for (const reaction of ["👍".repeat(1024), "good", "", " ", "👍👍", "\u0000", "\ud83d"]) {
    const answer = await answerOf(client, { action: "message.react", message_id: ids.team, reaction });
    expect([reaction.slice(0, 9), answer.action]).toEqual([reaction.slice(0, 9), "message.react.fail"]);
    const change = JSON.stringify({ react: ids.team, reaction });
    expect(await code(packets, "chat/team/changes", change)).not.toStartWith("0x0 ");
  }
  expect(await rest(`PUT /messages/${ids.team}/reactions/${"a".repeat(8000)}`)).toMatch(/^4/);
  const { text } = await call(server, "GET /chats/team/messages", { as: tokens.anna });
  expect(text).not.toContain("reactions");
});

test("a search takes operators and quotes for text", async () => {
  using client = await mini();
  const odd = [
    ...['"', '""', "'", "*", "a*b", "^a", "-a", "+a", "(", ")", "a OR b", "NOT a", "NEAR(a b, 2)", "chat:1", "{a b}:c"],
    ...["'; DROP TABLE messages; --", '" OR 1=1 --', "\\", "%", "_", "\u0000", "a\u0000b", "👍", '"'.repeat(500), "("],
  ];
  for (const query of odd) {
    const answer = await rest(`GET /search?query=${encodeURIComponent(query)}`);
    expect([query, answer]).toEqual([query, expect.stringMatching(/^(200|400)/)]);
    expect(answer).not.toContain("the board alone knows");
    const found = await answerOf(client, { action: "message.search", query });
    expect(found.action).toStartWith("message.search.");
    expect(JSON.stringify(found)).not.toContain("the board alone knows");
  }
  for (const query of ["board", "the board alone", '"the board"']) {
    expect(JSON.parse((await rest(`GET /search?query=${encodeURIComponent(query)}`)).slice(4)).messages).toEqual([]);
  }
});

test("terms of a wrong arity are answered, and the client goes on", async () => {
  await using client = await mqtt();
  await client.subscribe(`actions/api/bad-${clients}`, 1);
  const topic = `events//api/anon/bad-${clients}/`;
  const names = [
    "Message",
    "Ack",
    "History",
    "Typing",
    "Roster",
    "Room",
    "Member",
    "Search",
    "Friend",
    "Auth",
    "Profile",
  ];
  let messageId = 10;
  for (const name of [...names, "Nothing"]) {
    for (let arity = 0; arity < 24; arity += 1) {
      messageId += 1;
      const fields = Array.from({ length: arity }, (_, at) => (at === arity - 1 ? atom("get") : binary("x")));
      client.send(publishPacket(topic, Buffer.from(encodeTerm(tuple(name, ...fields))), { qos: 1, messageId }));
      for (let isDone = false; !isDone; ) {
        const packet = await client.next(`the PUBACK of ${name}/${arity + 1}`);
        if (packet.cmd === "publish" && packet.qos > 0)
          client.send({ cmd: "puback", messageId: packet.messageId ?? 0 });
        isDone = packet.cmd === "puback" && packet.messageId === messageId;
      }
    }
  }
  await client.fence();
});

test("a hook that is guessed, revoked or flooded tells nothing and takes no more than its share", async () => {
  const run = async (...args: string[]) =>
    (await roost([...args, "--data", data], { cwd: folder, program: [await compiledBinary()] })).stdout;
  const added = await run("hook", "add", "alarms", "--name", "grafana");
  const path = /^address (.*)$/m.exec(added)?.[1] ?? "";
  const id = /^added (\d+)/.exec(added)?.[1] ?? "";
  const post = (to: string) => call(server, `POST ${to}`, { body: "disk full" });
  const statuses = await Promise.all(Array.from({ length: 300 }, () => post(path).then(({ status }) => status)));
  expect([...new Set(statuses)].toSorted()).toEqual([200, 429]);
  await run("hook", "rm", id);
  const revoked = await post(path);
  expect(revoked.status).toBe(404);
  for (const wrong of [`/in/rh_${"x".repeat(32)}`, "/in/x", `${path}x`, "/in/%00"]) {
    const guessed = await post(wrong);
    expect([wrong, guessed.status, guessed.text]).toEqual([wrong, 404, revoked.text]);
  }
}, 60_000);

/** What a server may keep of a million notices: none of them is kept, so this is what its memory takes to be tidied. */
const flatBytes = 96 * 1024 * 1024;

test("a million typing notices cost the others a few frames and the server no memory", async () => {
  await using reader = await mqtt("anna", tokens.anna);
  await reader.subscribe("chat/+/typing");
  await using typist = await mqtt();
  const batch = Buffer.concat(
    Array.from({ length: 10_000 }, (_, at) =>
      generate(publishPacket("chat/team/typing", at % 2 === 0 ? '{"typing":true}' : '{"typing":false}'), {
        protocolVersion: 5,
      }),
    ),
  );
  const rss = async () => (await readProcessStats(server.pid)).rssBytes;
  const flood = async (batches: number): Promise<void> => {
    for (let sent = 0; sent < batches; sent += 1) {
      typist.send(batch);
      await typist.fence();
    }
  };
  const startedMs = performance.now();
  await flood(20);
  const before = await rss();
  await flood(100);
  expect((await rss()) - before).toBeLessThan(flatBytes);
  const seconds = (performance.now() - startedMs) / 1000;
  // At most once a second, and the end of it.
  expect((await reader.fence()).length).toBeLessThanOrEqual(2 * seconds + 4);
  expect(await rest("GET /users/me")).toStartWith("200");
}, 120_000);
