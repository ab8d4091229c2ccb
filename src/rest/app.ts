/**
 * The REST front (REST.md; SPEC § 6) on Hono. Every route answers under six prefixes (R1); the prefix is taken off before
 * Hono routes, and the path is handed on as it came, still encoded, so that an id is judged by its own route (R38).
 */
import { Hono } from "hono";
import type { ChatId } from "../domain/model.ts";
import type { Handler, RestParts, RouteParts } from "./context.ts";
import { createCors } from "./cors.ts";
import { createEdge } from "./edge.ts";
import { createEncodedMessages } from "./encoded-messages.ts";
import { answerOptions, answerProblem, answerUnknownPath, answerWrongMethod, words } from "./errors.ts";
import { createOnce } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { createRateLimiter } from "./rate-limit.ts";
import type { Operations } from "./reference/operations.ts";
import { createReplyKey } from "./reply-key.ts";
import { createChatRoutes, noChatId } from "./routes/chats.ts";
import { createFileRoutes } from "./routes/files.ts";
import { createMessageRoutes } from "./routes/messages.ts";
import { createPeopleRoutes } from "./routes/people.ts";
import { createReferenceRoutes } from "./routes/reference.ts";
import { createSystemRoutes } from "./routes/system.ts";
import { createTokenRoutes } from "./routes/token.ts";
import { createUserRoutes } from "./routes/users.ts";
import { createWebhookRoutes } from "./routes/webhooks.ts";
import { createSchemas } from "./schemas.ts";

/** The longer ones first, as one may begin another; the empty one is what is left. */
const prefixes = ["/api/v3/backend", "/api/v3/public", "/api/v3", "/backend", "/public"] as const;

export interface Rest {
  /** `address` is the peer's, for counting wrong secrets. */
  fetch(request: Request, info: { address: string }): Response | Promise<Response>;
  /** Answers requests that wait with what there is; from now on none waits. */
  stop(): void;
  /** Messages of this chat were deleted: what is kept of them is forgotten. */
  invalidate(chatId: ChatId): void;
}

export function createRest(parts: RestParts): Rest {
  const { domain, hub, limits, log } = parts;
  const routeParts: RouteParts = { ...parts, schemas: createSchemas(limits) };
  const inbox = createInbox({
    store: domain.store,
    hub,
    limits,
    passedOver: ({ userId, deviceId }, chatId, seq) => domain.deliveries.delivered(userId, deviceId, chatId, seq),
  });
  const encoded = createEncodedMessages({ charactersMax: limits.encodedCharactersMax });
  const replyKey = createReplyKey(domain.store);
  const token = createTokenRoutes(routeParts);
  const chats = createChatRoutes({ ...routeParts, encoded });
  const messages = createMessageRoutes({ ...routeParts, inbox, replyKey });
  const files = createFileRoutes(routeParts);
  const people = createPeopleRoutes(routeParts);
  const users = createUserRoutes(routeParts);
  const system = createSystemRoutes({ ...routeParts, replyKey });
  const reference = createReferenceRoutes(routeParts);
  const webhooks = createWebhookRoutes(routeParts);
  const once = createOnce(routeParts);
  const cors = createCors(parts.corsOrigins);
  const rates = createRateLimiter({ clock: parts.clock, limits: parts.rates });
  const edge = createEdge({ cors, rates, isDocumented: (request) => documentedPath.test(pathOf(request)) });

  /** What the reference documents is served, and nothing else is but what stands below: the compiler sees to both. */
  const documented: { readonly [Path in keyof Operations]: { readonly [Verb in keyof Operations[Path]]: Handler } } = {
    // A refresh token is used up by its request and a revoked one shows nobody, so neither has a caller to keep answers for.
    "/token": { POST: once("backend", words.token, token.create), PUT: token.refresh, DELETE: token.remove },
    "/messages": { GET: messages.get, POST: once("participant", words.messages, messages.post) },
    "/chats": { GET: people.chats },
    "/chats/:chatID": { DELETE: once("backend", words.deleteChat, chats.remove) },
    "/chats/:chatID/users": {
      GET: chats.getUsers,
      PUT: once("backend", words.putUsers, chats.putUsers),
      DELETE: once("backend", words.deleteUsers, chats.deleteUsers),
    },
    "/chats/:chatID/messages": { GET: chats.history },
    "/chats/:chatID/typing": { PUT: once("participant", undefined, people.putTyping) },
    "/users/me": { GET: people.me },
    "/users/:GUID": { GET: users.get, DELETE: once("backend", words.users, users.remove) },
    "/webhooks": { GET: webhooks.list },
    "/webhooks/:name": {
      GET: webhooks.get,
      PUT: once("backend", undefined, webhooks.put),
      DELETE: once("backend", undefined, webhooks.remove),
    },
    "/webhooks/:name/replay": { POST: once("backend", undefined, webhooks.replay) },
    "/webhooks/:name/dead-letters": { GET: webhooks.deadLetters },
    "/healthz": { GET: system.healthz },
    "/readyz": { GET: system.readyz },
    "/publicKey": { GET: system.publicKey },
    "/version": { GET: system.version },
  };
  const routes: Readonly<Record<string, Readonly<Partial<Record<Method, Handler>>>>> = {
    ...documented,
    "/_/files/:hash": { GET: files.get },
    "/openapi.json": { GET: reference.openapi },
    "/docs": { GET: reference.page },
    "/docs/page.css": { GET: reference.style },
    "/docs/page.js": { GET: reference.script },
  };

  const app = new Hono<{ Bindings: { address: string } }>({ getPath: pathOf });
  const allowed = new Hono({ getPath: pathOf });
  for (const [path, handlers] of Object.entries(routes)) {
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
    const served = Object.keys(handlers).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    const methods = [...served, "OPTIONS"];
    app.on("OPTIONS", path, (c) =>
      answerOptions(methods, cors.originOf(c.req.raw) === undefined ? {} : cors.preflight),
    );
    allowed.all(path, () => answerWrongMethod(methods));
  }
  allowed.notFound(answerUnknownPath);
  // A handler of its own for every path would make Hono compose the good requests too.
  app.notFound((c) => allowed.fetch(c.req.raw));
  app.onError((error, c) => answerProblem(error, log, { method: c.req.method, path: c.req.path }));

  const fetch: Rest["fetch"] = (request, { address }) =>
    edge.pass(request, address, () => app.fetch(request, { address }));
  return { fetch, stop: inbox.stop, invalidate: encoded.invalidate };
}

/** The routes of REST.md, whose refusals are worded as it prints them. */
const documentedPath = /^\/(?:token|messages|chats\/[^/]+(?:\/users)?|users\/(?!me$)[^/]+)$/;

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** The path without its prefix, query and closing slash; percent escapes stay. */
function pathOf(request: Request): string {
  const { url } = request;
  // Bun gives the bare target where the Host header is missing or makes no URL.
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf(":") + 3);
  if (start === -1) return "/";
  let end = url.length;
  for (const mark of ["?", "#"]) {
    const at = url.indexOf(mark, start);
    if (at !== -1 && at < end) end = at;
  }
  let path = url.slice(start, end);
  for (const prefix of prefixes) {
    if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/")) {
      // The server's own paths have no prefix: behind one they are nobody's.
      if (!path.startsWith("/_/", prefix.length)) path = path.slice(prefix.length);
      break;
    }
  }
  // A missing chatID reaches its route, which words the answer (R25); Hono has no parameter that may be empty.
  if (path.startsWith("/chats/") && (path.length === 7 || path[7] === "/")) path = `/chats/${noChatId}${path.slice(7)}`;
  if (path.endsWith("/")) path = path.slice(0, -1);
  return path === "" ? "/" : path;
}
