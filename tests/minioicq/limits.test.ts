/** What bounds a connection: the size and shape of its frames, compression, silence, where it comes from, how fast it asks. */
import { expect, test } from "bun:test";
import { deflateRawSync } from "node:zlib";
import { silentLog } from "../../src/lib/log.ts";
import { defaultMemoryLimits, MemoryBudget } from "../../src/net/memory-budget.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { upgrade } from "../support/upgrade.ts";
import { MiniClient, newUser } from "./client.ts";
import { openDoor } from "./open-door.ts";
import { compressed, fin, opcode, RawSocket } from "./raw-socket.ts";

const kib = 1024;
const heartbeat = Buffer.from(JSON.stringify({ action: "heartbeat" }));
const heartbeatOf = (bytes: number): Buffer =>
  Buffer.from(JSON.stringify({ action: "heartbeat", padding: "x".repeat(bytes - 36) }).padEnd(bytes));
const deflated = (bytes: Uint8Array): Buffer => deflateRawSync(bytes, { finishFlush: 2 }).subarray(0, -4);
/** Spaces, deflated by pieces so that they are never anywhere in full. */
const bomb = (mebibytes: number): Buffer => {
  const piece = deflateRawSync(Buffer.alloc(kib * kib, 0x20), { finishFlush: 2 });
  return Buffer.concat(Array<Buffer>(mebibytes).fill(piece)).subarray(0, -4);
};
const offersCompression = { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" };

test("before login a frame is short, after it as long as the limit", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { frameBytesMax: 256 * kib });
  using stranger = await RawSocket.connect(door.port);
  stranger.frame(opcode.text | fin, heartbeatOf(64 * kib));
  expect(await stranger.next()).toEqual({ action: "heartbeat.ack" });
  stranger.say({ action: "user.sync" });
  stranger.frame(opcode.text | fin, heartbeatOf(64 * kib + 1));
  stranger.say({ action: "heartbeat" });
  expect(await stranger.end()).toEqual({ code: 1009, reason: "Frame too large before login" });
  expect(stranger.received).toEqual([{ action: "user.sync.fail", reason: "Not logged in" }]);

  const { id } = await newUser(server.http, "Ann");
  using ann = await RawSocket.connect(door.port);
  ann.say({ action: "auth.login", user_id: id, password: "secret" });
  expect((await ann.next()).action).toBe("auth.login.success");
  ann.frame(opcode.text | fin, heartbeatOf(256 * kib));
  expect(await ann.next()).toEqual({ action: "heartbeat.ack" });
  ann.frame(opcode.text | fin, heartbeatOf(256 * kib + 1));
  expect((await ann.end()).code).toBe(1009);
});

test("a user of whom many connections were just ended for room is told to come later", async () => {
  await using server = await startTestServer();
  const { id } = await newUser(server.http, "Ann");
  const isFull = new Set([`user:${id}`]);
  class Full extends MemoryBudget {
    override mayBegin(account: string): boolean {
      return !isFull.has(account);
    }
  }
  using door = openDoor(server, {}, { memory: new Full({ limits: defaultMemoryLimits, log: silentLog }) });
  using ann = await MiniClient.connect(door.http);
  const logIn = { action: "auth.login", user_id: id, password: "secret" };
  expect(await ann.ask(logIn)).toEqual({ action: "auth.login.fail", reason: "Server busy, try again" });
  isFull.clear();
  expect((await ann.ask(logIn)).action).toBe("auth.login.success");
});

test("a message may come in fragments, with a ping between them", async () => {
  await using server = await startTestServer();
  using door = openDoor(server, { frameBytesMax: 64 * kib });
  using client = await RawSocket.connect(door.port);
  client.frame(opcode.text, heartbeat.subarray(0, 5));
  client.frame(opcode.ping | fin, Buffer.from("still there?"));
  client.frame(opcode.continuation, heartbeat.subarray(5, 6));
  client.frame(opcode.continuation, Buffer.alloc(0));
  client.frame(opcode.continuation | fin, heartbeat.subarray(6));
  expect(await client.next()).toEqual({ action: "heartbeat.ack" });
  expect(client.heads).toEqual([opcode.pong | fin, opcode.text | fin]);
  // Together they count as one.
  client.frame(opcode.text, heartbeatOf(40 * kib));
  client.frame(opcode.continuation | fin, heartbeatOf(40 * kib));
  expect((await client.end()).code).toBe(1009);
});

test("what is no WebSocket frame closes the connection with a code", async () => {
  await using server = await startTestServer();
  using door = openDoor(server);
  const broken: [string, (client: RawSocket) => void, number][] = [
    ["a frame without a mask", (client) => client.bytes(Buffer.from([opcode.text | fin, 2, 0x7b, 0x7d])), 1002],
    ["an opcode nobody defined", (client) => client.frame(3 | fin, heartbeat), 1002],
    ["a fragment of nothing", (client) => client.frame(opcode.continuation | fin, heartbeat), 1002],
    ["a ping in fragments", (client) => client.frame(opcode.ping, heartbeat), 1002],
    ["compression nobody agreed to", (client) => client.frame(opcode.text | fin | compressed, heartbeat), 1002],
    ["text that is not UTF-8", (client) => client.frame(opcode.text | fin, Buffer.from([0x22, 0xff, 0x22])), 1007],
    ["a length beyond 2^53", (client) => client.bytes(Buffer.from([0x82, 0xff, 0x7f, ...Array(11).fill(0xff)])), 1009],
  ];
  for (const [what, say, code] of broken) {
    using client = await RawSocket.connect(door.port);
    say(client);
    const end = await client.end();
    expect<unknown>({ what, code: end.code }).toEqual({ what, code });
    expect(client.received).toEqual([]);
  }
  await until("all to be gone", () => door.door.connections() === 0);
  using client = await MiniClient.connect(door.http);
  expect(await client.fence()).toEqual([]);
});

test("compression is not agreed to unless the operator wants it", async () => {
  await using server = await startTestServer();
  using client = await RawSocket.connect(Number(server.http.split(":")[1]), offersCompression);
  expect(client.greeting.toLowerCase()).not.toContain("sec-websocket-extensions");
});

test("with compression long frames are compressed both ways, and a frame is as long as what it inflates to", async () => {
  await using server = await startTestServer({
    env: { ROOST_WS_COMPRESSION: "on", ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "16 MiB" },
  });
  const port = Number(server.http.split(":")[1]);
  for (let n = 0; n < 20; n += 1) await newUser(server.http, `user ${n}`);
  const { id } = await newUser(server.http, "Ann");
  using ann = await RawSocket.connect(port, offersCompression);
  expect(ann.greeting).toContain("permessage-deflate");
  ann.frame(
    opcode.text | fin | compressed,
    deflated(Buffer.from(JSON.stringify({ action: "auth.login", user_id: id, password: "secret" }))),
  );
  expect((await ann.next()).action).toBe("auth.login.success");
  expect(ann.heads).toEqual([opcode.text | fin]);
  ann.say({ action: "user.sync" });
  expect(await ann.next()).toMatchObject({ action: "user.sync" });
  expect(ann.heads.at(-1)).toBe(opcode.text | fin | compressed);
  // Another without compression hears the same in plain.
  using plain = await RawSocket.connect(port);
  plain.say({ action: "auth.login", user_id: id, password: "secret" });
  await plain.next();
  plain.say({ action: "user.sync" });
  expect((await plain.next()).action).toBe("user.sync");
  expect(plain.heads.at(-1)).toBe(opcode.text | fin);

  const large = deflated(heartbeatOf(16 * kib * kib));
  ann.frame(opcode.text | fin | compressed, large);
  expect(await ann.next()).toEqual({ action: "heartbeat.ack" });
  const before = process.memoryUsage.rss();
  for (const mebibytes of [17, 1000]) {
    using bomber = await RawSocket.connect(port, offersCompression);
    bomber.frame(opcode.text | fin | compressed, bomb(mebibytes));
    expect((await bomber.end()).code).toBe(1009);
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * kib * kib);
  using stranger = await RawSocket.connect(port, offersCompression);
  stranger.frame(opcode.text | fin | compressed, large);
  expect(await stranger.end()).toEqual({ code: 1009, reason: "Frame too large before login" });
}, 60_000);

test("no sub-protocol that a client offers is answered", async () => {
  await using server = await startTestServer();
  for (const path of ["/ws", "/"]) {
    for (const offered of ["soap", "soap, wamp", "mqtt"]) {
      const { status, headers } = await upgrade(server.http, path, { "sec-websocket-protocol": offered });
      expect([status, headers.get("sec-websocket-protocol")]).toEqual([101, null]);
    }
  }
});

test("beyond its rate a connection is told to try later, and one that goes on is closed", async () => {
  await using server = await startTestServer();
  const clock = createManualClock(Date.now());
  using door = openDoor(server, { requestsPerSecondMax: 1, rateRefusalsMax: 3 }, { clock });
  const { client, id } = await newUser(door.http, "Ann", "json");
  for (let n = 0; n < 8; n += 1) client.say({ action: "heartbeat" });
  client.say({ action: "message.send", messages: ["a", "b"].map((c) => ({ chat_id: id, type: "text", content: c })) });
  client.send(id, "c", { client_id: "mine" });
  client.say({ action: "message.push.ack" });
  const answers = async () => (await client.next()).action;
  for (let n = 0; n < 8; n += 1) expect(await answers()).toBe("heartbeat.ack");
  expect([await answers(), await answers()]).toEqual(["chat.spawn", "message.push"]);
  expect(await client.next()).toEqual({ action: "message.send.fail", reason: "Try later" });
  expect(await client.next()).toEqual({ action: "message.send.fail", reason: "Try later", client_id: "mine" });
  clock.advance(2000);
  for (let n = 0; n < 5; n += 1) client.say({ action: "user.get", user_id: id });
  client.say({ action: "heartbeat" });
  const got = [];
  for (let n = 0; n < 5; n += 1) got.push(await client.next());
  expect(got.map((frame) => [frame.action, frame["reason"]])).toEqual([
    ["user.push", undefined],
    ["user.push", undefined],
    ["user.get.fail", "Try later"],
    ["user.get.fail", "Try later"],
    ["user.get.fail", "Try later"],
  ]);
  expect(await withDeadline("the close", client.closed)).toEqual({ code: 1008, reason: "Too many requests" });
});

test("a long frame counts as many requests", async () => {
  await using server = await startTestServer();
  const clock = createManualClock(Date.now());
  using door = openDoor(server, { requestsPerSecondMax: 1 }, { clock });
  const { client } = await newUser(door.http, "Ann", "json");
  client.raw(heartbeatOf(15 * 64 * kib).toString());
  expect(await client.next()).toEqual({ action: "heartbeat.ack" });
  // Of ten, one was the registration's, one the frame's, fifteen its length: seven are owed.
  clock.advance(7000);
  expect(await client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.fail", reason: "Try later" });
  clock.advance(1000);
  expect(await client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
});

test("the connections of an account share one rate, also with those before them", async () => {
  await using server = await startTestServer();
  const clock = createManualClock(Date.now());
  using door = openDoor(server, { accountRequestsPerSecondMax: 1 }, { clock });
  const { client: first, id } = await newUser(door.http, "Ann");
  using second = await MiniClient.connect(door.http);
  await second.login(id);
  for (let n = 0; n < 5; n += 1) {
    expect([await first.fence(), await second.fence()]).toEqual([[], []]);
  }
  const later = { action: "heartbeat.fail", reason: "Try later" };
  expect(await first.ask({ action: "heartbeat" })).toEqual(later);
  await first.bye();
  await second.bye();
  using third = await MiniClient.connect(door.http);
  await third.login(id);
  expect(await third.ask({ action: "heartbeat" })).toEqual(later);
  // Nobody else is slowed down, and logging in is not this account's asking.
  const { client: other } = await newUser(door.http, "Bob");
  expect(await other.fence()).toEqual([]);
  clock.advance(1000);
  expect(await third.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
  expect(await third.ask({ action: "heartbeat" })).toEqual(later);
});

test("the operator's settings reach the door", async () => {
  const settings = {
    ROOST_LIMITS_WEBSOCKET_REQUESTS_PER_SECOND: "1",
    ROOST_LIMITS_WEBSOCKET_LOGIN_FRAME_BYTES: "2 KiB",
    ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "4 KiB",
    ROOST_WS_ORIGINS: "https://chat.example.org",
  };
  await using server = await startTestServer({ env: settings });
  const port = Number(server.http.split(":")[1]);
  const { client, id } = await newUser(server.http, "Ann", "json");
  // A clock runs meanwhile: ten at once, and one for each second since.
  for (let n = 0; n < 60; n += 1) client.say({ action: "user.get", user_id: id });
  const answers = [];
  for (let n = 0; n < 60; n += 1) answers.push(await client.next());
  expect(answers.slice(0, 9).map((one) => one.action)).toEqual(Array(9).fill("user.push"));
  expect(answers.at(-1)).toEqual({ action: "user.get.fail", reason: "Try later" });
  using stranger = await RawSocket.connect(port, { Origin: "https://chat.example.org" });
  stranger.frame(opcode.text | fin, heartbeatOf(2 * kib + 1));
  expect(await stranger.end()).toEqual({ code: 1009, reason: "Frame too large before login" });
  using other = await RawSocket.connect(port);
  other.frame(opcode.text | fin, heartbeatOf(4 * kib + 1));
  expect((await other.end()).reason).not.toBe("Frame too large before login");
  const refused = RawSocket.connect(port, { Origin: "https://example.org" });
  expect(await refused.catch((error: Error) => error.message.split("\r\n")[0])).toBe("HTTP/1.1 403 Forbidden");
});

test("the account's setting reaches the door too", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_ACCOUNT_REQUESTS_PER_SECOND: "1" } });
  const { client, id } = await newUser(server.http, "Ann", "json");
  for (let n = 0; n < 60; n += 1) client.say({ action: "user.get", user_id: id });
  const answers = [];
  for (let n = 0; n < 60; n += 1) answers.push(await client.next());
  expect(answers.at(-1)).toEqual({ action: "user.get.fail", reason: "Try later" });
});
