/**
 * Slows those who guess, at every door, and no one else (docs/operations.md § Wrong secrets). Secrets that the server
 * generates cannot be guessed: they are looked up first, a right one always passes, and only the answers to wrong ones
 * change. Passwords and codes can be guessed. Their tries are counted per account and network:
 *
 * - A network from which the account logged in lately has a count of its own.
 * - All other networks have a count each, in which the networks of one site count together, and share a number of tries.
 *
 * Beyond some failures each further one has to wait longer, for minutes at most. A try counts before the work and is
 * taken back where it was right, so that right log-ins at once do not refuse each other.
 */

import { networkOf, siteOf } from "../../lib/client-network.ts";
import type { Clock, MonotonicMs } from "../../lib/clock.ts";
import { type TokenBucket, TokenRate } from "../../lib/token-bucket.ts";
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { KnownNetworks } from "./known-networks.ts";
import { BoundedMap, createWaits, type Waits } from "./waits.ts";

export interface LoginLimits {
  /** Wrong generated secrets of one network. */
  readonly failuresPerAddressMinute: number;
  /** Wrong passwords, or codes, of one account from one network before the first wait. Forgotten after an hour. */
  readonly failuresPerAccountHour: number;
  /** Also for requests for codes. */
  readonly registrationsPerAddressHour: number;
}

export const defaultLoginLimits: LoginLimits = {
  failuresPerAddressMinute: 30,
  failuresPerAccountHour: 10,
  registrationsPerAddressHour: 60,
};

const minuteMs = 60_000;
const hourMs = 3_600_000;
/** Names of others that an account may ask for in an hour, in search of a log-in name. */
const takenNamesPerHour = 20;
/** What all networks together may try in an hour from which the account did not log in. */
const strangersTriesPerHour = { password: 100, code: 20 } as const;
const entriesMax = 50_000;

/** A secret that a client shows and that may be guessed. */
export interface Claim {
  readonly kind: keyof typeof strangersTriesPerHour;
  /** What the secret opens; tries are counted by it. */
  readonly subject: string;
  /** Whose log-ins say which networks are the account's own, `user:10001`; undefined where there is no such account. */
  readonly account: string | undefined;
  /** The client's. */
  readonly address: string;
}

/** One try; a door calls `begin` and then exactly one of the other three, or `passed` without `begin`. */
export interface Try {
  /** Throws `try_later` where the network has to wait. */
  check(): void;
  /** Counts the try. Throws `try_later` as `check` does, and where there are too many at once. */
  begin(): void;
  /** The secret was right: nothing is held against this network any more. */
  right(): void;
  wrong(): void;
  /** The secret was not looked at. */
  untried(): void;
}

export type LoginGuard = ReturnType<typeof createLoginGuard>;

export function createLoginGuard(parts: { clock: Clock; limits: LoginLimits; networks: KnownNetworks }) {
  const { clock, limits, networks } = parts;
  const wrongSecrets = createWindows(clock, minuteMs);
  const registrations = createWindows(clock, hourMs);
  const takenNames = createWindows(clock, hourMs);
  const recoveries = createWindows(clock, hourMs);
  const freeFailures = limits.failuresPerAccountHour;
  /** Names of no account have tables of their own, so that they push out no counts of accounts. */
  const tables = { accounts: createTables(clock), strangers: createTables(clock) };
  const rates = {
    password: new TokenRate({ clock, capacity: strangersTriesPerHour.password, fillMs: hourMs }),
    code: new TokenRate({ clock, capacity: strangersTriesPerHour.code, fillMs: hourMs }),
  };

  async function claim({ kind, subject, account, address }: Claim): Promise<Try> {
    const known = account !== undefined && (await networks.has(account, address));
    const { waits, shared } = account === undefined ? tables.strangers : tables.accounts;
    const key = `${kind} ${subject} ${known ? networkOf(address) : siteOf(address)}`;
    const sharedKey = `${kind} ${subject}`;
    const rate = rates[kind];
    /** One of the shared tries was taken. */
    let taken = false;
    return {
      check: () => waits.check(key),
      begin() {
        waits.check(key);
        if (waits.trying(key) >= Math.max(1, freeFailures - waits.failures(key))) throw later(1000);
        if (!known) {
          const bucket = shared.get(sharedKey) ?? shared.set(sharedKey, rate.full());
          if (!rate.take(bucket)) throw later(((1 - bucket.tokens) * rate.fillMs) / rate.capacity);
          taken = true;
        }
        waits.begin(key);
      },
      right() {
        giveBack();
        waits.clear(key);
      },
      wrong: () => waits.failed(key, freeFailures),
      untried() {
        giveBack();
        waits.ended(key);
      },
    };

    function giveBack(): void {
      const bucket = taken ? shared.get(sharedKey) : undefined;
      if (bucket !== undefined) bucket.tokens = Math.min(rate.capacity, bucket.tokens + 1);
      taken = false;
    }
  }

  /** The same for a secret that was proved or not before it is counted. Throws `try_later`. */
  async function proved(shown: Claim, right: boolean): Promise<void> {
    const one = await claim(shown);
    one.check();
    if (right) {
      one.right();
    } else {
      one.begin();
      one.wrong();
    }
  }

  return {
    claim,
    proved,
    /** Failures before the first wait. */
    freeFailures,
    /**
     * A generated secret was looked up and is wrong. The caller refuses it; beyond the limit this throws `try_later`
     * instead.
     */
    wrongSecret(address: string): void {
      const network = networkOf(address);
      if (wrongSecrets.count(network) >= limits.failuresPerAddressMinute) {
        throw later(wrongSecrets.leftMs(network), "too many wrong secrets from this address");
      }
      wrongSecrets.add(network);
    },
    /** Whether wrong secrets of this network are told to come later. */
    isSlowed: (address: string): boolean => wrongSecrets.count(networkOf(address)) >= limits.failuresPerAddressMinute,
    /** Counts one more account made from this network. Throws `try_later` where there were too many. */
    registering(address: string): void {
      const network = networkOf(address);
      if (registrations.count(network) >= limits.registrationsPerAddressHour) {
        throw later(registrations.leftMs(network), "too many registrations from this address");
      }
      registrations.add(network);
    },
    /** Counts one more request for a code to a forgotten password, for any user or none. Throws `try_later` where there were too many. */
    recovering(address: string): void {
      const network = networkOf(address);
      if (recoveries.count(network) >= limits.registrationsPerAddressHour) {
        throw later(recoveries.leftMs(network), "too many requests for codes from this address");
      }
      recoveries.add(network);
    },
    /** For a user who asks for a log-in name. Throws `try_later` where too many were others' names. */
    naming(userId: UserId): { refused(): void } {
      const account = `user:${userId}`;
      if (takenNames.count(account) >= takenNamesPerHour) {
        throw later(takenNames.leftMs(account), "too many names that are taken");
      }
      return { refused: () => takenNames.add(account) };
    },
    networks,
  };
}

const later = (retryAfterMs: number, why = "too many wrong secrets for this account"): DomainError =>
  new DomainError("try_later", why, { retryAfterMs });

function createTables(clock: Clock): { waits: Waits; shared: BoundedMap<TokenBucket> } {
  return { waits: createWaits(clock, entriesMax), shared: new BoundedMap(entriesMax) };
}

/** Counts within fixed stretches of time. The tables are bounded: when one is full, the oldest goes first. */
function createWindows(clock: Clock, windowMs: number) {
  const windows = new BoundedMap<{ startedAtMs: MonotonicMs; count: number }>(entriesMax);
  const current = (key: string) => {
    const window = windows.get(key);
    if (window === undefined || clock.monotonicMs() - window.startedAtMs < windowMs) return window;
    windows.delete(key);
    return undefined;
  };
  return {
    count: (key: string): number => current(key)?.count ?? 0,
    leftMs: (key: string): number => {
      const window = current(key);
      return window === undefined ? 0 : window.startedAtMs + windowMs - clock.monotonicMs();
    },
    add(key: string): void {
      const window = current(key) ?? windows.set(key, { startedAtMs: clock.monotonicMs(), count: 0 });
      window.count += 1;
    },
  };
}
