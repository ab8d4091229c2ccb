/** Changes to how a user is logged in: tokens given to clients, a new password, and what ends. */
import { DomainError } from "../../../domain/errors.ts";
import { tokenIdCharacters } from "../../../domain/people/secrets.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts, WireScramKeys } from "./device-changes.ts";

export interface WireEnded {
  readonly tokenIds: readonly string[];
  readonly phoneSessionIds: readonly number[];
}

interface TokenRow {
  readonly hash: Buffer;
  readonly tokenId: string;
  readonly door: "minioicq" | "rest";
  readonly deviceId: number | null;
  readonly family: Buffer | null;
}

export type LogInParts = ReturnType<typeof createLogInParts>;

/** The end of log-ins, which several changes share. */
export function createLogInParts(tx: Tx) {
  const accessTokens = tx.db.prepare<TokenRow, [number]>(
    `SELECT hash, lower(substr(hex(hash), 1, ${tokenIdCharacters})) tokenId, door, device_id deviceId, family
     FROM tokens WHERE user_id = ? AND kind = 'access' AND ended_at_ms IS NULL`,
  );
  // With an access token goes what refreshes it, all that goes back to the same one, and what its device was given besides.
  const deleteGiven = tx.db.prepare("DELETE FROM tokens WHERE user_id = ?1 AND (family = ?2 OR device_id = ?3)");
  const deleteOne = tx.db.prepare("DELETE FROM tokens WHERE hash = ?");
  const deleteRefreshing = tx.db.prepare("DELETE FROM tokens WHERE user_id = ? AND kind = 'refresh'");
  const verifiedSessions = tx.db.prepare<{ sessionId: number }, [number]>(
    "SELECT session_id sessionId FROM phone_sessions WHERE user_id = ?",
  );
  const deleteSessions = tx.db.prepare("DELETE FROM phone_sessions WHERE user_id = ?");

  function endToken(userId: number, tokenId: string): WireEnded | undefined {
    const own = accessTokens.all(userId);
    const token = own.find((one) => one.tokenId === tokenId);
    if (token === undefined) return undefined;
    tx.writes += 1;
    deleteOne.run(token.hash);
    if (token.door === "rest") deleteGiven.run(userId, token.family, token.deviceId);
    const left = new Set(accessTokens.all(userId).map((one) => one.tokenId));
    return { tokenIds: own.map((one) => one.tokenId).filter((id) => !left.has(id)), phoneSessionIds: [] };
  }

  function endAll(userId: number, { exceptTokenId }: { exceptTokenId?: string | undefined } = {}): WireEnded {
    const ended = accessTokens.all(userId).filter((one) => one.tokenId !== exceptTokenId);
    const sessions = verifiedSessions.all(userId);
    tx.writes += 1;
    for (const { hash } of ended) deleteOne.run(hash);
    deleteRefreshing.run(userId);
    deleteSessions.run(userId);
    return {
      tokenIds: ended.map((one) => one.tokenId),
      phoneSessionIds: sessions.map((session) => session.sessionId),
    };
  }

  return { endToken, endAll };
}

export function createLogInChanges(tx: Tx, parts: LogInParts, credentials: CredentialParts) {
  const { db } = tx;
  const insertToken = db.prepare(
    `INSERT INTO tokens (hash, kind, user_id, door, name, created_at_ms, last_used_at_ms, expires_at_ms)
     VALUES (?1, 'access', ?2, 'minioicq', ?3, ?4, ?4, ?5)`,
  );
  const deleteSurplus = db.prepare(
    `DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE user_id = ?1 AND door = 'minioicq'
     AND expires_at_ms > ?3 ORDER BY created_at_ms DESC, rowid DESC LIMIT -1 OFFSET ?2)`,
  );
  const deleteExpired = db.prepare("DELETE FROM tokens WHERE expires_at_ms <= ?");
  const touch = db.prepare(
    "UPDATE tokens SET last_used_at_ms = ?2, expires_at_ms = coalesce(?3, expires_at_ms) WHERE hash = ?1",
  );
  const updatePassword = db.prepare("UPDATE users SET password_hash = ? WHERE user_id = ? AND password_hash = ?");

  function addToken(token: {
    userId: number;
    hash: string;
    name?: string | undefined;
    expiresAtMs: number;
    tokensMax: number;
  }): null {
    const { userId } = token;
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    const { nowMs } = tx;
    tx.writes += 1;
    deleteExpired.run(nowMs);
    deleteSurplus.run(userId, token.tokensMax - 1, nowMs);
    const hash = bytesOfHex(token.hash);
    insertToken.run(hash, userId, token.name ?? null, nowMs, token.expiresAtMs);
    return null;
  }

  function touchToken(use: { hash: string; expiresAtMs?: number | undefined }): null {
    tx.writes += 1;
    touch.run(bytesOfHex(use.hash), tx.nowMs, use.expiresAtMs ?? null);
    return null;
  }

  function endToken(token: { userId: number; tokenId: string }): WireEnded | null {
    return parts.endToken(token.userId, token.tokenId) ?? null;
  }

  function changePassword(change: {
    userId: number;
    oldHash: string;
    passwordHash: string;
    scramKeys?: WireScramKeys | undefined;
    end?: { readonly exceptTokenId?: string | undefined } | undefined;
  }): WireEnded {
    const { userId, oldHash, passwordHash } = change;
    if (updatePassword.run(passwordHash, userId, oldHash).changes === 0) throw new DomainError("wrong_password");
    tx.writes += 1;
    credentials.setScramKeys(`user:${userId}`, change.scramKeys);
    return change.end === undefined ? { tokenIds: [], phoneSessionIds: [] } : parts.endAll(userId, change.end);
  }

  return {
    addToken: growing(addToken),
    touchToken: growing(touchToken),
    endToken: freeing(endToken),
    changePassword: growing(changePassword),
  };
}
