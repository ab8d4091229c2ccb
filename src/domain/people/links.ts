/**
 * One person, one user: a phone, a password and the `userID` of a backend are ways into the same account. Each link needs a
 * proof of the account and one of what is linked (docs/protocols/minioicq.md § phone.link). Accounts are not merged: what is linked
 * belonged to no one, or to an account that has nothing else to lose.
 */
import { networkOf } from "../../lib/client-network.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { User } from "../model.ts";
import { codeDigits, typedCode } from "../phones/codes.ts";
import { hashNewCode, newCode } from "../phones/new-codes.ts";
import type { SendCode } from "../phones/phone-sessions.ts";
import type { Store } from "../store.ts";
import type { AccountCodes } from "./account-codes.ts";
import type { AccountProof, ShownProof } from "./account-proof.ts";
import type { Accounts } from "./accounts.ts";
import type { CredentialKind } from "./link-store.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { Passwords } from "./passwords.ts";
import { checkUsername } from "./tokens.ts";

const codeLifetimeMs = 10 * 60_000;
/** Wrong tries of one code. */
const attemptsMax = 5;

export type Links = ReturnType<typeof createLinks>;

export function createLinks(parts: {
  store: Store;
  log: Log;
  guard: LoginGuard;
  passwords: Passwords;
  accounts: Pick<Accounts, "checkPassword">;
  accountCodes: Pick<AccountCodes, "prove">;
  prove: AccountProof;
  sendCode: SendCode;
  fixedCodeOf(phone: string): string | undefined;
}) {
  const { store, guard, passwords, accounts } = parts;

  const of = (user: User): Promise<readonly CredentialKind[]> => store.credentialsOf(user.userId);

  /**
   * Sends a code to a phone that is to be the user's. A code that is good for one phone is good for no other. Throws
   * `already_linked`, `code_not_sent`, `user_disabled`, `try_later`.
   */
  async function sendPhoneCode(user: User, { phone, address }: { phone: string; address: string }): Promise<void> {
    guard.recovering(address);
    if ((await of(user)).includes("phone")) throw new DomainError("already_linked");
    const fixed = parts.fixedCodeOf(phone);
    const code = fixed ?? newCode();
    const hashed = hashNewCode(boundTo(phone, code));
    const { userId } = user;
    if (!(await store.addAccountCode({ userId, purpose: "phone", code: hashed, lifetimeMs: codeLifetimeMs }))) {
      throw new DomainError("user_disabled");
    }
    if (fixed !== undefined) return;
    const outcome = await parts.sendCode({ phone, code, language: undefined, address }).catch((error: unknown) => {
      parts.log.error("a code could not be sent", { error: error instanceof Error ? error.name : "unknown" });
      return "failed" as const;
    });
    if (outcome !== "sent") throw new DomainError("code_not_sent");
  }

  /**
   * Links a phone to a user who shows its code and their password. Throws `wrong_password` (also where they have none),
   * `code_invalid`, `already_linked`, `account_in_use`, `user_disabled`, `try_later`, `busy`.
   */
  async function linkPhone(
    user: User,
    shown: { phone: string; code: string; password: string; address: string },
  ): Promise<readonly CredentialKind[]> {
    const { phone, address } = shown;
    await accounts.checkPassword(user, shown);
    // Who guesses has an account, so that no network is its own.
    const claim = await guard.claim({ kind: "code", subject: `link:${phone}`, account: undefined, address });
    claim.begin();
    const code = boundTo(phone, typedCode(shown.code));
    try {
      await store.linkPhone({ userId: user.userId, phone, code, attemptsMax });
      claim.right();
    } catch (error) {
      if (error instanceof DomainError && error.code === "code_invalid") claim.wrong();
      else claim.untried();
      throw error;
    }
    return of(user);
  }

  /** Throws as `AccountProof` does, `not_linked`, `last_credential`. */
  async function unlinkPhone(user: User, by: ShownProof, address: string): Promise<readonly CredentialKind[]> {
    await parts.prove(user, by, address);
    await store.unlinkPhone(user.userId);
    return of(user);
  }

  /**
   * The first password of a user who shows a code (`AccountCodes.forgot`). Their log-ins stay. Throws `already_linked`,
   * `code_invalid`, `empty_name_or_password`, `password_too_short`, `invalid_name`, `try_later`, `busy`.
   */
  async function linkPassword(
    user: User,
    shown: { password: string; code: string; address: string },
  ): Promise<readonly CredentialKind[]> {
    const { password, address } = shown;
    passwords.accept(password);
    if ((await of(user)).includes("password")) throw new DomainError("already_linked");
    const code = await parts.accountCodes.prove(user, { name: user.userKey, code: shown.code, address });
    return addPassword(user, { password, code, address });
  }

  /** The same for a user whom a backend vouches for: its key and the user's token were shown. */
  async function linkVouchedPassword(
    user: User,
    shown: { password: string; address: string },
  ): Promise<readonly CredentialKind[]> {
    passwords.accept(shown.password);
    if ((await of(user)).includes("password")) throw new DomainError("already_linked");
    return addPassword(user, { ...shown, code: undefined });
  }

  async function addPassword(
    { userId, ...user }: User,
    { password, code, address }: { password: string; code: string | undefined; address: string },
  ): Promise<readonly CredentialKind[]> {
    const account = `user:${userId}`;
    const asker = { network: networkOf(address), account };
    const passwordHash = await passwords.hash(password, asker);
    const scramKeys = await passwords.scramKeys(password, asker);
    await store.linkPassword({ userId, code, attemptsMax, passwordHash, scramKeys });
    guard.networks.loggedIn(account, address);
    return of({ userId, ...user });
  }

  /** Throws `wrong_password` (also where they have none), `last_credential`, `try_later`, `busy`. */
  async function unlinkPassword(
    user: User,
    shown: { password: string; address: string },
  ): Promise<readonly CredentialKind[]> {
    const oldHash = await accounts.checkPassword(user, shown);
    await store.unlinkPassword({ userId: user.userId, oldHash });
    return of(user);
  }

  /**
   * For a backend, whose key and the user's token were shown. Throws `invalid_name`, `reserved_key`, `username_taken`,
   * `already_linked`, `account_in_use`, `user_disabled`.
   */
  async function linkUsername(user: User, username: string): Promise<readonly CredentialKind[]> {
    checkUsername(username);
    await store.linkUsername({ userId: user.userId, username });
    return of(user);
  }

  /** As `linkUsername`. Throws `not_linked`, `last_credential`. */
  async function unlinkUsername(user: User): Promise<readonly CredentialKind[]> {
    await store.unlinkUsername(user.userId);
    return of(user);
  }

  return {
    of,
    sendPhoneCode,
    linkPhone,
    unlinkPhone,
    linkPassword,
    linkVouchedPassword,
    unlinkPassword,
    linkUsername,
    unlinkUsername,
  };
}

/** A client may have typed the code as a number, without the leading zeros. */
const boundTo = (phone: string, code: string): string => `${phone} ${code.padStart(codeDigits, "0")}`;
