/** Log-ins by phone as the domain makes them, for the parts of the contract that need one. */

import type { User } from "../../../src/domain/model.ts";
import { hashNewCode } from "../../../src/domain/phones/new-codes.ts";
import type { PhoneLimits, PhoneSessionRequest, StoredPhoneSession } from "../../../src/domain/phones/phone-store.ts";
import type { Store } from "../../../src/domain/store.ts";

const minutes = 60_000;

export const phoneLimits: PhoneLimits = {
  codeLifetimeMs: 10 * minutes,
  codeCooldownMs: minutes,
  attemptsMax: 5,
  pendingMs: 24 * 60 * minutes,
  pendingPerDeviceMax: 5,
  pendingPerPhoneMax: 10,
  pendingMax: 1000,
  sessionsPerPhoneMax: 16,
};

export const rightCode = "903182";
export const wrongCode = "903183";

/** The hash of the token with this name. */
export const tokenOf = (name: string): Uint8Array => new Bun.CryptoHasher("sha256").update(name).digest();

/** A request without a token of the client's own, which gets the one named `fresh`. */
export const beginning = (fresh: string, more: Partial<PhoneSessionRequest> = {}): PhoneSessionRequest => ({
  shown: undefined,
  shownIsUsable: false,
  fresh: tokenOf(fresh),
  devKey: "dev",
  phone: "380001",
  clientId: "client",
  language: "en",
  code: hashNewCode(rightCode),
  mayRegister: true,
  limits: phoneLimits,
  ...more,
});

export interface LoggedIn {
  readonly token: Uint8Array;
  readonly session: StoredPhoneSession;
  readonly user: User;
}

/** Makes the profile and its user where the phone has none yet. */
export async function logInByPhone(store: Store, phone: string, devKey = phone): Promise<LoggedIn> {
  const name = `${phone} ${devKey}`;
  const token = tokenOf(name);
  await store.beginPhoneSession(beginning(name, { phone, devKey }));
  const verified = await store.verifyPhoneSession({ token, code: rightCode, mayRegister: true, limits: phoneLimits });
  if (verified.result !== "login") throw new Error(`not logged in: ${verified.result}`);
  const user = await store.findUser(verified.session.userId ?? 0);
  if (user === undefined) throw new Error("the session is nobody's");
  return { token, session: verified.session, user };
}
