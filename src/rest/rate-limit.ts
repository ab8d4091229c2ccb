/**
 * How often one caller may ask (docs/protocols/rest.md § Errors): a bucket that holds a minute's requests and fills
 * evenly. A caller is an access token, the backend key, or the network of a client that shows neither. A secret has a
 * bucket only once it was found to be right, so a client that makes secrets up shares the bucket of its network.
 */

import { networkOf } from "../lib/client-network.ts";
import type { Clock } from "../lib/clock.ts";
import { type TokenBucket, TokenRate } from "../lib/token-bucket.ts";

/** Requests in a minute; 0: no limit. */
export interface RateLimits {
  readonly requestsPerMinute: number;
  readonly backendRequestsPerMinute: number;
  readonly anonymousRequestsPerMinute: number;
}

/** What a right secret is. */
export type SecretKind = "token" | "backend";
type CallerKind = SecretKind | "address";

/** Where a caller stands after a request; undefined at every place means there is no limit. */
export interface Standing {
  readonly admitted: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full again, or, of a refused request, until there is room for one. */
  readonly resetSeconds: number;
}

interface CallerBucket extends TokenBucket {
  readonly kind: CallerKind;
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

  /** Counts one request of a secret that `admit` was called for; undefined where the caller has no limit. */
  function takeOf(secret: string): Standing | undefined {
    const bucket = buckets.get(secret);
    return bucket === undefined ? undefined : take(bucket);
  }

  /** Counts one request of a client that showed no right secret; undefined where it has no limit. */
  function takeOfAddress(address: string): Standing | undefined {
    const key = `address ${networkOf(address)}`;
    return take(buckets.get(key) ?? open(key, "address"));
  }

  function take(bucket: CallerBucket): Standing | undefined {
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

  function open(key: string, kind: CallerKind): CallerBucket {
    if (buckets.size >= bucketsMax) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    const bucket: CallerBucket = { kind, ...rates[kind].full() };
    buckets.set(key, bucket);
    return bucket;
  }

  return {
    takeOf,
    takeOfAddress,
    knows: (secret: string): boolean => buckets.has(secret),
    /** The secret was found to be right: from now on it has a bucket of its own. */
    admit(secret: string, kind: SecretKind): void {
      if (!buckets.has(secret)) open(secret, kind);
    },
    size: () => buckets.size,
  };
}
