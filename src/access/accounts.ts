/**
 * The accounts an MQTT client may have: a user's, a device's, or that of nobody in particular. However a client logs in, by
 * CONNECT or by a service's word, it has one of these.
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
  /** Undefined for a device, and for a client that is nobody in particular. */
  readonly userId: UserId | undefined;
  readonly device: DeviceAccount | undefined;
  /** Of the users, those the operator named so. */
  readonly admin: boolean;
  /** Of a client of the Erlang-term services, logged in or not; undefined for other clients. */
  readonly phoneLogin: PhoneLogin | undefined;
  /** Of the access token it logged in with. */
  readonly tokenId: string | undefined;
}

export interface DeviceAccount {
  /** The device as it was then: another one of the same name is not this one. */
  readonly record: MqttDevice;
  /** Undefined where the server gave it, or it is not known. */
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

const nobody: Account = {
  key: "anonymous",
  userId: undefined,
  device: undefined,
  admin: false,
  phoneLogin: { token: undefined, session: undefined },
  tokenId: undefined,
};

/** Who reads what the broker says about itself, by username or `user.<userId>`. */
export type Admins = (user: Pick<User, "userId" | "userKey">) => boolean;

export function createAdmins(names: readonly string[]): Admins {
  const named = new Set(names);
  return ({ userId, userKey }) => named.has(userKey) || named.has(`user.${userId}`);
}

/**
 * What a client without credentials may do. `registration`: connect as nobody in particular, to talk to `events/…` and
 * become a user. `full`: an open broker, for a trusted network. `off`: nothing.
 */
export type Anonymous = "registration" | "full" | "off";

export interface AccountsParts {
  readonly domain: Pick<Domain, "devices">;
  readonly admins: Admins;
  readonly anonymous: Anonymous;
  /** The largest packet of a client that is nobody in particular. */
  readonly anonymousPacketBytesMax: number;
  /** A plain read. */
  findUserNow(userId: number): User | undefined;
}

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts({ domain, admins, anonymous, anonymousPacketBytesMax, findUserNow }: AccountsParts) {
  const asNobody: Authenticated<Account> = {
    principal: nobody,
    persistent: false,
    packetBytesMax: anonymousPacketBytesMax,
  };

  /** "user:<id>" and "device:<name>", as they were stored; undefined: nobody any more. */
  function principalOf(key: string, clientId?: string): Account | undefined {
    if (key === nobody.key) return anonymous === "full" ? nobody : undefined; // it left a will
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

  /** What a client is that logged in by phone; undefined: the user is no more. */
  function ofPhoneLogin(phoneLogin: PhoneLogin): Authenticated<Account> | undefined {
    const user = phoneLogin.session && findUserNow(phoneLogin.session.userId);
    return user && { principal: ofUser(user, { phoneLogin }), persistent: true };
  }

  /** What a client is that has logged in by nothing; `token` is one that it showed all the same. */
  const anybody = (token?: string): Authenticated<Account> =>
    token === undefined
      ? asNobody
      : { ...asNobody, principal: { ...nobody, phoneLogin: { token, session: undefined } } };

  /** A log-in is over. Clients of the Erlang-term services stay, as nobody (PROFILE § Profile/remove); others are closed. */
  function endLogIn(session: ServiceSession<Account>, why: string): void {
    if (session.principal.phoneLogin === undefined || anonymous === "off") session.close(why);
    else session.become(asNobody);
  }

  return { principalOf, ofUser, ofPhoneLogin, anybody, endLogIn, findUserNow };
}
