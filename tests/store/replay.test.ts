/** Changes are functions of database, batch and arguments: executed twice, once with cold caches, they do the same. */
import { expect, test } from "bun:test";
import type { ChangeName } from "../../src/store/sqlite/changes.ts";
import type { NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { at } from "../support/manual-clock.ts";
import { createRandom } from "../support/random.ts";
import { countedAgain, takenOf } from "./disk-recount.ts";
import { createGenerator, startMs } from "./replay/generator.ts";
import { openTwins } from "./replay/twins.ts";

/** These are asked for more often, since much else stands on what they make. */
const often: readonly ChangeName[] = [
  "createUser",
  "appendMessage",
  "createChat",
  "openDevice",
  "openSession",
  "enqueue",
  "beginPhoneSession",
  "advance",
];

/** They refer to a user or an MQTT session that may be gone by then; nothing checks that before the foreign key does. */
const mayFail: ReadonlySet<ChangeName> = new Set([
  "subscribe",
  "received",
  "openDevice",
  "appendMessage",
  "appendMessages",
]);

test("batches of every change do the same on two databases, one with cold caches", () => {
  const seed = Number(process.env["REPLAY_SEED"] ?? 1);
  const random = createRandom(seed);
  using twins = openTwins(startMs);
  const generator = createGenerator(twins.db, random);
  const done = new Map<ChangeName, number>(generator.names.map((name) => [name, 0]));
  const faults = new Map<ChangeName, string>();
  const names = [...generator.names, ...often, ...often, ...often];
  let clockMs = startMs;
  const first = ["Ann", "Bob", "Carl"].map((nick): NamedChange => ["createUser", { nick }]);
  twins.commit({ nowMs: startMs, steadyMs: at(startMs), seed: `${seed}`, changes: first });
  for (let round = 0; round < 800; round += 1) {
    // Mostly onwards, now and then back by hours or days.
    clockMs += random.chance(0.03) ? (random.int(60) - 40) * 3_600_000 : random.int(120_000);
    if (random.chance(0.02)) twins.restart();
    const changes = Array.from({ length: 1 + random.int(6) }, (): NamedChange => generator.change(random.pick(names)));
    const { outcomes, different, forgot } = twins.commit({
      nowMs: clockMs,
      steadyMs: at(startMs + round * 60_000),
      seed: `${seed}.${round}`,
      changes,
    });
    expect({ seed, round, different: different.map((index) => changes[index]) }).toEqual({
      seed,
      round,
      different: [],
    });
    // A refusal leaves nothing to undo: every change checks before it writes.
    const mayForget = outcomes.some(([kind]) => kind === 2) || changes.some(([name]) => name === "removeProfile");
    expect({ seed, round, forgot: forgot && !mayForget }).toEqual({ seed, round, forgot: false });
    outcomes.forEach((outcome, index) => {
      const name = changes[index]?.[0];
      if (name === undefined) return;
      if (outcome[0] === 0) done.set(name, (done.get(name) ?? 0) + 1);
      if (outcome[0] === 2) faults.set(name, outcome[1]);
    });
    if (round % 100 !== 99) continue;
    expect([seed, round, twins.differentTables()]).toEqual([seed, round, []]);
    expect([seed, round, takenOf(twins.db)]).toEqual([seed, round, countedAgain(twins.db)]);
  }
  expect([...done].filter(([, times]) => times === 0)).toEqual([]);
  expect([...faults].filter(([name]) => !mayFail.has(name))).toEqual([]);
});
