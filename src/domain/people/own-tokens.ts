/**
 * Long-lived tokens of users that they make for themselves, with their password, and of participants that a backend makes,
 * with its key. A participant with a password makes their own.
 */
import { DomainError } from "../errors.ts";
import type { User } from "../model.ts";
import type { UserReads } from "../store.ts";
import type { Accounts } from "./accounts.ts";
import type { LongToken } from "./long-token-store.ts";
import { type LongTokenRequest, type LongTokens, userOwnerKey } from "./long-tokens.ts";
import type { TypedNames } from "./typed-names.ts";

/** What a user shows. */
export interface ShownPassword {
  readonly password: string;
  readonly address: string;
}

export type OwnTokens = ReturnType<typeof createOwnTokens>;

export function createOwnTokens(parts: {
  accounts: Pick<Accounts, "checkPassword" | "logInWithPassword">;
  longTokens: Pick<LongTokens, "add" | "list" | "revoke">;
  names: Pick<TypedNames<unknown>, "find">;
  store: Pick<UserReads, "findPasswordHash">;
}) {
  const { accounts, longTokens } = parts;

  /**
   * The user of a typed name, who shows their password. Throws `user_not_found` (also for a device), `wrong_password`,
   * `user_disabled`, `try_later`, `busy`.
   */
  async function userOf(name: string, shown: ShownPassword): Promise<User> {
    const named = await parts.names.find(name);
    const user = named !== undefined && "user" in named ? named.user : undefined;
    return accounts.logInWithPassword(user, { name, ...shown });
  }

  /** A participant for whom a backend asks. Throws `not_authorized` where they have a password. */
  async function requireWithoutPassword({ userId }: User): Promise<void> {
    if ((await parts.store.findPasswordHash(userId)) === undefined) return;
    throw new DomainError("not_authorized", "the user has a password, and makes their own tokens with it");
  }

  /** The token itself is shown only this once. Throws what `LongTokens.add` throws. */
  const add = (
    { userId }: User,
    request: Omit<LongTokenRequest, "ownerKey">,
  ): Promise<{ secret: string; token: LongToken }> => longTokens.add({ ...request, ownerKey: userOwnerKey(userId) });

  /** The newest first. */
  const list = ({ userId }: User): Promise<LongToken[]> => longTokens.list(userOwnerKey(userId));

  /** Throws `token_not_found`. */
  async function revoke({ userId }: User, tokenId: string): Promise<void> {
    await longTokens.revoke({ tokenId, ownerKey: userOwnerKey(userId) });
  }

  /** Throws as `Accounts.checkPassword`. */
  const prove = async (user: User, shown: ShownPassword): Promise<void> => {
    await accounts.checkPassword(user, shown);
  };

  return { userOf, requireWithoutPassword, prove, add, list, revoke };
}
