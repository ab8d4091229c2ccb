/**
 * A full disk (docs/operations.md § A full disk): every door refuses in its own words, reads and pings go on, `/readyz`
 * says why, and once there is room service resumes by itself. The disk shim fails every write to a database file while
 * a flag file exists.
 */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { type Answer, call, enroll, room } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { requireSlowFsync, startBinary, startWatched, type WatchedServer } from "./binary-server.ts";
import { type Fields, MiniOicqClient, type Pushed } from "./minioicq-client.ts";
import { MqttClient } from "./mqtt-client.ts";

const library = await requireSlowFsync();

/** From the disk's having room again until messages are taken. */
const resumesWithinMs = 5000;
/** The server tries once a second whether there is room. */
const watchedMs = 2500;
const lookEveryMs = 10;

test.skipIf(library === undefined)(
  "a full disk is refused at every door, and nothing acknowledged is lost",
  fullDisk,
  30_000,
);

async function fullDisk(): Promise<void> {
  if (library === undefined) throw new Error("no disk shim");
  await using server = await startWatched(library);
  const [anna = "", ben = "", carl = ""] = await enroll(server, "anna", "ben", "carl");
  await room(server, "team", "anna", "ben", "carl");
  const acknowledged: string[] = [];

  const first = await post(server, anna, "rest before");
  expect(first.status).toBe(200);
  acknowledged.push("rest before");
  const chatId = (JSON.parse(first.text) as { chat_id: string }).chat_id;

  await using minioicq = await logIn(server, ben);
  expect(await minioicq.say(chatId, "minioicq before")).toMatchObject({ content: "minioicq before" });
  acknowledged.push("minioicq before");

  await using mqtt = await connect(server, carl);
  expect(await mqtt.publish("mqtt before", 1)).toBe("acknowledged");
  acknowledged.push("mqtt before");

  fillDisk(server);

  const refused = await post(server, anna, "rest meanwhile");
  expect(refused.status).toBe(507);
  expect(refused.type).toBe("application/problem+json");
  expect(JSON.parse(refused.text)).toMatchObject({ status: 507, error: "Insufficient storage" });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);

  expect(await minioicq.say(chatId, "minioicq meanwhile")).toEqual({
    action: "message.send.fail",
    reason: "Storage full",
    client_id: "minioicq meanwhile",
  });
  expect(await mqtt.publish("mqtt meanwhile", 2)).toBe("closed");

  const notReady = await call(server, "GET /readyz");
  expect(notReady.status).toBe(503);
  expect(JSON.parse(notReady.text)).toMatchObject({
    ready: false,
    reasons: [expect.stringMatching(/^storage: storage_full: ./)],
  });
  expect((await call(server, "GET /healthz")).status).toBe(200);
  await expectReads(server, { chatId, minioicq, token: carl, contents: acknowledged });

  // It stays so for as long as the disk is full, past the moments at which the server tries again.
  const watchedUntil = performance.now() + watchedMs;
  while (performance.now() < watchedUntil) {
    expect((await call(server, "GET /readyz")).status).toBe(503);
    await Bun.sleep(lookEveryMs);
  }
  expect((await post(server, anna, "rest meanwhile")).status).toBe(507);

  emptyDisk(server);

  const resumed = performance.now() + resumesWithinMs;
  let again = await post(server, anna, "rest meanwhile");
  while (again.status !== 200 && performance.now() < resumed) {
    await Bun.sleep(lookEveryMs);
    again = await post(server, anna, "rest meanwhile");
  }
  expect(again.status).toBe(200);
  acknowledged.push("rest meanwhile");
  expect((await call(server, "GET /readyz")).status).toBe(200);
  expect(await minioicq.say(chatId, "minioicq meanwhile")).toMatchObject({ content: "minioicq meanwhile" });
  acknowledged.push("minioicq meanwhile");
  await using returned = await connect(server, carl);
  expect(await returned.publish("mqtt meanwhile", 2)).toBe("acknowledged");
  acknowledged.push("mqtt meanwhile");
  await expectReads(server, { chatId, minioicq, token: carl, contents: acknowledged });

  process.kill(server.pid, "SIGKILL");
  await withDeadline("the killed server to end", server.exited);
  await using restarted = await startBinary(server.data);
  expect(await history(restarted, carl)).toEqual(acknowledged);
}

const fillDisk = ({ failPath }: WatchedServer): void => writeFileSync(failPath, "");
const emptyDisk = ({ failPath }: WatchedServer): void => rmSync(failPath);

/** The content is the client's id as well. */
const post = (server: WatchedServer, token: string, content: string): Promise<Answer> =>
  call(server, "POST /messages", { as: token, body: { chatID: "team", content, clientID: content } });

async function logIn(server: WatchedServer, token: string) {
  const client = await MiniOicqClient.connect(server.http);
  let answered: (answer: Pushed | Fields) => void = () => {};
  client.onPush = (message) => {
    if (message.clientId !== undefined) answered(message);
  };
  client.onFrame = (frame) => {
    if (frame["action"] === "message.send.fail") answered(frame);
  };
  await client.logIn(token);
  return {
    client,
    /** Gives the sender's own push, or the failure. */
    say(chatId: string, content: string): Promise<Pushed | Fields> {
      const { promise, resolve } = Promise.withResolvers<Pushed | Fields>();
      answered = resolve;
      const message = { chat_id: chatId, type: "text", content, client_id: content };
      client.send({ action: "message.send", message });
      return withDeadline("an answer to message.send", promise);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connect({ mqtt }: { mqtt: string }, token: string) {
  const login = { username: "carl", password: token, clientId: "carl-phone", clean: true };
  const acknowledged = new Set<number>();
  const client = await MqttClient.connect(mqtt, login, { onPuback: (packetId) => void acknowledged.add(packetId) });
  return {
    client,
    async publish(content: string, packetId: number): Promise<"acknowledged" | "closed"> {
      client.publish("chat/team/send", JSON.stringify({ content, client_id: content }), { packetId });
      await until("a PUBACK or the end", () => acknowledged.has(packetId) || client.isClosed);
      return acknowledged.has(packetId) ? "acknowledged" : "closed";
    },
    [Symbol.asyncDispose]: () => client.drop(),
  };
}

/** History at each door, heartbeats, a login and a subscription. */
async function expectReads(
  server: WatchedServer,
  expected: {
    chatId: string;
    minioicq: Awaited<ReturnType<typeof logIn>>;
    token: string;
    contents: readonly string[];
  },
): Promise<void> {
  const { chatId, contents, token } = expected;
  const { client } = expected.minioicq;
  expect(await client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
  const retrieved = await client.ask({ action: "message.get", chat_id: chatId }, "message.retrieve");
  expect((retrieved["messages"] as Fields[]).map((message) => message["content"])).toEqual([...contents]);
  expect(await history(server, token)).toEqual([...contents]);
  await using mqtt = await connect(server, token);
  expect(await mqtt.client.subscribe("chat/+/messages")).toBe(1);
  await mqtt.client.ping();
}

async function history(server: { http: string; backendKey: string }, token: string): Promise<string[]> {
  const answer = await call(server, "GET /chats/team/messages?after_seq=0&limit=100", { as: token });
  expect(answer.status).toBe(200);
  return (JSON.parse(answer.text) as { messages: { content: string }[] }).messages.map(({ content }) => content);
}
