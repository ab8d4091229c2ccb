/** The pieces of changing people that several changes share. */
import { randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import type { NewUser } from "../../../domain/store.ts";
import { users } from "../schema.ts";
import type { Tx } from "../tx.ts";

export type UserParts = ReturnType<typeof createUserParts>;

export function createUserParts(tx: Tx) {
  const { orm } = tx;
  const p = sql.placeholder;
  const byId = orm
    .select()
    .from(users)
    .where(eq(users.userId, p("userId")))
    .prepare();
  const byUsername = orm
    .select({ userId: users.userId })
    .from(users)
    .where(eq(users.username, p("username")))
    .prepare();
  const byGuid = orm
    .select({ userId: users.userId })
    .from(users)
    .where(eq(users.guid, p("guid")))
    .prepare();
  const insertUser = orm
    .insert(users)
    .values({
      userId: p("userId"),
      guid: p("guid"),
      username: p("username"),
      nick: p("nick"),
      passwordHash: p("passwordHash"),
      createdAtMs: p("nowMs"),
    })
    .prepare();
  const updateNick = orm
    .update(users)
    .set({ nick: sql`${p("nick")}` })
    .where(eq(users.userId, p("userId")))
    .prepare();

  /** A new user; the username, if any, is free. */
  function make(user: NewUser): number {
    const userId = tx.takeId();
    tx.writes += 1;
    insertUser.run({
      userId,
      guid: randomUUID(),
      username: user.username ?? null,
      nick: user.nick,
      passwordHash: user.passwordHash ?? null,
      nowMs: tx.nowMs,
    });
    return userId;
  }

  function rename(userId: number, nick: string): void {
    tx.writes += 1;
    updateNick.run({ userId, nick });
  }

  return {
    find: (userId: number) => byId.get({ userId }),
    findByUsername: (username: string): number | undefined => byUsername.get({ username })?.userId,
    findByGuid: (guid: string): number | undefined => byGuid.get({ guid })?.userId,
    make,
    rename,
  };
}
