/** What is said and kept when the machine's clock is set. */
import { expect, test } from "bun:test";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { SteadyClock } from "../../../src/lib/steady-clock.ts";
import { watchClock } from "../../../src/ops/clock-watch.ts";
import { createHealth } from "../../../src/ops/health.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const hour = 3_600_000;
const day = 24 * hour;

function open() {
  const machine = createManualClock();
  const clock = new SteadyClock(machine);
  const health = createHealth();
  const lines: string[] = [];
  const note: Log["info"] = (message) => void lines.push(message);
  const kept: unknown[] = [];
  const keep = async (time: unknown): Promise<void> => {
    kept.push(time);
    if (kept.length === 1) throw new Error("the disk is full");
  };
  const watch = watchClock({ clock, log: { ...silentLog, info: note, warn: note }, health, keep });
  return { machine, clock, health, lines, kept, watch, [Symbol.dispose]: () => watch.stop() };
}

test("a step is logged and kept, and no reason against serving", async () => {
  using stage = open();
  const { machine, watch, health, lines, kept } = stage;
  expect(watch.seen()).toEqual({ wallMs: machine.nowMs(), stepsMs: 0, lagMs: 0, believedInMs: undefined });
  machine.set(-2 * hour);
  expect(watch.seen()).toMatchObject({ stepsMs: -2 * hour, believedInMs: undefined });
  await Promise.resolve(); // What could not be kept is logged.
  machine.set(2 * hour + 3 * day);
  expect(watch.seen()).toMatchObject({ stepsMs: 3 * day, lagMs: 3 * day, believedInMs: hour });
  expect(kept).toEqual([
    { stepsMs: -2 * hour, lagMs: -2 * hour },
    { stepsMs: 3 * day, lagMs: 3 * day },
  ]);
  expect(lines.filter((line) => line.startsWith("the clock was set"))).toHaveLength(2);
  expect(lines.filter((line) => line.includes("could not be kept"))).toHaveLength(1);
  expect(lines.at(-1)).toContain("roost clock accept");
  expect(health.readiness()).toEqual({
    ready: true,
    reasons: [],
    warnings: ["clock: the wall clock is 259200 seconds ahead, and nothing ends by that yet; roost clock says more"],
  });
});

test("what the operator accepts has passed, and what has held for an hour too", async () => {
  for (const accepts of [true, false]) {
    using stage = open();
    const { machine, clock, watch, health, kept } = stage;
    machine.set(-hour);
    watch.seen();
    machine.set(hour + 3 * day);
    watch.seen();
    if (accepts) expect(await watch.accept()).toBe(3 * day);
    else machine.advance(hour);
    expect(watch.seen()).toMatchObject({ stepsMs: 0, lagMs: 0, believedInMs: undefined });
    expect<number>(clock.steadyMs()).toBe(machine.nowMs());
    expect(kept.at(-1)).toEqual({ stepsMs: 0, lagMs: 0 });
    expect(health.readiness().warnings).toEqual([]);
  }
});

test("a step that comes just before the end is kept", () => {
  const { machine, watch, kept } = open();
  machine.set(2 * hour);
  watch.stop();
  expect(kept).toEqual([{ stepsMs: 2 * hour, lagMs: 2 * hour }]);
});
