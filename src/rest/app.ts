/**
 * The routes of REST (docs/protocols/rest.md) on Hono. Every route answers under six prefixes (R1). The prefix is taken off
 * before Hono routes, and the path is handed on still encoded, as it came, so that each route judges its own ids (R38).
 */
import { Hono } from "hono";
import { isUploadId } from "../domain/messages/file-ids.ts";
import type { ChatId } from "../domain/model.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import { type Need, routeNeeds } from "../domain/people/scope-rules.ts";
import type { AppParts, Handler, RequestInfo, RestEnvironment, RouteParts } from "./context.ts";
import type { Cors } from "./cors.ts";
import { createEncodedMessages } from "./encoded-messages.ts";
import { answerOptions, answerProblem, answerUnknownPath, answerWrongMethod, words } from "./errors.ts";
import { createOnce } from "./idempotency.ts";
import { createInbox } from "./inbox.ts";
import { pathOf } from "./paths.ts";
import type { Method } from "./reference/operation.ts";
import type { Operations } from "./reference/operations.ts";
import { createReplyKey } from "./reply-key.ts";
import { createAvatarRoute } from "./routes/avatars.ts";
import { createChatRoutes } from "./routes/chats.ts";
import { createContactRoutes } from "./routes/contacts.ts";
import { createEditRoutes } from "./routes/edits.ts";
import { createFileRoutes } from "./routes/files.ts";
import { createHookRoutes } from "./routes/hooks.ts";
import { createLinkRoutes } from "./routes/links.ts";
import { createMessageRoutes } from "./routes/messages.ts";
import { createOwnTokenRoutes } from "./routes/own-tokens.ts";
import { createPageSessionRoutes } from "./routes/page-session.ts";
import { createPeopleRoutes } from "./routes/people.ts";
import { createReceiptRoute } from "./routes/receipts.ts";
import { createReferenceRoutes } from "./routes/reference.ts";
import { createSearchRoute } from "./routes/search.ts";
import { createSystemRoutes } from "./routes/system.ts";
import { createTokenRoutes } from "./routes/token.ts";
import { createUploadRoutes } from "./routes/uploads.ts";
import { createUserRoutes } from "./routes/users.ts";
import { createWebhookRoutes } from "./routes/webhooks.ts";
import { createSchemas } from "./schemas.ts";

/** What answers requests once they are let in; see `door.ts`. */
export interface App {
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  clients(): Iterable<ListedClient>;
  stop(): void;
  /** Without a chat, of all of them. */
  invalidate(chatId?: ChatId): void;
}

export function createApp(parts: AppParts & { readonly cors: Cors }): App {
  const { domain, hub, limits, log, cors } = parts;
  const routeParts: RouteParts = { ...parts, schemas: createSchemas(limits) };
  const inbox = createInbox({
    answers: parts.answers,
    store: domain.store,
    hub,
    receipts: parts.receipts,
    limits,
    passedOver: ({ userId, deviceId }, chatId, [from, to]) =>
      domain.deliveries.delivered(userId, deviceId, chatId, to, from),
    settled: domain.deliveries.settled,
  });
  const encoded = createEncodedMessages({ charactersMax: limits.encodedCharactersMax });
  const replyKey = createReplyKey(domain.store);
  const token = createTokenRoutes(routeParts);
  const ownTokens = createOwnTokenRoutes(routeParts);
  const links = createLinkRoutes(routeParts);
  const chats = createChatRoutes({ ...routeParts, encoded });
  const messages = createMessageRoutes({ ...routeParts, inbox, replyKey });
  const edits = createEditRoutes(routeParts);
  const receipts = createReceiptRoute(routeParts);
  const files = createFileRoutes(routeParts);
  const uploads = createUploadRoutes(routeParts);
  /** An upload has an id of another form than the hash of a file. */
  const file: Handler = (c) => (isUploadId(c.req.param("file") ?? "") ? needing("send", uploads.get)(c) : files.get(c));
  const session = createPageSessionRoutes(routeParts);
  const people = createPeopleRoutes(routeParts);
  const contacts = createContactRoutes(routeParts);
  const search = createSearchRoute(routeParts);
  const users = createUserRoutes(routeParts);
  const system = createSystemRoutes({ ...routeParts, replyKey });
  const reference = createReferenceRoutes(routeParts);
  const hooks = createHookRoutes(routeParts);
  const webhooks = createWebhookRoutes(routeParts);
  const once = createOnce(routeParts);

  /** Every route of the reference is served, and no others but those that follow: the compiler checks both. */
  const documented: { readonly [Path in keyof Operations]: { readonly [Verb in keyof Operations[Path]]: Handler } } = {
    // A request uses its refresh token up and a revoked token names no user, so there is no caller to keep answers for.
    "/token": { POST: once("backend", words.token, token.create), PUT: token.refresh, DELETE: token.remove },
    "/tokens": { GET: ownTokens.list, POST: ownTokens.add },
    "/tokens/:tokenID": { DELETE: ownTokens.revoke },
    "/links": { PUT: once("backend", undefined, links.put), DELETE: once("backend", undefined, links.remove) },
    "/messages": { GET: messages.get, POST: once("participant", words.messages, messages.post) },
    "/messages/:messageID": {
      PATCH: once("participant", undefined, edits.edit),
      DELETE: once("participant", undefined, edits.remove),
    },
    "/messages/:messageID/reactions/:reaction": {
      PUT: once("participant", undefined, edits.react),
      DELETE: once("participant", undefined, edits.unreact),
    },
    "/messages/:messageID/receipts": { GET: receipts.ofMessage },
    "/chats": { GET: people.chats },
    "/chats/:chatID": { DELETE: once("backend", words.deleteChat, chats.remove) },
    "/chats/:chatID/users": {
      GET: chats.getUsers,
      PUT: once("backend", words.putUsers, chats.putUsers),
      DELETE: once("backend", words.deleteUsers, chats.deleteUsers),
    },
    "/chats/:chatID/messages": { GET: chats.history },
    "/chats/:chatID/changes": { GET: edits.changes },
    "/chats/:chatID/mute": { PUT: once("participant", undefined, people.putMute) },
    "/chats/:chatID/hooks": { GET: hooks.list, POST: once("participant", undefined, hooks.add) },
    "/chats/:chatID/hooks/:hookID": { DELETE: once("participant", undefined, hooks.remove) },
    "/chats/:chatID/typing": { PUT: once("participant", undefined, people.putTyping) },
    "/users": { GET: people.users },
    "/contacts": { GET: contacts.list },
    "/contacts/:user": {
      GET: contacts.get,
      PUT: once("participant", undefined, contacts.put),
      DELETE: once("participant", undefined, contacts.remove),
    },
    "/search": { GET: search.get },
    "/users/me": { GET: people.me, PATCH: once("participant", undefined, people.patchMe) },
    "/users/:GUID": { GET: users.get, DELETE: once("backend", words.users, users.remove) },
    "/_/files": { POST: uploads.create },
    "/_/files/:file": { GET: file, HEAD: file, PATCH: uploads.extend, DELETE: uploads.remove },
    "/_/avatars/:avatar": { GET: createAvatarRoute(routeParts).get },
    "/_/session": { POST: session.open, DELETE: session.end },
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
  const served = {
    ...documented,
    "/openapi.json": { GET: reference.openapi },
    "/docs": { GET: reference.page },
    "/docs/page.css": { GET: reference.style },
    "/docs/page.js": { GET: reference.script },
  };
  const routes: Readonly<Record<string, Readonly<Partial<Record<Method, Handler>>>>> = served;
  // Each route has a row in the table of scopes: the compiler checks it.
  const needs: NeedsOf<typeof served> = routeNeeds;

  const app = new Hono<RestEnvironment>({ getPath: pathOf });
  const allowed = new Hono({ getPath: pathOf });
  for (const [path, handlers] of Object.entries(routes)) {
    const needsOf: Readonly<Partial<Record<string, Need>>> = needs[path as keyof typeof needs];
    for (const [method, handler] of Object.entries(handlers)) app.on(method, path, needing(needsOf[method], handler));
    const verbs = Object.keys(handlers).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    const methods = [...new Set(verbs), "OPTIONS"];
    app.on("OPTIONS", path, (c) =>
      answerOptions(methods, cors.originOf(c.req.raw) === undefined ? {} : cors.preflight),
    );
    allowed.all(path, () => answerWrongMethod(methods));
  }
  allowed.notFound(answerUnknownPath);
  // With a handler for every path Hono would compose handlers for the good requests too.
  app.notFound((c) => allowed.fetch(c.req.raw));
  app.onError((error, c) => answerProblem(error, log, { method: c.req.method, path: c.req.path }));

  const fetch: App["fetch"] = (request, info) =>
    request.method === "HEAD" ? app.fetch(asGet(request), infoOfHead(request, info)) : app.fetch(request, info);
  return { fetch, clients: inbox.clients, stop: inbox.stop, invalidate: encoded.invalidate };
}

/**
 * Hono would answer HEAD with a body of no bytes. Bun leaves out the body of any answer to HEAD and keeps its length, which
 * must be that of GET (RFC 9110 § 8.6).
 */
const asGet = ({ url, headers, signal }: Request): Request => new Request(url, { headers, signal });

const infoOfHead = (head: Request, info: RequestInfo): RequestInfo => ({
  ...info,
  timeouts: { timeout: (_, seconds) => info.timeouts.timeout(head, seconds) },
  isHead: true,
});

/** What a long-lived token must have for the route is known to whatever looks at tokens. */
const needing =
  (need: Need | undefined, handler: Handler): Handler =>
  (c) => {
    c.env.need = need;
    return handler(c);
  };

type NeedsOf<Routes> = { readonly [Path in keyof Routes]: { readonly [Verb in keyof Routes[Path]]: Need } };
