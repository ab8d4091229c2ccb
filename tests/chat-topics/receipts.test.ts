/** `chat/{chatID}/receipts` through real sockets: who says how far they have read, and who hears it. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import { createLeapingClock } from "../support/manual-clock.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface ReceiptJson {
  readonly chat_id: string;
  readonly chatID: string;
  readonly user_id: string;
  readonly delivered: number;
  readonly read?: number;
  readonly time: string;
}

class Phone implements AsyncDisposable {
  readonly client: MqttClient;
  readonly receipts: { readonly topic: string; readonly qos: number; readonly list: readonly ReceiptJson[] }[] = [];
  readonly messages: { readonly seq: number; readonly message_id: string }[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, { qos }) => {
      const value = JSON.parse(String(payload));
      if (topic.endsWith("/receipts")) this.receipts.push({ topic, qos, list: value });
      else this.messages.push(value);
    });
  }

  /** What it was told last of each user: `user: delivered/read`. */
  get places(): Record<string, string> {
    const entries = this.receipts.flatMap(({ list }) =>
      list.map((one) => [one.user_id, `${one.delivered}/${one.read}`]),
    );
    return Object.fromEntries(entries);
  }

  async knows(user: string, place: string): Promise<void> {
    await until(`${user} at ${place} (${JSON.stringify(this.places)})`, () => this.places[user] === place);
  }

  say(topic: string, payload: unknown, qos: 0 | 1 = 1) {
    return withDeadline(`PUBACK of ${topic}`, this.client.publishAsync(topic, JSON.stringify(payload), { qos }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

async function call(server: TestServer, method: string, path: string, body: unknown): Promise<Record<string, string>> {
  const headers = { Authorization: `Bearer ${server.backendKey}` };
  const response = await fetch(`http://${server.http}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

const join = (server: TestServer, chatID: string, ...users: string[]) =>
  call(server, "PUT", `/chats/${chatID}/users`, { users });

async function connect(server: TestServer, userID: string, options: IClientOptions = {}): Promise<Phone> {
  const password = (await call(server, "POST", "/token", { userID }))["accessToken"] ?? "";
  const url = `mqtt://${server.mqtt}`;
  return new Phone(
    await mqtt.connectAsync(url, { username: userID, reconnectPeriod: 0, keepalive: 0, ...options, password }),
  );
}

const idOf = async (server: TestServer, userID: string): Promise<string> =>
  String((await server.store.findUserByKey(userID))?.userId);

const persistent = (clientId: string): IClientOptions => ({ clientId, clean: false });

test("the sender hears how far each member has got, by PUBACK and by what they say they read", async () => {
  await using server = await startTestServer({ clock: createLeapingClock(10) });
  await join(server, "team", "anna", "ben", "carl");
  await using anna = await connect(server, "anna");
  await using ben = await connect(server, "ben");
  await using carl = await connect(server, "carl");
  const [annaId, benId, carlId] = await Promise.all(["anna", "ben", "carl"].map((name) => idOf(server, name)));
  await anna.client.subscribeAsync("chat/team/receipts", { qos: 1 });
  for (const phone of [ben, carl]) await phone.client.subscribeAsync("chat/+/#", { qos: 1 });
  await anna.say("chat/team/send", { content: "one" });
  await anna.say("chat/team/send", { content: "two" });
  await anna.knows(benId ?? "", "2/0");
  await anna.knows(carlId ?? "", "2/0");
  await ben.say("chat/team/receipts", { read: 1 });
  await anna.knows(benId ?? "", "2/1");
  const second = carl.messages.find(({ seq }) => seq === 2)?.message_id;
  await carl.say("chat/team/receipts", { message_id: second });
  await anna.knows(carlId ?? "", "2/2");
  const [first] = anna.receipts;
  expect(first).toMatchObject({ topic: "chat/team/receipts", qos: 0 });
  expect(Object.keys(first?.list[0] ?? {})).toEqual(["chat_id", "chatID", "user_id", "delivered", "read", "time"]);
  expect(first?.list[0]).toMatchObject({ chatID: "team", time: expect.stringMatching(/^\d{4}-.*Z$/) });
  // Neither hears of what is about the other, nor of what it said itself.
  expect([ben.receipts, carl.receipts]).toEqual([[], []]);
  expect(Object.keys(anna.places)).not.toContain(annaId);
});

test("the user's own devices hear, other devices keep their places, and a group says who read what together", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await using anna = await connect(server, "anna");
  await using phone = await connect(server, "ben", persistent("phone"));
  await using laptop = await connect(server, "ben", persistent("laptop"));
  const benId = await idOf(server, "ben");
  await phone.client.subscribeAsync("chat/+/messages", { qos: 1 });
  await laptop.client.subscribeAsync("chat/+/receipts");
  for (const content of ["one", "two", "three"]) await anna.say("chat/team/send", { content });
  await until("three messages", () => phone.messages.length === 3);
  await phone.say("chat/team/receipts", { read: 3 });
  await laptop.knows(benId, "3/3");
  expect(laptop.receipts.at(-1)?.list).toHaveLength(1);
  // A session that hears receipts alone is no place to deliver messages to, and begins as a new one.
  await anna.say("chat/team/send", { content: "four" });
  await until("the fourth message", () => phone.messages.length === 4);
  await laptop.client.subscribeAsync("chat/+/messages", { qos: 1 });
  await anna.say("chat/team/send", { content: "five" });
  await until("a message", () => laptop.messages.length > 0);
  expect(laptop.messages.map(({ seq }) => seq).at(-1)).toBe(5);
});

test("what was read is not delivered any more to the device that said so, and is to another one", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await using anna = await connect(server, "anna");
  await anna.client.subscribeAsync("chat/team/receipts");
  await using laptop = await connect(server, "ben", persistent("laptop"));
  await laptop.client.subscribeAsync("chat/+/messages", { qos: 1 });
  const held: (() => void)[] = [];
  let holds = true;
  await using phone = await connect(server, "ben", {
    ...persistent("phone"),
    protocolVersion: 5,
    properties: { receiveMaximum: 1, sessionExpiryInterval: 60 },
    customHandleAcks: (_topic, _message, _packet, done) => {
      if (holds) held.push(() => done(0));
      else done(0);
    },
  });
  await phone.client.subscribeAsync("chat/+/messages", { qos: 1 });
  for (const content of ["one", "two", "three"]) await anna.say("chat/team/send", { content });
  await until("the first message", () => held.length === 1);
  // The client takes no PUBACK while it holds one back, so what follows is released when the server said that it is done.
  const said = phone.say("chat/team/receipts", { read: 3 });
  await anna.knows(await idOf(server, "ben"), "3/3");
  holds = false;
  for (const acknowledge of held) acknowledge();
  await said;
  await anna.say("chat/team/send", { content: "four" });
  await until("the fourth message", () => phone.messages.some(({ seq }) => seq === 4));
  expect(phone.messages.map(({ seq }) => seq)).toEqual([1, 4]);
  await until("the laptop's four", () => laptop.messages.length === 4);
});

test("a direct chat is named as each side writes it; who is blocked says and hears nothing, and hears again after", async () => {
  await using server = await startTestServer();
  await using anna = await connect(server, "anna");
  await using ben = await connect(server, "ben");
  const [annaId, benId] = [await idOf(server, "anna"), await idOf(server, "ben")];
  await anna.client.subscribeAsync(`chat/user.${benId}/receipts`);
  await ben.client.subscribeAsync("chat/+/receipts");
  await anna.say(`chat/user.${benId}/send`, { content: "hello" });
  await ben.say(`chat/user.${annaId}/receipts`, { read: 1 });
  await anna.knows(benId, "1/1");
  expect(anna.receipts[0]?.topic).toBe(`chat/user.${benId}/receipts`);
  const [low, high] = [annaId, benId].toSorted();
  expect(anna.receipts[0]?.list[0]?.chatID).toBe(`direct.${low}.${high}`);
  await anna.say(`chat/user.${benId}/send`, { content: "again" });
  await anna.say(`chat/user.${benId}/send`, { content: "and again" });
  await server.domain.contacts.block(Number(benId) as never, Number(annaId));
  await ben.say(`chat/user.${annaId}/receipts`, { read: 2 });
  await using tablet = await connect(server, "ben");
  await tablet.client.subscribeAsync("chat/+/receipts");
  await server.domain.contacts.unblock(Number(benId) as never, Number(annaId));
  await ben.say(`chat/user.${annaId}/receipts`, { read: 3 });
  await tablet.knows(benId, "3/3");
  await anna.knows(benId, "3/3");
  expect(anna.receipts.flatMap(({ list }) => list.map(({ read }) => read))).not.toContain(2);
});

test.each([
  ["a place beyond the last message", "team", { read: 3 }, 0x87],
  ["a huge place", "team", { read: Number.MAX_SAFE_INTEGER }, 0x87],
  ["a message that is nowhere", "team", { message_id: "999999" }, 0x87],
  ["a message of another chat", "team", { message_id: "3" }, 0x87],
  ["a chat of others", "others", { read: 1 }, 0x87],
  ["a chat that is nowhere", "nowhere", { read: 1 }, 0x87],
  ["no place", "team", { read: 0 }, 0x99],
  ["a place before the first", "team", { read: -1 }, 0x99],
  ["a number that is not whole", "team", { read: 1.5 }, 0x99],
  ["a number beyond all", "team", { read: 1e300 }, 0x99],
  ["a text", "team", { read: "1" }, 0x99],
  ["two places", "team", { read: 1, message_id: "1" }, 0x99],
  ["no id", "team", { message_id: "x" }, 0x99],
  ["nothing", "team", {}, 0x99],
  ["no object", "team", 1, 0x99],
  ["much", "team", { read: 1, more: "x".repeat(2000) }, 0x99],
] as const)("%s is refused in MQTT's words, and the user's position stays", async (_, chatID, payload, reasonCode) => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await join(server, "others", "anna", "carl");
  await using anna = await connect(server, "anna");
  for (const chat of ["team", "team", "others"]) await anna.say(`chat/${chat}/send`, { content: "x" });
  await using ben = await connect(server, "ben", { protocolVersion: 5 });
  const refusal = ben.say(`chat/${chatID}/receipts`, payload).then(
    () => "acknowledged",
    (error: { code?: number }) => error.code,
  );
  expect(await refusal).toBe(reasonCode);
  const ref = (await server.store.findUserByKey("ben"))?.userId;
  expect((await server.store.positions(ref ?? (0 as never)))[0]).toMatchObject({ deliveredSeq: 0, readSeq: 0 });
});
