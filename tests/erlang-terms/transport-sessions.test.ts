/** Who a client of the Erlang-term services is, by its CONNECT and its session (T7 to T9, T11, T12). */
import { expect, test } from "bun:test";
import mqtt, { type IClientOptions } from "mqtt";
import type { IConnectPacket } from "mqtt-packet";
import { decodeTerm } from "../../src/etf/decode.ts";
import { encodeTerm } from "../../src/etf/encode.ts";
import { atom, binary, type Term, Tuple } from "../../src/etf/term.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import type { TestServer } from "../support/server.ts";
import { layoutsOf, type Said } from "./auth-table/layouts.ts";
import { openTable } from "./auth-table/row.ts";
import { AuthStage, isInvalid, isLoggedInBy, toldBy } from "./auth-table/stage.ts";
import type { Answer } from "./client.ts";

const { stage } = openTable();

const login = { kind: "ok", what: "login" };
const nobody = { kind: "error", what: "session_not_found", token: undefined };

async function returnCode(server: TestServer, fields: Partial<IConnectPacket>): Promise<number | undefined> {
  await using raw = await RawMqtt.open(server.mqttPort);
  raw.send(connectPacket(fields));
  return (await raw.expect("connack")).returnCode;
}

/** The reason code of MQTT 5; 0: connected. */
async function reasonCode(server: TestServer, options: IClientOptions): Promise<unknown> {
  const client = mqtt.connect(`mqtt://${server.mqtt}`, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  const outcome = Promise.withResolvers<unknown>();
  client.on("connect", () => outcome.resolve(0));
  client.on("error", (error) => outcome.resolve("code" in error ? error.code : error));
  const code = await withDeadline("CONNACK", outcome.promise);
  await client.endAsync(true);
  return code;
}

/** Without a user name, with an empty one, and with that of this family. */
const names: readonly Partial<IConnectPacket>[] = [{ username: "" }, { username: "api" }];

test("T7: with a token as the password a client is logged in at once, whichever of the names it has", async () => {
  const person = stage().person();
  const token = await stage().logIn(person);
  for (const name of names) {
    await using client = await stage().connect({ ...name, password: Buffer.from(token) });
    expect([name, await isLoggedInBy(client, person.phone)]).toEqual([name, true]);
    expect(await stage().ask(client, { request: "issue" })).toEqual({ ...login, token });
  }
});

test("T7: without a token, or with an unknown one, a client is not logged in, and AUTH tells it so", async () => {
  const person = stage().person();
  const waiting = await stage().begin(person);
  for (const name of [...names, {}]) {
    for (const password of [undefined, "", "0".repeat(64), "short", waiting.token, "ra_0000000000000000000000000"]) {
      if (password !== undefined && !("username" in name)) continue; // [MQTT-3.1.2-22]
      const fields = { ...name, ...(password === undefined ? {} : { password: Buffer.from(password) }) };
      await using client = await stage().connect(fields);
      expect([name, password, await isLoggedInBy(client, person.phone)]).toEqual([name, password, false]);
      const told = await stage().ask(client, { request: "resend", token: "1".repeat(64) });
      expect([name, password, told]).toEqual([name, password, nobody]);
    }
  }
});

test("T7: any other name is an account's, refused where the password is wrong", async () => {
  const { server } = stage();
  const token = await stage().logIn(stage().person());
  for (const username of ["anna-who-is-not-there", "API", "api ", "anon"]) {
    for (const password of ["", "wrong", token]) {
      expect([username, await returnCode(server, { username, password: Buffer.from(password) })]).toEqual([
        username,
        4,
      ]);
    }
  }
  const [pair] = await server.domain.accounts.provision([{ username: "t7-account" }]);
  const password = Buffer.from(pair?.accessToken ?? "");
  expect(await returnCode(server, { username: "t7-account", password })).toBe(0);
});

test("T7: where anonymous clients may not come in, an empty or unknown token is refused, and a valid one is not", async () => {
  await using closed = await AuthStage.start({ ROOST_MQTT_ANONYMOUS: "off" });
  const { server, bystander } = closed;
  // Accounts may ask AUTH; that is how somebody gets a token here.
  expect(await bystander.subscribe("actions/api/bystander", 2)).toBe(2);
  const waiting = await closed.begin(closed.person(), { client: bystander });
  const token = await closed.logIn(closed.person(), { client: bystander });
  for (const [password, v3, v5] of [
    ["", 4, 0x86],
    ["0".repeat(64), 4, 0x86],
    [waiting.token, 4, 0x86],
    [token, 0, 0],
  ] as const) {
    for (const username of ["api", ""]) {
      const codes = [
        await returnCode(server, { username, password: Buffer.from(password) }),
        await reasonCode(server, { username, password }),
      ];
      expect([username, password, ...codes]).toEqual([username, password, v3, v5]);
    }
  }
});

test("T8: of two connections with one client id and one user the older is closed, and its session goes on", async () => {
  const person = stage().person();
  const password = Buffer.from(await stage().logIn(person));
  const fields = { clientId: "t8-one", clean: false, password };
  const older = await stage().connect(fields);
  await using newer = await RawMqtt.open(stage().server.mqttPort);
  newer.send(connectPacket({ ...fields, username: "api" }));
  const connack = await newer.expect("connack");
  expect([connack.returnCode, connack.sessionPresent]).toEqual([0, true]);
  await older.raw.whenClosed();
});

test("T8: another user, or a client without a log-in, with the same client id has a session of its own and closes no other", async () => {
  const [anna, bob] = [stage().person(), stage().person()];
  const [tokenOfAnna, tokenOfBob] = [await stage().logIn(anna), await stage().logIn(bob)];
  const fields = { clientId: "t8-two", clean: false };
  await using first = await stage().connect({ ...fields, password: Buffer.from(tokenOfAnna) });
  const raw = await RawMqtt.open(stage().server.mqttPort);
  raw.send(connectPacket({ ...fields, username: "api", password: Buffer.from(tokenOfBob) }));
  expect((await raw.expect("connack")).sessionPresent).toBe(false);
  await using stranger = await stage().connect(fields);
  // Each is answered on its own connection alone, though their topics have one name.
  expect(await stage().ask(stranger, { request: "resend", token: "0".repeat(64) })).toEqual(nobody);
  expect(await stage().ask(first, { request: "issue" })).toEqual({ ...login, token: tokenOfAnna });
  expect([await raw.fence(), await stranger.heard(), await first.heard()]).toEqual([[], [], []]);
  expect([first.raw.closed, raw.closed, stranger.raw.closed]).toEqual([false, false, false]);
  await raw.drop();
});

test("T8: a session without a log-in ends with its connection, whatever it asked for", async () => {
  const fields = { clientId: "t8-anonymous", clean: false };
  const first = await stage().connect(fields);
  const topic = "events//api/anon//";
  // What was not acknowledged would be sent again, if there were a session.
  const [layout] = layoutsOf({ request: "resend", token: "0".repeat(64) }, first.clientId);
  const payload = Buffer.from(encodeTerm(layout?.term ?? []));
  first.raw.send({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });
  await first.raw.expect("publish");
  await first.raw.drop();
  await using again = await RawMqtt.open(stage().server.mqttPort);
  again.send(connectPacket({ ...fields, username: "api" }));
  expect((await again.expect("connack")).sessionPresent).toBe(false);
  expect(await again.fence()).toEqual([]);
});

test("T9: one token on two client ids is two connections of the phone, and both hear what is for it", async () => {
  const person = stage().person();
  const password = Buffer.from(await stage().logIn(person));
  await using one = await stage().connect({ clientId: "t9-one", password });
  await using two = await stage().connect({ clientId: "t9-two", password });
  await using friend = await stage().connect();
  await stage().logIn(stage().person(), { client: friend });
  await friend.ask(new Tuple([atom("Friend"), [], [], binary(person.phone), atom("simple")]));
  const topics = [`actions/1/api/phone/${person.phone}`, `ses/${person.phone}`];
  for (const device of [one, two]) {
    expect((await device.heard()).map(({ topic }) => topic).sort()).toEqual(topics);
  }
  expect((await stage().server.domain.phoneSessions.list(person.phone)).length).toBe(1);
});

test("T11: init is answered with its token, logged in or not, and no client hears vnode_max", async () => {
  const person = stage().person();
  const token = await stage().logIn(person);
  for (const password of ["", token]) {
    await using client = await stage().connect({ password: Buffer.from(password) });
    expect(await client.heard()).toEqual([]);
    for (const [version, topic] of [
      [undefined, "events//api/anon//"],
      ["1", "events/1//api/anon//"],
    ] as const) {
      for (const of of [binary(token), binary(""), []] as const) {
        const [answer, ...more] = await client.ask(new Tuple([atom("init"), of]), { topic });
        const own = version === undefined ? "actions/api" : `actions/${version}/api`;
        expect([answer?.topic, answer?.qos, more]).toEqual([`${own}/${client.clientId}`, 2, []]);
        const asked = of instanceof Uint8Array ? of : new Uint8Array(0);
        const io: Term = new Tuple<Term>([atom("io"), new Uint8Array(0), new Tuple([atom("Token"), asked])]);
        expect(decodeTerm(answer?.payload ?? Buffer.of())).toEqual(io);
      }
    }
    expect(isInvalid(await client.askFenced(new Tuple([atom("vnode_max"), 4])), client.clientId)).toBe(true);
  }
});

for (const [name, options] of [
  ["3.1", { protocolId: "MQIsdp", protocolVersion: 3 }],
  ["3.1.1", { protocolVersion: 4 }],
  ["5", { protocolVersion: 5 }],
] as const) {
  test(`T12: a client that speaks MQTT ${name} registers, and logs in with its token`, async () => {
    const person = stage().person();
    const clientId = `t12-${name}`;
    const open = async (password?: string) => {
      const heard: Answer[] = [];
      const url = `mqtt://${stage().server.mqtt}`;
      const client = mqtt.connect(url, {
        ...options,
        clientId,
        username: "api",
        ...(password === undefined ? {} : { password }),
        reconnectPeriod: 0,
      });
      client.on("message", (topic, payload, { qos, retain }) => void heard.push({ topic, payload, qos, retain }));
      await withDeadline("connect", new Promise<void>((resolve) => void client.once("connect", () => resolve())));
      const ask = async (said: Said) => {
        const [layout] = layoutsOf(said, clientId);
        const payload = Buffer.from(encodeTerm(layout?.term ?? []));
        await client.publishAsync("events//api/anon//", payload, { qos: 2 });
        await until("the answer", () => heard.length > 0);
        return toldBy(heard.splice(0), clientId);
      };
      return { client, ask, heard };
    };
    const first = await open();
    const { token } = await first.ask({ request: "issue", ...person });
    const code = stage().codeOf(person.phone);
    expect(await first.ask({ request: "verify", token, code })).toEqual({ ...login, token });
    expect(await first.ask({ request: "verify", token, code })).toEqual({
      kind: "error",
      what: "already_registered",
      token,
    });
    await first.client.endAsync();
    const second = await open(token);
    expect(await second.ask({ request: "issue" })).toEqual({ ...login, token });
    const [granted] = await second.client.subscribeAsync(`ses/${person.phone}`, { qos: 1 });
    expect([granted?.qos, second.heard]).toEqual([1, []]);
    await second.client.endAsync();
  });
}
