/**
 * AUTH on a store: what each request answers in each state of a session (docs/protocols/resolutions.md § AUTH step by
 * step).
 */
import { expect, test } from "bun:test";

import { expectRefusal, type OpenFresh } from "../store/contract/stage.ts";
import { address, openPhoneStage, type PhoneStage, type PhoneStageOptions, wrongCode } from "./phone-stage.ts";

const own = "a-token-of-the-client-itself";

const minutes = 60_000;

type State = "unknown" | "pending" | "expired" | "used up" | "verified" | "without users";

/** A session of dev and 380001 in this state, with the code it was last sent. */
async function bring(stage: PhoneStage, state: State): Promise<{ token: string; code: string }> {
  if (state === "unknown") return { token: own, code: "123456" };
  if (state === "verified") return { token: (await stage.logIn()).token, code: stage.lastCode() };
  if (state === "without users") stage.opened.plant.emptyProfile("380001");
  const { token = "" } = await stage.issue();
  const code = stage.lastCode();
  if (state === "expired") stage.clock.advance(10 * minutes);
  if (state === "used up") for (let n = 0; n < 5; n += 1) await stage.verify(token, wrongCode(code));
  return { token, code };
}

/** The rules of AUTH, on a store that `openFresh` opens. */
export function phoneSessionRules(openFresh: OpenFresh): void {
  const openStage = (options?: PhoneStageOptions) => openPhoneStage(openFresh, options);

  test.each([
    // Without a token.
    ["unknown", {}, "sms_send"],
    ["unknown", { devKey: undefined }, "mismatch_user_data"],
    ["unknown", { phone: undefined }, "mismatch_user_data"],
    ["unknown", { devKey: "" }, "mismatch_user_data"],
    ["unknown", { phone: "abc" }, "mismatch_user_data"],
    ["unknown", { phone: "1234" }, "mismatch_user_data"],
    ["unknown", { phone: "1".repeat(16) }, "mismatch_user_data"],
    ["unknown", { devKey: "x".repeat(513) }, "mismatch_user_data"],
    ["pending", {}, "not_verified"],
    ["pending", { phone: "380002" }, "miltiple_devices"],
    ["pending", { devKey: "other" }, "sms_send"],
    ["expired", {}, "sms_send"],
    ["expired", { phone: "380002" }, "sms_send"],
    ["used up", {}, "not_verified"],
    ["verified", {}, "sms_send"],
    ["verified", { phone: "380002" }, "miltiple_devices"],
    // With the session's token.
    ["unknown", { token: "T" }, "sms_send"],
    ["unknown", { token: "T", phone: undefined }, "session_not_found"],
    ["unknown", { token: "T", devKey: undefined }, "session_not_found"],
    ["unknown", { token: "T", phone: "abc" }, "mismatch_user_data"],
    ["pending", { token: "T" }, "not_verified"],
    ["pending", { token: "T", devKey: undefined, phone: undefined }, "not_verified"],
    ["pending", { token: "T", phone: "380002" }, "mismatch_user_data"],
    ["pending", { token: "T", phone: "abc" }, "mismatch_user_data"],
    ["pending", { token: "T", devKey: "other" }, "mismatch_user_data"],
    ["expired", { token: "T" }, "not_verified"],
    ["used up", { token: "T" }, "not_verified"],
    ["verified", { token: "T" }, "login"],
    ["verified", { token: "T", phone: "+380 (00) 1" }, "login"],
    ["verified", { token: "T", devKey: undefined, phone: undefined }, "login"],
    ["verified", { token: "T", phone: "380002" }, "mismatch_user_data"],
    ["verified", { token: "T", devKey: "other" }, "mismatch_user_data"],
    // With the token of the session the connection is bound to.
    ["verified", { boundToken: "T" }, "login"],
    ["verified", { boundToken: "T", devKey: undefined, phone: undefined }, "login"],
    ["verified", { boundToken: "T", phone: "380002" }, "mismatch_user_data"],
    ["verified", { token: own, boundToken: "T", devKey: undefined }, "session_not_found"],
  ] as const)("issuing with a session that is %s and %j answers %s", async (state, given, result) => {
    await using stage = await openStage();
    const { token } = await bring(stage, state);
    const before = stage.sent.length;
    const request = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value === "T" ? token : value]),
    );
    const issued = await stage.issue(request);
    expect(issued.result).toBe(result);
    expect(stage.sent.length - before).toBe(result === "sms_send" ? 1 : 0);
    const shown = request["token"] ?? request["boundToken"];
    if (result === "login") expect(issued).toMatchObject({ token: shown, session: { phone: "380001", devKey: "dev" } });
    else expect(issued.session).toBeUndefined();
    if (/mismatch|miltiple|not_found/.test(result)) expect(issued.token).toBeUndefined();
    else if (shown !== undefined) expect(issued.token).toBe(shown);
    else expect(issued.token).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    ["unknown", "right", "session_not_found"],
    ["pending", "right", "login"],
    ["pending", "wrong", "invalid_sms_code"],
    ["pending", "none", "invalid_sms_code"],
    ["expired", "right", "invalid_sms_code"],
    ["used up", "right", "attempts_expired"],
    ["used up", "wrong", "attempts_expired"],
    ["verified", "right", "already_registered"],
    ["verified", "wrong", "already_registered"],
    ["without users", "right", "roster_not_found"],
    ["without users", "wrong", "invalid_sms_code"],
  ] as const)("verifying a session that is %s with a code that is %s answers %s", async (state, kind, result) => {
    await using stage = await openStage();
    const { token, code } = await bring(stage, state);
    const shown = kind === "right" ? code : kind === "wrong" ? wrongCode(code) : undefined;
    const verified = await stage.verify(token, shown);
    expect(verified.result).toBe(result);
    expect(verified.token).toBe(result.endsWith("not_found") ? undefined : token);
    expect(verified.session !== undefined).toBe(result === "login");
  });

  test.each([
    ["unknown", "session_not_found"],
    ["pending", "sms_send"],
    ["expired", "sms_send"],
    ["used up", "sms_send"],
    ["verified", "sms_failed"],
    ["without users", "roster_not_found"],
  ] as const)("resending for a session that is %s answers %s", async (state, result) => {
    await using stage = await openStage();
    const { token } = await bring(stage, state);
    const before = stage.sent.length;
    expect(await stage.resend(token)).toEqual({ result, token: result.endsWith("not_found") ? undefined : token });
    expect(stage.sent.length - before).toBe(result === "sms_send" ? 1 : 0);
    if (result === "sms_send") expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
  });

  test("nothing to show is no session", async () => {
    await using stage = await openStage();
    for (const token of [undefined, "", "x".repeat(5000), "\ud800"]) {
      expect(await stage.verify(token, "123456")).toEqual({ result: "session_not_found", token: undefined });
      expect(await stage.resend(token)).toEqual({ result: "session_not_found", token: undefined });
      expect(await stage.sessions.logInWithToken(token ?? "", { address })).toBeUndefined();
    }
  });

  test("a client's own token is its session's where it is long enough, and ours where it is not", async () => {
    await using stage = await openStage();
    expect(await stage.issue({ token: own })).toEqual({ result: "sms_send", token: own });
    expect((await stage.verify(own, stage.lastCode())).result).toBe("login");
    const short = await stage.issue({ token: "123456789012345", devKey: "short", phone: "380002" });
    expect(short.token).toMatch(/^[0-9a-f]{64}$/);
    expect(await stage.sessions.isKnown("123456789012345")).toBe(false);
    const long = await stage.issue({ token: "x".repeat(1025), devKey: "long", phone: "380003" });
    expect(long.token).toMatch(/^[0-9a-f]{64}$/);
  });

  test("where clients may not bring tokens, they get one", async () => {
    await using stage = await openStage({ clientTokens: false });
    expect((await stage.issue({ token: own })).token).toMatch(/^[0-9a-f]{64}$/);
  });

  test("the first verified session of a phone makes its profile and one user, the next finds them", async () => {
    await using stage = await openStage();
    const first = await stage.logIn();
    const second = await stage.logIn({ devKey: "tablet" });
    expect(second.session.userId).toBe(first.session.userId);
    expect(first.session.phoneId).toBe(`380001_${first.session.userId}`);
    expect(await stage.store.listUserIdsOfPhone("380001")).toEqual([first.session.userId]);
    expect(await stage.store.countUsers()).toBe(1);
    expect((await stage.sessions.list("380001")).map((one) => one.devKey)).toEqual(["tablet", "dev"]);
    const other = await stage.logIn({ devKey: "other", phone: "380002" });
    expect(other.session.userId).not.toBe(first.session.userId);
  });

  test("a replaced session stays until the new one is verified, then its connections are told", async () => {
    await using stage = await openStage();
    const before = await stage.logIn();
    const { token } = await stage.issue();
    expect(await stage.sessions.logInWithToken(before.token, { address })).toEqual(before.session);
    expect(stage.events).toEqual([]);
    await stage.verify(token, stage.lastCode());
    expect(await stage.sessions.logInWithToken(before.token, { address })).toBeUndefined();
    expect(stage.events).toEqual([
      { type: "session.ended", sessionIds: [before.session.sessionId], to: [before.session.userId] },
    ]);
    expect(await stage.sessions.list("380001")).toHaveLength(1);
  });

  test("a session that shares the pending code is one more place to type it, not one more try", async () => {
    await using stage = await openStage();
    const first = await stage.issue();
    const second = await stage.issue();
    expect([first.result, second.result, stage.sent.length]).toEqual(["sms_send", "not_verified", 1]);
    expect(second.token).not.toBe(first.token);
    expect((await stage.verify(second.token, stage.lastCode())).result).toBe("login");
    expect((await stage.verify(first.token, stage.lastCode())).result).toBe("invalid_sms_code");
  });

  test("after the cool-down an issuing sends a code of its own, and both are good", async () => {
    await using stage = await openStage();
    const first = await stage.issue();
    const firstCode = stage.lastCode();
    stage.clock.advance(1 * minutes);
    const second = await stage.issue();
    expect([second.result, stage.sent.length]).toEqual(["sms_send", 2]);
    expect((await stage.verify(first.token, firstCode)).result).toBe("login");
    expect((await stage.verify(second.token, stage.lastCode())).result).toBe("login");
  });

  test.each([60_000, 2 * 60 * minutes, 86_400_000].flatMap((ms) => [ms, -ms]))(
    "a machine's clock that is set by %d ms makes a code good for no longer and no shorter",
    async (ms) => {
      await using stage = await openStage();
      const { token } = await stage.issue();
      stage.clock.set(ms);
      expect((await stage.issue()).result).toBe("not_verified"); // Within the cool-down still.
      stage.clock.advance(10 * minutes - 1);
      expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
      const { token: late } = await stage.issue({ phone: "380002", devKey: "late" });
      stage.clock.set(ms);
      stage.clock.advance(10 * minutes);
      expect((await stage.verify(late, stage.lastCode())).result).toBe("invalid_sms_code");
      expect((await stage.resend(late)).result).toBe("sms_send");
      stage.clock.set(-2 * ms);
      stage.clock.advance(24 * 60 * minutes);
      expect((await stage.resend(late)).result).toBe("session_not_found");
    },
  );

  test("the try that reaches the limit says invalid, those after it expired, until a new code", async () => {
    await using stage = await openStage();
    const { token } = await stage.issue();
    const results: string[] = [];
    for (let n = 0; n < 6; n += 1) results.push((await stage.verify(token, wrongCode(stage.lastCode()))).result);
    expect(results).toEqual([...Array(5).fill("invalid_sms_code"), "attempts_expired"]);
    await stage.resend(token);
    expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
  });

  test("wrong codes count per phone over all its sessions, and an hour later no more", async () => {
    await using stage = await openStage();
    for (const devKey of ["a", "b"]) {
      const { token } = await stage.issue({ devKey });
      for (let n = 0; n < 5; n += 1) await stage.verify(token, wrongCode(stage.lastCode()));
    }
    const { token } = await stage.issue({ devKey: "c" });
    expect((await stage.verify(token, stage.lastCode())).result).toBe("attempts_expired");
    const elsewhere = await stage.issue({ devKey: "d", phone: "380002" });
    expect((await stage.verify(elsewhere.token, stage.lastCode())).result).toBe("login");
    stage.clock.advance(60 * minutes);
    await stage.resend(token);
    expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
  });

  test("a code that could not be sent leaves a session that a resend helps, and no cool-down", async () => {
    await using stage = await openStage();
    for (const outcome of ["failed", "refused", "throws"] as const) {
      stage.gateway.outcome = outcome;
      const { result, token } = await stage.issue();
      expect(result).toBe("sms_failed");
      expect(await stage.resend(token)).toEqual({ result: "sms_failed", token });
      expect((await stage.issue({ token })).result).toBe("not_verified");
    }
    stage.gateway.outcome = "sent";
    expect((await stage.issue()).result).toBe("sms_send");
  });

  test("a resend that fails gives no new tries", async () => {
    await using stage = await openStage();
    const { token } = await stage.issue();
    for (let n = 0; n < 5; n += 1) await stage.verify(token, wrongCode(stage.lastCode()));
    stage.gateway.outcome = "failed";
    await stage.resend(token);
    expect((await stage.verify(token, stage.lastCode())).result).toBe("attempts_expired");
  });

  test("test numbers have a fixed code and cost no message", async () => {
    await using stage = await openStage({ fixedCodeOf: (phone) => (phone === "380001" ? "903182" : undefined) });
    const { result, token } = await stage.issue();
    expect([result, stage.sent.length]).toEqual(["sms_send", 0]);
    expect(await stage.resend(token)).toMatchObject({ result: "sms_send" });
    expect((await stage.verify(token, " 903 182 ")).result).toBe("login");
    expect(stage.sent).toEqual([]);
  });

  test("the gateway is told the number's digits, the language and the address", async () => {
    await using stage = await openStage();
    const { token } = await stage.issue({ phone: "+38 (0) 00-1", language: "ua" });
    await stage.resend(token);
    const { code } = stage.sent[0] ?? { code: "" };
    expect(code).toMatch(/^\d{6}$/);
    expect(stage.sent).toEqual([
      { phone: "380001", code, language: "ua", address },
      { phone: "380001", code: stage.lastCode(), language: "ua", address },
    ]);
  });

  test("of two verifies at once one wins, and there is one user", async () => {
    await using stage = await openStage();
    const first = await stage.issue();
    const second = await stage.issue();
    const code = stage.lastCode();
    const same = await Promise.all([stage.verify(first.token, code), stage.verify(first.token, code)]);
    expect(same.map((one) => one.result)).toEqual(["login", "already_registered"]);
    expect((await stage.verify(second.token, code)).result).toBe("invalid_sms_code");
    const a = await stage.issue({ devKey: "a", phone: "380002" });
    const codeOfA = stage.lastCode();
    const b = await stage.issue({ devKey: "b", phone: "380002" });
    const both = await Promise.all([stage.verify(a.token, codeOfA), stage.verify(b.token, stage.lastCode())]);
    expect(both.map((one) => one.result)).toEqual(["login", "login"]);
    expect(both[0]?.session?.userId).toBe(both[1]?.session?.userId as never);
    expect(await stage.store.countUsers()).toBe(2);
  });

  test("of two sessions that share a code and show it at once, one logs in", async () => {
    await using stage = await openStage();
    const tokens = [(await stage.issue()).token, (await stage.issue()).token];
    const results = await Promise.all(tokens.map((token) => stage.verify(token, stage.lastCode())));
    expect(results.map((one) => one.result)).toEqual(["login", "invalid_sms_code"]);
  });

  test("guesses made at once do not outnumber the limit", async () => {
    await using stage = await openStage();
    const { token } = await stage.issue();
    const right = stage.lastCode();
    const guesses = Array.from({ length: 50 }, (_, n) => (n === 49 ? right : wrongCode(right)));
    const results = await Promise.all(guesses.map((code) => stage.verify(token, code)));
    expect(results.filter((one) => one.result === "invalid_sms_code")).toHaveLength(5);
    expect(results.filter((one) => one.result === "attempts_expired")).toHaveLength(45);
  });

  test("of issuings at once one sends, the others share its code", async () => {
    await using stage = await openStage();
    const issued = await Promise.all(Array.from({ length: 4 }, () => stage.issue()));
    expect(issued.map((one) => one.result)).toEqual(["sms_send", "not_verified", "not_verified", "not_verified"]);
    expect(new Set(issued.map((one) => one.token)).size).toBe(4);
    expect(stage.sent).toHaveLength(1);
  });

  test("of two resends at once one sends", async () => {
    await using stage = await openStage();
    const { token } = await stage.issue();
    const results = await Promise.all([stage.resend(token), stage.resend(token)]);
    expect(results.map((one) => one.result)).toEqual(["sms_send", "sms_failed"]);
    expect(stage.sent).toHaveLength(2);
    expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
  });

  test("sessions waiting for a code are bounded, and end after a day", async () => {
    await using stage = await openStage();
    const tokens: (string | undefined)[] = [];
    for (let n = 0; n < 7; n += 1) tokens.push((await stage.issue()).token);
    const known = await Promise.all(tokens.map((token) => stage.sessions.isKnown(token ?? "")));
    expect(known).toEqual([false, false, true, true, true, true, true]);
    stage.clock.advance(86_400_000);
    expect(await stage.resend(tokens[6])).toEqual({ result: "session_not_found", token: undefined });
    expect((await stage.verify(tokens[6], stage.lastCode())).result).toBe("session_not_found");
    expect((await stage.issue({ token: tokens[5], devKey: undefined })).result).toBe("session_not_found");
  });

  test("verified sessions of a phone are bounded; the one unused for longest ends", async () => {
    await using stage = await openStage({ limits: { sessionsPerPhoneMax: 2 } });
    const a = await stage.logIn({ devKey: "a" });
    stage.clock.advance(1000);
    const b = await stage.logIn({ devKey: "b" });
    stage.clock.advance(1000);
    await stage.issue({ token: a.token, devKey: "a" });
    stage.clock.advance(1000);
    await stage.logIn({ devKey: "c" });
    expect((await stage.sessions.list("380001")).map((one) => one.devKey)).toEqual(["c", "a"]);
    expect(stage.events).toEqual([
      { type: "session.ended", sessionIds: [b.session.sessionId], to: [b.session.userId] },
    ]);
  });

  test("a token logs in after years, until it is ended by its own phone", async () => {
    await using stage = await openStage();
    const { token, session } = await stage.logIn();
    const { token: pending = "" } = await stage.issue({ devKey: "other" });
    stage.clock.advance(3 * 365 * 86_400_000);
    expect(await stage.sessions.logInWithToken(token, { address })).toEqual(session);
    expect(await stage.sessions.logInWithToken(pending, { address })).toBeUndefined();
    expect(await stage.sessions.end({ ...session, phone: "380002" })).toBe(false);
    expect(await stage.sessions.end(session)).toBe(true);
    expect(await stage.sessions.end(session)).toBe(false);
    expect(await stage.sessions.logInWithToken(token, { address })).toBeUndefined();
    expect(stage.events).toEqual([{ type: "session.ended", sessionIds: [session.sessionId], to: [session.userId] }]);
  });

  test("sessions and codes survive a restart", async () => {
    await using stage = await openStage();
    const { token, session } = await stage.logIn();
    const pending = await stage.issue({ devKey: "other" });
    const code = stage.lastCode();
    for (let n = 0; n < 4; n += 1) await stage.verify(pending.token, wrongCode(code));
    await stage.reopen();
    expect(await stage.sessions.logInWithToken(token, { address })).toEqual(session);
    expect((await stage.issue({ token })).result).toBe("login");
    expect((await stage.verify(pending.token, wrongCode(code))).result).toBe("invalid_sms_code");
    expect((await stage.verify(pending.token, code)).result).toBe("attempts_expired");
  });

  test("where registration is closed only phones with a profile log in", async () => {
    await using stage = await openStage({ registration: "off" });
    await expectRefusal(stage.issue(), "registration_closed");
    expect(stage.sent).toEqual([]);
    expect(await stage.store.countUsers()).toBe(0);
  });

  test("wrong tokens hold up neither tokens of the server nor pending ones, whoever showed them", async () => {
    await using stage = await openStage({
      limits: { pendingPerDeviceMax: 10 },
      guardLimits: { failuresPerAddressMinute: 3 },
    });
    const { token } = await stage.logIn();
    const pending = await stage.issue({ devKey: "other" });
    for (let n = 0; n < 3; n += 1) expect((await stage.verify(own, "123456")).result).toBe("session_not_found");
    expect((await stage.verify(own, "123456")).result).toBe("attempts_expired");
    expect((await stage.resend(own)).result).toBe("sms_failed");
    expect((await stage.issue({ token: own, devKey: undefined })).result).toBe("sms_failed");
    await expectRefusal(stage.sessions.logInWithToken(own, { address }), "try_later");
    expect((await stage.issue({ token })).result).toBe("login");
    expect(await stage.sessions.logInWithToken(token, { address })).toBeDefined();
    expect((await stage.resend(pending.token)).result).toBe("sms_send");
    expect((await stage.verify(pending.token, stage.lastCode())).result).toBe("login");
    stage.clock.advance(1 * minutes);
    expect((await stage.verify(own, "123456")).result).toBe("session_not_found");
  });

  test("a token that its client brought is not listened to where others are guessed, unless it logged in from there", async () => {
    await using stage = await openStage({ guardLimits: { failuresPerAddressMinute: 3 } });
    await stage.logIn({ token: own });
    const elsewhere = "198.51.100.9";
    for (const from of [elsewhere, address]) {
      for (let n = 0; n < 4; n += 1)
        await stage.sessions.verify({ token: `${own}${n}`, code: "123456", address: from });
    }
    await expectRefusal(stage.sessions.logInWithToken(own, { address: elsewhere }), "try_later");
    const request = { devKey: "dev", phone: "380001", token: own, clientId: "c", language: "en" };
    expect((await stage.sessions.issue({ ...request, address: elsewhere })).result).toBe("sms_failed");
    expect((await stage.sessions.verify({ token: own, code: "1", address: elsewhere })).result).toBe(
      "attempts_expired",
    );
    expect(await stage.sessions.logInWithToken(own, { address })).toBeDefined();
    expect((await stage.issue({ token: own })).result).toBe("login");
    stage.clock.advance(1 * minutes);
    expect(await stage.sessions.logInWithToken(own, { address: elsewhere })).toBeDefined();
  });

  test("strangers' wrong codes hold up no network from which the phone logged in", async () => {
    await using stage = await openStage({ limits: { pendingPerDeviceMax: 50 } });
    await stage.logIn();
    const results: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const { token } = await stage.issue({ devKey: `stranger${n}` });
      const guess = { token, code: wrongCode(stage.lastCode()), address: `198.51.100.${n}` };
      results.push((await stage.sessions.verify(guess)).result);
    }
    expect(results).toEqual([...Array(20).fill("invalid_sms_code"), ...Array(10).fill("attempts_expired")]);
    const { token } = await stage.issue({ devKey: "new" });
    const right = { token, code: stage.lastCode() };
    expect((await stage.sessions.verify({ ...right, address: "203.0.113.9" })).result).toBe("attempts_expired");
    expect((await stage.sessions.verify({ ...right, address })).result).toBe("login");
  });

  test("a client that shows a thousand wrong codes slows its own address alone", async () => {
    await using stage = await openStage();
    await stage.logIn();
    const guesser = "198.51.100.1";
    const told: Record<string, number> = {};
    for (let n = 0; n < 200; n += 1) {
      const { token } = await stage.issue({ devKey: `guesser${n}` });
      for (let at = 0; at < 5; at += 1) {
        const { result } = await stage.sessions.verify({ token, code: wrongCode(stage.lastCode()), address: guesser });
        told[result] = (told[result] ?? 0) + 1;
      }
    }
    expect(told).toEqual({ invalid_sms_code: 10, attempts_expired: 990 });
    const other = await stage.issue({ devKey: "other", phone: "380002" });
    const code = stage.lastCode();
    expect((await stage.sessions.verify({ token: other.token, code, address: guesser })).result).toBe("login");
    const { token } = await stage.issue({ devKey: "new" });
    expect((await stage.verify(token, stage.lastCode())).result).toBe("login");
  });

  test("neither a token nor a code is in the file or the log", async () => {
    await using stage = await openStage();
    stage.gateway.outcome = "throws";
    await stage.issue({ devKey: "failing", phone: "380009" });
    stage.gateway.outcome = "sent";
    const { token } = await stage.logIn();
    await stage.issue({ token: own, devKey: "own" });
    const secrets = [token, own, ...stage.sent.map((one) => one.code)];
    await stage.reopen();
    const bytes = await stage.opened.bytesOnDisk();
    for (const secret of secrets) {
      expect(bytes.includes(secret)).toBe(false);
      if (secret.length === 64) expect(bytes.includes(Buffer.from(secret, "hex"))).toBe(false);
    }
    expect(stage.log.lines.length).toBeGreaterThan(0);
    for (const line of stage.log.lines) for (const secret of secrets) expect(line).not.toContain(secret);
  });
}
