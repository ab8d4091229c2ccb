/** Steady time: what passes while the wall clock is set, and from one run to the next. */
import { expect, test } from "bun:test";
import type { MonotonicMs, SteadyMs } from "../../../src/lib/clock.ts";
import { SteadyClock } from "../../../src/lib/steady-clock.ts";
import { at } from "../../support/manual-clock.ts";

const second = 1000;
const hour = 3_600 * second;
const day = 24 * hour;
const year = 365 * day;
const startMs = Date.UTC(2026, 5, 1);

/** A machine on which servers run one after the other. Its monotonic clock begins anew with each. */
class Machine {
  wallMs: number;
  #sinceStartMs = 0;
  clock: SteadyClock;

  constructor(wallMs = startMs) {
    this.wallMs = wallMs;
    this.clock = this.#start();
  }

  #start(): SteadyClock {
    this.#sinceStartMs = 17;
    return new SteadyClock({
      nowMs: () => this.wallMs,
      monotonicMs: () => this.#sinceStartMs as MonotonicMs,
    });
  }

  /** Time passes, and the server looks at the clock each second, or often enough. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= hour / 4) {
      const slice = Math.min(left, hour / 4);
      this.wallMs += slice;
      this.#sinceStartMs += slice;
      this.clock.look();
    }
  }

  set(ms: number): void {
    this.wallMs += ms;
    this.clock.look();
  }

  /** The server ends, the wall clock shows so much more than then, and it starts again. */
  restart(laterMs: number): void {
    const { stepsMs, lagMs } = this.clock;
    const steadyMs = this.clock.steadyMs();
    this.wallMs += laterMs;
    this.clock = this.#start();
    this.clock.resume({ steadyMs, stepsMs, lagMs });
  }
}

const steps = [60 * second, 2 * hour, day, 40 * year].flatMap((ms) => [ms, -ms]);

test.each(steps)("a wall clock that is set by %d ms leaves steady time as it is", (ms) => {
  const machine = new Machine();
  expect(machine.clock.steadyMs()).toBe(at(startMs));
  machine.pass(5 * second);
  machine.set(ms);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 5 * second));
  machine.pass(10 * second);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 15 * second));
  expect(machine.clock.wallOf(at(startMs + 15 * second))).toBe(machine.wallMs);
});

test.each(steps)("and so it does with the clock set by %d ms before a restart", (ms) => {
  const machine = new Machine();
  machine.pass(5 * second);
  machine.set(ms);
  machine.restart(10 * second);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 15 * second));
  machine.pass(1 * second);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 16 * second));
});

// What the clock shows at the next start, and how much of it has passed.
test.each([
  [0, 0],
  [60 * second, 60 * second],
  [2 * hour, 2 * hour],
  [day, day],
  [day + second, 0],
  [40 * year, 0],
  [-60 * second, 0],
  [-2 * hour, 0],
  [-day, 0],
  [-startMs, 0],
])("of an absence of %d ms by the wall clock, %d ms count at once", (laterMs, passedMs) => {
  const machine = new Machine();
  machine.restart(laterMs);
  expect(machine.clock.steadyMs()).toBe(at(startMs + passedMs));
  expect(machine.clock.wallOf(machine.clock.steadyMs())).toBe(machine.wallMs);
});

test("a difference of less than two seconds is no step", () => {
  const machine = new Machine();
  machine.wallMs += 1999;
  expect(machine.clock.look()).toBeUndefined();
  machine.wallMs += 1;
  expect(machine.clock.look()).toEqual({ kind: "set", byMs: 2000 });
  expect(machine.clock.look()).toBeUndefined();
});

test("more than a day is believed once it has held for an hour", () => {
  const machine = new Machine();
  machine.restart(3 * day);
  expect(machine.clock.believedAtMs).toBe(at(17 + hour));
  machine.pass(hour - second);
  machine.set(5 * second); // Set again: the hour begins again.
  machine.pass(hour - second);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 2 * hour - 2 * second));
  machine.pass(second);
  expect(machine.clock.steadyMs()).toBe(at(machine.wallMs));
  expect([machine.clock.stepsMs, machine.clock.lagMs, machine.clock.believedAtMs]).toEqual([0, 0, undefined]);
});

test("a clock that was wrong for less than an hour is never believed", () => {
  const machine = new Machine();
  machine.set(10 * year);
  machine.pass(hour / 2);
  machine.set(-10 * year);
  machine.pass(3 * hour);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 3.5 * hour));
  expect(machine.clock.stepsMs).toBe(0);
});

test("what the operator accepts counts at once, and nothing else does", () => {
  const machine = new Machine();
  machine.set(2 * hour);
  machine.pass(5 * day);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 5 * day)); // No more than a day: it is not believed by itself.
  expect(machine.clock.accept()).toBe(2 * hour);
  expect(machine.clock.steadyMs()).toBe(at(machine.wallMs));
  expect(machine.clock.accept()).toBe(0);
  machine.set(-3 * day);
  expect(machine.clock.accept()).toBe(0);
  expect(machine.clock.steadyMs()).toBe(at(machine.wallMs + 3 * day));
});

test("a machine without a battery starts in 1970, is set, and loses only the time it was off, when that is believed", () => {
  const machine = new Machine();
  machine.restart(-startMs);
  machine.pass(20 * second);
  expect(machine.clock.steadyMs()).toBe(at(startMs + 20 * second));
  machine.set(startMs + 4 * day); // It was off for four days.
  expect(machine.clock.steadyMs()).toBe(at(startMs + 20 * second));
  expect(machine.clock.lagMs).toBe(4 * day);
  machine.pass(hour);
  expect(machine.clock.steadyMs()).toBe(at(machine.wallMs));
});

test("nights that a clock does not know of are believed once they come to more than a day", () => {
  const machine = new Machine();
  for (let night = 1; night <= 4; night += 1) {
    machine.restart(0); // The clock goes on where it stood.
    machine.set(8 * hour);
    machine.pass(16 * hour);
    const off = night < 4 ? 8 * night * hour : 0;
    expect([night, machine.clock.lagMs]).toEqual([night, off]);
  }
  expect(machine.clock.steadyMs()).toBe(at(machine.wallMs));
});

test.each([
  ["is set while the first server runs", (machine: Machine) => machine.set(startMs)],
  ["is set before the next start", (machine: Machine) => machine.restart(startMs)],
  [
    "begins again in 1970, and is set then",
    (machine: Machine) => {
      machine.restart(-machine.wallMs);
      machine.set(startMs);
    },
  ],
])("a new server on a clock that was never set takes nothing for time that passed, where the clock %s", (_, set) => {
  const machine = new Machine(0);
  machine.pass(60 * second);
  const before: SteadyMs = machine.clock.steadyMs();
  set(machine);
  machine.pass(3 * day);
  expect(machine.clock.steadyMs() - before).toBe(3 * day);
});
