/** Writes refusals to the log, one line a minute for each limit: a million requests do not fill the disk. */
import type { Clock, MonotonicMs } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Admission } from "./spend-guard.ts";

const everyMs = 60_000;

export function createRefusals({ log, clock }: { log: Log; clock: Clock }) {
  const lines = new Map<Admission, { readonly atMs: MonotonicMs; silent: number }>();
  return {
    /** `address` is that of the last refusal. */
    add(limit: Admission, address: string): void {
      const nowMs = clock.monotonicMs();
      const line = lines.get(limit);
      if (line !== undefined && nowMs - line.atMs < everyMs) {
        line.silent += 1;
        return;
      }
      const times = 1 + (line?.silent ?? 0);
      log.warn("a code was not sent: a limit is reached", { limit, address, times });
      lines.set(limit, { atMs: nowMs, silent: 0 });
    },
  };
}
