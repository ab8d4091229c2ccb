/** What a WebSocket may do before its log-in, at both doors of the HTTP port. */
import { expect, test } from "bun:test";
import { withDeadline } from "../support/deadline.ts";
import { WebSocketLine } from "../support/line.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer } from "../support/server.ts";
import { MiniClient, newUser } from "./client.ts";
import { fin, opcode, RawSocket } from "./raw-socket.ts";

const kib = 1024;

test("beyond so many strangers the oldest of the address is closed, whatever it said, and who logged in stays", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKET_STRANGERS: "3" } });
  const port = Number(server.http.split(":")[1]);
  const { client: ann } = await newUser(server.http, "Ann");
  using silent = await RawSocket.connect(port);
  using gathering = await RawSocket.connect(port);
  gathering.bytes(
    Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 1, 2, 3, 4]), Buffer.alloc(kib)]),
  );
  using talking = await MiniClient.connect(server.http);
  await talking.fence();
  const ends: unknown[] = [];
  const newer: MiniClient[] = [];
  for (const old of [silent, gathering]) {
    const client = await MiniClient.connect(server.http);
    await client.fence();
    newer.push(client);
    ends.push(await old.end());
  }
  // An MQTT client before CONNECT is a stranger too.
  const line = WebSocketLine.dial(`ws://${server.http}/mqtt`);
  await line.opened;
  ends.push(await withDeadline("the close", talking.closed));
  const reason = "Too many connections without a log-in";
  expect(ends).toEqual(Array(3).fill({ code: 1013, reason }));
  // The two others and the MQTT client go one after the other.
  for (let n = 0; n < 3; n += 1) newer.push(await MiniClient.connect(server.http));
  expect(await withDeadline("the close", line.closeCode)).toBe(1013);
  expect(await ann.fence()).toEqual([]);
  for (const client of newer.slice(-3)) await client.bye();
});

test("a stranger is closed in time, however much is heard, and one that logged in stays", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_LOGIN_SECONDS: "1" } });
  const port = Number(server.http.split(":")[1]);
  const { client: ann } = await newUser(server.http, "Ann");
  using silent = await RawSocket.connect(port);
  using talking = await MiniClient.connect(server.http);
  let isDone = false;
  const done = withDeadline("the close", talking.closed).finally(() => {
    isDone = true;
  });
  while (!isDone) await Promise.race([talking.fence(), done]);
  expect(await done).toEqual({ code: 1008, reason: "Not logged in" });
  expect(await silent.end()).toEqual({ code: 1008, reason: "Not logged in" });
  expect(await ann.fence()).toEqual([]);
});

test("an account has a limited number of WebSockets, over both doors", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKETS_PER_ACCOUNT: "2" } });
  const { client: ann, id } = await newUser(server.http, "Ann");
  await using mqtt = await RawMqtt.over(WebSocketLine.dial(`ws://${server.http}/mqtt`));
  mqtt.send(connectPacket({ username: `user.${id}`, password: Buffer.from("secret") }));
  expect((await mqtt.expect("connack")).returnCode).toBe(0);
  const third = await MiniClient.connect(server.http);
  third.say({ action: "auth.login", user_id: id, password: "secret" });
  expect(await withDeadline("the close", third.closed)).toEqual({ code: 1013, reason: "Too many connections" });
  await ann.bye();
  using fourth = await MiniClient.connect(server.http);
  fourth.say({ action: "auth.login", user_id: id, password: "secret" });
  expect((await fourth.next()).action).toBe("auth.login.success");
  await mqtt.fence();
});

test("an address has a limited number of connections", async () => {
  await using server = await startTestServer({ env: { ROOST_LIMITS_WEBSOCKETS_PER_ADDRESS: "1" } });
  const port = Number(server.http.split(":")[1]);
  const first = await MiniClient.connect(server.http);
  await expect(RawSocket.connect(port)).rejects.toThrow("503 Service Unavailable");
  await first.bye();
  using second = await withDeadline("a place", connectAgain(port));
  second.say({ action: "heartbeat" });
  expect(await second.next()).toEqual({ action: "heartbeat.ack" });
});

/** The server may not have heard yet that the first one left. */
async function connectAgain(port: number): Promise<RawSocket> {
  for (;;) {
    const client = await RawSocket.connect(port).catch(() => undefined);
    if (client !== undefined) return client;
  }
}

test("a frame has 2 MiB, unless the operator allows more", async () => {
  for (const [env, bytes] of [
    [{}, 2 * kib * kib],
    [{ ROOST_LIMITS_WEBSOCKET_FRAME_BYTES: "3 MiB" }, 3 * kib * kib],
  ] as const) {
    await using server = await startTestServer({ env });
    const { id } = await newUser(server.http, "Ann");
    using ann = await RawSocket.connect(Number(server.http.split(":")[1]));
    ann.say({ action: "auth.login", user_id: id, password: "secret" });
    expect((await ann.next()).action).toBe("auth.login.success");
    const beat = Buffer.from(JSON.stringify({ action: "heartbeat" }));
    ann.frame(opcode.text | fin, Buffer.concat([beat, Buffer.alloc(bytes - beat.length, 0x20)]));
    expect(await ann.next()).toEqual({ action: "heartbeat.ack" });
    ann.frame(opcode.text | fin, Buffer.concat([beat, Buffer.alloc(bytes + 1 - beat.length, 0x20)]));
    expect((await ann.end()).code).toBe(1009);
  }
});
