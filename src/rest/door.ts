/**
 * The REST door. What every request passes stands from the start; the routes, with Hono and the schemas, are loaded by the
 * first request that needs them, since they take longer than everything else a start does. What a monitor asks needs none.
 */

import { hookPath } from "../domain/chats/hooks.ts";
import type { ChatId } from "../domain/model.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import { lazily } from "../lib/lazily.ts";
import type { App } from "./app.ts";
import { Bodies } from "./bodies.ts";
import { createCallers } from "./callers.ts";
import type { RequestInfo, RestParts } from "./context.ts";
import { createCors } from "./cors.ts";
import { createEdge } from "./edge.ts";
import { LargeAnswers } from "./large-answers.ts";
import { createMonitorAnswers } from "./monitor.ts";
import { PageSessions } from "./page-sessions.ts";
import { documentedPath, pathOf } from "./paths.ts";
import { createRateLimiter } from "./rate-limit.ts";
import { createRefusalNotes } from "./refused.ts";

export interface Rest {
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Answers requests that wait with what there is; from now on no request waits. */
  stop(): void;
  /** Requests that wait, and streams. */
  clients(): Iterable<ListedClient>;
  /** Requests whose bodies have not come as a whole. */
  halfSent(): number;
  /** Messages of this chat were deleted: what is kept of them here is dropped. */
  invalidate(chatId?: ChatId): void;
}

export function createRest(parts: RestParts): Rest {
  const cors = createCors(parts.corsOrigins);
  const { store, accounts } = parts.domain;
  const pageSessions = new PageSessions({ accounts, epoch: parts.domain.epoch });
  const callerOf = createCallers({ store, isBackendKey: accounts.isBackendKey, pageSessions });
  const answers = new LargeAnswers({ memory: parts.memory, callerOf });
  const bodies = new Bodies(parts.memory, callerOf);
  const rates = createRateLimiter({ clock: parts.clock, limits: parts.rates });
  const edge = createEdge({
    cors,
    rates,
    kindOf: accounts.kindOfSecret,
    pageSessions,
    refused: createRefusalNotes(parts),
    isDocumented: (request) => documentedPath.test(pathOf(request)),
    counted: (request, info, response) => answers.counted(request, info, response),
  });
  const monitor = createMonitorAnswers(parts);
  const ofMonitor: Readonly<Record<string, (() => Response) | undefined>> = {
    "/healthz": monitor.healthz,
    "/readyz": monitor.readyz,
    "/version": monitor.version,
  };
  let app: App | undefined;
  let loading: Promise<App> | undefined;
  let stopped = false;

  async function load(): Promise<App> {
    const { createApp } = await import("./app.ts");
    app = createApp({ ...parts, pageSessions, answers, limits: { ...parts.limits, bodies }, cors });
    if (stopped) app.stop();
    return app;
  }

  /** Hooks have no routes: what they ask passes neither the limits of others nor what notes refusals by their paths. */
  const incoming = lazily(async () => {
    const { createIncoming } = await import("./incoming.ts");
    return createIncoming({ ...parts, bodies, rates });
  });

  function route(request: Request, info: RequestInfo): Response | Promise<Response> {
    if (app !== undefined) return app.fetch(request, info);
    const answer = request.method === "GET" ? ofMonitor[pathOf(request)]?.() : undefined;
    if (answer !== undefined) return answer;
    loading ??= load();
    return loading.then((loaded) => loaded.fetch(request, info));
  }

  return {
    fetch(request, info) {
      bodies.from(request, info.address);
      if (isIncoming(request)) return incoming().then((answer) => answer(request, info));
      return edge.pass(request, info, () => route(request, info));
    },
    stop() {
      stopped = true;
      app?.stop();
    },
    clients: () => app?.clients() ?? [],
    halfSent: () => bodies.underWay,
    invalidate: (chatId) => app?.invalidate(chatId),
  };
}

/** The first look costs next to nothing, and says no nearly always. */
const isIncoming = (request: Request): boolean =>
  request.url.includes(hookPath) && pathOf(request).startsWith(hookPath);
