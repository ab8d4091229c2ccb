/** What the store keeps of codes that stand for a user once and for minutes. A user has one of each purpose, the latest. */
import type { UserId } from "../model.ts";
import type { HashedCode } from "../phones/codes.ts";
import type { EndedLogIns } from "./log-in-store.ts";
import type { ScramKeys } from "./scram-keys.ts";

/**
 * `sent`: six digits to a confirmed address, for a new password or the end of the account. `operator`: the same, printed for the
 * operator. `link`: it logs in another client of the user. `phone`: six digits to a phone that is to be the user's.
 */
export type CodePurpose = "sent" | "operator" | "link" | "phone";

export interface AccountCodeStore {
  /**
   * Replaces the user's code of this purpose. False where there is no such person, they are disabled, or `mail` (the phone of a
   * profile) has had `mailsPerHour` in the hour. Where they are given the mail is counted.
   */
  addAccountCode(code: {
    userId: UserId;
    purpose: CodePurpose;
    code: HashedCode;
    lifetimeMs: number;
    mail?: { readonly phone: string; readonly perHour: number } | undefined;
  }): Promise<boolean>;
  /** Whether this is the `sent` or the `operator` code of the user. A wrong one counts; beyond `attemptsMax` none is right. */
  tryAccountCode(tried: { userId: number; code: string; attemptsMax: number }): Promise<boolean>;
  /** Sets the password, and ends the user's codes and all their log-ins. Throws `code_invalid` as `tryAccountCode` tells. */
  resetPassword(reset: {
    userId: UserId;
    code: string;
    attemptsMax: number;
    passwordHash: string;
    scramKeys: ScramKeys | undefined;
  }): Promise<EndedLogIns>;
  /** Takes a `link`; undefined where there is none. */
  takeLogInLink(hash: Uint8Array): Promise<UserId | undefined>;
}
