/** Contacts: rows of a pair, blocking, and who knows whom. The rules of asking and confirming are `tests/domain/contacts.ts`. */
import { expect, test } from "bun:test";
import type { User, UserId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, expectRefusal, group, type OpenFresh, people, text, withUser } from "./stage.ts";

const nobody = 1 as UserId;
const statusesOf = async (store: Store, a: User, b: User) => [
  (await store.findContact(a.userId, b.userId))?.status,
  (await store.findContact(b.userId, a.userId))?.status,
];

async function befriend(store: Store, a: User, b: User): Promise<void> {
  await store.requestContacts({ userId: a.userId, friends: [b.userId] });
  await store.confirmContact({ userId: b.userId, friend: a.userId });
}

export function contactContract(openFresh: OpenFresh): void {
  test("one answer comes per friend, with both sides' changes; friends get a direct chat", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const updatedAtMs = clock.nowMs();
    const both = (status: [string, string]) => [
      { userId: bob.userId, contactId: ann.userId, status: status[0], updatedAtMs },
      { userId: ann.userId, contactId: bob.userId, status: status[1], updatedAtMs },
    ];
    expect(
      await store.requestContacts({ userId: ann.userId, friends: [nobody, bob.userId, ann.userId] }),
    ).toMatchObject([
      { outcome: "not_found", friend: undefined, changes: [], entered: undefined },
      { outcome: "requested", friend: bob, changes: both(["authorization", "request"]), entered: undefined },
      { outcome: "not_found", friend: undefined, changes: [], entered: undefined },
    ]);
    expect(await statusesOf(store, ann, bob)).toEqual(["request", "authorization"]);
    expect(await store.confirmContact({ userId: ann.userId, friend: bob.userId })).toMatchObject({
      outcome: "nothing_to_confirm",
      changes: [],
    });
    const confirmed = await store.confirmContact({ userId: bob.userId, friend: ann.userId });
    expect(confirmed).toMatchObject({ outcome: "confirmed", friend: ann, entered: { chat: { kind: "direct" } } });
    expect(confirmed.changes.map((change) => change.status)).toEqual(["friend", "friend"]);
    await alsoAfterReopening(opened, async (now) => {
      expect(await statusesOf(now, ann, bob)).toEqual(["friend", "friend"]);
      expect(await now.findContact(ann.userId, bob.userId)).toMatchObject({ user: bob, updatedAtMs });
      expect(await now.findContact(ann.userId, nobody)).toBeUndefined();
    });
    const revoked = await opened.store.revokeContact({ userId: ann.userId, friend: bob.userId });
    expect(revoked).toMatchObject({ outcome: "revoked", changes: both(["revoke", "revoke"]), entered: undefined });
    expect(await statusesOf(opened.store, ann, bob)).toEqual([undefined, undefined]);
    expect(await opened.store.revokeContact({ userId: ann.userId, friend: bob.userId })).toMatchObject({
      outcome: "nothing_to_revoke",
      changes: [],
    });
  });

  test("a user who is gone or disabled asks, confirms and revokes nothing", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await store.setUserDisabled({ userId: bob.userId, disabled: true });
    for (const userId of [bob.userId, nobody]) {
      await expectRefusal(store.requestContacts({ userId, friends: [ann.userId] }), "not_authorized");
      await expectRefusal(store.confirmContact({ userId, friend: ann.userId }), "not_authorized");
      await expectRefusal(store.revokeContact({ userId, friend: ann.userId }), "not_authorized");
    }
    expect(await statusesOf(store, ann, bob)).toEqual([undefined, undefined]);
  });

  test("contacts come page by page, without disabled users", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    for (const { userId } of [dora, carl, bob]) await store.requestContacts({ userId: ann.userId, friends: [userId] });
    await store.setUserDisabled({ userId: carl.userId, disabled: true });
    await alsoAfterReopening(opened, async (now) => {
      const page = async (after: number, limit: number) =>
        (await now.contactPage({ userId: ann.userId, after, limit })).map(({ user, status }) => [user.nick, status]);
      expect(await page(0, 9)).toEqual([
        ["Bob", "request"],
        ["Dora", "request"],
      ]);
      expect(await page(0, 1)).toEqual([["Bob", "request"]]);
      expect(await page(bob.userId, 9)).toEqual([["Dora", "request"]]);
      expect(await page(dora.userId, 9)).toEqual([]);
    });
  });

  test("contacts are listed by rising id, later those alone that changed, they or their users", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob, carl, dora] = await people(store, "Ann", "Bob", "Carl", "Dora");
    await befriend(store, ann, dora);
    await befriend(store, ann, bob);
    await store.requestContacts({ userId: ann.userId, friends: [carl.userId] });
    const sinceMs = clock.nowMs();
    clock.advance(1000);
    await store.setAvatar(dora.userId, new Uint8Array([1]));
    await store.revokeContact({ userId: carl.userId, friend: ann.userId });
    await store.requestContacts({ userId: carl.userId, friends: [ann.userId] });
    await alsoAfterReopening(opened, async (now) => {
      const list = async (changedAfterMs?: number) =>
        (await now.listContacts({ userId: ann.userId, changedAfterMs })).map(({ user, status }) => [user.nick, status]);
      expect(await list()).toEqual([
        ["Bob", "friend"],
        ["Carl", "authorization"],
        ["Dora", "friend"],
      ]);
      expect(await list(sinceMs)).toEqual([
        ["Carl", "authorization"],
        ["Dora", "friend"],
      ]);
      expect(await list(clock.nowMs())).toEqual([]);
      expect(await now.listFriendIds(ann.userId)).toEqual([bob.userId, dora.userId]);
      expect(await now.listFriendIds(carl.userId)).toEqual([]);
    });
  });

  test("a blocked user is one until taken back, which restores what the other's row says", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    await befriend(store, ann, bob);
    clock.advance(1000);
    const request = { userId: ann.userId, contactId: bob.userId };
    const result = { contactId: bob.userId, updatedAtMs: clock.nowMs() };
    expect(await store.unblockContact(request)).toMatchObject({ changed: false });
    expect(await store.blockContact(request)).toEqual({ ...result, changed: true, wereFriends: true });
    expect(await store.blockContact(request)).toMatchObject({ changed: false });
    await alsoAfterReopening(opened, async (now) => {
      expect(await statusesOf(now, ann, bob)).toEqual(["banned", "friend"]);
      expect(await now.isBlocked({ by: ann.userId, contactId: bob.userId })).toBe(true);
      expect(await now.isBlocked({ by: bob.userId, contactId: ann.userId })).toBe(false);
      // A friend on one side alone is none.
      expect(await now.listFriendIds(bob.userId)).toEqual([]);
    });
    expect(await opened.store.unblockContact(request)).toEqual({ ...result, changed: true, wereFriends: false });
    expect(await statusesOf(opened.store, ann, bob)).toEqual(["friend", "friend"]);
    expect(await opened.store.isBlocked({ by: ann.userId, contactId: bob.userId })).toBe(false);
    await opened.store.blockContact({ userId: ann.userId, contactId: carl.userId });
    await opened.store.unblockContact({ userId: ann.userId, contactId: carl.userId });
    expect(await statusesOf(opened.store, ann, carl)).toEqual([undefined, undefined]);
    for (const contactId of [nobody, ann.userId]) {
      await expectRefusal(opened.store.blockContact({ userId: ann.userId, contactId }), "user_not_found");
      await expectRefusal(opened.store.unblockContact({ userId: ann.userId, contactId }), "user_not_found");
    }
  });

  test("an acquaintance is the user, a contact who was not only asked, or shares a chat", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl, dora, emil] = await people(store, "Ann", "Bob", "Carl", "Dora", "Emil");
    await store.requestContacts({ userId: ann.userId, friends: [bob.userId] });
    await group(store, ann, carl);
    await store.appendMessage(text(dora, withUser(ann), "hello"));
    await alsoAfterReopening(opened, async (now) => {
      const known = (user: User, other: number) => now.isAcquaintance(user.userId, other);
      expect(await known(ann, ann.userId)).toBe(true);
      expect(await known(ann, bob.userId)).toBe(false);
      expect(await known(bob, ann.userId)).toBe(true);
      expect(await known(ann, carl.userId)).toBe(true);
      expect(await known(ann, dora.userId)).toBe(true);
      expect(await known(ann, emil.userId)).toBe(false);
      expect(await known(ann, nobody)).toBe(false);
    });
  });
}
