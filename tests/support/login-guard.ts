/** A guard of log-ins for parts that are tested without a server. */
import { createKnownNetworks } from "../../src/domain/people/known-networks.ts";
import type { LogInStore } from "../../src/domain/people/log-in-store.ts";
import { createLoginGuard, defaultLoginLimits, type LoginGuard } from "../../src/domain/people/login-guard.ts";
import type { Clock, SteadyMs } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";

type NetworkStore = Pick<LogInStore, "findLogInNetwork" | "keepLogInNetwork">;

export interface KeptNetworks extends NetworkStore {
  /** How often the guard wrote. */
  writes(): number;
}

/** Networks of log-ins that survive as long as this object. */
export function keptNetworks(clock: Clock): KeptNetworks {
  const kept = new Map<string, SteadyMs>();
  let writes = 0;
  return {
    writes: () => writes,
    findLogInNetwork: async ({ account, network }) => kept.get(`${account} ${network}`),
    async keepLogInNetwork({ account, network }) {
      writes += 1;
      kept.set(`${account} ${network}`, clock.steadyMs());
    },
  };
}

export function createTestGuard(
  clock: Clock,
  how: { limits?: Partial<typeof defaultLoginLimits>; store?: NetworkStore } = {},
): LoginGuard {
  const networks = createKnownNetworks({ store: how.store ?? keptNetworks(clock), clock, log: silentLog });
  return createLoginGuard({ clock, limits: { ...defaultLoginLimits, ...how.limits }, networks });
}
