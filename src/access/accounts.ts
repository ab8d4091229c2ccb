/**
 * The accounts an MQTT client may have: a user's, a device's, or the anonymous one. A client that logs in, by CONNECT
 * or through a service, gets one of these.
 */
import type { Domain } from "../domain/domain.ts";
import { safeInteger } from "../domain/keys.ts";
import type { User, UserId } from "../domain/model.ts";
import type { PhoneLogin } from "../domain/phones/phone-login.ts";
import type { MqttDevice } from "../domain/store.ts";
import type { Authenticated, Principal } from "../mqtt/identity.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import { fillIn, type Permissions } from "./permissions.ts";

export interface Account extends Principal {
  /** Undefined for a device and for an anonymous client. */
  readonly userId: UserId | undefined;
  readonly device: DeviceAccount | undefined;
  /** True for the users whom the operator named as admins. */
  readonly admin: boolean;
  /** Set for a client of the Erlang-term services, logged in or not; undefined for other clients. */
  readonly phoneLogin: PhoneLogin | undefined;
  /** The id of the access token that the client logged in with. */
  readonly tokenId: string | undefined;
}

export interface DeviceAccount {
  /** The device as it was at the log-in. A later device of the same name is another device. */
  readonly record: MqttDevice;
  /** Undefined where the server assigned it, or where it is unknown. */
  readonly clientId: string | undefined;
  readonly permissions: Permissions;
}

export const userPrincipalKey = (userId: UserId): string => `user:${userId}`;
export const devicePrincipalKey = (name: string): string => `device:${name}`;

export function userAccount(
  userId: UserId,
  { admin = false, phoneLogin, tokenId }: Partial<Pick<Account, "admin" | "phoneLogin" | "tokenId">> = {},
): Account {
  return { key: userPrincipalKey(userId), userId, device: undefined, admin, phoneLogin, tokenId };
}

export function deviceAccount(record: MqttDevice, clientId: string | undefined): Account {
  const permissions = fillIn(record, { name: record.name, clientId });
  return {
    key: devicePrincipalKey(record.name),
    userId: undefined,
    device: { record, clientId, permissions },
    admin: false,
    phoneLogin: undefined,
    tokenId: undefined,
  };
}

const anonymousAccount: Account = {
  key: "anonymous",
  userId: undefined,
  device: undefined,
  admin: false,
  phoneLogin: { token: undefined, session: undefined },
  tokenId: undefined,
};

/** Who may read what the broker reports about itself, by username or `user.<userId>`. */
export type Admins = (user: Pick<User, "userId" | "userKey">) => boolean;

export function createAdmins(names: readonly string[]): Admins {
  const named = new Set(names);
  return ({ userId, userKey }) => named.has(userKey) || named.has(`user.${userId}`);
}

/**
 * What a client without credentials may do. `registration`: connect anonymously, talk to `events/…` and become a user.
 * `full`: an open broker, for a trusted network. `off`: nothing.
 */
export type Anonymous = "registration" | "full" | "off";

export interface AccountsParts {
  readonly domain: Pick<Domain, "devices">;
  readonly admins: Admins;
  readonly anonymous: Anonymous;
  /** The largest packet of an anonymous client. */
  readonly anonymousPacketBytesMax: number;
  /** A plain, synchronous read. */
  findUserNow(userId: number): User | undefined;
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts({ domain, admins, anonymous, anonymousPacketBytesMax, findUserNow }: AccountsParts) {
  const asAnonymous: Authenticated<Account> = {
    principal: anonymousAccount,
    persistent: false,
    packetBytesMax: anonymousPacketBytesMax,
  };

  /** "user:<id>" and "device:<name>", as they were stored; undefined where that account no longer exists. */
  function principalOf(key: string, clientId?: string): Account | undefined {
    if (key === anonymousAccount.key) return anonymous === "full" ? anonymousAccount : undefined; // it left a will
    if (key.startsWith("device:")) {
      const record = domain.devices.find(key.slice("device:".length));
      return record === undefined ? undefined : deviceAccount(record, clientId);
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

  return { principalOf, ofUser, ofPhoneLogin, anybody: withoutLogIn, endLogIn, findUserNow };
}
