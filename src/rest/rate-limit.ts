/**
 * How often one caller may ask (SPEC § 6.2): a bucket that holds a minute's requests and fills evenly. A caller is an
 * access token, the backend key, or the address of who shows neither. Wrong secrets are counted elsewhere, and end long
 * before a bucket does.
 */
import type { Clock } from "../lib/clock.ts";

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

interface Bucket {
  kind: CallerKind;
  room: number;
  filledAtMs: number;
}

/** The bucket made longest ago goes first; whoever comes again begins with a full one. */
const bucketsMax = 50_000;
const minuteMs = 60_000;

export type RateLimiter = ReturnType<typeof createRateLimiter>;

export function createRateLimiter({ clock, limits }: { clock: Clock; limits: RateLimits }) {
  const buckets = new Map<string, Bucket>();
  const perMinute: Readonly<Record<CallerKind, number>> = {
    token: limits.requestsPerMinute,
    backend: limits.backendRequestsPerMinute,
    address: limits.anonymousRequestsPerMinute,
  };

  /** Counts one request; undefined where nothing is limited. */
  function take(kind: "token" | "address", name: string): Standing | undefined {
    const key = kind === "token" ? name : `address ${name}`;
    const bucket = find(key, kind);
    const limit = perMinute[bucket.kind];
    if (limit === 0) return undefined;
    const nowMs = clock.nowMs();
    // A clock that was set back takes nothing away.
    const passedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.room = Math.min(limit, bucket.room + (passedMs * limit) / minuteMs);
    bucket.filledAtMs = nowMs;
    const admitted = bucket.room >= 1;
    if (admitted) bucket.room -= 1;
    const missing = admitted ? limit - bucket.room : 1 - bucket.room;
    return {
      admitted,
      limit,
      remaining: Math.floor(bucket.room),
      resetSeconds: Math.ceil((missing * minuteMs) / limit / 1000),
    };
  }

  function find(key: string, kind: "token" | "address"): Bucket {
    const known = buckets.get(key);
    if (known !== undefined) return known;
    if (buckets.size >= bucketsMax) {
      const oldest = buckets.keys().next();
      if (!oldest.done) buckets.delete(oldest.value);
    }
    const bucket: Bucket = { kind, room: perMinute[kind], filledAtMs: clock.nowMs() };
    buckets.set(key, bucket);
    return bucket;
  }

  /** The secret turned out to be the backend's key. */
  function isBackend(secret: string): void {
    const bucket = buckets.get(secret);
    if (bucket === undefined || bucket.kind === "backend") return;
    bucket.kind = "backend";
    bucket.room = perMinute.backend;
  }

  return { take, isBackend, size: () => buckets.size };
}
