/**
 * Counts wrong secrets per address (a minute) and per account (an hour). Above the limit the answer is `try_later`
 * before anything is looked up. The tables are bounded: when one is full, the oldest windows are dropped first.
 */
import type { Clock } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";

export interface LoginLimits {
  readonly failuresPerAddressMinute: number;
  readonly failuresPerAccountHour: number;
  readonly registrationsPerAddressHour: number;
}

export const defaultLoginLimits: LoginLimits = {
  failuresPerAddressMinute: 30,
  failuresPerAccountHour: 10,
  registrationsPerAddressHour: 60,
};

const entriesMax = 50_000;

export interface LoginGuard {
  /** Throws `try_later` where the address or the account has failed too often. */
  check(address: string, account: string | undefined): void;
  /** Call this before the password is checked, so that simultaneous guesses do not all pass `check`. */
  tried(account: string): void;
  /** Takes one `tried` back. */
  untried(account: string): void;
  failed(address: string): void;
  succeeded(account: string): void;
  /** Counts one more account made from this address. Throws `try_later` where there were too many. */
  registering(address: string): void;
}

export function createLoginGuard({ clock, limits }: { clock: Clock; limits: LoginLimits }): LoginGuard {
  const addresses = createWindows(clock, 60_000);
  const accounts = createWindows(clock, 3_600_000);
  const registrations = createWindows(clock, 3_600_000);
  return {
    check(address, account) {
      if (addresses.count(address) >= limits.failuresPerAddressMinute) {
        throw new DomainError("try_later", "too many wrong secrets from this address");
      }
      if (account !== undefined && accounts.count(account) >= limits.failuresPerAccountHour) {
        throw new DomainError("try_later", "too many wrong secrets for this account");
      }
    },
    registering(address) {
      if (registrations.count(address) >= limits.registrationsPerAddressHour) {
        throw new DomainError("try_later", "too many registrations from this address");
      }
      registrations.add(address);
    },
    tried(account) {
      accounts.add(account);
    },
    untried(account) {
      accounts.remove(account);
    },
    failed(address) {
      addresses.add(address);
    },
    succeeded(account) {
      accounts.clear(account);
    },
  };
}

function createWindows(clock: Clock, windowMs: number) {
  const windows = new Map<string, { startedAtMs: number; failures: number }>();
  const current = (key: string) => {
    const window = windows.get(key);
    if (window === undefined || clock.nowMs() - window.startedAtMs < windowMs) return window;
    windows.delete(key);
    return undefined;
  };
  return {
    count: (key: string): number => current(key)?.failures ?? 0,
    clear: (key: string): boolean => windows.delete(key),
    remove(key: string): void {
      const window = current(key);
      if (window !== undefined && window.failures > 0) window.failures -= 1;
    },
    add(key: string): void {
      const window = current(key);
      if (window !== undefined) {
        window.failures += 1;
        return;
      }
      if (windows.size >= entriesMax) {
        const oldest = windows.keys().next();
        if (!oldest.done) windows.delete(oldest.value);
      }
      windows.set(key, { startedAtMs: clock.nowMs(), failures: 1 });
    },
  };
}
