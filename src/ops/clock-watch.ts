/**
 * Looks each second whether the wall clock was set. Deadlines do not move with it; where it may tell that more than a day
 * has passed, nothing ends by that until the clock has held for an hour, or the operator accepts it (`roost clock accept`).
 */
import type { Log } from "../lib/log.ts";
import type { ClockStep, KeptTime, SteadyClock } from "../lib/steady-clock.ts";
import type { Health } from "./health.ts";

const lookEveryMs = 1000;

export interface SeenClock {
  /** UTC epoch milliseconds. */
  readonly wallMs: number;
  /** By how much the wall clock is ahead of the time by which deadlines come. */
  readonly stepsMs: number;
  /** The part of that which may be time that passed. */
  readonly lagMs: number;
  /** Until it counts by itself; undefined where there is nothing that would. */
  readonly believedInMs: number | undefined;
}

export type ClockWatch = ReturnType<typeof watchClock>;

export function watchClock(parts: {
  clock: SteadyClock;
  log: Log;
  health: Pick<Health, "setWarning">;
  keep(time: Omit<KeptTime, "steadyMs">): Promise<void>;
}) {
  const { clock, log, health } = parts;

  function look(): void {
    const step = clock.look();
    if (step !== undefined) note(step);
  }

  /** Says what happened to the clock, and keeps it. */
  function note({ kind, byMs }: ClockStep): void {
    const bySeconds = Math.round(byMs / 1000);
    if (kind === "believed") log.info("the clock is believed: what was to end by now ends", { bySeconds });
    else log.warn("the clock was set; deadlines do not move with it", { bySeconds });
    const { lagMs, believedAtMs } = clock;
    const lagSeconds = Math.round(lagMs / 1000);
    if (believedAtMs !== undefined) {
      log.warn("the clock may be wrong: what would end by it waits for an hour, or for roost clock accept", {
        lagSeconds,
      });
    }
    const warning = `the wall clock is ${lagSeconds} seconds ahead, and nothing ends by that yet; roost clock says more`;
    health.setWarning("clock", believedAtMs === undefined ? undefined : warning);
    void save();
  }

  async function save(): Promise<void> {
    const { stepsMs, lagMs } = clock;
    await parts.keep({ stepsMs, lagMs }).catch((error: unknown) => {
      log.warn("how the clock was set could not be kept", { error });
    });
  }

  const timer = setInterval(look, lookEveryMs);
  timer.unref();

  return {
    note,
    seen(): SeenClock {
      look();
      const { stepsMs, lagMs, believedAtMs } = clock;
      const believedInMs = believedAtMs === undefined ? undefined : Math.max(0, believedAtMs - clock.monotonicMs());
      return { wallMs: clock.nowMs(), stepsMs, lagMs, believedInMs };
    },
    /** The operator says that the wall clock is right. Gives how much time passed by that; resolves when it is kept. */
    async accept(): Promise<number> {
      look();
      const byMs = clock.accept();
      log.info("the operator accepted the clock", { bySeconds: Math.round(byMs / 1000) });
      health.setWarning("clock", undefined);
      await save();
      return byMs;
    },
    /** What was not seen yet is kept too. */
    stop(): void {
      clearInterval(timer);
      look();
    },
  };
}
