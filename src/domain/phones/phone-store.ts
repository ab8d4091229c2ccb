/**
 * What the store keeps of log-ins by phone. As in `store.ts`, every change is atomic and settles once it is on disk.
 */

import type { SteadyMs } from "../../lib/clock.ts";
import type { UserId } from "../model.ts";
import type { HashedCode } from "./codes.ts";

/** One log-in of one client: a token, and the phone that it proved or has yet to prove. */
export interface StoredPhoneSession {
  readonly sessionId: number;
  readonly phone: string;
  readonly devKey: string;
  readonly clientId: string | undefined;
  readonly language: string | undefined;
  /** Undefined until a code was confirmed. */
  readonly userId: UserId | undefined;
  /** The client brought the token, and may have chosen it badly. */
  readonly tokenIsOwn: boolean;
  readonly createdAtMs: number;
  readonly lastOnlineAtMs: number;
  /** Its client has asked for more than friends and profiles, and hears of chats. */
  readonly hearsChats: boolean;
}

/** Verified sessions that have ended: their connections have no user now. */
export interface EndedSessions {
  readonly sessionIds: readonly number[];
  readonly userIds: readonly UserId[];
}

export interface PhoneLimits {
  readonly codeLifetimeMs: number;
  /** How long after a code was sent an issue without a token shares that code instead of sending another. */
  readonly codeCooldownMs: number;
  /** Wrong codes per session; after that only a new code is accepted. */
  readonly attemptsMax: number;
  /** How long a session waits for its code. */
  readonly pendingMs: number;
  /** Sessions waiting for a code: per device key and phone, per phone, in all. The oldest are dropped first. */
  readonly pendingPerDeviceMax: number;
  readonly pendingPerPhoneMax: number;
  readonly pendingMax: number;
  /** Verified sessions of a phone; the one that was unused for longest is dropped first. */
  readonly sessionsPerPhoneMax: number;
}

export interface PhoneSessionRequest {
  /** SHA-256 of the token that the client gave. */
  readonly shown: Uint8Array | undefined;
  /** The given token is strong enough to become a session's own, where no session has it. */
  readonly shownIsUsable: boolean;
  /** SHA-256 of a fresh token, for a session that gets its token from the server. */
  readonly fresh: Uint8Array;
  /** `null`: a token was given that cannot belong to any session. */
  readonly devKey: string | null | undefined;
  readonly phone: string | null | undefined;
  readonly clientId: string | undefined;
  readonly language: string | undefined;
  readonly code: HashedCode;
  readonly mayRegister: boolean;
  readonly limits: PhoneLimits;
}

export type PhoneSessionBegun =
  | { readonly result: "mismatch_user_data" | "miltiple_devices" | "session_not_found" }
  | { readonly result: "login"; readonly session: StoredPhoneSession }
  | { readonly result: "not_verified"; readonly token: "shown" | "fresh" }
  /** The session and its code are on disk; the caller sends the code. */
  | { readonly result: "send"; readonly token: "shown" | "fresh"; readonly codeId: number };

export type PhoneSessionVerified =
  | { readonly result: "already_registered" | "attempts_expired" | "invalid_sms_code" }
  | { readonly result: "roster_not_found" | "session_not_found" }
  | { readonly result: "login"; readonly session: StoredPhoneSession; readonly ended: EndedSessions };

/** Whether a session may be sent another code. */
export type PhoneCodeState = "open" | "verified" | "roster_not_found" | "session_not_found";

export interface PhoneReads {
  /** Sessions that have waited since before `begunAfterMs` are gone. */
  findPhoneCodeState(of: {
    token: Uint8Array;
    begunAfterMs: SteadyMs;
  }): Promise<{ state: PhoneCodeState; phone: string | undefined; language: string | undefined }>;
  findPhoneSession(token: Uint8Array): Promise<StoredPhoneSession | undefined>;
  /** Verified sessions, the newest first. */
  listPhoneSessions(phone: string): Promise<StoredPhoneSession[]>;
  /** By rising id. A bare phone means the first one. */
  listUserIdsOfPhone(phone: string): Promise<UserId[]>;
}

export interface PhoneStore extends PhoneReads {
  /** Makes every decision of issuing, in one change. Throws `registration_closed`. */
  beginPhoneSession(request: PhoneSessionRequest): Promise<PhoneSessionBegun>;
  /** The code was not sent, so it does not count for the wait before the next code. */
  phoneCodeFailed(codeId: number): Promise<void>;
  /** A code is used up by one success. Creates the profile and its first user where they do not exist. */
  verifyPhoneSession(request: {
    token: Uint8Array;
    code: string;
    mayRegister: boolean;
    limits: PhoneLimits;
  }): Promise<PhoneSessionVerified>;
  /**
   * Replaces the code by a new one with all its tries. Gives the state it found, and changes nothing unless that is
   * `open`.
   */
  renewPhoneCode(request: {
    token: Uint8Array;
    pendingMs: number;
    code: HashedCode;
    lifetimeMs: number;
  }): Promise<PhoneCodeState>;
  /** False where this phone has no such session. */
  endPhoneSession(session: { phone: string; sessionId: number }): Promise<boolean>;
  /** Records when the session's client was last online; not a change of its own. */
  touchPhoneSession(sessionId: number, lastOnlineAtMs: number): Promise<void>;
  /** From now on the session's client hears of chats. */
  hearPhoneSession(sessionId: number): Promise<void>;
}
