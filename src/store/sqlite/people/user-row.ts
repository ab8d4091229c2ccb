/** A row of `users`, in the domain's words. */
import { userKeyOf } from "../../../domain/keys.ts";
import type { User, UserId } from "../../../domain/model.ts";
import type { users } from "../schema.ts";

export function toUser(row: typeof users.$inferSelect | undefined): User | undefined {
  if (row === undefined) return undefined;
  return {
    userId: row.userId as UserId,
    guid: row.guid,
    username: row.username ?? undefined,
    loginName: row.loginName ?? undefined,
    userKey: userKeyOf(row),
    nick: row.nick,
    names: row.names,
    surnames: row.surnames,
    phone: row.phone ?? undefined,
    avatar: row.avatar ?? undefined,
    avatarLink: row.avatarLink,
    publicKey: row.publicKey ?? undefined,
    disabled: row.disabled,
    kind: row.kind,
    madeBy: row.madeBy,
    presenceRule: row.presence,
    createdAtMs: row.createdAtMs,
    lastSeenAtMs: row.lastSeenAtMs ?? undefined,
    updatedAtMs: row.updatedAtMs,
  };
}
