/**
 * Token buckets: a bucket starts full and fills evenly; a request takes a token. All buckets of one rate share this
 * object.
 */
import type { Clock, MonotonicMs } from "./clock.ts";

export interface TokenBucket {
  /** Below zero where more tokens were spent than there were. */
  tokens: number;
  filledAtMs: MonotonicMs;
}

export class TokenRate {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** The number of tokens in a full bucket. */
  readonly capacity: number;
  /** The time in which an empty bucket becomes full. */
  readonly fillMs: number;

  constructor(parts: { clock: Pick<Clock, "monotonicMs">; capacity: number; fillMs: number }) {
    this.#clock = parts.clock;
    this.capacity = parts.capacity;
    this.fillMs = parts.fillMs;
  }

  full(): TokenBucket {
    return { tokens: this.capacity, filledAtMs: this.#clock.monotonicMs() };
  }

  /** Adds the tokens for the time since the last filling. */
  fill(bucket: TokenBucket): void {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - bucket.filledAtMs;
    bucket.tokens = Math.min(this.capacity, bucket.tokens + (passedMs * this.capacity) / this.fillMs);
    bucket.filledAtMs = nowMs;
  }

  /** Takes a token; false where there is none. The clock is read only when the bucket is empty. */
  take(bucket: TokenBucket): boolean {
    if (bucket.tokens < 1) this.fill(bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
