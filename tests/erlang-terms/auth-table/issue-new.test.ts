/**
 * AUTH § Auth Issuing without a token that is known (docs/protocols/resolutions.md § AUTH step by step, issue 6 to 8):
 * whether a code is sent.
 */
import { expect, test } from "bun:test";
import { decodeTerm } from "../../../src/etf/decode.ts";
import { atom, Tuple } from "../../../src/etf/term.ts";
import { withDeadline } from "../../support/deadline.ts";
import { layoutsOf } from "./layouts.ts";
import { openTable, type Scene } from "./row.ts";
import { AuthStage, isLoggedInBy, type Person, testNumber } from "./stage.ts";

const { row, stage } = openTable();

const cooldownMs = 60_000;
const codeLifetimeMs = 600_000;
const own = ({ devKey, phone }: Person): Person => ({ devKey, phone });
let tokens = 0;

/** The scene's device, with another phone. */
const withOtherPhone = ({ stage, devKey }: Scene): Person => ({ devKey, phone: stage.person().phone });

for (const [what, state] of [
  ["a confirmed session", ({ stage }: Scene, other: Person) => stage.logIn(other)],
  ["a session whose code may still come", ({ stage }: Scene, other: Person) => stage.begin(other)],
] as const) {
  for (const [token, tokenOf] of [
    ["without a token", () => undefined],
    ["with an unknown token", () => `a-token-of-the-client-${++tokens}`],
  ] as const) {
    row({
      name: `A6, A7, A14: issue 6: a device key of ${what} of another phone, ${token}, is in use`,
      request: "issue",
      given: async (scene) => {
        await state(scene, withOtherPhone(scene));
        return { asks: { ...own(scene), token: tokenOf() } };
      },
      answer: "error miltiple_devices",
      token: "none",
    });
  }
}

row({
  name: "issue 6: a device key of another phone's session whose code is too old is free",
  request: "issue",
  given: async (scene) => {
    await scene.stage.begin(withOtherPhone(scene));
    scene.stage.clock.advance(codeLifetimeMs);
    return { asks: own(scene) };
  },
  answer: "ok sms_send",
  token: "new",
  sms: 1,
});

row({
  name: "issue 7: within the cool-down a new session shares the code that was sent",
  request: "issue",
  given: async (scene) => {
    const first = await scene.stage.begin(own(scene));
    scene.stage.clock.advance(cooldownMs - 1);
    return { first, asks: own(scene) };
  },
  answer: "error not_verified",
  token: "new",
  async afterwards({ stage, client, phone, token }, { first }) {
    expect(token).not.toBe(first.token);
    // The earlier token is still good, but one code is good for one of them.
    const login = await stage.ask(client, { request: "verify", token: first.token, code: first.code });
    expect(login).toEqual({ kind: "ok", what: "login", token: first.token });
    expect([await stage.isValid(first.token, phone), await stage.isValid(token, phone)]).toEqual([true, false]);
    const late = await stage.ask(client, { request: "verify", token, code: first.code });
    expect(late).toEqual({ kind: "error", what: "invalid_sms_code", token });
  },
});

row({
  name: "issue 7: the session that shares the code logs in with it",
  request: "issue",
  given: async (scene) => ({ first: await scene.stage.begin(own(scene)), asks: own(scene) }),
  answer: "error not_verified",
  token: "new",
  async afterwards({ stage, client, phone, token }, { first }) {
    const login = await stage.ask(client, { request: "verify", token, code: first.code });
    expect(login).toEqual({ kind: "ok", what: "login", token });
    expect([await stage.isValid(first.token, phone), await stage.isValid(token, phone)]).toEqual([false, true]);
  },
});

row({
  name: "issue 8: behind the cool-down another code is sent, and the one before stays good for its session",
  request: "issue",
  given: async (scene) => {
    const first = await scene.stage.begin(own(scene));
    scene.stage.clock.advance(cooldownMs);
    return { first, asks: own(scene) };
  },
  answer: "ok sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, token }, { first }) {
    const login = await stage.ask(client, { request: "verify", token: first.token, code: first.code });
    expect(login).toEqual({ kind: "ok", what: "login", token: first.token });
    const waiting = await stage.ask(client, { request: "issue", token });
    expect(waiting).toEqual({ kind: "error", what: "not_verified", token });
  },
});

row({
  name: "A8: issue 8: an unknown device and an unknown phone get a code and a token of the server's",
  request: "issue",
  given: (scene) => ({ asks: own(scene) }),
  answer: "ok sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, phone, token }) {
    const code = stage.codeOf(phone);
    expect(await stage.isValid(token, phone)).toBe(false);
    const login = await stage.ask(client, { request: "verify", token, code });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "issue 8: a phone is the same however it is written",
  request: "issue",
  given: ({ devKey, phone }) => ({
    asks: { devKey, phone: `+${phone.slice(0, 3)} ${phone.slice(3, 5)}-${phone.slice(5)}` },
  }),
  answer: "ok sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, phone, token }) {
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
    expect(await isLoggedInBy(client, phone)).toBe(true);
  },
});

row({
  name: "A19: issue 8: a client that is confirmed already gets a code, and its session stays until the new one is confirmed",
  request: "issue",
  given: async (scene) => {
    const connection = await scene.stage.connect();
    const replaced = await scene.stage.logIn(own(scene), { client: connection });
    return { connection, replaced, asks: own(scene) };
  },
  answer: "ok sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, phone, token }, { connection, replaced }) {
    expect([await stage.isValid(replaced, phone), await isLoggedInBy(connection, phone)]).toEqual([true, true]);
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
    expect([await stage.isValid(replaced, phone), await stage.isValid(token, phone)]).toEqual([false, true]);
    expect(await isLoggedInBy(connection, phone)).toBe(false);
    await connection[Symbol.asyncDispose]();
  },
});

row({
  name: "issue 8: a gateway that fails is told, and sending again works with the same token",
  request: "issue",
  given: (scene) => {
    scene.stage.gateway.status = 500;
    return { asks: own(scene) };
  },
  answer: "error sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, phone, token }) {
    stage.gateway.status = 200;
    expect(await stage.ask(client, { request: "resend", token })).toEqual({ kind: "ok", what: "sms_send", token });
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "issue 8: a code that could not be sent is not shared: the next issuing sends one",
  request: "issue",
  given: async (scene) => {
    const { stage, client } = scene;
    stage.gateway.status = 500;
    const failed = await stage.ask(client, { request: "issue", ...own(scene) });
    expect([failed.kind, failed.what]).toEqual(["error", "sms_send"]);
    stage.gateway.status = 200;
    return { asks: own(scene) };
  },
  answer: "ok sms_send",
  token: "new",
  sms: 1,
});

row({
  name: "issue 8: beyond a spend limit nothing is sent, and the session is kept",
  request: "issue",
  given: ({ devKey }) => ({ asks: { devKey, phone: `3809002${String(100_000 + ++tokens)}` } }), // Premium rate.
  answer: "error sms_send",
  token: "new",
  async afterwards({ stage, client, token }) {
    const waiting = await stage.ask(client, { request: "issue", token });
    expect(waiting).toEqual({ kind: "error", what: "not_verified", token });
  },
});

test("issue 8: a test number's code is fixed, and nothing is sent", async () => {
  await using client = await stage().connect();
  const sent = stage().sent.length;
  const told = await stage().ask(client, { request: "issue", devKey: "a-reviewer", phone: testNumber.phone });
  expect([told.kind, told.what, stage().sent.length]).toEqual(["ok", "sms_send", sent]);
  const { token } = told;
  const login = await stage().ask(client, { request: "verify", token, code: testNumber.code });
  expect(login).toEqual({ kind: "ok", what: "login", token });
});

test("issue 8: where registration is closed, a phone without a profile gets no code", async () => {
  await using closed = await AuthStage.start({ ROOST_REGISTRATION: "off" });
  await using client = await closed.connect();
  const [layout] = layoutsOf({ request: "issue", ...closed.person() }, client.clientId);
  const answers = await client.askFenced(layout?.term ?? []);
  const refused = new Tuple([atom("io"), new Tuple([atom("error"), atom("not_authorized")]), new Uint8Array(0)]);
  expect(answers.map(({ payload }) => decodeTerm(payload))).toEqual([refused]);
  expect(closed.sent).toEqual([]);
});

test("issue 8: of the same request at once, on many connections, one sends", async () => {
  const person = stage().person();
  const clients = await Promise.all(Array.from({ length: 8 }, () => stage().connect()));
  const sent = stage().sent.length;
  const told = await withDeadline(
    "all answers",
    Promise.all(clients.map((client) => stage().ask(client, { request: "issue", ...person }))),
  );
  expect(told.map(({ kind, what }) => `${kind} ${what}`).sort()).toEqual([
    ...new Array(7).fill("error not_verified"),
    "ok sms_send",
  ]);
  expect(new Set(told.map(({ token }) => token)).size).toBe(8);
  expect(stage().sent.length).toBe(sent + 1);
  for (const client of clients) await client[Symbol.asyncDispose]();
});
