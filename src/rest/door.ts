/**
 * The REST door. What every request passes stands from the start; the routes, with Hono and the schemas, are loaded by the
 * first request that needs them, since they take longer than everything else a start does. What a monitor asks needs none.
 */
import type { ChatId } from "../domain/model.ts";
import type { App } from "./app.ts";
import type { RequestInfo, RestParts } from "./context.ts";
import { createCors } from "./cors.ts";
import { createEdge } from "./edge.ts";
import { createMonitorAnswers } from "./monitor.ts";
import { documentedPath, pathOf } from "./paths.ts";
import { createRateLimiter } from "./rate-limit.ts";

export interface Rest {
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Answers requests that wait with what there is; from now on no request waits. */
  stop(): void;
  /** Messages of this chat were deleted: what is kept of them here is dropped. */
  invalidate(chatId: ChatId): void;
}

export function createRest(parts: RestParts): Rest {
  const cors = createCors(parts.corsOrigins);
  const rates = createRateLimiter({ clock: parts.clock, limits: parts.rates });
  const edge = createEdge({ cors, rates, isDocumented: (request) => documentedPath.test(pathOf(request)) });
  const monitor = createMonitorAnswers(parts);
  const answers: Readonly<Record<string, (() => Response) | undefined>> = {
    "/healthz": monitor.healthz,
    "/readyz": monitor.readyz,
    "/version": monitor.version,
  };
  let app: App | undefined;
  let loading: Promise<App> | undefined;
  let stopped = false;

  async function load(): Promise<App> {
    const { createApp } = await import("./app.ts");
    app = createApp({ ...parts, cors });
    if (stopped) app.stop();
    return app;
  }

  function route(request: Request, info: RequestInfo): Response | Promise<Response> {
    if (app !== undefined) return app.fetch(request, info);
    const answer = request.method === "GET" ? answers[pathOf(request)]?.() : undefined;
    if (answer !== undefined) return answer;
    loading ??= load();
    return loading.then((loaded) => loaded.fetch(request, info));
  }

  return {
    fetch: (request, info) => edge.pass(request, info.address, () => route(request, info)),
    stop() {
      stopped = true;
      app?.stop();
    },
    invalidate: (chatId) => app?.invalidate(chatId),
  };
}
