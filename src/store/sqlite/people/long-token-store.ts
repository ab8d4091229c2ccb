/** Long-lived tokens in the store, with those seen lately: a client may show one with every request. */
import type { Database } from "bun:sqlite";
import { safeInteger } from "../../../domain/keys.ts";
import type { TokenScopes, User } from "../../../domain/model.ts";
import type { FoundLongToken, LongToken, LongTokenStore } from "../../../domain/people/long-token-store.ts";
import { tokenIdOf } from "../../../domain/people/secrets.ts";
import type { SteadyMs } from "../../../lib/clock.ts";
import { hexOf } from "../../../lib/hex.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { ChangeName } from "../changes.ts";
import type { Submit, SubmitLater } from "../submit.ts";

const foundMax = 10_000;

/** Changes to tokens, or to users as their tokens show them. */
const changesFound: ReadonlySet<ChangeName> = new Set<ChangeName>([
  "changePassword",
  "changeProfile",
  "endLongToken",
  "endToken",
  "finishMigration",
  "linkPhone",
  "linkUsername",
  "provision",
  "putMembers",
  "removeMqttDevice",
  "removeProfile",
  "removeRoster",
  "removeUser",
  "setAvatar",
  "setPassword",
  "setUserDisabled",
  "unlinkPassword",
  "unlinkPhone",
  "unlinkUsername",
]);

interface Row {
  readonly tokenId: string;
  readonly ownerKey: string;
  readonly name: string | null;
  readonly scopes: string | null;
  readonly madeBy: LongToken["madeBy"];
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | null;
  readonly expiresAtMs: SteadyMs | null;
}

const columns = `token_id tokenId, owner_key ownerKey, name, scopes, made_by madeBy, created_at_ms createdAtMs,
  last_used_at_ms lastUsedAtMs, expires_at_ms expiresAtMs`;

export function createLongTokenStore(
  db: Database,
  parts: { submit: Submit; submitLater: SubmitLater; findUser(userId: number): User | undefined },
): {
  readonly longTokens: LongTokenStore;
  /** A plain read, by the token's id. */
  findLongTokenNow(tokenId: string): LongToken | undefined;
  /** A change was committed: what is remembered of tokens may be void. */
  committed(name: ChangeName): void;
} {
  const { submit, submitLater } = parts;
  const found = new Map<string, FoundLongToken>();
  const byHash = lazily(() => db.prepare<Row, [Uint8Array]>(`SELECT ${columns} FROM long_lived_tokens WHERE hash = ?`));
  const byId = lazily(() => db.prepare<Row, [string]>(`SELECT ${columns} FROM long_lived_tokens WHERE token_id = ?`));
  const page = lazily(() =>
    db.prepare<Row, [string | null, string, number, number]>(
      `SELECT ${columns} FROM long_lived_tokens WHERE owner_key = coalesce(?, owner_key) AND token_id > ?
       AND coalesce(expires_at_ms > ?, 1) ORDER BY token_id LIMIT ?`,
    ),
  );
  const expired = lazily(() =>
    db.prepare<{ tokenId: string; ownerKey: string; expiresAtMs: SteadyMs }, [number, string, number, number]>(
      `SELECT token_id tokenId, owner_key ownerKey, expires_at_ms expiresAtMs FROM long_lived_tokens
       WHERE expires_at_ms IS NOT NULL AND (expires_at_ms, token_id) > (?, ?) AND expires_at_ms <= ?
       ORDER BY expires_at_ms, token_id LIMIT ?`,
    ),
  );

  function find(hash: Uint8Array): FoundLongToken | undefined {
    const key = hexOf(hash);
    const known = found.get(key);
    if (known !== undefined) return known;
    const row = byHash().get(Buffer.from(hash));
    if (row === null) return undefined;
    const userId = row.ownerKey.startsWith("user:") ? safeInteger(row.ownerKey.slice("user:".length)) : undefined;
    const user = userId === undefined ? undefined : parts.findUser(userId);
    if (userId !== undefined && user === undefined) return undefined;
    const one = { token: toToken(row), user };
    if (found.size >= foundMax) found.clear();
    found.set(key, one);
    return one;
  }

  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const longTokens: LongTokenStore = {
    findLongToken: async (hash) => find(hash),
    listLongTokens: async ({ ownerKey, after, nowMs, limit }) =>
      page()
        .all(ownerKey ?? null, after, nowMs, limit)
        .map(toToken),
    listExpiredLongTokens: async ({ after, until, limit }) =>
      expired().all(after.expiresAtMs, after.tokenId, until, limit),
    addLongToken: ({ hash, ...token }) =>
      submit("addLongToken", { ...token, hash: hexOf(hash) }).then(({ createdAtMs, expiresAtMs }) => {
        const { ownerKey, name, scopes, madeBy } = token;
        const times = { createdAtMs, lastUsedAtMs: undefined, expiresAtMs: expiresAtMs ?? undefined };
        return { tokenId: tokenIdOf(hash), ownerKey, name, scopes, madeBy, ...times };
      }),
    endLongToken: (token) => submit("endLongToken", token).then((ended) => ended ?? undefined),
    touchLongToken: (tokenId) => submitLater("touchLongToken", { tokenId }).then(() => {}),
  };

  return {
    longTokens,
    findLongTokenNow(tokenId) {
      const row = byId().get(tokenId);
      return row === null ? undefined : toToken(row);
    },
    committed(name) {
      if (found.size > 0 && changesFound.has(name)) found.clear();
    },
  };
}

const toToken = (row: Row): LongToken => ({
  ...row,
  name: row.name ?? undefined,
  scopes: row.scopes === null ? undefined : (JSON.parse(row.scopes) as TokenScopes),
  lastUsedAtMs: row.lastUsedAtMs ?? undefined,
  expiresAtMs: row.expiresAtMs ?? undefined,
});
