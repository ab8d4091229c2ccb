/** Changes to bearer tokens: made in pairs, rotated, revoked with everything that goes back to the same first pair. */
import type { RotationOutcome, TokenKind } from "../../../domain/people/token-store.ts";
import { bytesOfHex, hexOf } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** Hashes cross to the Worker as hex. */
export interface WireToken {
  readonly kind: TokenKind;
  readonly hash: string;
  readonly expiresAtMs?: number | undefined;
}

export type TokenParts = ReturnType<typeof createTokenParts>;

export function createTokenParts(tx: Tx) {
  const { orm, p, and, eq, lte, tokens } = tx.drizzle();
  const values = {
    hash: p("hash"),
    kind: p("kind"),
    userId: p("userId"),
    deviceId: p("deviceId"),
    createdAtMs: p("nowMs"),
    expiresAtMs: p("expiresAtMs"),
    family: p("family"),
  };
  const insertToken = orm.insert(tokens).values(values).prepare();
  const repeatToken = orm.insert(tokens).values(values).onConflictDoNothing().prepare();
  const selectToken = orm
    .select()
    .from(tokens)
    .where(and(eq(tokens.hash, p("hash")), eq(tokens.kind, p("kind"))))
    .prepare();
  const deleteExpired = orm
    .delete(tokens)
    .where(lte(tokens.expiresAtMs, p("nowMs")))
    .prepare();
  const endOfUser = tx.db.prepare("UPDATE tokens SET ended_at_ms = ?2 WHERE user_id = ?1 AND ended_at_ms IS NULL");

  function find({ hash, kind }: { hash: string; kind: TokenKind }) {
    return selectToken.get({ hash: bytesOfHex(hash), kind });
  }

  /** Tokens of one family, by default a new one named after its refresh token. */
  function add(
    owner: { userId: number; deviceId: number | null },
    made: readonly WireToken[],
    { family, repeatable = false }: { family?: Buffer; repeatable?: boolean } = {},
  ): void {
    const first = made.find((token) => token.kind === "refresh") ?? made[0];
    const named = family ?? (first === undefined ? null : bytesOfHex(first.hash));
    for (const token of made) {
      tx.writes += 1;
      (repeatable ? repeatToken : insertToken).run({
        ...owner,
        hash: bytesOfHex(token.hash),
        kind: token.kind,
        nowMs: tx.nowMs,
        expiresAtMs: token.expiresAtMs ?? null,
        family: named,
      });
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
    deleteExpired.run({ nowMs: tx.nowMs });
  }

  function endAllOf(userId: number): void {
    tx.writes += 1;
    endOfUser.run(userId, tx.nowMs);
  }

  return { find, add, mayRepeat, dropExpired, endAllOf };
}

export function createTokenChanges(tx: Tx, parts: TokenParts) {
  const { db } = tx;
  const { orm, p, eq, tokenRuns } = tx.drizzle();
  const endToken = db.prepare("UPDATE tokens SET ended_at_ms = ?2, family = ?3 WHERE hash = ?1");
  const endFamily = db.prepare("UPDATE tokens SET ended_at_ms = ?2 WHERE family = ?1 AND ended_at_ms IS NULL");
  const selectRun = orm
    .select()
    .from(tokenRuns)
    .where(eq(tokenRuns.hash, p("hash")))
    .prepare();
  const insertRun = orm
    .insert(tokenRuns)
    .values({ hash: p("hash"), salt: p("salt"), createdAtMs: p("nowMs") })
    .prepare();
  const dropRuns = db.prepare("DELETE FROM token_runs WHERE created_at_ms <= ?");

  /** The next pair for a refresh token. One that was used before ends its whole family: two clients have it. */
  function rotateToken({ hash, next }: { hash: string; next: readonly WireToken[] }): RotationOutcome {
    const row = parts.find({ hash, kind: "refresh" });
    if (row === undefined) return "unknown";
    const family = row.family ?? row.hash;
    tx.writes += 1;
    if (row.endedAtMs !== null) {
      endFamily.run(family, tx.nowMs);
      return "reused";
    }
    if (row.expiresAtMs !== null && row.expiresAtMs <= tx.nowMs) return "expired";
    if (tx.sender(row.userId)?.disabled !== false) return "disabled";
    endToken.run(row.hash, tx.nowMs, family);
    parts.add({ userId: row.userId, deviceId: row.deviceId }, next, { family });
    return "rotated";
  }

  /** Ends a token with its family; false where it is none or ended before. */
  function endTokens({ hash, kind }: { hash: string; kind: TokenKind }): boolean {
    const row = parts.find({ hash, kind });
    if (row === undefined || row.endedAtMs !== null) return false;
    if (row.expiresAtMs !== null && row.expiresAtMs <= tx.nowMs) return false;
    tx.writes += 1;
    if (row.family === null) endToken.run(row.hash, tx.nowMs, null);
    else endFamily.run(row.family, tx.nowMs);
    return true;
  }

  /** The salt of a run under this key, in hex: the one it had within its lifetime, else `fresh`. */
  function openTokenRun(args: { hash: string; fresh: string; lifetimeMs: number }): string {
    const hash = bytesOfHex(args.hash);
    const known = selectRun.get({ hash });
    if (known !== undefined && known.createdAtMs > tx.nowMs - args.lifetimeMs) return hexOf(known.salt);
    tx.writes += 1;
    dropRuns.run(tx.nowMs - args.lifetimeMs);
    insertRun.run({ hash, salt: bytesOfHex(args.fresh), nowMs: tx.nowMs });
    return args.fresh;
  }

  return { rotateToken: growing(rotateToken), endTokens: freeing(endTokens), openTokenRun: growing(openTokenRun) };
}
