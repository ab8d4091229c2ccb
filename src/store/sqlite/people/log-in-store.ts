/** Log-ins and the ends of accounts in the store: reads of this thread's connection, and changes sent to the writer. */

import type { Database } from "bun:sqlite";
import type { ChatId, UserId } from "../../../domain/model.ts";
import type { EndedLogIns, ListedToken, LogInStore, UserRemoved } from "../../../domain/people/log-in-store.ts";
import { tokenIdCharacters } from "../../../domain/people/secrets.ts";
import type { SteadyMs } from "../../../lib/clock.ts";
import { hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import { toLeft } from "../chats/entered.ts";
import type { Submit, SubmitLater } from "../submit.ts";
import { toWireScramKeys } from "./credential-parts.ts";
import { validInvite } from "./invite-changes.ts";
import type { WireEnded } from "./log-in-changes.ts";
import { tokenIdColumn } from "./token-changes.ts";
import type { WireUserRemoved } from "./user-removal.ts";

interface TokenRow extends Omit<ListedToken, "name" | "lastUsedAtMs" | "expiresAtMs"> {
  readonly name: string | null;
  readonly lastUsedAtMs: number | null;
  readonly expiresAtMs: SteadyMs | null;
}

export function createLogInStore(
  db: Database,
  parts: { submit: Submit; submitLater: SubmitLater; sweep(chatId: ChatId): void },
): LogInStore {
  const { submit, submitLater } = parts;
  const tokensOf = lazily(() =>
    db.prepare<TokenRow, [number, number, number]>(
      `SELECT lower(substr(hex(t.hash), 1, ${tokenIdCharacters})) tokenId, t.door, coalesce(t.name, d.name) name,
       t.created_at_ms createdAtMs, t.last_used_at_ms lastUsedAtMs, t.expires_at_ms expiresAtMs
       FROM tokens t LEFT JOIN devices d USING (device_id)
       WHERE t.user_id = ? AND t.kind = 'access' AND t.ended_at_ms IS NULL AND coalesce(t.expires_at_ms > ?, 1)
       ORDER BY t.created_at_ms DESC, t.rowid DESC LIMIT ?`,
    ),
  );
  const expired = lazily(() =>
    db.prepare<
      { userId: UserId; tokenId: string; expiresAtMs: SteadyMs; rowId: number },
      [number, number, number, number]
    >(
      `SELECT user_id userId, ${tokenIdColumn} tokenId, expires_at_ms expiresAtMs, rowid rowId FROM tokens
       WHERE (expires_at_ms, rowid) > (?, ?) AND expires_at_ms <= ? AND kind = 'access' AND ended_at_ms IS NULL
       ORDER BY expires_at_ms, rowid LIMIT ?`,
    ),
  );
  const invite = lazily(() => db.prepare<{ one: 1 }, [Buffer, number]>(validInvite));
  const networkOfAccount = lazily(() =>
    db.prepare<{ lastAtMs: SteadyMs }, [string, string]>(
      "SELECT last_at_ms lastAtMs FROM log_in_networks WHERE account = ? AND network = ?",
    ),
  );

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  return {
    addToken: ({ hash, ...token }) =>
      submit("addToken", { ...token, hash: hexOf(hash) }).then(({ expiresAtMs }) => expiresAtMs),
    // Only where its end moves is what is remembered of the token wrong.
    touchToken: ({ hash, lifetimeMs }) =>
      (lifetimeMs === undefined ? submitLater : submit)("touchToken", { hash: hexOf(hash), lifetimeMs }).then(nothing),
    findLogInNetwork: async ({ account, network }) => networkOfAccount().get(account, network)?.lastAtMs,
    keepLogInNetwork: (pair) => submitLater("keepLogInNetwork", pair).then(nothing),
    listTokens: async ({ userId, nowMs, limit }) =>
      tokensOf()
        .all(userId, nowMs, limit)
        .map((row) => ({
          ...row,
          name: row.name ?? undefined,
          lastUsedAtMs: row.lastUsedAtMs ?? undefined,
          expiresAtMs: row.expiresAtMs ?? undefined,
        })),
    endToken: (token) => submit("endToken", token).then((ended) => (ended === null ? undefined : toEnded(ended))),
    changePassword: ({ scramKeys, ...change }) =>
      submit("changePassword", { ...change, scramKeys: toWireScramKeys(scramKeys) }).then(toEnded),
    setUserDisabled: (change) => submit("setUserDisabled", change).then(toEnded),
    removeUser: (userId, { retainedToo } = {}) =>
      submit("removeUser", { userId, retainedToo }).then((wire) => {
        for (const { chat, deleted } of wire.left) if (deleted) parts.sweep(chat.chatId);
        return toUserRemoved(userId, wire);
      }),
    addInvite: ({ hash, ...of }) => submit("addInvite", { ...of, hash: hexOf(hash) }).then(nothing),
    listExpiredTokens: async ({ after, until, limit }) => {
      const rows = expired().all(after.expiresAtMs, after.rowId, until, limit);
      const last = rows.at(-1);
      return {
        tokens: rows,
        next: last === undefined ? after : { expiresAtMs: last.expiresAtMs, rowId: last.rowId },
      };
    },
    hasInvite: async ({ hash, nowMs }) => invite().get(Buffer.from(hash), nowMs) !== null,
  };
}

export function toUserRemoved(userId: UserId, wire: WireUserRemoved): UserRemoved {
  const { tokenIds, phoneSessionIds, formerPhoneId, updatedAtMs } = wire;
  return {
    tokenIds,
    phoneSessionIds,
    left: wire.left.map(toLeft),
    changes: wire.told.map((told) => ({
      userId: told as UserId,
      contactId: userId,
      status: "deleted",
      updatedAtMs,
      formerPhoneId,
    })),
  };
}

const nothing = (): void => {};
const toEnded = ({ tokenIds, phoneSessionIds }: WireEnded): EndedLogIns => ({ tokenIds, phoneSessionIds });
