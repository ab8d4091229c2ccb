/** A token with scopes opens what they name of what its owner may do, at every door, and nothing else. */
import { describe, expect, test } from "bun:test";
import type { Packet } from "mqtt-packet";
import { actionNeeds } from "../../src/domain/people/scope-rules.ts";
import type { ScopeRequest } from "../../src/domain/people/scopes.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { catalog } from "../minioicq/catalog.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { openStopped } from "../support/open-stopped.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const password = "correct horse";

async function operatorsUser(server: TestServer, username: string): Promise<string> {
  const { userId } = await server.domain.accounts.add({ nick: username, username, password });
  return `user:${userId}`;
}

async function tokenOf(server: TestServer, ownerKey: string, ...scopes: ScopeRequest[]) {
  return server.domain.longTokens.add({ ownerKey, name: undefined, scopes, lifetimeMs: undefined, madeBy: "operator" });
}

const by = (secret: string, more: Parameters<typeof RawMqtt.connect>[1] = {}) => ({
  protocolVersion: 5 as const,
  username: "api",
  password: Buffer.from(secret),
  ...more,
});

/** The reason code that a PUBLISH at QoS 1 is answered with. What else came meanwhile stays to be asked for. */
async function publish(client: RawMqtt, topic: string, payload = "on", retain = false): Promise<number> {
  client.send(publishPacket(topic, payload, { qos: 1, messageId: 7, retain }));
  const before: Packet[] = [];
  for (;;) {
    const packet = await client.next("PUBACK");
    if (packet.cmd !== "puback" || packet.messageId !== 7) {
      before.push(packet);
      continue;
    }
    client.received.unshift(...before);
    return packet.reasonCode ?? 0;
  }
}

const refused = 0x87;
const unheard = 0x10;

describe("MQTT", () => {
  test("publishing is opened topic by topic, within what the owner may do", async () => {
    await using server = await startTestServer();
    const ownerKey = await operatorsUser(server, "anna");
    const { secret } = await tokenOf(server, ownerKey, { allow: "publish", topic: "home/lamp/#" });
    await using client = await RawMqtt.connect(server.mqttPort, by(secret));
    expect(await publish(client, "home/lamp/state")).toBe(unheard);
    for (const topic of ["home/panel/state", "$SYS/x", "chat/team/send", "events/1//api/anna/c/t"]) {
      expect([topic, await publish(client, topic)]).toEqual([topic, refused]);
    }
    for (const filter of ["home/lamp/state", "#", "$SYS/#", "chat/+/messages", "actions/1/api/c", "$share/a/home/#"]) {
      expect([filter, await client.subscribe(filter)]).toEqual([filter, refused]);
    }
    await server.domain.topics.setOfUser((await server.store.findUserByKey("anna"))?.userId as never, {
      publish: ["home/lamp/set"],
    });
    expect([await publish(client, "home/lamp/state"), await publish(client, "home/lamp/set")]).toEqual([
      refused,
      unheard,
    ]);
  });

  test("reading is opened topic by topic, in each delivery", async () => {
    await using server = await startTestServer({ env: { ROOST_ADMINS: "anna" } });
    const ownerKey = await operatorsUser(server, "anna");
    await operatorsUser(server, "ben");
    const { secret } = await tokenOf(
      server,
      ownerKey,
      { allow: "read", topic: "home/+/state" },
      { allow: "read", chat: "*" },
    );
    await using publisher = await RawMqtt.connect(server.mqttPort, {
      protocolVersion: 5,
      username: "ben",
      password: Buffer.from(password),
    });
    expect(await publish(publisher, "home/lamp/state", "kept", true)).toBe(0);
    expect(await publish(publisher, "home/lamp/set", "kept", true)).toBe(0);
    await using client = await RawMqtt.connect(server.mqttPort, by(secret));
    // It covers chats, and of the other topics those are delivered that it may hear.
    expect(await client.subscribe("#", 1)).toBe(1);
    expect(await client.expect("publish")).toMatchObject({ topic: "home/lamp/state", retain: true });
    expect(await client.subscribe("home/lamp/state", 0)).toBe(0);
    expect(await client.expect("publish")).toMatchObject({ topic: "home/lamp/state", retain: true });
    expect(await client.subscribe("$share/a/home/panel/state", 1)).toBe(1);
    for (const filter of ["home/#", "home/lamp/set", "$SYS/broker/uptime", "$share/a/home/#"]) {
      expect([filter, await client.subscribe(filter)]).toEqual([filter, refused]);
    }
    expect(await client.fence()).toEqual([]);
    for (const topic of ["home/lamp/set", "home/panel/state", "home/lamp/state"]) await publish(publisher, topic);
    const heard = await client.fence();
    expect(heard.map((packet) => (packet.cmd === "publish" ? packet.topic : packet.cmd)).toSorted()).toEqual([
      "home/lamp/state",
      "home/panel/state",
      "home/panel/state",
    ]);
  });

  test("$SYS is opened to a token of who may read it", async () => {
    await using server = await startTestServer({ env: { ROOST_ADMINS: "anna" } });
    const scope = { allow: "read", topic: "$SYS/#" };
    const ofAdmin = await tokenOf(server, await operatorsUser(server, "anna"), scope);
    const ofOther = await tokenOf(server, await operatorsUser(server, "ben"), scope);
    await using admin = await RawMqtt.connect(server.mqttPort, by(ofAdmin.secret));
    await using other = await RawMqtt.connect(server.mqttPort, by(ofOther.secret));
    expect([await admin.subscribe("$SYS/broker/version"), await other.subscribe("$SYS/broker/version")]).toEqual([
      0,
      refused,
    ]);
    expect(await admin.expect("publish")).toMatchObject({ topic: "$SYS/broker/version" });
  });

  test("a will is published as far as the token opens its topic, and not once the token has ended", async () => {
    await using server = await startTestServer();
    const ownerKey = await operatorsUser(server, "anna");
    const { secret, token } = await tokenOf(server, ownerKey, { allow: "publish", topic: "home/lamp" });
    await using listener = await RawMqtt.connect(server.mqttPort, {
      username: "anna",
      password: Buffer.from(password),
    });
    await listener.subscribe("home/#");
    const leave = async (topic: string) => {
      const will = { topic, payload: Buffer.from("gone"), qos: 0 as const, retain: false };
      await using client = await RawMqtt.connect(server.mqttPort, by(secret, { will }));
      await client.fence();
      await client.drop();
    };
    await leave("home/panel");
    await leave("home/lamp");
    expect(await listener.expect("publish")).toMatchObject({ topic: "home/lamp" });
    const will = { topic: "home/lamp", payload: Buffer.from("ended"), qos: 0 as const, retain: false };
    await using client = await RawMqtt.connect(server.mqttPort, by(secret, { will }));
    await server.domain.longTokens.revoke({ tokenId: token.tokenId });
    await client.whenClosed();
    expect(await listener.fence()).toEqual([]);
  });

  test("its sessions are its own, outlive a restart with their scope, and end with the token", async () => {
    await using first = await startTestServer();
    const ownerKey = await operatorsUser(first, "anna");
    const { secret, token } = await tokenOf(first, ownerKey, { allow: "read", topic: "home/+" });
    const session = { clientId: "c7", clean: false, properties: { sessionExpiryInterval: 1000 } };
    const asAnna = { protocolVersion: 5 as const, username: "anna", password: Buffer.from(password) };
    await using whole = await RawMqtt.connect(first.mqttPort, { ...asAnna, ...session });
    await whole.subscribe("home/#", 1);
    await using scoped = await RawMqtt.connect(first.mqttPort, by(secret, session));
    expect(await whole.fence()).toEqual([]); // another session, so it was not taken over
    expect(await scoped.subscribe("home/+", 1)).toBe(1);
    await scoped.drop();
    await whole.drop();
    await using second = await first.restart();
    await using publisher = await RawMqtt.connect(second.mqttPort, asAnna);
    for (const topic of ["home/lamp", "home/lamp/set"]) await publish(publisher, topic);
    await using again = await RawMqtt.connect(second.mqttPort, by(secret, session));
    expect((await again.fence()).map((packet) => packet.cmd === "publish" && packet.topic)).toEqual(["home/lamp"]);
    await again.drop();
    for (const topic of ["home/lamp"]) await publish(publisher, topic);
    await second.domain.longTokens.revoke({ tokenId: token.tokenId });
    const { mqtt } = second.store as SqliteStore;
    await until("its session to end", () =>
      mqtt.sessionsPage(0).every(({ principalKey }) => principalKey === ownerKey),
    );
    expect(mqtt.sessionsPage(0)).toHaveLength(1);
  });

  test("its sessions count among those of its owner", async () => {
    await using server = await startTestServer({ env: { ROOST_LIMITS_MQTT_SESSIONS_PER_USER: "2" } });
    const ownerKey = await operatorsUser(server, "anna");
    const tokens = [];
    for (let n = 0; n < 3; n += 1) tokens.push(await tokenOf(server, ownerKey, { allow: "read", topic: "home/#" }));
    const keep = (secret: string) =>
      RawMqtt.open(server.mqttPort, {}, 5).then(async (client) => {
        client.send(
          connectPacket(by(secret, { clean: false, clientId: "c7", properties: { sessionExpiryInterval: 1000 } })),
        );
        const { reasonCode } = await client.expect("connack");
        return { client, reasonCode };
      });
    const kept = [];
    for (const { secret } of tokens) kept.push(await keep(secret));
    expect(kept.map(({ reasonCode }) => reasonCode)).toEqual([0, 0, 0x97]);
    for (const { client } of kept) await client.drop();
  });

  test("a device's token is within the patterns of the device, and sends for its user where a scope says so", async () => {
    await using server = await startTestServer();
    await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    await room(server, "other", "anna", "ben");
    const userId = (await server.store.findUserByKey("anna"))?.userId;
    await server.domain.devices.add({ name: "lamp", publish: ["home/%u/#"], userId });
    const { secret } = await tokenOf(
      server,
      "device:lamp",
      { allow: "publish", topic: "home/#" },
      { allow: "send", chat: "team" },
    );
    await using client = await RawMqtt.connect(server.mqttPort, by(secret, { username: "lamp" }));
    expect([await publish(client, "home/lamp/state"), await publish(client, "home/panel/state")]).toEqual([
      unheard,
      refused,
    ]);
    expect([await publish(client, "chat/team/send"), await publish(client, "chat/other/send")]).toEqual([0, refused]);
  });

  test("chats are opened one by one, for sending and for reading", async () => {
    await using server = await startTestServer();
    await enroll(server, "anna", "ben");
    const [team, other] = ["team", "other"];
    await room(server, team, "anna", "ben");
    await room(server, other, "anna", "ben");
    const anna = await server.store.findUserByKey("anna");
    const teamId = (await server.store.findChat({ key: team }))?.chatId;
    const { secret, token } = await tokenOf(
      server,
      `user:${anna?.userId}`,
      { allow: "send", chat: "te*m" },
      { allow: "read", chat: `chat.${teamId}` },
    );
    const session = { clientId: "c7", clean: false, properties: { sessionExpiryInterval: 1000 } };
    await using client = await RawMqtt.connect(server.mqttPort, by(secret, { username: "anna", ...session }));
    expect(await client.subscribe("chat/+/messages", 1)).toBe(1);
    expect(await publish(client, "chat/team/send", "one")).toBe(0);
    expect(await client.expect("publish")).toMatchObject({ topic: "chat/team/messages" });
    expect([
      await publish(client, `chat/chat.${teamId}/send`, "two"),
      await publish(client, "chat/other/send"),
    ]).toEqual([0, refused]);
    expect(await client.expect("publish")).toMatchObject({ topic: "chat/team/messages" });
    const [ben] = await enroll(server, "ben");
    const say = (chatID: string, content: string) =>
      call(server, "POST /messages", { as: ben, body: { chatID, content } });
    await say(other, "not for it");
    await say(team, "for it");
    const message = await client.expect("publish");
    expect(JSON.parse(message.payload.toString())).toMatchObject({ content: "for it", chatID: "team" });
    expect(await client.fence()).toEqual([]);
    await client.drop();
    // What waits, too; and its position in the chats is its own, and ends with it.
    // A receipt is confirmation of what was read; how far others got is not told.
    await using more = await RawMqtt.connect(server.mqttPort, by(secret, { username: "anna" }));
    const read = JSON.stringify({ read: 1 });
    expect([await publish(more, "chat/team/receipts", read), await publish(more, "chat/other/receipts", read)]).toEqual(
      [0, refused],
    );
    expect([await more.subscribe("chat/team/receipts"), await more.subscribe("chat/team/+", 1)]).toEqual([refused, 1]);
    await say(other, "not for it either");
    await say(team, "waited");
    await using again = await RawMqtt.connect(server.mqttPort, by(secret, { username: "anna", ...session }));
    const contents: string[] = [];
    while (contents.at(-1) !== "waited") {
      const { payload } = await again.expect("publish");
      contents.push(JSON.parse(payload.toString()).content);
    }
    expect(contents.every((content) => !content.startsWith("not"))).toBe(true);
    const positions = () => {
      using db = openStopped(databasePath(server.dataDir), { readonly: true });
      return db.prepare("SELECT door, name FROM devices WHERE door = 'mqtt'").values();
    };
    expect(positions()).toEqual([["mqtt", `${token.tokenId}\0c7`]]);
    await server.domain.longTokens.revoke({ tokenId: token.tokenId });
    await again.whenClosed();
    expect(positions()).toEqual([]);
  });
});

describe("MiniOICQ", () => {
  async function stage(...scopes: ScopeRequest[]) {
    const server = await startTestServer();
    const [, ben = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    await room(server, "other", "anna", "ben");
    const anna = (await server.store.findUserByKey("anna"))?.userId as never;
    const idOf = async (key: string) => String((await server.store.findChat({ key }))?.chatId);
    const { secret } = await tokenOf(server, `user:${anna}`, ...scopes);
    const say = (chatID: string, content: string) =>
      call(server, "POST /messages", { as: ben, body: { chatID, content } });
    const connect = async (more = {}) => {
      const client = await MiniClient.connect(server.http, "json");
      expect((await client.ask({ action: "auth.login", token: secret, extensions: true, ...more })).action).toBe(
        "auth.login.success",
      );
      return client;
    };
    return { server, anna, secret, say, connect, team: await idOf("team"), other: await idOf("other") };
  }

  test("whatever it names, it opens no accounts, contacts, groups and log-ins", async () => {
    const { server, anna, connect, team } = await stage(
      { allow: "publish", topic: "#" },
      { allow: "read", topic: "#" },
      { allow: "read", chat: "*" },
      { allow: "send", chat: "*" },
    );
    await using _server = server;
    using client = await connect();
    const closed = Object.entries(actionNeeds).filter(([, need]) => need === "whole" || need === "password");
    expect(closed.length).toBeGreaterThan(10);
    for (const [action] of closed) {
      const fields = catalog[action]?.good({ me: String(anna), other: String(anna), chat: team });
      expect(await client.ask({ ...fields, action })).toEqual({ action: `${action}.fail`, reason: "Out of scope" });
    }
  });

  test("of the chats it reads, what was missed and what comes; of the others nothing", async () => {
    const { server, connect, say, team, other } = await stage({ allow: "read", chat: "team" });
    await using _server = server;
    await say("other", "not for it");
    await say("team", "missed");
    using client = await connect({ device_id: "bot" });
    expect((await client.pushes(1)).map(({ content }) => content)).toEqual(["missed"]);
    await say("other", "not for it");
    await say("team", "live");
    expect((await client.pushes(1)).map(({ content }) => content)).toEqual(["live"]);
    await asBackend(server, "PUT /chats/third/users", { users: ["anna", "ben"] });
    await say("third", "not for it");
    expect((await client.ask({ action: "heartbeat" })).action).toBe("heartbeat.ack");
    expect(client.received).toEqual([]);
    const listed = (await client.ask({ action: "chat.list" })) as unknown as { chats: { chat_id: string }[] };
    expect(listed.chats.map(({ chat_id }) => chat_id)).toEqual([team]);
    expect((await client.ask({ action: "chat.get", chat_id: team })).action).toBe("chat.get.success");
    const history = (await client.ask({ action: "message.get", chat_id: team })) as unknown as { messages: unknown[] };
    expect(history.messages).toHaveLength(2);
    for (const request of [
      { action: "chat.get", chat_id: other },
      { action: "message.get", chat_id: other },
      { action: "message.confirm", chat_id: other, through: 1 },
      { action: "message.send", message: { chat_id: team, type: "text", content: "no" } },
    ]) {
      expect(await client.ask(request)).toMatchObject({ action: `${request.action}.fail`, reason: "Out of scope" });
    }
    expect((await client.ask({ action: "message.confirm", chat_id: team, through: 2 })).action).toBe(
      "message.confirm.success",
    );
    // Everything of Anna's, as far as it reads it.
    const mine = (await client.ask({
      action: "message.get",
      user_id: String((await server.store.findUserByKey("anna"))?.userId),
    })) as unknown as { messages: { chat_id: string }[] };
    expect(new Set(mine.messages.map(({ chat_id }) => chat_id))).toEqual(new Set([team]));
  });

  test("one that sends alone is pushed its own message as the answer, and no others", async () => {
    const { server, connect, say, team, other } = await stage({ allow: "send", chat: "team" });
    await using _server = server;
    await say("team", "not for it");
    using client = await connect();
    const send = (chat_id: string) =>
      client.ask({ action: "message.send", message: { chat_id, type: "text", content: "hello", client_id: "1" } });
    expect(await send(team)).toMatchObject({ action: "message.push", messages: [{ content: "hello" }] });
    expect(await send(other)).toEqual({ action: "message.send.fail", reason: "Out of scope", client_id: "1" });
    await say("team", "not for it");
    for (const request of [{ action: "message.get", chat_id: team }, { action: "chat.list" }]) {
      expect(await client.ask(request)).toMatchObject({ reason: "Out of scope" });
    }
    expect(client.received).toEqual([]);
  });

  test("a device named with it is not the device of that name", async () => {
    const { server, secret, connect, say } = await stage({ allow: "read", chat: "team" });
    await using _server = server;
    await server.domain.accounts.setPassword((await server.store.findUserByKey("anna"))?.userId as never, password);
    using whole = await MiniClient.connect(server.http, "json");
    const anna = String((await server.store.findUserByKey("anna"))?.userId);
    await whole.ask({ action: "auth.login", user_id: anna, password, device_id: "phone" });
    await whole.fence(); // what it is told of its chats
    using scoped = await connect({ device_id: "phone" });
    await say("team", "hello");
    expect([await whole.pushes(1), await scoped.pushes(1)]).toMatchObject([
      [{ content: "hello" }],
      [{ content: "hello" }],
    ]);
    expect([whole.isOpen, scoped.isOpen, secret.length]).toEqual([true, true, 35]);
  });
});

describe("REST", () => {
  async function stage(...scopes: ScopeRequest[]) {
    const server = await startTestServer();
    const [, ben = ""] = await enroll(server, "anna", "ben");
    await room(server, "team", "anna", "ben");
    await room(server, "other", "anna", "ben");
    const anna = (await server.store.findUserByKey("anna"))?.userId as never;
    const { secret } = await tokenOf(server, `user:${anna}`, ...scopes);
    const say = async (chatID: string, content: string) =>
      JSON.parse((await call(server, "POST /messages", { as: ben, body: { chatID, content } })).text) as {
        message_id: string;
      };
    const ask = async (request: string, body?: unknown) => {
      const { status, text } = await call(server, request, { as: secret, body });
      return { status, text, json: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : undefined };
    };
    return { server, secret, say, ask };
  }

  test("one that reads", async () => {
    const { server, say, ask } = await stage({ allow: "read", chat: "team" });
    await using _server = server;
    const hidden = await say("other", "not for it");
    const seen = await say("team", "for it");
    const inbox = await ask("GET /messages?format=simple");
    expect(inbox.json.messages.map(({ content }: { content: string }) => content)).toEqual(["for it"]);
    expect([inbox.json.events, inbox.json.waiting]).toEqual([[], 1]);
    const signed = await ask("GET /messages");
    expect(signed.text).toContain("for it");
    expect(signed.text).not.toContain("not for it");
    expect((await ask("GET /chats")).json.chats.map(({ chatID }: { chatID: string }) => chatID)).toEqual(["team"]);
    expect((await ask("GET /chats/team/messages")).json.messages).toHaveLength(1);
    const delivered = (messageID: string) => ({ statuses: [{ messageID, messageStatus: "delivered" }] });
    for (const [request, body] of [
      ["GET /chats/other/messages", undefined],
      ["GET /users/me", undefined],
      ["PUT /chats/team/typing", { typing: true }],
      ["POST /messages", { chatID: "team", content: "no" }],
      ["POST /messages", delivered(hidden.message_id)],
      ["POST /messages", delivered("e1")],
      ["POST /messages", { statuses: [{ chatID: "other", through: 1, messageStatus: "read" }] }],
      ["DELETE /token", undefined],
    ] as const) {
      expect([request, body, (await ask(request, body)).status]).toEqual([request, body, 403]);
    }
    expect((await ask("POST /messages", delivered(seen.message_id))).status).toBe(200);
    // A waiting request is woken by what it reads alone.
    const waiting = ask(`GET /messages?format=simple&wait=60&after=${inbox.json.next}`);
    const { userId } = (await server.store.findUserByKey("anna")) ?? { userId: 0 as never };
    await until("the request to wait", () => server.hub.isOnline(userId));
    await say("other", "not for it");
    await asBackend(server, "PUT /chats/third/users", { users: ["anna", "ben"] });
    await say("team", "woken");
    expect((await waiting).json).toMatchObject({ messages: [{ content: "woken" }], events: [] });
  });

  test("one that sends", async () => {
    const { server, ask } = await stage({ allow: "send", chat: "team" });
    await using _server = server;
    const message = (chatID: string) => ({ chatID, content: "hello" });
    expect((await ask("POST /messages", message("team"))).status).toBe(200);
    expect((await ask("PUT /chats/team/typing", { typing: true })).status).toBe(200);
    for (const [request, body] of [
      ["POST /messages", message("other")],
      ["POST /messages", [message("team"), message("other")]],
      ["PUT /chats/other/typing", { typing: true }],
      ["GET /messages?format=simple", undefined],
      ["GET /messages", undefined],
      ["GET /chats", undefined],
      ["GET /chats/team/messages", undefined],
      ["GET /users/me", undefined],
    ] as const) {
      expect([request, body, (await ask(request, body)).status]).toEqual([request, body, 403]);
    }
    // All or nothing: of the list nothing was sent.
    expect((await server.store.findChat({ key: "team" }))?.lastSeq).toBe(1);
    const block = {
      chatID: "other",
      clientHash: "1",
      timestamp: Date.now(),
      messageBlock: [{ recipient: "x", messageText: "y" }],
    };
    const outgoing = { outgoingEvents: { messages: [block], timestamp: Date.now() } };
    expect((await ask("POST /messages", outgoing)).status).toBe(403);
  });

  test("a file is read through a chat that it reads", async () => {
    const { server, ask } = await stage({ allow: "read", chat: "team" });
    await using _server = server;
    const [, ben = ""] = await enroll(server, "anna", "ben");
    const hashOf = async (chatID: string, letter: string) => {
      const body = {
        chatID,
        type: "application/octet-stream",
        content: Buffer.alloc(70_000, letter).toString("base64"),
      };
      await call(server, "POST /messages", { as: ben, body });
      const { messages } = JSON.parse((await call(server, `GET /chats/${chatID}/messages`, { as: ben })).text) as {
        messages: { file: { hash: string } }[];
      };
      return messages.at(-1)?.file.hash ?? "";
    };
    expect((await ask(`GET /_/files/${await hashOf("team", "a")}`)).status).toBe(200);
    expect((await ask(`GET /_/files/${await hashOf("other", "b")}`)).status).toBe(404);
  });

  test("one that sends uploads, and sends no file on that it does not read, at any door", async () => {
    const { server, secret, ask } = await stage({ allow: "send", chat: "team" });
    await using _server = server;
    const [, ben = ""] = await enroll(server, "anna", "ben");
    const upload = async (as: string, body: string) =>
      JSON.parse((await call(server, "POST /_/files", { as, body })).text) as { file: string };
    const { file } = await upload(secret, "from the token");
    expect((await ask(`GET /_/files/${file}`)).status).toBe(200);
    expect((await ask("POST /messages", { chatID: "team", file })).status).toBe(200);
    const { file: bens } = await upload(ben, "for others");
    await call(server, "POST /messages", { as: ben, body: { chatID: "other", file: bens } });
    const { text } = await call(server, "GET /chats/other/messages", { as: ben });
    const { hash } = (JSON.parse(text) as { messages: { file: { hash: string } }[] }).messages[0]?.file ?? { hash: "" };
    expect((await ask("POST /messages", { chatID: "team", file: hash })).status).toBe(404);
    expect((await ask("POST /messages", [{ chatID: "team", file: hash }])).status).toBe(404);
    await using client = await RawMqtt.connect(server.mqttPort, by(secret));
    expect(await publish(client, "chat/team/send", JSON.stringify({ file: hash }))).toBe(refused);
    using websocket = await MiniClient.connect(server.http, "json");
    await websocket.ask({ action: "auth.login", token: secret });
    const chatId = (await server.store.findChat({ key: "team" }))?.chatId;
    const sending = { action: "message.send", message: { chat_id: String(chatId), file: hash, client_id: "1" } };
    expect(await websocket.ask(sending)).toMatchObject({ action: "message.send.fail", reason: "File not found" });
  });

  test("one that reads uploads nothing", async () => {
    const { server, secret } = await stage({ allow: "read", chat: "team" });
    await using _server = server;
    const never = `up_${"0".repeat(32)}`;
    for (const request of [
      "POST /_/files",
      `PATCH /_/files/${never}`,
      `DELETE /_/files/${never}`,
      `GET /_/files/${never}`,
    ]) {
      const body = request.startsWith("P") ? "x" : undefined;
      expect([request, (await call(server, request, { as: secret, body })).status]).toEqual([request, 403]);
    }
  });

  test("an answer that was kept for another token of the user is not given to it", async () => {
    const { server, secret } = await stage({ allow: "send", chat: "team" });
    await using _server = server;
    const [anna = ""] = await enroll(server, "anna");
    const options = { headers: { "Idempotency-Key": "once" }, body: { chatID: "other", content: "hello" } };
    expect((await call(server, "POST /messages", { ...options, as: anna })).status).toBe(200);
    expect((await call(server, "POST /messages", { ...options, as: anna })).headers.get("idempotency-replayed")).toBe(
      "true",
    );
    expect((await call(server, "POST /messages", { ...options, as: secret })).status).toBe(403);
  });
});
