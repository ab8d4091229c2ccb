/**
 * AUTH § User Confirmation (docs/protocols/resolutions.md § AUTH step by step, verify): what is known of the token, and
 * whether the code is right.
 */
import { expect, test } from "bun:test";
import { atom, binary, Tuple } from "../../../src/etf/term.ts";
import { openTable, type Scene } from "./row.ts";
import { AuthStage, type Person } from "./stage.ts";

const { row, stage } = openTable();

const codeLifetimeMs = 600_000;
const own = ({ devKey, phone }: Person): Person => ({ devKey, phone });

const pending = (scene: Scene) => scene.stage.begin(own(scene));

/** Wrong codes on a session, each answered `invalid_sms_code`. */
async function guess({ stage, client, phone }: Scene, token: string, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    const told = await stage.ask(client, { request: "verify", token, code: stage.wrongCodeFor(phone) });
    expect(told).toEqual({ kind: "error", what: "invalid_sms_code", token });
  }
}

row({
  name: "verify: no token anywhere is no session",
  request: "verify",
  given: async (scene) => ({ asks: { code: (await pending(scene)).code } }),
  answer: "error session_not_found",
  token: "none",
});

row({
  name: "verify: without a token, the one that was issued on this connection is meant",
  request: "verify",
  given: async (scene) => {
    const { code } = await scene.stage.begin(own(scene), { client: scene.client });
    return { asks: { code, phone: scene.phone, devKey: scene.devKey } };
  },
  answer: "ok login",
  token: "new",
});

row({
  name: "verify: an unknown token is no session",
  request: "verify",
  given: async (scene) => ({ asks: { token: "0".repeat(64), code: (await pending(scene)).code } }),
  answer: "error session_not_found",
  token: "none",
});

row({
  name: "verify: an unknown token with device and phone is no session either, and nothing is sent",
  request: "verify",
  given: async (scene) => ({ asks: { ...own(scene), token: "0".repeat(64), code: (await pending(scene)).code } }),
  answer: "error session_not_found",
  token: "none",
});

for (const [what, codeOf] of [
  ["the right code", (code: string) => code],
  ["a wrong code", () => "000000"],
  ["no code", () => undefined],
] as const) {
  row({
    name: `A15: verify: a confirmed session with ${what} is registered already`,
    request: "verify",
    given: async (scene) => {
      const { token, code } = await pending(scene);
      await using client = await scene.stage.connect();
      const login = await scene.stage.ask(client, { request: "verify", token, code });
      expect(login).toEqual({ kind: "ok", what: "login", token });
      return { asks: { token, code: codeOf(code) } };
    },
    answer: "error already_registered",
    token: "shown",
    afterwards: async ({ stage, phone, token }) => expect(await stage.isValid(token, phone)).toBe(true),
  });
}

for (const [what, codeOf] of [
  ["a wrong code", ({ stage, phone }: Scene) => stage.wrongCodeFor(phone)],
  ["no code", () => undefined],
  ["what is no code", () => "' OR 1=1"],
  ["a code of a thousand digits", () => "1".repeat(1000)],
] as const) {
  row({
    name: `verify: ${what} is invalid, and counted`,
    request: "verify",
    given: async (scene) => {
      const { token } = await pending(scene);
      return { asks: { token, code: codeOf(scene) } };
    },
    answer: "error invalid_sms_code",
    token: "shown",
    async afterwards(scene) {
      const { stage, client, phone, token } = scene;
      await guess(scene, token, 4);
      const right = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
      expect(right).toEqual({ kind: "error", what: "attempts_expired", token });
    },
  });
}

row({
  name: "verify: the right code is too old after ten minutes",
  request: "verify",
  given: async (scene) => {
    const { token, code } = await pending(scene);
    scene.stage.clock.advance(codeLifetimeMs);
    return { asks: { token, code } };
  },
  answer: "error invalid_sms_code",
  token: "shown",
});

row({
  name: "verify: a code that another session used is invalid",
  request: "verify",
  given: async (scene) => {
    const first = await pending(scene);
    await using client = await scene.stage.connect();
    const shared = await scene.stage.ask(client, { request: "issue", ...own(scene) });
    expect(shared.what).toBe("not_verified");
    await scene.stage.ask(client, { request: "verify", token: shared.token, code: first.code });
    return { asks: first };
  },
  answer: "error invalid_sms_code",
  token: "shown",
});

row({
  name: "verify: a code is good for its own session, not for another phone's",
  request: "verify",
  given: async (scene) => {
    const [{ token }, other] = [await pending(scene), await scene.stage.begin(scene.stage.person())];
    const { code } = other;
    return { asks: { token, code: code === scene.stage.codeOf(scene.phone) ? "" : code } };
  },
  answer: "error invalid_sms_code",
  token: "shown",
});

row({
  name: "verify: the try that reaches the limit says invalid",
  request: "verify",
  given: async (scene) => {
    const { token } = await pending(scene);
    await guess(scene, token, 4);
    return { asks: { token, code: scene.stage.wrongCodeFor(scene.phone) } };
  },
  answer: "error invalid_sms_code",
  token: "shown",
});

for (const [what, codeOf] of [
  ["the right code", (scene: Scene) => scene.stage.codeOf(scene.phone)],
  ["a wrong one", (scene: Scene) => scene.stage.wrongCodeFor(scene.phone)],
] as const) {
  row({
    name: `A17: verify: after five wrong codes ${what} is answered that the tries are used up`,
    request: "verify",
    given: async (scene) => {
      const { token } = await pending(scene);
      await guess(scene, token, 5);
      return { asks: { token, code: codeOf(scene) } };
    },
    answer: "error attempts_expired",
    token: "shown",
    async afterwards({ stage, client, phone, token }) {
      expect(await stage.ask(client, { request: "resend", token })).toEqual({ kind: "ok", what: "sms_send", token });
      const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
      expect(login).toEqual({ kind: "ok", what: "login", token });
    },
  });
}

row({
  name: "verify: after ten wrong codes of a phone from one address no session of it is confirmed there, for a while",
  request: "verify",
  given: async (scene) => {
    const first = await pending(scene);
    await guess(scene, first.token, 5);
    scene.stage.clock.advance(60_000);
    const second = await pending(scene);
    await guess(scene, second.token, 4);
    scene.stage.clock.advance(60_000);
    const asks = await pending(scene);
    await guess(scene, second.token, 1);
    return { asks };
  },
  answer: "error attempts_expired",
  token: "shown",
  async afterwards({ stage, client, phone, token }) {
    stage.clock.advance(1000);
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "A6: verify: the right code of a phone whose profile was removed meanwhile finds no roster",
  request: "verify",
  given: async (scene) => {
    const { stage, phone } = scene;
    await using owner = await stage.connect();
    await stage.logIn({ devKey: `${scene.devKey}-first`, phone }, { client: owner });
    const waiting = await pending(scene);
    await removeProfile(owner, phone);
    return { asks: waiting };
  },
  answer: "error roster_not_found",
  token: "none",
  async afterwards({ stage, client, phone }, { asks: { token } }) {
    const gone = await stage.ask(client, { request: "resend", token });
    expect(gone).toEqual({ kind: "error", what: "session_not_found", token: undefined });
    await stage.logIn({ ...stage.person(), phone }); // It may register again.
  },
});

row({
  name: "A5: verify: the right code logs in, and the first log-in of a phone makes its profile and its first user",
  request: "verify",
  given: async (scene) => ({ asks: await pending(scene) }),
  answer: "ok login",
  token: "shown",
  async afterwards({ stage, client, phone, token }) {
    expect(await stage.isValid(token, phone)).toBe(true);
    const [userId] = await stage.server.domain.store.listUserIdsOfPhone(phone);
    const [answer] = await client.askFenced(profileGet(phone));
    const shown = answer?.payload.toString("latin1") ?? "";
    // The one Roster, and in it the user as the first contact.
    expect(shown.split("Roster").length - 1).toBe(1);
    expect(shown.split("Contact").length - 1).toBe(1);
    expect(shown).toContain(`${phone}_${userId}`);
    expect(shown).toContain("friend");
    const again = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(again).toEqual({ kind: "error", what: "already_registered", token });
  },
});

row({
  name: "verify: a later log-in of another device finds the user that is there, and both stay",
  request: "verify",
  given: async (scene) => {
    const { devKey, phone, stage } = scene;
    const first = await stage.logIn({ devKey: `${devKey}-first`, phone });
    return { first, asks: await pending(scene) };
  },
  answer: "ok login",
  token: "shown",
  async afterwards({ stage, phone, token }, { first }) {
    expect((await stage.server.domain.store.listUserIdsOfPhone(phone)).length).toBe(1);
    expect([await stage.isValid(first, phone), await stage.isValid(token, phone)]).toEqual([true, true]);
  },
});

row({
  name: "verify: the same device's earlier session ends",
  request: "verify",
  given: async (scene) => {
    const replaced = await scene.stage.logIn(own(scene));
    scene.stage.clock.advance(60_000);
    return { replaced, asks: await pending(scene) };
  },
  answer: "ok login",
  token: "shown",
  async afterwards({ stage, client, phone }, { replaced }) {
    expect(await stage.isValid(replaced, phone)).toBe(false);
    const gone = await stage.ask(client, { request: "issue", token: replaced });
    expect(gone).toEqual({ kind: "error", what: "session_not_found", token: undefined });
  },
});

test("verify: an address that showed too many wrong codes hears that the tries are used up, even for the right one", async () => {
  await using strict = await AuthStage.start({ ROOST_LOGIN_FAILURES_PER_ACCOUNT_HOUR: "3" });
  await using client = await strict.connect();
  const person = strict.person();
  const { token, code } = await strict.begin(person, { client });
  const scene = { stage: strict, client, ...person };
  await guess(scene, token, 3);
  const early = await strict.ask(client, { request: "verify", token, code });
  expect(early).toEqual({ kind: "error", what: "attempts_expired", token });
  // The codes of others are not concerned.
  await strict.logIn(strict.person(), { client: await strict.connect() });
  strict.clock.advance(1000);
  expect(await strict.ask(client, { request: "verify", token, code })).toEqual({ kind: "ok", what: "login", token });
});

test("a token that was confirmed logs its next connection in, as the password", async () => {
  const person = stage().person();
  const token = await stage().logIn(person);
  await using client = await stage().connect({ password: Buffer.from(token) });
  const [answer] = await client.askFenced(profileGet(person.phone));
  expect(answer?.payload.toString("latin1")).toContain(person.phone);
  await using wrong = await stage().connect({ password: Buffer.from(`${token}0`) });
  const [refused] = await wrong.askFenced(profileGet(person.phone));
  expect(refused?.payload.toString("latin1")).toContain("not_authorized");
});

function profileGet(phone: string) {
  return new Tuple([atom("Profile"), binary(phone), [], [], [], 0, 0, [], atom("get")]);
}

async function removeProfile(owner: Scene["client"], phone: string): Promise<void> {
  const remove = new Tuple([atom("Profile"), binary(phone), [], [], [], 0, 0, [], atom("remove")]);
  const [answer] = await owner.askFenced(remove);
  expect(answer?.payload.toString("latin1")).toContain("remove");
}
