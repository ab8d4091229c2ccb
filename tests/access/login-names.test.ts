/** Log-in names, through real sockets: where they log in, whom they never mean, and what becomes of a name that is taken. */
import { expect, test } from "bun:test";
import { MiniClient } from "../minioicq/client.ts";
import { asBackend, call, enroll, inboxOf, room, say } from "../rest/client.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { recordLog } from "../support/recorded-log.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const password = "correct horse battery";

/** Registers, and gives the id and the client. */
async function registered(server: TestServer, login_name: string | undefined, name = "Ann") {
  const client = await MiniClient.connect(server.http, "json");
  const fields = { user_name: name, password, login_name, extensions: true };
  const answer = await client.ask({ action: "auth.register", ...fields });
  if (answer.action !== "auth.register.success") throw new Error(JSON.stringify(answer));
  return { client, id: String(answer["user_id"]) };
}

/** The code of the CONNACK. */
async function mqttCode(server: TestServer, username: string, shown = password): Promise<number> {
  await using client = await RawMqtt.open(server.mqttPort);
  client.send(connectPacket({ clientId: "c1", username, password: Buffer.from(shown) }));
  return (await client.expect("connack")).returnCode ?? -1;
}

async function miniAnswer(server: TestServer, name: string, shown = password, extra: object = {}) {
  using client = await MiniClient.connect(server.http, "json");
  return await client.login(name, shown, { ...extra });
}

const said = async (server: TestServer, name: string, shown = password): Promise<unknown> => {
  const answer = await miniAnswer(server, name, shown);
  return answer["user_id"] ?? answer["reason"];
};

test("a log-in name, a username, a number and a phone log in at both doors that take a password", async () => {
  await using server = await startTestServer();
  const { client, id } = await registered(server, "anna");
  using _ = client;
  await server.domain.accounts.add({ nick: "Boss", username: "o.boss@example.org", password });
  for (const name of ["anna", id, `user.${id}`]) {
    expect([name, await said(server, name), await mqttCode(server, name)]).toEqual([name, id, 0]);
  }
  const boss = await said(server, "o.boss@example.org");
  expect([boss, await mqttCode(server, "o.boss@example.org")]).toEqual([String(Number(id) + 1), 0]);
  expect(await miniAnswer(server, "anna")).toMatchObject({ login_name: "anna", user_name: "Ann" });
  // No other name is near enough.
  for (const name of ["Anna", " anna", "anna ", "ann", "Ann", "o.boss"]) {
    expect([name, await said(server, name), await mqttCode(server, name)]).toEqual([name, "User not found", 4]);
  }
});

test("an access token logs in over MQTT under the log-in name of its user, and of no other", async () => {
  await using server = await startTestServer();
  const { client } = await registered(server, "anna");
  using _ = client;
  const answer = await miniAnswer(server, "anna", password, { remember: true });
  const token = String(answer["token"]);
  expect([await mqttCode(server, "anna", token), await mqttCode(server, "carl", token)]).toEqual([0, 4]);
  await enroll(server, "anna");
  expect(await mqttCode(server, "anna", token)).toBe(4);
});

test("a name and a wrong password, and no such name, are answered alike", async () => {
  await using server = await startTestServer();
  const { client, id } = await registered(server, "anna");
  using _ = client;
  await server.domain.accounts.add({ nick: "Boss", username: "boss", password });
  await server.domain.devices.add({ name: "lamp" });
  const names = ["anna", "boss", `user.${id}`, "lamp", "nobody", "user.99999", "+35799000001"];
  const answers = await Promise.all(
    names.map(async (name) => {
      const { user_id: _, ...answer } = await miniAnswer(server, name, "wrong password");
      return [answer, await mqttCode(server, name, "wrong password")];
    }),
  );
  expect(answers).toEqual(names.map(() => [{ action: "auth.login.fail", reason: "User not found" }, 4]));
  // Ids are counted up; of these the document says which it was.
  expect([await said(server, id, "wrong"), await said(server, "99999", "wrong")]).toEqual([
    "Incorrect password",
    "User not found",
  ]);
});

test("wrong passwords count for the account, under whichever of its names and at whichever door", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock, env: { ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "4" } });
  const { client, id } = await registered(server, "anna");
  await client.bye();
  const later = "Too many attempts, try again later";
  expect(await said(server, "anna", "a")).toBe("User not found");
  expect(await said(server, id, "b")).toBe("Incorrect password");
  expect(await mqttCode(server, "anna", "c")).toBe(4);
  expect(await mqttCode(server, `user.${id}`, "d")).toBe(4);
  expect([await said(server, id), await said(server, "anna"), await mqttCode(server, "anna")]).toEqual([
    later,
    later,
    3,
  ]);
  // Another name is not slowed by that, and a name of no account is counted as an account is.
  for (const shown of ["a", "b", "c", "d"]) expect(await said(server, "nobody", shown)).toBe("User not found");
  expect(await said(server, "nobody", "e")).toBe(later);
  clock.advance(1000);
  expect(await said(server, "anna")).toBe(id);
});

test("a log-in name is set with the password, replaced, and removed; the old one logs in no more", async () => {
  await using server = await startTestServer();
  const { client, id } = await registered(server, undefined);
  using _ = client;
  expect(await said(server, "anna")).toBe("User not found");
  const set = (login_name: unknown, shown = password) =>
    client.ask({ action: "login_name.set", login_name, password: shown });
  expect(await set("anna")).toEqual({ action: "login_name.set.success", login_name: "anna" });
  expect(await said(server, "anna")).toBe(id);
  expect(await set("carla", "wrong password")).toEqual({ action: "login_name.set.fail", reason: "Incorrect password" });
  expect(await set("carla")).toMatchObject({ login_name: "carla" });
  expect([await said(server, "anna"), await said(server, "carla")]).toEqual(["User not found", id]);
  expect(await set(null)).toEqual({ action: "login_name.set.success" });
  expect(await said(server, "carla")).toBe("User not found");
});

test("names of users, devices, admins and other accounts are not to be had, and neither are reserved ones", async () => {
  await using server = await startTestServer({ env: { ROOST_ADMINS: "root,user.10001" } });
  const { client } = await registered(server, "anna");
  const { client: other } = await registered(server, undefined, "Eve");
  using _ = client;
  using eve = other;
  await enroll(server, "billing");
  await server.domain.accounts.add({ nick: "Boss", username: "boss", password });
  await server.domain.devices.add({ name: "lamp" });
  const table = [
    ...["anna", "billing", "boss", "lamp", "root"].map((name) => [name, "Login name taken"] as const),
    ...["api", "user.10001", "user.99999", "chat.10005", "direct.1.2"].map((name) => [name, "Reserved name"] as const),
    ...["ab", "Anna", "an na", "ann@home", "10001", "_10001"].map((name) => [name, "Invalid login_name"] as const),
  ];
  for (const [login_name, reason] of table) {
    const refused = [
      await eve.ask({ action: "login_name.set", login_name, password }),
      await eve.ask({ action: "auth.register", user_name: "Eve", login_name, password }),
    ];
    expect(refused).toEqual([
      { action: "login_name.set.fail", reason },
      { action: "auth.register.fail", reason },
    ]);
  }
});

test("who looks for names that are taken is told to come later", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATIONS_PER_ADDRESS_HOUR: "8" } });
  const { client } = await registered(server, "anna");
  const { client: other } = await registered(server, undefined, "Eve");
  using _ = client;
  using eve = other;
  const later = "Too many attempts, try again later";
  const set = async () => (await eve.ask({ action: "login_name.set", login_name: "anna", password }))["reason"];
  const told: unknown[] = [];
  for (let time = 0; time < 22; time += 1) told.push(await set());
  expect([told.slice(0, 20), told.slice(20)]).toEqual([Array(20).fill("Login name taken"), [later, later]]);
  const register = { action: "auth.register", user_name: "Eve", login_name: "anna", password };
  const registering: unknown[] = [];
  for (let time = 0; time < 8; time += 1) registering.push((await eve.ask(register))["reason"]);
  expect([registering.slice(0, 6), registering.slice(6)]).toEqual([Array(6).fill("Login name taken"), [later, later]]);
});

test("a stranger who chose the name of a backend's participant receives nothing that the backend sends to it", async () => {
  const { log, of, until } = recordLog();
  await using server = await startTestServer({ log });
  const { client, id } = await registered(server, "billing", "Mallory");
  using mallory = client;
  // Before the backend has such a participant the name means nothing at its door.
  const unknown = await asBackend(server, "POST /messages", { chatID: "team", content: "x", sender: "billing" });
  expect(unknown.status).toBe(404);
  const [token = "", anna = ""] = await enroll(server, "billing", "anna");
  const [guid] = await room(server, "team", "billing", "anna");
  await say(server, anna, "team", "the invoices");
  await asBackend(server, "POST /messages", { chatID: "team", content: "paid", sender: "billing" });
  expect((await inboxOf(server, token)).messages.map(({ content }) => content)).toEqual(["the invoices"]);
  const me = JSON.parse((await call(server, "GET /users/me", { as: token })).text);
  expect([me.userID, me.GUID, me.user_id === id]).toEqual(["billing", guid, false]);
  // Mallory is told of the name, and of nothing else.
  expect(await mallory.fence()).toEqual([{ action: "login_name.taken", login_name: "billing" }]);
  expect(await mallory.ask({ action: "chat.list" })).toMatchObject({ action: "chat.list.success", chats: [] });
  expect(await mallory.ask({ action: "message.get", user_id: id })).toMatchObject({ messages: [] });
  await until(line);
  expect(of(line)).toEqual([{ name: "billing", user: `Mallory (user.${id})`, userId: Number(id) }]);
});

const line = "a log-in name means another account from now on; its user logs in by number";

test("a name that a backend or the operator takes means the username; its account is told and logs in by number", async () => {
  await using server = await startTestServer();
  const { domain } = server;
  const owners = [];
  for (const name of ["by-backend", "by-chat", "by-operator", "by-device"]) {
    owners.push({ name, ...(await registered(server, name)) });
  }
  await enroll(server, "by-backend");
  await room(server, "team", "by-chat");
  await domain.accounts.add({ nick: "x", username: "by-operator", password: "of the operator's user" });
  await domain.devices.add({ name: "by-device", password: "of the device" });
  for (const { name, id, client } of owners) {
    expect(await client.fence()).toEqual([{ action: "login_name.taken", login_name: name }]);
    expect([name, await said(server, name), await mqttCode(server, name)]).toEqual([name, "User not found", 4]);
    const { user_id, login_name, login_name_taken } = await miniAnswer(server, id);
    expect([user_id, login_name, login_name_taken]).toEqual([id, undefined, name]);
    expect(await mqttCode(server, id)).toBe(0);
    // Another one is to be had, and that one is not.
    const set = (login_name: string) => client.ask({ action: "login_name.set", login_name, password });
    expect(await set(name)).toMatchObject({ reason: "Login name taken" });
    expect(await set(`${name}-2`)).toMatchObject({ action: "login_name.set.success" });
    expect(await miniAnswer(server, `${name}-2`)).toMatchObject({ user_id: id, login_name: `${name}-2` });
    client[Symbol.dispose]();
  }
  expect(await mqttCode(server, "by-operator", "of the operator's user")).toBe(0);
  expect(await mqttCode(server, "by-device", "of the device")).toBe(0);
});

test("with rest.open_tokens a stranger gets no userID that is another's log-in name", async () => {
  await using server = await startTestServer({ env: { ROOST_REST_OPEN_TOKENS: "true" } });
  const { client, id } = await registered(server, "anna");
  using _ = client;
  const asked = async (as?: string) => (await call(server, "POST /token", { as, body: { userID: "anna" } })).status;
  expect([await asked(), await said(server, "anna")]).toEqual([401, id]);
  expect([await asked(server.backendKey), await said(server, "anna")]).toEqual([201, "User not found"]);
});

test("a log-in name means its user again when the username or the device is gone, also after a restart", async () => {
  await using first = await startTestServer();
  const { client, id } = await registered(first, "lamp");
  await client.bye();
  await first.domain.devices.add({ name: "lamp" });
  await using server = await first.restart();
  expect(await said(server, "lamp")).toBe("User not found");
  await server.domain.devices.revoke("lamp");
  expect(await said(server, "lamp")).toBe(id);
});

test("admins are users whom the operator made, or trusts; whoever else has such a name is none", async () => {
  const { log, lines } = recordLog();
  await using server = await startTestServer({
    log,
    env: { ROOST_ADMINS: "ann,root,billing,user.10003", ROOST_LIMITS_LOGIN_SECONDS: "60" },
  });
  await server.domain.accounts.add({ nick: "Ann", username: "ann", password }); // 10001
  const [billing = ""] = await enroll(server, "billing"); // 10002
  const { client, id } = await registered(server, undefined, "Eve");
  using _ = client;
  expect(id).toBe("10003");
  const reads = async (username: string, shown = password): Promise<boolean> => {
    await using mqtt = await RawMqtt.connect(server.mqttPort, { username, password: Buffer.from(shown) });
    mqtt.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "$SYS/broker/uptime", qos: 0 }] });
    return ((await mqtt.expect("suback")).granted?.[0] ?? 0x80) !== 0x80;
  };
  expect([await reads("ann"), await reads("billing", billing), await reads(id)]).toEqual([true, false, false]);
  await server.domain.topics.trust(Number(id) as never);
  expect(await reads(id)).toBe(true);
  await using again = await server.restart();
  expect(again.http).toBeString();
  const problems = lines.filter(({ message }) => message.startsWith("admins: ")).map(({ message }) => message);
  const none = (name: string) => `admins: there is no user ${name}; roost user add ${name} makes one`;
  expect(problems.slice(0, 4)).toEqual(["ann", "root", "billing", "user.10003"].map(none));
  expect(problems.slice(4)).toEqual([
    none("root"),
    "admins: the user billing was not made by the operator and is no admin; roost user trust billing makes one",
  ]);
});
