/** Changes to long-lived tokens. They also end with other changes: `log-in-changes.ts`, and `remove` in `device-changes.ts`. */
import { DomainError } from "../../../domain/errors.ts";
import { safeInteger } from "../../../domain/keys.ts";
import type { TokenScopes } from "../../../domain/model.ts";
import type { EndedLongTokens, TokenMaker } from "../../../domain/people/long-token-store.ts";
import { tokenIdCharacters } from "../../../domain/people/secrets.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts } from "./credential-parts.ts";
import { expiredTokensKeptMs } from "./token-changes.ts";

export type LongTokenParts = ReturnType<typeof createLongTokenParts>;

/** How tokens end, which several changes share. With a token go the positions of the devices that have its name. */
export function createLongTokenParts(tx: Tx) {
  const { db } = tx;
  const deleteOf = db.prepare<OwnedToken, [string, string | null]>(
    `DELETE FROM long_lived_tokens WHERE owner_key = ?1 AND token_id = coalesce(?2, token_id)
     RETURNING token_id tokenId, owner_key ownerKey`,
  );
  const deleteOne = db.prepare<OwnedToken, [string]>(
    "DELETE FROM long_lived_tokens WHERE token_id = ? RETURNING token_id tokenId, owner_key ownerKey",
  );
  const deleteMadeBy = db.prepare<OwnedToken, [string, string]>(
    `DELETE FROM long_lived_tokens WHERE owner_key = ?1 AND made_by IN (SELECT value FROM json_each(?2))
     RETURNING token_id tokenId, owner_key ownerKey`,
  );
  const deleteExpired = db.prepare<OwnedToken, [number]>(
    "DELETE FROM long_lived_tokens WHERE expires_at_ms <= ? RETURNING token_id tokenId, owner_key ownerKey",
  );
  // See `deviceNameOf`.
  const deleteDevices = db.prepare(
    `DELETE FROM devices WHERE user_id = ?1 AND door IN ('mqtt', 'minioicq')
     AND name > ?2 || char(0) AND name < ?2 || char(1)`,
  );

  function gone(tokens: readonly OwnedToken[]): readonly OwnedToken[] {
    if (tokens.length > 0) tx.writes += 1;
    for (const { tokenId, ownerKey } of tokens) {
      if (ownerKey.startsWith("user:")) deleteDevices.run(Number(ownerKey.slice("user:".length)), tokenId);
    }
    return tokens;
  }

  return {
    /** Ends an owner's token, or all of them; gives their ids. */
    endOf: (ownerKey: string, tokenId: string | null): string[] =>
      gone(deleteOf.all(ownerKey, tokenId)).map((token) => token.tokenId),
    /** Those that these made. */
    endMadeBy: (ownerKey: string, makers: readonly TokenMaker[]): string[] =>
      gone(deleteMadeBy.all(ownerKey, JSON.stringify(makers))).map((token) => token.tokenId),
    endOne: (tokenId: string): OwnedToken | undefined => gone(deleteOne.all(tokenId))[0],
    dropExpired: (): void => void gone(deleteExpired.all(later(tx.steadyMs, -expiredTokensKeptMs))),
  };
}

interface OwnedToken {
  readonly tokenId: string;
  readonly ownerKey: string;
}

export function createLongTokenChanges(
  tx: Tx,
  { parts, credentials }: { parts: LongTokenParts; credentials: Pick<CredentialParts, "isDevice"> },
) {
  const { db } = tx;
  const countOf = db.prepare<{ count: number }, [string, number]>(
    `SELECT count(*) count FROM long_lived_tokens WHERE owner_key = ? AND coalesce(expires_at_ms > ?, 1)`,
  );
  const insert = db.prepare(
    `INSERT INTO long_lived_tokens (token_id, hash, owner_key, name, scopes, made_by, created_at_ms, expires_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const touch = db.prepare("UPDATE long_lived_tokens SET last_used_at_ms = ?2 WHERE token_id = ?1");

  function addLongToken(token: {
    hash: string;
    ownerKey: string;
    name?: string | undefined;
    scopes?: TokenScopes | undefined;
    madeBy: TokenMaker;
    lifetimeMs?: number | undefined;
    tokensMax: number;
  }): { createdAtMs: number; expiresAtMs: SteadyMs | null } {
    const { hash, ownerKey, lifetimeMs } = token;
    checkOwner(ownerKey);
    if ((countOf.get(ownerKey, tx.steadyMs)?.count ?? 0) >= token.tokensMax) {
      throw new DomainError("too_many_tokens", `at most ${token.tokensMax}`);
    }
    tx.writes += 1;
    parts.dropExpired();
    const expiresAtMs = lifetimeMs === undefined ? null : later(tx.steadyMs, lifetimeMs);
    insert.run(
      hash.slice(0, tokenIdCharacters),
      bytesOfHex(hash),
      ownerKey,
      token.name ?? null,
      token.scopes === undefined ? null : JSON.stringify(token.scopes),
      token.madeBy,
      tx.nowMs,
      expiresAtMs,
    );
    return { createdAtMs: tx.nowMs, expiresAtMs };
  }

  function checkOwner(ownerKey: string): void {
    if (ownerKey.startsWith("device:") && credentials.isDevice(ownerKey.slice("device:".length))) return;
    const userId = ownerKey.startsWith("user:") ? safeInteger(ownerKey.slice("user:".length)) : undefined;
    const user = userId === undefined ? undefined : tx.sender(userId);
    if (user === undefined || !user.isPerson) throw new DomainError("user_not_found");
    if (user.disabled) throw new DomainError("user_disabled");
  }

  function endLongToken(token: { tokenId: string; ownerKey?: string | undefined }): EndedLongTokens | null {
    const { tokenId, ownerKey } = token;
    if (ownerKey === undefined) {
      const ended = parts.endOne(tokenId);
      return ended === undefined ? null : { ownerKey: ended.ownerKey, tokenIds: [tokenId] };
    }
    const tokenIds = parts.endOf(ownerKey, tokenId);
    return tokenIds.length === 0 ? null : { ownerKey, tokenIds };
  }

  function touchLongToken({ tokenId }: { tokenId: string }): null {
    tx.writes += 1;
    touch.run(tokenId, tx.nowMs);
    return null;
  }

  return {
    addLongToken: growing(addLongToken),
    endLongToken: freeing(endLongToken),
    touchLongToken: growing(touchLongToken),
  };
}
