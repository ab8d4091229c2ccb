/** Changes to codes that stand for a user once and for minutes, and to what they open. */
import type { CodePurpose } from "../../../domain/people/account-code-store.ts";
import { isPerson } from "../../../domain/people/kinds.ts";
import { isRightCode } from "../../../domain/phones/codes.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { HourlyCounts } from "../phones/hourly-counts.ts";
import type { CredentialParts, WireScramKeys } from "./credential-parts.ts";
import type { LogInParts, WireEnded } from "./log-in-changes.ts";
import type { UserParts } from "./user-parts.ts";

interface CodeRow {
  readonly purpose: CodePurpose;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
  readonly attempts: number;
}

interface Tried {
  readonly userId: number;
  readonly code: string;
  readonly attemptsMax: number;
}

export type AccountCodeParts = ReturnType<typeof createAccountCodeParts>;

/** What other changes share: a new password, or the end of log-ins, voids what was sent for the old ones. */
export function createAccountCodeParts(tx: Tx) {
  const valid = tx.db.prepare<CodeRow, [number, number]>(
    `SELECT purpose, salt, hash, attempts FROM account_codes
     WHERE user_id = ? AND expires_at_ms > ? AND purpose IN ('sent', 'operator') ORDER BY purpose`,
  );
  const count = tx.db.prepare(
    "UPDATE account_codes SET attempts = attempts + 1 WHERE user_id = ? AND purpose = 'sent'",
  );
  const deleteAll = tx.db.prepare("DELETE FROM account_codes WHERE user_id = ?");

  /** A wrong code counts against what was sent; what the operator has cannot be guessed. */
  function isRight({ userId, code, attemptsMax }: Tried): boolean {
    if (tx.sender(userId)?.disabled !== false) return false;
    const codes = valid
      .all(userId, tx.steadyMs)
      .filter((row) => row.purpose === "operator" || row.attempts < attemptsMax);
    if (codes.some((row) => isRightCode(row, code))) return true;
    if (codes.some(({ purpose }) => purpose === "sent")) {
      tx.writes += 1;
      count.run(userId);
    }
    return false;
  }

  function end(userId: number): void {
    tx.writes += 1;
    deleteAll.run(userId);
  }

  return { isRight, end };
}

export function createAccountCodeChanges(
  tx: Tx,
  parts: {
    codes: AccountCodeParts;
    people: UserParts;
    credentials: CredentialParts;
    logIns: LogInParts;
    counts: HourlyCounts;
  },
) {
  const { codes, people, credentials, logIns, counts } = parts;
  const { db } = tx;
  const upsert = db.prepare(
    `INSERT INTO account_codes (user_id, purpose, salt, hash, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT DO UPDATE SET salt = ?3, hash = ?4, attempts = 0, expires_at_ms = ?5`,
  );
  const deleteExpired = db.prepare(
    `DELETE FROM account_codes WHERE rowid IN
     (SELECT rowid FROM account_codes WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT 100)`,
  );
  const updatePassword = db.prepare("UPDATE users SET password_hash = ?2 WHERE user_id = ?1");
  const takeLink = db.prepare<{ userId: number; expiresAtMs: SteadyMs }, [Buffer]>(
    `DELETE FROM account_codes WHERE hash = ? AND purpose = 'link'
     RETURNING user_id userId, expires_at_ms expiresAtMs`,
  );

  function addAccountCode(args: {
    userId: number;
    purpose: CodePurpose;
    code: { readonly salt: string; readonly hash: string };
    lifetimeMs: number;
    mail?: { readonly phone: string; readonly perHour: number } | undefined;
  }): boolean {
    const { userId, purpose, code, mail } = args;
    const user = people.find(userId);
    if (user === undefined || user.disabled || !isPerson(user)) return false;
    const mails = mail === undefined ? undefined : `mail:${mail.phone}`;
    if (mail !== undefined && mails !== undefined && counts.of(mails) >= mail.perHour) return false;
    tx.writes += 1;
    deleteExpired.run(tx.steadyMs);
    if (mails !== undefined) {
      counts.sweep();
      counts.add(mails);
    }
    upsert.run(userId, purpose, bytesOfHex(code.salt), bytesOfHex(code.hash), later(tx.steadyMs, args.lifetimeMs));
    return true;
  }

  const tryAccountCode = (tried: Tried): boolean => codes.isRight(tried);

  /** Null: the code is not right. */
  function resetPassword(
    args: Tried & { passwordHash: string; scramKeys?: WireScramKeys | undefined },
  ): WireEnded | null {
    const { userId } = args;
    if (!codes.isRight(args)) return null;
    tx.writes += 1;
    updatePassword.run(userId, args.passwordHash);
    credentials.setScramKeys(`user:${userId}`, args.scramKeys);
    codes.end(userId);
    return logIns.endAll(userId);
  }

  /** Null where there is none. */
  function takeLogInLink({ hash }: { hash: string }): number | null {
    const taken = takeLink.get(bytesOfHex(hash));
    if (taken === null) return null;
    tx.writes += 1;
    return taken.expiresAtMs > tx.steadyMs && tx.sender(taken.userId)?.disabled === false ? taken.userId : null;
  }

  return {
    addAccountCode: growing(addAccountCode),
    tryAccountCode: growing(tryAccountCode),
    resetPassword: growing(resetPassword),
    takeLogInLink: growing(takeLogInLink),
  };
}
