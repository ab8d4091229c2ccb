/**
 * Log-in names: what an account may choose to type in place of its number (`typed-names.ts` says whom a name means). A
 * log-in name is no username: backends, the setting `admins`, chats and topics know nothing of it.
 */
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { User, UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { Accounts } from "./accounts.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { CheckLoginName } from "./login-name-check.ts";
import { nameOfUser } from "./refusals.ts";
import type { TypedNames } from "./typed-names.ts";

export type LoginNames = ReturnType<typeof createLoginNames>;

export function createLoginNames(parts: {
  store: Store;
  guard: LoginGuard;
  accounts: Pick<Accounts, "checkPassword">;
  names: Pick<TypedNames<unknown>, "isTaken">;
  check: CheckLoginName;
  log: Log;
}) {
  const { store, guard, check, log } = parts;

  store.onEvent("login-name.taken", (event) => void tell(event));

  /** The account is told as well, by its door, and at each of its next log-ins. */
  async function tell({ userId, loginName }: { userId: UserId; loginName: string }): Promise<void> {
    const user = await store.findUser(userId).catch(() => undefined);
    log.warn("a log-in name means another account from now on; its user logs in by number", {
      name: loginName,
      user: user === undefined ? `user.${userId}` : nameOfUser(user),
      userId,
    });
  }

  /**
   * Sets the log-in name of a user, for the operator; undefined removes it. Throws `invalid_name`, `reserved_key`,
   * `username_taken` (a user or a device has it, or `admins` names it), `user_not_found`.
   */
  async function set(userId: UserId, loginName: string | undefined): Promise<void> {
    if (loginName !== undefined) check(loginName);
    await store.setLoginName(userId, loginName);
  }

  /**
   * The same for a user who knows their password. Throws besides `wrong_password` (also where they have none),
   * `try_later`, `busy`.
   */
  async function choose(
    user: User,
    request: { loginName: string | undefined; password: string; address: string },
  ): Promise<void> {
    const { loginName, password, address } = request;
    if (loginName !== undefined) check(loginName);
    await parts.accounts.checkPassword(user, { password, address });
    // A user who asks for name after name would learn who is here.
    const naming = loginName === undefined ? undefined : guard.naming(user.userId);
    try {
      await store.setLoginName(user.userId, loginName);
    } catch (error) {
      if (error instanceof DomainError && error.code === "username_taken") naming?.refused();
      throw error;
    }
  }

  /** Undefined where the user has none. `taken`: it means another account. */
  async function ofUser({ loginName }: User): Promise<{ loginName: string; taken: boolean } | undefined> {
    return loginName === undefined ? undefined : { loginName, taken: await parts.names.isTaken(loginName) };
  }

  return { set, choose, ofUser };
}
