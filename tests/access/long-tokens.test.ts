/** Long-lived tokens at every door: they log in as their owner, and their connections end with them. */
import { describe, expect, test } from "bun:test";
import { hashSecret, isLongToken, tokenIdOf } from "../../src/domain/people/secrets.ts";
import { MiniClient } from "../minioicq/client.ts";
import { call } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { connectPacket, publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const password = "correct horse";

/** A user whom the operator made. */
async function anna(server: TestServer) {
  const user = await server.domain.accounts.add({ nick: "Anna", username: "anna", password });
  return { user, ownerKey: `user:${user.userId}` };
}

async function tokenOf(server: TestServer, ownerKey: string, more: { lifetimeMs?: number } = {}) {
  const { lifetimeMs } = more;
  return server.domain.longTokens.add({ ownerKey, name: undefined, scopes: undefined, lifetimeMs, madeBy: "operator" });
}

/** What CONNACK says to this user name and password. */
async function connack(server: TestServer, username: string | undefined, secret: string): Promise<number | undefined> {
  const raw = await RawMqtt.open(server.mqttPort);
  raw.send(connectPacket({ ...(username === undefined ? {} : { username }), password: Buffer.from(secret) }));
  const { returnCode } = await raw.expect("connack");
  await raw.drop();
  return returnCode;
}

test("a user's token is a password for MQTT, the token of auth.login and of REST", async () => {
  await using server = await startTestServer();
  const { user, ownerKey } = await anna(server);
  const { secret, token } = await tokenOf(server, ownerKey);
  expect([isLongToken(secret), token.tokenId]).toEqual([true, tokenIdOf(hashSecret(secret))]);
  expect(Buffer.from(secret.slice(3), "base64url").byteLength * 8).toBeGreaterThanOrEqual(128);
  for (const name of ["anna", `user.${user.userId}`, String(user.userId), "api", ""]) {
    expect([name, await connack(server, name, secret)]).toEqual([name, 0]);
  }
  expect(await connack(server, "ben", secret)).toBe(4);
  using websocket = await MiniClient.connect(server.http, "json");
  expect(await websocket.ask({ action: "auth.login", token: secret })).toMatchObject({
    action: "auth.login.success",
    user_id: String(user.userId),
  });
  for (const headers of [
    { authorization: `Bearer ${secret}` },
    { authorization: secret },
    { "x-api-key": secret },
  ] as Record<string, string>[]) {
    expect(JSON.parse((await call(server, "GET /users/me", { headers })).text)).toMatchObject({ userID: "anna" });
  }
  expect((await call(server, `GET /users/me?accessToken=${secret}`)).status).toBe(200);
  // An ordinary topic, as with the password.
  await using mqtt = await RawMqtt.connect(server.mqttPort, { username: "anna", password: Buffer.from(secret) });
  expect(await mqtt.subscribe("home/#")).toBe(0);
});

test("a device's token is a password for MQTT alone, under the name of the device", async () => {
  await using server = await startTestServer();
  await anna(server);
  for (const name of ["lamp", "panel"]) await server.domain.devices.add({ name });
  const { secret } = await tokenOf(server, "device:lamp");
  for (const name of ["lamp", "api", ""]) expect([name, await connack(server, name, secret)]).toEqual([name, 0]);
  for (const name of ["panel", "anna"]) expect([name, await connack(server, name, secret)]).toEqual([name, 4]);
  using websocket = await MiniClient.connect(server.http, "json");
  expect((await websocket.ask({ action: "auth.login", token: secret }))["reason"]).toBe("Invalid token");
  expect((await call(server, "GET /users/me", { as: secret })).status).toBe(401);
});

test("a right token passes whatever wrong ones its network showed, and its use is noted once in a minute", async () => {
  const clock = createManualClock(Date.now());
  await using server = await startTestServer({ clock });
  const { ownerKey } = await anna(server);
  const { secret, token } = await tokenOf(server, ownerKey);
  for (let n = 0; n < 40; n += 1) {
    const wrong = `rl_${String(n).padEnd(32, "x")}`;
    expect((await call(server, "GET /users/me", { as: wrong })).status).toBe(n < 30 ? 401 : 429);
  }
  expect((await call(server, "GET /users/me", { as: secret })).status).toBe(200);
  /** What was noted is written with the next change. */
  const lastUsed = async () => {
    await server.store.touchUsers([]);
    return (await server.domain.longTokens.list(ownerKey))[0]?.lastUsedAtMs;
  };
  const firstMs = clock.nowMs();
  expect(await lastUsed()).toBe(firstMs);
  clock.advance(59_000);
  expect((await call(server, "GET /users/me", { as: secret })).status).toBe(200);
  expect(await lastUsed()).toBe(firstMs);
  clock.advance(1000);
  expect((await call(server, "GET /users/me", { as: secret })).status).toBe(200);
  expect(await lastUsed()).toBe(firstMs + 60_000);
  expect(token.lastUsedAtMs).toBeUndefined();
});

interface Doors extends AsyncDisposable {
  ended(): string[];
  allEnd(): Promise<void>;
}

/** A connection at each door by the same token. */
async function connectAll(server: TestServer, token: string): Promise<Doors> {
  const over = new Set<string>();
  const mqtt = await RawMqtt.connect(server.mqttPort, { username: "anna", password: Buffer.from(token) });
  void mqtt.ended.then(() => over.add("mqtt"));
  const websocket = await MiniClient.connect(server.http, "json");
  expect((await websocket.ask({ action: "auth.login", token })).action).toBe("auth.login.success");
  void websocket.closed.then(() => over.add("websocket"));
  const { userId } = (await server.store.findUserByKey("anna")) ?? { userId: 0 as never };
  const before = server.hub.clientsOf(userId).length;
  const waiting = call(server, "GET /messages?format=simple&wait=60", { as: token }).then(({ status }) => {
    over.add(`rest ${status}`);
  });
  await until("the request to wait", () => server.hub.clientsOf(userId).length === before + 1);
  return {
    ended: () => [...over].sort(),
    allEnd: () =>
      withDeadline("the end at every door", Promise.all([mqtt.ended, websocket.closed, waiting])).then(() => {}),
    async [Symbol.asyncDispose]() {
      await mqtt.drop();
      websocket[Symbol.dispose]();
    },
  };
}

describe("connections end at every door, and those of another token do not", () => {
  const ways: Record<string, (server: TestServer, tokenId: string, ownerKey: string) => Promise<unknown>> = {
    "the operator revokes their token": ({ domain }, tokenId) => domain.longTokens.revoke({ tokenId }),
    "their user ends it as a log-in": async ({ domain, store, http }, tokenId) => {
      const user = await store.findUserByKey("anna");
      using mine = await MiniClient.connect(http, "json");
      await mine.ask({ action: "auth.login", user_id: String(user?.userId), password });
      const { sessions } = (await mine.ask({ action: "session.list" })) as unknown as {
        sessions: { session_id: string; kind: string; online: boolean }[];
      };
      const listed = sessions.filter(({ kind }) => kind === "long_lived_token");
      expect(listed.map(({ session_id, online }) => [session_id, online])).toContainEqual([`t${tokenId}`, true]);
      expect((await mine.ask({ action: "session.end", session_id: `t${tokenId}` })).action).toBe("session.end.success");
      expect(await domain.longTokens.list(`user:${user?.userId}`)).toHaveLength(1);
    },
  };
  test.each(Object.keys(ways))("when %s", async (way) => {
    await using server = await startTestServer();
    const { ownerKey } = await anna(server);
    const [one, other] = [await tokenOf(server, ownerKey), await tokenOf(server, ownerKey)];
    await using doors = await connectAll(server, one.secret);
    await using others = await connectAll(server, other.secret);
    await ways[way]?.(server, one.token.tokenId, ownerKey);
    await doors.allEnd();
    expect([doors.ended(), others.ended()]).toEqual([["mqtt", "rest 401", "websocket"], []]);
    expect(await connack(server, "anna", one.secret)).toBe(4);
  });

  test("when their token expires, also while the server was off", async () => {
    const clock = createManualClock(Date.now());
    await using server = await startTestServer({ clock });
    const { ownerKey } = await anna(server);
    const one = await tokenOf(server, ownerKey, { lifetimeMs: 60_000 });
    const other = await tokenOf(server, ownerKey, { lifetimeMs: 120_000 });
    await using doors = await connectAll(server, one.secret);
    await using others = await connectAll(server, other.secret);
    clock.advance(59_999);
    await server.domain.longTokens.endExpired();
    expect(doors.ended()).toEqual([]);
    clock.advance(1);
    await server.domain.longTokens.endExpired();
    await doors.allEnd();
    expect(others.ended()).toEqual([]);
    clock.advance(60_000);
    await using again = await server.restart();
    expect(await connack(again, "anna", other.secret)).toBe(4);
  });

  test.each([
    ["own", true],
    ["all", true],
    [undefined, false],
  ] as const)("when the operator sets a password (end: %s)", async (end, ends) => {
    await using server = await startTestServer();
    const { user, ownerKey } = await anna(server);
    const { secret } = await tokenOf(server, ownerKey);
    await using doors = await connectAll(server, secret);
    await server.domain.accounts.setPassword(user.userId, "second words", end);
    if (ends) await doors.allEnd();
    expect(doors.ended().length > 0).toBe(ends);
    expect((await call(server, "GET /users/me", { as: secret })).status).toBe(ends ? 401 : 200);
  });

  test("when their user sets a password and ends the other log-ins", async () => {
    await using server = await startTestServer();
    const { user, ownerKey } = await anna(server);
    const { secret } = await tokenOf(server, ownerKey);
    await using doors = await connectAll(server, secret);
    using mine = await MiniClient.connect(server.http, "json");
    await mine.ask({ action: "auth.login", user_id: String(user.userId), password });
    const change = { action: "password.set", old_password: password, password: "second words" };
    expect((await mine.ask(change)).action).toBe("password.set.success");
    expect(doors.ended()).toEqual([]);
    const again = { ...change, old_password: "second words", password, end_sessions: true };
    expect((await mine.ask(again)).action).toBe("password.set.success");
    await doors.allEnd();
    expect((await call(server, "GET /users/me", { as: secret })).status).toBe(401);
  });
});

test("a device's connections end with its token, and its tokens with the device", async () => {
  await using server = await startTestServer();
  const { devices, longTokens } = server.domain;
  await devices.add({ name: "lamp", password });
  const [one, other] = [await tokenOf(server, "device:lamp"), await tokenOf(server, "device:lamp")];
  const connect = (secret: string) =>
    RawMqtt.connect(server.mqttPort, { username: "lamp", password: Buffer.from(secret) });
  await using first = await connect(one.secret);
  await using second = await connect(other.secret);
  await using third = await connect(password);
  await longTokens.revoke({ tokenId: one.token.tokenId });
  await first.whenClosed();
  expect([await second.fence(), await third.fence()]).toEqual([[], []]);
  // A new password ends what came by the old one.
  await devices.setPassword("lamp", "second words");
  await third.whenClosed();
  expect(await second.fence()).toEqual([]);
  await devices.revoke("lamp");
  await second.whenClosed();
  await devices.add({ name: "lamp" });
  expect(await connack(server, "lamp", other.secret)).toBe(4);
  expect(await longTokens.list("device:lamp")).toEqual([]);
});

test("a message that waits for a client by a token comes after a restart, by the same token", async () => {
  await using server = await startTestServer();
  const { ownerKey } = await anna(server);
  const { secret } = await tokenOf(server, ownerKey);
  const fields = { username: "anna", password: Buffer.from(secret), clientId: "c7", clean: false };
  await using before = await RawMqtt.connect(server.mqttPort, fields);
  expect(await before.subscribe("home/#", 1)).toBe(1);
  await before.drop();
  await using publisher = await RawMqtt.connect(server.mqttPort, { username: "anna", password: Buffer.from(secret) });
  publisher.send(publishPacket("home/lamp", "on", { qos: 1, messageId: 1 }));
  await publisher.expect("puback");
  await using again = await server.restart();
  await using after = await RawMqtt.connect(again.mqttPort, fields);
  expect(await after.expect("publish")).toMatchObject({ topic: "home/lamp", payload: Buffer.from("on") });
});

test("a token without scopes opens no passwords, tokens and log-ins", async () => {
  await using server = await startTestServer();
  const { user, ownerKey } = await anna(server);
  const { secret } = await tokenOf(server, ownerKey);
  using websocket = await MiniClient.connect(server.http, "json");
  await websocket.ask({ action: "auth.login", token: secret });
  for (const request of [
    { action: "password.set", old_password: password, password: "second words" },
    { action: "session.list" },
    { action: "session.end", session_id: "c1" },
  ]) {
    expect(await websocket.ask(request)).toEqual({ action: `${request.action}.fail`, reason: "Out of scope" });
  }
  // Whoever shows the password afterwards may.
  await websocket.ask({ action: "auth.login", user_id: String(user.userId), password });
  expect((await websocket.ask({ action: "session.list" })).action).toBe("session.list.success");
  for (const options of [{ as: secret }, { body: { accessToken: secret } }]) {
    expect((await call(server, "DELETE /token", options)).status).toBe(403);
  }
  expect((await call(server, "GET /users/me", { as: secret })).status).toBe(200);
});
