/**
 * Long-lived tokens: secrets that stand for a user or a device until they are revoked, for programs that should not know a
 * password. They are made by the operator, by a backend for its participants, or by users who show their password. No
 * token makes one. Only the client has the secret; the store has its hash.
 */
import { type Clock, forever, type SteadyMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { CommitStore } from "../store.ts";
import type { LoginGuard } from "./login-guard.ts";
import type {
  EndedLongTokens,
  ExpiredLongPlace,
  FoundLongToken,
  LongToken,
  LongTokenStore,
  TokenMaker,
} from "./long-token-store.ts";
import { newSecret } from "./new-secrets.ts";
import { checkScopes, type ScopeRequest } from "./scopes.ts";
import { hashSecret, longTokenPrefix } from "./secrets.ts";
import { BoundedMap } from "./waits.ts";

/** Of one user or device. */
export const longTokensMax = 100;
export const longTokenNameCharactersMax = 64;
/** The longest lifetime that can be asked for: ten years. */
export const longTokenLifetimeMsMax = 3650 * 86_400_000;
/** The use of a token is written at most so often. */
const usedEveryMs = 60_000;
const rememberedMax = 10_000;
const expiredAtOnce = 1000;

export interface LongTokenRequest {
  /** `user:<userId>` or `device:<name>`. */
  readonly ownerKey: string;
  readonly name: string | undefined;
  /** Undefined: everything that the owner may do, besides accounts, tokens and log-ins. */
  readonly scopes: readonly ScopeRequest[] | undefined;
  readonly lifetimeMs: number | undefined;
  readonly madeBy: TokenMaker;
}

/** A log-in by a long-lived token. */
export interface ByLongToken extends FoundLongToken {
  readonly tokenHash: Uint8Array;
}

export const userOwnerKey = (userId: UserId): string => `user:${userId}`;
export const deviceOwnerKey = (name: string): string => `device:${name}`;

/**
 * The name under which a client's position in the chats is kept. A token with scopes has names of its own: it reads fewer
 * chats than a client of the same name that came otherwise. No door takes a name with U+0000.
 */
export const deviceNameOf = (token: Pick<LongToken, "tokenId" | "scopes"> | undefined, name: string): string =>
  token?.scopes === undefined ? name : `${token.tokenId}\0${name}`;

export type LongTokens = ReturnType<typeof createLongTokens>;

export function createLongTokens(parts: {
  store: LongTokenStore & Pick<CommitStore, "onEvent">;
  clock: Clock;
  log: Log;
  guard: Pick<LoginGuard, "wrongSecret">;
}) {
  const { store, clock, log, guard } = parts;
  const listeners: ((ended: EndedLongTokens) => void)[] = [];
  /** Of tokens used lately: when the use was last written. */
  const written = new BoundedMap<SteadyMs>(rememberedMax);
  /** Of those that ended lately: enough for the clients that were logging in meanwhile. */
  const endedLately = new BoundedMap<true>(rememberedMax);
  let expiredUpTo: ExpiredLongPlace = { expiresAtMs: clock.steadyMs(), tokenId: "" };
  let looking = false;

  store.onEvent("long-tokens.ended", ended);

  function ended({ ownerKey, tokenIds }: EndedLongTokens): void {
    for (const tokenId of tokenIds) endedLately.set(tokenId, true);
    for (const listener of listeners) listener({ ownerKey, tokenIds });
  }

  /**
   * Makes a token, which is given and shown only this once. Throws `user_not_found`, `user_disabled`, `too_many_tokens`,
   * `invalid_name`, `invalid_scope`.
   */
  async function add(request: LongTokenRequest): Promise<{ secret: string; token: LongToken }> {
    const { lifetimeMs } = request;
    const name = checkName(request.name);
    const scopes = request.scopes === undefined ? undefined : checkScopes(request.scopes);
    const secret = newSecret(longTokenPrefix);
    const token = await store.addLongToken({
      ...request,
      name,
      scopes,
      lifetimeMs: lifetimeMs === undefined ? undefined : Math.min(lifetimeMs, longTokenLifetimeMsMax),
      hash: hashSecret(secret),
      tokensMax: longTokensMax,
    });
    return { secret, token };
  }

  /** An owner's valid tokens, the newest first. */
  async function list(ownerKey: string): Promise<LongToken[]> {
    const all = await store.listLongTokens({ ownerKey, after: "", nowMs: clock.steadyMs(), limit: longTokensMax });
    return all.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.tokenId < b.tokenId ? -1 : 1));
  }

  /** Valid tokens of an owner, or of all, by rising id. */
  const page = (of: { ownerKey: string | undefined; after: string; limit: number }): Promise<LongToken[]> =>
    store.listLongTokens({ ...of, nowMs: clock.steadyMs() });

  /** When a token ends, on the wall clock; undefined: never. */
  const expiryOf = ({ expiresAtMs }: LongToken): number | undefined =>
    expiresAtMs === undefined ? undefined : clock.wallOf(expiresAtMs);

  /** Ends a token; with `ownerKey` only one of this owner's. Its connections end with the promise. Throws `token_not_found`. */
  async function revoke(token: { tokenId: string; ownerKey?: string | undefined }): Promise<EndedLongTokens> {
    const gone = await store.endLongToken(token);
    if (gone === undefined) throw new DomainError("token_not_found");
    return gone;
  }

  /** The token that a client shows; undefined where it is wrong or has ended. Counts nothing. */
  async function find(secret: string): Promise<ByLongToken | undefined> {
    const tokenHash = hashSecret(secret);
    const found = await store.findLongToken(tokenHash);
    const valid = found !== undefined && (found.token.expiresAtMs ?? forever) > clock.steadyMs();
    return valid ? { ...found, tokenHash } : undefined;
  }

  /** Logs in with a token, at any door. Throws `token_invalid`, `user_disabled`, `try_later`. */
  async function logIn(secret: string, address: string): Promise<ByLongToken> {
    const found = await find(secret);
    if (found === undefined) {
      guard.wrongSecret(address);
      throw new DomainError("token_invalid");
    }
    if (found.user?.disabled === true) throw new DomainError("user_disabled");
    used(found.token.tokenId);
    return found;
  }

  /** Written with the next change, so that a use costs no commit. */
  function used(tokenId: string): void {
    const nowMs = clock.steadyMs();
    const atMs = written.get(tokenId);
    if (atMs !== undefined && nowMs - atMs < usedEveryMs) return;
    written.set(tokenId, nowMs);
    store.touchLongToken(tokenId).catch((error: unknown) => {
      log.debug("the last use of a token could not be written", { error });
    });
  }

  /** Ends the connections whose tokens have expired since the last call. A server calls it every second. */
  async function endExpired(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const until = clock.steadyMs();
      for (;;) {
        const gone = await store.listExpiredLongTokens({ after: expiredUpTo, until, limit: expiredAtOnce });
        for (const { ownerKey, tokenId } of gone) ended({ ownerKey, tokenIds: [tokenId] });
        const last = gone.at(-1);
        if (last !== undefined) expiredUpTo = { expiresAtMs: last.expiresAtMs, tokenId: last.tokenId };
        if (gone.length < expiredAtOnce) return;
        await new Promise(setImmediate);
      }
    } catch (error) {
      log.warn("expired tokens could not be read", { error });
    } finally {
      looking = false;
    }
  }

  return {
    add,
    list,
    page,
    expiryOf,
    revoke,
    find,
    logIn,
    endExpired,
    /** Whether a token ended while its client was logging in. Does not read the store. */
    hasEnded: (tokenId: string): boolean => endedLately.get(tokenId) === true,
    /** The listener is called when tokens have ended, after the commit; it must not throw. */
    onEnded: (listener: (ended: EndedLongTokens) => void): void => void listeners.push(listener),
  };
}

function checkName(name: string | undefined): string | undefined {
  const trimmed = name?.trim() ?? "";
  if (trimmed === "") return undefined;
  if (!trimmed.isWellFormed() || [...trimmed].length > longTokenNameCharactersMax) {
    throw new DomainError("invalid_name", `a token's name has at most ${longTokenNameCharactersMax} characters`);
  }
  return trimmed;
}
