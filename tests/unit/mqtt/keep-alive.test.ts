/** The deadline wheel: nobody early, nobody forgotten. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { DeadlineWheel, type Watched } from "../../../src/mqtt/connection/keep-alive.ts";
import { ManualClock } from "../../support/test-broker.ts";

function watched(deadlineMs: number, passed: () => void): Watched {
  return { deadlineMs, wheelSlot: -1, deadlinePassed: passed };
}

test("a deadline is met after it came, and within three seconds of turning", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 50 }),
      (delays, turns) => {
        const clock = new ManualClock();
        const wheel = new DeadlineWheel(clock);
        const start = clock.nowMs();
        const open = new Set(delays.map((delay) => ({ delay })));
        for (const each of open) {
          wheel.watch(
            watched(start + each.delay, () => {
              expect(clock.nowMs()).toBeGreaterThanOrEqual(start + each.delay);
              expect(open.delete(each)).toBe(true);
            }),
          );
        }
        for (const ms of turns) {
          clock.advance(ms);
          wheel.turn();
          for (const { delay } of open) expect(start + delay + 3000).toBeGreaterThan(clock.nowMs());
        }
      },
    ),
  );
});

test("a deadline moved on is not met at the old time, an unwatched one never", () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  const passed: string[] = [];
  const moved = watched(clock.nowMs() + 10_000, () => passed.push("moved"));
  const gone = watched(clock.nowMs() + 10_000, () => passed.push("gone"));
  wheel.watch(moved);
  wheel.watch(gone);
  clock.advance(5000);
  wheel.turn();
  moved.deadlineMs = clock.nowMs() + 100_000;
  wheel.unwatch(gone);
  clock.advance(95_000);
  wheel.turn();
  expect(passed).toEqual([]);
  clock.advance(8000);
  wheel.turn();
  expect(passed).toEqual(["moved"]);
});

test("after the clock was set back, new deadlines are met in time", () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  clock.advance(-3_600_000);
  wheel.turn();
  const passed: string[] = [];
  wheel.watch(watched(clock.nowMs() + 5000, () => passed.push("x")));
  for (let seconds = 0; seconds < 8; seconds++) {
    clock.advance(1000);
    wheel.turn();
  }
  expect(passed).toEqual(["x"]);
});

test("a clock set back delays, and the wheel goes on", () => {
  const clock = new ManualClock();
  const wheel = new DeadlineWheel(clock);
  const passed: string[] = [];
  wheel.watch(watched(clock.nowMs() + 5000, () => passed.push("x")));
  clock.advance(-3_600_000);
  wheel.turn();
  clock.advance(3_610_000);
  wheel.turn();
  expect(passed).toEqual(["x"]);
});
