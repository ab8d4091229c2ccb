/** What the store remembers of log-ins by phone. As in `store.ts`, every change is whole, and settles once it is on disk. */

import type { UserId } from "../model.ts";
import type { HashedCode } from "./codes.ts";

/** One log-in of one client: a token, and the phone it proved or is about to prove. */
export interface StoredPhoneSession {
  readonly sessionId: number;
  readonly phone: string;
  readonly devKey: string;
  readonly clientId: string | undefined;
  readonly language: string | undefined;
  /** Undefined until a code was confirmed. */
  readonly userId: UserId | undefined;
  readonly createdAtMs: number;
  readonly lastOnlineAtMs: number;
}

/** Sessions that were verified once and are over: their connections are nobody's now. */
export interface EndedSessions {
  readonly sessionIds: readonly number[];
  readonly userIds: readonly UserId[];
}

export interface PhoneLimits {
  readonly codeLifetimeMs: number;
  /** How long after a code was sent an issuing without a token shares it instead of sending another. */
  readonly codeCooldownMs: number;
  /** Wrong codes per session; after them only a new code helps. */
  readonly attemptsMax: number;
  /** Wrong codes per phone and hour, over all its sessions. */
  readonly wrongCodesPerHour: number;
  /** How long a session waits for its code. */
  readonly pendingMs: number;
  /** Sessions waiting for a code: per device key and phone, per phone, in all. The oldest go first. */
  readonly pendingPerDeviceMax: number;
  readonly pendingPerPhoneMax: number;
  readonly pendingMax: number;
  /** Verified sessions of a phone; the one unused for longest goes first. */
  readonly sessionsPerPhoneMax: number;
}

export interface PhoneSessionRequest {
  /** SHA-256 of the token that was shown. */
  readonly shown: Uint8Array | undefined;
  /** The shown token is strong enough to become a session's own where nobody has it. */
  readonly shownIsUsable: boolean;
  /** SHA-256 of a fresh token, for a session that gets one from us. */
  readonly fresh: Uint8Array;
  /** `null`: given, but none can look like that. */
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
  /** The session and its code are on disk; the code is to be sent. */
  | { readonly result: "send"; readonly token: "shown" | "fresh"; readonly codeId: number };

export type PhoneSessionVerified =
  | { readonly result: "already_registered" | "attempts_expired" | "invalid_sms_code" }
  | { readonly result: "roster_not_found" | "session_not_found" }
  | { readonly result: "login"; readonly session: StoredPhoneSession; readonly ended: EndedSessions };

/** Whether a session may be sent another code. */
export type PhoneCodeState = "open" | "verified" | "roster_not_found" | "session_not_found";

export interface PhoneReads {
  /** Sessions that wait since before `begunAfterMs` are gone. */
  findPhoneCodeState(of: {
    token: Uint8Array;
    begunAfterMs: number;
  }): Promise<{ state: PhoneCodeState; phone: string | undefined; language: string | undefined }>;
  findPhoneSession(token: Uint8Array): Promise<StoredPhoneSession | undefined>;
  /** Verified sessions, the newest first. */
  listPhoneSessions(phone: string): Promise<StoredPhoneSession[]>;
  /** By rising id; the first is the one a bare phone means. */
  listUserIdsOfPhone(phone: string): Promise<UserId[]>;
}

export interface PhoneStore extends PhoneReads {
  /** Everything that issuing decides, in one change. Throws `registration_closed`. */
  beginPhoneSession(request: PhoneSessionRequest): Promise<PhoneSessionBegun>;
  /** The code was not sent: it shortens nobody's wait for the next one. */
  phoneCodeFailed(codeId: number): Promise<void>;
  /** One code is good for one of these. Makes the profile and its first user where there are none. */
  verifyPhoneSession(request: {
    token: Uint8Array;
    code: string;
    mayRegister: boolean;
    limits: PhoneLimits;
  }): Promise<PhoneSessionVerified>;
  /** A new code in place of the old one, with all its tries; gives the state it found, and changes nothing unless it is `open`. */
  renewPhoneCode(request: {
    token: Uint8Array;
    begunAfterMs: number;
    code: HashedCode;
    lifetimeMs: number;
  }): Promise<PhoneCodeState>;
  /** False where this phone has no such session. */
  endPhoneSession(session: { phone: string; sessionId: number }): Promise<boolean>;
  /** Its client was here; written in passing. */
  touchPhoneSession(sessionId: number, lastOnlineAtMs: number): Promise<void>;
}
