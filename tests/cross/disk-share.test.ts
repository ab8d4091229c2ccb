/** A user who registered has a share of the disk (limits.disk_bytes_per_user), and is told so at every door. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { MiniClient, messagesOf } from "../minioicq/client.ts";
import { call, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const share = 200_000;
const env = { ROOST_LIMITS_DISK_BYTES_PER_USER: String(share) };
const password = "correct horse";

/** Anna registers herself and is in a chat with Ben, whom a backend made. */
async function stage(server: TestServer) {
  const user = await server.domain.accounts.register({ nick: "Anna", password, address: "192.0.2.1" });
  const token = await server.domain.logIns.remember(user.userId, undefined);
  const [ben = ""] = await enrollBen(server);
  await room(server, "team", `user.${user.userId}`, "ben");
  const chat = await server.store.findChat({ key: "team" });
  return { user, anna: token.token, ben, chatId: String(chat?.chatId) };
}

async function enrollBen(server: TestServer): Promise<string[]> {
  const { text } = await call(server, "POST /token", { as: server.backendKey, body: { userID: "ben" } });
  return [(JSON.parse(text) as { accessToken: string }).accessToken];
}

/** A PUBLISH at QoS 1, and what it is answered with. */
async function publish(client: RawMqtt, topic: string, payload: string, retain = false): Promise<number> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId: 7, retain }));
  for (;;) {
    const packet = await client.next("PUBACK");
    if (packet.cmd === "puback") return packet.reasonCode ?? 0;
  }
}

test("what is too much for a share is refused at every door, said in the log, and goes again once room was made", async () => {
  const recorded = recordLog();
  await using server = await startTestServer({ env, log: recorded.log });
  const { user, anna, ben, chatId } = await stage(server);
  await server.domain.topics.setOfUser(user.userId, { publish: ["home/#"], subscribe: [] });
  using desktop = await MiniClient.connect(server.http, "json");
  await desktop.ask({ action: "auth.login", token: anna });
  await desktop.next();
  await using phone = await RawMqtt.connect(server.mqttPort, {
    protocolVersion: 5,
    username: `user.${user.userId}`,
    password: Buffer.from(password),
  });
  const post = (as: string, content: string) =>
    call(server, "POST /messages", { as, body: { chatID: "team", content } });
  const message = (content: string, client_id: string) => ({
    action: "message.send",
    message: { chat_id: chatId, type: "text", content, client_id },
  });
  const large = "x ".repeat(50_000);
  const kept = await desktop.ask(message(large, "1"));
  const messageId = messagesOf(kept)[0]?.message_id;

  expect(await desktop.ask(message(large, "2"))).toMatchObject({ action: "message.send.fail", reason: "Account full" });
  const refused = await post(anna, large);
  expect([refused.status, JSON.parse(refused.text)]).toMatchObject([507, { error: "Account full" }]);
  expect(JSON.parse(refused.text).detail).toMatch(
    /^this account has no room left; delete messages or uploads of it: 100\d{3} of 200000 bytes are taken, and this needs 100\d{3}$/,
  );
  expect(refused.headers.get("retry-after")).toBeNull();
  expect(await publish(phone, "chat/team/send", large)).toBe(0x97);
  const upload = (bytes: string) => call(server, "POST /_/files", { as: anna, headers: { "Upload-Length": bytes } });
  expect((await upload("100000")).status).toBe(507);
  expect(await publish(phone, "home/lamp", large, true)).toBe(0x97);
  expect(
    existsSync(join(server.dataDir, "files")) ? readdirSync(join(server.dataDir, "files", "uploads")) : [],
  ).toEqual([]);

  // Smaller ones go, and those of Ben, whom the backend made.
  expect((await post(anna, "small")).status).toBe(200);
  expect(await publish(phone, "chat/team/send", "small too")).toBe(0);
  expect(await publish(phone, "home/lamp", "on", true)).toBe(0);
  for (let n = 0; n < 4; n += 1) expect((await post(ben, large)).status).toBe(200);

  // One line for the account, the reason and the minute, however often.
  const lines = () =>
    recorded.lines.filter(
      ({ message: text, fields }) =>
        text === "a client was refused" && String(fields?.["allow"]).includes("disk_bytes_per_user"),
    );
  await until("a line", () => lines().length > 0);
  expect(lines()).toHaveLength(1);

  desktop.say({ action: "message.delete", message_id: messageId });
  await desktop.fence();
  expect((await post(anna, large)).status).toBe(200);
  expect((await post(anna, large)).status).toBe(507);
  await using again = await server.restart();
  expect((await call(again, "POST /messages", { as: anna, body: { chatID: "team", content: large } })).status).toBe(
    507,
  );
  await using roomy = await again.restart({ ROOST_LIMITS_DISK_BYTES_PER_USER: "0" });
  expect((await call(roomy, "POST /messages", { as: anna, body: { chatID: "team", content: large } })).status).toBe(
    200,
  );
});

test("without a setting the share is a tenth of the file system", async () => {
  await using server = await startTestServer();
  const { anna } = await stage(server);
  expect((await call(server, "POST /messages", { as: anna, body: { chatID: "team", content: "hello" } })).status).toBe(
    200,
  );
});

test("what waits for a user's sessions is within the share, of all sessions together and also after a restart", async () => {
  await using first = await startTestServer({ env });
  const { user } = await stage(first);
  await first.domain.topics.setOfUser(user.userId, { publish: [], subscribe: ["home/#"] });
  const secret = (await first.domain.devices.add({ name: "source" })).password ?? "";
  const connect = (server: TestServer, clientId: string, username: string, key: string) =>
    RawMqtt.connect(server.mqttPort, {
      protocolVersion: 5,
      clientId,
      clean: false,
      properties: { sessionExpiryInterval: 3600 },
      username,
      password: Buffer.from(key),
    });
  const away = async (clientId: string, filter: string, ...who: [string, string]) => {
    await using client = await connect(first, clientId, ...who);
    expect(await client.subscribe(filter, 1)).toBe(1);
    client.send({ cmd: "disconnect", reasonCode: 0 });
    await client.ended;
  };
  const anna = [`user.${user.userId}`, password] as const;
  await away("phone", "home/phone", ...anna);
  await away("tablet", "home/tablet", ...anna);
  await away("lamp", "home/lamp", "source", secret);
  const large = "x".repeat(70_000);
  {
    await using source = await connect(first, "source", "source", secret);
    expect(await publish(source, "home/phone", large)).toBe(0);
    expect(await publish(source, "home/tablet", large)).toBe(0);
    expect(await publish(source, "home/phone", large)).toBe(0x97);
    expect(await publish(source, "home/tablet", large)).toBe(0x97);
    expect(await publish(source, "home/phone", "small")).toBe(0);
    // A device has no share.
    for (let n = 0; n < 4; n += 1) expect(await publish(source, "home/lamp", large)).toBe(0);
  }
  await using second = await first.restart();
  await using source = await connect(second, "source", "source", secret);
  expect(await publish(source, "home/tablet", large)).toBe(0x97);
  // All that was acknowledged comes; then there is room again.
  await using phone = await connect(second, "phone", ...anna);
  for (const bytes of [large.length, 5]) {
    const { payload, messageId = 0 } = await phone.expect("publish");
    expect(payload.length).toBe(bytes);
    phone.send({ cmd: "puback", messageId });
  }
  await phone.fence();
  expect(await publish(source, "home/tablet", large)).toBe(0);
  expect(await publish(source, "home/tablet", large)).toBe(0x97);
});
