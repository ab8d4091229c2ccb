/**
 * The promise: an acknowledgement means the message is on disk (docs/mqtt.md § What an acknowledgement means). At the
 * moment an acknowledgement arrives, the log of the disk shim must already hold a sync of the WAL that began after the
 * last write of the transaction's frames and has ended. Every sync takes 30 ms longer than the disk needs, so an early
 * acknowledgement has no way to pass.
 */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { until } from "../support/deadline.ts";
import { monotonicNowNs } from "../support/slow-fsync.ts";
import { requireSlowFsync, startWatched, type WatchedServer } from "./binary-server.ts";
import { MiniOicqClient } from "./minioicq-client.ts";
import { MqttClient } from "./mqtt-client.ts";
import { diskEventsSince, type OnDisk, onDisk, onDiskSince } from "./wal.ts";

const library = await requireSlowFsync();
const delayMs = 30;
const timeoutMs = 30_000;

interface Stage {
  readonly server: WatchedServer;
  /** Text that nothing else holds. */
  marker(): string;
  /** Called the moment something is acknowledged: looks for the change that wrote the marker. */
  acknowledged(marker: string | Uint8Array): void;
  /** The same for a change without a marker, the only one since it was asked for. */
  acknowledgedSince(ns: bigint): void;
}

interface Case {
  readonly name: string;
  /** How many acknowledgements must have been looked at. */
  readonly expected: number;
  run(stage: Stage): Promise<void>;
}

const pipelined = 12;
/** Longer than a page of the database and of a WAL frame: the change spans several. */
const long = "lorem ipsum dolor ".repeat(1000);

const messages: Case[] = [
  { name: "MiniOICQ: the sender's own push of one message", expected: 3, run: (stage) => pushes(stage, 1, 3) },
  {
    name: "MiniOICQ: own pushes of pipelined messages",
    expected: pipelined,
    run: (stage) => pushes(stage, pipelined, 1),
  },
  { name: "MQTT: the PUBACK of one message", expected: 3, run: (stage) => pubacks(stage, { count: 1, rounds: 3 }) },
  {
    name: "MQTT: PUBACKs of pipelined messages",
    expected: pipelined,
    run: (stage) => pubacks(stage, { count: pipelined, rounds: 1 }),
  },
  {
    name: "MQTT: PUBACKs in a session that outlives its connection",
    expected: pipelined,
    run: (stage) => pubacks(stage, { count: pipelined, rounds: 1, clean: false }),
  },
  {
    name: "MQTT: PUBRECs of pipelined messages at QoS 2",
    expected: pipelined,
    run: (stage) => pubacks(stage, { count: pipelined, rounds: 1, clean: false, qos: 2 }),
  },
  { name: "REST: the 200 of one message", expected: 3, run: (stage) => posts(stage, 1, 3) },
  { name: "REST: the 200s of concurrent messages", expected: pipelined, run: (stage) => posts(stage, pipelined, 1) },
  { name: "REST: the 200 of an array of messages", expected: pipelined, run: postArray },
];

const ordinary: Case[] = [
  { name: "MQTT: the PUBACKs of retained messages", expected: pipelined, run: (stage) => retained(stage, 1) },
  { name: "MQTT: the PUBRECs of retained messages", expected: pipelined, run: (stage) => retained(stage, 2) },
  {
    name: "MQTT: the PUBACKs of messages for a session that is away",
    expected: pipelined,
    run: (stage) => queued(stage, { present: false, qos: 1 }),
  },
  {
    name: "MQTT: the PUBRECs of messages for a session that is away",
    expected: pipelined,
    run: (stage) => queued(stage, { present: false, qos: 2 }),
  },
  {
    name: "MQTT: the PUBACKs and deliveries of messages for a persistent session",
    expected: 2 * pipelined,
    run: (stage) => queued(stage, { present: true, qos: 1 }),
  },
  {
    name: "MQTT: the PUBRECs and deliveries of messages for a persistent session",
    expected: 2 * pipelined,
    run: (stage) => queued(stage, { present: true, qos: 2 }),
  },
  { name: "MQTT: the PUBCOMP to a persistent session", expected: 3, run: pubcomps },
  { name: "MQTT: the PUBREL to a persistent session", expected: 3, run: pubrels },
  { name: "MQTT: the CONNACK of a client with a will", expected: 2, run: wills },
];

const changes: Case[] = [
  { name: "MiniOICQ: auth.register.success", expected: 2, run: register },
  { name: "MiniOICQ: the first message to somebody, which makes the direct chat", expected: 2, run: firstWords },
  { name: "MiniOICQ: chat.spawn of a chat just created", expected: 1, run: createChat },
  { name: "REST: POST /token", expected: 6, run: tokens },
  { name: "REST: PUT /chats/{id}/users", expected: 3, run: putUsers },
  { name: "MQTT: the SUBACK of a session that outlives its connection", expected: 1, run: subscribe },
];

for (const one of [...messages, ...ordinary, ...changes]) {
  test.skipIf(library === undefined)(
    `on disk when acknowledged: ${one.name}`,
    async () => {
      const states = await statesAtAcknowledgement(one, "disk");
      expect(states).toEqual(new Array<OnDisk>(one.expected).fill("synced"));
    },
    timeoutMs,
  );
}

// The proof that the tests above can fail: the setting that trades the promise away must look different to them.
for (const one of [...messages, ...ordinary]) {
  test.skipIf(library === undefined)(
    `not on disk with durability = os: ${one.name}`,
    async () => {
      const states = await statesAtAcknowledgement(one, "os");
      expect(states).toEqual(new Array<OnDisk>(one.expected).fill("unsynced"));
    },
    timeoutMs,
  );
}

test.skipIf(library === undefined)(
  "QoS 1 and 2 between sessions that end with their connections write nothing to the disk",
  async () => {
    if (library === undefined) throw new Error("no disk shim");
    await using server = await startWatched(library);
    const [password = ""] = await enroll(server, "anna");
    const login = { username: "anna", password, clean: true };
    let heard = 0;
    await using subscriber = await MqttClient.connect(
      server.mqtt,
      { ...login, clientId: "subscriber" },
      {
        onPublish({ qos, messageId = 0 }, client) {
          heard += 1;
          if (qos === 1) client.puback(messageId);
          else client.pubrec(messageId);
        },
        onPubrel: (packetId) => subscriber.pubcomp(packetId),
      },
    );
    expect(await subscriber.subscribe("news/#", 1, 2)).toBe(2);
    const pending = new Set<number>();
    await using publisher = await MqttClient.connect(
      server.mqtt,
      { ...login, clientId: "publisher" },
      {
        onPuback: (packetId) => void pending.delete(packetId),
        onPubrec: (packetId) => publisher.pubrel(packetId),
        onPubcomp: (packetId) => void pending.delete(packetId),
      },
    );
    const fromNs = monotonicNowNs();
    const count = 200;
    for (let packetId = 1; packetId <= count; packetId += 1) {
      pending.add(packetId);
      publisher.publish("news/today", `${packetId}`, { packetId, qos: packetId % 2 === 0 ? 1 : 2 });
    }
    await until("all to be heard and acknowledged", () => heard === count && pending.size === 0);
    await subscriber.ping(); // behind its last answers
    expect(diskEventsSince(fromNs, server.disk)).toEqual([]);
  },
  timeoutMs,
);

async function statesAtAcknowledgement(one: Case, durability: "disk" | "os"): Promise<OnDisk[]> {
  if (library === undefined) throw new Error("no disk shim");
  await using server = await startWatched(library, { delayMs, durability });
  const states: OnDisk[] = [];
  await one.run({
    server,
    marker: () => `marker.${crypto.randomUUID()}`,
    acknowledged: (marker) => states.push(onDisk(marker, server.disk)),
    acknowledgedSince: (ns) => states.push(onDiskSince(ns, server.disk)),
  });
  return states;
}

/** Anna and Ben in the chat `promise`; gives Anna's token. */
async function anna({ server }: Stage): Promise<string> {
  const [token = ""] = await enroll(server, "anna", "ben");
  await room(server, "promise", "anna", "ben");
  return token;
}

async function pushes(stage: Stage, count: number, rounds: number): Promise<void> {
  const token = await anna(stage);
  await using client = await MiniOicqClient.connect(stage.server.http);
  const chatId = await chatIdOf(stage, token);
  let pushed = 0;
  client.onPush = ({ clientId, content }) => {
    if (clientId === undefined) return;
    stage.acknowledged(content.split(" ", 1)[0] ?? "");
    pushed += 1;
  };
  await client.logIn(token);
  for (let round = 1; round <= rounds; round += 1) {
    for (let n = 0; n < count; n += 1) {
      const content = `${stage.marker()} ${n % 4 === 3 ? long : ""}`;
      const message = { chat_id: chatId, type: "text", content, client_id: `${round}-${n}` };
      client.send({ action: "message.send", message });
    }
    await until("the messages to be pushed", () => pushed === round * count);
  }
}

/** The chat's number, from the answer to a first message. */
async function chatIdOf({ server }: Stage, token: string): Promise<string> {
  const answer = await call(server, "POST /messages", { as: token, body: { chatID: "promise", content: "hello" } });
  return (JSON.parse(answer.text) as { chat_id: string }).chat_id;
}

async function pubacks(
  stage: Stage,
  { count, rounds, clean = true, qos = 1 }: { count: number; rounds: number; clean?: boolean; qos?: 1 | 2 },
): Promise<void> {
  const password = await anna(stage);
  const markers = new Map<number, string>();
  const login = { username: "anna", password, clientId: "anna-phone", clean };
  const acknowledged = (packetId: number): void => {
    stage.acknowledged(markers.get(packetId) ?? "never sent");
    markers.delete(packetId);
  };
  const handlers = { onPuback: acknowledged, onPubrec: acknowledged };
  await using client = await MqttClient.connect(stage.server.mqtt, login, handlers);
  for (let round = 0; round < rounds; round += 1) {
    for (let packetId = 1; packetId <= count; packetId += 1) {
      const marker = stage.marker();
      markers.set(packetId, marker);
      client.publish("chat/promise/send", `${marker} ${packetId % 4 === 0 ? long : ""}`, { packetId, qos });
    }
    await until("the PUBACKs", () => markers.size === 0);
  }
}

/** Each on a topic of its own: of several on one topic only the last is written. */
async function retained(stage: Stage, qos: 1 | 2): Promise<void> {
  await publishOrdinary(stage, { qos, retain: true, topic: (packetId) => `news/${packetId}` });
}

/** For a subscriber whose session outlives its connection. What it is sent is on disk too: it might acknowledge it. */
async function queued(stage: Stage, { present, qos }: { present: boolean; qos: 1 | 2 }): Promise<void> {
  const [password = ""] = await enroll(stage.server, "ben");
  let heard = 0;
  const login = { username: "ben", password, clientId: "ben-phone", clean: false };
  await using subscriber = await MqttClient.connect(stage.server.mqtt, login, {
    onPublish({ payload }) {
      stage.acknowledged(String(payload));
      heard += 1;
    },
  });
  expect(await subscriber.subscribe("news/#", 1, 2)).toBe(2);
  if (!present) await subscriber.drop();
  await publishOrdinary(stage, { qos, retain: false, topic: () => "news/today" });
  await until("the messages to be heard", () => heard === (present ? pipelined : 0));
}

/** Looks at the disk at each PUBACK or PUBREC. */
async function publishOrdinary(
  stage: Stage,
  { qos, retain, topic }: { qos: 1 | 2; retain: boolean; topic(packetId: number): string },
): Promise<void> {
  const password = await anna(stage);
  const markers = new Map<number, string>();
  const login = { username: "anna", password, clientId: "anna-phone", clean: true };
  const acknowledged = (packetId: number): void => {
    stage.acknowledged(markers.get(packetId) ?? "never sent");
    markers.delete(packetId);
  };
  const handlers = { onPuback: acknowledged, onPubrec: acknowledged };
  await using client = await MqttClient.connect(stage.server.mqtt, login, handlers);
  for (let packetId = 1; packetId <= pipelined; packetId += 1) {
    const marker = stage.marker();
    markers.set(packetId, marker);
    client.publish(topic(packetId), marker, { packetId, qos, retain });
  }
  await until("the acknowledgements", () => markers.size === 0);
}

/** A packet id that is free again must be so after a crash, or the next message with it would pass for a repeat. */
async function pubcomps(stage: Stage): Promise<void> {
  const password = await anna(stage);
  const login = { username: "anna", password, clientId: "anna-phone", clean: false };
  let askedNs = 0n;
  let completed = 0;
  await using client: MqttClient = await MqttClient.connect(stage.server.mqtt, login, {
    onPubrec(packetId) {
      askedNs = monotonicNowNs();
      client.pubrel(packetId);
    },
    onPubcomp() {
      stage.acknowledgedSince(askedNs);
      completed += 1;
    },
  });
  for (let packetId = 1; packetId <= 3; packetId += 1) {
    client.publish("news/today", "", { packetId, qos: 2 });
    await until("PUBCOMP", () => completed === packetId);
  }
}

/** After PUBREL the subscriber has forgotten that it knows the message: it must not come again. */
async function pubrels(stage: Stage): Promise<void> {
  const password = await anna(stage);
  const login = { username: "anna", password, clientId: "anna-phone", clean: false };
  let askedNs = 0n;
  let released = 0;
  await using client = await MqttClient.connect(stage.server.mqtt, login, {
    onPublish({ messageId = 0 }, self) {
      askedNs = monotonicNowNs();
      self.pubrec(messageId);
    },
    onPubrel() {
      stage.acknowledgedSince(askedNs);
      released += 1;
    },
  });
  expect(await client.subscribe("news/#", 1, 2)).toBe(2);
  await using publisher = await MqttClient.connect(stage.server.mqtt, { ...login, clientId: "anna-desk", clean: true });
  for (let packetId = 1; packetId <= 3; packetId += 1) {
    publisher.publish("news/today", "", { packetId, qos: 2 });
    await until("PUBREL", () => released === packetId);
  }
}

async function wills(stage: Stage): Promise<void> {
  const password = await anna(stage);
  for (const clean of [true, false]) {
    const will = { topic: "news/gone", payload: stage.marker() };
    const login = { username: "anna", password, clientId: `anna-${clean}`, clean, will };
    await using _client = await MqttClient.connect(stage.server.mqtt, login);
    stage.acknowledged(will.payload);
  }
}

async function posts(stage: Stage, count: number, rounds: number): Promise<void> {
  const token = await anna(stage);
  for (let round = 0; round < rounds; round += 1) {
    const markers = Array.from({ length: count }, () => stage.marker());
    await Promise.all(markers.map((marker) => post(stage, { token, markers: [marker], body: said(marker) })));
  }
}

async function postArray(stage: Stage): Promise<void> {
  const token = await anna(stage);
  const markers = Array.from({ length: pipelined }, () => stage.marker());
  await post(stage, { token, markers, body: markers.map(said) });
}

const said = (content: string) => ({ chatID: "promise", content });

/** Looks at the disk when the status line has arrived, before the body is read. */
async function post(
  { server, acknowledged }: Stage,
  { token, markers, body }: { token: string; markers: readonly string[]; body: unknown },
): Promise<void> {
  const response = await fetch(`http://${server.http}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  for (const marker of markers) acknowledged(marker);
  expect(response.status).toBe(200);
  await response.body?.cancel();
}

async function register(stage: Stage): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await using client = await MiniOicqClient.connect(stage.server.http);
    const name = stage.marker();
    const answer = await client.ask({ action: "auth.register", user_name: name, password: "correct horse" });
    stage.acknowledged(name);
    expect(answer["action"]).toBe("auth.register.success");
  }
}

async function firstWords(stage: Stage): Promise<void> {
  await using client = await MiniOicqClient.connect(stage.server.http);
  await using other = await MiniOicqClient.connect(stage.server.http);
  await client.ask({ action: "auth.register", user_name: "Anna", password: "correct horse" });
  const { user_id: otherId } = await other.ask({ action: "auth.register", user_name: "Ben", password: "battery" });
  let pushed = 0;
  const look = ({ content }: { content: string }): void => {
    stage.acknowledged(content);
    pushed += 1;
  };
  client.onPush = look;
  other.onPush = look;
  const message = { chat_id: otherId, type: "text", content: stage.marker(), client_id: "1" };
  client.send({ action: "message.send", message });
  await until("the message to be pushed to both", () => pushed === 2);
}

async function createChat(stage: Stage): Promise<void> {
  await using client = await MiniOicqClient.connect(stage.server.http);
  await client.ask({ action: "auth.register", user_name: "Anna", password: "correct horse" });
  const name = stage.marker();
  const answer = await client.ask({ action: "chat.create", members: [], chat_name: name }, "chat.spawn");
  stage.acknowledged(name);
  expect(answer["name"]).toBe(name);
}

/** The users and the hashes of their tokens, of one and of many. */
async function tokens(stage: Stage): Promise<void> {
  const one = { userID: stage.marker() };
  const answer = await asBackend(stage.server, "POST /token", one);
  stage.acknowledged(one.userID);
  const pair = JSON.parse(answer.text) as { accessToken: string; refreshToken: string };
  stage.acknowledged(createHash("sha256").update(pair.accessToken).digest());
  stage.acknowledged(createHash("sha256").update(pair.refreshToken).digest());
  const many = [{ userID: stage.marker() }, { userID: stage.marker() }, { userID: stage.marker() }];
  const answers = await asBackend(stage.server, "POST /token", many);
  for (const { userID } of many) stage.acknowledged(userID);
  expect([answer.status, answers.status]).toEqual([201, 201]);
}

async function putUsers(stage: Stage): Promise<void> {
  const [chatID, userID, displayName] = [stage.marker(), stage.marker(), stage.marker()];
  const answer = await asBackend(stage.server, `PUT /chats/${chatID}/users`, { users: [{ userID, displayName }] });
  for (const marker of [chatID, userID, displayName]) stage.acknowledged(marker);
  expect(answer.status).toBe(200);
}

async function subscribe(stage: Stage): Promise<void> {
  const password = await anna(stage);
  const login = { username: "anna", password, clientId: "anna-phone", clean: false };
  await using client = await MqttClient.connect(stage.server.mqtt, login);
  const filter = `news/${stage.marker()}/#`;
  const granted = await client.subscribe(filter);
  stage.acknowledged(filter);
  expect(granted).toBe(1);
}
