/** Changes to how a user is logged in: tokens given to clients, a new password, and what ends. */

import { DomainError } from "../../../domain/errors.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { CredentialParts, WireScramKeys } from "./credential-parts.ts";
import type { LongTokenParts } from "./long-token-changes.ts";
import { expiredTokensKeptMs, tokenIdColumn, type WireEndedTokens } from "./token-changes.ts";

/** A network counts as the account's own for so long. */
const networkKeptMs = 30 * 86_400_000;
const networksOfAccountMax = 32;
const networksMax = 200_000;

export interface WireEnded {
  readonly tokenIds: readonly string[];
  /** Which of them were long-lived. */
  readonly longTokenIds: readonly string[];
  readonly phoneSessionIds: readonly number[];
}

export const noneEnded: WireEnded = { tokenIds: [], longTokenIds: [], phoneSessionIds: [] };

interface TokenRow {
  readonly hash: Buffer;
  readonly tokenId: string;
  readonly door: "minioicq" | "rest";
  readonly deviceId: number | null;
  readonly family: Buffer | null;
  /** The account made it for itself. */
  readonly own: number;
}

export type LogInParts = ReturnType<typeof createLogInParts>;

/** The end of log-ins, which several changes share. */
export function createLogInParts(tx: Tx, longTokens: Pick<LongTokenParts, "endOf" | "endMadeBy">) {
  const accessTokens = tx.db.prepare<TokenRow, [number]>(
    `SELECT hash, ${tokenIdColumn} tokenId, door, device_id deviceId, family, door = 'minioicq' OR own own
     FROM tokens WHERE user_id = ? AND kind = 'access' AND ended_at_ms IS NULL`,
  );
  // With an access token goes what refreshes it, all that goes back to the same one, and what its device was given besides.
  const deleteGiven = tx.db.prepare("DELETE FROM tokens WHERE user_id = ?1 AND (family = ?2 OR device_id = ?3)");
  const deleteOne = tx.db.prepare("DELETE FROM tokens WHERE hash = ?");
  const deleteRefreshing = tx.db.prepare(
    "DELETE FROM tokens WHERE user_id = ?1 AND kind = 'refresh' AND (own OR NOT ?2)",
  );
  const verifiedSessions = tx.db.prepare<{ sessionId: number }, [number]>(
    "SELECT session_id sessionId FROM phone_sessions WHERE user_id = ?",
  );
  const deleteSessions = tx.db.prepare("DELETE FROM phone_sessions WHERE user_id = ?");

  const deleteOfDoor = tx.db.prepare("DELETE FROM tokens WHERE user_id = ? AND door = ?");

  function endToken(userId: number, tokenId: string): WireEnded | undefined {
    const longTokenIds = longTokens.endOf(`user:${userId}`, tokenId);
    if (longTokenIds.length > 0) return { tokenIds: longTokenIds, longTokenIds, phoneSessionIds: [] };
    const own = accessTokens.all(userId);
    const token = own.find((one) => one.tokenId === tokenId);
    if (token === undefined) return undefined;
    tx.writes += 1;
    deleteOne.run(token.hash);
    if (token.door === "rest") deleteGiven.run(userId, token.family, token.deviceId);
    const left = new Set(accessTokens.all(userId).map((one) => one.tokenId));
    const tokenIds = own.map((one) => one.tokenId).filter((id) => !left.has(id));
    return { tokenIds, longTokenIds, phoneSessionIds: [] };
  }

  /** `ownOnly`: the pairs that a backend gave stay. Long-lived tokens end, those of a backend too. */
  function endAll(
    userId: number,
    { exceptTokenId, ownOnly = false }: { exceptTokenId?: string | undefined; ownOnly?: boolean } = {},
  ): WireEnded {
    const ended = accessTokens
      .all(userId)
      .filter((one) => one.tokenId !== exceptTokenId && (one.own !== 0 || !ownOnly));
    const sessions = verifiedSessions.all(userId);
    tx.writes += 1;
    for (const { hash } of ended) deleteOne.run(hash);
    deleteRefreshing.run(userId, ownOnly ? 1 : 0);
    deleteSessions.run(userId);
    const longTokenIds = longTokens.endOf(`user:${userId}`, null);
    return {
      tokenIds: [...ended.map((one) => one.tokenId), ...longTokenIds],
      longTokenIds,
      phoneSessionIds: sessions.map((session) => session.sessionId),
    };
  }

  /** What came by a password (`minioicq`: such tokens are given to who shows it), or by a backend and its `userID` (`rest`). */
  function endOfDoor(userId: number, door: "minioicq" | "rest"): WireEnded {
    const ended = accessTokens.all(userId).filter((one) => one.door === door);
    tx.writes += 1;
    deleteOfDoor.run(userId, door);
    const makers = door === "rest" ? (["backend"] as const) : (["minioicq", "rest"] as const);
    const longTokenIds = longTokens.endMadeBy(`user:${userId}`, makers);
    return {
      tokenIds: [...ended.map((one) => one.tokenId), ...longTokenIds],
      longTokenIds,
      phoneSessionIds: [],
    };
  }

  /** What came by a phone. */
  function endPhones(userId: number): WireEnded {
    const sessions = verifiedSessions.all(userId);
    tx.writes += 1;
    deleteSessions.run(userId);
    return { ...noneEnded, phoneSessionIds: sessions.map((session) => session.sessionId) };
  }

  return { endToken, endAll, endOfDoor, endPhones };
}

export function createLogInChanges(
  tx: Tx,
  {
    logIns: parts,
    credentials,
    codes,
  }: { logIns: LogInParts; credentials: CredentialParts; codes: { end(userId: number): void } },
) {
  const { db } = tx;
  const insertToken = db.prepare(
    `INSERT INTO tokens (hash, kind, user_id, door, name, created_at_ms, last_used_at_ms, expires_at_ms)
     VALUES (?1, 'access', ?2, 'minioicq', ?3, ?4, ?4, ?5)`,
  );
  const deleteSurplus = db.prepare<{ tokenId: string }, [number, number, number]>(
    `DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE user_id = ?1 AND door = 'minioicq'
     AND expires_at_ms > ?3 ORDER BY created_at_ms DESC, rowid DESC LIMIT -1 OFFSET ?2)
     RETURNING ${tokenIdColumn} tokenId`,
  );
  const deleteExpired = db.prepare("DELETE FROM tokens WHERE expires_at_ms <= ?");
  const touch = db.prepare(
    "UPDATE tokens SET last_used_at_ms = ?2, expires_at_ms = coalesce(?3, expires_at_ms) WHERE hash = ?1",
  );
  const hasUser = db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM users WHERE user_id = ?");
  const upsertNetwork = db.prepare<{ pairId: number }, [string, string, number]>(
    `INSERT INTO log_in_networks (account, network, last_at_ms) VALUES (?, ?, ?)
     ON CONFLICT (account, network) DO UPDATE SET last_at_ms = excluded.last_at_ms RETURNING pair_id pairId`,
  );
  // Each change adds one row and removes at most so many, so that no commit is long.
  const deleteOldNetworks = db.prepare(
    `DELETE FROM log_in_networks WHERE pair_id IN
     (SELECT pair_id FROM log_in_networks WHERE last_at_ms <= ? ORDER BY last_at_ms LIMIT 100)`,
  );
  const trimNetworks = db.prepare(
    `DELETE FROM log_in_networks WHERE pair_id IN (SELECT pair_id FROM log_in_networks
     WHERE account = ? ORDER BY last_at_ms DESC, pair_id DESC LIMIT -1 OFFSET ${networksOfAccountMax})`,
  );
  const trimAllNetworks = db.prepare(
    `DELETE FROM log_in_networks WHERE pair_id IN (SELECT pair_id FROM log_in_networks
     ORDER BY last_at_ms DESC LIMIT -1 OFFSET ${networksMax})`,
  );
  const updatePassword = db.prepare("UPDATE users SET password_hash = ? WHERE user_id = ? AND password_hash = ?");

  /** Gives when it expires. */
  function addToken(token: {
    userId: number;
    hash: string;
    name?: string | undefined;
    lifetimeMs: number;
    tokensMax: number;
  }): WireEndedTokens & { readonly expiresAtMs: SteadyMs } {
    const { userId } = token;
    const user = tx.sender(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_disabled");
    const { nowMs, steadyMs } = tx;
    tx.writes += 1;
    deleteExpired.run(later(steadyMs, -expiredTokensKeptMs));
    const surplus = deleteSurplus.all(userId, token.tokensMax - 1, steadyMs);
    const hash = bytesOfHex(token.hash);
    const expiresAtMs = later(steadyMs, token.lifetimeMs);
    insertToken.run(hash, userId, token.name ?? null, nowMs, expiresAtMs);
    return { expiresAtMs, userId, tokenIds: surplus.map(({ tokenId }) => tokenId) };
  }

  function touchToken(use: { hash: string; lifetimeMs?: number | undefined }): null {
    tx.writes += 1;
    const { hash, lifetimeMs } = use;
    touch.run(bytesOfHex(hash), tx.nowMs, lifetimeMs === undefined ? null : later(tx.steadyMs, lifetimeMs));
    return null;
  }

  function keepLogInNetwork({ account, network }: { account: string; network: string }): null {
    const { steadyMs } = tx;
    const [kind, name = ""] = account.split(":", 2);
    if (!(kind === "user" ? hasUser.get(Number(name)) !== null : credentials.isDevice(name))) return null;
    tx.writes += 1;
    deleteOldNetworks.run(steadyMs - networkKeptMs);
    const kept = upsertNetwork.get(account, network, steadyMs);
    trimNetworks.run(account);
    // Counting them all is not worth it each time.
    if (kept !== null && kept.pairId % 64 === 0) trimAllNetworks.run();
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
    codes.end(userId);
    return change.end === undefined ? noneEnded : parts.endAll(userId, change.end);
  }

  return {
    addToken: growing(addToken),
    touchToken: growing(touchToken),
    keepLogInNetwork: growing(keepLogInNetwork),
    endToken: freeing(endToken),
    changePassword: growing(changePassword),
  };
}
