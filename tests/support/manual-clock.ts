/** Clocks for tests: most stand still until a test moves them. */
import type { Clock, MonotonicMs, SteadyMs } from "../../src/lib/clock.ts";
import { SteadyClock, systemTime } from "../../src/lib/steady-clock.ts";

export interface ManualClock extends Clock {
  /** Time passes. */
  advance(ms: number): void;
  /** The wall clock is set, this much ahead; no time passes. */
  set(ms: number): void;
}

export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let wall = startMs;
  let passed = 0;
  return {
    nowMs: () => wall,
    monotonicMs: () => (1_000_000 + passed) as MonotonicMs,
    steadyMs: () => (startMs + passed) as SteadyMs,
    wallOf: (deadline) => deadline + wall - startMs - passed,
    advance(ms) {
      wall += ms;
      passed += ms;
    },
    set(ms) {
      wall += ms;
    },
  };
}

export interface LeapingClock extends Clock {
  /** So much time has passed at once. */
  leap(ms: number): void;
}

/** Runs as the machine's clock does, or `times` as fast, and leaps when a test says so. A server may run by it. */
export function createLeapingClock(times = 1): LeapingClock {
  const begin = { wall: realClock.nowMs(), monotonic: realClock.monotonicMs() };
  let leapt = 0;
  const passed = (): number => (realClock.monotonicMs() - begin.monotonic) * times + leapt;
  return {
    nowMs: () => begin.wall + passed(),
    monotonicMs: () => (begin.monotonic + passed()) as MonotonicMs,
    steadyMs: () => (begin.wall + passed()) as SteadyMs,
    wallOf: (deadline) => deadline,
    leap(ms) {
      leapt += ms;
    },
  };
}

/** A clock that shows what `read` gives, whichever of its times is asked for. */
export const clockOf = (read: () => number): Clock => ({
  nowMs: read,
  monotonicMs: () => read() as MonotonicMs,
  steadyMs: () => read() as SteadyMs,
  wallOf: (deadline) => deadline,
});

export const realClock: Clock = new SteadyClock(systemTime);

/** A time that a test chose, on the clock that is asked for. */
export const at = (ms: number) => ms as MonotonicMs & SteadyMs;
