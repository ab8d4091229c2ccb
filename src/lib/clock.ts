/**
 * Where the time comes from, so that tests can move it. There are three times, and none fits where another belongs:
 *
 * - Wall time is what people read. It is stored as a date and shown. It can be set, so nothing waits by it.
 * - Monotonic time only passes. What waits in memory counts by it. It means nothing in another process.
 * - Steady time is for deadlines that are stored: it passes like monotonic time and goes on after a restart.
 */
declare const monotonic: unique symbol;
declare const steady: unique symbol;

/** Milliseconds of a clock that cannot be set. */
export type MonotonicMs = number & { readonly [monotonic]: true };
/** Milliseconds of wall time, less the steps in which the clock was set; see `steady-clock.ts`. */
export type SteadyMs = number & { readonly [steady]: true };

/** What the machine says. */
export interface TimeSource {
  /** Wall time: UTC epoch milliseconds. */
  nowMs(): number;
  monotonicMs(): MonotonicMs;
}

export interface Clock extends TimeSource {
  steadyMs(): SteadyMs;
  /** When a deadline comes, for a reader. */
  wallOf(deadline: SteadyMs): number;
}

/** So many milliseconds after `at`. */
export const later = <Time extends MonotonicMs | SteadyMs>(at: Time, ms: number): Time => (at + ms) as Time;

/** When a stored deadline comes in this process. */
export const dueAt = (clock: Clock, deadline: SteadyMs): MonotonicMs =>
  later(clock.monotonicMs(), deadline - clock.steadyMs());

/** Later and earlier than all others, on either clock. */
export const forever = Number.POSITIVE_INFINITY as MonotonicMs & SteadyMs;
export const longAgo = Number.NEGATIVE_INFINITY as MonotonicMs & SteadyMs;
