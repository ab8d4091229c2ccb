/** What the store remembers of how people are logged in, and of who may become one of them. */
import type { ContactChange } from "../contacts/contact-store.ts";
import type { Left, UserId } from "../model.ts";
import type { ScramKeys } from "./scram-keys.ts";

/** An access token as its owner may see it. */
export interface ListedToken {
  /** See `tokenIdOf`. */
  readonly tokenId: string;
  readonly door: "minioicq" | "rest";
  readonly name: string | undefined;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

/** Log-ins that are over. */
export interface EndedLogIns {
  readonly tokenIds: readonly string[];
  readonly phoneSessionIds: readonly number[];
}

export interface UserRemoved extends EndedLogIns {
  readonly left: readonly Left[];
  /** `deleted`, per counterparty. */
  readonly changes: readonly ContactChange[];
}

export interface LogInReads {
  /** Access tokens that are good at `nowMs`, the newest first. */
  listTokens(of: { userId: UserId; nowMs: number; limit: number }): Promise<ListedToken[]>;
  /** Whether somebody may register with it; a plain read, `createUser` has the last word. */
  hasInvite(invite: { hash: Uint8Array; nowMs: number }): Promise<boolean>;
}

export interface LogInStore extends LogInReads {
  /** A token for a client that need not keep its password. The user's oldest of these go beyond `tokensMax`. */
  addToken(token: {
    userId: UserId;
    hash: Uint8Array;
    name: string | undefined;
    expiresAtMs: number;
    tokensMax: number;
  }): Promise<void>;
  /** It was used; written in passing, unless its end moves. */
  touchToken(use: { hash: Uint8Array; expiresAtMs: number | undefined }): Promise<void>;
  /** With it goes what was given out with it. Undefined where the user has no such token. */
  endToken(token: { userId: UserId; tokenId: string }): Promise<EndedLogIns | undefined>;
  /** Throws `wrong_password` where `oldHash` is not the password's any more. `end`: all log-ins but by one token. */
  changePassword(change: {
    userId: UserId;
    oldHash: string;
    passwordHash: string;
    scramKeys: ScramKeys | undefined;
    end: { readonly exceptTokenId: string | undefined } | undefined;
  }): Promise<EndedLogIns>;
  /** A disabled user's log-ins are over. Throws `user_not_found`. */
  setUserDisabled(change: { userId: UserId; disabled: boolean }): Promise<EndedLogIns>;
  /** Removes the user from all chats and lists of contacts, and a profile that has nobody left. Throws `user_not_found`. */
  removeUser(userId: UserId): Promise<UserRemoved>;
  addInvite(invite: { hash: Uint8Array; uses: number; expiresAtMs: number }): Promise<void>;
}
