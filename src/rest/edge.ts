/**
 * What every request passes on its way to a route, and every answer on its way out: the limit on how often its caller may
 * ask, and the headers that let pages of other origins read the answer.
 */
import { accessToken, secretInHeaders } from "./auth.ts";
import { queryOf, type RequestInfo } from "./context.ts";
import type { Cors } from "./cors.ts";
import { answerTooOften, Refusal } from "./errors.ts";
import type { PageSessions } from "./page-sessions.ts";
import type { RateLimiter, SecretKind, Standing } from "./rate-limit.ts";

export interface Edge {
  /** Asks `route` unless the caller has asked too often. */
  pass(request: Request, info: RequestInfo, route: () => Response | Promise<Response>): Response | Promise<Response>;
}

export function createEdge(parts: {
  cors: Cors;
  rates: RateLimiter;
  /** What a secret is; undefined where it is not right. */
  kindOf(secret: string): Promise<SecretKind | undefined>;
  readonly pageSessions: Pick<PageSessions, "cookieOf" | "logInOf">;
  /** Notes for the operator what was refused. */
  refused(request: Request, refusal: { address: string; secret: string | undefined; response: Response }): void;
  /** Whether the REST document words the answers of this request's route. */
  isDocumented(request: Request): boolean;
  /** What is sent instead of a large answer; undefined for others. */
  counted(request: Request, info: RequestInfo, response: Response): Response | Promise<Response> | undefined;
}): Edge {
  const { cors, rates, pageSessions } = parts;

  async function pass(
    request: Request,
    info: RequestInfo,
    route: () => Response | Promise<Response>,
  ): Promise<Response> {
    const { address } = info;
    const secret = secretOf(request);
    const cookie = secret === undefined ? pageSessions.cookieOf(request.headers) : undefined;
    const caller = secret ?? cookie;
    const known = caller !== undefined && (rates.knows(caller) || (await admits(caller, request)));
    const standing = known ? rates.takeOf(caller) : rates.takeOfAddress(address);
    const refused = standing?.admitted === false;
    let response = refused ? answerTooOften(parts.isDocumented(request), standing.resetSeconds) : await route();
    const counted = parts.counted(request, info, response);
    if (counted !== undefined) response = await counted;
    if (response.status >= 400) parts.refused(request, { address, secret, response });
    if (standing !== undefined) tell(response, standing);
    if (cors.varies) response.headers.append("Vary", "Origin");
    const origin = cors.originOf(request);
    if (origin !== undefined) cors.allow(response, origin);
    return response;
  }

  /** Only the first request of a right secret waits for this. */
  async function admits(secret: string, request: Request): Promise<boolean> {
    const isCookie = secret === pageSessions.cookieOf(request.headers);
    if (isCookie && (await pageSessions.logInOf(request)) === undefined) return false;
    const kind = isCookie ? "token" : await parts.kindOf(secret);
    if (kind !== undefined) rates.admit(secret, kind);
    return kind !== undefined;
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
