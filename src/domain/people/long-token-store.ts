/** What the store keeps of long-lived tokens: those that last until they are revoked. */
import type { SteadyMs } from "../../lib/clock.ts";
import type { TokenScope, User } from "../model.ts";

/** Who made a token: the operator, a backend with its key, or the owner with their password at one of the doors. */
export type TokenMaker = "operator" | "backend" | "minioicq" | "rest";

export interface LongToken {
  /** See `tokenIdOf`. */
  readonly tokenId: string;
  /** `user:<userId>` or `device:<name>`. */
  readonly ownerKey: string;
  /** What its maker calls it. */
  readonly name: string | undefined;
  /** Undefined: everything that its owner may do, besides accounts, tokens and log-ins. */
  readonly scopes: readonly TokenScope[] | undefined;
  readonly madeBy: TokenMaker;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  /** Undefined: never. */
  readonly expiresAtMs: SteadyMs | undefined;
}

export interface NewLongToken extends Pick<LongToken, "ownerKey" | "name" | "scopes" | "madeBy"> {
  readonly hash: Uint8Array;
  /** Undefined: it does not expire. */
  readonly lifetimeMs: number | undefined;
  /** So many an owner may have. */
  readonly tokensMax: number;
}

export interface FoundLongToken {
  readonly token: LongToken;
  /** Undefined: it is a device's. */
  readonly user: User | undefined;
}

/** A place among expired tokens. */
export interface ExpiredLongPlace {
  readonly expiresAtMs: SteadyMs;
  readonly tokenId: string;
}

/** Tokens of one owner that have ended. */
export interface EndedLongTokens {
  readonly ownerKey: string;
  readonly tokenIds: readonly string[];
}

export interface LongTokenReads {
  /** Those that are valid at `nowMs`, by rising id; without `ownerKey` those of all owners. */
  listLongTokens(of: {
    ownerKey?: string | undefined;
    after: string;
    nowMs: SteadyMs;
    limit: number;
  }): Promise<LongToken[]>;
  /** Also one that has expired lately. */
  findLongToken(hash: Uint8Array): Promise<FoundLongToken | undefined>;
  /** Those that expired after `after`, the earliest first. */
  listExpiredLongTokens(of: {
    after: ExpiredLongPlace;
    until: SteadyMs;
    limit: number;
  }): Promise<readonly (Pick<LongToken, "ownerKey" | "tokenId"> & { readonly expiresAtMs: SteadyMs })[]>;
}

export interface LongTokenStore extends LongTokenReads {
  /** Throws `user_not_found` (a device too), `user_disabled`, `too_many_tokens`. */
  addLongToken(token: NewLongToken): Promise<LongToken>;
  /** With `ownerKey` only one of this owner's. Undefined where there is no such token. */
  endLongToken(token: { tokenId: string; ownerKey?: string | undefined }): Promise<EndedLongTokens | undefined>;
  /** Records that the token was used. Not a change of its own. */
  touchLongToken(tokenId: string): Promise<void>;
}
