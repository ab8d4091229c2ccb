/** Events of users: what the members of a chat are told together stands once on disk, and goes with the last who confirms it. */
import { expect, test } from "bun:test";
import type { Door } from "../../src/domain/model.ts";
import type { NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { openStage, type Stage, userIdsOf } from "./committer-stage.ts";

const bodies = (stage: Stage) => stage.rows("SELECT count(*) FROM event_bodies").flat()[0];

test("members are told by one body, which is dropped when all doors of all members have confirmed", () => {
  using stage = openStage();
  const { ids } = stage.chatOf("Ann", "Bob", "Carl");
  expect(bodies(stage)).toBe(1);
  const events = stage.rows("SELECT user_id, event_id FROM events") as [number, number][];
  expect(events.map(([userId]) => userId).toSorted()).toEqual(ids.toSorted());
  for (const [index, [userId, eventId]] of events.entries()) {
    for (const door of ["minioicq", "rest"] satisfies Door[]) {
      expect(bodies(stage)).toBe(1);
      stage.commit(["confirmEvents", { userId, door, eventIds: [eventId] }]);
      // Twice changes nothing.
      stage.commit(["confirmEvents", { userId, door, eventIds: [eventId] }]);
    }
    expect(stage.rows("SELECT count(*) FROM events").flat()).toEqual([events.length - index - 1]);
  }
  expect(bodies(stage)).toBe(0);
});

test("four times the members are about four times the bytes", () => {
  const pagesFor = (count: number): number => {
    using stage = openStage();
    const members = userIdsOf(
      stage.commit(...Array.from({ length: count }, (_, n): NamedChange => ["createUser", { nick: `user ${n}` }])),
    );
    const pages = () => Number(stage.rows("PRAGMA page_count").flat()[0]);
    const before = pages();
    stage.commit(["createChat", { ownerId: members[0], members, name: "all" }]);
    expect(stage.rows("SELECT count(*) FROM events").flat()).toEqual([count]);
    return pages() - before;
  };
  expect(pagesFor(800)).toBeLessThan(8 * pagesFor(200));
});
