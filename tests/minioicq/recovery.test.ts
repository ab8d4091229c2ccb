/** A password that was forgotten: who is sent a code, what it opens, and what no client learns. */
import { expect, test } from "bun:test";
import type { UserId } from "../../src/domain/model.ts";
import type { OperatorRequest } from "../../src/ops/operator.ts";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { MiniClient } from "./client.ts";

const phone = "447400123456";
const smsLine = "SMS, written here since sms.adapter = log";

function recorded() {
  const log = recordLog();
  let seen = 0;
  return {
    ...log,
    /** The next code that was sent by SMS. */
    async code(): Promise<string> {
      for (;;) {
        const texts = log.of(smsLine).map(({ text }) => String(text));
        const next = texts[seen];
        if (next !== undefined) {
          seen += 1;
          return /\d{6}/.exec(next)?.[0] ?? "";
        }
        await log.until(smsLine).then(() => new Promise(setImmediate));
      }
    },
    sent: () => log.of(smsLine).length,
  };
}

/** A user whose phone is confirmed. */
async function phoneUser(server: TestServer, log: ReturnType<typeof recorded>): Promise<UserId> {
  const { phoneSessions } = server.domain;
  const address = "127.0.0.9";
  const client = { devKey: "key", phone, clientId: undefined, language: undefined };
  const { token } = await phoneSessions.issue({ ...client, address, token: undefined });
  const verified = await phoneSessions.verify({ address, token, code: await log.code() });
  expect(verified.result).toBe("login");
  const [userId] = await server.store.listUserIdsOfPhone(phone);
  if (userId === undefined) throw new Error("the phone has no user");
  return userId;
}

async function start(options: TestServerOptions = {}) {
  const log = recorded();
  const server = await startTestServer({ ...options, log: log.log });
  return { server, log };
}

const reset = (user: unknown, code: string, password = "new secret") => ({
  action: "password.reset",
  user_id: String(user),
  code,
  password,
});

const operatorsCode = async (server: TestServer, user: string): Promise<string> => {
  const request: OperatorRequest = { op: "resetUser", user };
  const answer = await askOperator(operatorSocketPath(server.dataDir), request);
  return answer?.ok === true ? (answer.result as { code: string }).code : "";
};

test("a code by SMS sets a password once, and every other log-in ends", async () => {
  const { server, log } = await start();
  await using _ = server;
  const userId = await phoneUser(server, log);
  await server.domain.accounts.setPassword(userId, "old secret");
  using there = await MiniClient.connect(server.http, "json");
  await there.ask({ action: "auth.login", user_id: `+${phone}`, password: "old secret", remember: true });
  await using mqtt = await RawMqtt.connect(server.mqttPort, {
    username: `${userId}`,
    password: Buffer.from("old secret"),
  });
  using client = await MiniClient.connect(server.http, "json");
  expect(await client.ask({ action: "password.forgot", user_id: `+${phone}` })).toEqual({
    action: "password.forgot.success",
  });
  const code = await log.code();
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
  expect(await client.ask(reset(userId, wrong))).toEqual({ action: "password.reset.fail", reason: "Invalid code" });
  expect(await client.ask(reset(userId, code, "x".repeat(1025)))).toMatchObject({ reason: "Password too long" });
  expect(await client.ask(reset(userId, code))).toEqual({ action: "password.reset.success" });
  expect((await there.closed).code).toBe(1008);
  await mqtt.ended;
  expect(await client.ask(reset(userId, code, "newer secret"))).toMatchObject({ reason: "Invalid code" });
  expect(await client.ask({ action: "auth.login", user_id: `${userId}`, password: "old secret" })).toMatchObject({
    reason: "Incorrect password",
  });
  expect(await client.ask({ action: "auth.login", user_id: `${userId}`, password: "new secret" })).toMatchObject({
    action: "auth.login.success",
  });
  expect(log.text()).not.toContain("new secret");
});

test("a code ends after 15 minutes, after five wrong tries, and when the password is set otherwise", async () => {
  const clock = createManualClock(Date.now());
  const { server, log } = await start({ clock });
  await using _ = server;
  const userId = await phoneUser(server, log);
  using client = await MiniClient.connect(server.http, "json");
  const ask = async () => {
    await client.ask({ action: "password.forgot", user_id: String(userId) });
    return log.code();
  };
  const old = await ask();
  clock.advance(15 * 60_000);
  expect(await client.ask(reset(userId, old))).toMatchObject({ reason: "Invalid code" });
  const tried = await ask();
  const wrong = String((Number(tried) + 1) % 1_000_000).padStart(6, "0");
  for (let n = 0; n < 5; n += 1) await client.ask(reset(userId, wrong));
  expect(await client.ask(reset(userId, tried))).toMatchObject({ reason: "Invalid code" });
  const voided = await ask();
  await server.domain.accounts.setPassword(userId, "by the operator");
  expect(await client.ask(reset(userId, voided))).toMatchObject({ reason: "Invalid code" });
});

test("no client learns from the answers who is here, and an admin is sent nothing", async () => {
  const { server, log } = await start({ env: { ROOST_ADMINS: "boss" } });
  await using _ = server;
  await server.domain.accounts.add({ nick: "Boss", username: "boss", password: "old secret" });
  const { userId } = await server.domain.accounts.register({
    nick: "Mia",
    password: "old secret",
    address: "127.0.0.1",
  });
  using client = await MiniClient.connect(server.http, "json");
  const answers = [];
  for (const name of ["boss", String(userId), "99999", "nobody", "+447400999999"]) {
    answers.push(await client.ask({ action: "password.forgot", user_id: name }));
    answers.push(await client.ask(reset(name, "123456")));
  }
  const same = [{ action: "password.forgot.success" }, { action: "password.reset.fail", reason: "Invalid code" }];
  expect<unknown[]>(answers).toEqual([...same, ...same, ...same, ...same, ...same]);
  expect(log.sent()).toBe(0);
  // The operator gives admins theirs, and it works although strangers guess.
  for (let n = 0; n < 30; n += 1) await client.ask(reset("boss", "123456"));
  expect(await client.ask(reset("boss", "123456"))).toMatchObject({ reason: "Too many attempts, try again later" });
  const code = await operatorsCode(server, "boss");
  expect(code).toMatch(/^rc_[\w-]{32}$/);
  const almost = `${code.slice(0, -1)}${code.endsWith("-") ? "_" : "-"}`;
  expect(await client.ask(reset("boss", almost))).toMatchObject({ reason: "Invalid code" });
  expect(await client.ask(reset("boss", code))).toEqual({ action: "password.reset.success" });
  expect(await client.ask(reset("boss", code))).toMatchObject({ reason: "Invalid code" });
  expect(await client.ask({ action: "auth.login", user_id: "boss", password: "new secret" })).toMatchObject({
    action: "auth.login.success",
  });
});

test("a network asks for so many codes in an hour", async () => {
  const { server } = await start({ env: { ROOST_REGISTRATIONS_PER_ADDRESS_HOUR: "3" } });
  await using _ = server;
  using client = await MiniClient.connect(server.http, "json");
  for (const n of [1, 2, 3]) {
    expect(await client.ask({ action: "password.forgot", user_id: `nobody${n}` })).toMatchObject({
      action: "password.forgot.success",
    });
  }
  expect(await client.ask({ action: "password.forgot", user_id: "nobody" })).toEqual({
    action: "password.forgot.fail",
    reason: "Too many attempts, try again later",
  });
});
