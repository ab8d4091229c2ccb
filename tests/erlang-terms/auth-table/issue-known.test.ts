/**
 * AUTH § Auth Issuing with a token (docs/protocols/resolutions.md § AUTH step by step, issue 1 to 5): what is known of
 * the token decides.
 */
import { expect, test } from "bun:test";
import { openTable, type Scene } from "./row.ts";
import { AuthStage, isLoggedInBy } from "./stage.ts";

const { row, stage } = openTable();

let tokens = 0;
/** Nobody has it. */
const unknownToken = (): string => `a-token-of-the-client-${++tokens}`;
const tooLong = "k".repeat(513);

/** A session of the scene's person that waits for its code. */
const pending = async ({ stage, devKey, phone }: Scene) => stage.begin({ devKey, phone });
const confirmed = async ({ stage, devKey, phone }: Scene) => stage.logIn({ devKey, phone });

row({
  name: "issue 1: an unknown token with device and phone is a new session under that very token",
  request: "issue",
  given: ({ devKey, phone }) => ({ asks: { devKey, phone, token: unknownToken() } }),
  answer: "ok sms_send",
  token: "shown",
  sms: 1,
  async afterwards({ stage, client, phone, token }) {
    expect(await stage.isValid(token, phone)).toBe(false);
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
    expect(await stage.isValid(token, phone)).toBe(true);
  },
});

row({
  name: "issue 1: an unknown token of sixteen bytes is long enough to be kept",
  request: "issue",
  given: ({ devKey, phone }) => ({ asks: { devKey, phone, token: String(++tokens).padStart(16, "t") } }),
  answer: "ok sms_send",
  token: "shown",
  sms: 1,
});

row({
  name: "issue 1: an unknown token of fifteen bytes is replaced by one of the server's",
  request: "issue",
  given: ({ devKey, phone }) => ({ asks: { devKey, phone, token: String(++tokens).padStart(15, "t") } }),
  answer: "ok sms_send",
  token: "new",
  sms: 1,
  async afterwards({ stage, client, phone, token }, { asks }) {
    const none = { kind: "error", what: "session_not_found", token: undefined };
    expect(await stage.ask(client, { request: "resend", token: asks.token })).toEqual(none);
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

for (const [what, asks] of [
  ["without a device", ({ phone }: Scene) => ({ phone })],
  ["without a phone", ({ devKey }: Scene) => ({ devKey })],
  ["alone", () => ({})],
] as const) {
  row({
    name: `A6: issue 1: an unknown token ${what} is no session`,
    request: "issue",
    given: (scene) => ({ asks: { ...asks(scene), token: unknownToken() } }),
    answer: "error session_not_found",
    token: "none",
    async afterwards({ stage, client }, { asks: { token } }) {
      const again = await stage.ask(client, { request: "resend", token });
      expect(again).toEqual({ kind: "error", what: "session_not_found", token: undefined });
    },
  });
}

row({
  name: "issue 1: an unknown token with what is no phone is made no session",
  request: "issue",
  given: ({ devKey }) => ({ asks: { devKey, phone: "not a phone", token: unknownToken() } }),
  answer: "error mismatch_user_data",
  token: "none",
});

for (const [what, state] of [
  ["confirmed", confirmed],
  ["waiting", async (scene: Scene) => (await pending(scene)).token],
] as const) {
  for (const [other, asks] of [
    ["another device", ({ phone }: Scene) => ({ devKey: "another-device", phone })],
    ["another device alone", () => ({ devKey: "another-device" })],
    ["another phone", ({ devKey, stage }: Scene) => ({ devKey, phone: stage.person().phone })],
    ["another phone alone", ({ stage }: Scene) => ({ phone: stage.person().phone })],
    ["a device key that is too long", ({ phone }: Scene) => ({ devKey: tooLong, phone })],
    ["what is no phone", ({ devKey }: Scene) => ({ devKey, phone: "12" })],
  ] as const) {
    row({
      name: `A6, A14: issue 2: the token of a ${what} session with ${other} is a mismatch`,
      request: "issue",
      given: async (scene) => ({ asks: { ...asks(scene), token: await state(scene) } }),
      answer: "error mismatch_user_data",
      token: "none",
      async afterwards({ stage, phone }, { asks: { token = "" } }) {
        expect(await stage.isValid(token, phone)).toBe(what === "confirmed");
      },
    });
  }
}

for (const [what, asks] of [
  ["alone", () => ({})],
  ["with its device and phone", ({ devKey, phone }: Scene) => ({ devKey, phone })],
  ["with its device", ({ devKey }: Scene) => ({ devKey })],
  ["with its phone, written with a plus", ({ phone }: Scene) => ({ phone: `+${phone}` })],
] as const) {
  row({
    name: `issue 3: the token of a waiting session ${what} is told to verify, and nothing is sent`,
    request: "issue",
    given: async (scene) => {
      const { token, code } = await pending(scene);
      return { code, asks: { ...asks(scene), token } };
    },
    answer: "error not_verified",
    token: "shown",
    async afterwards({ stage, client, token }, { code }) {
      const login = await stage.ask(client, { request: "verify", token, code });
      expect(login).toEqual({ kind: "ok", what: "login", token });
    },
  });

  row({
    name: `issue 4: the token of a confirmed session ${what} logs in`,
    request: "issue",
    given: async (scene) => ({ asks: { ...asks(scene), token: await confirmed(scene) } }),
    answer: "ok login",
    token: "shown",
    async afterwards({ stage, phone, token }) {
      const [session] = await stage.server.domain.phoneSessions.list(phone);
      expect(session?.lastOnlineAtMs).toBe(stage.clock.nowMs());
      if (session !== undefined) expect(stage.server.hub.isOnline(session.userId)).toBe(true);
      expect(await stage.isValid(token, phone)).toBe(true);
    },
  });
}

row({
  name: "issue 3: the token of a session whose code is too old still waits, and nothing is sent",
  request: "issue",
  given: async (scene) => {
    const { token } = await pending(scene);
    scene.stage.clock.advance(600_001);
    return { asks: { token } };
  },
  answer: "error not_verified",
  token: "shown",
});

test("issue 4: the time of the log-in is kept", async () => {
  const person = stage().person();
  const token = await stage().logIn(person);
  const before = stage().clock.nowMs();
  stage().clock.advance(86_400_000);
  await using client = await stage().connect();
  expect(await stage().ask(client, { request: "issue", token })).toEqual({ kind: "ok", what: "login", token });
  const [session] = await stage().server.domain.phoneSessions.list(person.phone);
  expect([session?.createdAtMs, session?.lastOnlineAtMs]).toEqual([before, before + 86_400_000]);
});

test("issue 4: a log-in on a connection takes the place of the one before", async () => {
  const [a, b] = [stage().person(), stage().person()];
  const tokenOfB = await stage().logIn(b);
  await using client = await stage().connect();
  await stage().logIn(a, { client });
  expect(await isLoggedInBy(client, a.phone)).toBe(true);
  const login = await stage().ask(client, { request: "issue", token: tokenOfB });
  expect(login).toEqual({ kind: "ok", what: "login", token: tokenOfB });
  expect([await isLoggedInBy(client, a.phone), await isLoggedInBy(client, b.phone)]).toEqual([false, true]);
});

test("issue 4: the session that the connection is logged in by counts where no token is given", async () => {
  const { phone, devKey } = stage().person();
  const token = await stage().logIn({ phone, devKey });
  await using client = await stage().connect({ password: Buffer.from(token) });
  const login = { kind: "ok", what: "login", token };
  expect(await stage().ask(client, { request: "issue" })).toEqual(login);
  expect(await stage().ask(client, { request: "issue", devKey, phone })).toEqual(login);
});

test("issue: an address that showed too many unknown tokens is told to try later for a minute, unless its token is right", async () => {
  await using strict = await AuthStage.start({ ROOST_LOGIN_FAILURES_PER_MINUTE: "3" });
  await using client = await strict.connect();
  const token = await strict.logIn(strict.person());
  const asks = { request: "issue", token: unknownToken() } as const;
  for (let at = 0; at < 3; at++) expect((await strict.ask(client, asks)).what).toBe("session_not_found");
  expect(await strict.ask(client, asks)).toEqual({ kind: "error", what: "sms_send", token: asks.token });
  expect(await strict.ask(client, { request: "issue", token })).toEqual({ kind: "ok", what: "login", token });
  await strict.begin(strict.person());
  strict.clock.advance(60_000);
  expect((await strict.ask(client, asks)).what).toBe("session_not_found");
});

for (const [what, asks] of [
  ["without a device", ({ phone }: Scene) => ({ phone })],
  ["without a phone", ({ devKey }: Scene) => ({ devKey })],
  ["without anything", () => ({})],
  ["with what is no phone", ({ devKey }: Scene) => ({ devKey, phone: "call me" })],
  ["with a phone of four digits", ({ devKey }: Scene) => ({ devKey, phone: "1234" })],
  ["with a device key that is too long", ({ phone }: Scene) => ({ devKey: tooLong, phone })],
] as const) {
  row({
    name: `issue 5: no token, and ${what}, is a mismatch`,
    request: "issue",
    given: (scene) => ({ asks: asks(scene) }),
    answer: "error mismatch_user_data",
    token: "none",
  });
}
