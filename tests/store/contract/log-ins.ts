/** How users are logged in: tokens that clients keep, passwords, invitations, and how a log-in or an account ends. */
import { expect, test } from "bun:test";
import type { UserId } from "../../../src/domain/model.ts";
import { tokenIdOf } from "../../../src/domain/people/secrets.ts";
import type { Store } from "../../../src/domain/store.ts";
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

  const add = (store: Store, userId: UserId, byte: number, expiresAtMs: number, more = {}) =>
    store.addToken({ userId, hash: hash(byte), name: undefined, expiresAtMs, tokensMax: 3, ...more });
  const listed = async (store: Store, userId: UserId, nowMs: number, limit = 10) =>
    (await store.listTokens({ userId, nowMs, limit })).map((token) => token.tokenId);

  test("a client's token stands for its user, and is listed with its name and its times, the newest first", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const firstMs = clock.nowMs();
    await add(store, ann.userId, 1, firstMs + 2 * day, { name: "phone" });
    clock.advance(1000);
    await add(store, ann.userId, 2, firstMs + day);
    await add(store, bob.userId, 3, firstMs + day);
    const times = (atMs: number) => ({ createdAtMs: atMs, lastUsedAtMs: atMs });
    const one = { tokenId: idOf(1), door: "minioicq", name: "phone", expiresAtMs: firstMs + 2 * day } as const;
    const two = { tokenId: idOf(2), door: "minioicq", name: undefined, expiresAtMs: firstMs + day } as const;
    await alsoAfterReopening(opened, async (now) => {
      const of = { userId: ann.userId, limit: 10 };
      expect(await now.listTokens({ ...of, nowMs: clock.nowMs() })).toEqual([
        { ...two, ...times(firstMs + 1000) },
        { ...one, ...times(firstMs) },
      ]);
      expect(await listed(now, ann.userId, clock.nowMs(), 1)).toEqual([idOf(2)]);
      expect(await listed(now, ann.userId, firstMs + day)).toEqual([idOf(1)]);
      expect(await now.findToken(hash(1), "access")).toMatchObject({
        user: ann,
        deviceId: undefined,
        remembered: true,
        expiresAtMs: firstMs + 2 * day,
      });
    });
  });

  test("beyond so many tokens the user's oldest go", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await add(store, bob.userId, 9, clock.nowMs() + day);
    for (const byte of [1, 2, 3, 4, 5]) await add(store, ann.userId, byte, clock.nowMs() + day);
    expect(await listed(store, ann.userId, clock.nowMs())).toEqual([idOf(5), idOf(4), idOf(3)]);
    expect(await store.findToken(hash(2), "access")).toBeUndefined();
    expect(await listed(store, bob.userId, clock.nowMs())).toEqual([idOf(9)]);
  });

  test("a use is noted, and moves the token's end where it is to", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const madeMs = clock.nowMs();
    await add(store, ann.userId, 1, madeMs + day);
    clock.advance(1000);
    const noted = store.touchToken({ hash: hash(1), expiresAtMs: undefined });
    await store.touchUsers([]); // A use is written with the next change.
    await noted;
    const token = async () => (await store.listTokens({ userId: ann.userId, nowMs: madeMs, limit: 1 }))[0];
    expect(await token()).toMatchObject({ lastUsedAtMs: madeMs + 1000, expiresAtMs: madeMs + day });
    clock.advance(1000);
    await store.touchToken({ hash: hash(1), expiresAtMs: madeMs + 2 * day });
    expect(await token()).toMatchObject({ lastUsedAtMs: madeMs + 2000, expiresAtMs: madeMs + 2 * day });
    expect(await store.findToken(hash(1), "access")).toMatchObject({ expiresAtMs: madeMs + 2 * day });
  });

  test("a token ends with what was given out with it, and only by its own user", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [made] = await store.provision([
      {
        username: "ann",
        clientId: "phone",
        tokens: [
          { kind: "access", hash: hash(1), expiresAtMs: undefined },
          { kind: "refresh", hash: hash(2), expiresAtMs: undefined },
        ],
      },
    ]);
    const [bob] = await people(store, "Bob");
    const userId = made?.user.userId ?? nobody;
    await add(store, userId, 3, clock.nowMs() + day);
    expect(await store.endToken({ userId: bob.userId, tokenId: idOf(1) })).toBeUndefined();
    expect(await store.endToken({ userId, tokenId: idOf(4) })).toBeUndefined();
    expect(await store.endToken({ userId, tokenId: idOf(1) })).toEqual(ended(1));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findToken(hash(1), "access")).toBeUndefined();
      expect(await now.findToken(hash(2), "refresh")).toBeUndefined();
      expect(await listed(now, userId, clock.nowMs())).toEqual([idOf(3)]);
    });
    expect(await opened.store.endToken({ userId, tokenId: idOf(3) })).toEqual(ended(3));
  });

  test("a password changes only from the one that is in force, and ends the other log-ins where it is to", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const { userId } = ann;
    await store.setPassword(userId, "one", scramKeys(1));
    await add(store, userId, 1, clock.nowMs() + day);
    await add(store, userId, 2, clock.nowMs() + day);
    const change = (oldHash: string, passwordHash: string, end: { exceptTokenId: string | undefined } | undefined) =>
      store.changePassword({ userId, oldHash, passwordHash, scramKeys: scramKeys(2), end });
    await expectRefusal(change("zero", "two", { exceptTokenId: undefined }), "wrong_password");
    expect(await store.findPasswordHash(userId)).toBe("one");
    expect([...((await store.findScramKeys(`user:${userId}`))?.salt ?? [])]).toEqual([...scramKeys(1).salt]);
    expect(await change("one", "two", undefined)).toEqual(ended());
    expect(await listed(store, userId, clock.nowMs())).toEqual([idOf(2), idOf(1)]);
    expect(await change("two", "three", { exceptTokenId: idOf(2) })).toEqual(ended(1));
    await alsoAfterReopening(opened, async (now) => {
      expect(await now.findPasswordHash(userId)).toBe("three");
      expect([...((await now.findScramKeys(`user:${userId}`))?.salt ?? [])]).toEqual([...scramKeys(2).salt]);
      expect(await listed(now, userId, clock.nowMs())).toEqual([idOf(2)]);
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

  test("a disabled user's log-ins are over, and the user is back when enabled", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const phone = await logInByPhone(store, "380001");
    const { userId } = phone.user;
    await add(store, userId, 1, clock.nowMs() + day);
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
    await add(store, userId, 1, clock.nowMs() + day);
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

  test("an invitation lets in as many users as it is for, until its end", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const expiresAtMs = clock.nowMs() + day;
    await store.addInvite({ hash: hash(1), uses: 2, expiresAtMs });
    await store.addInvite({ hash: hash(2), uses: 1, expiresAtMs });
    const good = (byte: number) => opened.store.hasInvite({ hash: hash(byte), nowMs: clock.nowMs() });
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
