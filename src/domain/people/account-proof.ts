/** What a user who is logged in shows again, before what their account is or has is changed or given away. */
import type { User } from "../model.ts";
import type { AccountCodes } from "./account-codes.ts";
import type { Accounts } from "./accounts.ts";

/** The password, or a code that `AccountCodes` sent or gave the operator, which stays valid. */
export type ShownProof = { readonly password: string } | { readonly code: string };

/** Throws `wrong_password` (also where they have none), `code_invalid`, `user_disabled`, `try_later`, `busy`. */
export type AccountProof = (user: User, by: ShownProof, address: string) => Promise<void>;

export const createAccountProof =
  (parts: { accounts: Pick<Accounts, "checkPassword">; accountCodes: Pick<AccountCodes, "prove"> }): AccountProof =>
  async (user, by, address) => {
    if ("password" in by) await parts.accounts.checkPassword(user, { ...by, address });
    else await parts.accountCodes.prove(user, { ...by, name: user.userKey, address });
  };
