/** Chat for any MQTT client, through real sockets: who may say and hear what, once, in order, and after being away. */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { until, withDeadline } from "../support/deadline.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Heard {
  readonly topic: string;
  readonly message: {
    message_id: string;
    seq: number;
    content: string;
    encoding?: string;
    client_id?: string;
    type: string;
  };
  readonly dup: boolean;
}

class Phone implements AsyncDisposable {
  readonly client: MqttClient;
  readonly heard: Heard[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload, packet) => {
      this.heard.push({ topic, message: JSON.parse(String(payload)), dup: packet.dup });
    });
  }

  get contents(): string[] {
    return this.heard.map(({ message }) => message.content);
  }

  async hears(count: number): Promise<void> {
    await until(`${count} messages (${this.heard.length} came)`, () => this.heard.length >= count);
  }

  /** Whatever was on its way before has come when this resolves. */
  async fence(): Promise<void> {
    const answered = new Promise<void>((resolve) => this.client.once("packetreceive", () => resolve()));
    this.client.sendPing();
    await withDeadline("a ping's answer", answered);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

const tokens = new WeakMap<TestServer, Map<string, string>>();

async function call(
  server: TestServer,
  method: string,
  path: string,
  body: unknown,
  token = server.backendKey,
): Promise<Record<string, string>> {
  const response = await fetch(`http://${server.http}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

async function tokenOf(server: TestServer, userID: string): Promise<string> {
  const known = tokens.get(server) ?? new Map<string, string>();
  tokens.set(server, known);
  const token = known.get(userID) ?? (await call(server, "POST", "/token", { userID }))["accessToken"] ?? "";
  known.set(userID, token);
  return token;
}

const join = (server: TestServer, chatID: string, ...users: string[]) =>
  call(server, "PUT", `/chats/${chatID}/users`, { users });

async function connect(server: TestServer, userID: string, options: IClientOptions = {}): Promise<Phone> {
  const password = options.password ?? (await tokenOf(server, userID));
  const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
    username: userID,
    reconnectPeriod: 0,
    ...options,
    password,
  });
  return new Phone(client);
}

/** Lets a user who was made by the backend use ordinary topics too. */
async function trust(server: TestServer, ...names: string[]): Promise<void> {
  for (const name of names) {
    const user = await server.store.findUserByKey(name);
    if (user === undefined) throw new Error(`no user ${name}`);
    await server.domain.topics.trust(user.userId);
  }
}

const say = (phone: Phone, chatID: string, payload: string | Buffer) =>
  withDeadline(`PUBACK in ${chatID}`, phone.client.publishAsync(`chat/${chatID}/send`, payload, { qos: 1 }));

test("members hear each other, on the topic they asked for, and the sender hears them too", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben", "carl");
  await using anna = await connect(server, "anna");
  await using ben = await connect(server, "ben");
  await anna.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await ben.client.subscribeAsync("chat/+/messages");
  await say(anna, "team", "one");
  await say(ben, "team", '{"content":"two","type":"text/markdown","client_id":"b-1"}');
  await say(ben, "team", Buffer.from([0xff, 0, 1]));
  for (const phone of [anna, ben]) {
    await phone.hears(3);
    expect(phone.heard.map(({ topic }) => topic)).toEqual(Array(3).fill("chat/team/messages"));
    expect(phone.heard.map(({ message }) => message.seq)).toEqual([1, 2, 3]);
    expect(phone.heard[1]?.message).toMatchObject({ content: "two", type: "text/markdown", client_id: "b-1" });
    expect(phone.heard[2]?.message).toMatchObject({ content: "/wAB", encoding: "base64", type: "file" });
  }
});

test("overlapping filters, a bare # among them, give each message once", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await trust(server, "anna", "ben");
  await using anna = await connect(server, "anna");
  await using ben = await connect(server, "ben");
  await anna.client.subscribeAsync({
    "#": { qos: 0 },
    "chat/+/messages": { qos: 0 },
    "chat/team/messages": { qos: 1 },
  });
  await say(ben, "team", "once");
  await ben.client.publishAsync("sensors/1", '{"content":"ordinary"}', { qos: 1 });
  await anna.hears(2);
  await anna.fence();
  expect(anna.contents.sort()).toEqual(["once", "ordinary"]);
});

test("strangers hear nothing, and say nothing: an unacknowledged PUBLISH ends in a closed connection", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna");
  await using eve = await connect(server, "eve");
  await using anna = await connect(server, "anna");
  await eve.client.subscribeAsync({ "chat/team/messages": { qos: 1 }, "#": { qos: 1 }, "chat/#": { qos: 1 } });
  await say(anna, "team", "secret");
  await eve.fence();
  expect(eve.heard).toEqual([]);
  for (const topic of ["chat/team/send", "chat/none/send", "chat/team/messages", "events/1//api/anon//", "$SYS/x"]) {
    await using intruder = await connect(server, "eve", { clientId: `eve-${topic.length}` });
    const closed = new Promise<void>((resolve) => intruder.client.once("close", () => resolve()));
    const published = intruder.client.publishAsync(topic, "hi", { qos: 1 }).then(
      () => "acknowledged",
      () => "not acknowledged",
    );
    if (topic.startsWith("chat/")) {
      await withDeadline(`${topic} closes`, closed);
      await intruder.client.endAsync(true);
      expect(await published).toBe("not acknowledged");
    } else {
      // A reserved topic that no service serves: dropped, as MQTT 3.1.1 lets a broker do [MQTT-3.3.5-2].
      expect(await withDeadline(topic, published)).toBe("acknowledged");
    }
  }
  const history = await fetch(`http://${server.http}/chats/team/messages`, {
    headers: { Authorization: `Bearer ${await tokenOf(server, "anna")}` },
  });
  expect(((await history.json()) as { messages: unknown[] }).messages).toHaveLength(1);
});

test.each([
  "chat/team/send",
  "chat/team",
  "user/1/phone",
  "$SYS/#",
  "$share/g/chat/team/messages",
  "actions/x",
  "muc/1",
])("a subscription to %s is refused in its slot", async (filter) => {
  await using server = await startTestServer();
  await using anna = await connect(server, "anna");
  await trust(server, "anna");
  const granted = await anna.client
    .subscribeAsync({ [filter]: { qos: 1 }, "sensors/+": { qos: 1 } })
    .catch((error: unknown) => error);
  // MQTT.js reports a refused slot as an error; the other slot was granted all the same.
  expect(String(granted)).toContain("error");
  await anna.client.publishAsync("sensors/1", '{"content":"heard"}', { qos: 1 });
  await anna.hears(1);
});

test("a direct chat is user.<id> for each of the two, from the first message on", async () => {
  await using server = await startTestServer();
  const [anna, ben] = [await connect(server, "anna"), await connect(server, "ben")];
  await using _anna = anna;
  await using _ben = ben;
  const ids = await Promise.all(["anna", "ben"].map((key) => server.domain.store.findUserByKey(key)));
  const [annaId, benId] = ids.map((user) => user?.userId);
  await anna.client.subscribeAsync(`chat/user.${benId}/messages`, { qos: 1 });
  await ben.client.subscribeAsync("chat/+/messages", { qos: 1 });
  await say(anna, `user.${benId}`, "hello Ben");
  await say(ben, `user.${annaId}`, "hello Anna");
  await anna.hears(2);
  await ben.hears(2);
  expect(anna.heard.map(({ topic }) => topic)).toEqual(Array(2).fill(`chat/user.${benId}/messages`));
  expect(ben.heard.map(({ topic }) => topic)).toEqual(Array(2).fill(`chat/direct.${annaId}.${benId}/messages`));
});

test("who leaves a chat hears no more of it through an open subscription, who joins hears from then on", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await using anna = await connect(server, "anna");
  await using ben = await connect(server, "ben");
  await ben.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await say(anna, "team", "one");
  await ben.hears(1);
  await call(server, "DELETE", "/chats/team/users", { users: ["ben"] });
  await say(anna, "team", "two");
  await join(server, "team", "ben");
  await say(anna, "team", "three");
  await ben.hears(2);
  expect(ben.contents).toEqual(["one", "three"]);
});

test("a session that outlives its connection gets what it missed once, in order, over a restart of the server", async () => {
  let server = await startTestServer();
  await using first = server;
  await join(server, "team", "anna", "ben");
  await join(server, "other", "anna", "ben");
  const away: IClientOptions = { clientId: "phone", clean: false };
  const token = await tokenOf(server, "anna");
  const annaToken = { ...away, password: token };
  const benToken = await tokenOf(server, "ben");
  await using anna = await connect(server, "anna", annaToken);
  await anna.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await using ben = await connect(server, "ben");
  await say(ben, "team", "0");
  await anna.hears(1);
  await anna.fence();
  await anna.client.endAsync();
  for (const text of ["1", "2"]) await say(ben, "team", text);
  await say(ben, "other", "not asked for");
  server = await server.restart();
  await using second = server;
  await using benAgain = await connect(server, "ben", { password: benToken });
  for (const text of ["3", "4"]) await say(benAgain, "team", text);
  await using back = await connect(server, "anna", annaToken);
  await back.hears(4);
  await say(benAgain, "team", "5");
  await back.hears(5);
  expect(back.contents).toEqual(["1", "2", "3", "4", "5"]);
  // Asking for the other chat begins with what is said from then on.
  await back.client.subscribeAsync("chat/other/messages", { qos: 1 });
  await say(benAgain, "other", "asked for");
  await back.hears(6);
  expect(back.contents.at(-1)).toBe("asked for");
  expect(first.dataDir).toBe(second.dataDir);
});

test("a clean session begins with what is said while it listens, and ends the one that waited", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await using ben = await connect(server, "ben");
  const waiting = await connect(server, "anna", { clientId: "phone", clean: false });
  await waiting.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await waiting.client.endAsync();
  await say(ben, "team", "missed");
  await using clean = await connect(server, "anna", { clientId: "phone", clean: true });
  await clean.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await say(ben, "team", "live");
  await clean.hears(1);
  expect(clean.contents).toEqual(["live"]);
  await clean.client.endAsync();
  await using again = await connect(server, "anna", { clientId: "phone", clean: false });
  await again.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await say(ben, "team", "later");
  // It is new, and begins with what no client of hers took.
  await again.hears(2);
  expect(again.contents).toEqual(["missed", "later"]);
  expect(again.heard.map(({ dup }) => dup)).toEqual([false, false]);
});

test("a clean session ends the one that waited although the server was restarted in between", async () => {
  let server = await startTestServer();
  await using first = server;
  await join(server, "team", "anna", "ben");
  const options: IClientOptions = { clientId: "phone", password: await tokenOf(server, "anna") };
  const benToken = await tokenOf(server, "ben");
  const waiting = await connect(server, "anna", { ...options, clean: false });
  await waiting.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await waiting.client.endAsync();
  await using ben = await connect(server, "ben");
  await say(ben, "team", "missed");
  server = await first.restart();
  await using second = server;
  const clean = await connect(second, "anna", { ...options, clean: true });
  await clean.client.endAsync();
  await using again = await connect(second, "anna", { ...options, clean: false });
  await again.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await using benAgain = await connect(second, "ben", { password: benToken });
  await say(benAgain, "team", "later");
  await again.hears(2);
  expect(again.contents).toEqual(["missed", "later"]);
  expect(again.heard.map(({ dup }) => dup)).toEqual([false, false]);
});

test("a client id belongs to its user: another user's session is neither resumed nor closed", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna", "ben");
  await using anna = await connect(server, "anna", { clientId: "shared", clean: false });
  await anna.client.subscribeAsync("chat/team/messages", { qos: 1 });
  await using eve = await connect(server, "eve", { clientId: "shared", clean: false });
  await using ben = await connect(server, "ben");
  await say(ben, "team", "for Anna");
  await anna.hears(1);
  await eve.fence();
  expect([anna.client.connected, eve.client.connected, eve.heard]).toEqual([true, true, []]);
});

test("the same client id again is the first message again", async () => {
  await using server = await startTestServer();
  await join(server, "team", "anna");
  await using anna = await connect(server, "anna");
  await anna.client.subscribeAsync("chat/team/messages", { qos: 1 });
  for (let n = 0; n < 3; n += 1) await say(anna, "team", '{"content":"once","client_id":"x"}');
  await say(anna, "team", "fence");
  await anna.hears(2);
  expect(anna.contents).toEqual(["once", "fence"]);
});

test("accounts come in by username, number or key with a password or a token; no other client does", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "off" } });
  const token = await tokenOf(server, "anna");
  const eve = await tokenOf(server, "eve");
  const mia = await server.domain.accounts.register({ nick: "Mia", password: "correct horse", address: "127.0.0.1" });
  const attempts: [string | undefined, string | undefined, boolean][] = [
    ["anna", token, true],
    [`user.${mia.userId}`, "correct horse", true],
    [String(mia.userId), "correct horse", true],
    [String(mia.userId), "wrong", false],
    ["anna", eve, false],
    ["anna", "", false],
    ["nobody", "x", false],
    [undefined, undefined, false],
    ["", "", false],
  ];
  for (const [username, password, allowed] of attempts) {
    const options: IClientOptions = { reconnectPeriod: 0 };
    if (username !== undefined) options.username = username;
    if (password !== undefined) options.password = password;
    const outcome = await mqtt.connectAsync(`mqtt://${server.mqtt}`, options).then(
      async (client) => {
        await client.endAsync();
        return true;
      },
      () => false,
    );
    expect([username, outcome]).toEqual([username, allowed]);
  }
});

test("an open broker lets anybody use ordinary topics, and no chat", async () => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  await join(server, "team", "anna");
  const client = await mqtt.connectAsync(`mqtt://${server.mqtt}`, { reconnectPeriod: 0 });
  await using anybody = new Phone(client);
  await anybody.client.subscribeAsync("#");
  await anybody.client.publishAsync("sensors/1", '{"content":"21"}', { qos: 1 });
  await anybody.hears(1);
  await using anna = await connect(server, "anna");
  await say(anna, "team", "secret");
  await anybody.fence();
  expect(anybody.contents).toEqual(["21"]);
  const refused = await anybody.client.subscribeAsync("chat/team/messages").catch((error: unknown) => error);
  expect(String(refused)).toContain("error");
});

test("a connected user is online, and remembered as last seen when gone", async () => {
  await using server = await startTestServer();
  const token = await tokenOf(server, "anna");
  const user = await server.domain.store.findUserByKey("anna");
  if (user === undefined) throw new Error("anna is missing");
  const anna = await connect(server, "anna", { password: token });
  expect(server.hub.isOnline(user.userId)).toBe(true);
  await anna.client.endAsync();
  await until("anna is offline", () => !server.hub.isOnline(user.userId));
  await server.domain.presence.flush();
  expect((await server.domain.store.findUserByKey("anna"))?.lastSeenAtMs).toBeGreaterThan(Date.now() - 60_000);
});
