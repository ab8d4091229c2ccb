/** A connection ends with the token it came by, and all of a user's with their password, at every door. */
import { describe, expect, test } from "bun:test";
import { longAgo } from "../../src/lib/clock.ts";
import { MiniClient } from "../minioicq/client.ts";
import { call } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

interface Doors extends AsyncDisposable {
  /** The doors whose connection has ended. */
  ended(): string[];
  /** Waits until every connection has ended. */
  allEnd(): Promise<void>;
}

/** A connection at every door, by one access token. */
async function connectAll(server: TestServer, name: string, token: string): Promise<Doors> {
  const over = new Set<string>();
  const mqtt = await RawMqtt.connect(server.mqttPort, { username: name, password: Buffer.from(token) });
  void mqtt.ended.then(() => over.add("mqtt"));
  const websocket = await MiniClient.connect(server.http, "json");
  expect((await websocket.ask({ action: "auth.login", token })).action).toBe("auth.login.success");
  void websocket.closed.then(() => over.add("websocket"));
  const { userId } = (await server.store.findUserByKey(name)) ?? { userId: 0 as never };
  const waitsAlready = server.hub.clientsOf(userId).length;
  const waiting = call(server, "GET /messages?format=simple&wait=60", { as: token }).then(() => over.add("rest"));
  const signed = call(server, "GET /messages?wait=60", { as: token }).then(() => over.add("signed"));
  // The end of a server that is busy may cut off a request that still waits. Where that matters, `allEnd` waits for it.
  void Promise.allSettled([waiting, signed]);
  const stop = new AbortController();
  const stream = await fetch(`http://${server.http}/messages`, {
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
    signal: stop.signal,
  });
  const events = (async () => {
    for await (const _ of stream.body ?? []) void _;
  })().then(
    () => over.add("stream"),
    () => {},
  );
  await until("the requests to wait", () => server.hub.clientsOf(userId).length === waitsAlready + 3);
  return {
    ended: () => [...over].sort(),
    allEnd: () =>
      withDeadline("the end at every door", Promise.all([mqtt.ended, websocket.closed, waiting, signed, events])).then(
        () => {},
      ),
    async [Symbol.asyncDispose]() {
      await mqtt.drop();
      websocket[Symbol.dispose]();
      stop.abort();
    },
  };
}

const all = ["mqtt", "rest", "signed", "stream", "websocket"];

async function participant(server: TestServer, name: string) {
  const [pair] = await server.domain.accounts.provision([{ username: name }]);
  if (pair === undefined) throw new Error("no tokens");
  return pair;
}

describe("connections end at every door", () => {
  test("when their token is revoked, and those of another token do not", async () => {
    await using server = await startTestServer();
    const [one, other] = [await participant(server, "anna"), await participant(server, "anna")];
    await using doors = await connectAll(server, "anna", one.accessToken);
    await using others = await connectAll(server, "anna", other.accessToken);
    expect((await call(server, "DELETE /token", { as: one.accessToken })).status).toBe(200);
    await doors.allEnd();
    expect([doors.ended(), others.ended()]).toEqual([all, []]);
  });

  test("when a refresh token is shown twice", async () => {
    await using server = await startTestServer();
    const { accessToken, refreshToken } = await participant(server, "anna");
    await using doors = await connectAll(server, "anna", accessToken);
    const refresh = () => call(server, "PUT /token", { body: { refreshToken } });
    expect((await refresh()).status).toBe(201);
    expect(doors.ended()).toEqual([]);
    expect((await refresh()).status).toBe(401);
    await doors.allEnd();
  });

  test("when it expires", async () => {
    const clock = createManualClock(Date.now());
    await using server = await startTestServer({ clock, env: { ROOST_REST_ACCESS_TOKEN_LIFETIME: "3600" } });
    const { accessToken } = await participant(server, "anna");
    clock.advance(1_800_000);
    const later = await participant(server, "anna");
    await using doors = await connectAll(server, "anna", accessToken);
    await using others = await connectAll(server, "anna", later.accessToken);
    await server.domain.logIns.endExpired();
    expect(doors.ended()).toEqual([]);
    clock.advance(1_800_000);
    await doors.allEnd();
    expect([doors.ended(), others.ended()]).toEqual([all, []]);
  });

  test("when a newer token takes its place", async () => {
    await using server = await startTestServer();
    await server.domain.accounts.add({ nick: "Anna", username: "anna", password: "correct horse" });
    const { userId } = (await server.store.findUserByKey("anna")) ?? { userId: 0 as never };
    const { token } = await server.domain.logIns.remember(userId, "first");
    await using doors = await connectAll(server, "anna", token);
    for (let made = 0; made < 50; made += 1) {
      expect(doors.ended()).toEqual([]);
      await server.domain.logIns.remember(userId, `${made}`);
    }
    await doors.allEnd();
    expect((await call(server, "GET /users/me", { as: token })).status).toBe(401);
  });

  test.each([
    ["own", 401, 200],
    ["all", 401, 401],
    [undefined, 200, 200],
  ] as const)("when the operator sets a password (end: %s)", async (end, ownToken, backendToken) => {
    await using server = await startTestServer();
    const backend = await participant(server, "anna");
    const { userId } = backend.user;
    await server.domain.accounts.setPassword(userId, "first words");
    const { token } = await server.domain.logIns.remember(userId, "laptop");
    await using byOwn = await connectAll(server, "anna", token);
    await using byBackend = await connectAll(server, "anna", backend.accessToken);
    await using byPassword = await RawMqtt.connect(server.mqttPort, {
      username: "anna",
      password: Buffer.from("first words"),
    });
    await server.domain.accounts.setPassword(userId, "second words", end);
    if (end === undefined) await byPassword.fence();
    else await Promise.all([byOwn.allEnd(), byPassword.whenClosed()]);
    if (end === "all") await byBackend.allEnd();
    expect([byOwn.ended(), byBackend.ended()]).toEqual([end === undefined ? [] : all, end === "all" ? all : []]);
    for (const [as, status] of [
      [token, ownToken],
      [backend.accessToken, backendToken],
    ] as const) {
      expect((await call(server, "GET /users/me", { as })).status).toBe(status);
    }
    await using _again = await RawMqtt.connect(server.mqttPort, {
      username: "anna",
      password: Buffer.from("second words"),
    });
  });
});

test("a client that was logging in when its log-in ended is not connected by it", async () => {
  await using server = await startTestServer();
  const { accounts, logIns } = server.domain;
  const { userId } = await accounts.add({ nick: "Anna", username: "anna", password: "first words" });
  const since = logIns.stamp();
  const { token } = await logIns.remember(userId, "phone");
  const [tokenId = ""] = (await server.store.listTokens({ userId, nowMs: longAgo, limit: 1 })).map(
    (one) => one.tokenId,
  );
  expect([logIns.hasEnded({ userId, tokenId: undefined, since }), logIns.hasEnded({ userId, tokenId, since })]).toEqual(
    [false, false],
  );
  await server.domain.tokens.revoke({ kind: "access", secret: token }, "127.0.0.1");
  expect([logIns.hasEnded({ userId, tokenId: undefined, since }), logIns.hasEnded({ userId, tokenId, since })]).toEqual(
    [false, true],
  );
  await accounts.setPassword(userId, "second words", "own");
  expect(logIns.hasEnded({ userId, tokenId: undefined, since })).toBe(true);
  expect(logIns.hasEnded({ userId, tokenId: undefined, since: logIns.stamp() })).toBe(false);
});
