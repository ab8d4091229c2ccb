/** Failures by key, and how long the next try has to wait after each. */
import type { Clock, MonotonicMs } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";

const firstWaitMs = 1000;
const longestWaitMs = 300_000;
/** Without another failure, they are forgotten after so long. */
const rememberedMs = 3_600_000;

/** A map that drops what was set longest ago. */
export class BoundedMap<Value> {
  readonly #values = new Map<string, Value>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): Value {
    this.#values.delete(key);
    if (this.#values.size >= this.#sizeMax) {
      const oldest = this.#values.keys().next();
      if (!oldest.done) this.#values.delete(oldest.value);
    }
    this.#values.set(key, value);
    return value;
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  *keys(): Iterable<string> {
    yield* this.#values.keys();
  }
}

interface Failures {
  failures: number;
  /** Tries whose outcome is not known yet. */
  trying: number;
  failedAtMs: MonotonicMs;
  waitMs: number;
}

export type Waits = ReturnType<typeof createWaits>;

export function createWaits(clock: Clock, entriesMax: number) {
  const entries = new BoundedMap<Failures>(entriesMax);

  function find(key: string): Failures | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    const nowMs = clock.monotonicMs();
    if (nowMs - entry.failedAtMs >= rememberedMs) {
      entry.failures = 0;
      entry.waitMs = 0;
      if (entry.trying === 0) entries.delete(key);
    }
    return entry;
  }

  const make = (key: string): Failures =>
    find(key) ?? entries.set(key, { failures: 0, trying: 0, failedAtMs: clock.monotonicMs(), waitMs: 0 });

  function ended(key: string): void {
    const entry = find(key);
    if (entry !== undefined && entry.trying > 0) entry.trying -= 1;
  }

  return {
    /** Throws `try_later` while the key has to wait. */
    check(key: string): void {
      const entry = find(key);
      const leftMs = entry === undefined ? 0 : entry.failedAtMs + entry.waitMs - clock.monotonicMs();
      if (leftMs > 0) {
        throw new DomainError("try_later", "too many wrong secrets for this account", { retryAfterMs: leftMs });
      }
    },
    failures: (key: string): number => find(key)?.failures ?? 0,
    trying: (key: string): number => find(key)?.trying ?? 0,
    begin(key: string): void {
      make(key).trying += 1;
    },
    /** The try came to nothing, good or bad. */
    ended,
    /** From the failure that follows `free` ones on, each doubles the wait. */
    failed(key: string, free: number): void {
      ended(key);
      const entry = entries.set(key, make(key));
      entry.failures += 1;
      entry.failedAtMs = clock.monotonicMs();
      entry.waitMs =
        entry.failures < free ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(30, entry.failures - free));
    },
    clear: (key: string): void => entries.delete(key),
  };
}
