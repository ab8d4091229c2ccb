/**
 * What a long-lived token must have for what its client asks: one row for every MiniOICQ action, REST route, Erlang-term
 * record and kind of MQTT topic. What has no row is not opened. Doors ask `opens` before anything else, and look at the
 * chats and topics that a request names by `scopes.ts`.
 */
import { DomainError } from "../errors.ts";
import type { TokenScopes } from "../model.ts";

/**
 * `open`: it needs no log-in, or concerns this connection alone. `send`, `read`: a scope for the chat; `chat`: either. `publish`,
 * `subscribe`: a scope for the topic. `whole`: a token without scopes. `password`: no long-lived token opens it, whatever
 * its scopes. `backend`: the backend key alone.
 */
export type Need = "open" | "send" | "read" | "chat" | "publish" | "subscribe" | "whole" | "password" | "backend";

/** What a client came by; undefined: a password, or a token that is not long-lived. */
export type Grant = { readonly scopes: TokenScopes | undefined } | undefined;

export const actionNeeds = {
  "auth.register": "open",
  "auth.login": "open",
  "auth.logout": "open",
  heartbeat: "open",
  "message.push.ack": "open",
  "message.send": "send",
  "message.get": "read",
  "message.confirm": "read",
  "message.read": "read",
  "receipt.list": "read",
  "receipt.set": "whole",
  "presence.watch": "whole",
  "presence.set": "whole",
  "chat.typing": "send",
  "chat.list": "read",
  "chat.get": "read",
  "user.sync": "whole",
  "user.get": "whole",
  "avatar.set": "whole",
  "chat.create": "whole",
  "chat.leave": "whole",
  "chat.add": "whole",
  "chat.remove": "whole",
  "chat.rename": "whole",
  "chat.avatar.set": "whole",
  "hook.add": "password",
  "hook.list": "password",
  "hook.remove": "password",
  "chat.mute": "whole",
  "message.delete": "whole",
  "message.edit": "whole",
  "message.react": "whole",
  "changes.get": "whole",
  "server.info": "open",
  "message.search": "whole",
  "user.search": "whole",
  "profile.set": "whole",
  "contact.list": "whole",
  "contact.request": "whole",
  "contact.confirm": "whole",
  "contact.revoke": "whole",
  "contact.block": "whole",
  "contact.unblock": "whole",
  "password.set": "password",
  "password.unlink": "password",
  "phone.code": "password",
  "phone.link": "password",
  "phone.unlink": "password",
  "invite.create": "password",
  "auth.link": "password",
  "account.export": "password",
  "account.delete": "password",
  "password.forgot": "open",
  "password.reset": "open",
  "login_name.set": "password",
  "token.add": "password",
  "token.list": "password",
  "token.revoke": "password",
  "session.list": "password",
  "session.end": "password",
} as const satisfies Readonly<Record<string, Need>>;

export const routeNeeds = {
  "/token": { POST: "backend", PUT: "open", DELETE: "password" },
  "/tokens": { GET: "password", POST: "password" },
  "/tokens/:tokenID": { DELETE: "password" },
  "/links": { PUT: "backend", DELETE: "backend" },
  // Messages are sent there, and statuses confirm what was read.
  "/messages": { GET: "read", POST: "chat" },
  "/messages/:messageID": { PATCH: "whole", DELETE: "whole" },
  "/messages/:messageID/reactions/:reaction": { PUT: "whole", DELETE: "whole" },
  "/messages/:messageID/receipts": { GET: "read" },
  "/chats": { GET: "read" },
  "/chats/:chatID": { DELETE: "backend" },
  "/chats/:chatID/users": { GET: "backend", PUT: "backend", DELETE: "backend" },
  "/chats/:chatID/messages": { GET: "read" },
  "/chats/:chatID/changes": { GET: "whole" },
  "/chats/:chatID/mute": { PUT: "whole" },
  "/chats/:chatID/hooks": { GET: "password", POST: "password" },
  "/chats/:chatID/hooks/:hookID": { DELETE: "password" },
  "/chats/:chatID/typing": { PUT: "send" },
  "/users": { GET: "backend" },
  "/contacts": { GET: "whole" },
  "/contacts/:user": { GET: "whole", PUT: "whole", DELETE: "whole" },
  "/search": { GET: "whole" },
  "/users/me": { GET: "whole", PATCH: "whole" },
  "/users/:GUID": { GET: "whole", DELETE: "backend" },
  "/webhooks": { GET: "backend" },
  "/webhooks/:name": { GET: "backend", PUT: "backend", DELETE: "backend" },
  "/webhooks/:name/replay": { POST: "backend" },
  "/webhooks/:name/dead-letters": { GET: "backend" },
  "/healthz": { GET: "open" },
  "/readyz": { GET: "open" },
  "/publicKey": { GET: "open" },
  "/version": { GET: "open" },
  "/_/files": { POST: "send" },
  // A file is read; an upload, under the same path, is part of sending.
  "/_/files/:file": { GET: "read", HEAD: "read", PATCH: "send", DELETE: "send" },
  "/_/avatars/:avatar": { GET: "open" },
  // A cookie stands for the whole log-in, so no long-lived token is given one.
  "/_/session": { POST: "password", DELETE: "open" },
  "/openapi.json": { GET: "open" },
  "/docs": { GET: "open" },
  "/docs/page.css": { GET: "open" },
  "/docs/page.js": { GET: "open" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Need>>>>;

export const recordNeeds = {
  init: "whole",
  Auth: "whole",
  Profile: "whole",
  Friend: "whole",
  Confirm: "whole",
  Revoke: "whole",
  Message: "whole",
  History: "whole",
  Search: "whole",
  Roster: "whole",
  Room: "whole",
  Member: "whole",
  Typing: "whole",
} as const satisfies Readonly<Record<string, Need>>;

export const topicNeeds = {
  /** Ordinary topics and `$SYS`. */
  publish: "publish",
  subscribe: "subscribe",
  deliver: "subscribe",
  /** What is published to `chat/{chatID}/…`, and what is heard there. */
  says: { send: "send", receipts: "read", changes: "whole", typing: "send", history: "read" },
  hears: { messages: "read", receipts: "whole", changes: "whole", typing: "whole", history: "read" },
  /** `user/{userId}/presence`. */
  presence: "whole",
  /** Those of the Erlang-term services. */
  terms: "whole",
} as const satisfies Readonly<Record<string, Need | Readonly<Record<string, Need>>>>;

/** Whether the grant opens anything of this kind at all. */
export function opens(grant: Grant, need: Need | undefined): boolean {
  if (grant === undefined) return true;
  const { scopes } = grant;
  switch (need) {
    case "open":
      return true;
    case "whole":
      return scopes === undefined;
    case "send":
    case "read":
      return scopes === undefined || scopes.some((scope) => scope.allow === need && "chat" in scope);
    case "chat":
      return opens(grant, "send") || opens(grant, "read");
    case "publish":
      return scopes === undefined || scopes.some((scope) => scope.allow === "publish");
    case "subscribe":
      return scopes === undefined || scopes.some((scope) => scope.allow === "read" && "topic" in scope);
    default:
      return false;
  }
}

/** Throws `out_of_scope`. */
export function requireScope(grant: Grant, need: Need | undefined): void {
  if (!opens(grant, need)) throw new DomainError("out_of_scope");
}
