/** Changes to bearer tokens: made in pairs, rotated, revoked with everything that goes back to the same first pair. */

import { tokenIdCharacters } from "../../../domain/people/secrets.ts";
import type { RotationOutcome, TokenKind } from "../../../domain/people/token-store.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** `tokenIdOf`, in SQL. */
export const tokenIdColumn = `lower(substr(hex(hash), 1, ${tokenIdCharacters}))`;

/** Hashes cross to the Worker as hex. */
export interface WireToken {
  readonly kind: TokenKind;
  readonly hash: string;
  readonly lifetimeMs?: number | undefined;
}

interface TokenRow {
  readonly hash: Uint8Array;
  readonly userId: number;
  readonly deviceId: number | null;
  readonly expiresAtMs: SteadyMs | null;
  readonly family: Uint8Array | null;
  readonly own: number;
  readonly endedAtMs: number | null;
}

/** Access tokens that have ended, by their owner. */
export interface WireEndedTokens {
  readonly userId: number;
  readonly tokenIds: readonly string[];
}

export interface WireRotated {
  readonly outcome: RotationOutcome;
  readonly ended?: WireEndedTokens | undefined;
}

/**
 * Expired tokens are kept for so long, so that connections that came by them are found (`listExpiredTokens`) before they
 * are gone.
 */
export const expiredTokensKeptMs = 600_000;

export type TokenParts = ReturnType<typeof createTokenParts>;

export function createTokenParts(tx: Tx) {
  const insert = `INSERT INTO tokens (hash, kind, user_id, device_id, created_at_ms, expires_at_ms, family, own)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
  const insertToken = tx.db.prepare(insert);
  const repeatToken = tx.db.prepare(`${insert} ON CONFLICT DO NOTHING`);
  const selectToken = tx.db.prepare<TokenRow, [Uint8Array, string]>(
    `SELECT hash, user_id userId, device_id deviceId, expires_at_ms expiresAtMs, family, own, ended_at_ms endedAtMs
     FROM tokens WHERE hash = ? AND kind = ?`,
  );
  const deleteExpired = tx.db.prepare("DELETE FROM tokens WHERE expires_at_ms <= ?");
  const endOfUser = tx.db.prepare("UPDATE tokens SET ended_at_ms = ?2 WHERE user_id = ?1 AND ended_at_ms IS NULL");

  function find({ hash, kind }: { hash: string; kind: TokenKind }): TokenRow | undefined {
    return selectToken.get(bytesOfHex(hash), kind) ?? undefined;
  }

  /** Tokens of one family, by default a new one named after its refresh token. */
  function add(
    owner: { userId: number; deviceId: number | null },
    made: readonly WireToken[],
    { family, own = false, repeatable = false }: { family?: Uint8Array; own?: boolean; repeatable?: boolean } = {},
  ): void {
    const first = made.find((token) => token.kind === "refresh") ?? made[0];
    const named = family ?? (first === undefined ? null : bytesOfHex(first.hash));
    for (const token of made) {
      tx.writes += 1;
      (repeatable ? repeatToken : insertToken).run(
        bytesOfHex(token.hash),
        token.kind,
        owner.userId,
        owner.deviceId,
        tx.nowMs,
        token.lifetimeMs === undefined ? null : later(tx.steadyMs, token.lifetimeMs),
        named,
        own ? 1 : 0,
      );
    }
  }

  /** Whether derived tokens may be given out (again): none of them was used up, revoked, or is another's. */
  function mayRepeat(userId: number, made: readonly WireToken[]): boolean {
    return made.every((token) => {
      const row = find(token);
      return row === undefined || (row.endedAtMs === null && row.userId === userId);
    });
  }

  function dropExpired(): void {
    tx.writes += 1;
    deleteExpired.run(tx.steadyMs - expiredTokensKeptMs);
  }

  function endAllOf(userId: number): void {
    tx.writes += 1;
    endOfUser.run(userId, tx.nowMs);
  }

  return { find, add, mayRepeat, dropExpired, endAllOf };
}

interface EndedRow {
  readonly userId: number;
  readonly kind: TokenKind;
  readonly tokenId: string;
}

const toEnded = (userId: number, rows: readonly EndedRow[]): WireEndedTokens => ({
  userId,
  tokenIds: rows.filter(({ kind }) => kind === "access").map(({ tokenId }) => tokenId),
});

export function createTokenChanges(tx: Tx, parts: TokenParts) {
  const { db } = tx;
  const ended = `RETURNING user_id userId, kind, ${tokenIdColumn} tokenId`;
  const endToken = db.prepare<EndedRow, [Uint8Array, number, Uint8Array | null]>(
    `UPDATE tokens SET ended_at_ms = ?2, family = ?3 WHERE hash = ?1 ${ended}`,
  );
  const endFamily = db.prepare<EndedRow, [Uint8Array, number]>(
    `UPDATE tokens SET ended_at_ms = ?2 WHERE family = ?1 AND ended_at_ms IS NULL ${ended}`,
  );
  const selectRun = db.prepare<{ salt: Uint8Array; createdAtMs: SteadyMs }, [Uint8Array]>(
    "SELECT salt, created_at_ms createdAtMs FROM token_runs WHERE hash = ?",
  );
  const insertRun = db.prepare("INSERT INTO token_runs (hash, salt, created_at_ms) VALUES (?, ?, ?)");
  const dropRuns = db.prepare("DELETE FROM token_runs WHERE created_at_ms <= ?");

  /** The next pair for a refresh token. One that was used before ends its whole family: two clients have it. */
  function rotateToken({ hash, next }: { hash: string; next: readonly WireToken[] }): WireRotated {
    const row = parts.find({ hash, kind: "refresh" });
    if (row === undefined) return { outcome: "unknown" };
    const family = row.family ?? row.hash;
    tx.writes += 1;
    if (row.endedAtMs !== null) {
      return { outcome: "reused", ended: toEnded(row.userId, endFamily.all(family, tx.nowMs)) };
    }
    if (row.expiresAtMs !== null && row.expiresAtMs <= tx.steadyMs) return { outcome: "expired" };
    if (tx.sender(row.userId)?.disabled !== false) return { outcome: "disabled" };
    endToken.all(row.hash, tx.nowMs, family);
    parts.add({ userId: row.userId, deviceId: row.deviceId }, next, { family, own: row.own !== 0 });
    return { outcome: "rotated" };
  }

  /** Ends a token with its family; null where it is none or ended before. */
  function endTokens({ hash, kind }: { hash: string; kind: TokenKind }): WireEndedTokens | null {
    const row = parts.find({ hash, kind });
    if (row === undefined || row.endedAtMs !== null) return null;
    if (row.expiresAtMs !== null && row.expiresAtMs <= tx.steadyMs) return null;
    tx.writes += 1;
    const { family } = row;
    return toEnded(
      row.userId,
      family === null ? endToken.all(row.hash, tx.nowMs, null) : endFamily.all(family, tx.nowMs),
    );
  }

  /** The salt of a run under this key, in hex: the one it had within its lifetime, else `fresh`. */
  function openTokenRun(args: { hash: string; fresh: string; lifetimeMs: number }): string {
    const hash = bytesOfHex(args.hash);
    const known = selectRun.get(hash);
    if (known !== null && known.createdAtMs > tx.steadyMs - args.lifetimeMs) return hexOf(known.salt);
    tx.writes += 1;
    dropRuns.run(tx.steadyMs - args.lifetimeMs);
    insertRun.run(hash, bytesOfHex(args.fresh), tx.steadyMs);
    return args.fresh;
  }

  return { rotateToken: growing(rotateToken), endTokens: freeing(endTokens), openTokenRun: growing(openTokenRun) };
}
