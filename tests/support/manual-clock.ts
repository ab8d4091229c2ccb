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
