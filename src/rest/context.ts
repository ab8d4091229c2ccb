/** What every REST route is given, and what wraps it. */
import type { Context } from "hono";
import type { Hub } from "../delivery/hub.ts";
import type { PresenceNews } from "../delivery/presence.ts";
import type { Receipts } from "../delivery/receipts.ts";
import type { Typing } from "../delivery/typing.ts";
import type { Domain } from "../domain/domain.ts";
import type { Need } from "../domain/people/scope-rules.ts";
import type { WebhookKeeper } from "../domain/webhooks/webhook-store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Bodies } from "./bodies.ts";
import { answerDocumented, answerProblem, type Words } from "./errors.ts";
import type { RestLimits } from "./limits.ts";
import type { AnswerBudget, BodyBudget, PageRoom } from "./memory.ts";
import type { PageSessions } from "./page-sessions.ts";
import type { RateLimits } from "./rate-limit.ts";
import type { Schemas } from "./schemas.ts";

export interface Health {
  live(): boolean;
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[]; readonly warnings: readonly string[] };
}

export interface RestParts {
  readonly domain: Domain;
  readonly receipts: Receipts;
  readonly typing: Typing;
  readonly presence: Pick<PresenceNews, "seenBy">;
  readonly hub: Hub;
  readonly log: Log;
  readonly clock: Clock;
  readonly health: Health;
  readonly version: string;
  readonly limits: RestLimits;
  /** Shared with the other doors. */
  readonly memory: AnswerBudget & BodyBudget;
  /** Callers without the backend key may make participants that do not exist yet. */
  readonly openTokens: boolean;
  /** Participants that have a key must sign. */
  readonly requireSignature: boolean;
  readonly rates: RateLimits;
  readonly webhooks: WebhookKeeper;
  /** Pages of these origins may call from a browser; `*`: all. */
  readonly corsOrigins: readonly string[];
}

export interface AppParts extends RestParts {
  readonly pageSessions: PageSessions;
  readonly answers: PageRoom;
  readonly limits: RestLimits & { readonly bodies: Bodies };
}

export interface RouteParts extends AppParts {
  readonly schemas: Schemas;
}

/** How long the HTTP server waits for a request that does nothing before it cuts the request off. Bun's servers have this. */
export interface RequestTimeouts {
  /** 0: for ever. */
  timeout(request: Request, seconds: number): void;
}

/** What the HTTP server knows of a request. */
export interface RequestInfo {
  /** The client's; wrong secrets are counted by it. */
  readonly address: string;
  readonly timeouts: RequestTimeouts;
  /** What a long-lived token must have for the route; undefined: none opens it. Set once the route is known. */
  need?: Need | undefined;
  /** It came by HTTPS, to this server or to a trusted proxy. */
  readonly isSecure?: boolean;
  /** The request is a HEAD, which the routes get as GET. */
  readonly isHead?: boolean;
}

export type RestEnvironment = { Bindings: RequestInfo };
export type RestContext = Context<RestEnvironment>;
export type Handler = (c: RestContext) => Promise<Response>;

/** The request is not cut off while it waits: without `seconds` never, else not until the client has taken nothing for so long. */
export function keepOpen(c: RestContext, seconds = 0): void {
  c.env.timeouts.timeout(c.req.raw, seconds);
}

/** A route of the documents, whose errors are worded as the documents print them. */
export function documented(words: Words, log: Log, handle: Handler): Handler {
  return async (c) => {
    try {
      return await handle(c);
    } catch (error) {
      return answerDocumented(words, error, log, { method: c.req.method, path: c.req.path });
    }
  };
}

/** A route of Roost's own, whose errors are problem documents. */
export function own(log: Log, handle: Handler): Handler {
  return async (c) => {
    try {
      return await handle(c);
    } catch (error) {
      return answerProblem(error, log, { method: c.req.method, path: c.req.path });
    }
  };
}

/** The query of a request; undefined where there is none. */
export function queryOf(request: Request): URLSearchParams | undefined {
  const start = request.url.indexOf("?");
  return start === -1 ? undefined : new URLSearchParams(request.url.slice(start + 1));
}
