/**
 * The REST front (REST.md; SPEC § 6) on Hono. Every route answers under six prefixes (R1); the prefix is taken off before
 * Hono routes, and the path is handed on as it came, still encoded, so that an id is judged by its own route (R38).
 */
import { Hono } from "hono";
import type { ChatId } from "../domain/model.ts";
import type { Handler, RestParts, RouteParts } from "./context.ts";
import { createEncodedMessages } from "./encoded-messages.ts";
import { answerProblem, answerUnknownPath, answerWrongMethod } from "./errors.ts";
import { createInbox } from "./inbox.ts";
import { createReplyKey } from "./reply-key.ts";
import { createChatRoutes, noChatId } from "./routes/chats.ts";
import { createFileRoutes } from "./routes/files.ts";
import { createMessageRoutes } from "./routes/messages.ts";
import { createSystemRoutes } from "./routes/system.ts";
import { createTokenRoutes } from "./routes/token.ts";
import { createUserRoutes } from "./routes/users.ts";
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
  const users = createUserRoutes(routeParts);
  const system = createSystemRoutes({ ...routeParts, replyKey });

  const routes: Readonly<Record<string, Readonly<Partial<Record<Method, Handler>>>>> = {
    "/token": { POST: token.create, PUT: token.refresh, DELETE: token.remove },
    "/users/:GUID": { GET: users.get, DELETE: users.remove },
    "/messages": { GET: messages.get, POST: messages.post },
    "/chats/:chatID": { DELETE: chats.remove },
    "/chats/:chatID/users": { GET: chats.getUsers, PUT: chats.putUsers, DELETE: chats.deleteUsers },
    "/chats/:chatID/messages": { GET: chats.history },
    "/_/files/:hash": { GET: files.get },
    "/healthz": { GET: system.healthz },
    "/readyz": { GET: system.readyz },
    "/publicKey": { GET: system.publicKey },
    "/version": { GET: system.version },
  };

  const app = new Hono<{ Bindings: { address: string } }>({ getPath: pathOf });
  const allowed = new Hono({ getPath: pathOf });
  for (const [path, handlers] of Object.entries(routes)) {
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
    const methods = Object.keys(handlers).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    allowed.all(path, () => answerWrongMethod(methods));
  }
  allowed.notFound(answerUnknownPath);
  // A handler of its own for every path would make Hono compose the good requests too.
  app.notFound((c) => allowed.fetch(c.req.raw));
  app.onError((error, c) => answerProblem(error, log, { method: c.req.method, path: c.req.path }));

  return { fetch: (request, info) => app.fetch(request, info), stop: inbox.stop, invalidate: encoded.invalidate };
}

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
