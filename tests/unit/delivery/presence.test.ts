/** Who is told that a user came or went, when, and what it costs while nobody listens. */
import { expect, test } from "bun:test";
import { createPresenceNews, type ShownPresence } from "../../../src/delivery/presence.ts";
import type { User, UserId } from "../../../src/domain/model.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { until } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const ann = 10_001 as UserId;
const bob = 10_002 as UserId;
const eve = 10_003 as UserId;

function stage(friends: Readonly<Record<number, readonly UserId[]>> = { [ann]: [bob], [bob]: [ann] }) {
  const online = new Set<UserId>();
  const clock = createManualClock();
  const now = {
    friends,
    reads: 0,
    lastSeenAtMs: 123_456 as number | undefined,
    /** Who shows their presence to no one, and who may not log in any more. */
    hidden: new Set<number>(),
    disabled: new Set<number>(),
  };
  const userOf = (userId: number) =>
    ({
      userId,
      disabled: now.disabled.has(userId),
      presenceRule: now.hidden.has(userId) ? "none" : "friends",
      lastSeenAtMs: 1,
    }) as User;
  const news = createPresenceNews({
    store: {
      async listFriendIds(userId) {
        now.reads += 1;
        return [...(now.friends[userId] ?? [])];
      },
      findUser: async (userId) => userOf(userId),
      async findContact(userId, contactId) {
        const isFriend = now.friends[userId]?.includes(contactId) === true;
        return isFriend ? { user: userOf(contactId), status: "friend", updatedAtMs: 1 } : undefined;
      },
    },
    hub: { isOnline: (userId) => online.has(userId) },
    lastSeenOfUser: () => now.lastSeenAtMs,
    clock,
    log: silentLog,
  });
  const set = (userId: UserId, isOnline: boolean) => {
    if (isOnline) online.add(userId);
    else online.delete(userId);
    news.changed({ userId, online: isOnline });
  };
  const listener = (userId: UserId, wants: (other: UserId) => boolean = () => true) => {
    const told: ShownPresence[] = [];
    const end = news.listen({ userId, wants, tell: (shown) => void told.push(shown) });
    return { told, end };
  };
  return { news, clock, now, set, listener, [Symbol.dispose]: () => news.stop() };
}

test("a friend who listens is told of coming and going, a stranger is not, one's own client is", async () => {
  using one = stage();
  const [own, friend, stranger] = [one.listener(ann), one.listener(bob), one.listener(eve)];
  one.set(ann, true);
  one.clock.advance(100);
  await until("Bob was told", () => friend.told.length === 1);
  one.set(ann, false);
  one.clock.advance(5000);
  await until("Bob was told of the end", () => friend.told.length === 2);
  expect(friend.told).toEqual([
    { userId: ann, online: true, lastSeenAtMs: undefined },
    { userId: ann, online: false, lastSeenAtMs: 120_000 },
  ]);
  expect([own.told, stranger.told]).toEqual([friend.told, []]);
});

test("who comes back within some seconds was never away, and who goes at once never came", async () => {
  using one = stage();
  const friend = one.listener(bob);
  one.set(ann, true);
  one.set(ann, false);
  one.set(ann, true);
  one.clock.advance(100);
  await until("the first telling", () => friend.told.length === 1);
  one.set(ann, false);
  one.clock.advance(4900);
  expect(await Array.fromAsync(one.news.current(bob, (userId) => userId === ann))).toMatchObject([{ online: true }]);
  one.set(ann, true);
  expect(one.news.size().waiting).toBe(0);
  expect(friend.told).toHaveLength(1);
});

test("while nobody listens nothing is read and nothing waits", () => {
  using one = stage();
  for (let user = 20_000; user < 30_000; user += 1) one.set(user as UserId, true);
  for (let user = 20_000; user < 30_000; user += 1) one.set(user as UserId, false);
  expect([one.now.reads, one.news.size()]).toEqual([0, { listeners: 0, waiting: 0 }]);
});

test("ten thousand who come at once cost one look each, and those who listen alone are told", async () => {
  using one = stage();
  const friend = one.listener(bob);
  for (let user = 20_000; user < 30_000; user += 1) one.set(user as UserId, true);
  one.set(ann, true);
  one.clock.advance(100);
  await until("Bob was told", () => friend.told.length === 1);
  expect([one.now.reads, one.news.size().waiting]).toEqual([10_001, 0]);
});

test("friendship counts as it is at the moment of telling, and new friends are shown each other", async () => {
  using one = stage({});
  const [a, b] = [one.listener(ann), one.listener(bob)];
  one.set(ann, true);
  one.clock.advance(100);
  await until("Ann's own client was told", () => a.told.length === 1);
  expect(b.told).toEqual([]);
  one.news.befriended(bob, ann);
  await new Promise((resolve) => setImmediate(resolve));
  expect(b.told).toEqual([]);
  one.now.friends = { [ann]: [bob], [bob]: [ann] };
  one.news.befriended(ann, bob);
  one.news.befriended(bob, ann);
  await until("both were told", () => a.told.length === 2 && b.told.length === 1);
  expect([a.told.at(-1), b.told]).toMatchObject([{ userId: bob, online: false }, [{ userId: ann, online: true }]]);
});

test("a listener that wants one user alone hears of that one, and nothing after its end", async () => {
  using one = stage({ [ann]: [bob, eve], [bob]: [ann], [eve]: [ann] });
  const picky = one.listener(ann, (userId) => userId === eve);
  one.set(bob, true);
  one.set(eve, true);
  one.clock.advance(100);
  await until("Eve's coming", () => picky.told.length === 1);
  expect(picky.told[0]?.userId).toBe(eve);
  picky.end();
  expect(one.news.size()).toEqual({ listeners: 0, waiting: 0 });
  one.set(eve, false);
  expect(one.news.size().waiting).toBe(0);
});

const bothFriends = { [ann]: [bob], [bob]: [ann] };
const gone = (userId: UserId): ShownPresence => ({ userId, online: false, lastSeenAtMs: undefined });

test("who were friends are gone to each other; to a blocked one it is as if the other had left", async () => {
  using one = stage();
  const [a, b] = [one.listener(ann), one.listener(bob)];
  for (const userId of [ann, bob]) one.set(userId, true);
  one.clock.advance(100);
  await until("both came", () => a.told.length === 2 && b.told.length === 2);
  one.now.friends = {};
  one.news.parted(ann, bob);
  one.news.parted(bob, ann, true);
  await until("both are gone", () => a.told.length === 3 && b.told.length === 3);
  const minute = one.clock.nowMs() - (one.clock.nowMs() % 60_000);
  expect([a.told[2], b.told[2]]).toEqual([gone(bob), { ...gone(ann), lastSeenAtMs: minute }]);
  // Who was away already did not leave.
  one.set(ann, false);
  one.clock.advance(5000);
  await until("the user's own client was told", () => a.told.length === 4);
  one.news.parted(bob, ann, true);
  // Friends again by now.
  one.now.friends = bothFriends;
  one.news.parted(ann, bob);
  one.news.befriended(bob, ann);
  await until("the friend is shown the user", () => b.told.length === 4);
  expect([a.told.length, b.told[3]]).toEqual([4, { userId: ann, online: false, lastSeenAtMs: 120_000 }]);
});

test("who shows it to no one is told of to their own clients alone, and gone at once to friends", async () => {
  using one = stage();
  const [own, friend] = [one.listener(ann), one.listener(bob, (userId) => userId === ann)];
  one.set(ann, true);
  one.clock.advance(100);
  await until("friends are told", () => friend.told.length === 1);
  one.now.hidden.add(ann);
  one.news.ruleChanged(ann);
  await until("the user is gone", () => friend.told.length === 2);
  expect([friend.told[1], await one.news.seenBy(bob, ann)]).toEqual([gone(ann), undefined]);
  expect(await Array.fromAsync(one.news.current(bob, () => true))).toMatchObject([{ userId: bob }]);
  expect(await Array.fromAsync(one.news.current(ann, () => true))).toMatchObject([{ userId: ann, online: true }, {}]);
  one.set(ann, false);
  one.clock.advance(5000);
  await until("the user's own client is told", () => own.told.length === 2);
  // What was never shown does not end.
  one.now.friends = {};
  one.news.parted(bob, ann);
  await new Promise((resolve) => setImmediate(resolve));
  expect(friend.told).toHaveLength(2);
  one.now.friends = bothFriends;
  one.now.hidden.delete(ann);
  one.news.ruleChanged(ann);
  await until("the user shows it again", () => friend.told.length === 3);
  expect(friend.told[2]).toEqual({ userId: ann, online: false, lastSeenAtMs: 120_000 });
  expect(await one.news.seenBy(bob, ann)).toEqual(friend.told[2]);
  expect(await one.news.seenBy(eve, ann)).toBeUndefined();
});

test("who may not log in any more is gone, without a time", async () => {
  using one = stage();
  const friend = one.listener(bob, (userId) => userId === ann);
  one.set(ann, true);
  one.clock.advance(100);
  await until("the user came", () => friend.told.length === 1);
  one.now.disabled.add(ann);
  one.set(ann, false);
  one.clock.advance(5000);
  await until("the user is gone", () => friend.told.length === 2);
  expect([friend.told[1], await one.news.seenBy(bob, ann)]).toEqual([gone(ann), undefined]);
});
