/** What /proc tells about a process: processor time of all its threads, and memory. Linux only. */
import { readFile, writeFile } from "node:fs/promises";

export interface ProcessStats {
  /** User and system time of every thread, ended ones included; in steps of 10 ms. */
  cpuSeconds: number;
  rssBytes: number;
  rssPeakBytes: number;
  threads: number;
}

const TICKS_PER_SECOND = 100;

export async function readProcessStats(pid: number): Promise<ProcessStats> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  // The command name may hold spaces and parentheses; the numbered fields begin after its last parenthesis, with field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    rssBytes: kilobytes(status, "VmRSS") * 1024,
    rssPeakBytes: kilobytes(status, "VmHWM") * 1024,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  };
}

/** From now on `rssPeakBytes` is the peak since now. */
export const forgetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, "5");

function kilobytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
}
