/** Which topics a client of the Erlang-term services hears and says something on (T1 to T6, T10). */
import { expect, test } from "bun:test";
import mqtt from "mqtt";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary, Tuple } from "../../src/etf/term.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { authTuple } from "./auth-table/layouts.ts";
import { openTable } from "./auth-table/row.ts";
import { isLoggedInBy, type Person, toldBy } from "./auth-table/stage.ts";
import { RosterClient } from "./client.ts";

const { stage } = openTable();

/** Answered with `session_not_found`, whoever asks. */
const question: WireTerm = authTuple([], [], [], binary("0".repeat(64)), [], [], [], [], []);
const answered = { kind: "error", what: "session_not_found", token: undefined };

const heardOf = async (client: RosterClient, topic = "events//api/anon//") =>
  (await client.askFenced(question, topic)).map((one) => [one.topic, one.qos]);

/** A person's connection that has logged in. */
async function loggedIn(person: Person, clientId: string): Promise<RosterClient> {
  const client = await stage().connect({ clientId });
  await stage().logIn(person, { client });
  return client;
}

/** Somebody asks to be friends, so that the phone hears something on both of its topics. */
async function isAskedByAFriend({ phone }: Person): Promise<void> {
  await using friend = await stage().connect();
  await stage().logIn(stage().person(), { client: friend });
  const ask = new Tuple([atom("Friend"), [], [], binary(phone), atom("simple")]);
  await friend.ask(ask, { topic: "events/1//api/anon//" });
}

const topicsOf = (answers: readonly { topic: string; qos: number }[]): (string | number)[][] =>
  answers.map(({ topic, qos }) => [topic, qos]).sort();

const ofPhone = (phone: string): readonly [string, string] => [`actions/1/api/phone/${phone}`, `ses/${phone}`];

test("T1: a client hears its answers of both generations, and its phone's topics once logged in, without subscribing", async () => {
  const bob = stage().person();
  await using client = await loggedIn(bob, "t1-bob");
  expect(toldBy(await client.askFenced(question), "t1-bob")).toEqual(answered);
  expect(toldBy(await client.askFenced(question, "events/1//api/anon//"), "t1-bob", "1")).toEqual(answered);
  await isAskedByAFriend(bob);
  expect(topicsOf(await client.heard())).toEqual(ofPhone(bob.phone).map((topic) => [topic, 2]));
});

test("T1: accounts hear only what they subscribe to, logged in by phone or not, and devices may ask nothing", async () => {
  const [pair] = await stage().server.domain.accounts.provision([{ username: "t1-account" }]);
  const fields = { username: "t1-account", password: Buffer.from(pair?.accessToken ?? "") };
  await using account = await RosterClient.connect(stage().server, "t1-c", fields);
  expect(await account.ask(question)).toEqual([]);
  expect(await account.subscribe("actions/api/t1-c", 1)).toBe(1);
  expect(await heardOf(account)).toEqual([["actions/api/t1-c", 1]]);
  const person = stage().person();
  const { token, code } = await stage().begin(person);
  const verify = authTuple([], [], [], binary(token), [], atom("verify"), binary(code), [], []);
  const [login] = await account.askFenced(verify);
  expect(login?.payload.toString("latin1")).toContain("login");
  await isAskedByAFriend(person);
  expect(await account.heard()).toEqual([]);
  for (const topic of ofPhone(person.phone)) expect(await account.subscribe(topic, 1)).toBe(1);
  await isAskedByAFriend(person);
  expect(topicsOf(await account.heard())).toEqual(ofPhone(person.phone).map((topic) => [topic, 1]));

  const device = await stage().server.domain.devices.add({ name: "t1-lamp", subscribe: ["#"], publish: ["#"] });
  const lampFields = { username: "t1-lamp", password: Buffer.from(device.password ?? "") };
  await using lamp = await RosterClient.connect(stage().server, "t1-lamp", lampFields);
  expect(await lamp.subscribe("actions/api/t1-lamp", 1)).toBe(0x80);
  expect(await lamp.ask(question)).toEqual([]);
});

test("T1: a client id that is no level of a topic hears its own answers and no other client's", async () => {
  const person = stage().person();
  await using neighbour = await loggedIn(person, "victim");
  for (const clientId of ["+", "#", "+/+", "victim/#", "/", "victim/", "a/b", `phone/${person.phone}`, "$share"]) {
    await using odd = await stage().connect({ clientId });
    for (const asked of ["events//api/anon//", "events/1//api/anon//"]) {
      const topics = (await odd.askFenced(question, asked)).map(({ topic }) => topic);
      expect([clientId, topics.length, /[+#]/.test(topics[0] ?? "+")]).toEqual([clientId, 1, false]);
    }
    expect(await heardOf(neighbour)).toEqual([["actions/api/victim", 2]]);
    expect([clientId, await odd.heard()]).toEqual([clientId, []]);
    const wild = await odd.subscribe(`actions/api/${clientId}`, 1);
    if (/[+#/]/.test(clientId)) expect([clientId, wild]).toEqual([clientId, 0x80]);
  }
  // With NUL in it there is no connection at all [MQTT-1.5.3-2].
  await using raw = await RawMqtt.open(stage().server.mqttPort);
  raw.send(connectPacket({ clientId: "victim\0", username: "api" }));
  await raw.whenClosed();
  expect(await neighbour.heard()).toEqual([]);
});

test("T1: an explicit subscription takes the unasked one's place with its QoS, and each answer comes once", async () => {
  await using client = await stage().connect({ clientId: "t1-own" });
  const versioned = "events/1//api/anon//";
  for (const qos of [0, 1, 2] as const) {
    expect(await client.subscribe("actions/api/t1-own", qos)).toBe(qos);
    expect(await heardOf(client)).toEqual([["actions/api/t1-own", qos]]);
    // A wildcard that covers only one's own is one's own.
    expect(await client.subscribe("actions/+/api/t1-own", qos)).toBe(qos);
    expect(await heardOf(client, versioned)).toEqual([["actions/1/api/t1-own", qos]]);
  }
  // Two that match bring one message, at the higher QoS.
  expect(await client.subscribe("actions/1/api/t1-own", 1)).toBe(1);
  expect(await heardOf(client, versioned)).toEqual([["actions/1/api/t1-own", 2]]);
  const person = stage().person();
  await using other = await loggedIn(person, "t1-phone");
  for (const topic of ofPhone(person.phone)) expect(await other.subscribe(topic, 0)).toBe(0);
  await isAskedByAFriend(person);
  expect(topicsOf(await other.heard())).toEqual(ofPhone(person.phone).map((topic) => [topic, 0]));
});

test("T1: in one SUBSCRIBE the foreign topics are refused and one's own are granted", async () => {
  await using client = await stage().connect({ clientId: "t1-slots" });
  const filters = ["actions/api/t1-slots", "actions/api/bystander", "actions/#", "actions/1/api/t1-slots", "ses/+"];
  const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
  client.raw.send({ cmd: "subscribe", messageId: 7, subscriptions });
  expect((await client.raw.expect("suback")).granted).toEqual([1, 0x80, 0x80, 1, 0x80]);
});

test("T2: what the server says is never retained", async () => {
  const anna = stage().person();
  await using client = await loggedIn(anna, "t2");
  await isAskedByAFriend(anna);
  await client.heard();
  await heardOf(client);
  for (const topic of ["actions/api/t2", "actions/+/api/t2", ...ofPhone(anna.phone)]) {
    expect(await client.subscribe(topic, 2)).toBe(2);
  }
  expect(await client.heard()).toEqual([]);
  // Neither is it where a request is.
  const payload = Buffer.from([131, 106]);
  client.raw.send({ cmd: "publish", topic: "events//api", payload, qos: 0, dup: false, retain: true });
  const answer = await client.raw.expect("publish");
  expect([answer.topic, answer.retain]).toEqual(["actions/api/t2", false]);
  await using next = await stage().connect({ clientId: "t2" });
  expect(await next.subscribe("actions/api/t2", 2)).toBe(2);
  expect(await next.heard()).toEqual([]);
});

test("T3: what is heard unasked may be given up until the next CONNECT", async () => {
  const person = stage().person();
  const token = await stage().logIn(person);
  const password = Buffer.from(token);
  const topics = ofPhone(person.phone);
  for (const clean of [true, false]) {
    const clientId = `t3-${clean}`;
    const fields = { clientId, clean, password };
    const client = await stage().connect(fields);
    await client.unsubscribe(`actions/api/${clientId}`);
    expect(await client.ask(question)).toEqual([]);
    expect(await heardOf(client, "events/1//api/anon//")).toEqual([[`actions/1/api/${clientId}`, 2]]);
    await client.unsubscribe(`actions/+/api/${clientId}`, ...topics);
    expect(await client.ask(question, { topic: "events/1//api/anon//" })).toEqual([]);
    // A log-in on the same connection does not bring them back.
    const login = authTuple([], [], [], binary(token), [], [], [], [], []);
    expect(await client.ask(login)).toEqual([]);
    await isAskedByAFriend(person);
    expect(await client.heard()).toEqual([]);
    await client.raw.drop();
    await using again = await stage().connect(fields);
    expect(await heardOf(again)).toEqual([[`actions/api/${clientId}`, 2]]);
    expect(await heardOf(again, "events/1//api/anon//")).toEqual([[`actions/1/api/${clientId}`, 2]]);
    await isAskedByAFriend(person);
    expect(topicsOf(await again.heard())).toEqual(topics.map((topic) => [topic, 2]));
  }
});

test("T3: what was subscribed to and is given up is not heard unasked again", async () => {
  await using client = await stage().connect({ clientId: "t3-back" });
  for (const [filter, topic] of [
    ["actions/api/t3-back", "events//api/anon//"],
    ["actions/+/api/t3-back", "events/1//api/anon//"],
  ] as const) {
    expect(await client.subscribe(filter, 1)).toBe(1);
    await client.unsubscribe(filter);
    expect([filter, await client.ask(question, { topic })]).toEqual([filter, []]);
    expect(await client.subscribe(filter, 1)).toBe(1);
    expect((await heardOf(client, topic)).map(([, qos]) => qos)).toEqual([1]);
  }
});

test("T4: a phone's topics are refused until the connection has logged in by that phone", async () => {
  const [anna, bob] = [stage().person(), stage().person()];
  const token = await stage().logIn(anna);
  await using client = await stage().connect();
  const granted = async ({ phone }: Person): Promise<unknown[]> => {
    const [first, second] = ofPhone(phone);
    return [await client.subscribe(first, 1), await client.subscribe(second, 1)];
  };
  expect(await granted(anna)).toEqual([0x80, 0x80]);
  const waiting = await stage().begin(anna, { client });
  expect(await granted(anna)).toEqual([0x80, 0x80]); // A token that was not confirmed is no log-in.
  await stage().ask(client, { request: "issue", token });
  expect([await granted(anna), await granted(bob)]).toEqual([
    [1, 1],
    [0x80, 0x80],
  ]);
  await using pending = await stage().connect({ password: Buffer.from(waiting.token) });
  expect(await isLoggedInBy(pending, anna.phone)).toBe(false);
});

test("T5: what clients publish on the services' topics is acknowledged and dropped, and MQTT 5 is told 0x87", async () => {
  const anna = stage().person();
  await using victim = await loggedIn(anna, "t5-victim");
  const [pair] = await stage().server.domain.accounts.provision([{ username: "t5" }]);
  const password = Buffer.from(pair?.accessToken ?? "");
  await using watcher = await RawMqtt.connect(stage().server.mqttPort, { username: "t5", password });
  await watcher.subscribe("#", 1);
  const topics = [
    "events",
    "events/x",
    "events//other/anon/me/",
    "events/1//n2o/anon/me/",
    "actions/api/t5-victim",
    "actions/1/api/t5-victim",
    "/actions/1/api/t5-victim",
    ...ofPhone(anna.phone),
    `/ses/${anna.phone}`,
    "ses/x",
  ];
  await using client = await loggedIn(stage().person(), "t5");
  for (const topic of topics) {
    for (const qos of [1, 2] as const) {
      expect([topic, await client.ask(question, { topic, qos })]).toEqual([topic, []]);
    }
  }
  const five = await mqtt.connectAsync(`mqtt://${stage().server.mqtt}`, {
    protocolVersion: 5,
    username: "api",
    reconnectPeriod: 0,
  });
  for (const topic of topics) {
    for (const qos of [1, 2] as const) {
      const failure = await five.publishAsync(topic, "x", { qos }).then(
        () => undefined,
        (error: { code?: unknown }) => error.code,
      );
      expect([topic, qos, failure]).toEqual([topic, qos, 0x87]);
    }
  }
  await five.endAsync();
  expect([await victim.heard(), await watcher.fence()]).toEqual([[], []]);
});

test("T6: no client hears a will that only announces a client's version", async () => {
  const person = stage().person();
  const password = Buffer.from(await stage().logIn(person));
  const { accounts, store, topics } = stage().server.domain;
  const [pair] = await accounts.provision([{ username: "t6" }]);
  for (const userId of await store.listUserIdsOfPhone(person.phone)) await topics.trust(userId);
  if (pair !== undefined) await topics.trust(pair.user.userId);
  await using watcher = await RawMqtt.connect(stage().server.mqttPort, {
    username: "t6",
    password: Buffer.from(pair?.accessToken ?? ""),
  });
  await watcher.subscribe("#", 1);
  for (const [topic, qos] of [
    ["version/4", 0],
    ["version/8", 1],
    ["version/10", 2],
    ["other/8", 1],
  ] as const) {
    const will = { topic, payload: Buffer.from(""), qos, retain: true };
    const raw = await RawMqtt.connect(stage().server.mqttPort, { username: "api", password, will });
    await raw.drop();
  }
  expect((await watcher.expect("publish")).topic).toBe("other/8");
  expect(await watcher.fence()).toEqual([]);
  expect(await watcher.subscribe("version/#", 1)).toBe(1);
  expect(await watcher.fence()).toEqual([]); // Nor was one retained.
});

test("T6: a client without a log-in may announce its version too", async () => {
  const will = { topic: "version/8", payload: Buffer.from("8"), qos: 2 as const, retain: false };
  await using client = await stage().connect({ will });
  expect(await heardOf(client)).toEqual([[`actions/api/${client.clientId}`, 2]]);
});

test("T10: a leading slash and empty levels at the end do not count", async () => {
  await using client = await stage().connect({ clientId: "t10" });
  const topics: [topic: string, version?: string][] = [
    ["/events//api/anon/me/"],
    ["events//api/anon/me//"],
    ["/events//api/anon/me/undefined///"],
    ["/events/1//api/anon/me/", "1"],
    ["events/1//api/anon/me/_//", "1"],
  ];
  for (const [topic, version] of topics) {
    expect([topic, toldBy(await client.askFenced(question, topic), "t10", version)]).toEqual([topic, answered]);
  }
  for (const topic of ["//events//api/anon/me/", "events//api/anon/me/token/more", "events/1//api/anon/me/token/x/"]) {
    expect([topic, await client.ask(question, { topic })]).toEqual([topic, []]);
  }
});
