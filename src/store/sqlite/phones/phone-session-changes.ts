/**
 * Log-ins by phone. What issuing decides and what verifying decides is one change each, so that of two that happen at
 * once the second sees what the first one did.
 */
import { DomainError } from "../../../domain/errors.ts";
import { type HashedCode, isRightCode } from "../../../domain/phones/codes.ts";
import type { PhoneCodeState, PhoneLimits } from "../../../domain/phones/phone-store.ts";
import { later, type SteadyMs } from "../../../lib/clock.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { ProfileParts } from "../profiles/profile-parts.ts";
import type { phoneSessions } from "../schema.ts";
import { type HourlyCounts, sweptMax } from "./hourly-counts.ts";

/** Hashes cross to the Worker as hex. */
export interface WireCode {
  readonly salt: string;
  readonly hash: string;
}

export interface WireBegin {
  readonly shown?: string | undefined;
  readonly shownIsUsable: boolean;
  readonly fresh: string;
  readonly devKey?: string | null | undefined;
  readonly phone?: string | null | undefined;
  readonly clientId?: string | undefined;
  readonly language?: string | undefined;
  readonly code: WireCode;
  readonly mayRegister: boolean;
  readonly limits: PhoneLimits;
}

/** A row without its secrets. */
export type WirePhoneSession = Omit<
  typeof phoneSessions.$inferSelect,
  "hash" | "codeId" | "attempts" | "orphaned" | "begunAtMs"
>;

interface PhoneSessionRow extends WirePhoneSession {
  readonly codeId: number | null;
  readonly attempts: number;
  readonly orphaned: number;
  readonly begunAtMs: SteadyMs;
}

/** The columns of a `WirePhoneSession`. */
export const shownSessionColumns = `session_id sessionId, phone, dev_key devKey, client_id clientId, language,
  user_id userId, token_is_own tokenIsOwn, created_at_ms createdAtMs, last_online_at_ms lastOnlineAtMs, hears_chats hearsChats`;

export type Begun =
  | { readonly result: "mismatch_user_data" | "miltiple_devices" | "session_not_found" }
  | { readonly result: "login"; readonly session: WirePhoneSession }
  | { readonly result: "not_verified"; readonly token: "shown" | "fresh" }
  | { readonly result: "send"; readonly token: "shown" | "fresh"; readonly codeId: number };

export type Verified =
  | { readonly result: "already_registered" | "attempts_expired" | "invalid_sms_code" }
  | { readonly result: "roster_not_found" | "session_not_found" }
  | {
      readonly result: "login";
      readonly session: WirePhoneSession;
      readonly ended: { readonly sessionIds: readonly number[]; readonly userIds: readonly number[] };
    };

export function createPhoneSessionChanges(tx: Tx, profiles: ProfileParts, counts: HourlyCounts) {
  const { db } = tx;
  const byHash = db.prepare<PhoneSessionRow, [Uint8Array]>(
    `SELECT ${shownSessionColumns}, code_id codeId, attempts, orphaned, begun_at_ms begunAtMs FROM phone_sessions WHERE hash = ?`,
  );
  // Holds its device key: a session that was verified, or one whose code may still come.
  const selectHolder = db.prepare<{ one: 1 }, [string, string, number]>(
    `SELECT 1 one FROM phone_sessions s LEFT JOIN phone_codes c USING (code_id)
     WHERE s.dev_key = ?1 AND s.phone <> ?2 AND (s.user_id IS NOT NULL OR c.expires_at_ms > ?3) LIMIT 1`,
  );
  const selectShared = db.prepare<{ codeId: number }, [string, string, number, number]>(
    `SELECT c.code_id codeId FROM phone_sessions s JOIN phone_codes c USING (code_id)
     WHERE s.dev_key = ?1 AND s.phone = ?2 AND s.user_id IS NULL AND s.orphaned = 0
     AND c.expires_at_ms > ?3 AND c.sent_at_ms > ?4 ORDER BY c.code_id DESC LIMIT 1`,
  );
  const insertSession = db.prepare<
    { sessionId: number },
    [Uint8Array, string, string, number, string | null, string | null, number, number, SteadyMs]
  >(
    `INSERT INTO phone_sessions
     (hash, phone, dev_key, token_is_own, client_id, language, code_id, created_at_ms, last_online_at_ms, begun_at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9) RETURNING session_id sessionId`,
  );
  const insertCode = db.prepare<{ codeId: number }, [Uint8Array, Uint8Array, number, number]>(
    "INSERT INTO phone_codes (salt, hash, sent_at_ms, expires_at_ms) VALUES (?, ?, ?, ?) RETURNING code_id codeId",
  );
  const codeById = db.prepare<HashedCode & { codeId: number; expiresAtMs: SteadyMs }, [number]>(
    "SELECT code_id codeId, salt, hash, expires_at_ms expiresAtMs FROM phone_codes WHERE code_id = ?",
  );
  const markUnsent = db.prepare("UPDATE phone_codes SET sent_at_ms = NULL WHERE code_id = ?");
  const deleteCode = db.prepare("DELETE FROM phone_codes WHERE code_id = ?");
  // Each issuing adds one row and removes at most so many, so that no commit is long, whatever a flood left behind.
  const deleteExpiredCodes = db.prepare(
    `DELETE FROM phone_codes WHERE code_id IN
     (SELECT code_id FROM phone_codes WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ${sweptMax})`,
  );
  // SQLite would take the index of users, in which all that wait lie together, and read every one of them each time.
  const deleteLapsed = db.prepare(
    `DELETE FROM phone_sessions WHERE session_id IN (SELECT session_id FROM phone_sessions
     INDEXED BY phone_sessions_pending WHERE user_id IS NULL AND begun_at_ms <= ?
     ORDER BY begun_at_ms LIMIT ${sweptMax})`,
  );
  /** Where no session was found by this hash. */
  const deleteLapsedOf = db.prepare("DELETE FROM phone_sessions WHERE hash = ?");
  const trimDevice = db.prepare(
    `DELETE FROM phone_sessions WHERE session_id IN (SELECT session_id FROM phone_sessions
     WHERE dev_key = ? AND phone = ? AND user_id IS NULL ORDER BY session_id DESC LIMIT -1 OFFSET ?)`,
  );
  const trimPhone = db.prepare(
    `DELETE FROM phone_sessions WHERE session_id IN (SELECT session_id FROM phone_sessions
     WHERE phone = ? AND user_id IS NULL ORDER BY session_id DESC LIMIT -1 OFFSET ?)`,
  );
  const trimAll = db.prepare(
    `DELETE FROM phone_sessions WHERE session_id IN (SELECT session_id FROM phone_sessions
     INDEXED BY phone_sessions_pending WHERE user_id IS NULL ORDER BY begun_at_ms DESC LIMIT -1 OFFSET ?)`,
  );
  const countAttempt = db.prepare("UPDATE phone_sessions SET attempts = attempts + 1 WHERE session_id = ?");
  const setVerified = db.prepare(
    `UPDATE phone_sessions SET user_id = ?2, code_id = NULL, attempts = 0, last_online_at_ms = ?3 WHERE session_id = ?1`,
  );
  const setCode = db.prepare("UPDATE phone_sessions SET code_id = ?2, attempts = 0 WHERE session_id = ?1");
  const codeIsUsed = db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM phone_sessions WHERE code_id = ? LIMIT 1");
  const selectReplaced = db.prepare<{ sessionId: number; userId: number }, [string, string, number]>(
    `SELECT session_id sessionId, user_id userId FROM phone_sessions
     WHERE dev_key = ? AND phone = ? AND user_id IS NOT NULL AND session_id <> ?`,
  );
  const selectSurplus = db.prepare<{ sessionId: number; userId: number }, [string, number]>(
    `SELECT session_id sessionId, user_id userId FROM phone_sessions
     WHERE phone = ? AND user_id IS NOT NULL ORDER BY last_online_at_ms DESC, session_id DESC LIMIT -1 OFFSET ?`,
  );
  const deleteSession = db.prepare("DELETE FROM phone_sessions WHERE session_id = ?");
  const selectOwn = db.prepare<{ userId: number }, [number, string]>(
    "SELECT user_id userId FROM phone_sessions WHERE session_id = ? AND phone = ? AND user_id IS NOT NULL",
  );
  const hear = db.prepare("UPDATE phone_sessions SET hears_chats = 1 WHERE session_id = ?");
  const touch = db.prepare("UPDATE phone_sessions SET last_online_at_ms = ?2 WHERE session_id = ?1");

  /** AUTH § Auth Issuing. */
  function beginPhoneSession(args: WireBegin): Begun {
    const { limits } = args;
    const known = args.shown === undefined ? undefined : find(args.shown, limits);
    if (known !== undefined) return recognise(known, args);
    const { devKey, phone } = args;
    if (devKey === undefined || phone === undefined) {
      return { result: args.shown === undefined ? "mismatch_user_data" : "session_not_found" };
    }
    if (devKey === null || phone === null) return { result: "mismatch_user_data" };
    if (selectHolder.get(devKey, phone, tx.steadyMs) !== null) return { result: "miltiple_devices" };
    if (!args.mayRegister && profiles.find(phone) === undefined) throw new DomainError("registration_closed");
    // From here on it writes: nothing below says no.
    sweep(limits);
    if (args.shown !== undefined) deleteLapsedOf.run(bytesOfHex(args.shown));
    const shared =
      args.shown === undefined
        ? selectShared.get(devKey, phone, tx.steadyMs, tx.steadyMs - limits.codeCooldownMs)
        : null;
    const token = args.shown !== undefined && args.shownIsUsable ? "shown" : "fresh";
    const codeId = shared?.codeId ?? addCode(args.code, limits.codeLifetimeMs);
    const hash = bytesOfHex(token === "shown" && args.shown !== undefined ? args.shown : args.fresh);
    const { clientId = null, language = null } = args;
    const isOwn = token === "shown" ? 1 : 0;
    const made = insertSession.get(hash, phone, devKey, isOwn, clientId, language, codeId, tx.nowMs, tx.steadyMs);
    trimDevice.run(devKey, phone, limits.pendingPerDeviceMax);
    trimPhone.run(phone, limits.pendingPerPhoneMax);
    // Counting them all is not worth it each time.
    if (made !== null && made.sessionId % 64 === 0) trimAll.run(limits.pendingMax);
    return shared === null ? { result: "send", token, codeId } : { result: "not_verified", token };
  }

  function recognise(session: PhoneSessionRow, args: WireBegin): Begun {
    const { devKey, phone } = args;
    if ((devKey !== undefined && devKey !== session.devKey) || (phone !== undefined && phone !== session.phone)) {
      return { result: "mismatch_user_data" };
    }
    if (session.userId === null) return { result: "not_verified", token: "shown" };
    if (tx.sender(session.userId)?.disabled !== false) return { result: "session_not_found" };
    tx.writes += 1;
    touch.run(session.sessionId, tx.nowMs);
    return { result: "login", session: withoutSecrets({ ...session, lastOnlineAtMs: tx.nowMs }) };
  }

  /** AUTH § User Confirmation. */
  function verifyPhoneSession(args: {
    token: string;
    code: string;
    mayRegister: boolean;
    limits: PhoneLimits;
  }): Verified {
    const { limits } = args;
    const session = find(args.token, limits);
    if (session === undefined) return { result: "session_not_found" };
    if (session.userId !== null) return { result: "already_registered" };
    const { phone } = session;
    if (session.attempts >= limits.attemptsMax) return { result: "attempts_expired" };
    const code = session.codeId === null ? null : codeById.get(session.codeId);
    const right = code !== null && isRightCode(code, args.code);
    tx.writes += 1;
    if (!right || code.expiresAtMs <= tx.steadyMs) {
      countAttempt.run(session.sessionId);
      return { result: "invalid_sms_code" };
    }
    deleteCode.run(code.codeId);
    const userId = session.orphaned !== 0 ? undefined : userOf(phone, args.mayRegister);
    if (userId === undefined) {
      deleteSession.run(session.sessionId);
      return { result: "roster_not_found" };
    }
    setVerified.run(session.sessionId, userId, tx.nowMs);
    const over = [
      ...selectReplaced.all(session.devKey, phone, session.sessionId),
      ...selectSurplus.all(phone, limits.sessionsPerPhoneMax),
    ];
    for (const { sessionId } of over) deleteSession.run(sessionId);
    return {
      result: "login",
      session: withoutSecrets({ ...session, userId, lastOnlineAtMs: tx.nowMs }),
      ended: {
        sessionIds: [...new Set(over.map((one) => one.sessionId))],
        userIds: [...new Set(over.map((one) => one.userId))],
      },
    };
  }

  /** The first user of the phone, made where it has no profile yet; undefined where no user of it may log in. */
  function userOf(phone: string, mayRegister: boolean): number | undefined {
    if (profiles.find(phone) === undefined) return mayRegister ? profiles.make(phone) : undefined;
    const first = profiles.usersOf(phone)[0];
    return first === undefined || first.disabled ? undefined : first.userId;
  }

  /** AUTH § Resend User Confirmation. */
  function renewPhoneCode(args: {
    token: string;
    pendingMs: number;
    code: WireCode;
    lifetimeMs: number;
  }): PhoneCodeState {
    const session = byHash.get(bytesOfHex(args.token));
    if (session === null) return "session_not_found";
    if (session.userId !== null) return "verified";
    if (session.begunAtMs <= tx.steadyMs - args.pendingMs) return "session_not_found";
    if (session.orphaned !== 0 || isWithoutUser(session.phone)) return "roster_not_found";
    setCode.run(session.sessionId, addCode(args.code, args.lifetimeMs));
    if (session.codeId !== null && codeIsUsed.get(session.codeId) === null) deleteCode.run(session.codeId);
    return "open";
  }

  function isWithoutUser(phone: string): boolean {
    return profiles.find(phone) !== undefined && profiles.usersOf(phone).length === 0;
  }

  function phoneCodeFailed({ codeId }: { codeId: number }): null {
    tx.writes += 1;
    markUnsent.run(codeId);
    return null;
  }

  /** Gives the user it was of; null where the phone has no such log-in. */
  function endPhoneSession({ phone, sessionId }: { phone: string; sessionId: number }): number | null {
    const own = selectOwn.get(sessionId, phone);
    if (own === null) return null;
    tx.writes += 1;
    deleteSession.run(sessionId);
    return own.userId;
  }

  function touchPhoneSession({ sessionId, atMs }: { sessionId: number; atMs: number }): null {
    tx.writes += 1;
    touch.run(sessionId, atMs);
    return null;
  }

  function hearPhoneSession({ sessionId }: { sessionId: number }): null {
    tx.writes += 1;
    hear.run(sessionId);
    return null;
  }

  function addCode(code: WireCode, lifetimeMs: number): number {
    tx.writes += 1;
    const row = insertCode.get(
      bytesOfHex(code.salt),
      bytesOfHex(code.hash),
      tx.steadyMs,
      later(tx.steadyMs, lifetimeMs),
    );
    if (row === null) throw new Error("a code was not stored");
    return row.codeId;
  }

  /** A session that waited too long is as good as gone. */
  function find(token: string, { pendingMs }: PhoneLimits): PhoneSessionRow | undefined {
    const session = byHash.get(bytesOfHex(token)) ?? undefined;
    const waits = session?.userId === null;
    return waits && session.begunAtMs <= tx.steadyMs - pendingMs ? undefined : session;
  }

  function sweep({ pendingMs }: PhoneLimits): void {
    tx.writes += 1;
    deleteExpiredCodes.run(tx.steadyMs);
    deleteLapsed.run(tx.steadyMs - pendingMs);
    counts.sweep();
  }

  return {
    beginPhoneSession: growing(beginPhoneSession),
    phoneCodeFailed: growing(phoneCodeFailed),
    verifyPhoneSession: growing(verifyPhoneSession),
    renewPhoneCode: growing(renewPhoneCode),
    endPhoneSession: freeing(endPhoneSession),
    touchPhoneSession: freeing(touchPhoneSession),
    hearPhoneSession: freeing(hearPhoneSession),
  };
}

function withoutSecrets(session: PhoneSessionRow): WirePhoneSession {
  const { codeId, attempts, orphaned, begunAtMs, ...shown } = session;
  return shown;
}
