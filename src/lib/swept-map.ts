/**
 * A table that forgets entries which mean nothing any more. It looks for them when it has doubled, so that the cost
 * spreads over the entries that made it grow.
 */

/** A table smaller than this is never swept. */
const sweepFrom = 1024;

export class SweptMap<Key, Value> {
  readonly #values = new Map<Key, Value>();
  readonly #isStale: (value: Value, nowMs: number) => boolean;
  #sweepAt = sweepFrom;

  constructor(isStale: (value: Value, nowMs: number) => boolean) {
    this.#isStale = isStale;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  add(key: Key, value: Value, nowMs: number): void {
    if (this.#values.size >= this.#sweepAt) this.#sweep(nowMs);
    this.#values.set(key, value);
  }

  #sweep(nowMs: number): void {
    for (const [key, value] of this.#values) {
      if (this.#isStale(value, nowMs)) this.#values.delete(key);
    }
    this.#sweepAt = Math.max(sweepFrom, 2 * this.#values.size);
  }
}
