/**
 * Cross-origin requests of browsers (the Fetch standard), for the origins that the operator named and for no others.
 * There are no cookies: a page sends its token in a header, so credentials are never allowed. Hono's own module is not
 * used, since these answers are given before Hono routes.
 */

const exposedHeaders = [
  "Idempotency-Replayed",
  "Location",
  "RateLimit-Limit",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "Retry-After",
  "Upload-Complete",
  "Upload-Length",
  "Upload-Offset",
  "X-Error-Detail",
].join(", ");
const allowedHeaders =
  "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Upload-Complete, Upload-Length, Upload-Offset, X-API-Key";
/** How long a browser may remember the answer to its preflight. */
const preflightSeconds = "600";

export interface Cors {
  /** The origin that asks, as the answer names it; undefined where there is none, or it may not ask. */
  originOf(request: Request): string | undefined;
  /** Marks an answer so that the page may read it. */
  allow(response: Response, origin: string): void;
  /** The headers of the answer to a preflight, beside those of `allow`. */
  readonly preflight: Readonly<Record<string, string>>;
  /** Whether answers differ by origin, so that a cache must keep them apart. */
  readonly varies: boolean;
}

export function createCors(origins: readonly string[]): Cors {
  const all = origins.includes("*");
  const named = new Set(origins);
  return {
    originOf(request) {
      if (named.size === 0) return undefined;
      const origin = request.headers.get("origin");
      if (origin === null) return undefined;
      if (all) return "*";
      return named.has(origin) ? origin : undefined;
    },
    allow(response, origin) {
      response.headers.set("Access-Control-Allow-Origin", origin);
      response.headers.set("Access-Control-Expose-Headers", exposedHeaders);
    },
    preflight: { "Access-Control-Allow-Headers": allowedHeaders, "Access-Control-Max-Age": preflightSeconds },
    varies: named.size > 0 && !all,
  };
}
