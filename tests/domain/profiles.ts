/**
 * PROFILE on a store: what each request changes, answers, and tells to whom (docs/protocols/erlang-terms.md § PROFILE).
 */
import { expect, test } from "bun:test";

import { createContacts } from "../../src/domain/contacts/contacts.ts";
import type { UserId } from "../../src/domain/model.ts";
import type { Feature } from "../../src/domain/profiles/profile-store.ts";
import { createProfiles } from "../../src/domain/profiles/profiles.ts";
import { group, type OpenFresh, people, text, withUser } from "../store/contract/stage.ts";
import { address as clientAddress, openPhoneStage, wrongCode } from "./phone-stage.ts";

type Parts = Partial<Parameters<typeof createProfiles>[0]>;

const minutes = 60_000;

const feature = (key: string, value: string | boolean): Feature => ({ id: `f_${key}`, key, value, group: "LANGUAGE" });

async function openProfileStage(openFresh: OpenFresh, options: Parts = {}) {
  const phones = await openPhoneStage(openFresh);
  const mails: { to: string; code: string; language: string | undefined }[] = [];
  const mailing = { outcome: "sent" as "sent" | "failed" | "throws" };
  const make = () => ({
    profiles: createProfiles({
      store: phones.store,
      clock: phones.clock,
      log: phones.log,
      guard: phones.guard,
      async sendMail(mail) {
        if (mailing.outcome === "throws") throw new Error(`no mail with ${mail.code}`);
        if (mailing.outcome === "sent") mails.push(mail);
        return mailing.outcome === "sent";
      },
      async sendCode(message) {
        phones.sent.push(message);
        return "sent";
      },
      fixedCodeOf: () => undefined,
      ...options,
    }),
    contacts: createContacts({ directory: "all", store: phones.store }),
  });
  let made = make();

  return {
    phones,
    mails,
    mailing,
    clock: phones.clock,
    events: phones.events,
    get store() {
      return phones.store;
    },
    get profiles() {
      return made.profiles;
    },
    get contacts() {
      return made.contacts;
    },
    /** One phone's first user, with the token of their session. */
    async logIn(phone: string, devKey = phone) {
      const { token, session } = await phones.logIn({ phone, devKey });
      const user = await phones.store.findUser(session.userId);
      if (user === undefined) throw new Error("nobody logged in");
      return { token, session, user };
    },
    async befriend(a: UserId, b: UserId) {
      await made.contacts.requestFriend(a, b);
      await made.contacts.confirm(b, a);
      phones.events.length = 0;
    },
    async reopen() {
      await phones.reopen();
      made = make();
    },
    [Symbol.asyncDispose]: () => phones[Symbol.asyncDispose](),
  };
}

const tooLong = "x".repeat(513);

const many = <Value>(count: number, value: Value): Value[] => new Array<Value>(count).fill(value);

const email = (login: string) => ({ type: "email", login });

/** The rules of PROFILE, on a store that `openFresh` opens. */
export function profileRules(openFresh: OpenFresh): void {
  const openStage = (options?: Parts) => openProfileStage(openFresh, options);

  test("a profile is given with its users and their contacts; an unknown one is not", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const bob = await stage.logIn("380002");
    await stage.contacts.requestFriend(ann.user.userId, bob.user.userId);
    const updatedAtMs = stage.clock.nowMs();
    expect(await stage.profiles.get("380001")).toEqual({
      phone: "380001",
      services: [],
      settings: [],
      balance: 0,
      updatedAtMs,
      rosters: [
        {
          user: ann.user,
          phoneId: `380001_${ann.user.userId}`,
          contacts: [{ user: bob.user, status: "request", updatedAtMs }],
          friendIds: new Set(),
        },
      ],
    });
    expect(await stage.profiles.get("380009")).toBeUndefined();
  });

  test("set replaces what is given and nothing else, moves the time, and tells the own users alone", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const bob = await stage.logIn("380002");
    await stage.befriend(ann.user.userId, bob.user.userId);
    stage.clock.advance(1000);
    const settings = [feature("lang", "ua"), feature("sound", true)];
    const rosters = [{ userId: ann.user.userId, names: "Anna", surnames: "Ivanova" }];
    const done = await stage.profiles.set({ phone: "380001", settings, rosters });
    if (done.result !== "done") throw new Error(done.result);
    expect(done.view).toMatchObject({ settings, services: [], balance: 0, updatedAtMs: stage.clock.nowMs() });
    expect(done.view.rosters[0]?.user).toMatchObject({ names: "Anna", surnames: "Ivanova", nick: "Anna Ivanova" });
    expect(stage.events).toEqual([
      { type: "profile.changed", operation: "set", phone: "380001", to: [ann.user.userId] },
    ]);
    stage.clock.advance(1000);
    await stage.profiles.set({ phone: "380001", services: [{ id: "v", type: "vox", login: "anna", status: "add" }] });
    await stage.reopen();
    expect(await stage.profiles.get("380001")).toMatchObject({
      settings,
      services: [{ id: "v", type: "vox", login: "anna", status: "add" }],
      updatedAtMs: stage.clock.nowMs(),
      rosters: [{ user: { names: "Anna" } }],
    });
  });

  test("names stand for a nick until there is one", async () => {
    await using stage = await openStage();
    const { user } = await stage.logIn("380001");
    const nickAfter = async (change: { names?: string; surnames?: string; nick?: string }) => {
      await stage.profiles.set({ phone: "380001", rosters: [{ userId: user.userId, ...change }] });
      return (await stage.store.findUser(user.userId))?.nick;
    };
    expect(user.nick).toBe(`user.${user.userId}`);
    expect(await nickAfter({ names: "Anna" })).toBe("Anna");
    expect(await nickAfter({ surnames: "Ivanova" })).toBe("Anna Ivanova");
    expect(await nickAfter({ nick: "ann" })).toBe("ann");
    expect(await nickAfter({ names: "Anya" })).toBe("ann");
  });

  test("update tells friends of a user they see differently, and gives what changed since", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const bob = await stage.logIn("380002");
    const carl = await stage.logIn("380003");
    await stage.befriend(ann.user.userId, bob.user.userId);
    await stage.contacts.requestFriend(ann.user.userId, carl.user.userId);
    stage.events.length = 0;
    const sinceMs = stage.clock.nowMs();
    stage.clock.advance(1000);
    const rosters = [{ userId: ann.user.userId, names: "Anna" }];
    const done = await stage.profiles.update({ phone: "380001", rosters, sinceMs });
    if (done.result !== "done") throw new Error(done.result);
    const updatedAtMs = stage.clock.nowMs();
    const change = { userId: bob.user.userId, contactId: ann.user.userId, status: "friend" as const, updatedAtMs };
    expect(done.friendChanges).toEqual([change]);
    expect(done.view).toMatchObject({ updatedAtMs, rosters: [{ user: { names: "Anna" }, contacts: [] }] });
    expect(stage.events).toEqual([
      { type: "contact.changed", change, to: [bob.user.userId] },
      { type: "profile.changed", operation: "update", phone: "380001", to: [ann.user.userId] },
    ]);
    stage.events.length = 0;
    stage.clock.advance(1000);
    const same = await stage.profiles.update({ phone: "380001", rosters, sinceMs: updatedAtMs });
    expect(same).toMatchObject({ result: "done", friendChanges: [], view: { updatedAtMs, rosters: [] } });
    expect(stage.events).toEqual([]);
  });

  test.each([
    [undefined, 2],
    [0, 2],
    [-5, 2],
    [Number.NaN, 2],
    ["before", 1],
    ["now", 0],
    [Number.MAX_SAFE_INTEGER, 0],
  ] as const)("update with the time %p gives %i contacts", async (time, count) => {
    await using stage = await openStage();
    const [ann, bob, carl] = [await stage.logIn("380001"), await stage.logIn("380002"), await stage.logIn("380003")];
    await stage.befriend(ann.user.userId, bob.user.userId);
    const before = stage.clock.nowMs();
    stage.clock.advance(1000);
    await stage.befriend(ann.user.userId, carl.user.userId);
    const sinceMs = time === "before" ? before : time === "now" ? stage.clock.nowMs() : time;
    const done = await stage.profiles.update({ phone: "380001", sinceMs });
    if (done.result !== "done") throw new Error(done.result);
    expect(done.view.rosters.flatMap((roster) => roster.contacts)).toHaveLength(count);
    expect(done.view.rosters).toHaveLength(count === 0 ? 0 : 1);
  });

  test.each([
    ["unknown phone", { phone: "380009" }, "not_authorized"],
    ["another's user", { rosters: [{ userId: 1 as UserId, names: "x" }] }, "not_authorized"],
    ["nobody's id", { rosters: [{ userId: Number.NaN as UserId, names: "x" }] }, "not_authorized"],
    ["a user twice", { rosters: many(2, { userId: 1 as UserId }) }, "invalid_data"],
    ["a long name", { rosters: [{ userId: 1 as UserId, names: "x".repeat(129) }] }, "invalid_data"],
    ["half a character", { rosters: [{ userId: 1 as UserId, surnames: "\ud800" }] }, "invalid_data"],
    ["an empty nick", { rosters: [{ userId: 1 as UserId, nick: "" }] }, "invalid_data"],
    ["too many services", { services: many(101, { id: "a" }) }, "invalid_data"],
    ["a long service", { services: [{ id: tooLong }] }, "invalid_data"],
    ["a service with a large text", { services: [{ id: "a", data: "x".repeat(16_385) }] }, "invalid_data"],
    ["a service that ends nowhere", { services: [{ id: "a", expiration: 1.5 }] }, "invalid_data"],
    ["too many settings", { settings: many(1001, feature("a", true)) }, "invalid_data"],
    ["a long setting", { settings: [feature(tooLong, true)] }, "invalid_data"],
    ["large settings", { settings: many(20, feature("a", "x".repeat(16_000))) }, "invalid_data"],
  ] as const)("%s changes nothing", async (_, request, result) => {
    await using stage = await openStage();
    await stage.logIn("380001");
    stage.events.length = 0;
    const before = await stage.profiles.get("380001");
    stage.clock.advance(1000);
    expect(await stage.profiles.set({ phone: "380001", ...request })).toEqual({ result });
    expect(await stage.profiles.update({ phone: "380001", ...request })).toEqual({ result });
    expect(await stage.profiles.get("380001")).toEqual(before as never);
    expect(stage.events).toEqual([]);
  });

  test("no client verifies a service by its word, nor leaves a secret", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    await stage.profiles.set({
      phone: "380001",
      services: [
        { id: "1", type: "email", login: "Ann@Example.org", password: "PASSWORD-1", status: "verified" },
        { id: "AKIA", type: "aws", login: "SECRET-ACCESS-KEY", password: "SESSION-TOKEN", status: "verified" },
        { id: "gone", type: "vox", status: "remove" },
      ],
    });
    expect((await stage.profiles.get("380001"))?.services).toEqual([
      { id: "1", type: "email", login: "ann@example.org", status: "added" },
      { id: "AKIA", type: "aws", status: "added" },
    ] as never);
    await stage.reopen();
    const bytes = await stage.phones.opened.bytesOnDisk();
    for (const secret of ["PASSWORD-1", "SECRET-ACCESS-KEY", "SESSION-TOKEN"])
      expect(bytes.includes(secret)).toBe(false);
  });

  test("an address is linked by the code that was mailed there, once", async () => {
    await using stage = await openStage();
    const { user } = await stage.logIn("380001");
    const request = { phone: "380001", services: [email("Ann@Example.org")], language: "ua" };
    expect(await stage.profiles.linkEmail(request)).toBe("email_sent");
    expect(stage.mails).toEqual([{ to: "ann@example.org", code: expect.stringMatching(/^\d{6}$/), language: "ua" }]);
    const code = stage.mails[0]?.code ?? "";
    const verify = (shown: string | undefined, address?: string) =>
      stage.profiles.verifyEmail({ phone: "380001", address, code: shown, clientAddress });
    expect((await stage.profiles.get("380001"))?.services).toMatchObject([
      { login: "ann@example.org", status: "added" },
    ]);
    expect(await verify(wrongCode(code))).toBe("wrong_code");
    expect(await verify(undefined)).toBe("wrong_code");
    expect(await verify(code, "other@example.org")).toBe("wrong_code");
    expect(await verify(code, "no address")).toBe("wrong_code");
    expect(await stage.profiles.verifyEmail({ phone: "380009", address: undefined, code, clientAddress })).toBe(
      "wrong_code",
    );
    await stage.reopen();
    stage.clock.advance(1000);
    stage.events.length = 0;
    expect(await Promise.all([verify(code, "ANN@example.org"), verify(code)])).toEqual(["verified", "wrong_code"]);
    expect(stage.events).toEqual([{ type: "profile.changed", operation: "email", phone: "380001", to: [user.userId] }]);
    const profile = await stage.profiles.get("380001");
    expect(profile?.services).toMatchObject([{ login: "ann@example.org", status: "verified" }]);
    expect(profile?.updatedAtMs).toBe(stage.clock.nowMs());
    // It stays verified when it is linked or set again.
    await stage.profiles.linkEmail(request);
    await stage.profiles.set({ phone: "380001", services: request.services });
    expect((await stage.profiles.get("380001"))?.services).toMatchObject([{ status: "verified" }]);
  });

  test.each([
    [[], "invalid_data"],
    [[{ type: "vox", login: "ann@example.org" }], "invalid_data"],
    [[email("nonsense")], "invalid_data"],
    [[email("a@b")], "invalid_data"],
    [[email("a b@example.org")], "invalid_data"],
    [[email("a@example.org\r\nBcc: b@example.org")], "invalid_data"],
    [[email(`${"x".repeat(250)}@example.org`)], "invalid_data"],
    [[{ login: "ann@example.org" }], "email_sent"],
    [[{ type: "email", data: "ann@example.org" }], "email_sent"],
    [[{ type: "email", id: "ann@example.org" }], "email_sent"],
    [[email("ann@example.org"), { id: "v", type: "vox", login: "x" }], "email_sent"],
  ] as const)("linking %j answers %s", async (services, result) => {
    await using stage = await openStage();
    await stage.logIn("380001");
    expect(await stage.profiles.linkEmail({ phone: "380001", services })).toBe(result);
    expect(stage.mails.map((mail) => mail.to)).toEqual(result === "email_sent" ? ["ann@example.org"] : []);
    expect((await stage.profiles.get("380001"))?.services.length).toBe(result === "email_sent" ? services.length : 0);
  });

  test("linking is for profiles, and a mail that fails is logged without its code", async () => {
    await using stage = await openStage();
    const services = [email("ann@example.org")];
    expect(await stage.profiles.linkEmail({ phone: "380001", services })).toBe("not_authorized");
    await stage.logIn("380001");
    for (const outcome of ["failed", "throws"] as const) {
      stage.mailing.outcome = outcome;
      expect(await stage.profiles.linkEmail({ phone: "380001", services })).toBe("email_sent");
    }
    expect(stage.phones.log.lines.join("\n")).toContain("a mail failed");
    expect(stage.phones.log.lines.join("\n")).not.toMatch(/\d{6}/);
  });

  test("codes for addresses are short-lived, good for few tries, and mails are few an hour", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    const link = () => stage.profiles.linkEmail({ phone: "380001", services: [email("ann@example.org")] });
    const verify = (code: string | undefined) =>
      stage.profiles.verifyEmail({ phone: "380001", address: undefined, code, clientAddress });
    const last = () => stage.mails.at(-1)?.code ?? "";
    await link();
    stage.clock.advance(10 * minutes);
    expect(await verify(last())).toBe("wrong_code");
    await link();
    for (let n = 0; n < 5; n += 1) await verify(wrongCode(last()));
    expect(await verify(last())).toBe("wrong_code");
    for (let n = 0; n < 20; n += 1) expect(await link()).toBe("email_sent");
    expect(stage.mails).toHaveLength(10);
    for (let n = 0; n < 4; n += 1) await verify(wrongCode(last()));
    expect(await verify(last())).toBe("wrong_code");
    stage.clock.advance(60 * minutes);
    await link();
    expect(await verify(last())).toBe("verified");
  });

  test.each([60_000, 2 * 60 * minutes, 86_400_000].flatMap((ms) => [ms, -ms]))(
    "a machine's clock that is set by %d ms changes neither how long a code is good nor how many mails are sent",
    async (ms) => {
      await using stage = await openStage();
      await stage.logIn("380001");
      const link = () => stage.profiles.linkEmail({ phone: "380001", services: [email("ann@example.org")] });
      const verify = () =>
        stage.profiles.verifyEmail({
          phone: "380001",
          address: undefined,
          code: stage.mails.at(-1)?.code,
          clientAddress,
        });
      await link();
      stage.clock.set(ms);
      stage.clock.advance(10 * minutes);
      expect(await verify()).toBe("wrong_code");
      for (let n = 0; n < 20; n += 1) await link();
      expect(stage.mails).toHaveLength(10);
      stage.clock.set(-ms);
      stage.clock.advance(10 * minutes - 1);
      expect(await verify()).toBe("verified");
    },
  );

  test("a thousand wrong codes of one profile are no more than twenty tries an hour, and concern no other profile", async () => {
    await using stage = await openStage();
    for (const phone of ["380001", "380002"]) {
      await stage.logIn(phone);
      await stage.profiles.linkEmail({ phone, services: [email(`of${phone}@example.org`)] });
    }
    const [mine, others] = stage.mails.map(({ code }) => code);
    const verify = (phone: string, code = "", n = 0) =>
      stage.profiles.verifyEmail({ phone, address: undefined, code, clientAddress: `198.51.100.${n}` });
    for (let n = 0; n < 1000; n += 1) {
      // A new code gives new tries of that code, not of the profile.
      if (n % 5 === 0 && n < 40) {
        await stage.profiles.linkEmail({ phone: "380001", services: [email("of380001@example.org")] });
      }
      expect(await verify("380001", wrongCode(mine ?? ""), n % 250)).toBe("wrong_code");
    }
    expect(await verify("380001", stage.mails.at(-1)?.code)).toBe("wrong_code");
    expect(await verify("380002", others)).toBe("verified");
    stage.clock.advance(3 * minutes);
    expect(await verify("380001", stage.mails.at(-1)?.code)).toBe("verified");
  });

  test("removing takes users, contacts, chats and log-ins, and says who is to be told", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const tablet = await stage.logIn("380001", "tablet");
    const bob = await stage.logIn("380002");
    const carl = await stage.logIn("380003");
    const dora = await stage.logIn("380004");
    await stage.befriend(ann.user.userId, bob.user.userId);
    await stage.contacts.requestFriend(ann.user.userId, carl.user.userId);
    await stage.contacts.requestFriend(dora.user.userId, ann.user.userId);
    const owned = await group(stage.store, ann.user, bob.user, carl.user);
    const alone = await group(stage.store, ann.user);
    await stage.store.appendMessage(text(ann.user, withUser(bob.user), "hello"));
    const pending = await stage.phones.issue({ phone: "380001", devKey: "third" });
    const code = stage.phones.lastCode();
    stage.events.length = 0;
    stage.clock.advance(1000);

    const [removed, again] = await Promise.all([stage.profiles.remove("380001"), stage.profiles.remove("380001")]);
    expect(again).toBeUndefined();
    if (removed === undefined) throw new Error("it was not removed");
    const updatedAtMs = stage.clock.nowMs();
    const formerPhoneId = `380001_${ann.user.userId}`;
    const deleted = (userId: UserId) =>
      ({ userId, contactId: ann.user.userId, status: "deleted", updatedAtMs, formerPhoneId }) as const;
    expect(removed.sessions).toEqual([ann.session, tablet.session]);
    expect(removed.users).toEqual([ann.user]);
    expect(removed.changes).toEqual([deleted(bob.user.userId), deleted(carl.user.userId), deleted(dora.user.userId)]);
    expect(removed.kept).toEqual([]);
    const left = stage.events.filter((event) => event.type === "chat.left");
    expect(stage.events.filter((event) => event.type !== "chat.left")).toEqual([
      {
        type: "session.ended",
        sessionIds: [ann.session.sessionId, tablet.session.sessionId],
        to: [ann.user.userId],
      },
      ...removed.changes.map((change) => ({ type: "contact.changed" as const, change, to: [change.userId] })),
      { type: "user.revoked", to: [ann.user.userId] },
    ]);
    expect(left).toHaveLength(3);

    await stage.reopen();
    const { store } = stage;
    expect(await store.findUser(ann.user.userId)).toBeUndefined();
    expect(await stage.profiles.get("380001")).toBeUndefined();
    expect(await stage.phones.sessions.logInWithToken(ann.token, { address: clientAddress })).toBeUndefined();
    expect(await stage.phones.sessions.list("380001")).toEqual([]);
    expect(await stage.contacts.list(bob.user.userId)).toEqual([]);
    expect(await stage.contacts.list(dora.user.userId)).toEqual([]);
    const view = await store.findChatView({ id: owned.chatId });
    expect(view?.chat.ownerId).toBe(bob.user.userId);
    expect(view?.members.map((member) => member.userId)).toEqual([bob.user.userId, carl.user.userId]);
    expect(await store.findChat({ id: alone.chatId })).toBeUndefined();
    // What was said stays with the other, who can go on reading it.
    const [direct] = (await store.chatsOf(bob.user.userId)).filter((chat) => chat.kind === "direct");
    expect(await store.messages({ chatId: direct?.chatId ?? owned.chatId, limit: 10 })).toMatchObject([
      { content: "hello" },
    ]);
    const sent = await store.appendMessage(text(bob.user, { id: owned.chatId }, "she is gone"));
    expect(sent.members).toEqual([bob.user.userId, carl.user.userId]);

    // Somebody was in the middle of a log-in; a new one starts afresh.
    expect(await stage.phones.resend(pending.token)).toMatchObject({ result: "roster_not_found" });
    const late = stage.phones.verify(pending.token, code);
    expect((await late).result).toBe("roster_not_found");
    expect((await stage.phones.verify(pending.token, code)).result).toBe("session_not_found");
    const anew = await stage.logIn("380001");
    expect(anew.user.userId).not.toBe(ann.user.userId);
  });

  test("a log-in that was begun before a removal does not share its code with one after", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    await stage.phones.issue({ phone: "380001", devKey: "third" });
    await stage.profiles.remove("380001");
    const issued = await stage.phones.issue({ phone: "380001", devKey: "third" });
    expect(issued.result).toBe("sms_send");
    expect((await stage.phones.verify(issued.token, stage.phones.lastCode())).result).toBe("login");
  });

  test("a user who has a password stays when the profile goes, without phone and contacts", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const bob = await stage.logIn("380002");
    await stage.store.setPassword(ann.user.userId, "hash");
    await stage.befriend(ann.user.userId, bob.user.userId);
    const removed = await stage.profiles.remove("380001");
    expect(removed).toMatchObject({ kept: [ann.user.userId], left: [] });
    expect(stage.events.map((event) => event.type)).toEqual(["session.ended", "contact.changed"]);
    expect(await stage.store.findUser(ann.user.userId)).toMatchObject({ phone: undefined });
    expect(await stage.store.findPasswordHash(ann.user.userId)).toBe("hash");
    expect(await stage.contacts.list(ann.user.userId)).toEqual([]);
    expect(await stage.store.chatsOf(ann.user.userId)).toHaveLength(1);
    expect(await stage.phones.sessions.logInWithToken(ann.token, { address: clientAddress })).toBeUndefined();
  });

  test("a migration gives profile, users and sessions the new phone, and tells whom to tell", async () => {
    await using stage = await openStage();
    const ann = await stage.logIn("380001");
    const bob = await stage.logIn("380002");
    await stage.befriend(ann.user.userId, bob.user.userId);
    await stage.profiles.set({
      phone: "380001",
      settings: [feature("lang", "ua")],
      services: [email("a@example.org")],
    });
    stage.events.length = 0;
    const begun = await stage.profiles.startMigration({ phone: "380001", newPhone: "+38 00 09", address: "192.0.2.1" });
    expect(begun).toBe("migration");
    expect(stage.phones.sent.at(-1)).toMatchObject({ phone: "380009" });
    expect((await stage.profiles.get("380001"))?.phone).toBe("380001");
    await stage.reopen();
    stage.clock.advance(1000);
    const code = stage.phones.lastCode();
    const migrated = await stage.profiles.finishMigration({
      phone: "380001",
      newPhone: "380009",
      code,
      address: clientAddress,
    });
    const { userId } = ann.user;
    expect(migrated).toMatchObject({
      result: "migrated",
      fromPhone: "380001",
      view: { phone: "380009", settings: [feature("lang", "ua")], updatedAtMs: stage.clock.nowMs() },
      sessions: [{ ...ann.session, phone: "380009", phoneId: `380009_${userId}` }],
      users: [{ userId, fromPhoneId: `380001_${userId}`, toPhoneId: `380009_${userId}`, friendIds: [bob.user.userId] }],
    });
    expect(stage.events).toEqual([
      { type: "phone.changed", userId, fromPhone: "380001", toPhone: "380009", to: [userId, bob.user.userId] },
    ]);
    await stage.reopen();
    expect(await stage.profiles.get("380001")).toBeUndefined();
    expect(await stage.profiles.get("380009")).toMatchObject({
      settings: [feature("lang", "ua")],
      services: [{ login: "a@example.org" }],
      rosters: [{ phoneId: `380009_${userId}`, contacts: [{ status: "friend" }] }],
    });
    expect(await stage.phones.sessions.logInWithToken(ann.token, { address: clientAddress })).toMatchObject({
      phone: "380009",
      userId,
    });
    expect((await stage.contacts.list(bob.user.userId))[0]?.user.phone).toBe("380009");
    // The old number is free for somebody else.
    expect((await stage.logIn("380001", "new")).user.userId).not.toBe(userId);
  });

  test.each([
    ["optional", "none", "migrated"],
    ["optional", "right", "migrated"],
    ["optional", "wrong", "not_authorized"],
    ["optional", "nonsense", "not_authorized"],
    ["required", "none", "not_authorized"],
    ["required", "right", "migrated"],
    ["required", "wrong", "not_authorized"],
  ] as const)("with a code that is %s, one that is %s: %s", async (migrationCode, kind, result) => {
    await using stage = await openStage({ migrationCode });
    await stage.logIn("380001");
    await stage.profiles.startMigration({ phone: "380001", newPhone: "380009", address: "192.0.2.1" });
    const right = stage.phones.lastCode();
    const code = { none: undefined, right, wrong: wrongCode(right), nonsense: "abc" }[kind];
    const done = await stage.profiles.finishMigration({
      phone: "380001",
      newPhone: "380009",
      code,
      address: clientAddress,
    });
    expect(done.result).toBe(result);
  });

  test("a migration is refused where another profile has the phone, it is none, or was not asked for", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    await stage.logIn("380002");
    const start = (newPhone: string, phone = "380001") =>
      stage.profiles.startMigration({ phone, newPhone, address: "192.0.2.1" });
    const finish = async (newPhone: string, phone = "380001", code?: string) =>
      (await stage.profiles.finishMigration({ phone, newPhone, code, address: clientAddress })).result;
    const sent = stage.phones.sent.length;
    expect(await start("380002")).toBe("not_authorized");
    expect(await start("380001")).toBe("not_authorized");
    expect(await start("nonsense")).toBe("not_authorized");
    expect(await start("380008", "380007")).toBe("not_authorized");
    expect(stage.phones.sent).toHaveLength(sent);
    expect(await finish("380009")).toBe("not_authorized");
    // The latest wins.
    await start("380008");
    await start("380009");
    expect(await finish("380008")).toBe("not_authorized");
    // Somebody logged in with it meanwhile.
    await stage.logIn("380009");
    expect(await finish("380009")).toBe("not_authorized");
    await start("380010");
    stage.clock.advance(10 * minutes);
    expect(await finish("380010")).toBe("not_authorized");
    await start("380010");
    for (let n = 0; n < 5; n += 1) await finish("380010", "380001", wrongCode(stage.phones.lastCode()));
    expect(await finish("380010", "380001", stage.phones.lastCode())).toBe("not_authorized");
    expect((await stage.profiles.get("380001"))?.rosters).toHaveLength(1);
  });

  test("of two profiles that move to one phone at once one does", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    await stage.logIn("380002");
    for (const phone of ["380001", "380002"]) {
      await stage.profiles.startMigration({ phone, newPhone: "380009", address: "192.0.2.1" });
    }
    const done = await Promise.all(
      ["380001", "380002"].map((phone) =>
        stage.profiles.finishMigration({ phone, newPhone: "380009", address: clientAddress }),
      ),
    );
    expect(done.map((one) => one.result)).toEqual(["migrated", "not_authorized"]);
  });

  test("users the profile does not own are not its own", async () => {
    await using stage = await openStage();
    await stage.logIn("380001");
    const [stranger] = await people(stage.store, "Stranger");
    const rosters = [{ userId: stranger.userId, names: "Mallory" }];
    expect(await stage.profiles.set({ phone: "380001", rosters, settings: [feature("a", true)] })).toEqual({
      result: "not_authorized",
    });
    expect((await stage.profiles.get("380001"))?.settings).toEqual([]);
    expect(await stage.store.findUser(stranger.userId)).toMatchObject({ names: "" });
  });
}
