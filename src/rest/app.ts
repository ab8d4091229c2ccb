/**
 * The routes of REST (docs/protocols/rest.md) on Hono. Every route answers under six prefixes (R1). The prefix is taken off
 * before Hono routes, and the path is handed on still encoded, as it came, so that each route judges its own ids (R38).
 */
import { Hono } from "hono";
import type { ChatId } from "../domain/model.ts";
import type { Handler, RequestInfo, RestEnvironment, RestParts, RouteParts } from "./context.ts";
import type { Cors } from "./cors.ts";
import { createEncodedMessages } from "./encoded-messages.ts";
import { answerOptions, answerProblem, answerUnknownPath, answerWrongMethod, words } from "./errors.ts";
import { createOnce } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { pathOf } from "./paths.ts";
import type { Operations } from "./reference/operations.ts";
import { createReplyKey } from "./reply-key.ts";
import { createChatRoutes } from "./routes/chats.ts";
import { createFileRoutes } from "./routes/files.ts";
import { createMessageRoutes } from "./routes/messages.ts";
import { createPeopleRoutes } from "./routes/people.ts";
import { createReferenceRoutes } from "./routes/reference.ts";
import { createSystemRoutes } from "./routes/system.ts";
import { createTokenRoutes } from "./routes/token.ts";
import { createUserRoutes } from "./routes/users.ts";
import { createWebhookRoutes } from "./routes/webhooks.ts";
import { createSchemas } from "./schemas.ts";

/** What answers requests once they are let in; see `door.ts`. */
export interface App {
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  stop(): void;
  invalidate(chatId: ChatId): void;
}

export function createApp(parts: RestParts & { readonly cors: Cors }): App {
  const { domain, hub, limits, log, cors } = parts;
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

  /** Every route of the reference is served, and no others but those that follow: the compiler checks both. */
  const documented: { readonly [Path in keyof Operations]: { readonly [Verb in keyof Operations[Path]]: Handler } } = {
    // A request uses its refresh token up and a revoked token names no user, so there is no caller to keep answers for.
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

  const app = new Hono<RestEnvironment>({ getPath: pathOf });
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
  // With a handler for every path Hono would compose handlers for the good requests too.
  app.notFound((c) => allowed.fetch(c.req.raw));
  app.onError((error, c) => answerProblem(error, log, { method: c.req.method, path: c.req.path }));

  const fetch: App["fetch"] = (request, info) => app.fetch(request, info);
  return { fetch, stop: inbox.stop, invalidate: encoded.invalidate };
}

type Method = "GET" | "POST" | "PUT" | "DELETE";
