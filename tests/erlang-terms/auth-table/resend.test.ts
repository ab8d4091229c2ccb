/**
 * AUTH § Resend User Confirmation (docs/protocols/resolutions.md § AUTH step by step, resend): whether another code is
 * sent, and what it changes.
 */
import { expect } from "bun:test";
import { atom, binary, Tuple } from "../../../src/etf/term.ts";
import { openTable, type Scene } from "./row.ts";
import type { Person } from "./stage.ts";

const { row } = openTable();

const own = ({ devKey, phone }: Person): Person => ({ devKey, phone });
const pending = (scene: Scene) => scene.stage.begin(own(scene));

row({
  name: "resend: no token anywhere is no session",
  request: "resend",
  given: async (scene) => {
    await pending(scene);
    return { asks: {} };
  },
  answer: "error session_not_found",
  token: "none",
});

for (const [what, asks] of [
  ["alone", () => ({})],
  ["with device and phone", own],
] as const) {
  row({
    name: `resend: an unknown token ${what} is no session`,
    request: "resend",
    given: (scene) => ({ asks: { ...asks(scene), token: "0".repeat(64) } }),
    answer: "error session_not_found",
    token: "none",
  });

  row({
    name: `resend: a waiting session's token ${what} is sent another code, which is the only one that is good`,
    request: "resend",
    given: async (scene) => {
      const { token, code } = await pending(scene);
      return { code, asks: { ...asks(scene), token } };
    },
    answer: "ok sms_send",
    token: "shown",
    sms: 1,
    async afterwards({ stage, client, phone, token }, { code }) {
      const renewed = stage.codeOf(phone);
      if (renewed !== code) {
        const old = await stage.ask(client, { request: "verify", token, code });
        expect(old).toEqual({ kind: "error", what: "invalid_sms_code", token });
      }
      const login = await stage.ask(client, { request: "verify", token, code: renewed });
      expect(login).toEqual({ kind: "ok", what: "login", token });
    },
  });
}

row({
  name: "resend: all tries are there again",
  request: "resend",
  given: async (scene) => {
    const { stage, client, phone } = scene;
    const { token } = await pending(scene);
    const code = stage.wrongCodeFor(phone);
    for (let at = 0; at < 5; at++) await stage.ask(client, { request: "verify", token, code });
    const used = await stage.ask(client, { request: "verify", token, code });
    expect(used).toEqual({ kind: "error", what: "attempts_expired", token });
    return { asks: { token } };
  },
  answer: "ok sms_send",
  token: "shown",
  sms: 1,
  async afterwards({ stage, client, phone, token }) {
    const wrong = { request: "verify", token, code: stage.wrongCodeFor(phone) } as const;
    for (let at = 0; at < 4; at++) expect((await stage.ask(client, wrong)).what).toBe("invalid_sms_code");
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "resend: a session whose code is too old is sent a new one",
  request: "resend",
  given: async (scene) => {
    const { token } = await pending(scene);
    scene.stage.clock.advance(3_600_000);
    return { asks: { token } };
  },
  answer: "ok sms_send",
  token: "shown",
  sms: 1,
});

row({
  name: "resend: a session that has waited for a day is gone",
  request: "resend",
  given: async (scene) => {
    const { token } = await pending(scene);
    scene.stage.clock.advance(86_400_000);
    return { asks: { token } };
  },
  answer: "error session_not_found",
  token: "none",
});

row({
  name: "A16: resend: a confirmed session is sent nothing",
  request: "resend",
  given: async (scene) => ({ asks: { token: await scene.stage.logIn(own(scene)) } }),
  answer: "error sms_send",
  token: "shown",
  afterwards: async ({ stage, phone, token }) => expect(await stage.isValid(token, phone)).toBe(true),
});

row({
  name: "resend: where the gateway fails, the code before stays good",
  request: "resend",
  given: async (scene) => {
    const { token, code } = await pending(scene);
    scene.stage.gateway.status = 503;
    return { code, asks: { token } };
  },
  answer: "error sms_send",
  token: "shown",
  sms: 1,
  async afterwards({ stage, client, token }, { code }) {
    stage.gateway.status = 200;
    const login = await stage.ask(client, { request: "verify", token, code });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "resend: a number that had five codes within the hour gets no sixth, and the fifth stays good",
  request: "resend",
  given: async (scene) => {
    const { stage, client } = scene;
    const { token } = await pending(scene);
    for (let at = 1; at < 5; at++) expect((await stage.ask(client, { request: "resend", token })).kind).toBe("ok");
    return { asks: { token } };
  },
  answer: "error sms_send",
  token: "shown",
  async afterwards({ stage, client, phone, token }) {
    const login = await stage.ask(client, { request: "verify", token, code: stage.codeOf(phone) });
    expect(login).toEqual({ kind: "ok", what: "login", token });
  },
});

row({
  name: "resend: a phone whose profile was removed meanwhile has no roster",
  request: "resend",
  given: async (scene) => {
    const { stage, devKey, phone } = scene;
    await using owner = await stage.connect();
    await stage.logIn({ devKey: `${devKey}-first`, phone }, { client: owner });
    const { token } = await pending(scene);
    const remove = new Tuple([atom("Profile"), binary(phone), [], [], [], 0, 0, [], atom("remove")]);
    await owner.askFenced(remove);
    return { asks: { token } };
  },
  answer: "error roster_not_found",
  token: "none",
});
