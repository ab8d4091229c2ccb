/** The deadline wheel: nobody early, nobody forgotten. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { DeadlineWheel } from "../../../src/mqtt/connection/keep-alive.ts";
import { at, createManualClock } from "../../support/manual-clock.ts";

function watched(deadlineMs: number, passed: () => void) {
  return { deadlineMs: at(deadlineMs), wheelPlace: -1, deadlinePassed: passed };
}

test("a deadline is met after it came, and within three seconds of turning", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 50 }),
      (delays, turns) => {
        const clock = createManualClock();
        const wheel = new DeadlineWheel(clock);
        const start = clock.monotonicMs();
        const open = new Set(delays.map((delay) => ({ delay })));
        for (const each of open) {
          wheel.watch(
            watched(start + each.delay, () => {
              expect(clock.monotonicMs()).toBeGreaterThanOrEqual(start + each.delay);
              expect(open.delete(each)).toBe(true);
            }),
          );
        }
        for (const ms of turns) {
          clock.advance(ms);
          wheel.turn();
          for (const { delay } of open) expect(start + delay + 3000).toBeGreaterThan(clock.monotonicMs());
        }
      },
    ),
  );
});

test("a deadline moved on is not met at the old time, an unwatched one never", () => {
  const clock = createManualClock();
  const wheel = new DeadlineWheel(clock);
  const passed: string[] = [];
  const moved = watched(clock.monotonicMs() + 10_000, () => passed.push("moved"));
  const gone = watched(clock.monotonicMs() + 10_000, () => passed.push("gone"));
  wheel.watch(moved);
  wheel.watch(gone);
  clock.advance(5000);
  wheel.turn();
  moved.deadlineMs = at(clock.monotonicMs() + 100_000);
  wheel.unwatch(gone);
  clock.advance(95_000);
  wheel.turn();
  expect(passed).toEqual([]);
  clock.advance(8000);
  wheel.turn();
  expect(passed).toEqual(["moved"]);
});

test("the wheel turns by time that passes, whatever the wall clock is set to", () => {
  const clock = createManualClock();
  const wheel = new DeadlineWheel(clock);
  const passed: string[] = [];
  wheel.watch(watched(clock.monotonicMs() + 5000, () => passed.push("x")));
  for (const ms of [60_000, -60_000, 7_200_000, -7_200_000, 86_400_000, -clock.nowMs()]) {
    clock.set(ms);
    wheel.turn();
    expect(passed).toEqual([]);
  }
  clock.advance(8000);
  wheel.turn();
  expect(passed).toEqual(["x"]);
});
