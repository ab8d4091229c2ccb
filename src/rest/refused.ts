/** Notes for the operator what a caller was refused. */
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import type { Reason, Who } from "../domain/people/refusals.ts";
import { hashSecret } from "../domain/people/secrets.ts";
import type { Log } from "../lib/log.ts";
import { causeOf, Refusal } from "./errors.ts";
import { pathOf } from "./paths.ts";

export function createRefusalNotes({ domain, log }: { domain: Domain; log: Log }) {
  const { refusals, store } = domain;

  async function note(
    request: Request,
    { address, secret, response }: { address: string; secret: string | undefined; response: Response },
  ): Promise<void> {
    const reason = reasonOf(response);
    if (reason === undefined) return;
    const who = await whoShows(secret);
    // A backend may do everything, so this is an answer to it and no refusal.
    if ("stranger" in who && reason instanceof DomainError && !ofStrangers.has(reason.code)) return;
    refusals.note({ door: "rest", asked: `${request.method} ${pathOf(request)}`, who, address, reason });
  }

  /** Whose token it is, also where it has ended. */
  async function whoShows(secret: string | undefined): Promise<Who> {
    const hash = secret === undefined ? undefined : hashSecret(secret);
    const long = hash === undefined ? undefined : await store.findLongToken(hash);
    if (long !== undefined && long.user === undefined) return { device: long.token.ownerKey.slice("device:".length) };
    const owner = hash === undefined ? undefined : (long ?? (await store.findToken(hash, "access")));
    return owner?.user === undefined ? { stranger: undefined } : { user: owner.user };
  }

  return (request: Request, refusal: Parameters<typeof note>[1]): void => {
    note(request, refusal).catch((error: unknown) => log.error("a refusal could not be noted", { error }));
  };
}

/** What callers without a participant's token are refused. */
const ofStrangers: ReadonlySet<DomainErrorCode> = new Set(["token_invalid", "not_authorized", "try_later"]);

/** Answers of this door itself that say that a caller may not. */
const barred: ReadonlyMap<number, string> = new Map([
  [401, "a token of POST /token, or the backend key"],
  [403, "the request in the signed form"],
]);

function reasonOf(response: Response): DomainError | Reason | undefined {
  const cause = causeOf(response);
  if (cause instanceof DomainError) return cause;
  if (cause instanceof Refusal && barred.has(cause.answer.status)) {
    return { why: cause.detail, allow: barred.get(cause.answer.status) };
  }
  if (response.status !== 429) return undefined;
  if (cause instanceof Refusal) return { why: cause.detail, allow: undefined };
  return {
    why: "asked too often",
    allow: "rest.requests_per_minute, rest.backend_requests_per_minute, rest.anonymous_requests_per_minute",
  };
}
