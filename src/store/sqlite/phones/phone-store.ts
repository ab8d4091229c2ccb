/** Log-ins by phone in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import type { UserId } from "../../../domain/model.ts";
import type { HashedCode } from "../../../domain/phones/codes.ts";
import type {
  PhoneSessionBegun,
  PhoneSessionVerified,
  PhoneStore,
  StoredPhoneSession,
} from "../../../domain/phones/phone-store.ts";
import { hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import type { Submit, SubmitLater } from "../submit.ts";
import type { WirePhoneSession } from "./phone-session-changes.ts";

export function createPhoneStore(
  db: Database,
  { submit, submitLater }: { submit: Submit; submitLater: SubmitLater },
): PhoneStore {
  const late = lateStatements(db);
  const byHash = late(({ orm, p, eq, phoneSessions }) =>
    orm
      .select()
      .from(phoneSessions)
      .where(eq(phoneSessions.hash, p("hash")))
      .prepare(),
  );
  const verifiedOf = late(({ orm, p, and, desc, eq, isNotNull, phoneSessions }) =>
    orm
      .select()
      .from(phoneSessions)
      .where(and(eq(phoneSessions.phone, p("phone")), isNotNull(phoneSessions.userId)))
      .orderBy(desc(phoneSessions.sessionId))
      .prepare(),
  );
  const userIdsOf = lazily(() =>
    db.prepare<{ userId: UserId }, [string]>("SELECT user_id userId FROM users WHERE phone = ? ORDER BY user_id"),
  );
  const isWithoutUser = lazily(() =>
    db.prepare<{ one: 1 }, [string]>(
      "SELECT 1 one FROM profiles WHERE phone = ?1 AND NOT EXISTS (SELECT 1 FROM users WHERE phone = ?1)",
    ),
  );

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    beginPhoneSession: (request) =>
      submit("beginPhoneSession", {
        ...request,
        shown: request.shown === undefined ? undefined : hexOf(request.shown),
        fresh: hexOf(request.fresh),
        code: toWireCode(request.code),
      }).then(
        (begun): PhoneSessionBegun =>
          begun.result === "login" ? { ...begun, session: toSession(begun.session) } : begun,
      ),
    phoneCodeFailed: (codeId) => submit("phoneCodeFailed", { codeId }).then(() => {}),
    verifyPhoneSession: (request) =>
      submit("verifyPhoneSession", { ...request, token: hexOf(request.token) }).then(
        (verified): PhoneSessionVerified =>
          verified.result === "login"
            ? {
                result: "login",
                session: toSession(verified.session),
                ended: { ...verified.ended, userIds: verified.ended.userIds as UserId[] },
              }
            : verified,
      ),
    async findPhoneCodeState({ token, begunAfterMs }) {
      const row = byHash().get({ hash: Buffer.from(token) });
      if (row === undefined || (row.userId === null && row.begunAtMs <= begunAfterMs)) {
        return { state: "session_not_found", phone: undefined, language: undefined };
      }
      const of = { phone: row.phone, language: row.language ?? undefined };
      if (row.userId !== null) return { state: "verified", ...of };
      const without = row.orphaned || isWithoutUser().get(row.phone) !== null;
      return { state: without ? "roster_not_found" : "open", ...of };
    },
    renewPhoneCode: ({ token, code, ...rest }) =>
      submit("renewPhoneCode", { token: hexOf(token), code: toWireCode(code), ...rest }).then((state) => state),
    async findPhoneSession(token) {
      const row = byHash().get({ hash: Buffer.from(token) });
      return row === undefined ? undefined : toSession(row);
    },
    listPhoneSessions: async (phone) => verifiedOf().all({ phone }).map(toSession),
    endPhoneSession: (session) => submit("endPhoneSession", session).then((userId) => userId !== null),
    touchPhoneSession: (sessionId, atMs) => submitLater("touchPhoneSession", { sessionId, atMs }).then(() => {}),
    hearPhoneSession: (sessionId) => submit("hearPhoneSession", { sessionId }).then(() => {}),
    listUserIdsOfPhone: async (phone) =>
      userIdsOf()
        .all(phone)
        .map((row) => row.userId),
  };
}

export const toWireCode = (code: HashedCode) => ({ salt: hexOf(code.salt), hash: hexOf(code.hash) });

export const toSession = (row: WirePhoneSession): StoredPhoneSession => ({
  sessionId: row.sessionId,
  phone: row.phone,
  devKey: row.devKey,
  clientId: row.clientId ?? undefined,
  language: row.language ?? undefined,
  userId: (row.userId ?? undefined) as UserId | undefined,
  tokenIsOwn: row.tokenIsOwn !== 0,
  createdAtMs: row.createdAtMs,
  lastOnlineAtMs: row.lastOnlineAtMs,
  hearsChats: row.hearsChats !== 0,
});
