/** What a batch brings along: its time and its seed. With the database and the arguments they decide everything. */
import { expect, test } from "bun:test";
import { createCommitter } from "../../src/store/sqlite/engine/committer.ts";
import { createReserve } from "../../src/store/sqlite/engine/reserve.ts";
import { at } from "../support/manual-clock.ts";
import { nowMs, openStage, steadyMs, userIdsOf } from "./committer-stage.ts";

const hourMs = 3_600_000;

test("a batch's time is no less than the last one's while the clock is up to a day behind, whoever executes it", () => {
  using stage = openStage();
  let batches = 0;
  const timeAt = (clockMs: number, executor = stage.committer): number => {
    batches += 1;
    const batch = executor.commit({
      nowMs: clockMs,
      steadyMs,
      seed: `${batches}`,
      changes: [["createUser", { nick: "Ann" }]],
    });
    return Number(stage.rows(`SELECT created_at_ms FROM users WHERE user_id = ${userIdsOf(batch)[0]}`)[0]?.[0]);
  };
  expect(timeAt(nowMs)).toBe(nowMs);
  expect(timeAt(nowMs + 5)).toBe(nowMs + 5);
  expect(timeAt(nowMs)).toBe(nowMs + 5);
  // What is remembered is in the database: another executor goes on from there.
  const other = createCommitter(stage.db, createReserve(stage.dataDir));
  expect(timeAt(nowMs + 4, other)).toBe(nowMs + 5);
  expect(timeAt(nowMs + 5 - 24 * hourMs, other)).toBe(nowMs + 5);
  expect(timeAt(nowMs + 4 - 24 * hourMs, other)).toBe(nowMs + 4 - 24 * hourMs);
  expect(timeAt(nowMs - 23 * hourMs)).toBe(nowMs - 23 * hourMs);
});

test("GUIDs come from the batch's seed: the same of the same one, and each another's", () => {
  const guidsOf = (seed: string): string[] => {
    using stage = openStage();
    const changes = ["Ann", "Bob"].map((nick) => ["createUser", { nick }] as const);
    stage.committer.commit({ nowMs, steadyMs, seed, changes });
    stage.committer.commit({ nowMs, steadyMs, seed: `${seed}, the next`, changes });
    return stage.rows("SELECT guid FROM users ORDER BY user_id").flat() as string[];
  };
  const [first, again, other] = [guidsOf("one"), guidsOf("one"), guidsOf("two")];
  expect(again).toEqual(first);
  expect(new Set([...first, ...other]).size).toBe(8);
  for (const guid of [...first, ...other]) {
    expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("a batch that changes no row leaves no time behind, and writes nothing", () => {
  using stage = openStage();
  stage.chatOf("Ann");
  const frames = () => stage.rows("PRAGMA wal_checkpoint(NOOP)")[0]?.[1];
  const before = frames();
  const changes = [["restart", { nowMs: at(9) }] as const, ["deleteChat", { chatKey: "nothing" }] as const];
  stage.committer.commit({ nowMs: nowMs + 99, steadyMs, seed: "x", changes });
  expect(frames()).toBe(before);
});
