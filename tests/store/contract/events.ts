/** Durable events: who is told what at which door, until the door has confirmed it. */
import { expect, test } from "bun:test";
import type { Door, StoredEvent, User } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { alsoAfterReopening, group, type OpenFresh, people, text, withUser } from "./stage.ts";

const eventsOf = (store: Store, user: User, door: Door): Promise<StoredEvent[]> =>
  store.events(user.userId, door, { after: 0, limit: 100 });
const named = (...usernames: string[]) => usernames.map((username) => ({ username }));
const brief = (events: readonly StoredEvent[]) =>
  events.map((event) => [event.type, event.chatKey, event.users.map((user) => user.userKey).join(" "), event.deleted]);

async function team(store: Store, ...usernames: string[]): Promise<User[]> {
  return (await store.putMembers({ chatKey: "team", people: named(...usernames), chatName: undefined })).users;
}

export function eventContract(openFresh: OpenFresh): void {
  test("who enters is told at both doors, who was there at REST alone", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [a, b] = await team(store, "a", "b");
    const [c] = await team(store, "c");
    if (a === undefined || b === undefined || c === undefined) throw new Error("three users were put");
    await alsoAfterReopening(opened, async (now) => {
      const atRest = await eventsOf(now, a, "rest");
      expect(brief(atRest)).toEqual([
        ["entered", "team", "a b", false],
        ["entered", "team", "c", false],
      ]);
      expect(atRest[1]).toMatchObject({ userId: a.userId, createdAtMs: clock.nowMs() });
      expect(atRest[1]?.users).toEqual([{ userId: c.userId, guid: c.guid, userKey: "c", nick: "c" }]);
      expect(brief(await eventsOf(now, a, "minioicq"))).toEqual([["entered", "team", "a b", false]]);
      expect(brief(await eventsOf(now, c, "minioicq"))).toEqual([["entered", "team", "c", false]]);
      expect(brief(await eventsOf(now, c, "rest"))).toEqual([["entered", "team", "c", false]]);
    });
  });

  test("the rows a change answers with are the events stored for each who is told", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const put = await store.putMembers({ chatKey: "team", people: named("a", "b"), chatName: undefined });
    const left = await store.removeMembers({ chatKey: "team", people: ["b"] });
    for (const user of put.users) {
      const ids = (await eventsOf(store, user, "rest")).map((event) => event.eventId);
      const rows = [...(put.entered?.rows ?? []), ...(left?.rows ?? [])].filter((row) => row.userId === user.userId);
      expect(rows.map((row) => row.eventId)).toEqual(ids);
      expect(ids).toHaveLength(2);
    }
  });

  test("leaving is told at REST to all who were there, those who left included", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const users = await team(store, "a", "b", "c");
    await store.removeMembers({ chatKey: "team", people: ["c"] });
    await store.deleteChat("team");
    const [a, , c] = users;
    if (a === undefined || c === undefined) throw new Error("three users were put");
    expect(brief(await eventsOf(store, a, "rest")).slice(1)).toEqual([
      ["left", "team", "c", false],
      ["left", "team", "a b", true],
    ]);
    expect(brief(await eventsOf(store, c, "rest")).slice(1)).toEqual([["left", "team", "c", false]]);
    for (const user of users) expect(await eventsOf(store, user, "minioicq")).toHaveLength(1);
  });

  test("both people of a new direct chat have entered it, whoever spoke first", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await store.appendMessage(text(ann, withUser(bob), "hello"));
    for (const user of [ann, bob]) {
      expect(await eventsOf(store, user, "minioicq")).toHaveLength(1);
      expect(await eventsOf(store, user, "rest")).toHaveLength(1);
    }
  });

  test("each door confirms for itself, and only the user's own events", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [a, b] = await team(store, "a", "b");
    if (a === undefined || b === undefined) throw new Error("two users were put");
    const [event] = await eventsOf(store, a, "rest");
    if (event === undefined) throw new Error("an event was expected");
    await store.confirmEvents(b.userId, "rest", [event.eventId]);
    expect(await eventsOf(store, a, "rest")).toHaveLength(1);
    expect(await eventsOf(store, b, "rest")).toHaveLength(1);
    await store.confirmEvents(a.userId, "rest", [event.eventId]);
    expect(await eventsOf(store, a, "rest")).toEqual([]);
    expect(await eventsOf(store, a, "minioicq")).toEqual([event]);
    await store.confirmEvents(a.userId, "rest", [event.eventId]);
    const again = await opened.reopen();
    expect(await eventsOf(again, a, "rest")).toEqual([]);
    await again.confirmEvents(a.userId, "minioicq", [event.eventId]);
    expect(await eventsOf(again, a, "minioicq")).toEqual([]);
    expect(await eventsOf(again, b, "minioicq")).toHaveLength(1);
  });

  test("an event's number is never used again, also after all were confirmed", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const numbers: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      await group(opened.store, ann);
      for (const { eventId } of await eventsOf(opened.store, ann, "rest")) {
        numbers.push(eventId);
        await opened.store.confirmEvents(ann.userId, "rest", [eventId]);
        await opened.store.confirmEvents(ann.userId, "minioicq", [eventId]);
      }
      await opened.reopen();
    }
    expect(numbers).toHaveLength(3);
    expect(numbers).toEqual([...new Set(numbers)].sort((x, y) => x - y));
  });

  test("events are read oldest first, page by page", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    for (let n = 0; n < 7; n += 1) await group(store, ann);
    const pages: StoredEvent[][] = [];
    let after = 0;
    for (let page = 0; page < 4; page += 1) {
      const events = await store.events(ann.userId, "rest", { after, limit: 3 });
      pages.push(events);
      after = events.at(-1)?.eventId ?? after;
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1, 0]);
    expect(pages.flat()).toEqual(await eventsOf(store, ann, "rest"));
  });

  test("an event that nobody confirmed is gone once it is older than 30 days", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    await group(store, ann);
    clock.advance(29 * 86_400_000);
    await group(store, ann);
    await store.confirmEvents(bob.userId, "rest", []);
    expect(await eventsOf(store, ann, "rest")).toHaveLength(2);
    clock.advance(2 * 86_400_000);
    await store.confirmEvents(bob.userId, "rest", []);
    expect(await eventsOf(store, ann, "rest")).toHaveLength(1);
  });
}
