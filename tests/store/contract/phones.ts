/** Log-ins by phone: what beginning and verifying decide, codes, and the sessions that come of them. */

import { expect, test } from "bun:test";
import { hashNewCode } from "../../../src/domain/phones/new-codes.ts";
import type { Store } from "../../../src/domain/store.ts";
import { later } from "../../../src/lib/clock.ts";
import { beginning, logInByPhone, phoneLimits, rightCode, tokenOf, wrongCode } from "./phone-log-in.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh } from "./stage.ts";

const verify = (store: Store, name: string, code: string, mayRegister = true) =>
  store.verifyPhoneSession({ token: tokenOf(name), code, mayRegister, limits: phoneLimits });

export function phoneContract(openFresh: OpenFresh): void {
  test("a session that was begun waits for its code, and is no log-in yet", async () => {
    await using opened = await openFresh();
    const begun = await opened.store.beginPhoneSession(beginning("a"));
    expect(begun).toMatchObject({ result: "send", token: "fresh" });
    await alsoAfterReopening(opened, async (now) => {
      const begunAfterMs = later(opened.clock.steadyMs(), -1);
      expect(await now.findPhoneCodeState({ token: tokenOf("a"), begunAfterMs })).toEqual({
        state: "open",
        phone: "380001",
        language: "en",
      });
      expect(await now.findPhoneCodeState({ token: tokenOf("a"), begunAfterMs: later(begunAfterMs, 1) })).toMatchObject(
        {
          state: "session_not_found",
        },
      );
      expect(await now.findPhoneCodeState({ token: tokenOf("b"), begunAfterMs })).toMatchObject({
        state: "session_not_found",
      });
      expect(await now.findPhoneSession(tokenOf("a"))).toMatchObject({
        phone: "380001",
        devKey: "dev",
        clientId: "client",
        language: "en",
        userId: undefined,
        createdAtMs: opened.clock.nowMs(),
      });
      expect(await now.findPhoneSession(tokenOf("b"))).toBeUndefined();
      expect(await now.listPhoneSessions("380001")).toEqual([]);
      expect(await now.findProfile("380001")).toBeUndefined();
    });
  });

  test("the right code makes the profile and its first user, once", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await store.beginPhoneSession(beginning("a"));
    expect(await verify(store, "a", wrongCode)).toEqual({ result: "invalid_sms_code" });
    const verified = await verify(store, "a", rightCode);
    expect(verified).toMatchObject({ result: "login", ended: { sessionIds: [], userIds: [] } });
    if (verified.result !== "login") throw new Error("no log-in");
    expect(await verify(store, "a", rightCode)).toEqual({ result: "already_registered" });
    expect(await verify(store, "b", rightCode)).toEqual({ result: "session_not_found" });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findPhoneSession(tokenOf("a"))).toEqual(verified.session);
      expect(await now.listUserIdsOfPhone("380001")).toEqual([verified.session.userId as never]);
      expect(await now.findProfile("380001")).toMatchObject({ phone: "380001" });
      const state = await now.findPhoneCodeState({ token: tokenOf("a"), begunAfterMs: opened.clock.steadyMs() });
      expect(state.state).toBe("verified");
    });
  });

  test("where registration is closed only phones with a profile begin, and nobody is made", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const closed = { mayRegister: false };
    await expectRefusal(store.beginPhoneSession(beginning("a", closed)), "registration_closed");
    expect(await store.findPhoneSession(tokenOf("a"))).toBeUndefined();
    await store.beginPhoneSession(beginning("b"));
    expect(await verify(store, "b", rightCode, false)).toEqual({ result: "roster_not_found" });
    expect(await store.countUsers()).toBe(0);
    const known = await logInByPhone(store, "380001");
    const again = await store.beginPhoneSession(beginning("c", { ...closed, devKey: "tablet" }));
    expect(again).toMatchObject({ result: "send" });
    const verified = await verify(store, "c", rightCode, false);
    expect(verified).toMatchObject({ result: "login", session: { userId: known.user.userId } });
  });

  test("a token that was shown is a session's own, and is recognised with what it is for", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const shown = { shown: tokenOf("own"), shownIsUsable: true };
    expect(await store.beginPhoneSession(beginning("a", shown))).toMatchObject({ result: "send", token: "shown" });
    expect(await store.beginPhoneSession(beginning("b", shown))).toEqual({ result: "not_verified", token: "shown" });
    expect(await store.beginPhoneSession(beginning("b", { ...shown, phone: "380002" }))).toEqual({
      result: "mismatch_user_data",
    });
    await verify(store, "own", rightCode);
    expect(await store.beginPhoneSession(beginning("b", shown))).toMatchObject({
      result: "login",
      session: { phone: "380001", devKey: "dev" },
    });
    expect(await store.beginPhoneSession(beginning("c", { phone: "380002" }))).toEqual({ result: "miltiple_devices" });
    expect(await store.beginPhoneSession(beginning("c", { devKey: undefined }))).toEqual({
      result: "mismatch_user_data",
    });
    const unknown = { shown: tokenOf("unknown"), phone: undefined };
    expect(await store.beginPhoneSession(beginning("c", unknown))).toEqual({ result: "session_not_found" });
  });

  test("a pending code is shared, but for one that was not sent", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const first = await store.beginPhoneSession(beginning("a"));
    expect(await store.beginPhoneSession(beginning("b"))).toEqual({ result: "not_verified", token: "fresh" });
    if (first.result !== "send") throw new Error("a code was to be sent");
    await store.phoneCodeFailed(first.codeId);
    expect(await store.beginPhoneSession(beginning("c"))).toMatchObject({ result: "send" });
  });

  test("a new code takes the place of the old one, with all its tries, for a session that waits", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const renew = (name: string, code: string, pendingMs = 1) =>
      store.renewPhoneCode({
        token: tokenOf(name),
        pendingMs,
        code: hashNewCode(code),
        lifetimeMs: phoneLimits.codeLifetimeMs,
      });
    await store.beginPhoneSession(beginning("a"));
    for (let n = 0; n < phoneLimits.attemptsMax; n += 1) await verify(store, "a", wrongCode);
    expect(await verify(store, "a", rightCode)).toEqual({ result: "attempts_expired" });
    expect(await renew("a", "111111", 0)).toBe("session_not_found");
    expect(await renew("b", "111111")).toBe("session_not_found");
    expect(await verify(store, "a", "111111")).toEqual({ result: "attempts_expired" });
    expect(await renew("a", "222222")).toBe("open");
    expect(await verify(store, "a", rightCode)).toEqual({ result: "invalid_sms_code" });
    expect(await verify(store, "a", "222222")).toMatchObject({ result: "login" });
    expect(await renew("a", "333333")).toBe("verified");
    opened.plant.emptyProfile("380002");
    await store.beginPhoneSession(beginning("c", { devKey: "other", phone: "380002" }));
    expect(await renew("c", "111111")).toBe("roster_not_found");
  });

  test("sessions of a phone are listed the newest first, and each is ended by its own phone alone", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const first = await logInByPhone(store, "380001", "phone");
    clock.advance(1000);
    const second = await logInByPhone(store, "380001", "tablet");
    await logInByPhone(store, "380002");
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.listPhoneSessions("380001")).toEqual([second.session, first.session]);
    });
    const end = (phone: string) => opened.store.endPhoneSession({ phone, sessionId: first.session.sessionId });
    expect([await end("380002"), await end("380001"), await end("380001")]).toEqual([false, true, false]);
    expect(await opened.store.findPhoneSession(first.token)).toBeUndefined();
    expect(await opened.store.listPhoneSessions("380001")).toEqual([second.session]);
    expect(second.user.userId).toBe(first.user.userId);
  });

  test("a session remembers when its client was last there", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { session, token } = await logInByPhone(store, "380001");
    const lastOnlineAtMs = session.lastOnlineAtMs + 5000;
    const touched = store.touchPhoneSession(session.sessionId, lastOnlineAtMs);
    await store.touchUsers([]); // It is written with the next change.
    await touched;
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findPhoneSession(token)).toEqual({ ...session, lastOnlineAtMs });
    });
  });

  test("a session hears of chats once its client asked for more than the three documents have", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { session, token } = await logInByPhone(store, "380001");
    expect(session.hearsChats).toBe(false);
    await store.hearPhoneSession(session.sessionId);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findPhoneSession(token)).toEqual({ ...session, hearsChats: true });
    });
  });
}
