/**
 * A table that drops stale entries. It looks for them each time its size has doubled, so the cost is spread over the
 * additions.
 */

import type { MonotonicMs } from "./clock.ts";

/** A smaller table is never swept. */
const sweepFrom = 1024;

export class SweptMap<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #isStale: (value: Value, nowMs: MonotonicMs) => boolean;
  #sweepAt = sweepFrom;

  constructor(isStale: (value: Value, nowMs: MonotonicMs) => boolean) {
    this.#isStale = isStale;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  add(key: Key, value: Value, nowMs: MonotonicMs): void {
    if (this.#values.size >= this.#sweepAt) this.#sweep(nowMs);
    this.#values.set(key, value);
  }

  #sweep(nowMs: MonotonicMs): void {
    for (const [key, value] of this.#values) {
      if (this.#isStale(value, nowMs)) this.#values.delete(key);
    }
    this.#sweepAt = Math.max(sweepFrom, 2 * this.#values.size);
  }
}
