/**
 * From which networks an account logged in within the last 30 days. The store keeps it, a write for each account, network
 * and day, so that a restart forgets nothing.
 */

import { networkOf } from "../../lib/client-network.ts";
import type { Clock, SteadyMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { LogInStore } from "./log-in-store.ts";
import { BoundedMap } from "./waits.ts";

const dayMs = 86_400_000;
const knownMs = 30 * dayMs;
/** Pairs in memory: those that logged in since the start. */
const recentMax = 20_000;

export type KnownNetworks = ReturnType<typeof createKnownNetworks>;

export function createKnownNetworks(parts: {
  store: Pick<LogInStore, "findLogInNetwork" | "keepLogInNetwork">;
  clock: Clock;
  log: Log;
}) {
  const { store, clock, log } = parts;
  /** By account and network: when the pair was last written, or found written. */
  const recent = new BoundedMap<SteadyMs>(recentMax);
  /** What the last address of an account object was, so that its next request costs one look. */
  const lately = new WeakMap<object, { address: string; atMs: SteadyMs }>();

  const isWithin = (atMs: SteadyMs, spanMs: number): boolean => clock.steadyMs() - atMs < spanMs;

  async function has(account: string, address: string): Promise<boolean> {
    const network = networkOf(address);
    const atMs = recent.get(`${account} ${network}`) ?? (await store.findLogInNetwork({ account, network }));
    return atMs !== undefined && isWithin(atMs, knownMs);
  }

  /** Remembers that the account logged in; the network is its own from now on. */
  function loggedIn(account: string, address: string): void {
    const network = networkOf(address);
    const key = `${account} ${network}`;
    const atMs = recent.get(key);
    if (atMs !== undefined && isWithin(atMs, dayMs)) return;
    recent.set(key, clock.steadyMs());
    keep(account, network).catch((error: unknown) => {
      log.debug("the network of a log-in could not be written", { error });
    });
  }

  async function keep(account: string, network: string): Promise<void> {
    const writtenAtMs = await store.findLogInNetwork({ account, network });
    if (writtenAtMs !== undefined && isWithin(writtenAtMs, dayMs)) return;
    await store.keepLogInNetwork({ account, network });
  }

  return {
    has,
    loggedIn,
    /** The same for a request of a log-in; `of` is an object that its requests share. */
    used(of: object, account: string, address: string): void {
      const before = lately.get(of);
      if (before !== undefined && before.address === address && isWithin(before.atMs, dayMs)) return;
      lately.set(of, { address, atMs: clock.steadyMs() });
      loggedIn(account, address);
    },
    /** The account is gone; one of the same name would be another. */
    forget(account: string): void {
      for (const key of [...recent.keys()]) if (key.startsWith(`${account} `)) recent.delete(key);
    },
  };
}
