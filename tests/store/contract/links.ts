/** The ways into an account: what moves a credential, what refuses to, and what ends with it. */
import { describe, expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { UserId } from "../../../src/domain/model.ts";
import { hashSecret } from "../../../src/domain/people/secrets.ts";
import { hashNewCode } from "../../../src/domain/phones/new-codes.ts";
import type { PhoneLimits } from "../../../src/domain/phones/phone-store.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, type OpenFresh, openDevice, text, withUser } from "./stage.ts";

const phone = "35799000001";
const minuteMs = 60_000;
const attemptsMax = 2;
const limits: PhoneLimits = {
  codeLifetimeMs: minuteMs,
  codeCooldownMs: minuteMs,
  attemptsMax: 3,
  pendingMs: minuteMs,
  pendingPerDeviceMax: 2,
  pendingPerPhoneMax: 3,
  pendingMax: 8,
  sessionsPerPhoneMax: 5,
};

/** The user of a phone, logged in by it. */
async function byPhone(store: Store, secret: string): Promise<UserId> {
  const token = hashSecret(secret);
  await store.beginPhoneSession({
    shown: undefined,
    shownIsUsable: false,
    fresh: token,
    devKey: secret,
    phone,
    clientId: undefined,
    language: undefined,
    code: hashNewCode("123456"),
    mayRegister: true,
    limits,
  });
  const verified = await store.verifyPhoneSession({ token, code: "123456", mayRegister: true, limits });
  if (verified.result !== "login" || verified.session.userId === undefined) throw new Error(verified.result);
  return verified.session.userId;
}

const secret = (name: string) => hashSecret(name);

/** A participant of a backend, with a key and a token. */
async function participant(store: Store, username: string): Promise<UserId> {
  const tokens = [{ kind: "access" as const, hash: secret(`token of ${username}`), lifetimeMs: undefined }];
  const [made] = await store.provision([{ username, publicKey: new Uint8Array([7]), tokens }]);
  if (made === undefined) throw new Error("no participant was made");
  return made.user.userId;
}

const hasToken = async (store: Store, name: string): Promise<boolean> =>
  (await store.findToken(secret(`token of ${name}`), "access")) !== undefined;

const withPassword = async (store: Store, nick: string): Promise<UserId> =>
  (await store.createUser({ nick, passwordHash: "hash" })).userId;

async function linkPhone(store: Store, userId: UserId, code = "phone code"): Promise<void> {
  await store.addAccountCode({ userId, purpose: "phone", code: hashNewCode("phone code"), lifetimeMs: minuteMs });
  await store.linkPhone({ userId, phone, code, attemptsMax });
}

function recorded(store: Store): DomainEvent[] {
  const told: DomainEvent[] = [];
  store.onCommitted({ hears: () => false, committed: (events) => void told.push(...events) });
  return told;
}

export function linkContract(openFresh: OpenFresh): void {
  describe("a phone", () => {
    test("that nobody has is linked by its code, and logs in from then on", async () => {
      await using opened = await openFresh();
      const { store, clock } = opened;
      const ann = await withPassword(store, "Ann");
      await expectRefusal(store.linkPhone({ userId: ann, phone, code: "phone code", attemptsMax }), "code_invalid");
      await linkPhone(store, ann);
      await expectRefusal(linkPhone(store, ann), "already_linked");
      expect(await byPhone(store, "one")).toBe(ann);
      await alsoAfterReopening(opened, async (now) => {
        expect(await now.credentialsOf(ann)).toEqual(["phone", "password"]);
        expect(await now.listUserIdsOfPhone(phone)).toEqual([ann]);
      });
      expect(await store.credentialsOf(1 as UserId)).toEqual([]);
      expect(clock.nowMs()).toBeGreaterThan(0);
    });

    test("a code is the user's and the phone's, for so many tries and so long", async () => {
      await using opened = await openFresh();
      const { store, clock } = opened;
      const [ann, bob] = [await withPassword(store, "Ann"), await withPassword(store, "Bob")];
      const add = () =>
        store.addAccountCode({ userId: ann, purpose: "phone", code: hashNewCode("right"), lifetimeMs: minuteMs });
      const link = (userId: UserId, code: string) => store.linkPhone({ userId, phone, code, attemptsMax });
      await add();
      await expectRefusal(link(bob, "right"), "code_invalid");
      await expectRefusal(link(ann, "wrong"), "code_invalid");
      await expectRefusal(link(ann, "wrong"), "code_invalid");
      await expectRefusal(link(ann, "right"), "code_invalid");
      await add();
      clock.advance(minuteMs);
      await expectRefusal(link(ann, "right"), "code_invalid");
      // It opens nothing else.
      await add();
      expect(await store.tryAccountCode({ userId: ann, code: "right", attemptsMax })).toBe(false);
      expect(await store.credentialsOf(ann)).toEqual(["password"]);
    });

    test("moves from an empty account, which is gone, and its log-ins end before", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const old = await byPhone(store, "one");
      await store.changeProfile({
        phone,
        services: [
          { id: "1", type: "email", data: undefined, login: "a@b.org", expiration: undefined, status: "verified" },
        ],
        touch: true,
      });
      const ann = await withPassword(store, "Ann");
      const told = recorded(store);
      await linkPhone(store, ann);
      expect(told.map(({ type }) => type)).toEqual(["session.ended", "user.revoked"]);
      expect(told[1]).toMatchObject({ to: [old] });
      expect(await store.findUser(old)).toBeUndefined();
      expect(await store.listPhoneSessions(phone)).toEqual([]);
      // The code did not prove the address.
      expect((await store.findProfile(phone))?.services).toEqual([]);
    });

    test.each(["a message", "a chat", "a contact", "a contact of another"])(
      "stays with an account that has %s",
      async (what) => {
        await using opened = await openFresh();
        const { store } = opened;
        const old = await byPhone(store, "one");
        const [ann, bob] = [await withPassword(store, "Ann"), await store.createUser({ nick: "Bob" })];
        const user = await store.findUser(old);
        if (user === undefined) throw new Error("the phone has no user");
        if (what === "a message") {
          const group = (await store.createChat({ ownerId: old, members: [bob.userId], name: "Team" })).chat;
          await store.appendMessage(text(user, { id: group.chatId }, "hello"));
          await store.leaveChat({ userId: old, chat: { id: group.chatId } });
        } else if (what === "a chat") await store.createChat({ ownerId: bob.userId, members: [old], name: "Team" });
        else if (what === "a contact") await store.requestContacts({ userId: old, friends: [bob.userId] });
        else await store.requestContacts({ userId: bob.userId, friends: [old] });
        await expectRefusal(linkPhone(store, ann), "account_in_use");
        expect([await store.credentialsOf(ann), await store.listUserIdsOfPhone(phone)]).toEqual([["password"], [old]]);
        expect(await store.listPhoneSessions(phone)).toHaveLength(1);
      },
    );

    test("leaves an account that has another credential, with what came by the phone alone", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const old = await byPhone(store, "one");
      await store.setPassword(old, "hash");
      const hash = secret("kept");
      await store.addToken({ userId: old, hash, name: undefined, lifetimeMs: minuteMs, tokensMax: 5 });
      const ann = await withPassword(store, "Ann");
      await linkPhone(store, ann);
      expect(await store.credentialsOf(old)).toEqual(["password"]);
      expect([await store.findToken(hash, "access"), await store.listPhoneSessions(phone)]).toMatchObject([{}, []]);
      await store.setUserDisabled({ userId: ann, disabled: true });
      // What the operator closed is not opened by another name.
      await expectRefusal(linkPhone(store, old), "user_disabled");
    });

    test("is unlinked where it is not the last one, with its log-ins and its profile", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const ann = await byPhone(store, "one");
      await expectRefusal(store.unlinkPhone(ann), "last_credential");
      await store.setPassword(ann, "hash");
      const told = recorded(store);
      await store.unlinkPhone(ann);
      expect(told).toMatchObject([{ type: "session.ended", to: [ann] }]);
      expect([await store.credentialsOf(ann), await store.findProfile(phone)]).toEqual([["password"], undefined]);
      await expectRefusal(store.unlinkPhone(ann), "not_linked");
      expect(await byPhone(store, "two")).not.toBe(ann);
    });
  });

  describe("a password", () => {
    test("is a user's first by a code or for a backend, and ends no log-in", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = [await byPhone(store, "one"), await participant(store, "bob")];
      const link = (userId: UserId, code?: string) =>
        store.linkPassword({ userId, code, attemptsMax, passwordHash: "new", scramKeys: undefined });
      await store.addAccountCode({ userId: ann, purpose: "sent", code: hashNewCode("123456"), lifetimeMs: minuteMs });
      await expectRefusal(link(ann, "654321"), "code_invalid");
      await link(ann, "123456");
      await expectRefusal(link(ann), "already_linked");
      await link(bob);
      await alsoAfterReopening(opened, async (now) => {
        expect([await now.credentialsOf(ann), await now.credentialsOf(bob)]).toEqual([
          ["phone", "password"],
          ["password", "user_id"],
        ]);
        expect([await now.findPasswordHash(ann), await hasToken(now, "bob")]).toEqual(["new", true]);
        expect(await now.listPhoneSessions(phone)).toHaveLength(1);
      });
    });

    test("is unlinked with what came by it, and leaves what came otherwise", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const bob = await participant(store, "bob");
      await store.setPassword(bob, "hash");
      const hash = secret("remembered");
      await store.addToken({ userId: bob, hash, name: undefined, lifetimeMs: minuteMs, tokensMax: 5 });
      for (const madeBy of ["rest", "backend"] as const) {
        const token = { ownerKey: `user:${bob}`, name: madeBy, scopes: undefined, lifetimeMs: undefined, tokensMax: 5 };
        await store.addLongToken({ ...token, hash: secret(madeBy), madeBy });
      }
      await expectRefusal(store.unlinkPassword({ userId: bob, oldHash: "other" }), "wrong_password");
      const told = recorded(store);
      await store.unlinkPassword({ userId: bob, oldHash: "hash" });
      expect(told).toMatchObject([
        { type: "long-tokens.ended", ownerKey: `user:${bob}` },
        { type: "log-in.ended", userId: bob, byPassword: true },
      ]);
      expect([await store.findToken(hash, "access"), await store.findLongToken(secret("rest"))]).toEqual([
        undefined,
        undefined,
      ]);
      expect([await hasToken(store, "bob"), await store.findLongToken(secret("backend"))]).toMatchObject([true, {}]);
      expect(await store.credentialsOf(bob)).toEqual(["user_id"]);
      const ann = await withPassword(store, "Ann");
      await expectRefusal(store.unlinkPassword({ userId: ann, oldHash: "hash" }), "last_credential");
    });
  });

  describe("a userID", () => {
    test("that nobody has is a user's from then on, in their messages too", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [ann, bob] = [
        await store.createUser({ nick: "Ann", passwordHash: "hash" }),
        await store.createUser({ nick: "Bob" }),
      ];
      const { message } = await store.appendMessage(text(ann, withUser(bob), "hello"));
      expect((await store.findMessage(message.messageId))?.senderKey).toBe(`user.${ann.userId}`);
      for (const reserved of ["chat.5", "user.99", "10001"]) {
        await expectRefusal(store.linkUsername({ userId: ann.userId, username: reserved }), "reserved_key");
      }
      const told = recorded(store);
      await store.linkUsername({ userId: ann.userId, username: "anna" });
      expect(told.map(({ type }) => type)).toEqual(["user-key.changed", "topics.changed"]);
      expect((await store.findMessage(message.messageId))?.senderKey).toBe("anna");
      expect((await store.appendMessage(text(ann, withUser(bob), "again"))).message.senderKey).toBe("anna");
      await expectRefusal(store.linkUsername({ userId: ann.userId, username: "annette" }), "already_linked");
      await alsoAfterReopening(opened, async (now) => {
        expect((await now.findUserByKey("anna"))?.userId).toBe(ann.userId);
        expect((await now.findUserByKey(`user.${ann.userId}`))?.userId).toBe(ann.userId);
        expect(await now.credentialsOf(ann.userId)).toEqual(["password", "user_id"]);
      });
    });

    test("moves from an empty participant, with its key, and the tokens for it end", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const old = await participant(store, "anna");
      const ann = await byPhone(store, "one");
      await store.linkUsername({ userId: ann, username: "anna" });
      expect([await store.findUser(old), await hasToken(store, "anna")]).toEqual([undefined, false]);
      const user = await store.findUser(ann);
      expect([user?.userKey, user?.nick, user?.publicKey?.byteLength]).toEqual(["anna", "anna", 1]);
      expect((await store.provision([{ username: "anna", tokens: [] }]))[0]?.user.userId).toBe(ann);
    });

    test("stays with a participant who has chats, and leaves one who has a password", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const [bob, carl] = [await participant(store, "bob"), await participant(store, "carl")];
      await store.createChat({ ownerId: bob, members: [], name: "Team" });
      await store.setPassword(carl, "hash");
      const ann = await withPassword(store, "Ann");
      await expectRefusal(store.linkUsername({ userId: ann, username: "bob" }), "account_in_use");
      await store.linkUsername({ userId: ann, username: "carl" });
      expect([await store.credentialsOf(carl), await hasToken(store, "carl")]).toEqual([["password"], false]);
      expect((await store.findUserByKey("carl"))?.userId).toBe(ann);
      expect((await store.findUser(carl))?.userKey).toBe(`user.${carl}`);
    });

    test("is unlinked where it is not the last one, with all that a backend gave", async () => {
      await using opened = await openFresh();
      const { store } = opened;
      const bob = await participant(store, "bob");
      await expectRefusal(store.unlinkUsername(bob), "last_credential");
      await store.setPassword(bob, "hash");
      const remembered = secret("remembered");
      await store.addToken({ userId: bob, hash: remembered, name: undefined, lifetimeMs: minuteMs, tokensMax: 5 });
      const told = recorded(store);
      await store.unlinkUsername(bob);
      expect(told).toMatchObject([
        { type: "log-in.ended", userId: bob, byPassword: false },
        { type: "user-key.changed" },
        { type: "topics.changed" },
      ]);
      expect([await hasToken(store, "bob"), await store.findToken(remembered, "access")]).toMatchObject([false, {}]);
      await expectRefusal(store.unlinkUsername(bob), "not_linked");
      expect(await store.findUserByKey("bob")).toBeUndefined();
      expect(await openDevice(store, { userId: bob, door: "mqtt", name: "phone" })).toBeGreaterThan(0);
    });
  });
}
