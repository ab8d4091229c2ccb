/** What the store keeps of users' log-ins, and of who may register. */
import type { ContactChange } from "../contacts/contact-store.ts";
import type { Left, UserId } from "../model.ts";
import type { ScramKeys } from "./scram-keys.ts";

/** An access token as its owner sees it. */
export interface ListedToken {
  /** See `tokenIdOf`. */
  readonly tokenId: string;
  readonly door: "minioicq" | "rest";
  readonly name: string | undefined;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

/** Log-ins that have ended. */
export interface EndedLogIns {
  readonly tokenIds: readonly string[];
  readonly phoneSessionIds: readonly number[];
}

export interface UserRemoved extends EndedLogIns {
  readonly left: readonly Left[];
  /** A `deleted` change for each counterparty. */
  readonly changes: readonly ContactChange[];
}

export interface LogInReads {
  /** Access tokens that are valid at `nowMs`, the newest first. */
  listTokens(of: { userId: UserId; nowMs: number; limit: number }): Promise<ListedToken[]>;
  /** Whether the invitation is valid for a registration. A plain read; `createUser` checks again. */
  hasInvite(invite: { hash: Uint8Array; nowMs: number }): Promise<boolean>;
}

export interface LogInStore extends LogInReads {
  /**
   * Adds a token for a client that should not keep its user's password. Beyond `tokensMax` the user's oldest ones are
   * removed.
   */
  addToken(token: {
    userId: UserId;
    hash: Uint8Array;
    name: string | undefined;
    expiresAtMs: number;
    tokensMax: number;
  }): Promise<void>;
  /** Records that the token was used. Not a change of its own, unless the token's end moves. */
  touchToken(use: { hash: Uint8Array; expiresAtMs: number | undefined }): Promise<void>;
  /** Ends a token and what was issued with it. Undefined where the user has no such token. */
  endToken(token: { userId: UserId; tokenId: string }): Promise<EndedLogIns | undefined>;
  /**
   * Throws `wrong_password` where `oldHash` is no longer the password's. `end`: all log-ins end but that of one token.
   */
  changePassword(change: {
    userId: UserId;
    oldHash: string;
    passwordHash: string;
    scramKeys: ScramKeys | undefined;
    end: { readonly exceptTokenId: string | undefined } | undefined;
  }): Promise<EndedLogIns>;
  /** A disabled user's log-ins end. Throws `user_not_found`. */
  setUserDisabled(change: { userId: UserId; disabled: boolean }): Promise<EndedLogIns>;
  /**
   * Removes the user from all chats and contact lists, and a profile that has no other user. Throws `user_not_found`.
   */
  removeUser(userId: UserId): Promise<UserRemoved>;
  addInvite(invite: { hash: Uint8Array; uses: number; expiresAtMs: number }): Promise<void>;
}
