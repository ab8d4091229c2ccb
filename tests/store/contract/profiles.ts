/** Profiles: what a phone is linked to, codes for its addresses, moving to another phone, and the end of it all. */
import { expect, test } from "bun:test";
import type { DomainEvent, EventType } from "../../../src/domain/events.ts";
import type { UserId } from "../../../src/domain/model.ts";
import { hashNewCode } from "../../../src/domain/phones/new-codes.ts";
import type { ProfileLimits, Service } from "../../../src/domain/profiles/profile-store.ts";
import type { Store } from "../../../src/domain/store.ts";
import { logInByPhone, rightCode, wrongCode } from "./phone-log-in.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh, people } from "./stage.ts";

const limits: ProfileLimits = { codeLifetimeMs: 600_000, attemptsMax: 3, mailsPerHour: 3 };
const settings = [{ id: "f", key: "lang", value: "ua", group: "LANGUAGE" }];
const service = (login: string, status = "added"): Service => ({
  id: login,
  type: "email",
  data: undefined,
  login,
  expiration: undefined,
  status,
});

/** Those of these types, from now on. */
function recorded(store: Store, ...types: readonly EventType[]): DomainEvent[] {
  const events: DomainEvent[] = [];
  for (const type of types) store.onEvent(type, (event) => events.push(event));
  return events;
}

export function profileContract(openFresh: OpenFresh): void {
  test("a profile is found by its phone with its users, by rising id", async () => {
    await using opened = await openFresh();
    const { user } = await logInByPhone(opened.store, "380001");
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findProfile("380001")).toEqual({
        phone: "380001",
        services: [],
        settings: [],
        balance: 0,
        updatedAtMs: opened.clock.nowMs(),
      });
      expect(await now.listUsersOfPhone("380001")).toEqual([user]);
      expect(await now.findProfile("380002")).toBeUndefined();
      expect(await now.listUsersOfPhone("380002")).toEqual([]);
    });
  });

  test("a change replaces what is given and says whom others see differently; the time moves only with it", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const { user } = await logInByPhone(store, "380001");
    const phone = "380001";
    expect(await store.changeProfile({ phone: "380009", settings, touch: true })).toBeUndefined();
    clock.advance(1000);
    const changedAtMs = clock.nowMs();
    const rosters = [{ userId: user.userId, names: "Anna", surnames: "Ivanova" }];
    expect(await store.changeProfile({ phone, settings, rosters, touch: false })).toMatchObject({
      profile: { phone, settings, services: [], updatedAtMs: changedAtMs },
      userIds: [user.userId],
      changed: true,
    });
    clock.advance(1000);
    expect(await store.changeProfile({ phone, settings, rosters, touch: false })).toMatchObject({
      profile: { updatedAtMs: changedAtMs },
      userIds: [],
      changed: false,
    });
    expect(await store.changeProfile({ phone, touch: true })).toMatchObject({
      profile: { settings, updatedAtMs: clock.nowMs() },
      changed: false,
    });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findProfile(phone)).toMatchObject({ settings, updatedAtMs: clock.nowMs() });
      expect(await now.findUser(user.userId)).toMatchObject({ names: "Anna", surnames: "Ivanova" });
    });
  });

  test("nothing of a change happens where one of its users is not the profile's", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const { user } = await logInByPhone(store, "380001");
    const [stranger] = await people(store, "Stranger");
    const rosters = [user.userId, stranger.userId].map((userId) => ({ userId, names: "Mallory" }));
    const before = await store.findProfile("380001");
    await expectRefusal(store.changeProfile({ phone: "380001", settings, rosters, touch: true }), "not_authorized");
    expect(await store.findProfile("380001")).toEqual(before as never);
    expect(await store.findUser(user.userId)).toEqual(user);
    expect(await store.findUser(stranger.userId)).toEqual(stranger);
  });

  test("an address is verified by its code once, within its tries, and so many mails leave in an hour", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    await logInByPhone(store, "380001");
    const address = "ann@example.org";
    const request = (...addresses: string[]) => ({
      phone: "380001",
      services: addresses.map((each) => service(each)),
      codes: addresses.map((each) => ({ address: each, code: hashNewCode(rightCode) })),
      limits,
    });
    const verify = (code: string, of: string | undefined = undefined) =>
      store.verifyEmailCode({ phone: "380001", address: of, code, limits });
    expect(await store.addEmailCodes({ ...request(address), phone: "380009" })).toBeUndefined();
    expect(await store.addEmailCodes(request(address))).toEqual({ addresses: [address] });
    expect((await store.findProfile("380001"))?.services).toMatchObject([{ login: address, status: "added" }]);
    expect(await verify(wrongCode)).toBeUndefined();
    expect(await verify(rightCode, "other@example.org")).toBeUndefined();
    expect(await verify(rightCode, address)).toMatchObject({ services: [{ login: address, status: "verified" }] });
    expect(await verify(rightCode, address)).toBeUndefined();
    expect(await store.addEmailCodes(request("b@example.org", "c@example.org", "d@example.org"))).toEqual({
      addresses: ["b@example.org", "c@example.org"],
    });
    for (let n = 0; n < limits.attemptsMax; n += 1) await verify(wrongCode, "b@example.org");
    expect(await verify(rightCode, "b@example.org")).toBeUndefined();
    expect(await verify(rightCode)).toMatchObject({ services: expect.arrayContaining([]) });
    clock.advance(3_600_000);
    expect(await store.addEmailCodes(request("d@example.org"))).toEqual({ addresses: ["d@example.org"] });
    clock.advance(limits.codeLifetimeMs);
    expect(await verify(rightCode)).toBeUndefined();
    await alsoAfterReopening(opened, async (now) => {
      const services = (await now.findProfile("380001"))?.services.map(({ login, status }) => [login, status]);
      expect(services).toEqual([
        [address, "verified"],
        ["b@example.org", "added"],
        ["c@example.org", "verified"],
        ["d@example.org", "added"],
      ]);
    });
  });

  test("a migration moves profile, users and sessions, where it was asked for and its code is right", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const ann = await logInByPhone(store, "380001");
    const bob = await logInByPhone(store, "380002");
    await store.requestContacts({ userId: ann.user.userId, friends: [bob.user.userId] });
    await store.confirmContact({ userId: bob.user.userId, friend: ann.user.userId });
    const begin = (newPhone: string, phone = "380001") =>
      store.beginMigration({ phone, newPhone, code: hashNewCode(rightCode), lifetimeMs: 600_000 });
    const finish = (newPhone: string, code: string | undefined, codeRequired = true) =>
      store.finishMigration({ phone: "380001", newPhone, code, codeRequired, limits });
    expect([await begin("380002"), await begin("380008", "380007")]).toEqual([false, false]);
    expect(await finish("380009", rightCode)).toBeUndefined();
    // The latest is the one that is pending.
    expect([await begin("380008"), await begin("380009")]).toEqual([true, true]);
    expect(await finish("380008", rightCode)).toBeUndefined();
    expect(await finish("380009", wrongCode)).toBeUndefined();
    expect(await finish("380009", undefined)).toBeUndefined();
    clock.advance(1000);
    expect(await finish("380009", undefined, false)).toEqual({
      fromPhone: "380001",
      profile: { phone: "380009", services: [], settings: [], balance: 0, updatedAtMs: clock.nowMs() },
      sessions: [{ ...ann.session, phone: "380009" }],
      users: [{ userId: ann.user.userId, friendIds: [bob.user.userId] }],
    });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findProfile("380001")).toBeUndefined();
      expect(await now.listUserIdsOfPhone("380009")).toEqual([ann.user.userId]);
      expect(await now.findPhoneSession(ann.token)).toMatchObject({ phone: "380009" });
    });
  });

  test("a phone has one more user, with what others see of them, up to a bound", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await logInByPhone(store, "380001");
    const events = recorded(store, "roster.added");
    const roster = { names: "Ann", surnames: "Work", avatarLink: "https://pictures.example.org/a.png" };
    const second = await store.addRoster({ phone: "380001", roster, rostersMax: 2 });
    expect(second).toMatchObject({ phone: "380001", ...roster, nick: "Ann Work", username: undefined });
    expect(events).toEqual([
      { type: "roster.added", phone: "380001", userId: second?.userId as UserId, to: [second?.userId as UserId] },
    ]);
    await expectRefusal(store.addRoster({ phone: "380001", roster: {}, rostersMax: 2 }), "too_many_members");
    expect(await store.addRoster({ phone: "380009", roster, rostersMax: 2 })).toBeUndefined();
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.listUserIdsOfPhone("380001")).toEqual([ann.user.userId, second?.userId as UserId]);
    });
  });

  test("one user of a phone goes with their chats, contacts and log-ins, and never the last who may log in", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const ann = await logInByPhone(store, "380001");
    const bob = await logInByPhone(store, "380002");
    const first = ann.user.userId;
    const second = await store.addRoster({ phone: "380001", roster: { nick: "work" }, rostersMax: 9 });
    const secondId = second?.userId as UserId;
    for (const userId of [first, secondId]) {
      await store.requestContacts({ userId, friends: [bob.user.userId] });
      await store.confirmContact({ userId: bob.user.userId, friend: userId });
    }
    await store.requestContacts({ userId: secondId, friends: [first] });
    expect(await store.removeRoster({ phone: "380001", userId: bob.user.userId })).toBe("not_found");
    expect(await store.removeRoster({ phone: "380009", userId: first })).toBe("not_found");
    expect(await store.removeRoster({ phone: "380002", userId: bob.user.userId })).toBe("last");
    await store.setUserDisabled({ userId: secondId, disabled: true });
    // The one would leave no one who may log in, and what the operator disabled stays.
    for (const userId of [first, secondId]) {
      expect(await store.removeRoster({ phone: "380001", userId })).toBe("last");
    }
    await store.setUserDisabled({ userId: secondId, disabled: false });
    clock.advance(1000);
    const events = recorded(store, "roster.removed", "session.ended", "user.revoked");
    const gone = { contactId: first, status: "deleted", updatedAtMs: clock.nowMs() };
    expect(await store.removeRoster({ phone: "380001", userId: first })).toMatchObject({
      phone: "380001",
      sessions: [ann.session],
      users: [ann.user],
      // Another user of the same phone is another user.
      changes: [
        { ...gone, userId: bob.user.userId, formerPhoneId: `380001_${first}` },
        { ...gone, userId: secondId },
      ],
      kept: [],
    });
    expect(events.map(({ type, to }) => [type, to])).toEqual([
      ["roster.removed", [first]],
      ["session.ended", [first]],
      ["user.revoked", [first]],
    ]);
    expect(await store.removeRoster({ phone: "380001", userId: first })).toBe("not_found");
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(first)).toBeUndefined();
      expect(await now.findPhoneSession(ann.token)).toBeUndefined();
      expect(await now.listUserIdsOfPhone("380001")).toEqual([secondId]);
      const left = await now.listContacts({ userId: bob.user.userId });
      expect(left.map(({ user }) => user.userId)).toEqual([secondId]);
      expect(await now.findProfile("380001")).toBeDefined();
    });
  });

  test("a removed user of a phone who has a password stays, without the phone", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await logInByPhone(store, "380001");
    await store.setPassword(ann.user.userId, "hash");
    await store.addRoster({ phone: "380001", roster: {}, rostersMax: 9 });
    const events = recorded(store, "user.revoked", "session.ended");
    const removed = await store.removeRoster({ phone: "380001", userId: ann.user.userId });
    expect(removed).toMatchObject({ kept: [ann.user.userId], sessions: [ann.session], left: [] });
    expect(events.map(({ type }) => type)).toEqual(["session.ended"]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(ann.user.userId)).toMatchObject({ phone: undefined });
    });
  });

  test("a removed profile takes its users along, but for those with other credentials, and says who is to be told", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const ann = await logInByPhone(store, "380001");
    const bob = await logInByPhone(store, "380002");
    await store.setPassword(bob.user.userId, "hash");
    await store.requestContacts({ userId: ann.user.userId, friends: [bob.user.userId] });
    await store.confirmContact({ userId: bob.user.userId, friend: ann.user.userId });
    clock.advance(1000);
    expect(await store.removeProfile("380009")).toBeUndefined();
    const removed = await store.removeProfile("380001");
    expect(removed).toMatchObject({
      phone: "380001",
      sessions: [ann.session],
      users: [ann.user],
      changes: [
        {
          userId: bob.user.userId,
          contactId: ann.user.userId,
          status: "deleted",
          updatedAtMs: clock.nowMs(),
          formerPhoneId: `380001_${ann.user.userId}`,
        },
      ],
      left: [{ deleted: false }],
      kept: [],
    });
    expect(await store.removeProfile("380002")).toMatchObject({ kept: [bob.user.userId], left: [], changes: [] });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(ann.user.userId)).toBeUndefined();
      expect(await now.findPhoneSession(ann.token)).toBeUndefined();
      expect(await now.findUser(bob.user.userId)).toMatchObject({ phone: undefined });
      expect(await now.listContacts({ userId: bob.user.userId })).toEqual([]);
    });
  });
}
