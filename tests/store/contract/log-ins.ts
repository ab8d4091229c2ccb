/** How users are logged in: tokens that clients keep, passwords, invitations, and how a log-in or an account ends. */

import { expect, test } from "bun:test";
import type { UserId } from "../../../src/domain/model.ts";
import { tokenIdOf } from "../../../src/domain/people/secrets.ts";
import type { Store } from "../../../src/domain/store.ts";
import { later, type SteadyMs } from "../../../src/lib/clock.ts";
import { at } from "../../support/manual-clock.ts";
import { logInByPhone } from "./phone-log-in.ts";
import { alsoAfterReopening, expectRefusal, group, type OpenFresh, people, snapshot, text, withUser } from "./stage.ts";

const nobody = 1 as UserId;
const hash = (byte: number) => new Uint8Array(32).fill(byte);
const idOf = (byte: number) => tokenIdOf(hash(byte));
const ended = (...bytes: number[]) => ({ tokenIds: bytes.map(idOf), phoneSessionIds: [] });
const scramKeys = (byte: number) => ({
  salt: new Uint8Array(16).fill(byte),
  iterations: 4096,
  storedKey: new Uint8Array(32).fill(byte),
  serverKey: new Uint8Array(32).fill(byte),
});

export function logInContract(openFresh: OpenFresh): void {
  const day = 86_400_000;

  const add = (store: Store, userId: UserId, byte: number, lifetimeMs: number, more = {}) =>
    store.addToken({ userId, hash: hash(byte), name: undefined, lifetimeMs, tokensMax: 3, ...more });
  const listed = async (store: Store, userId: UserId, nowMs: SteadyMs, limit = 10) =>
    (await store.listTokens({ userId, nowMs, limit })).map((token) => token.tokenId);

  /** A network is kept with the next commit; this one changes nothing itself. */
  const keep = async (store: Store, pair: Parameters<Store["keepLogInNetwork"]>[0]) => {
    const kept = store.keepLogInNetwork(pair);
    await store.touchUsers([{ userId: nobody, lastSeenAtMs: 0 }]);
    await kept;
  };

  test("a client's token stands for its user, and is listed with its name and its times, the newest first", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const firstMs = clock.nowMs();
    await add(store, ann.userId, 1, 2 * day, { name: "phone" });
    clock.advance(1000);
    await add(store, ann.userId, 2, day - 1000);
    await add(store, bob.userId, 3, day);
    const times = (atMs: number) => ({ createdAtMs: atMs, lastUsedAtMs: atMs });
    const one = { tokenId: idOf(1), door: "minioicq", name: "phone", expiresAtMs: at(firstMs + 2 * day) } as const;
    const two = { tokenId: idOf(2), door: "minioicq", name: undefined, expiresAtMs: at(firstMs + day) } as const;
    await alsoAfterReopening(opened, async (now) => {
      const of = { userId: ann.userId, limit: 10 };
      expect(await now.listTokens({ ...of, nowMs: clock.steadyMs() })).toEqual([
        { ...two, ...times(firstMs + 1000) },
        { ...one, ...times(firstMs) },
      ]);
      expect(await listed(now, ann.userId, clock.steadyMs(), 1)).toEqual([idOf(2)]);
      expect(await listed(now, ann.userId, at(firstMs + day))).toEqual([idOf(1)]);
      expect(await now.findToken(hash(1), "access")).toMatchObject({
        user: ann,
        deviceId: undefined,
        remembered: true,
        expiresAtMs: at(firstMs + 2 * day),
      });
    });
  });

  test("the networks of an account's log-ins are kept for a month, the latest 32, and end with the account", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const of = (user: { userId: UserId }) => `user:${user.userId}`;
    const network = (n: number) => `198.51.100.${n}`;
    const startMs = clock.nowMs();
    await keep(store, { account: of(ann), network: network(0) });
    await keep(store, { account: `user:${nobody}`, network: network(0) });
    await keep(store, { account: "device:lamp", network: network(0) });
    const found = async (now: Store, account: string, of: readonly number[]) =>
      Promise.all(of.map((n) => now.findLogInNetwork({ account, network: network(n) })));
    await alsoAfterReopening(opened, async (now) => {
      expect(await found(now, of(ann), [0, 1])).toEqual([at(startMs), undefined]);
      expect(await found(now, of(bob), [0])).toEqual([undefined]);
      // Accounts that do not exist.
      expect(await found(now, `user:${nobody}`, [0])).toEqual([undefined]);
      expect(await found(now, "device:lamp", [0])).toEqual([undefined]);
    });
    const again = opened.store;
    clock.advance(day);
    await keep(again, { account: of(ann), network: network(0) });
    for (let n = 1; n <= 32; n += 1) {
      clock.advance(1);
      await keep(again, { account: of(ann), network: network(n) });
    }
    expect(await found(again, of(ann), [0, 1, 32])).toEqual([undefined, at(startMs + day + 1), clock.steadyMs()]);
    clock.advance(31 * day);
    await keep(again, { account: of(bob), network: network(0) });
    expect(await found(again, of(ann), [1, 32])).toEqual([undefined, undefined]);
    await again.removeUser(bob.userId);
    expect(await found(again, of(bob), [0])).toEqual([undefined]);
    const lamp = { name: "lamp", passwordHash: "h", certificateSubject: undefined, scramKeys: undefined };
    for (const time of [1, 2]) {
      await again.addMqttDevice({ ...lamp, publish: undefined, subscribe: undefined, userId: undefined });
      expect([time, ...(await found(again, "device:lamp", [0]))]).toEqual([time, undefined]);
      await keep(again, { account: "device:lamp", network: network(0) });
      expect([time, ...(await found(again, "device:lamp", [0]))]).toEqual([time, clock.steadyMs()]);
      await again.removeMqttDevice("lamp");
    }
  });

  test("beyond so many tokens the user's oldest go", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await add(store, bob.userId, 9, day);
    for (const byte of [1, 2, 3, 4, 5]) await add(store, ann.userId, byte, day);
    expect(await listed(store, ann.userId, clock.steadyMs())).toEqual([idOf(5), idOf(4), idOf(3)]);
    expect(await store.findToken(hash(2), "access")).toBeUndefined();
    expect(await listed(store, bob.userId, clock.steadyMs())).toEqual([idOf(9)]);
  });

  test("a use is noted, and moves the token's end where it is to", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const madeMs = clock.nowMs();
    await add(store, ann.userId, 1, day);
    clock.advance(1000);
    const noted = store.touchToken({ hash: hash(1), lifetimeMs: undefined });
    await store.touchUsers([]); // A use is written with the next change.
    await noted;
    const token = async () => (await store.listTokens({ userId: ann.userId, nowMs: at(madeMs), limit: 1 }))[0];
    expect(await token()).toMatchObject({ lastUsedAtMs: madeMs + 1000, expiresAtMs: at(madeMs + day) });
    clock.advance(1000);
    await store.touchToken({ hash: hash(1), lifetimeMs: 2 * day });
    expect(await token()).toMatchObject({ lastUsedAtMs: madeMs + 2000, expiresAtMs: at(madeMs + 2000 + 2 * day) });
    expect(await store.findToken(hash(1), "access")).toMatchObject({ expiresAtMs: at(madeMs + 2000 + 2 * day) });
  });

  test("a token ends with what was given out with it, and only by its own user", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [made] = await store.provision([
      {
        username: "ann",
        clientId: "phone",
        tokens: [
          { kind: "access", hash: hash(1), lifetimeMs: undefined },
          { kind: "refresh", hash: hash(2), lifetimeMs: undefined },
        ],
      },
    ]);
    const [bob] = await people(store, "Bob");
    const userId = made?.user.userId ?? nobody;
    await add(store, userId, 3, day);
    expect(await store.endToken({ userId: bob.userId, tokenId: idOf(1) })).toBeUndefined();
    expect(await store.endToken({ userId, tokenId: idOf(4) })).toBeUndefined();
    expect(await store.endToken({ userId, tokenId: idOf(1) })).toEqual(ended(1));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findToken(hash(1), "access")).toBeUndefined();
      expect(await now.findToken(hash(2), "refresh")).toBeUndefined();
      expect(await listed(now, userId, clock.steadyMs())).toEqual([idOf(3)]);
    });
    expect(await opened.store.endToken({ userId, tokenId: idOf(3) })).toEqual(ended(3));
  });

  test("a password changes only from the one that is in force, and ends the other log-ins where it is to", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const { userId } = ann;
    await store.setPassword(userId, "one", { scramKeys: scramKeys(1) });
    await add(store, userId, 1, day);
    await add(store, userId, 2, day);
    const change = (oldHash: string, passwordHash: string, end: { exceptTokenId: string | undefined } | undefined) =>
      store.changePassword({ userId, oldHash, passwordHash, scramKeys: scramKeys(2), end });
    await expectRefusal(change("zero", "two", { exceptTokenId: undefined }), "wrong_password");
    expect(await store.findPasswordHash(userId)).toBe("one");
    expect([...((await store.findScramKeys(`user:${userId}`))?.salt ?? [])]).toEqual([...scramKeys(1).salt]);
    expect(await change("one", "two", undefined)).toEqual(ended());
    expect(await listed(store, userId, clock.steadyMs())).toEqual([idOf(2), idOf(1)]);
    expect(await change("two", "three", { exceptTokenId: idOf(2) })).toEqual(ended(1));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findPasswordHash(userId)).toBe("three");
      expect([...((await now.findScramKeys(`user:${userId}`))?.salt ?? [])]).toEqual([...scramKeys(2).salt]);
      expect(await listed(now, userId, clock.steadyMs())).toEqual([idOf(2)]);
    });
    expect(
      await opened.store.changePassword({
        userId,
        oldHash: "three",
        passwordHash: "four",
        scramKeys: undefined,
        end: { exceptTokenId: undefined },
      }),
    ).toEqual(ended(2));
    expect(await opened.store.findScramKeys(`user:${userId}`)).toBeUndefined();
  });

  test("a password of the operator's ends what the account made for itself, everything, or nothing", async () => {
    for (const end of ["own", "all", undefined] as const) {
      await using opened = await openFresh();
      const { store, clock } = opened;
      const { user } = await logInByPhone(store, "380001");
      const { userId } = user;
      await store.provision([
        {
          username: "ann",
          tokens: [
            { kind: "access", hash: hash(7), lifetimeMs: day },
            { kind: "refresh", hash: hash(8), lifetimeMs: day },
          ],
        },
      ]);
      const ann = (await store.findUserByKey("ann"))?.userId ?? nobody;
      for (const [of, byte] of [
        [userId, 1],
        [ann, 2],
      ] as const) {
        await add(store, of, byte, day);
        await store.setPassword(of, "new", { end });
      }
      expect(await listed(store, userId, clock.steadyMs())).toEqual(end === undefined ? [idOf(1)] : []);
      const stays = { own: [idOf(7)], all: [], none: [idOf(2), idOf(7)] }[end ?? "none"];
      await alsoAfterReopening(opened, async (now) => {
        expect(await listed(now, ann, clock.steadyMs())).toEqual(stays);
        expect((await now.findToken(hash(8), "refresh")) !== undefined).toBe(end !== "all");
      });
      const sessions = await opened.store.listPhoneSessions("380001");
      expect([end, sessions.length]).toEqual([end, end === undefined ? 1 : 0]);
    }
  });

  test("tokens that people made without a backend's key are their own, those that came of them too", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const pair = (access: number, refresh: number) => [
      { kind: "access" as const, hash: hash(access), lifetimeMs: day },
      { kind: "refresh" as const, hash: hash(refresh), lifetimeMs: day },
    ];
    const [made] = await store.provision([{ username: "ann", tokens: pair(1, 2) }], { onlyNew: true });
    const userId = made?.user.userId ?? nobody;
    expect(made?.user.madeBy).toBe("registered");
    expect(await store.rotateToken(hash(2), pair(3, 4))).toBe("rotated");
    await store.provision([{ username: "ann", tokens: pair(5, 6) }]);
    await store.setPassword(userId, "new", { end: "own" });
    expect(await listed(store, userId, clock.steadyMs())).toEqual([idOf(5)]);
    expect([await store.rotateToken(hash(4), pair(7, 8)), await store.rotateToken(hash(6), pair(7, 8))]).toEqual([
      "unknown",
      "rotated",
    ]);
  });

  test("tokens that have expired are found for a while, page by page, and those that were ended are not", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const start = clock.steadyMs();
    for (const byte of [1, 2, 3, 4])
      await add(store, byte < 4 ? ann.userId : bob.userId, byte, byte * 1000, { tokensMax: 9 });
    await store.endToken({ userId: ann.userId, tokenId: idOf(2) });
    clock.advance(60_000);
    await add(store, bob.userId, 9, day); // what is long expired goes with such a change
    const from = { expiresAtMs: start, rowId: 0 };
    const first = await store.listExpiredTokens({ after: from, until: later(start, 3500), limit: 1 });
    expect(first.tokens).toMatchObject([{ userId: ann.userId, tokenId: idOf(1) }]);
    const second = await store.listExpiredTokens({ after: first.next, until: later(start, 3500), limit: 9 });
    expect(second.tokens.map(({ tokenId }) => tokenId)).toEqual([idOf(3)]);
    const none = await store.listExpiredTokens({ after: second.next, until: later(start, 3500), limit: 9 });
    expect(none).toEqual({ tokens: [], next: second.next });
    const last = await store.listExpiredTokens({ after: none.next, until: clock.steadyMs(), limit: 9 });
    expect(last.tokens).toMatchObject([{ userId: bob.userId, tokenId: idOf(4) }]);
    clock.advance(day / 2);
    await add(store, bob.userId, 10, day);
    expect((await store.listExpiredTokens({ after: from, until: clock.steadyMs(), limit: 9 })).tokens).toEqual([]);
  });

  test("a disabled user's log-ins are over, and the user is back when enabled", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const phone = await logInByPhone(store, "380001");
    const { userId } = phone.user;
    await add(store, userId, 1, day);
    await expectRefusal(store.setUserDisabled({ userId: nobody, disabled: true }), "user_not_found");
    expect(await store.setUserDisabled({ userId, disabled: true })).toEqual({
      tokenIds: [idOf(1)],
      phoneSessionIds: [phone.session.sessionId],
    });
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(userId)).toMatchObject({ disabled: true });
      expect(await now.listUsers({ after: 0, limit: 10 })).toEqual([]);
      expect(await now.listUsers({ after: 0, limit: 10, disabledToo: true })).toHaveLength(1);
      expect(await now.findToken(hash(1), "access")).toBeUndefined();
      expect(await now.listPhoneSessions("380001")).toEqual([]);
    });
    expect(await opened.store.setUserDisabled({ userId, disabled: false })).toEqual(ended());
    expect(await opened.store.findUser(userId)).toMatchObject({ disabled: false });
  });

  test("a removed user is gone from chats, lists of contacts and profile, and others are to be told", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const phone = await logInByPhone(store, "380001");
    const { userId } = phone.user;
    const [bob, carl] = await people(store, "Bob", "Carl");
    const owned = await group(store, phone.user, bob, carl);
    const alone = await group(store, phone.user);
    const { message } = await store.appendMessage(text(phone.user, withUser(bob), "hello"));
    await store.requestContacts({ userId, friends: [bob.userId] });
    await add(store, userId, 1, day);
    clock.advance(1000);
    const before = await snapshot(store, [bob, carl]);
    await expectRefusal(store.removeUser(nobody), "user_not_found");
    expect(await snapshot(store, [bob, carl])).toEqual(before);
    const removed = await store.removeUser(userId);
    expect(removed).toMatchObject({
      tokenIds: [idOf(1)],
      phoneSessionIds: [phone.session.sessionId],
      changes: [
        {
          userId: bob.userId,
          contactId: userId,
          status: "deleted",
          updatedAtMs: clock.nowMs(),
          formerPhoneId: `380001_${userId}`,
        },
      ],
    });
    const left = removed.left.map(({ chat, deleted }) => [chat.chatId, deleted]);
    expect(left.toSorted()).toEqual(
      [
        [owned.chatId, false],
        [alone.chatId, true],
        [message.chatId, false],
      ].toSorted(),
    );
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findUser(userId)).toBeUndefined();
      expect(await now.findProfile("380001")).toBeUndefined();
      expect(await now.listContacts({ userId: bob.userId })).toEqual([]);
      expect(await now.findChat({ id: alone.chatId })).toBeUndefined();
      const view = await now.findChatView({ id: owned.chatId });
      expect(view?.chat.ownerId).toBe(bob.userId);
      expect(view?.members.map((member) => member.userId)).toEqual([bob.userId, carl.userId]);
      expect(await now.messages({ chatId: message.chatId, limit: 10 })).toMatchObject([{ content: "hello" }]);
    });
  });

  test("a user has so many invitations at a time, used or not, and they end with the user", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const add = (byte: number, { userId } = ann) =>
      opened.store.addInvite({ hash: hash(byte), uses: 1, lifetimeMs: day, by: { userId, invitesMax: 2 } });
    const good = (byte: number) => opened.store.hasInvite({ hash: hash(byte), nowMs: clock.steadyMs() });
    await add(1);
    await store.createUser({ nick: "Guest", invite: hash(1) });
    await add(2);
    await expectRefusal(add(3), "too_many_invites");
    await add(4, bob);
    await opened.reopen();
    await expectRefusal(add(3), "too_many_invites");
    expect([await good(2), await good(4)]).toEqual([true, true]);
    await opened.store.setUserDisabled({ userId: ann.userId, disabled: true });
    await opened.store.removeUser(bob.userId);
    expect([await good(2), await good(4)]).toEqual([false, false]);
    await expectRefusal(opened.store.createUser({ nick: "Guest", invite: hash(2) }), "invite_invalid");
    await expectRefusal(add(5), "user_disabled");
    await opened.store.setUserDisabled({ userId: ann.userId, disabled: false });
    expect(await good(2)).toBe(true);
    clock.advance(day);
    await add(6);
  });

  test("an invitation lets in as many users as it is for, until its end", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    await store.addInvite({ hash: hash(1), uses: 2, lifetimeMs: day });
    await store.addInvite({ hash: hash(2), uses: 1, lifetimeMs: day });
    const good = (byte: number) => opened.store.hasInvite({ hash: hash(byte), nowMs: clock.steadyMs() });
    const register = (byte: number) => opened.store.createUser({ nick: "Guest", invite: hash(byte) });
    expect([await good(1), await good(2), await good(3)]).toEqual([true, true, false]);
    await register(1);
    await opened.reopen();
    expect(await good(1)).toBe(true);
    const outcomes = await Promise.allSettled([register(1), register(1)]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["fulfilled", "rejected"]);
    expect(await good(1)).toBe(false);
    await expectRefusal(register(1), "invite_invalid");
    await expectRefusal(register(3), "invite_invalid");
    clock.advance(day);
    expect(await good(2)).toBe(false);
    await expectRefusal(register(2), "invite_invalid");
    expect(await opened.store.countUsers()).toBe(2);
  });
}
