/** MiniOICQ § Register, Login, Logout, Heartbeat, with O6 and O19 to O27, through real sockets. */
import { describe, expect, test } from "bun:test";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { encodings, MiniClient, messagesOf, newUser } from "./client.ts";

describe.each([...encodings])("in %s", (encoding) => {
  test("O5 O6 O21 registering gives an id, echoes name and password, draws an avatar, and logs in", async () => {
    await using server = await startTestServer();
    using client = await MiniClient.connect(server.http, encoding);
    const answer = await client.register("Ann Ä 🦆", "pässword");
    expect(answer).toEqual({
      action: "auth.register.success",
      user_id: expect.stringMatching(/^\d+$/),
      user_name: "Ann Ä 🦆",
      password: "pässword",
      avatar: expect.any(String),
    });
    const avatar = Buffer.from(String(answer["avatar"]), "base64");
    expect(avatar.subarray(1, 4).toString()).toBe("PNG");
    expect(avatar.byteLength).toBeLessThanOrEqual(256);
    expect(await client.ask({ action: "user.sync" })).toMatchObject({ users: [{ user_name: "Ann Ä 🦆" }] });
    expect(client.frames.every((frame) => frame === encoding)).toBe(true);
  });

  test("logging in works with the id and password of the registration, and repeats its answer", async () => {
    await using server = await startTestServer();
    using first = await MiniClient.connect(server.http, encoding);
    const registered = await first.register("Ann", "secret");
    using second = await MiniClient.connect(server.http, encoding, { path: "/" });
    const { action, ...described } = await second.login(registered["user_id"], "secret");
    expect(action).toBe("auth.login.success");
    const { action: _, ...before } = registered;
    expect(described).toEqual(before);
  });

  test("two people may have the same name", async () => {
    await using server = await startTestServer();
    using one = (await newUser(server.http, "Ann", encoding)).client;
    expect(await one.register("Ann")).toMatchObject({ action: "auth.register.success", user_name: "Ann" });
  });

  const registrations: [string, Record<string, unknown>, string][] = [
    ["no name", { password: "x" }, "Empty user name or password"],
    ["an empty name", { user_name: "", password: "x" }, "Empty user name or password"],
    ["a blank name", { user_name: "  ", password: "x" }, "Empty user name or password"],
    ["no password", { user_name: "x" }, "Empty user name or password"],
    ["an empty password", { user_name: "x", password: "" }, "Empty user name or password"],
    ["a number for a name", { user_name: 5, password: "x" }, "Invalid user name"],
    ["a list for a password", { user_name: "x", password: ["y"] }, "Invalid password"],
    ["too long a name", { user_name: "x".repeat(129), password: "y" }, "User name too long"],
    ["too long a password", { user_name: "x", password: "ä".repeat(513) }, "Password too long"],
  ];
  test("O24 registering is refused in words, and the connection stays", async () => {
    await using server = await startTestServer();
    using client = await MiniClient.connect(server.http, encoding);
    for (const [what, fields, reason] of registrations) {
      const answer = await client.ask({ action: "auth.register", ...fields });
      expect<unknown>({ what, ...answer }).toEqual({ what, action: "auth.register.fail", reason });
    }
    expect(await client.register("x".repeat(128))).toMatchObject({ action: "auth.register.success" });
  });

  const logins: [string, Record<string, unknown>, string][] = [
    ["a wrong password", { user_id: "10001", password: "wrong" }, "Incorrect password"],
    ["an unknown id", { user_id: "99999", password: "secret" }, "User not found"],
    ["an id that is no number", { user_id: "ann", password: "secret" }, "User not found"],
    ["an id beyond all numbers", { user_id: "9".repeat(40), password: "secret" }, "User not found"],
    ["a fraction for an id", { user_id: 10001.5, password: "secret" }, "User not found"],
    ["no id", { password: "secret" }, "Empty user_id or password"],
    ["an empty id", { user_id: "", password: "secret" }, "Empty user_id or password"],
    ["no password", { user_id: "10001" }, "Empty user_id or password"],
    ["an empty password", { user_id: "10001", password: "" }, "Empty user_id or password"],
    ["a map for an id", { user_id: { a: 1 }, password: "secret" }, "Invalid user_id"],
    ["a number for a password", { user_id: "10001", password: 12 }, "Invalid password"],
    ["an unknown token", { token: "nobody's" }, "Invalid token"],
    ["a number for a token", { token: 7 }, "Invalid token"],
    ["a list for a device", { user_id: "10001", password: "secret", device_id: [] }, "Invalid device_id"],
    ["a huge device", { user_id: "10001", password: "secret", device_id: "d".repeat(129) }, "Invalid device_id"],
  ];
  test("O24 logging in is refused in the document's words, and the connection stays", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding);
    ann.client[Symbol.dispose]();
    expect(ann.id).toBe("10001");
    using client = await MiniClient.connect(server.http, encoding);
    for (const [what, fields, reason] of logins) {
      const answer = await client.ask({ action: "auth.login", ...fields });
      expect<unknown>({ what, ...answer }).toEqual({ what, action: "auth.login.fail", reason });
    }
    expect(await client.login(10001)).toMatchObject({ action: "auth.login.success" });
  });

  test("O19 O25 before login everything else is refused by name, and a heartbeat is answered", async () => {
    await using server = await startTestServer();
    using client = await MiniClient.connect(server.http, encoding);
    const requests = [
      { action: "user.sync" },
      { action: "user.get", user_id: "10001" },
      { action: "chat.create", members: [] },
      { action: "message.get", user_id: "10001" },
    ];
    for (const request of requests) {
      expect(await client.ask(request)).toEqual({ action: `${request.action}.fail`, reason: "Not logged in" });
    }
    client.send("10001", "hello", { client_id: "c" });
    expect(await client.next()).toEqual({ action: "message.send.fail", reason: "Not logged in", client_id: "c" });
    expect(await client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
  });

  test("O27 logging out closes with 1000 and says nothing, logged in or not", async () => {
    await using server = await startTestServer();
    for (const client of [
      await MiniClient.connect(server.http, encoding),
      (await newUser(server.http, "Ann", encoding)).client,
    ]) {
      client.say({ action: "auth.logout" });
      const { code } = await withDeadline("the server to close", client.closed);
      expect([code, client.received]).toEqual([1000, []]);
    }
  });
});

test("registration can be closed", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATION: "off" } });
  using client = await MiniClient.connect(server.http);
  expect(await client.register("Ann")).toEqual({ action: "auth.register.fail", reason: "Registration closed" });
});

test("after many wrong passwords the account answers this address nothing but later, for a while", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock, env: { ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "3" } });
  const { client, id } = await newUser(server.http, "Ann");
  client[Symbol.dispose]();
  using other = await MiniClient.connect(server.http);
  const reasons: unknown[] = [];
  for (const password of ["a", "b", "c", "d", "secret"]) reasons.push((await other.login(id, password))["reason"]);
  const later = "Too many attempts, try again later";
  expect(reasons).toEqual(["Incorrect password", "Incorrect password", "Incorrect password", later, later]);
  clock.advance(1000);
  expect((await other.login(id, "secret")).action).toBe("auth.login.success");
});

test("a password that is set needs eight characters, or as many as the setting says; a shorter one of before logs in", async () => {
  await using before = await startTestServer({ env: { ROOST_PASSWORD_MIN_LENGTH: "6" } });
  const { client: registered, id } = await newUser(before.http, "Ann");
  registered[Symbol.dispose]();
  await using server = await before.restart({ ROOST_PASSWORD_MIN_LENGTH: "8" });
  using client = await MiniClient.connect(server.http);
  const short = { action: "auth.register.fail", reason: "Password too short" };
  expect(await client.register("Bob", "1234567")).toEqual(short);
  expect((await client.login(id)).action).toBe("auth.login.success");
  const change = { action: "password.set", old_password: "secret" };
  expect(await client.ask({ ...change, password: "1234567" })).toMatchObject({ reason: "Password too short" });
  expect((await client.ask({ ...change, password: "12345678" })).action).toBe("password.set.success");
  expect((await client.register("Bob", "12345678")).action).toBe("auth.register.success");
});

test("an access token logs in, whichever door gave it, and is not echoed", async () => {
  await using server = await startTestServer();
  const [pair] = await server.domain.accounts.provision([{ username: "ann", displayName: "Ann" }]);
  if (pair === undefined) throw new Error("no token");
  using client = await MiniClient.connect(server.http);
  expect(await client.ask({ action: "auth.login", token: pair.accessToken })).toEqual({
    action: "auth.login.success",
    user_id: String(pair.user.userId),
    user_name: "Ann",
    avatar: expect.any(String),
  });
  expect(await client.ask({ action: "auth.login", token: pair.refreshToken })).toMatchObject({
    action: "auth.login.fail",
    reason: "Invalid token",
  });
});

test("O21 O23 logging in again on the same socket succeeds, and as somebody else switches", async () => {
  await using server = await startTestServer();
  using ann = (await newUser(server.http, "Ann")).client;
  const bob = await newUser(server.http, "Bob");
  using bobs = bob.client;
  expect(await ann.login("10001")).toMatchObject({ action: "auth.login.success", user_id: "10001" });
  ann.send("10001", "to myself");
  expect((await ann.fence()).map((frame) => frame.action)).toEqual(["chat.spawn", "message.push"]);
  expect(await ann.login(bob.id, "wrong")).toMatchObject({ action: "auth.login.fail" });
  expect(await ann.ask({ action: "message.get", user_id: "10001" })).toMatchObject({ messages: [{ sender: "10001" }] });
  expect(await ann.login(bob.id)).toMatchObject({ action: "auth.login.success", user_id: bob.id });
  // From here on the socket is Bob's: what is for Ann does not come, what is for Bob does.
  bobs.send(bob.id, "for Bob");
  await bobs.fence();
  // The log-in may still be reading what Bob missed, so these two are waited for.
  const [spawn, push] = [await ann.next(), await ann.next()];
  expect([spawn.action, messagesOf(push)[0]?.content]).toEqual(["chat.spawn", "for Bob"]);
  expect(await ann.fence()).toEqual([]);
});

test("O22 a second login elsewhere leaves the first connection alone", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  using first = client;
  using second = await MiniClient.connect(server.http);
  await second.login(id);
  expect([await first.fence(), await second.fence()]).toEqual([[], []]);
});

test("what is pipelined behind a login is done as that user", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  client[Symbol.dispose]();
  using again = await MiniClient.connect(server.http);
  again.say({ action: "user.sync" });
  again.say({ action: "auth.login", user_id: id, password: "secret" });
  again.send(id, "note");
  again.say({ action: "message.get", user_id: id });
  again.say({ action: "auth.logout" });
  await withDeadline("the server to close", again.closed);
  expect(again.received.map((frame) => frame.action)).toEqual([
    "user.sync.fail",
    "auth.login.success",
    "chat.spawn",
    "message.push",
    "message.retrieve",
  ]);
  expect(again.received.at(-1)).toMatchObject({ messages: [{ content: "note" }] });
});

test("when an account may no longer be used its connections are closed", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  const user = await server.domain.store.findUser(Number(id));
  if (user === undefined) throw new Error("no user");
  server.hub.publish({ type: "user.revoked", to: [user.userId] });
  expect(await withDeadline("the close", client.closed)).toEqual({ code: 1008, reason: "User disabled" });
});

test("a user is online from the first login to the last close", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann");
  const second = await MiniClient.connect(server.http);
  await second.login(id);
  expect(server.hub.size()).toEqual({ users: 1, sinks: 2 });
  await client.bye();
  await until("one to be gone", () => server.hub.size().sinks === 1);
  await second.bye();
  await until("both to be gone", () => server.hub.size().sinks === 0);
  expect(server.hub.size()).toEqual({ users: 0, sinks: 0 });
});

test("a client is told when the server stops", async () => {
  const server = await startTestServer();
  using client = (await newUser(server.http, "Ann")).client;
  await server[Symbol.asyncDispose]();
  expect((await withDeadline("the server to close", client.closed)).code).toBe(1001);
});

test("an address that registers too often is told to try later, and may still log in", async () => {
  await using server = await startTestServer({ env: { ROOST_REGISTRATIONS_PER_ADDRESS_HOUR: "1" } });
  using first = await MiniClient.connect(server.http, "json");
  const made = await first.register("Ann", "secret");
  expect(made.action).toBe("auth.register.success");
  const refused = await first.register("Bob", "secret");
  expect(refused).toMatchObject({ action: "auth.register.fail", reason: expect.stringMatching(/later/i) });
  using again = await MiniClient.connect(server.http, "json");
  expect((await again.login(made["user_id"], "secret")).action).toBe("auth.login.success");
});
