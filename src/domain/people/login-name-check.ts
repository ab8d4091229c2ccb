/** Which log-in names there can be, as far as that needs no look at the accounts. */
import { DomainError } from "../errors.ts";
import { isLoginName, isReservedLoginName } from "../keys.ts";

/** Checks all but whether another account has the name, which its change decides. Throws as `LoginNames.set`. */
export type CheckLoginName = (loginName: string) => void;

/** `admins`: who is named there has rights that others would be asked to believe in. */
export function createLoginNameCheck(admins: readonly string[]): CheckLoginName {
  const named = new Set(admins);
  return (loginName) => {
    if (!isLoginName(loginName)) {
      throw new DomainError("invalid_name", "a log-in name must match [a-z][a-z0-9._-]{2,31}");
    }
    if (isReservedLoginName(loginName)) throw new DomainError("reserved_key", `${loginName} is reserved`);
    // Strangers need not learn who is an admin.
    if (named.has(loginName)) throw new DomainError("username_taken");
  };
}
