/**
 * The machine's clock is set, while the server runs and while it is off: nothing that waits or is kept ends by that, and
 * what is to end does so in its time.
 */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { roost, serving, temporaryFolder } from "../cli/roost.ts";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { compiledBinary } from "../support/binary.ts";
import { until } from "../support/deadline.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { Client5 } from "../support/wire-v5.ts";

const hour = 3_600_000;
const day = 24 * hour;

const settings: readonly (readonly [name: string, set: (clock: ManualClock) => void])[] = [
  ...[60_000, 2 * hour, day, 40 * 365 * day].flatMap((ms) =>
    [ms, -ms].map((by) => [`by ${by / 1000} s`, (clock: ManualClock) => clock.set(by)] as const),
  ),
  ["to 1970", (clock) => clock.set(-clock.nowMs())],
];

const env = {
  ROOST_REGISTRATION: "invite",
  ROOST_REST_ACCESS_TOKEN_LIFETIME: "2 h",
  ROOST_REST_REFRESH_TOKEN_LIFETIME: "10 h",
  ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "1",
};
const connecting = { clientId: "phone", username: "lamp", password: "a password", keepAliveSeconds: 0 };

/** Something of every kind that is kept for a time. */
async function prepare(server: TestServer) {
  const { domain } = server;
  const [{ accessToken, refreshToken }] = JSON.parse(
    (await asBackend(server, "POST /token", [{ userID: "anna" }])).text,
  ) as [{ accessToken: string; refreshToken: string }];
  const [bob = ""] = await enroll(server, "bob");
  await room(server, "team", "anna", "bob");
  const { code } = await domain.accounts.invite({ uses: 10, lifetimeMs: 2 * hour });
  const user = await domain.accounts.add({ nick: "Carl", password: "a long password" });
  const { token: remembered } = await domain.logIns.remember(user.userId, "phone");
  const once = (at: TestServer) =>
    call(at, "POST /messages", {
      as: accessToken,
      headers: { "Idempotency-Key": "k" },
      body: { chatID: "team", content: "once" },
    });
  const first = await once(server);
  expect(first.status).toBe(200);
  await domain.devices.add({
    name: "lamp",
    password: "a password",
    certificateSubject: undefined,
    publish: undefined,
    subscribe: undefined,
  });
  const away = await Client5.connect(server.mqttPort, { ...connecting, properties: { sessionExpiry: 7200 } });
  await away.subscribe("work", 1);
  await away.drop();
  await using lamp = await Client5.connect(server.mqttPort, { ...connecting, clientId: "sender" });
  await lamp.publish("work", "for the phone", { properties: { messageExpiry: 7200 } });
  return { accessToken, refreshToken, bob, code, remembered, once, first: first.text };
}

type Kept = Awaited<ReturnType<typeof prepare>>;

async function logsIn(server: TestServer, token: string): Promise<boolean> {
  using client = await MiniClient.connect(server.http, "json");
  return (await client.ask({ action: "auth.login", token })).action === "auth.login.success";
}

async function registers(server: TestServer, invite: string): Promise<boolean> {
  using client = await MiniClient.connect(server.http, "json");
  const { action } = await client.ask({ action: "auth.register", user_name: "New", password: "a password", invite });
  return action === "auth.register.success";
}

async function session(server: TestServer): Promise<readonly [present: boolean | undefined, texts: unknown[]]> {
  await using phone = await Client5.connect(server.mqttPort, {
    ...connecting,
    cleanStart: false,
    properties: { sessionExpiry: 7200 },
  });
  return [phone.connack.sessionPresent, (await phone.fence()).map(({ payload }) => payload)];
}

async function expectAll(server: TestServer, kept: Kept): Promise<void> {
  expect((await call(server, "GET /users/me", { as: kept.accessToken })).status).toBe(200);
  expect(await logsIn(server, kept.remembered)).toBe(true);
  expect(await registers(server, kept.code)).toBe(true);
  const again = await kept.once(server);
  expect([again.text, again.headers.get("idempotency-replayed")]).toEqual([kept.first, "true"]);
  const events = await call(server, "GET /messages?format=simple", { as: kept.bob });
  expect(events.text).toContain('"chat_enter"');
  expect(await session(server)).toEqual([true, ["for the phone"]]);
  expect((await call(server, "GET /readyz")).status).toBe(200);
}

/** Two hours later, of which the clock may know nothing. */
async function expectEnds(server: TestServer, kept: Kept): Promise<void> {
  expect((await call(server, "GET /users/me", { as: kept.accessToken })).status).toBe(401);
  expect(await registers(server, kept.code)).toBe(false);
  expect(await session(server)).toEqual([false, []]);
  expect((await call(server, "PUT /token", { body: { refreshToken: kept.refreshToken } })).status).toBe(201);
  expect(await logsIn(server, kept.remembered)).toBe(true);
}

test.each(settings)("with the clock set %s while the server runs, all is kept for its time", async (_, set) => {
  const clock = createManualClock();
  await using first = await startTestServer({ clock, env });
  const kept = await prepare(first);
  set(clock);
  await expectAll(first, kept);
  await using server = await first.restart();
  await expectAll(server, kept);
  clock.advance(2 * hour);
  await expectEnds(server, kept);
});

test.each(settings)("with the clock set %s while the server is off, all is kept for its time", async (_, set) => {
  const clock = createManualClock();
  await using first = await startTestServer({ clock, env });
  const kept = await prepare(first);
  await first.stop();
  const before = clock.nowMs();
  set(clock);
  const shown = clock.nowMs() - before;
  await using server = await first.restart();
  // What the clock shows of an absence counts up to a day.
  if (shown > 0 && shown <= day && shown >= 2 * hour) {
    expect((await call(server, "GET /users/me", { as: kept.accessToken })).status).toBe(401);
    expect(await session(server)).toEqual([false, []]);
    return;
  }
  await expectAll(server, kept);
  clock.advance(2 * hour);
  await expectEnds(server, kept);
});

const [library] = [...new Bun.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1").scanSync({ absolute: true })];
const canFake = requireProgram("faketime") && library !== undefined;

/** The program, its wall clock set by a file. */
async function openMachine() {
  const folder = temporaryFolder();
  const program = [await compiledBinary()];
  const setting = folder.in("clock");
  const fake = {
    LD_PRELOAD: library ?? "",
    FAKETIME_TIMESTAMP_FILE: setting,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  return {
    /** As libfaketime reads it: `+7200`, or `@1970-01-01 00:00:00`. */
    set: (text: string) => writeFileSync(setting, `${text}\n`),
    async serve() {
      const args = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];
      const server = await serving(args, { cwd: folder.path, env: fake, program });
      const { http, mqtt } = JSON.parse(server.firstLine) as { http: string; mqtt: string };
      return Object.assign(server, { http, mqttPort: Number(mqtt.slice(mqtt.lastIndexOf(":") + 1)) });
    },
    run: (...args: string[]) => roost([...args, "--json"], { cwd: folder.path, program }),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

type Running = Awaited<ReturnType<Awaited<ReturnType<typeof openMachine>>["serve"]>>;

/** The clock is set, and the server has seen that and gone on for a while. */
async function seeSet(server: Running, set: () => void): Promise<void> {
  const seen = () => server.logged().split("the clock was set").length;
  const before = seen();
  set();
  await until("the server saw the clock", () => seen() > before);
}

const readiness = async (server: Running) =>
  JSON.parse((await call({ ...server, backendKey: "" }, "GET /readyz")).text);

test.skipIf(!canFake)("the program throws no client out when its machine's clock is set", async () => {
  using machine = await openMachine();
  machine.set("+0");
  await using server = await machine.serve();
  const { password } = JSON.parse((await machine.run("device", "add", "lamp")).stdout) as { password: string };
  const lamp = { username: "lamp", password };
  await using listener = await Client5.connect(server.mqttPort, { ...lamp, keepAliveSeconds: 60 });
  await listener.subscribe("will/#");
  const will = { topic: "will/lamp", payload: "gone", properties: { willDelay: 3600 } };
  await using client = await Client5.connect(server.mqttPort, { ...lamp, keepAliveSeconds: 30, will });
  const away = await Client5.connect(server.mqttPort, { ...lamp, will, properties: { sessionExpiry: 3600 } });
  await away.drop();
  for (const setting of ["+60", "+7200", "+180000", "-7200", "+0", "+60"]) {
    await seeSet(server, () => machine.set(setting));
    expect(await client.fence()).toEqual([]);
    expect(await listener.fence()).toEqual([]);
  }
});

test.skipIf(!canFake)(
  "the program starts in 1970 and keeps what it had, until the operator accepts the clock",
  async () => {
    using machine = await openMachine();
    machine.set("+0");
    const first = await machine.serve();
    const { password } = JSON.parse((await machine.run("device", "add", "lamp")).stdout) as { password: string };
    const phone = { username: "lamp", password, clientId: "phone", properties: { sessionExpiry: 3600 } };
    const away = await Client5.connect(first.mqttPort, phone);
    await away.subscribe("work", 1);
    await away.drop();
    const sender = await Client5.connect(first.mqttPort, { username: "lamp", password });
    await sender.publish("work", "kept");
    await sender.drop();
    expect((await first.end()).exitCode).toBe(0);

    machine.set("@1970-01-01 00:00:10");
    await using server = await machine.serve();
    const resume = async () => {
      await using client = await Client5.connect(server.mqttPort, { ...phone, cleanStart: false });
      return [client.connack.sessionPresent, (await client.fence()).map(({ payload }) => payload)];
    };
    expect(await resume()).toEqual([true, ["kept"]]);
    expect(await readiness(server)).toEqual({ ready: true, reasons: [] });

    await seeSet(server, () => machine.set("+259200"));
    expect(await resume()).toEqual([true, ["kept"]]);
    const shown = JSON.parse((await machine.run("clock")).stdout);
    expect(shown).toEqual({
      time: expect.any(String),
      set_by_seconds: expect.any(Number),
      lag_seconds: shown.set_by_seconds,
      believed_in_seconds: expect.any(Number),
    });
    expect([Math.round(shown.lag_seconds / 86_400), Math.ceil(shown.believed_in_seconds / 3600)]).toEqual([3, 1]);
    const { ready, reasons, warnings } = await readiness(server);
    expect([ready, reasons, warnings]).toEqual([true, [], [expect.stringMatching(/^clock: /)]]);

    const accepted = JSON.parse((await machine.run("clock", "accept")).stdout);
    expect(accepted).toEqual({ passed_seconds: shown.lag_seconds });
    expect(await resume()).toEqual([false, []]);
    expect(await readiness(server)).toEqual({ ready: true, reasons: [] });
    expect(JSON.parse((await machine.run("clock")).stdout)).toMatchObject({
      lag_seconds: 0,
      believed_in_seconds: null,
    });
  },
);
