/** AUTH by the book: every request in every state, asked and answered over real sockets. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";
import { decodeTerm } from "../../src/etf/decode.ts";
import type { WireTerm } from "../../src/etf/encode.ts";
import { Atom, atom, binary, Tuple } from "../../src/etf/term.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Answer, RosterClient } from "./client.ts";

const code = "903182";
const phones = ["15550001001", "15550001002", "15550001003"] as const;
const [phone] = phones;

const start = (env: Record<string, string> = {}): Promise<TestServer> =>
  startTestServer({ env: { ROOST_SMS_TEST_NUMBERS: phones.map((one) => `${one}=${code}`).join(","), ...env } });

type Field = WireTerm | undefined;

/** The nine fields of the document's examples. */
interface Fields {
  readonly devKey?: string;
  readonly phone?: string;
  readonly token?: string;
  readonly type?: string;
  readonly code?: WireTerm;
}

const field = (value: string | undefined): WireTerm => (value === undefined ? [] : binary(value));
const record = (...fields: readonly Field[]): WireTerm => new Tuple([atom("Auth"), ...fields.map((one) => one ?? [])]);

const auth = ({ devKey, phone, token, type, code }: Fields): WireTerm =>
  record(field(devKey), [], field(phone), field(token), [], type === undefined ? [] : atom(type), code ?? [], [], []);

const issue = (devKey: string, number: string, token?: string): WireTerm =>
  auth({ devKey, phone: number, ...(token === undefined ? {} : { token }) });
const verify = (token: string, sms: WireTerm = binary(code)): WireTerm => auth({ token, type: "verify", code: sms });
const resend = (token: string): WireTerm => auth({ token, type: "resend_sms" });

/** `{io,{Kind,What,Token},<<>>}` in words; `[]` for a token that is not told. */
function said(answers: readonly Answer[]): { kind: string; what: string; token: string } {
  expect(answers).toHaveLength(1);
  const [answer] = answers as [Answer];
  expect([answer.qos, answer.retain]).toEqual([2, false]);
  const term = decodeTerm(answer.payload);
  if (!(term instanceof Tuple)) throw new Error("no tuple");
  const [io, result, data] = term.items;
  expect([io, data]).toEqual([atom("io"), new Uint8Array(0)]);
  if (!(result instanceof Tuple)) throw new Error("no result");
  const [kind, what, token] = result.items;
  expect(result.items).toHaveLength(3);
  return {
    kind: kind instanceof Atom ? kind.name : "?",
    what: what instanceof Atom ? what.name : "?",
    token: token instanceof Uint8Array ? String(Buffer.from(token)) : "[]",
  };
}

const brief = (answers: readonly Answer[]): string => {
  const { kind, what } = said(answers);
  return `${kind} ${what}`;
};

/** A token whose session is not verified. */
async function begin(client: RosterClient, devKey = "dev-1", number: string = phone): Promise<string> {
  const { kind, what, token } = said(await client.ask(issue(devKey, number)));
  expect([kind, what]).toEqual(["ok", "sms_send"]);
  return token;
}

async function logIn(client: RosterClient, devKey = "dev-1", number: string = phone): Promise<string> {
  const token = await begin(client, devKey, number);
  expect(said(await client.ask(verify(token)))).toEqual({ kind: "ok", what: "login", token });
  return token;
}

test("a phone registers, and its token logs it in from then on", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "emqttd_1");
  const answers = await client.ask(issue("dev-1", phone));
  expect(answers[0]?.topic).toBe("actions/api/emqttd_1");
  const { token } = said(answers);
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(said(await client.ask(verify(token)))).toEqual({ kind: "ok", what: "login", token });
  // As the password of the next connection, it is a user who comes in.
  await using again = await RawMqtt.connect(server.mqttPort, { username: "api", password: Buffer.from(token) });
  expect(await again.subscribe("chat/+/messages", 1)).toBe(1);
  await using wrong = await RawMqtt.connect(server.mqttPort, { username: "api", password: Buffer.from(`${token}0`) });
  expect(await wrong.subscribe("chat/+/messages", 1)).toBe(0x80);
});

test("issuing, by what is known of token, device and phone", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const pending = await begin(client);
  expect(said(await client.ask(issue("dev-1", phone, pending)))).toEqual({
    kind: "error",
    what: "not_verified",
    token: pending,
  });
  expect(said(await client.ask(auth({ token: pending })))).toEqual({
    kind: "error",
    what: "not_verified",
    token: pending,
  });
  expect(said(await client.ask(issue("dev-2", phone, pending)))).toEqual({
    kind: "error",
    what: "mismatch_user_data",
    token: "[]",
  });
  expect(said(await client.ask(issue("dev-1", phones[1], pending)))).toMatchObject({
    what: "mismatch_user_data",
    token: "[]",
  });
  expect(brief(await client.ask(verify(pending)))).toBe("ok login");
  expect(said(await client.ask(issue("dev-1", phone, pending)))).toEqual({ kind: "ok", what: "login", token: pending });
  await using other = await RosterClient.connect(server, "d");
  expect(said(await other.ask(issue("dev-1", phones[1])))).toEqual({
    kind: "error",
    what: "miltiple_devices",
    token: "[]",
  });
  expect(said(await other.ask(auth({ token: "0".repeat(64) })))).toEqual({
    kind: "error",
    what: "session_not_found",
    token: "[]",
  });
  expect(said(await other.ask(auth({ devKey: "dev-9" })))).toMatchObject({ kind: "error", what: "mismatch_user_data" });
  expect(said(await other.ask(issue("dev-9", "not a phone")))).toMatchObject({
    kind: "error",
    what: "mismatch_user_data",
  });
  // A client may bring a token of its own.
  const own = "a-token-that-the-client-made-up";
  expect(said(await other.ask(issue("dev-2", phones[1], own)))).toEqual({ kind: "ok", what: "sms_send", token: own });
  expect(said(await other.ask(verify(own)))).toEqual({ kind: "ok", what: "login", token: own });
  const short = said(await other.ask(issue("dev-3", phones[2], "too-short")));
  expect(short).toMatchObject({ kind: "ok", what: "sms_send" });
  expect(short.token).not.toBe("too-short");
  // Without its token nobody is logged in, whatever device he says to have.
  await using third = await RosterClient.connect(server, "e");
  expect(brief(await third.ask(issue("dev-1", phone)))).toMatch(/^(?:ok sms_send|error not_verified)$/);
});

test("verifying, by what is known of token and code", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const token = await begin(client);
  expect(said(await client.ask(verify("0".repeat(64))))).toEqual({
    kind: "error",
    what: "session_not_found",
    token: "[]",
  });
  for (let attempt = 0; attempt < 5; attempt++) {
    expect(said(await client.ask(verify(token, binary("000000"))))).toEqual({
      kind: "error",
      what: "invalid_sms_code",
      token,
    });
  }
  expect(said(await client.ask(verify(token)))).toEqual({ kind: "error", what: "attempts_expired", token });
  expect(said(await client.ask(resend(token)))).toEqual({ kind: "ok", what: "sms_send", token });
  // As a binary, characters or a number.
  expect(said(await client.ask(verify(token, Number(code))))).toEqual({ kind: "ok", what: "login", token });
  expect(said(await client.ask(verify(token)))).toEqual({ kind: "error", what: "already_registered", token });
  // A code behind a token can only be a confirmation.
  await using other = await RosterClient.connect(server, "d");
  const second = await begin(other, "dev-2", phones[1]);
  const characters = [...code].map((character) => character.charCodeAt(0));
  expect(said(await other.ask(auth({ token: second, code: characters })))).toEqual({
    kind: "ok",
    what: "login",
    token: second,
  });
});

test("sending a code again, by what is known of the token", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  expect(said(await client.ask(resend("0".repeat(64))))).toEqual({
    kind: "error",
    what: "session_not_found",
    token: "[]",
  });
  const token = await begin(client);
  expect(said(await client.ask(resend(token)))).toEqual({ kind: "ok", what: "sms_send", token });
  expect(brief(await client.ask(verify(token)))).toBe("ok login");
  expect(said(await client.ask(resend(token)))).toEqual({ kind: "error", what: "sms_send", token });
});

test("a gateway that fails is told, and the code can be asked for again", async () => {
  const asked: string[] = [];
  using gateway = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(new URL(request.url).searchParams.get("to") ?? "");
      return new Response("no", { status: 500 });
    },
  });
  await using server = await startTestServer({
    env: { ROOST_SMS_ADAPTER: "http", ROOST_SMS_HTTP_URL: `http://127.0.0.1:${gateway.port}/send?to={to}&text={text}` },
  });
  await using client = await RosterClient.connect(server, "c");
  const { kind, what, token } = said(await client.ask(issue("dev-1", "380441234567")));
  expect([kind, what]).toEqual(["error", "sms_send"]);
  expect(said(await client.ask(resend(token)))).toEqual({ kind: "error", what: "sms_send", token });
  expect(asked).toEqual(["380441234567", "380441234567"]);
});

test("where nobody may register, a phone without a profile is told so", async () => {
  await using server = await start({ ROOST_REGISTRATION: "off" });
  await using client = await RosterClient.connect(server, "c");
  const answers = await client.ask(issue("dev-1", phone));
  expect(answers.map(({ payload }) => decodeTerm(payload))).toEqual([
    new Tuple([atom("io"), new Tuple([atom("error"), atom("not_authorized")]), new Uint8Array(0)]),
  ]);
});

test("a will that only announces a client's version is heard by nobody", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const password = Buffer.from(await logIn(client));
  const [anna] = await server.domain.accounts.provision([{ username: "anna" }]);
  await using watcher = await RawMqtt.connect(server.mqttPort, {
    username: "anna",
    password: Buffer.from(anna?.accessToken ?? ""),
  });
  await watcher.subscribe("#", 1);
  const will = (topic: string) => ({ topic, payload: Buffer.from("8"), qos: 1 as const, retain: false });
  for (const topic of ["version/8", "other/8"]) {
    const raw = await RawMqtt.connect(server.mqttPort, { username: "api", password, will: will(topic) });
    await raw.drop();
  }
  expect((await watcher.expect("publish")).topic).toBe("other/8");
  expect(await watcher.fence()).toEqual([]);
});

test("codes go to the device that sends them, and to nobody else who listens", async () => {
  await using server = await startTestServer({ env: { ROOST_SMS_ADAPTER: "device" } });
  const { devices, accounts } = server.domain;
  const modem = await devices.add({ name: "modem", subscribe: ["sms/send"] });
  const lamp = await devices.add({ name: "lamp" });
  const [anna] = await accounts.provision([{ username: "anna" }]);
  const listen = async (username: string, password = "") => {
    const raw = await RawMqtt.connect(server.mqttPort, { username, password: Buffer.from(password) });
    await raw.subscribe("#", 1);
    await raw.subscribe("sms/send", 1);
    return raw;
  };
  await using client = await RosterClient.connect(server, "c");
  const { what, token } = said(await client.ask(issue("dev-1", "380441234567")));
  expect(what).toBe("sms_send");
  expect(brief(await client.ask(resend(token)))).toBe("error sms_send"); // nobody is there to send it
  await using lampClient = await listen("lamp", lamp.password);
  await using annaClient = await listen("anna", anna?.accessToken);
  expect(brief(await client.ask(resend(token)))).toBe("error sms_send");
  await using modemClient = await RawMqtt.connect(server.mqttPort, {
    username: "modem",
    password: Buffer.from(modem.password ?? ""),
  });
  expect(await modemClient.subscribe("sms/send", 1)).toBe(1);
  expect(brief(await client.ask(resend(token)))).toBe("ok sms_send");
  const { to, text } = JSON.parse(String((await modemClient.expect("publish")).payload));
  expect(to).toBe("380441234567");
  const [sent = ""] = /\d{6}/.exec(text) ?? [];
  expect(brief(await client.ask(verify(token, binary(sent))))).toBe("ok login");
  expect([await lampClient.fence(), await annaClient.fence()]).toEqual([[], []]);
});

test("tuples of every generation are read, and answered in the one form", async () => {
  const numbers = [0, 1, 2, 3, 4].map((at) => `1555000200${at}=${code}`).join(",");
  await using server = await start({ ROOST_SMS_TEST_NUMBERS: numbers });
  const a = atom("undefined");
  const shapes: [what: string, of: (devKey: string, number: string) => WireTerm][] = [
    ["the document's example", (devKey, number) => issue(devKey, number)],
    ["the document's record", (devKey, number) => record([], binary(devKey), [], binary(number), [], [], [], [], [])],
    ["twelve", (devKey, number) => record([], binary(devKey), a, binary(number), [], atom("reg"), [], 0, [], 1, 2)],
    [
      "fourteen",
      (devKey, number) =>
        record(binary("emqttd_7"), binary(devKey), [], binary(number), [], atom("reg"), [], [], [], [], [], 1, 2),
    ],
    [
      "fifteen",
      (devKey, number) =>
        record(
          binary("reg_7"),
          binary(devKey),
          [],
          binary(`+${number}`),
          [],
          atom("reg"),
          [],
          [],
          [atom("ua")],
          [],
          [],
          [],
          1,
          2,
        ),
    ],
  ];
  for (const [at, [what, of]] of shapes.entries()) {
    const number = `1555000200${at}`;
    await using client = await RosterClient.connect(server, `c${at}`);
    const answers = await client.ask(of(`dev-${at}`, number));
    expect([what, brief(answers)]).toEqual([what, "ok sms_send"]);
  }
});

test("the same in MessagePack and in JSON is answered in kind", async () => {
  await using server = await start();
  const fields = ["Auth", "dev-1", null, phone, null, null, null, null, null, null];
  await using packed = await RosterClient.connect(server, "c");
  const [first] = await packed.ask(Buffer.from(encode(fields)));
  expect(first?.payload[0]).toBe(0x93);
  await using text = await RosterClient.connect(server, "d");
  const json = [...fields];
  json[1] = "dev-2";
  json[3] = phones[1];
  const [second] = await text.ask(Buffer.from(` ${JSON.stringify(json)}`));
  const [io, [kind, what, token], data] = JSON.parse(String(second?.payload));
  expect([io, kind, what, data]).toEqual(["io", "ok", "sms_send", ""]);
  const [third] = await text.ask(Buffer.from(JSON.stringify(["Auth", "", "", "", token, "", "verify", code, "", []])));
  expect(JSON.parse(String(third?.payload))).toEqual(["io", ["ok", "login", token], ""]);
});

test("answers go where the request came from, once, whatever its topic says of the client", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "me");
  await using neighbour = await RosterClient.connect(server, "someone");
  const topics: [request: string, answer: string][] = [
    ["events//api/anon/someone/", "actions/api/me"],
    ["events/4/api/anon/:client/anon", "actions/api/me"],
    ["events//api/anon", "actions/api/me"],
    ["/events//api/anon/me/undefined//", "actions/api/me"],
    ["events/1//api/anon/someone/_", "actions/1/api/me"],
    ["events/1/7/api//", "actions/1/api/me"],
  ];
  for (const [topic, answer] of topics) {
    for (const qos of [0, 1, 2] as const) {
      const answers = await client.ask(auth({ token: "0".repeat(64) }), { topic, qos });
      expect([topic, qos, answers.map((one) => one.topic)]).toEqual([topic, qos, [answer]]);
    }
  }
  expect(await neighbour.heard()).toEqual([]);
  // Nothing else on these topics is for clients to say.
  for (const topic of ["events/x", "events", "actions/api/someone", "actions/1/api/someone", "ses/15550001001"]) {
    expect([topic, await client.ask(auth({ token: "x" }), { topic })]).toEqual([topic, []]);
  }
  expect(await neighbour.heard()).toEqual([]);
});

test("a token in the tuple counts before that of the topic, and that before the password", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const token = await begin(client);
  const inTopic = { topic: `events//api/anon/c/${token}` };
  expect(said(await client.ask(auth({ type: "resend_sms" }), inTopic))).toEqual({
    kind: "ok",
    what: "sms_send",
    token,
  });
  expect(said(await client.ask(resend("0".repeat(64)), inTopic))).toMatchObject({ what: "session_not_found" });
  await using second = await RosterClient.connect(server, "d", { password: Buffer.from(token) });
  expect(said(await second.ask(auth({ type: "verify", code: binary(code) })))).toEqual({
    kind: "ok",
    what: "login",
    token,
  });
});

test("what is no request of ours is told so, and init is answered", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const garbage: (WireTerm | Buffer)[] = [
    Buffer.from("hello"),
    Buffer.alloc(0),
    Buffer.from([131, 104]),
    record([], []),
    auth({ type: "nonsense" }),
    atom("Auth"),
    new Tuple([atom("Unknown"), 1]),
    7,
  ];
  for (const request of garbage) {
    const answers = await client.ask(request);
    expect(answers.map(({ payload }) => decodeTerm(payload))).toEqual([
      new Tuple([atom("io"), new Tuple([atom("error"), atom("invalid_data")]), new Uint8Array(0)]),
    ]);
  }
  const [answer] = await client.ask(new Tuple([atom("init"), binary("t")]));
  expect(decodeTerm(answer?.payload ?? Buffer.alloc(0))).toEqual(
    new Tuple([atom("io"), new Uint8Array(0), new Tuple([atom("Token"), binary("t")])]),
  );
});

test("one's own answers may be subscribed to, at another QoS, and given up; nobody else's may", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const { raw } = client;
  const ask = async () => (await client.ask(auth({ token: "0".repeat(64) }))).map(({ qos, topic }) => [topic, qos]);
  expect(await ask()).toEqual([["actions/api/c", 2]]);
  for (const qos of [0, 1, 2] as const) {
    expect(await raw.subscribe("actions/api/c", qos)).toBe(qos);
    expect(await ask()).toEqual([["actions/api/c", qos]]);
  }
  for (const filter of [
    "actions/api/d",
    "actions/api/+",
    "actions/#",
    "actions/1/api/phone/15550001001",
    "ses/15550001001",
    "ses/+",
    "events/#",
  ]) {
    expect([filter, await raw.subscribe(filter)]).toEqual([filter, 0x80]);
  }
  expect(await raw.subscribe("actions/+/api/c", 1)).toBe(1);
  raw.send({ cmd: "unsubscribe", messageId: 9, unsubscriptions: ["actions/api/c"] });
  await raw.expect("unsuback");
  expect(await ask()).toEqual([]);
  const versioned = await client.ask(auth({ token: "0".repeat(64) }), { topic: "events/1//api/anon//" });
  expect(versioned.map(({ qos, topic }) => [topic, qos])).toEqual([["actions/1/api/c", 1]]);
});

test("an account hears its answers where it subscribed to them, and only there", async () => {
  await using server = await start();
  const [pair] = await server.domain.accounts.provision([{ username: "anna" }]);
  const fields = { username: "anna", password: Buffer.from(pair?.accessToken ?? "") };
  await using anna = await RosterClient.connect(server, "c", fields);
  expect(await anna.ask(auth({ token: "0".repeat(64) }))).toEqual([]);
  expect(await anna.raw.subscribe("actions/api/c", 1)).toBe(1);
  expect(await anna.ask(auth({ token: "0".repeat(64) }))).toMatchObject([{ topic: "actions/api/c", qos: 1 }]);
});

test("a client id made of wildcards hears its own answers and nobody else's", async () => {
  await using server = await start();
  await using neighbour = await RosterClient.connect(server, "victim");
  for (const clientId of ["+", "#", "+/+", "victim/#", "/"]) {
    await using wild = await RosterClient.connect(server, clientId);
    const answers = await wild.ask(auth({ token: "0".repeat(64) }), { topic: "events//api/anon//" });
    expect([clientId, answers.length]).toEqual([clientId, 1]);
    expect([clientId, /[+#]/.test(answers[0]?.topic ?? "+")]).toEqual([clientId, false]);
    await neighbour.ask(auth({ token: "0".repeat(64) }));
    expect([clientId, await wild.heard()]).toEqual([clientId, []]);
  }
  expect(await neighbour.heard()).toEqual([]);
});

test("where nobody may come in without credentials, a token still does", async () => {
  await using server = await start({ ROOST_MQTT_ANONYMOUS: "off" });
  const { phoneSessions } = server.domain;
  const asked = { address: "127.0.0.1", language: undefined };
  const { token } = await phoneSessions.issue({ ...asked, devKey: "d", phone, token: undefined, clientId: "c" });
  const password = Buffer.from(token ?? "");
  const refused = async () => {
    await using raw = await RawMqtt.open(server.mqttPort);
    raw.send(connectPacket({ username: "api", password }));
    return (await raw.expect("connack")).returnCode;
  };
  expect(await refused()).toBe(4);
  expect((await phoneSessions.verify({ ...asked, token, code })).result).toBe("login");
  await using client = await RosterClient.connect(server, "c", { password });
  expect(said(await client.ask(auth({ token: token ?? "" })))).toMatchObject({ kind: "ok", what: "login" });
});

test("neither codes nor tokens are in the database", async () => {
  await using server = await start();
  await using client = await RosterClient.connect(server, "c");
  const token = await logIn(client);
  await using other = await RosterClient.connect(server, "d");
  const pending = await begin(other, "dev-2", phones[1]);
  const db = new Database(join(server.dataDir, "roost.db"), { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").values() as [string][];
  const all = JSON.stringify(tables.map(([table]) => db.prepare(`SELECT * FROM "${table}"`).values()));
  db.close();
  for (const secret of [token, pending, code]) expect(all.includes(secret)).toBe(false);
});
