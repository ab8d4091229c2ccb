/**
 * Finds out who asks: a backend by its key, a participant by an access token (R2, R18, R30). Both may stand in
 * `Authorization`, bare or after `Bearer`, or in `X-API-Key`; a token also in the query or the body as `accessToken`.
 */
import type { Accounts, LoggedIn } from "../domain/people/accounts.ts";
import { unauthorized, unsigned } from "./errors.ts";

/** No secret of this server is longer; longer ones are refused before they are hashed. */
const secretCharactersMax = 1024;

/** Throws `not_authorized`, `try_later`, or a refusal where there is no key at all. */
export async function requireBackend(accounts: Accounts, request: Request, address: string): Promise<void> {
  const key = secretInHeaders(request.headers);
  if (key === undefined) throw unauthorized("the backend key is missing");
  await accounts.checkBackendKey(key, address);
  backendRequests.add(request);
}

/** Whether the backend asks, for routes that a participant's token opens too. Throws `try_later`. */
export async function asksAsBackend(
  accounts: Accounts,
  request: Request,
  { token, address }: { token: string | undefined; address: string },
): Promise<boolean> {
  // Access tokens are distinguished from the backend key by their beginning, so that requests of participants cost no hash.
  if (token === undefined || token.startsWith("ra_") || !(await accounts.isBackendKey(token, address))) return false;
  backendRequests.add(request);
  return true;
}

const backendRequests = new WeakSet<Request>();

/** Whether this request is known to show the backend key. */
export const showedBackendKey = (request: Request): boolean => backendRequests.has(request);

/** Throws `token_invalid`, `user_disabled`, `try_later`, or a refusal where there is no token at all. */
export function requireParticipant(accounts: Accounts, token: string | undefined, address: string): Promise<LoggedIn> {
  if (token === undefined) throw unauthorized("the access token is missing");
  return accounts.logInWithToken(token, address);
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
