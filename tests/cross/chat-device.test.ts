/**
 * The executable with who is no person, or not the person that a name says: a lamp that the operator added to a chat and
 * took away again, and a stranger who chose the name of a backend's participant.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Packet } from "mqtt-packet";
import { roost } from "../cli/roost.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, inboxOf, room, say } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { type BinaryServer, startBinary } from "./binary-server.ts";

async function stage(): Promise<{ server: BinaryServer; data: string; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "roost-device-"));
  const data = join(folder, "data");
  const server = await startBinary(data, { env: { ROOST_REGISTRATION: "open" } });
  return {
    server,
    data,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function operator(data: string, ...args: string[]): Promise<string> {
  const ended = await roost([...args, "--data", data], { cwd: data, program: [await compiledBinary()] });
  if (ended.exitCode !== 0) throw new Error(`roost ${args.join(" ")}: ${ended.stderr}`);
  return ended.stdout;
}

const connect = (server: BinaryServer, username: string, password: string): Promise<RawMqtt> =>
  RawMqtt.connect(server.mqtt, { protocolVersion: 5, username, password: Buffer.from(password), clientId: username });

/** What a publisher is answered, and the texts that came before. */
async function send(client: RawMqtt, topic: string, payload: string): Promise<{ code: number; heard: string[] }> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId: 7 }));
  const heard: string[] = [];
  for (;;) {
    const packet = await client.next("PUBACK");
    if (packet.cmd === "puback") return { code: packet.reasonCode ?? 0, heard };
    heard.push(...textOf(packet));
  }
}

const textOf = (packet: Packet): string[] =>
  packet.cmd === "publish" ? [(JSON.parse(String(packet.payload)) as { content: string }).content] : [];

const heardBy = async (client: RawMqtt): Promise<string[]> => (await client.fence()).flatMap(textOf);

test("a lamp that the operator adds to a chat speaks and hears; revoked, it hears no more at the very next message", async () => {
  await using made = await stage();
  const { server, data } = made;
  const [anna = "", ben = ""] = await enroll(server, "anna", "ben");
  for (const chat of ["team", "other"]) await room(server, chat, "anna", "ben");
  const added = await operator(data, "device", "add", "lamp", "--chat", "team");
  const password = /^password (.*)$/m.exec(added)?.[1] ?? "";
  await using lamp = await connect(server, "lamp", password);
  await using mqttOfBen = await connect(server, "ben", ben);
  for (const client of [lamp, mqttOfBen]) expect(await client.subscribe("chat/+/messages")).toBe(0);

  const spoken = await send(lamp, "chat/team/send", "I am on");
  expect(spoken.code).toBe(0);
  expect([...spoken.heard, ...(await heardBy(lamp))]).toEqual(["I am on"]);
  await say(server, anna, "other", "not for lamps");
  await say(server, anna, "team", "turn off");
  expect([await heardBy(lamp), await heardBy(mqttOfBen)]).toEqual([
    ["turn off"],
    ["I am on", "not for lamps", "turn off"],
  ]);
  expect((await send(lamp, "chat/other/send", "hello?")).code).toBe(0x87);

  await operator(data, "device", "revoke", "lamp");
  await say(server, anna, "team", "to the others");
  await lamp.ended;
  expect(lamp.received.map(({ cmd }) => cmd)).toEqual(["disconnect"]);
  expect(await heardBy(mqttOfBen)).toEqual(["to the others"]);
  await expect(connect(server, "lamp", password)).rejects.toThrow("refused");
  const { chat } = JSON.parse((await asBackend(server, "GET /chats/team/users")).text) as {
    chat: { users: { userID: string }[] };
  };
  expect(chat.users.map(({ userID }) => userID)).toEqual(["anna", "ben"]);
});

test("a stranger who chose the log-in name billing hears nothing that the backend sends to its participant billing", async () => {
  await using made = await stage();
  const { server } = made;
  using mallory = await MiniClient.connect(server.http, "json", { receipts: true });
  const fields = { user_name: "Mallory", password: "correct horse battery", login_name: "billing", extensions: true };
  const registered = await mallory.ask({ action: "auth.register", ...fields });
  expect(registered.action).toBe("auth.register.success");
  const id = String(registered["user_id"]);
  await using byName = await connect(server, "billing", "correct horse battery");
  for (const filter of ["chat/+/messages", "chat/+/receipts", "chat/+/changes", "chat/+/typing"]) {
    await byName.subscribe(filter);
  }

  const [token = "", anna = ""] = await enroll(server, "billing", "anna");
  await room(server, "team", "billing", "anna");
  await say(server, anna, "team", "the invoices");
  await asBackend(server, "POST /messages", { chatID: "team", content: "paid", sender: "billing" });
  expect((await inboxOf(server, token)).messages.map(({ content }) => content)).toEqual(["the invoices"]);
  const me = JSON.parse((await call(server, "GET /users/me", { as: token })).text);
  expect([me.userID, me.user_id === id]).toEqual(["billing", false]);

  expect(await mallory.fence()).toEqual([{ action: "login_name.taken", login_name: "billing" }]);
  expect(await mallory.ask({ action: "chat.list" })).toMatchObject({ action: "chat.list.success", chats: [] });
  expect(await mallory.ask({ action: "message.get", user_id: id })).toMatchObject({ messages: [] });
  // Either the connection made by the name has ended, or it is Mallory's own and silent.
  expect(byName.closed ? [] : await heardBy(byName)).toEqual([]);
  // From now on the name means the participant.
  await expect(connect(server, "billing", "correct horse battery")).rejects.toThrow("refused");
  using again = await MiniClient.connect(server.http, "json");
  expect((await again.login(id, "correct horse battery"))["user_id"]).toBe(id);
});
