/**
 * Bearer tokens in pairs: a short-lived token that logs in, and one that fetches the next pair. Only the client has the
 * secrets; the store has their hashes.
 */
import { createHmac } from "node:crypto";
import type { Deliveries } from "../deliveries/deliveries.ts";
import { DomainError } from "../errors.ts";
import { isUserKey } from "../keys.ts";
import type { User } from "../model.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import { hashSecret, isLongToken } from "./secrets.ts";
import type { NewToken, TokenKind, TokenStore } from "./token-store.ts";

export interface TokenLifetimes {
  readonly accessMs: number;
  readonly refreshMs: number;
}

export interface ParticipantRequest {
  readonly username: string;
  readonly displayName?: string | undefined;
  /** SPKI, DER. */
  readonly publicKey?: Uint8Array | undefined;
  readonly clientId?: string | undefined;
}

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface ProvisionedPair extends TokenPair {
  readonly user: User;
  /** Tokens of a repeated run that were used up or revoked since. They are no longer valid. */
  readonly spent: boolean;
}

/** What the pairs of a run are derived from, so that a repeated run gives the same pairs. */
export interface TokenRun {
  pairOf(request: ParticipantRequest): TokenPair;
}

/** The longest time in which a run may be repeated. */
const runLifetimeMs = 86_400_000;

export type Tokens = ReturnType<typeof createTokens>;

export function createTokens(parts: {
  store: TokenStore;
  guard: LoginGuard;
  lifetimes: TokenLifetimes;
  deliveries: Pick<Deliveries, "flush">;
}) {
  const { store, guard, lifetimes, deliveries } = parts;

  /**
   * Makes tokens for participants of a backend, who are created when unknown; all or nothing. `onlyNew` changes no
   * existing user. Throws `invalid_name`, `reserved_key`, `username_taken`, `not_authorized`.
   */
  async function provision(
    requests: readonly ParticipantRequest[],
    how: { readonly onlyNew?: boolean; readonly run?: TokenRun | undefined } = {},
  ): Promise<ProvisionedPair[]> {
    const { run, onlyNew = false } = how;
    for (const request of requests) checkUsername(request.username);
    const pairs = requests.map((request) => run?.pairOf(request) ?? newPair());
    // A new device begins where its user stands, and what the user confirmed may still be gathered.
    if (requests.some(({ clientId }) => clientId !== undefined)) void deliveries.flush();
    const made = await store.provision(
      requests.map((request, index) => ({ ...request, tokens: tokensOf(pairs[index] ?? newPair()) })),
      { onlyNew, repeatable: run !== undefined },
    );
    return made.map(({ user, spent }, index) => ({ user, spent, ...(pairs[index] ?? newPair()) }));
  }

  /** Gives the next pair for a refresh token, which cannot be used again. Throws `token_invalid`, `try_later`. */
  async function refresh(refreshToken: string, address: string): Promise<TokenPair> {
    const next = newPair();
    const outcome = await store.rotateToken(hashSecret(refreshToken), tokensOf(next));
    if (outcome === "rotated") return next;
    guard.wrongSecret(address);
    throw new DomainError("token_invalid", refusals[outcome]);
  }

  /**
   * Revokes a token and all tokens that descend from the same pair. Throws `token_invalid`, `try_later`, `out_of_scope` for
   * a long-lived token, which does not end itself.
   */
  async function revoke(token: { kind: TokenKind; secret: string }, address: string): Promise<void> {
    if (isLongToken(token.secret)) throw new DomainError("out_of_scope");
    if (await store.endTokens(hashSecret(token.secret), token.kind)) return;
    guard.wrongSecret(address);
    throw new DomainError("token_invalid");
  }

  /**
   * Begins a run of requests that may be repeated under the same key. Its tokens are derived from the backend key,
   * which the server does not store, and from a salt of the run. Neither the database nor the run's key alone gives a
   * token.
   */
  async function openRun(run: { key: string; backendKey: string }): Promise<TokenRun> {
    const salt = await store.openTokenRun({
      hash: hashSecret(`run\0${run.key}`),
      fresh: crypto.getRandomValues(new Uint8Array(16)),
      lifetimeMs: Math.min(runLifetimeMs, lifetimes.accessMs, lifetimes.refreshMs),
    });
    const derive = (prefix: string, { username, clientId }: ParticipantRequest): string => {
      const hmac = createHmac("sha256", run.backendKey).update(salt);
      // Neither name may hold the separator: one is [a-zA-Z0-9.@_:-], the other comes last.
      const digest = hmac.update(`\0${prefix}\0${username}\0${clientId === undefined ? "" : `=${clientId}`}`).digest();
      return `${prefix}_${digest.subarray(0, 24).toString("base64url")}`;
    };
    return { pairOf: (request) => ({ accessToken: derive("ra", request), refreshToken: derive("rr", request) }) };
  }

  function tokensOf(pair: TokenPair): NewToken[] {
    return [
      { kind: "access", hash: hashSecret(pair.accessToken), lifetimeMs: lifetimes.accessMs },
      { kind: "refresh", hash: hashSecret(pair.refreshToken), lifetimeMs: lifetimes.refreshMs },
    ];
  }

  return { provision, refresh, revoke, openRun };
}

const refusals = {
  unknown: "no such refresh token",
  expired: "the refresh token has expired",
  disabled: "the user is deactivated",
  reused: "the refresh token was used before; every token that came of it is revoked",
} as const;

const newPair = (): TokenPair => ({ accessToken: newSecret("ra"), refreshToken: newSecret("rr") });

export function checkUsername(username: string): void {
  if (!isUserKey(username)) throw new DomainError("invalid_name", "userID must match [a-zA-Z0-9.@_:-]{1,256}");
}
