/** What names a request, and what stands beside it (A4, A9 to A13, A18). */
import { expect, test } from "bun:test";
import type { WireTerm } from "../../../src/etf/encode.ts";
import { atom, binary, CharList, type Term, Tuple } from "../../../src/etf/term.ts";
import { encodeFull } from "../../etf/encode-full.ts";
import type { RosterClient } from "../client.ts";
import { authTuple } from "./layouts.ts";
import { openTable } from "./row.ts";
import { AuthStage, isInvalid, isLoggedInBy, testNumber, toldBy } from "./stage.ts";

const { stage } = openTable();

/** In the order of the document's examples. */
interface Fields {
  readonly devKey?: string;
  readonly phone?: string;
  readonly token?: string;
  readonly type?: WireTerm;
  readonly code?: WireTerm;
  readonly services?: WireTerm;
}

const field = (text: string | undefined): WireTerm => (text === undefined ? [] : binary(text));

const example = ({ devKey, phone, token, type = [], code = [], services = [] }: Fields): WireTerm =>
  authTuple(field(devKey), [], field(phone), field(token), [], type, code, [], services);

const ask = async (client: RosterClient, fields: Fields) =>
  toldBy(await client.askFenced(example(fields)), client.clientId);

const sent = (token: string | undefined) => ({ kind: "ok", what: "sms_send", token });
const logsIn = (token: string | undefined) => ({ kind: "ok", what: "login", token });
const waits = (token: string | undefined) => ({ kind: "error", what: "not_verified", token });
const nobody = { kind: "error", what: "session_not_found", token: undefined };

test("A4: no last level, an empty one, anon, undefined and _ are no token", async () => {
  for (const [version, start] of [
    [undefined, "events//api/anon/x"],
    ["1", "events/1//api/anon/x"],
  ] as const) {
    for (const last of ["", "/", "/anon", "/undefined", "/_"]) {
      await using client = await stage().connect();
      const topic = `${start}${last}`;
      const told = toldBy(await client.askFenced(example(stage().person()), topic), client.clientId, version);
      expect({ topic, ...told }).toEqual({ topic, ...sent(told.token) });
      expect(told.token).toMatch(/^[0-9a-f]{64}$/);
      // With a token that nobody knows it would be `session_not_found`.
      const { phone } = stage().person();
      const lacking = toldBy(await client.askFenced(example({ phone }), topic), client.clientId, version);
      expect([topic, lacking.what]).toEqual([topic, "mismatch_user_data"]);
    }
    await using client = await stage().connect();
    const { phone } = stage().person();
    const unknown = toldBy(await client.askFenced(example({ phone }), `${start}/none`), client.clientId, version);
    expect(unknown.what).toBe("session_not_found");
  }
});

test("A9: the type names the request: verify, two words to send again, and five that issue", async () => {
  await using client = await stage().connect();
  for (const type of ["resend_sms", "resend"]) {
    const { token } = await stage().begin(stage().person());
    expect([type, await ask(client, { token, type: atom(type) })]).toEqual([type, sent(token)]);
  }
  const unset: readonly WireTerm[] = [[], atom(""), atom("undefined"), atom("nil"), binary("")];
  for (const type of [...unset, atom("reg"), atom("login"), atom("sms_send")]) {
    const person = stage().person();
    const first = await ask(client, { ...person, type });
    expect([type, first]).toEqual([type, sent(first.token)]);
    expect([type, await ask(client, { token: `${first.token}`, type })]).toEqual([type, waits(first.token)]);
  }
  const { token, code } = await stage().begin(stage().person());
  expect(await ask(client, { token, type: atom("verify"), code: binary(code) })).toEqual(logsIn(token));
});

test("A9: any other type is no request of AUTH", async () => {
  const { token, code } = await stage().begin(stage().person());
  await using client = await stage().connect();
  const strange: readonly WireTerm[] = [atom("logout"), atom("voice_call"), atom("__proto__"), atom("Verify"), 7, [7]];
  for (const type of strange) {
    const answers = await client.askFenced(example({ token, type, code: binary(code) }));
    expect([type, isInvalid(answers, client.clientId)]).toEqual([type, true]);
  }
  expect(await ask(client, { token })).toEqual(waits(token));
});

test("A9: a code without a type is a confirmation, where there is a token in the tuple, the topic or the password", async () => {
  const code = async (of: { token: string; code: string }, client: RosterClient, topicToken = "") => {
    const term = example({ ...(topicToken === "" ? { token: of.token } : {}), code: binary(of.code) });
    return toldBy(await client.askFenced(term, `events//api/anon/x/${topicToken}`), client.clientId);
  };
  await using client = await stage().connect();
  const inTuple = await stage().begin(stage().person());
  expect(await code(inTuple, client)).toEqual(logsIn(inTuple.token));
  const inTopic = await stage().begin(stage().person());
  expect(await code(inTopic, client, inTopic.token)).toEqual(logsIn(inTopic.token));
  const inPassword = await stage().begin(stage().person());
  await using known = await stage().connect({ password: Buffer.from(inPassword.token) });
  expect(await ask(known, { code: binary(inPassword.code) })).toEqual(logsIn(inPassword.token));
  // Without one it is an issuing that says nothing of use.
  await using other = await stage().connect();
  const told = await ask(other, { code: binary("123456") });
  expect(told).toEqual({ kind: "error", what: "mismatch_user_data", token: undefined });
});

const characters = (text: string): number[] => [...Buffer.from(text)];
const codeForms: readonly (readonly [what: string, of: (code: string) => Term])[] = [
  ["a binary", binary],
  ["a binary with spaces", (code) => binary(` ${code.slice(0, 3)} ${code.slice(3)} `)],
  ["a string (107)", (code) => new CharList(Buffer.from(code))],
  ["a list of characters (108)", characters],
  ["an integer", Number],
];

test.each(codeForms)("A10: a code may come as %s, and without its type too", async (_what, form) => {
  for (const type of [[atom("verify")], []] as const) {
    // A code that begins with zeros, which an integer does not have.
    for (const phone of [stage().person().phone, testNumber.phone]) {
      await using client = await stage().connect();
      const { devKey } = stage().person();
      const { token } = await ask(client, { devKey, phone });
      const fields: Term[] = [[], [], [], binary(`${token}`), [], type[0] ?? [], form(stage().codeOf(phone)), [], []];
      const bytes = Buffer.from(encodeFull(new Tuple([atom("Auth"), ...fields])));
      expect([phone, toldBy(await client.askFenced(bytes), client.clientId)]).toEqual([phone, logsIn(token)]);
    }
  }
});

test("A10: an integer is one code, not several", async () => {
  await using client = await stage().connect();
  const { token } = await ask(client, { devKey: "counting", phone: testNumber.phone });
  const invalid = { kind: "error", what: "invalid_sms_code", token };
  for (const code of [-1203, 120_300, 0]) {
    expect(await ask(client, { token: `${token}`, type: atom("verify"), code })).toEqual(invalid);
  }
});

test("A11: an answer goes to the topic of its request's generation, with the version it came with", async () => {
  await using client = await stage().connect({ clientId: "me" });
  const topics: [request: string, version: string | undefined][] = [
    ["events//api/anon/me/", undefined],
    ["events/4/api/anon/me/", undefined],
    ["events//api", undefined],
    ["events//api/api/api/", undefined],
    ["events/1//api/anon/me/", "1"],
    ["events/1/7/api//", "1"],
    ["events/1//api//", "1"],
    ["events/1//api", "1"],
    ["events/2//api/anon/me/", "2"],
    ["events/1.2-beta_3//api/anon/me/", "1.2-beta_3"],
  ];
  for (const [topic, version] of topics) {
    for (const qos of [0, 1, 2] as const) {
      const answers = await client.ask(example({ token: "0".repeat(64) }), { topic, qos });
      expect({ topic, qos, ...toldBy(answers, "me", version) }).toEqual({ topic, qos, ...nobody });
    }
  }
});

test("A12: what cannot be read, or is no request, is told so on the own topic, and the connection stays", async () => {
  await using client = await stage().connect();
  const garbage: (WireTerm | Buffer)[] = [
    Buffer.from("hello"),
    Buffer.alloc(0),
    Buffer.from([131]),
    Buffer.from([131, 104]),
    Buffer.from([131, 104, 255, 100, 0, 4]),
    Buffer.concat([Buffer.from([131]), Buffer.alloc(10_000, 104)]),
    authTuple(),
    authTuple([], []),
    authTuple(binary("x".repeat(1025)), [], [], [], [], [], [], [], []),
    atom("Auth"),
    new Tuple([]),
    new Tuple([binary("Auth"), [], [], [], [], [], [], [], [], []]),
    new Tuple([atom("auth"), [], [], [], [], [], [], [], [], []]),
    new Tuple([atom("Unknown"), 1]),
    new Tuple([atom("init")]),
    7,
    [],
  ];
  for (const [at, request] of garbage.entries()) {
    expect([at, isInvalid(await client.askFenced(request), client.clientId)]).toEqual([at, true]);
    const versioned = await client.askFenced(request, "events/1//api/anon//");
    expect([at, isInvalid(versioned, client.clientId, "1")]).toEqual([at, true]);
  }
  const person = stage().person();
  expect((await ask(client, { ...person })).what).toBe("sms_send");
});

test("A13: whatever the topic says of the client, the connection is answered", async () => {
  await using client = await stage().connect();
  const levels = ["", ":client", "bystander", stage().bystander.clientId, client.clientId, "undefined"];
  for (const level of levels) {
    for (const [version, start] of [
      [undefined, "events//api/anon"],
      ["1", "events/1//api/anon"],
    ] as const) {
      const { devKey, phone } = stage().person();
      const topic = `${start}/${level}/`;
      const told = toldBy(await client.askFenced(example({ devKey, phone }), topic), client.clientId, version);
      expect([topic, told.what]).toEqual([topic, "sms_send"]);
    }
  }
  expect(await stage().bystander.heard()).toEqual([]);
});

test("A18: the first language of the services selects the message's words, and what is unknown is ignored", async () => {
  await using client = await stage().connect();
  const english = "Your code:";
  const table: [services: WireTerm, words: string][] = [
    [[], english],
    [[atom("en")], english],
    [[atom("ua")], "Ваш код:"],
    [[atom("ua"), atom("jwt"), atom("de")], "Ваш код:"],
    [[atom("de")], "Ihr Code:"],
    [[atom("jwt"), atom("de")], "Ihr Code:"],
    [[7, binary("x"), atom("fr")], "Votre code :"],
    [[atom("__proto__")], english],
    [[atom("xx"), new Tuple([atom("Service"), []])], english],
    [atom("ua"), english],
    [binary("ua"), english],
  ];
  for (const [services, words] of table) {
    const person = stage().person();
    const { token } = await ask(client, { ...person, services });
    const { to, text } = stage().sent.at(-1) ?? { to: "", text: "" };
    expect([services, to, text.startsWith(words)]).toEqual([services, person.phone, true]);
    // It is kept for what is sent later, unless that names another.
    expect((await ask(client, { token: `${token}`, type: atom("resend_sms") })).kind).toBe("ok");
    expect([services, stage().sent.at(-1)?.text.startsWith(words)]).toEqual([services, true]);
    const spanish = { token: `${token}`, type: atom("resend_sms"), services: [atom("es")] };
    expect((await ask(client, spanish)).kind).toBe("ok");
    expect([services, stage().sent.at(-1)?.text.startsWith("Su código:")]).toEqual([services, true]);
  }
});

test("where clients may bring no tokens, they get one", async () => {
  await using strict = await AuthStage.start({ ROOST_AUTH_CLIENT_TOKENS: "false" });
  await using client = await strict.connect();
  const person = strict.person();
  const own = "a-token-that-the-client-made-up";
  const { token } = await strict.ask(client, { request: "issue", ...person, token: own });
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(await strict.ask(client, { request: "resend", token: own })).toEqual(nobody);
  const code = strict.codeOf(person.phone);
  expect(await strict.ask(client, { request: "verify", token, code })).toEqual(logsIn(token));
  expect(await isLoggedInBy(client, person.phone)).toBe(true);
});
