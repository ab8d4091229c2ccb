/** Steady time in the store: what is kept for a time counts by it, and it goes on after a restart. */
import { expect, test } from "bun:test";
import type { SteadyMs } from "../../src/lib/clock.ts";
import { createCommitter, type NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { readKeptTime } from "../../src/store/sqlite/engine/kept-time.ts";
import { nowMs, openStage, type Stage, steadyMs } from "./committer-stage.ts";
import { openSqlite } from "./open-sqlite.ts";

const day = 86_400_000;

test("a new database knows of no time, and one with batches of the last of them", async () => {
  await using opened = await openSqlite();
  const { clock } = opened;
  expect(opened.store.keptTime).toBeUndefined();
  await opened.store.createUser({ nick: "Ann" });
  const first = await opened.reopen();
  expect(first.keptTime).toEqual({ steadyMs: clock.steadyMs(), stepsMs: 0, lagMs: 0 });
  clock.advance(5000);
  clock.set(-day);
  await first.keepTime({ stepsMs: -day, lagMs: -day });
  clock.advance(5000);
  await first.createUser({ nick: "Bob" });
  const second = await opened.reopen();
  expect(second.keptTime).toEqual({ steadyMs: clock.steadyMs(), stepsMs: -day, lagMs: -day });
});

test("in a database that has no steady time yet it begins with the time of the last batch", () => {
  using stage = openStage();
  stage.commit(["createUser", { nick: "Ann" }]);
  expect(readKeptTime(stage.db)).toEqual({ steadyMs, stepsMs: 0, lagMs: 0 });
  stage.db.run("DELETE FROM sequence WHERE name = 'steady'");
  expect(readKeptTime(stage.db)).toEqual({ steadyMs, stepsMs: 0, lagMs: 0 });
});

/** Commits at these times by two clocks. */
function commitAt(stage: Stage, times: { nowMs: number; passedMs: number }, ...changes: NamedChange[]) {
  const steady = (steadyMs + times.passedMs) as SteadyMs;
  return stage.committer.commit({ nowMs: times.nowMs, steadyMs: steady, seed: `${times.passedMs}`, changes });
}

test("steady time does not go back, whatever a batch brings", () => {
  using stage = openStage();
  commitAt(stage, { nowMs, passedMs: 10_000 }, ["createUser", { nick: "Ann" }]);
  commitAt(stage, { nowMs, passedMs: 0 }, ["addInvite", { hash: "00", uses: 1, lifetimeMs: 500 }]);
  expect(stage.rows("SELECT expires_at_ms FROM invites")).toEqual([[steadyMs + 10_500]]);
  expect(readKeptTime(stage.db)?.steadyMs).toBe((steadyMs + 10_000) as SteadyMs);
  const others = createCommitter(stage.db, { ...stage.reserve });
  others.commit({ nowMs, steadyMs, seed: "x", changes: [["addInvite", { hash: "01", uses: 1, lifetimeMs: 500 }]] });
  expect(stage.rows("SELECT expires_at_ms FROM invites")).toEqual([[steadyMs + 10_500], [steadyMs + 10_500]]);
});

// Whatever the wall clock shows when the event is made, and when it is looked at.
test.each([
  ["always", nowMs, nowMs],
  ["in 1970 at first", 10_000, nowMs],
  ["in 1970 since", nowMs, 10_000],
  ["a year ahead at first", nowMs + 365 * day, nowMs],
  ["a year ahead since", nowMs, nowMs + 365 * day],
])("an event is kept for thirty days that passed; the clock was right %s", (_, madeMs, lookedMs) => {
  using stage = openStage();
  const { ids } = stage.chatOf("Ann");
  stage.db.run("DELETE FROM events");
  const [ownerId] = ids;
  const made: NamedChange = ["createChat", { ownerId, members: [ownerId], name: "team" }];
  expect(commitAt(stage, { nowMs: madeMs, passedMs: 1000 }, made).outcomes[0]?.[0]).toBe(0);
  const sweep: NamedChange = ["confirmEvents", { userId: ownerId, door: "rest", eventIds: [] }];
  const left = (passedMs: number) => {
    commitAt(stage, { nowMs: lookedMs, passedMs }, sweep);
    return stage.rows("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM event_bodies)").flat();
  };
  expect(left(1000 + 30 * day)).toEqual([1, 1]);
  expect(left(1001 + 30 * day)).toEqual([0, 0]);
});
