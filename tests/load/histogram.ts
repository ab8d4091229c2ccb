/**
 * Latencies in a fixed amount of memory, as HdrHistogram does it: values below 128 are counted exactly, larger ones in 64
 * buckets for each doubling, so that a percentile is off by less than one percent however long a run is.
 */

const BUCKETS = 26 * 64 + 64;

/** Counts unsigned 32-bit integers; here they are microseconds. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(value: number): void {
    const shift = value < 128 ? 0 : 25 - Math.clz32(value);
    const bucket = shift * 64 + (value >>> shift);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sum += value;
    if (value > this.#max) this.#max = value;
  }

  /** The value that `fraction` of the recorded ones do not exceed: 0.5 is the median. 0 when nothing was recorded. */
  percentile(fraction: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(this.#count * fraction));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(this.#max, middleOf(bucket));
    }
    return this.#max;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanUs: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50Us: this.percentile(0.5),
      p99Us: this.percentile(0.99),
      p999Us: this.percentile(0.999),
      maxUs: this.#max,
    };
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sum = 0;
    this.#max = 0;
  }
}

export interface LatencySummary {
  count: number;
  meanUs: number;
  p50Us: number;
  p99Us: number;
  p999Us: number;
  maxUs: number;
}

function middleOf(bucket: number): number {
  if (bucket < 128) return bucket;
  const shift = (bucket >>> 6) - 1;
  const width = 2 ** shift;
  return (64 + (bucket & 63)) * width + (width - 1) / 2;
}
