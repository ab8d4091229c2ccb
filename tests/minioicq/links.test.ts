/** One person, one user: a phone, a password and a userID of a backend come to one account, over real sockets. */
import { describe, expect, test } from "bun:test";
import { asBackend, call, enroll, room } from "../rest/client.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { MiniClient } from "./client.ts";

const phone = "447400123456";
const code = "123456";
const password = "correct horse";
const env = {
  ROOST_SMS_TEST_NUMBERS: `${phone}=${code},447400123457=${code}`,
  ROOST_PASSWORD_MIN_LENGTH: "8",
};
const start = (options: TestServerOptions = {}) => startTestServer({ ...options, env: { ...env, ...options.env } });

/** A new user with a password. */
async function person(server: TestServer, name: string): Promise<{ id: string; client: MiniClient; token: string }> {
  const client = await MiniClient.connect(server.http, "json");
  const made = await client.ask({ action: "auth.register", user_name: name, password, remember: true });
  return { id: String(made["user_id"]), client, token: String(made["token"]) };
}

/** Logs in by phone, as a client of the Erlang-term services does; gives the token of the log-in. */
async function byPhone(server: TestServer, number = phone): Promise<string> {
  const { phoneSessions } = server.domain;
  const address = "127.0.0.9";
  const client = { devKey: number, phone: number, clientId: undefined, language: undefined };
  const { token } = await phoneSessions.issue({ ...client, address, token: undefined });
  const verified = await phoneSessions.verify({ address, token, code });
  if (verified.result !== "login" || token === undefined) throw new Error(verified.result);
  return token;
}

const userOfPhone = async (server: TestServer): Promise<string> =>
  String((await server.store.listUserIdsOfPhone(phone))[0] ?? "nobody");

/** A connection as a client of the Erlang-term services. */
const mqttByPhone = (server: TestServer, token: string) =>
  RawMqtt.connect(server.mqttPort, { username: "api", password: Buffer.from(token) });

const linkPhone = { action: "phone.link", phone: `+${phone}`, code, password };

async function link(client: MiniClient): Promise<void> {
  await client.ask({ action: "phone.code", phone: `+${phone}` });
  expect(await client.ask(linkPhone)).toEqual({
    action: "phone.link.success",
    phone,
    credentials: ["phone", "password"],
  });
}

describe("a phone", () => {
  test("comes to a password account from an empty one, whose log-ins end at every door", async () => {
    await using server = await start();
    const roster = await byPhone(server);
    const before = await userOfPhone(server);
    await using mqtt = await mqttByPhone(server, roster);
    const { client, id } = await person(server, "Ann");
    using _ = client;
    await link(client);
    // The connection has no user from now on.
    expect([server.hub.isOnline(Number(before) as never), (await mqtt.fence()).length]).toEqual([false, 0]);
    expect([await userOfPhone(server), await server.store.findUser(Number(before))]).toEqual([id, undefined]);
    expect(await server.domain.phoneSessions.isKnown(roster)).toBe(false);
    // By phone one comes to the same user from now on, and by the phone's number with the password.
    await byPhone(server);
    expect(await userOfPhone(server)).toBe(id);
    using other = await MiniClient.connect(server.http, "json");
    expect(await other.ask({ action: "auth.login", user_id: `+${phone}`, password })).toMatchObject({ user_id: id });
    expect(await client.ask({ action: "phone.code", phone: "447400123457" })).toMatchObject({
      reason: "Already linked",
    });
    const { sessions } = await client.ask({ action: "session.list" });
    expect((sessions as { kind: string }[]).filter(({ kind }) => kind === "phone")).toHaveLength(1);
  });

  test("is not taken from an account with a chat, and nothing of either changes", async () => {
    await using server = await start();
    await byPhone(server);
    const owner = await userOfPhone(server);
    const { client, id } = await person(server, "Ann");
    using _ = client;
    await client.ask({ action: "chat.create", members: [owner], name: "Team" });
    await client.fence();
    await client.ask({ action: "phone.code", phone });
    expect(await client.ask(linkPhone)).toEqual({ action: "phone.link.fail", reason: "Other account in use" });
    expect([await userOfPhone(server), await server.store.credentialsOf(Number(id) as never)]).toEqual([
      owner,
      ["password"],
    ]);
  });

  test("needs both proofs: a code of this account and phone, for few tries and minutes, and the password", async () => {
    const clock = createManualClock(Date.now());
    await using server = await start({ clock });
    const [ann, bob] = [await person(server, "Ann"), await person(server, "Bob")];
    using _ann = ann.client;
    using _bob = bob.client;
    const refusal = async (client: MiniClient, more: object) => (await client.ask({ ...linkPhone, ...more }))["reason"];
    expect(await refusal(ann.client, {})).toBe("Invalid code");
    await ann.client.ask({ action: "phone.code", phone });
    expect(await refusal(ann.client, { password: "wrong" })).toBe("Incorrect password");
    expect(await refusal(bob.client, {})).toBe("Invalid code");
    expect(await refusal(ann.client, { phone: "447400123457" })).toBe("Invalid code");
    for (let n = 0; n < 4; n += 1) expect(await refusal(ann.client, { code: "654321" })).toBe("Invalid code");
    expect(await refusal(ann.client, {})).toBe("Invalid code");
    await ann.client.ask({ action: "phone.code", phone });
    clock.advance(10 * 60_000);
    expect(await refusal(ann.client, {})).toBe("Invalid code");
    for (let n = 0; n < 30; n += 1) await ann.client.ask({ ...linkPhone, code: "654321" });
    expect(await refusal(ann.client, {})).toBe("Too many attempts, try again later");
  });

  test("is unlinked by the password or a code, never the last one, and is a new user's then", async () => {
    await using server = await start();
    const { client, id } = await person(server, "Ann");
    using _ = client;
    expect(await client.ask({ action: "phone.unlink", password })).toMatchObject({ reason: "Not linked" });
    await link(client);
    const roster = await byPhone(server);
    await using mqtt = await mqttByPhone(server, roster);
    expect(await client.ask({ action: "phone.unlink", password })).toEqual({
      action: "phone.unlink.success",
      credentials: ["password"],
    });
    await mqtt.fence();
    expect(server.hub.clientsOf(Number(id) as never)).toHaveLength(1);
    expect(await client.ask({ action: "password.unlink", password })).toMatchObject({ reason: "Last credential" });
    await byPhone(server);
    expect(await userOfPhone(server)).not.toBe(id);
    using other = await MiniClient.connect(server.http, "json");
    expect(await other.ask({ action: "auth.login", user_id: id, password })).toMatchObject({ user_id: id });
  });

  test("a code that cannot be sent is said, and a network asks for few", async () => {
    const log = recordLog();
    await using server = await startTestServer({
      log: log.log,
      env: { ROOST_SMS_PER_NUMBER_HOUR: "1", ROOST_REGISTRATIONS_PER_ADDRESS_HOUR: "3" },
    });
    const { client } = await person(server, "Ann");
    using _ = client;
    const ask = async () => (await client.ask({ action: "phone.code", phone }))["reason"];
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([
      undefined,
      "Code not sent",
      "Code not sent",
      "Too many attempts, try again later",
    ]);
    // What is sent is good as it is, and the log holds no password.
    const sent = /\d{6}/.exec(String(log.of("SMS, written here since sms.adapter = log")[0]?.["text"]))?.[0];
    expect(sent).toMatch(/^\d{6}$/);
    expect(log.text()).not.toContain(password);
  });
});

describe("a password", () => {
  test("comes to a phone's account by a code, which ends no log-in, and goes with what came by it", async () => {
    await using server = await start();
    const roster = await byPhone(server);
    const id = await userOfPhone(server);
    await using mqtt = await mqttByPhone(server, roster);
    const { link: secret } = await server.domain.accountCodes.link((await server.store.findUser(Number(id))) as never);
    using client = await MiniClient.connect(server.http, "json");
    await client.ask({ action: "auth.login", link: secret });
    const set = (more: object) => client.ask({ action: "password.set", password, ...more });
    expect(await set({ old_password: "" })).toMatchObject({ reason: "Incorrect password" });
    expect(await set({ code })).toMatchObject({ reason: "Invalid code" });
    await client.ask({ action: "password.forgot", user_id: id });
    expect(await set({ code, password: "short" })).toMatchObject({ reason: "Password too short" });
    // The answer to `password.forgot` does not wait until the code is made.
    let answer = await set({ code });
    for (let n = 0; n < 3 && answer.action !== "password.set.success"; n += 1) answer = await set({ code });
    expect(answer).toEqual({ action: "password.set.success" });
    expect(await set({ code })).toMatchObject({ reason: "Already linked" });
    using other = await MiniClient.connect(server.http, "json");
    expect(await other.ask({ action: "auth.login", user_id: `+${phone}`, password, remember: true })).toMatchObject({
      user_id: id,
    });
    expect(await client.ask({ action: "password.unlink", password: "wrong" })).toMatchObject({
      reason: "Incorrect password",
    });
    client.say({ action: "password.unlink", password });
    expect(await client.closed).toEqual({ code: 1008, reason: "Session ended" });
    expect((await other.closed).code).toBe(1008);
    // The phone's log-in is none of it.
    await mqtt.fence();
    expect(await server.store.credentialsOf(Number(id) as never)).toEqual(["phone"]);
  });
});

describe("a userID", () => {
  const put = (server: TestServer, body: object) => asBackend(server, "PUT /links", body);

  test("comes to the user of a token of any door, and names them everywhere", async () => {
    await using server = await start();
    const roster = await byPhone(server);
    const id = await userOfPhone(server);
    const ben = await person(server, "Ben");
    using _ = ben.client;
    const [before = ""] = await enroll(server, "anna");
    const made = JSON.parse((await put(server, { accessToken: roster, userID: "anna" })).text);
    expect(made).toMatchObject({ user_id: id, userID: "anna", credentials: ["phone", "user_id"] });
    expect((await call(server, "GET /users/me", { as: before })).status).toBe(401);
    const [anna = ""] = await enroll(server, "anna");
    expect(JSON.parse((await call(server, "GET /users/me", { as: anna })).text)).toMatchObject({ user_id: id });
    await room(server, "team", "anna", `user.${ben.id}`);
    await ben.client.fence();
    // A page that was read before is told with the new name.
    const [chatId] = (await server.store.chatsOf(Number(id) as never)).map((chat) => chat.chatId);
    ben.client.send(chatId, "hello");
    await ben.client.fence();
    const history = async () =>
      JSON.parse((await call(server, "GET /chats/team/messages", { as: anna })).text).messages;
    expect(await history()).toMatchObject([{ sender: `user.${ben.id}` }]);
    expect((await put(server, { accessToken: ben.token, userID: "ben" })).status).toBe(200);
    expect(await history()).toMatchObject([{ sender: "ben", sender_id: ben.id }]);
    expect(JSON.parse((await asBackend(server, "DELETE /links", { accessToken: ben.token })).text)).toMatchObject({
      userID: `user.${ben.id}`,
      credentials: ["password"],
    });
    expect(await history()).toMatchObject([{ sender: `user.${ben.id}` }]);
  });

  test("that made an admin makes none any more, on an open connection either", async () => {
    await using server = await start({ env: { ROOST_ADMINS: "boss" } });
    const { userId } = await server.domain.accounts.add({ nick: "Boss", username: "boss", password });
    const { token } = await server.domain.logIns.remember(userId, undefined);
    await using mqtt = await RawMqtt.connect(server.mqttPort, { username: "boss", password: Buffer.from(password) });
    const granted = async (packetId: number) => await mqtt.subscribe("$SYS/broker/nothing", 0, packetId);
    const before = await granted(1);
    expect((await asBackend(server, "DELETE /links", { accessToken: token })).status).toBe(200);
    expect([before, await granted(2)]).toEqual([0, 128]);
  });

  test("needs both proofs, and is refused where something would be lost", async () => {
    await using server = await start();
    const ann = await person(server, "Ann");
    using _ = ann.client;
    const [ben = ""] = await enroll(server, "ben", "carl");
    await room(server, "team", "ben");
    const { token: long } = JSON.parse(
      (
        await call(server, "POST /tokens", {
          headers: { authorization: `Basic ${btoa(`${ann.id}:${password}`)}` },
          body: {},
        })
      ).text,
    );
    const refusals: [number, string][] = [];
    for (const [as, body] of [
      [ann.token, { accessToken: ann.token, userID: "ann" }],
      [server.backendKey, { accessToken: "ra_guess", userID: "ann" }],
      [server.backendKey, { accessToken: "guess", userID: "ann" }],
      [server.backendKey, { accessToken: long, userID: "ann" }],
      [server.backendKey, { accessToken: ann.token, userID: "ben" }],
      [server.backendKey, { accessToken: ann.token, userID: "user.5" }],
      [server.backendKey, { accessToken: ann.token, password }],
      [server.backendKey, { accessToken: ben, userID: "benny" }],
      [server.backendKey, { accessToken: ben, password: "short" }],
      [server.backendKey, { accessToken: ann.token, userID: "ann", password }],
    ] as const) {
      const { status, text } = await call(server, "PUT /links", { as, body });
      refusals.push([status, JSON.parse(text).error]);
    }
    expect(refusals).toEqual([
      [401, "Bad token"],
      [401, "Bad token"],
      [401, "Bad token"],
      [403, "Out of scope"],
      [409, "Other account in use"],
      [400, "Invalid parameters"],
      [409, "Already linked"],
      [409, "Already linked"],
      [400, "Invalid parameters"],
      [400, "Bad request"],
    ]);
    const taken = async (accessToken: string) => (await asBackend(server, "DELETE /links", { accessToken })).status;
    expect([await taken(ben), await taken(ann.token)]).toEqual([409, 404]);
    // With a password the participant has a way of their own, and keeps what they had.
    expect((await put(server, { accessToken: ben, password })).status).toBe(200);
    using client = await MiniClient.connect(server.http, "json");
    expect(await client.ask({ action: "auth.login", user_id: "ben", password, extensions: true })).toMatchObject({
      action: "auth.login.success",
    });
    expect(await taken(ben)).toBe(200);
    expect((await call(server, "GET /users/me", { as: ben })).status).toBe(401);
    const { chats } = await client
      .ask({ action: "chat.list" })
      .then(async (one) => (one.action === "chat.list.success" ? one : ((await client.fence()).at(-1) ?? one)));
    expect(chats).toHaveLength(1);
  });
});
