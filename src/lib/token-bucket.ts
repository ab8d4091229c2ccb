/** Token buckets: each is full at first and fills evenly; a request takes a token. All buckets of one rate share this. */
import type { Clock } from "./clock.ts";

export interface TokenBucket {
  /** Below zero where more was spent than there was. */
  tokens: number;
  filledAtMs: number;
}

export class TokenRate {
  readonly #clock: Clock;
  /** Tokens of a full bucket. */
  readonly capacity: number;
  /** In so long an empty bucket is full. */
  readonly fillMs: number;

  constructor(parts: { clock: Clock; capacity: number; fillMs: number }) {
    this.#clock = parts.clock;
    this.capacity = parts.capacity;
    this.fillMs = parts.fillMs;
  }

  full(): TokenBucket {
    return { tokens: this.capacity, filledAtMs: this.#clock.nowMs() };
  }

  /** Adds what the time since the last filling has brought. */
  fill(bucket: TokenBucket): void {
    const nowMs = this.#clock.nowMs();
    // A clock that was set back gives nothing and takes nothing, and counts from there.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(this.capacity, bucket.tokens + (passedMs * this.capacity) / this.fillMs);
    bucket.filledAtMs = nowMs;
  }

  /** Takes a token where there is one. The clock is read only when the bucket is found empty. */
  take(bucket: TokenBucket): boolean {
    if (bucket.tokens < 1) this.fill(bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
