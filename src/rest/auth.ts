/**
 * Finds out who asks: a backend by its key, a participant by an access token (R2, R18, R30). Both may stand in
 * `Authorization`, bare or after `Bearer`, or in `X-API-Key`; a token also in the query or the body as `accessToken`.
 */
import { DomainError } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { MessageId, UserId } from "../domain/model.ts";
import type { Accounts, LoggedIn } from "../domain/people/accounts.ts";
import { type ChatReach, chatReachOf } from "../domain/people/chat-reach.ts";
import { type Need, requireScope } from "../domain/people/scope-rules.ts";
import { isLongToken, isToken } from "../domain/people/secrets.ts";
import type { ChatReads, Reads } from "../domain/store.ts";
import type { RequestInfo } from "./context.ts";
import { unauthorized, unsigned } from "./errors.ts";

/** No secret of this server is longer; longer ones are refused before they are hashed. */
const secretCharactersMax = 1024;

/** Throws `not_authorized`, `try_later`, or a refusal where there is no key at all. */
export async function requireBackend(accounts: Accounts, request: Request, address: string): Promise<void> {
  const key = secretInHeaders(request.headers);
  if (key === undefined) throw unauthorized("the backend key is missing");
  await accounts.checkBackendKey(key, address);
}

/** Whether the backend asks, for routes that a participant's token opens too. */
export async function asksAsBackend(accounts: Accounts, token: string | undefined): Promise<boolean> {
  // Tokens are distinguished from the backend key by their beginning, so that requests of participants cost no hash.
  return token !== undefined && !isToken(token) && (await accounts.isBackendKey(token));
}

/**
 * Throws `token_invalid`, `user_disabled`, `try_later`, `out_of_scope` where a long-lived token does not open the route, or a
 * refusal where there is no token at all.
 */
export function requireParticipant(
  accounts: Accounts,
  token: string | undefined,
  { address, need }: Pick<RequestInfo, "address" | "need">,
): Promise<LoggedIn> {
  if (token === undefined) throw unauthorized("the access token is missing");
  const loggingIn = accounts.logInWithToken(token, address);
  return isLongToken(token) ? loggingIn.then((loggedIn) => within(loggedIn, need)) : loggingIn;
}

function within(loggedIn: LoggedIn, need: Need | undefined): LoggedIn {
  requireScope(loggedIn.longToken, need);
  return loggedIn;
}

/** The chats that the caller's token opens; undefined: all of their user's. */
export const reachOf = ({ user, longToken }: LoggedIn, store: Pick<ChatReads, "findChatOf">): ChatReach | undefined =>
  chatReachOf(longToken, user.userId, store);

/**
 * Throws `out_of_scope` where the id is an event's, or that of a message in a chat of the user that the token does not open.
 * An id that is none of the user's is left to the route.
 */
export async function requireReadableMessage(
  reach: ChatReach,
  { store, userId }: { store: Pick<Reads, "findMessage" | "isMember">; userId: UserId },
  messageId: string,
): Promise<void> {
  if (messageId.startsWith("e")) throw new DomainError("out_of_scope", "events are not confirmed with it");
  const message = await store.findMessage((safeInteger(messageId) ?? 0) as MessageId, 0);
  if (message === undefined || reach.opens("read", message)) return;
  if (await store.isMember(message.chatId, userId)) throw new DomainError("out_of_scope");
}

/** For the forms that carry no signature (R22). */
export function refuseUnsigned(required: boolean, { signingKey }: LoggedIn): void {
  if (required && signingKey !== undefined) throw unsigned("this server asks for the signed form");
}

export function secretInHeaders(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  const shown = headers.get("x-api-key") ?? (authorization === null ? null : authorization.replace(/^Bearer\s+/i, ""));
  return bounded(shown?.trim());
}

/** The name and the password of HTTP Basic (RFC 7617); undefined where the header is of another kind. */
export function basicOf(headers: Headers): { readonly name: string; readonly password: string } | undefined {
  const credentials = /^Basic\s+([A-Za-z0-9+/]{1,4096}={0,2})$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (credentials === undefined) return undefined;
  const text = Buffer.from(credentials, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The token of a request: its headers first, then its query, then its body. */
export function accessToken(request: Request, query?: URLSearchParams, body?: unknown): string | undefined {
  const shown = secretInHeaders(request.headers) ?? bounded(query?.get("accessToken"));
  if (shown !== undefined || typeof body !== "object" || body === null || !("accessToken" in body)) return shown;
  return typeof body.accessToken === "string" ? bounded(body.accessToken) : undefined;
}

function bounded(secret: string | null | undefined): string | undefined {
  if (secret === null || secret === undefined || secret === "") return undefined;
  if (secret.length > secretCharactersMax) throw unauthorized("the secret is too long");
  return secret;
}
