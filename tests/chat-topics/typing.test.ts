/** docs/mqtt.md § Chats. Typing is said at one door, heard at every door, over real sockets. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { MiniClient } from "../minioicq/client.ts";
import { participant } from "../minioicq/stage.ts";
import { call, room } from "../rest/client.ts";
import { openStream } from "../rest/event-stream.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createLeapingClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Heard {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly body: Record<string, unknown>;
}

/** So often a user is told of in a chat, at most. */
const betweenMs = 1000;

class Listener implements AsyncDisposable {
  readonly client: MqttClient;
  readonly heard: Heard[] = [];

  private constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, { qos, retain }) =>
      this.heard.push({ topic, qos, retain, body: JSON.parse(String(payload)) }),
    );
  }

  static async connect(server: TestServer, password: string, options: IClientOptions = {}): Promise<Listener> {
    const url = `mqtt://${server.mqtt}`;
    return new Listener(
      await mqtt.connectAsync(url, { username: "api", reconnectPeriod: 0, protocolVersion: 5, ...options, password }),
    );
  }

  say(topic: string, payload: unknown) {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    return withDeadline(`PUBACK of ${topic}`, this.client.publishAsync(topic, text, { qos: 1 }));
  }

  states(): unknown[] {
    return this.heard.map(({ body }) => body["typing"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

test("what is said at one door is heard at every door, and not by the client that said it", async () => {
  const clock = createLeapingClock();
  await using server = await startTestServer({ clock });
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  await room(server, "team", "ann", "bob");
  await using annPhone = await Listener.connect(server, ann.token);
  await using bobPhone = await Listener.connect(server, bob.token);
  for (const phone of [annPhone, bobPhone]) await phone.client.subscribeAsync("chat/+/typing", { qos: 1 });
  await using bobStream = await openStream(server, bob.token);
  await bobStream.next(); // chat_enter
  for (const { client } of [ann, bob]) await client.fence();

  await annPhone.say("chat/team/typing", { typing: true });
  await until("Bob's phone heard", () => bobPhone.heard.length === 1);
  const chat = String(bobPhone.heard[0]?.body["chat_id"]);
  const body = { chat_id: chat, chatID: "team", user_id: ann.id, typing: true };
  expect(bobPhone.heard).toEqual([{ topic: "chat/team/typing", qos: 0, retain: false, body }]);
  const pushed = { action: "chat.typing", chat_id: chat, user_id: ann.id, typing: true };
  expect(await bob.client.fence()).toEqual([pushed]);
  // Her own other clients hear it too.
  expect(await ann.client.fence()).toEqual([pushed]);
  expect((await bobStream.next()).data).toMatchObject({ type: "chat_typing", chatID: "team" });
  expect(annPhone.heard).toEqual([]);

  expect(await bob.client.ask({ action: "chat.typing", chat_id: chat })).toEqual({
    action: "chat.typing.success",
    chat_id: chat,
  });
  expect(await bob.client.fence()).toEqual([]);
  await until("Ann's phone heard", () => annPhone.heard.length === 1);
  expect(annPhone.heard[0]?.body).toMatchObject({ user_id: bob.id, typing: true });
  await bob.client.ask({ action: "chat.typing", chat_id: chat, typing: false });
  clock.leap(betweenMs);
  await until("Ann's phone heard the end", () => annPhone.heard.length === 2);
  expect(annPhone.states()).toEqual([true, false]);

  await annPhone.say("chat/team/typing", { typing: false });
  clock.leap(betweenMs);
  await until("Bob's phone heard the end", () => bobPhone.heard.some(({ body }) => body["typing"] === false));
  expect((await call(server, "PUT /chats/team/typing", { as: bob.token })).status).toBe(200);
  await until("Ann's phone heard REST", () => annPhone.heard.length === 3);
});

test("clients of the document alone are told nothing new", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  await room(server, "team", "ann", "bob");
  await using plain = await Listener.connect(server, bob.token);
  await plain.client.subscribeAsync("chat/+/messages", { qos: 1 });
  using old = await MiniClient.connect(server.http, "json");
  await old.ask({ action: "auth.login", token: bob.token });
  await old.fence();
  const chat = String((await ann.client.fence()).find(({ action }) => action === "chat.spawn")?.["chat_id"]);
  await ann.client.ask({ action: "chat.typing", chat_id: chat });
  expect((await bob.client.fence()).map(({ action }) => action)).toContain("chat.typing");
  expect([await old.fence(), plain.heard]).toEqual([[], []]);
});

test("where either blocks the other neither hears, in a direct chat; who was blocked is refused", async () => {
  const clock = createLeapingClock();
  await using server = await startTestServer({ clock });
  const ann = await participant(server, "ann");
  const bob = await participant(server, "bob");
  await using annPhone = await Listener.connect(server, ann.token);
  await using bobPhone = await Listener.connect(server, bob.token);
  for (const phone of [annPhone, bobPhone]) await phone.client.subscribeAsync("chat/+/typing");
  ann.client.send(bob.id, "hello");
  await until("Bob was told of the chat", () => bob.client.received.length === 2);
  await annPhone.say(`chat/user.${bob.id}/typing`, { typing: true });
  await until("Bob's phone heard", () => bobPhone.heard.length === 1);
  await ann.client.fence();
  await bob.client.fence();

  await ann.client.ask({ action: "contact.block", user_id: bob.id });
  const refused = { action: "chat.typing.fail", reason: "Chat not found" };
  expect(await bob.client.ask({ action: "chat.typing", chat_id: ann.id })).toEqual(refused);
  await expect(bobPhone.say(`chat/user.${ann.id}/typing`, { typing: true })).rejects.toMatchObject({ code: 0x87 });
  expect((await call(server, `PUT /chats/user.${ann.id}/typing`, { as: bob.token })).status).toBe(404);
  await annPhone.say(`chat/user.${bob.id}/typing`, { typing: false });
  // Her own clients hear of the end within the second; Bob's do not.
  clock.leap(betweenMs);
  const ended = { action: "chat.typing", chat_id: expect.any(String), user_id: ann.id, typing: false };
  await until("the user's own client heard", () => ann.client.received.some(({ action }) => action === "chat.typing"));
  expect(await ann.client.fence()).toContainEqual(ended);
  expect([await bob.client.fence(), bobPhone.states(), annPhone.states()]).toEqual([[], [true], []]);
});

test("typing that cannot be read, of strangers and in unknown chats is refused", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const eve = await participant(server, "eve");
  await room(server, "team", "ann");
  await using annPhone = await Listener.connect(server, ann.token);
  await using evePhone = await Listener.connect(server, eve.token);
  const wrong = ["", "true", "{", "[]", '{"typing":1}', "{}", `{"typing":true,"x":"${"x".repeat(2000)}"}`];
  for (const payload of wrong) {
    await expect(annPhone.say("chat/team/typing", payload)).rejects.toMatchObject({ code: 0x99 });
  }
  for (const chat of ["team", "nowhere", `user.${ann.id}`, "user.999999"]) {
    await expect(evePhone.say(`chat/${chat}/typing`, { typing: true })).rejects.toMatchObject({ code: 0x87 });
  }
  await annPhone.say("chat/team/typing", { typing: true });
});
