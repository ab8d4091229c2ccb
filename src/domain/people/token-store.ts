/** What the store must remember of bearer tokens; see `store.ts` for what every method promises. */
import type { DeviceId, TokenOwner, User } from "../model.ts";

export type TokenKind = "access" | "refresh";

export interface NewToken {
  readonly kind: TokenKind;
  /** SHA-256 of the secret; the secret itself never reaches the store. */
  readonly hash: Uint8Array;
  readonly expiresAtMs: number | undefined;
}

/** A participant a backend asks tokens for; made when new. */
export interface Participant {
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly publicKey?: Uint8Array | undefined;
  /** REST `clientID`: makes a device with a position of its own. */
  readonly clientId?: string | undefined;
  readonly tokens: readonly NewToken[];
}

export interface Provisioned {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** The user was known by another name before. */
  readonly renamed: boolean;
  /** Repeatable tokens that were used up or revoked since: they are not given out again. */
  readonly spent: boolean;
}

export type RotationOutcome = "rotated" | "unknown" | "expired" | "disabled" | "reused";

export interface TokenReads {
  findToken(hash: Uint8Array, kind: TokenKind): Promise<TokenOwner | undefined>;
}

export interface TokenStore extends TokenReads {
  /**
   * Makes users that do not exist, stores keys and tokens; all or nothing. One answer per entry, in order. `onlyNew`
   * throws `not_authorized` where a user exists; `repeatable` tokens may be there already.
   */
  provision(
    participants: readonly Participant[],
    how?: { readonly onlyNew?: boolean; readonly repeatable?: boolean },
  ): Promise<Provisioned[]>;
  /** Puts `next` in the place of a refresh token; one that was used before ends its whole family. */
  rotateToken(hash: Uint8Array, next: readonly NewToken[]): Promise<RotationOutcome>;
  /** Ends a token and its family; false where it is none. */
  endTokens(hash: Uint8Array, kind: TokenKind): Promise<boolean>;
  /** The salt of a run of requests under one key: `fresh` where the last one began longer ago than `lifetimeMs`. */
  openTokenRun(run: { hash: Uint8Array; fresh: Uint8Array; lifetimeMs: number }): Promise<Uint8Array>;
}
