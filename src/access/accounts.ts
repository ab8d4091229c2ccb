/**
 * The accounts an MQTT client may have: a user's, a device's, or the anonymous one. A client that logs in, by CONNECT
 * or through a service, gets one of these.
 */
import type { Domain } from "../domain/domain.ts";
import { safeInteger } from "../domain/keys.ts";
import type { TokenScopes, User, UserId } from "../domain/model.ts";
import type { Admins } from "../domain/people/admins.ts";
import type { Device } from "../domain/people/devices.ts";
import type { LongToken } from "../domain/people/long-token-store.ts";
import type { PhoneLogin } from "../domain/phones/phone-login.ts";
import { type Clock, forever } from "../lib/clock.ts";
import type { Authenticated, Principal } from "../mqtt/identity.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { Permissions } from "./permissions.ts";

export interface Account extends Principal {
  /** Undefined for a device and for an anonymous client. */
  readonly userId: UserId | undefined;
  readonly device: DeviceAccount | undefined;
  /** The user was one of those whom the operator named as admins, when the client logged in. */
  readonly admin: boolean;
  /** Set for a client of the Erlang-term services, logged in or not; undefined for other clients. */
  readonly phoneLogin: PhoneLogin | undefined;
  /** The id of the token that the client logged in with. */
  readonly tokenId: string | undefined;
  /** Set where that is a long-lived token with scopes: what it opens of what the account may do. */
  readonly scoped: ScopedToken | undefined;
}

export interface ScopedToken extends Pick<LongToken, "tokenId"> {
  readonly scopes: TokenScopes;
}

export interface DeviceAccount {
  readonly name: string;
  /** A later device of the same name is another device. */
  readonly incarnation: number;
  /** Which password it came by; undefined where it came by its certificate or a token. */
  readonly passwordNumber: number | undefined;
  /** Undefined where the server assigned it, or where it is unknown. */
  readonly clientId: string | undefined;
  /** What it may do, as of a version; kept by `rights.ts`. */
  rights: { readonly version: number; readonly permissions: Permissions } | undefined;
}

export const userPrincipalKey = (userId: UserId): string => `user:${userId}`;
export const devicePrincipalKey = (name: string): string => `device:${name}`;

export function userAccount(
  userId: UserId,
  { admin = false, phoneLogin, tokenId }: Partial<Pick<Account, "admin" | "phoneLogin" | "tokenId">> = {},
): Account {
  const key = userPrincipalKey(userId);
  return { key, userId, device: undefined, admin, phoneLogin, tokenId, scoped: undefined };
}

export function deviceAccount(
  { name, incarnation, passwordNumber }: Device,
  { clientId, byPassword = true }: { clientId: string | undefined; byPassword?: boolean },
): Account {
  return {
    key: devicePrincipalKey(name),
    userId: undefined,
    device: {
      name,
      incarnation,
      passwordNumber: byPassword ? passwordNumber : undefined,
      clientId,
      rights: undefined,
    },
    admin: false,
    phoneLogin: undefined,
    tokenId: undefined,
    scoped: undefined,
  };
}

/**
 * The same account by a long-lived token. One with scopes has sessions of its own, so that nothing that the account's other
 * clients asked for reaches it; they use the account's shares of the limits.
 */
export function withLongToken(account: Account, { tokenId, scopes }: LongToken): Account {
  if (scopes === undefined) return { ...account, tokenId };
  return {
    ...account,
    key: scopedPrincipalKey(account.key, tokenId),
    owner: account.key,
    tokenId,
    scoped: { tokenId, scopes },
  };
}

/** No user's and no device's key holds the mark. */
export const scopedPrincipalKey = (ownerKey: string, tokenId: string): string => `${ownerKey}#t${tokenId}`;

const anonymousAccount: Account = {
  key: "anonymous",
  userId: undefined,
  device: undefined,
  admin: false,
  phoneLogin: { token: undefined, session: undefined },
  tokenId: undefined,
  scoped: undefined,
};

/**
 * What a client without credentials may do. `registration`: connect anonymously, talk to `events/…` and become a user.
 * `full`: an open broker, for a trusted network. `off`: nothing.
 */
export type Anonymous = "registration" | "full" | "off";

export interface AccountsParts {
  readonly domain: Pick<Domain, "accountRemoval" | "devices" | "logIns">;
  readonly admins: Admins;
  readonly anonymous: Anonymous;
  /** The largest packet of an anonymous client. */
  readonly anonymousPacketBytesMax: number;
  /** A plain, synchronous read. */
  findUserNow(userId: number): User | undefined;
  findLongTokenNow(tokenId: string): LongToken | undefined;
  readonly clock: Pick<Clock, "steadyMs">;
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts(parts: AccountsParts) {
  const { domain, admins, anonymous, anonymousPacketBytesMax, findUserNow } = parts;
  const asAnonymous: Authenticated<Account> = {
    principal: anonymousAccount,
    persistent: false,
    packetBytesMax: anonymousPacketBytesMax,
    isStranger: anonymous !== "full",
  };

  /** "user:<id>" and "device:<name>", perhaps with "#t<token>", as they were stored; undefined where that account no longer exists. */
  function principalOf(key: string, clientId?: string): Account | undefined {
    const [ownerKey = "", tokenId] = key.split("#t", 2);
    const owner = ownerOfKey(ownerKey, clientId);
    if (tokenId === undefined || owner === undefined) return owner;
    const token = parts.findLongTokenNow(tokenId);
    const valid = token?.ownerKey === ownerKey && (token.expiresAtMs ?? forever) > parts.clock.steadyMs();
    return valid ? withLongToken(owner, token) : undefined;
  }

  function ownerOfKey(key: string, clientId: string | undefined): Account | undefined {
    if (key === anonymousAccount.key) return anonymous === "full" ? anonymousAccount : undefined; // it left a will
    if (key.startsWith("device:")) {
      const record = domain.devices.find(key.slice("device:".length));
      return record === undefined ? undefined : deviceAccount(record, { clientId });
    }
    const userId = key.startsWith("user:") ? safeInteger(key.slice("user:".length)) : undefined;
    const user = userId === undefined ? undefined : findUserNow(userId);
    return user === undefined || user.disabled ? undefined : userAccount(user.userId, { admin: admins(user) });
  }

  const ofUser = (user: User, how: Partial<Pick<Account, "phoneLogin" | "tokenId">> = {}): Account =>
    userAccount(user.userId, { admin: admins(user), ...how });

  /** The account of a client that logged in by phone; undefined where the user no longer exists. */
  function ofPhoneLogin(phoneLogin: PhoneLogin): Authenticated<Account> | undefined {
    const user = phoneLogin.session && findUserNow(phoneLogin.session.userId);
    return user && { principal: ofUser(user, { phoneLogin }), persistent: true };
  }

  /** The account of a client that is not logged in; `token` is one that it sent even so. */
  const withoutLogIn = (token?: string): Authenticated<Account> =>
    token === undefined
      ? asAnonymous
      : { ...asAnonymous, principal: { ...anonymousAccount, phoneLogin: { token, session: undefined } } };

  /**
   * Ends a log-in. Clients of the Erlang-term services stay connected without a user (PROFILE § Profile/remove); others
   * are closed.
   */
  function endLogIn(session: ServiceSession<Account>, why: string): void {
    if (session.principal.phoneLogin === undefined || anonymous === "off") session.close(why);
    else session.become(asAnonymous);
  }

  /** Of log-ins by password that are not connected yet: when they began. */
  const began = new WeakMap<Account, number>();

  /** The account of a client that logs in by password, which began at `since` (`LogIns.stamp`). */
  function byPassword(user: User, since: number): Account {
    const account = ofUser(user);
    began.set(account, since);
    return account;
  }

  /** Whether the log-in ended before the client was connected. */
  function hasEnded(account: Account): boolean {
    const { userId, tokenId } = account;
    if (userId === undefined) return false;
    const since = began.get(account);
    began.delete(account);
    return domain.accountRemoval.hasEnded(userId) || domain.logIns.hasEnded({ userId, tokenId, since });
  }

  /** Whether the account is an admin's still: they may have lost the name since they logged in. */
  function isAdmin({ userId, admin }: Pick<Account, "userId" | "admin">): boolean {
    const user = admin && userId !== undefined ? findUserNow(userId) : undefined;
    return user !== undefined && admins(user);
  }

  return {
    byPassword,
    hasEnded,
    isAdmin,
    principalOf,
    ofUser,
    ofPhoneLogin,
    anybody: withoutLogIn,
    endLogIn,
    findUserNow,
  };
}
