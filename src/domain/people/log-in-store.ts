/** What the store keeps of users' log-ins, and of who may register. */
import type { SteadyMs } from "../../lib/clock.ts";
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
  readonly expiresAtMs: SteadyMs | undefined;
}

/** A place among expired tokens. */
export interface ExpiredPlace {
  readonly expiresAtMs: SteadyMs;
  readonly rowId: number;
}

/** Log-ins that have ended. */
export interface EndedLogIns {
  readonly tokenIds: readonly string[];
  readonly phoneSessionIds: readonly number[];
}

/** `own`: what the account made for itself, and all log-ins by phone. Tokens of a backend stay. */
export type LogInsToEnd = "own" | "all";

export interface UserRemoved extends EndedLogIns {
  readonly left: readonly Left[];
  /** A `deleted` change for each counterparty. */
  readonly changes: readonly ContactChange[];
}

export interface LogInNetwork {
  /** `user:<userId>` or `device:<name>`. */
  readonly account: string;
  /** See `networkOf`. */
  readonly network: string;
}

export interface LogInReads {
  /** Access tokens that are valid at `nowMs`, the newest first. */
  listTokens(of: { userId: UserId; nowMs: SteadyMs; limit: number }): Promise<ListedToken[]>;
  /** When the account last logged in from this network, to about a day; undefined where that is not known (any more). */
  findLogInNetwork(pair: LogInNetwork): Promise<SteadyMs | undefined>;
  /** Access tokens that expired after `after`, the earliest first; `next` is the place of the last one. */
  listExpiredTokens(of: { after: ExpiredPlace; until: SteadyMs; limit: number }): Promise<{
    readonly tokens: readonly { readonly userId: UserId; readonly tokenId: string }[];
    readonly next: ExpiredPlace;
  }>;
  /** Whether the invitation is valid for a registration. A plain read; `createUser` checks again. */
  hasInvite(invite: { hash: Uint8Array; nowMs: SteadyMs }): Promise<boolean>;
}

export interface LogInStore extends LogInReads {
  /**
   * Adds a token for a client that should not keep its user's password. Beyond `tokensMax` the user's oldest ones are
   * removed. Gives when the token expires.
   */
  addToken(token: {
    userId: UserId;
    hash: Uint8Array;
    name: string | undefined;
    lifetimeMs: number;
    tokensMax: number;
  }): Promise<SteadyMs>;
  /** Records that the token was used. Not a change of its own, unless its lifetime begins again. */
  touchToken(use: { hash: Uint8Array; lifetimeMs: number | undefined }): Promise<void>;
  /**
   * Records that the account logged in from this network just now. Not a change of its own. An account keeps its 32
   * latest networks. Does nothing where there is no such account.
   */
  keepLogInNetwork(pair: LogInNetwork): Promise<void>;
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
  removeUser(userId: UserId, how?: { readonly retainedToo?: boolean }): Promise<UserRemoved>;
  /**
   * `by`: a user made it, who may have made so many whose time is not over, used or not. It ends with the user. Throws
   * `too_many_invites`, `user_disabled`.
   */
  addInvite(invite: {
    hash: Uint8Array;
    uses: number;
    lifetimeMs: number;
    by?: { readonly userId: UserId; readonly invitesMax: number } | undefined;
  }): Promise<void>;
}
