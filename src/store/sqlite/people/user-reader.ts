/**
 * Reads of users and of what they log in with, on the calling thread's own connection. Each statement is prepared once, when
 * it is first asked for, and runs to its end within the tick: one left open would pin the WAL. So do those of the other readers.
 */
import type { Database } from "bun:sqlite";
import { userIdOfKey } from "../../../domain/keys.ts";
import type { DeviceId, TokenOwner, User, UserId } from "../../../domain/model.ts";
import { personCondition } from "../../../domain/people/kinds.ts";
import type { TokenKind } from "../../../domain/people/token-store.ts";
import type { ParticipantView } from "../../../domain/store.ts";
import { lazily } from "../../../lib/lazily.ts";
import { lateStatements } from "../engine/late-drizzle.ts";
import { toUser } from "./user-row.ts";

export type UserReader = ReturnType<typeof createUserReader>;

export function createUserReader(db: Database) {
  const late = lateStatements(db);

  const userById = late(({ orm, p, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.userId, p("userId")))
      .prepare(),
  );
  const userByUsername = late(({ orm, p, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.username, p("username")))
      .prepare(),
  );
  const userByLoginName = late(({ orm, p, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.loginName, p("loginName")))
      .prepare(),
  );
  const userByGuid = late(({ orm, p, eq, users }) =>
    orm
      .select()
      .from(users)
      .where(eq(users.guid, p("guid")))
      .prepare(),
  );
  const userByDeviceGuid = late(({ orm, p, eq, devices, users }) =>
    orm
      .select({ user: users })
      .from(devices)
      .innerJoin(users, eq(users.userId, devices.userId))
      .where(eq(devices.guid, p("guid")))
      .prepare(),
  );
  const keyedDevices = lazily(() =>
    db.prepare<{ guid: string; publicKey: Uint8Array }, [number]>(
      `SELECT guid, public_key publicKey FROM devices WHERE user_id = ? AND public_key IS NOT NULL ORDER BY device_id`,
    ),
  );
  const sharedChat = lazily(() =>
    db.prepare<{ one: 1 }, [number, number]>(
      "SELECT 1 one FROM members m JOIN members o ON o.chat_id = m.chat_id AND o.user_id = ?2 WHERE m.user_id = ?1 LIMIT 1",
    ),
  );
  const userPage = late(({ orm, p, and, asc, eq, gt, or, sql, users }) =>
    orm
      .select()
      .from(users)
      .where(
        and(
          gt(users.userId, p("after")),
          sql.raw(personCondition),
          or(eq(users.disabled, false), sql`${p("disabledToo")}`),
        ),
      )
      .orderBy(asc(users.userId))
      .limit(p("limit"))
      .prepare(),
  );
  const usersByIds = late(({ orm, p, and, asc, eq, inArray, sql, users }) =>
    orm
      .select()
      .from(users)
      .where(
        and(
          eq(users.disabled, false),
          sql.raw(personCondition),
          inArray(users.userId, sql`(SELECT value FROM json_each(${p("ids")}))`),
        ),
      )
      .orderBy(asc(users.userId))
      .prepare(),
  );
  const passwordHash = lazily(() =>
    db.prepare<{ hash: string | null }, [number]>("SELECT password_hash hash FROM users WHERE user_id = ?"),
  );
  const tokenByHash = late(({ orm, p, and, eq, isNull, devices, tokens, users }) =>
    orm
      .select({
        user: users,
        deviceId: tokens.deviceId,
        door: tokens.door,
        expiresAtMs: tokens.expiresAtMs,
        deviceKey: devices.publicKey,
      })
      .from(tokens)
      .innerJoin(users, eq(users.userId, tokens.userId))
      .leftJoin(devices, eq(devices.deviceId, tokens.deviceId))
      .where(and(eq(tokens.hash, p("hash")), eq(tokens.kind, p("kind")), isNull(tokens.endedAtMs)))
      .prepare(),
  );
  const keyByName = lazily(() =>
    db.prepare<{ hash: Uint8Array; createdAtMs: number }, [string]>(
      "SELECT hash, created_at_ms createdAtMs FROM server_keys WHERE name = ?",
    ),
  );

  const findUser = (userId: number): User | undefined => toUser(userById().get({ userId }));

  function findUserByKey(key: string): User | undefined {
    const named = toUser(userByUsername().get({ username: key }));
    if (named !== undefined) return named;
    const userId = userIdOfKey(key);
    return userId === undefined ? undefined : findUser(userId);
  }

  function findToken(hash: Uint8Array, kind: TokenKind): TokenOwner | undefined {
    const row = tokenByHash().get({ hash: Buffer.from(hash), kind });
    const user = toUser(row?.user);
    if (row === undefined || user === undefined) return undefined;
    return {
      user,
      deviceId: (row.deviceId ?? undefined) as DeviceId | undefined,
      signingKey: row.deviceKey ?? user.publicKey,
      expiresAtMs: row.expiresAtMs ?? undefined,
      remembered: row.door === "minioicq",
    };
  }

  function findParticipant(guid: string): ParticipantView | undefined {
    const user = toUser(userByGuid().get({ guid }) ?? userByDeviceGuid().get({ guid })?.user);
    if (user === undefined) return undefined;
    return { user, devices: keyedDevices().all(user.userId) };
  }

  function findBackendKey(): { hash: Uint8Array; createdAtMs: number } | undefined {
    return keyByName().get("backend_key") ?? undefined;
  }

  return {
    findUser,
    findUserByKey,
    findUserByLoginName: (loginName: string): User | undefined => toUser(userByLoginName().get({ loginName })),
    findPasswordHash: (userId: UserId) => passwordHash().get(userId)?.hash ?? undefined,
    listUsers: ({ after, limit, disabledToo = false }: { after: number; limit: number; disabledToo?: boolean }) =>
      userPage()
        .all({ after, limit, disabledToo: disabledToo ? 1 : 0 })
        .flatMap((row) => toUser(row) ?? []),
    enabledUsers: (userIds: readonly UserId[]) =>
      usersByIds()
        .all({ ids: JSON.stringify(userIds) })
        .flatMap((row) => toUser(row) ?? []),
    findToken,
    findParticipant,
    shareChat: (userId: UserId, other: UserId): boolean => sharedChat().get(userId, other) !== null,
    findBackendKey,
  };
}
