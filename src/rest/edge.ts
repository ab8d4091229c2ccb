/**
 * What every request passes on its way to a route, and every answer on its way out: the limit on how often its caller may
 * ask, and the headers that let pages of other origins read the answer.
 */
import { accessToken, secretInHeaders, showedBackendKey } from "./auth.ts";
import { queryOf } from "./context.ts";
import type { Cors } from "./cors.ts";
import { answerTooOften, Refusal } from "./errors.ts";
import type { RateLimiter, Standing } from "./rate-limit.ts";

export interface Edge {
  /** Asks `route` unless the caller has asked too often. */
  pass(request: Request, address: string, route: () => Response | Promise<Response>): Response | Promise<Response>;
}

export function createEdge(parts: {
  cors: Cors;
  rates: RateLimiter;
  /** Whether the REST document words the answers of this request's route. */
  isDocumented(request: Request): boolean;
}): Edge {
  const { cors, rates } = parts;

  async function pass(request: Request, address: string, route: () => Response | Promise<Response>): Promise<Response> {
    const secret = secretOf(request);
    const standing = secret === undefined ? rates.take("address", address) : rates.take("token", secret);
    const refused = standing?.admitted === false;
    const response = refused ? answerTooOften(parts.isDocumented(request), standing.resetSeconds) : await route();
    if (secret !== undefined && showedBackendKey(request)) rates.isBackend(secret);
    if (standing !== undefined) tell(response, standing);
    if (cors.varies) response.headers.append("Vary", "Origin");
    const origin = cors.originOf(request);
    if (origin !== undefined) cors.allow(response, origin);
    return response;
  }

  return { pass };
}

/** A secret that is too long counts as none here; its route refuses it. */
function secretOf(request: Request): string | undefined {
  try {
    // The query is taken apart only where the headers hold no secret.
    return secretInHeaders(request.headers) ?? accessToken(request, queryOf(request));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function tell(response: Response, { limit, remaining, resetSeconds }: Standing): void {
  const { headers } = response;
  headers.set("RateLimit-Limit", String(limit));
  headers.set("RateLimit-Remaining", String(remaining));
  headers.set("RateLimit-Reset", String(resetSeconds));
}
