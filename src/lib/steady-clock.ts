/**
 * Steady time: wall time less the sum of the steps in which the wall clock was set. While the server runs, steady time
 * follows the monotonic clock, so a step is the difference of the two. From one run to the next it goes on by the wall
 * clock, as far as that can be believed: a clock that went back stands still for steady time, and an absence of more
 * than a day is not counted at first. What was not counted is the lag: time that passed, perhaps. A lag of more than a
 * day is believed once the wall clock has held for an hour, or when the operator says so; then it has passed at once.
 */
import { type Clock, later, type MonotonicMs, type SteadyMs, type TimeSource } from "./clock.ts";

export const systemTime: TimeSource = {
  nowMs: () => Date.now(),
  monotonicMs: () => Math.floor(performance.now()) as MonotonicMs,
};

/** What must be known after a restart. */
export interface KeptTime {
  /** At the last commit. */
  readonly steadyMs: SteadyMs;
  /** Wall time less steady time. */
  readonly stepsMs: number;
  readonly lagMs: number;
}

/** The wall clock was set, or a lag was believed. */
export interface ClockStep {
  readonly kind: "set" | "believed";
  readonly byMs: number;
}

/** Smaller differences are how clocks run. */
const stepMinMs = 2000;
const dayMs = 86_400_000;
const heldMs = 3_600_000;
/** A clock that shows less has never been set, as on a machine that has no battery for it. */
const neverSetMs = Date.UTC(2025, 0, 1);

export class SteadyClock implements Clock {
  readonly #source: TimeSource;
  /** Steady time less monotonic time. */
  #offsetMs: number;
  #stepsMs = 0;
  #lagMs = 0;
  #heldSinceMs: MonotonicMs;

  constructor(source: TimeSource) {
    this.#source = source;
    this.#heldSinceMs = source.monotonicMs();
    this.#offsetMs = source.nowMs() - this.#heldSinceMs;
  }

  nowMs(): number {
    return this.#source.nowMs();
  }

  monotonicMs(): MonotonicMs {
    return this.#source.monotonicMs();
  }

  steadyMs(): SteadyMs {
    return (this.#source.monotonicMs() + this.#offsetMs) as SteadyMs;
  }

  wallOf(deadline: SteadyMs): number {
    return deadline + this.#stepsMs;
  }

  /** For a lag of more than a day: when it will be believed. */
  get believedAtMs(): MonotonicMs | undefined {
    return this.#lagMs > dayMs ? later(this.#heldSinceMs, heldMs) : undefined;
  }

  get stepsMs(): number {
    return this.#stepsMs;
  }

  get lagMs(): number {
    return this.#lagMs;
  }

  /** Goes on where an earlier run ended; call it before anything is stored. Gives what of the time between does not count. */
  resume({ steadyMs, stepsMs, lagMs }: KeptTime): ClockStep | undefined {
    const wallMs = this.#source.nowMs();
    this.#stepsMs = stepsMs;
    this.#lagMs = lagMs;
    const absentMs = wallMs - stepsMs - steadyMs;
    const passed = absentMs >= 0 && absentMs <= dayMs;
    this.#offsetMs = steadyMs + (passed ? absentMs : 0) - this.#source.monotonicMs();
    return passed ? undefined : this.#step(absentMs);
  }

  /** Looks whether the wall clock was set since the last look, and whether a lag can be believed. */
  look(): ClockStep | undefined {
    const byMs = this.#source.nowMs() - this.steadyMs() - this.#stepsMs;
    if (Math.abs(byMs) >= stepMinMs) {
      return this.#step(byMs);
    }
    const { believedAtMs } = this;
    if (believedAtMs === undefined || this.#source.monotonicMs() < believedAtMs) return undefined;
    return { kind: "believed", byMs: this.accept() };
  }

  /** The wall clock is right: what lags behind it has passed. Gives how much that was. */
  accept(): number {
    const byMs = Math.max(0, this.#lagMs);
    this.#lagMs = 0;
    this.#offsetMs += byMs;
    this.#stepsMs -= byMs;
    return byMs;
  }

  #step(byMs: number): ClockStep {
    const shownBeforeMs = this.steadyMs() + this.#stepsMs;
    this.#stepsMs += byMs;
    // A clock that is set for the first time says nothing about how long its server was away.
    this.#lagMs = shownBeforeMs < neverSetMs && this.#lagMs >= 0 ? 0 : this.#lagMs + byMs;
    this.#heldSinceMs = this.#source.monotonicMs();
    return { kind: "set", byMs };
  }
}
