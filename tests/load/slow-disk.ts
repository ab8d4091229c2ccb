/** A server whose every sync takes 8 ms longer, and the check that its commits did wait for that. */
import { buildSlowFsync } from "../support/slow-fsync.ts";
import { Unavailable } from "./raw-rate.ts";
import type { Report } from "./report.ts";
import { type RunningServer, type StartOptions, startServer } from "./server.ts";

const DELAY_MS = 8;

/** Throws `Unavailable` where the disk shim cannot be built. */
export async function startServerOnSlowDisk(options: StartOptions = {}): Promise<RunningServer> {
  const library = await buildSlowFsync();
  if (library === undefined) throw new Unavailable("there is no gcc to build the disk shim with");
  return startServer({ ...options, slowFsync: { library, delayUs: DELAY_MS * 1000 } });
}

/** Throws unless the report of `mqtt-apart` is of a server that synced what it acknowledged as stored. */
export function checkDiskWasSlow({ extra }: Report): void {
  if ((extra["storedAckP50Ms"] ?? 0) < DELAY_MS) {
    throw new Error("stored messages were acknowledged faster than the slowed disk can sync");
  }
}
