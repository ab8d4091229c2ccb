/**
 * The setting `admins`: who may read what the broker reports about itself, by username or `user.<userId>`. Only users whom
 * the operator made, or trusts, count. Another user of such a name, whom a backend made or who registered, has no right by it.
 */
import type { User } from "../model.ts";

export type Admins = (user: Pick<User, "userId" | "userKey" | "madeBy">) => boolean;

export function createAdmins(names: readonly string[]): Admins {
  const named = new Set(names);
  return ({ userId, userKey, madeBy }) => madeBy === "operator" && (named.has(userKey) || named.has(`user.${userId}`));
}

/** What is wrong with a name among `admins`, for the operator; undefined where nothing is. */
export function problemOfAdmin(name: string, user: Pick<User, "madeBy"> | undefined): string | undefined {
  if (user === undefined) return `there is no user ${name}; roost user add ${name} makes one`;
  if (user.madeBy === "operator") return undefined;
  return `the user ${name} was not made by the operator and is no admin; roost user trust ${name} makes one`;
}
