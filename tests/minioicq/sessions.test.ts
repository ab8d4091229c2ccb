/**
 * docs/protocols/minioicq.md § session.list: a new password, tokens in place of it, and the end of log-ins at every
 * door.
 */
import { describe, expect, test } from "bun:test";
import mqtt from "mqtt";
import { call } from "../rest/client.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";
import { participant, person } from "./stage.ts";

interface Session {
  readonly session_id: string;
  readonly kind: string;
  readonly door: string;
  readonly name?: string;
  readonly address?: string;
  readonly created?: string;
  readonly last_seen?: string;
  readonly expires?: string;
  readonly online: boolean;
  readonly own: boolean;
  readonly by?: string;
}

async function sessionsOf(client: MiniClient): Promise<Session[]> {
  return (await client.ask({ action: "session.list" }))["sessions"] as Session[];
}

const ended = { code: 1008, reason: "Session ended" };
const setPassword = (old_password: unknown, password: unknown, more: object = {}) => ({
  action: "password.set",
  old_password,
  password,
  ...more,
});

describe.each([...encodings])("in %s", (encoding) => {
  const connect = (http: string) => MiniClient.connect(http, encoding);

  test("a new password takes the old one's place, and other log-ins stay unless their end is asked for", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    using other = await connect(server.http);
    await other.login(ann.id);
    expect(await ann.client.ask(setPassword("secret", "n€w"))).toEqual({ action: "password.set.success" });
    expect(await other.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
    using again = await connect(server.http);
    expect(await again.login(ann.id, "secret")).toMatchObject({ reason: "Incorrect password" });
    const remembered = await again.login(ann.id, "n€w", { remember: true });
    expect(remembered.action).toBe("auth.login.success");
    const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, { username: ann.id, password: "n€w" });
    const gone = withDeadline("the phone's end", new Promise<void>((resolve) => phone.on("close", () => resolve())));
    phone.options.reconnectPeriod = 0;

    expect(await ann.client.ask(setPassword("n€w", "newer", { end_sessions: true }))).toEqual({
      action: "password.set.success",
    });
    expect(await withDeadline("one end", other.closed)).toEqual(ended);
    expect(await withDeadline("the other end", again.closed)).toEqual(ended);
    await gone;
    await phone.endAsync(true);
    expect(await ann.client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
    using late = await connect(server.http);
    expect(await late.ask({ action: "auth.login", token: remembered["token"] })).toMatchObject({
      reason: "Invalid token",
    });
    expect((await late.login(ann.id, "newer")).action).toBe("auth.login.success");
  });

  const refusals: [string, unknown, unknown, object, string][] = [
    ["a wrong old one", "wrong", "new", {}, "Incorrect password"],
    ["no old one", undefined, "new", {}, "Incorrect password"],
    ["an empty old one", "", "new", {}, "Incorrect password"],
    ["a number for the old one", 5, "new", {}, "Invalid password"],
    ["no new one", "secret", undefined, {}, "Empty password"],
    ["an empty new one", "secret", "", {}, "Empty password"],
    ["a list for the new one", "secret", ["new"], {}, "Invalid password"],
    ["too long a new one", "secret", "ä".repeat(513), {}, "Password too long"],
    ["a word for the end of others", "secret", "new", { end_sessions: "yes" }, "Invalid end_sessions"],
  ];
  test("a new password is refused in words, and the old one stays", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    for (const [what, old, password, more, reason] of refusals) {
      const answer = await ann.client.ask(setPassword(old, password, more));
      expect<unknown>({ what, ...answer }).toEqual({ what, action: "password.set.fail", reason });
    }
    using again = await connect(server.http);
    expect((await again.login(ann.id)).action).toBe("auth.login.success");
    using stranger = await connect(server.http);
    for (const request of [
      setPassword("secret", "new"),
      { action: "session.list" },
      { action: "session.end", session_id: "c1" },
    ]) {
      const answer = await stranger.ask(request);
      expect(answer).toEqual({ action: `${request.action}.fail`, reason: "Not logged in" });
    }
  });

  test("wrong old passwords are counted as log-ins are", async () => {
    await using server = await startTestServer({ clock: createManualClock() });
    const ann = await person(server.http, "Ann", encoding);
    for (let tries = 0; tries < 10; tries += 1) await ann.client.ask(setPassword(`wrong ${tries}`, "new"));
    expect(await ann.client.ask(setPassword("secret", "new"))).toMatchObject({
      reason: expect.stringMatching(/later/),
    });
    using again = await connect(server.http);
    expect(await again.login(ann.id)).toMatchObject({ reason: expect.stringMatching(/later/) });
  });

  test("a client that wants to be remembered gets a token, good at every door until it is ended", async () => {
    await using server = await startTestServer();
    using first = await connect(server.http);
    const registered = await first.ask({
      action: "auth.register",
      user_name: "Ann",
      password: "secret",
      remember: true,
      client_name: "Desk",
    });
    const { token, user_id: id, token_expires: expires } = registered; // The matchers below are written over them.
    expect(registered).toMatchObject({
      token: expect.stringMatching(/^ra_/),
      token_expires: expect.stringMatching(/Z$/),
    });
    using second = await connect(server.http);
    const loggedIn = await second.ask({ action: "auth.login", token, client_name: "Desk again" });
    expect(loggedIn).toEqual({
      action: "auth.login.success",
      user_id: id,
      user_name: "Ann",
      avatar: registered["avatar"],
    });
    expect((await call(server, "GET /messages?format=simple", { as: String(token) })).status).toBe(200);
    const phone = await mqtt.connectAsync(`mqtt://${server.mqtt}`, {
      username: "",
      password: String(token),
      clientId: "phone",
    });
    phone.options.reconnectPeriod = 0;
    const list = await sessionsOf(second);
    const tokenId = `t${new Bun.CryptoHasher("sha256").update(String(token)).digest("hex").slice(0, 16)}`;
    expect(list).toEqual([
      {
        session_id: expect.stringMatching(/^c\d+$/),
        kind: "connection",
        door: "minioicq",
        name: "Desk",
        address: "127.0.0.1",
        online: true,
        own: false,
        by: tokenId,
      },
      {
        session_id: expect.stringMatching(/^c\d+$/),
        kind: "connection",
        door: "minioicq",
        name: "Desk again",
        address: "127.0.0.1",
        online: true,
        own: true,
        by: tokenId,
      },
      {
        session_id: expect.stringMatching(/^c\d+$/),
        kind: "connection",
        door: "mqtt",
        name: "phone",
        address: "127.0.0.1",
        online: true,
        own: false,
        by: tokenId,
      },
      {
        session_id: tokenId,
        kind: "token",
        door: "minioicq",
        name: "Desk",
        created: expect.any(String),
        last_seen: expect.any(String),
        expires: String(expires),
        online: true,
        own: true,
      },
    ]);
    const waiting = call(server, "GET /messages?format=simple&wait=30", { as: String(token) });
    await until("the request to wait", () => server.hub.size().sinks === 4);
    const gone = withDeadline("the phone's end", new Promise<void>((resolve) => phone.on("close", () => resolve())));
    // One's own log-in may be ended too; the connection says so by closing.
    second.say({ action: "session.end", session_id: tokenId });
    expect(await withDeadline("one's own end", second.closed)).toEqual({ code: 1000, reason: "Session ended" });
    expect(await withDeadline("the other's end", first.closed)).toEqual(ended);
    await gone;
    expect((await withDeadline("the request's end", waiting)).status).toBe(401);
    await phone.endAsync(true);
    using late = await connect(server.http);
    expect(await late.ask({ action: "auth.login", token })).toMatchObject({ reason: "Invalid token" });
    expect((await call(server, "GET /messages?format=simple", { as: String(token) })).status).toBe(401);
    await expect(
      mqtt.connectAsync(`mqtt://${server.mqtt}`, { username: String(id), password: String(token) }, false),
    ).rejects.toMatchObject({ code: 4 });
  });

  test("one connection is ended without the log-in of any other", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    using other = await connect(server.http);
    await other.login(ann.id, "secret", { device_id: "laptop" });
    const list = await sessionsOf(ann.client);
    expect(list.map(({ kind, name, own }) => ({ kind, name, own }))).toEqual([
      { kind: "connection", name: undefined, own: true },
      { kind: "connection", name: "laptop", own: false },
    ]);
    const session_id = list[1]?.session_id;
    expect(await ann.client.ask({ action: "session.end", session_id })).toEqual({
      action: "session.end.success",
      session_id,
    });
    expect(await withDeadline("its end", other.closed)).toEqual(ended);
    expect(await ann.client.ask({ action: "heartbeat" })).toEqual({ action: "heartbeat.ack" });
    expect(await sessionsOf(ann.client)).toHaveLength(1);
  });

  test("only one's own log-ins are listed and ended", async () => {
    await using server = await startTestServer();
    const ann = await person(server.http, "Ann", encoding);
    const bob = await person(server.http, "Bob", encoding);
    const tokenId = await remembered(server.http, bob.id);
    const others = await sessionsOf(bob.client);
    for (const session_id of [
      ...others.map((one) => one.session_id),
      tokenId,
      "c999",
      "p1",
      "t",
      "",
      "x".repeat(65),
      5,
      undefined,
    ]) {
      const answer = await ann.client.ask({ action: "session.end", session_id });
      expect<unknown>({ session_id, ...answer }).toEqual({
        session_id,
        action: "session.end.fail",
        reason: "Session not found",
      });
    }
    expect(await sessionsOf(bob.client)).toEqual(others);
    expect(await sessionsOf(ann.client)).toHaveLength(1);
  });

  /** The id of a token that somebody's other client was given, who is gone. */
  async function remembered(http: string, id: string): Promise<string> {
    using client = await connect(http);
    const { token } = await client.login(id, "secret", { remember: true });
    await client.bye();
    return `t${new Bun.CryptoHasher("sha256").update(String(token)).digest("hex").slice(0, 16)}`;
  }

  test("what a client says of itself is bounded", async () => {
    await using server = await startTestServer();
    using client = await connect(server.http);
    const about: [object, string][] = [
      [{ remember: "yes" }, "Invalid remember"],
      [{ remember: 1 }, "Invalid remember"],
      [{ client_name: 5 }, "Invalid client_name"],
      [{ client_name: "x".repeat(129) }, "Invalid client_name"],
    ];
    for (const [fields, reason] of about) {
      const answers: Action[] = [
        await client.ask({ action: "auth.register", user_name: "Ann", password: "secret", ...fields }),
        await client.ask({ action: "auth.login", user_id: "10001", password: "secret", ...fields }),
      ];
      expect(answers).toEqual([
        { action: "auth.register.fail", reason },
        { action: "auth.login.fail", reason },
      ]);
    }
  });
});

test("a token lives 90 days from its last use", async () => {
  const clock = createManualClock();
  await using server = await startTestServer({ clock });
  const day = 86_400_000;
  const { client, id } = await newUser(server.http, "Ann", "json");
  const { token } = await client.login(id, "secret", { remember: true });
  const logIn = async () => {
    using one = await MiniClient.connect(server.http, "json");
    const answer = await one.ask({ action: "auth.login", token });
    await one.bye();
    return answer.action;
  };
  clock.advance(50 * day);
  expect(await logIn()).toBe("auth.login.success");
  await server.store.touchUsers([]); // Behind the change that moved its end.
  clock.advance(60 * day);
  expect(await logIn()).toBe("auth.login.success");
  await server.store.touchUsers([]);
  clock.advance(91 * day);
  expect(await logIn()).toBe("auth.login.fail");
});

test("of the tokens of one user the oldest go", async () => {
  await using server = await startTestServer();
  const { client, id } = await newUser(server.http, "Ann", "json");
  const tokens: string[] = [];
  for (let given = 0; given < 51; given += 1) {
    tokens.push((await server.domain.logIns.remember(Number(id) as never, `n${given}`)).token);
  }
  expect(await client.ask({ action: "auth.login", token: tokens[0] })).toMatchObject({ reason: "Invalid token" });
  expect(await client.ask({ action: "auth.login", token: tokens[1] })).toMatchObject({ action: "auth.login.success" });
  const list = await sessionsOf(client);
  expect(list.filter(({ kind }) => kind === "token")).toHaveLength(50);
});

test("a backend's tokens are log-ins too, and are ended with what was given out with them", async () => {
  await using server = await startTestServer();
  const ann = await participant(server, "ann");
  const list = await sessionsOf(ann.client);
  const mine = list.find(({ kind }) => kind === "token");
  expect(mine).toMatchObject({ door: "rest", own: true, online: true });
  ann.client.say({ action: "session.end", session_id: mine?.session_id });
  expect(await withDeadline("its end", ann.client.closed)).toEqual({ code: 1000, reason: "Session ended" });
  expect((await call(server, "GET /messages?format=simple", { as: ann.token })).status).toBe(401);
  // Without a password there is none to know the old one of.
  const again = await participant(server, "ann");
  expect(await again.client.ask(setPassword("x", "new"))).toMatchObject({ reason: "Incorrect password" });
});

test("what a backend was given for one of a user's clients ends together, and the others' stays", async () => {
  await using server = await startTestServer();
  const give = async (clientID?: string) => {
    const body = { userID: "ann", ...(clientID === undefined ? {} : { clientID }) };
    return JSON.parse((await call(server, "POST /token", { as: server.backendKey, body })).text)[
      "accessToken"
    ] as string;
  };
  const [desk, deskAgain, phone, plain] = [await give("desk"), await give("desk"), await give("phone"), await give()];
  using client = await MiniClient.connect(server.http, "json");
  await client.ask({ action: "auth.login", token: plain });
  const named = async () => (await sessionsOf(client)).flatMap(({ kind, name }) => (kind === "token" ? [name] : []));
  expect((await named()).sort()).toEqual(["desk", "desk", "phone", undefined]);
  const one = (await sessionsOf(client)).find(({ name }) => name === "desk");
  await client.ask({ action: "session.end", session_id: one?.session_id });
  expect((await named()).sort()).toEqual(["phone", undefined]);
  const status = async (as: string) => (await call(server, "GET /messages?format=simple", { as })).status;
  expect([await status(desk), await status(deskAgain), await status(phone), await status(plain)]).toEqual([
    401, 401, 200, 200,
  ]);
});
