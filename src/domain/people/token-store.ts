/** What the store must keep of bearer tokens; see `store.ts` for the promises of every method. */
import type { DeviceId, TokenOwner, User } from "../model.ts";

export type TokenKind = "access" | "refresh";

export interface NewToken {
  readonly kind: TokenKind;
  /** SHA-256 of the secret; the secret itself never reaches the store. */
  readonly hash: Uint8Array;
  /** Undefined: it does not expire. */
  readonly lifetimeMs: number | undefined;
}

/** A participant that a backend requests tokens for; created when unknown. */
export interface Participant {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly publicKey?: Uint8Array | undefined;
  /** REST `clientID`: creates a device with a position of its own. */
  readonly clientId?: string | undefined;
  readonly tokens: readonly NewToken[];
}

export interface Provisioned {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** The user had another name before. */
  readonly renamed: boolean;
  /** Repeatable tokens that were used up or revoked since; they are not given out again. */
  readonly spent: boolean;
}

export type RotationOutcome = "rotated" | "unknown" | "expired" | "disabled" | "reused";

export interface TokenReads {
  findToken(hash: Uint8Array, kind: TokenKind): Promise<TokenOwner | undefined>;
}

export interface TokenStore extends TokenReads {
  /**
   * Creates users that do not exist and stores keys and tokens; all or nothing. One answer per entry, in order.
   * `onlyNew` throws `not_authorized` where a user exists. `repeatable` tokens may be stored already.
   */
  provision(
    participants: readonly Participant[],
    how?: { readonly onlyNew?: boolean; readonly repeatable?: boolean },
  ): Promise<Provisioned[]>;
  /** Replaces a refresh token by `next`. A refresh token that was used before ends its whole family. */
  rotateToken(hash: Uint8Array, next: readonly NewToken[]): Promise<RotationOutcome>;
  /** Ends a token and its family; false where the token is unknown. */
  endTokens(hash: Uint8Array, kind: TokenKind): Promise<boolean>;
  /**
   * Gives the salt of a run of requests under one key: `fresh` where the last run began longer ago than `lifetimeMs`.
   */
  openTokenRun(run: { hash: Uint8Array; fresh: Uint8Array; lifetimeMs: number }): Promise<Uint8Array>;
}
