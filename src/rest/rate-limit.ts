/**
 * How often one caller may ask (docs/protocols/rest.md § Errors): a bucket that holds a minute's requests and fills
 * evenly. A caller is an access token, the backend key, or the address of a client that shows neither. Wrong secrets
 * are counted elsewhere; that limit ends long before a bucket is empty.
 */
import type { Clock } from "../lib/clock.ts";
import { type TokenBucket, TokenRate } from "../lib/token-bucket.ts";

/** Requests in a minute; 0: no limit. */
export interface RateLimits {
  readonly requestsPerMinute: number;
  readonly backendRequestsPerMinute: number;
  readonly anonymousRequestsPerMinute: number;
}

export const noRateLimits: RateLimits = {
  requestsPerMinute: 0,
  backendRequestsPerMinute: 0,
  anonymousRequestsPerMinute: 0,
};

export type CallerKind = "token" | "backend" | "address";

/** Where a caller stands after a request; undefined at every place means there is no limit. */
export interface Standing {
  readonly admitted: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full again, or, of a refused request, until there is room for one. */
  readonly resetSeconds: number;
}

interface CallerBucket extends TokenBucket {
  kind: CallerKind;
}

/** Beyond this the bucket made longest ago goes; its caller begins with a full one again. */
const bucketsMax = 50_000;
const minuteMs = 60_000;

export type RateLimiter = ReturnType<typeof createRateLimiter>;

export function createRateLimiter({ clock, limits }: { clock: Clock; limits: RateLimits }) {
  const buckets = new Map<string, CallerBucket>();
  const rateOf = (perMinute: number) => new TokenRate({ clock, capacity: perMinute, fillMs: minuteMs });
  const rates: Readonly<Record<CallerKind, TokenRate>> = {
    token: rateOf(limits.requestsPerMinute),
    backend: rateOf(limits.backendRequestsPerMinute),
    address: rateOf(limits.anonymousRequestsPerMinute),
  };

  /** Counts one request; undefined where the caller has no limit. */
  function take(kind: "token" | "address", name: string): Standing | undefined {
    const key = kind === "token" ? name : `address ${name}`;
    const bucket = find(key, kind);
    const rate = rates[bucket.kind];
    const limit = rate.capacity;
    if (limit === 0) return undefined;
    rate.fill(bucket);
    const admitted = bucket.tokens >= 1;
    if (admitted) bucket.tokens -= 1;
    const missing = admitted ? limit - bucket.tokens : 1 - bucket.tokens;
    return {
      admitted,
      limit,
      remaining: Math.floor(bucket.tokens),
      resetSeconds: Math.ceil((missing * minuteMs) / limit / 1000),
    };
  }

  function find(key: string, kind: "token" | "address"): CallerBucket {
    const known = buckets.get(key);
    if (known !== undefined) return known;
    if (buckets.size >= bucketsMax) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    const bucket: CallerBucket = { kind, ...rates[kind].full() };
    buckets.set(key, bucket);
    return bucket;
  }

  /** The secret turned out to be the backend's key. */
  function isBackend(secret: string): void {
    const bucket = buckets.get(secret);
    if (bucket === undefined || bucket.kind === "backend") return;
    bucket.kind = "backend";
    bucket.tokens = rates.backend.capacity;
  }

  return { take, isBackend, size: () => buckets.size };
}
