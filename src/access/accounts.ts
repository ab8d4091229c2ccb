/**
 * Who a plain MQTT client is: a user by password or access token, a device by password or certificate, either of them by
 * SCRAM, or nobody in particular.
 */

import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { User, UserId } from "../domain/model.ts";
import type { LoggedIn } from "../domain/people/accounts.ts";
import { scramIterations } from "../domain/people/scram-keys.ts";
import { tokenIdOf } from "../domain/people/secrets.ts";
import type { PhoneLogin } from "../domain/phones/phone-login.ts";
import { phoneOf } from "../domain/phones/phones.ts";
import type { MqttDevice } from "../domain/store.ts";
import { canonicalName } from "../lib/distinguished-name.ts";
import type { Log } from "../lib/log.ts";
import { createScramSha256, scramSha256 } from "../mqtt/connection/scram.ts";
import type {
  Authenticated,
  Authentication,
  AuthenticationMethod,
  ConnectRequest,
  Principal,
} from "../mqtt/identity.ts";
import { fillIn, type Permissions } from "./permissions.ts";

export interface Account extends Principal {
  /** Undefined for a device, and for a client that is nobody in particular. */
  readonly userId: UserId | undefined;
  readonly device: DeviceAccount | undefined;
  /** Of the users, those the operator named so. */
  readonly admin: boolean;
  /** Of a client of the Erlang-term services, whoever it is. */
  readonly roster: PhoneLogin | undefined;
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

export const principalKeyOf = (userId: UserId): string => `user:${userId}`;

export function userAccount(
  userId: UserId,
  { admin = false, roster, tokenId }: Partial<Pick<Account, "admin" | "roster" | "tokenId">> = {},
): Account {
  return { key: principalKeyOf(userId), userId, device: undefined, admin, roster, tokenId };
}

const nobody: Account = {
  key: "anonymous",
  userId: undefined,
  device: undefined,
  admin: false,
  roster: { token: undefined, session: undefined },
  tokenId: undefined,
};

/** Who reads what the broker says about itself, by username or `user.<userId>`. */
export type Admins = (user: Pick<User, "userId" | "userKey">) => boolean;

export function createAdmins(names: readonly string[]): Admins {
  const named = new Set(names);
  return ({ userId, userKey }) => named.has(userKey) || named.has(`user.${userId}`);
}

export function deviceAccount(record: MqttDevice, clientId: string | undefined): Account {
  const permissions = fillIn(record, { name: record.name, clientId });
  return {
    key: `device:${record.name}`,
    userId: undefined,
    device: { record, clientId, permissions },
    admin: false,
    roster: undefined,
    tokenId: undefined,
  };
}

/** A plain read, for sessions stored earlier. */
export type FindUserNow = (userId: number) => User | undefined;

/** "user:<id>" and "device:<name>", as they were stored; undefined: nobody any more. */
export function createPrincipalOf(parts: {
  domain: Domain;
  admins: Admins;
  anonymous: Anonymous;
  findUserNow: FindUserNow;
}) {
  const { domain, admins, anonymous, findUserNow } = parts;
  return (key: string, clientId?: string): Account | undefined => {
    if (key === nobody.key) return anonymous === "full" ? nobody : undefined; // it left a will
    if (key.startsWith("device:")) {
      const record = domain.devices.find(key.slice("device:".length));
      return record === undefined ? undefined : deviceAccount(record, clientId);
    }
    const userId = key.startsWith("user:") ? safeInteger(key.slice("user:".length)) : undefined;
    const user = userId === undefined ? undefined : findUserNow(userId);
    return user === undefined || user.disabled ? undefined : userAccount(user.userId, { admin: admins(user) });
  };
}

/** The token says who it is; the name must only not say somebody else. */
const isNameOf = (user: User, name: string): boolean =>
  name === user.userKey ||
  name === `user.${user.userId}` ||
  name === String(user.userId) ||
  (name.startsWith("+") && user.phone !== undefined && phoneOf(name) === user.phone);

/**
 * What a client without credentials may do. `registration`: connect as nobody in particular, to talk to `events/…` and
 * become somebody. `full`: an open broker, for a trusted network. `off`: nothing.
 */
export type Anonymous = "registration" | "full" | "off";

/** With an empty username or this one, the password is a token or nothing. */
const tokenUsername = "api";
const accessTokenPrefix = "ra_";
const refusedTokens: ReadonlySet<DomainErrorCode> = new Set(["token_invalid", "user_disabled"]);

type Refusal = Extract<Authentication<Account>, { refused: string }>["refused"];

const refusalOf = {
  user_not_found: "bad_credentials",
  wrong_password: "bad_credentials",
  token_invalid: "bad_credentials",
  user_disabled: "not_authorized",
  not_authorized: "not_authorized",
  busy: "busy",
  try_later: "busy",
  storage_full: "unavailable",
  stopping: "unavailable",
  username_taken: "unavailable",
  invalid_name: "bad_credentials",
  empty_name_or_password: "bad_credentials",
  registration_closed: "not_authorized",
  chat_not_found: "unavailable",
  not_a_member: "unavailable",
  invalid_chat_key: "unavailable",
  reserved_key: "unavailable",
  invalid_device: "unavailable",
  too_many_members: "unavailable",
  invalid_message: "unavailable",
  message_too_large: "unavailable",
  message_not_found: "unavailable",
  session_not_found: "unavailable",
  invite_invalid: "not_authorized",
  too_many_contacts: "unavailable",
  chat_is_direct: "unavailable",
} as const satisfies Record<DomainErrorCode, Refusal>;

/** As a client is that has logged in by nothing. */
export const nobodyIn = (limits: { readonly anonymousPacketBytesMax: number }): Authenticated<Account> => ({
  principal: nobody,
  persistent: false,
  packetBytesMax: limits.anonymousPacketBytesMax,
});

export interface AuthenticationParts {
  readonly domain: Domain;
  readonly admins: Admins;
  readonly anonymous: Anonymous;
  /** The largest packet of a client that is nobody in particular. */
  readonly anonymousPacketBytesMax: number;
  readonly findUserNow: FindUserNow;
  readonly log: Log;
}

export function createAuthentication(parts: AuthenticationParts) {
  const { domain, admins, anonymous, findUserNow, log } = parts;
  const { accounts, devices, store } = domain;

  async function authenticate(connect: ConnectRequest): Promise<Authentication<Account>> {
    const { username, address } = connect;
    const certified = deviceOfCertificate(connect.certificateSubject);
    if (certified !== undefined) {
      if (username !== undefined && username !== "" && username !== certified.name) {
        return { refused: "bad_credentials" };
      }
      return accept(certified, connect.clientId);
    }
    const password = new TextDecoder("utf-8").decode(connect.password ?? new Uint8Array());
    if (username === undefined || username === "" || username === tokenUsername) {
      const named = username !== undefined;
      return orRefusal(address, () => logInWithTokenAlone({ token: password, named, address }));
    }
    return orRefusal(address, async () => {
      if (devices.find(username) === undefined) return logIn(username, password, address);
      return accept(await devices.logInWithPassword(username, { password, address }), connect.clientId);
    });
  }

  /** The token says who it is; without a valid one it is nobody, and told so by nothing but what it may do. */
  async function logInWithTokenAlone(shown: {
    token: string;
    named: boolean;
    address: string;
  }): Promise<Authentication<Account>> {
    const { token, named, address } = shown;
    const session = token === "" ? undefined : await domain.phoneSessions.logInWithToken(token);
    if (session !== undefined) {
      const user = findUserNow(session.userId);
      if (user === undefined || user.disabled) return { refused: "not_authorized" };
      return {
        principal: userAccount(user.userId, { admin: admins(user), roster: { token, session } }),
        persistent: true,
      };
    }
    if (token.startsWith(accessTokenPrefix)) {
      try {
        return acceptToken(await accounts.logInWithToken(token, address));
      } catch (error) {
        const invalid = error instanceof DomainError && refusedTokens.has(error.code);
        if (!invalid || anonymous === "off") throw error;
      }
    }
    // A name of this family without a token is a wrong one; who says nothing at all is nobody, and not authorized.
    if (anonymous === "off") return { refused: token === "" && !named ? "not_authorized" : "bad_credentials" };
    if (token === "") return nobodyIn(parts);
    return { ...nobodyIn(parts), principal: { ...nobody, roster: { token, session: undefined } } };
  }

  /** Who a verified certificate stands for. */
  function deviceOfCertificate(subject: string | undefined): MqttDevice | undefined {
    const canonical = subject === undefined ? undefined : canonicalName(subject);
    return canonical === undefined ? undefined : devices.findByCertificate(canonical);
  }

  async function orRefusal(
    address: string,
    work: () => Promise<Authentication<Account>>,
  ): Promise<Authentication<Account>> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      log.debug("a client was refused", { address, reason: error.code });
      return { refused: refusalOf[error.code] };
    }
  }

  /** The password is the user's own, or an access token of the same user. */
  async function logIn(username: string, password: string, address: string): Promise<Authentication<Account>> {
    if (password.startsWith(accessTokenPrefix)) {
      const loggedIn = await accounts.logInWithToken(password, address);
      if (!isNameOf(loggedIn.user, username)) throw new DomainError("token_invalid");
      return acceptToken(loggedIn);
    }
    const user = await find(username);
    return accept(await accounts.logInWithPassword(user, { account: accountOf(user, username), password, address }));
  }

  /** An exact username (or `user.<userId>`), else a bare number as a user id, else `+<phone>`, which means its first user. */
  async function find(username: string): Promise<User | undefined> {
    const named = await store.findUserByKey(username);
    if (named !== undefined) return named;
    const phone = username.startsWith("+") ? phoneOf(username) : undefined;
    const [ofPhone] = phone === undefined ? [] : await store.listUserIdsOfPhone(phone);
    const userId = ofPhone ?? safeInteger(username);
    return userId === undefined ? undefined : store.findUser(userId);
  }

  let secret: Promise<Uint8Array> | undefined;
  /** Kept on disk, so that what SCRAM makes up of it does not change with a restart. */
  function scramSecret(): Promise<Uint8Array> {
    secret ??= store.keepSecret("scram", crypto.getRandomValues(new Uint8Array(32))).catch((error: unknown) => {
      secret = undefined; // A full disk, perhaps; it is asked for again.
      throw error;
    });
    return secret;
  }

  const scram = createScramSha256<Account>({
    accounts: {
      async find(username) {
        if (devices.find(username) !== undefined) return store.findScramKeys(`device:${username}`);
        const user = await find(username);
        return user === undefined ? undefined : store.findScramKeys(`user:${user.userId}`);
      },
      async conclude({ username, clientId, address }, right) {
        const answer = await orRefusal(address, async () => {
          if (devices.find(username) !== undefined) {
            return accept(devices.logInWithProof(username, { address, right }), clientId);
          }
          const user = await find(username);
          return accept(accounts.logInWithProof(user, { account: accountOf(user, username), address, right }));
        });
        // A proof is not a password, and the exchange has only one word for no.
        return "refused" in answer && answer.refused === "bad_credentials" ? { refused: "not_authorized" } : answer;
      },
    },
    secret: scramSecret,
    iterations: Object.values(scramIterations),
  });

  /** Those who log in with the same token are the same user here: one account for all of their connections. */
  const known = new WeakMap<User, Account>();

  function accept(who: User | MqttDevice, clientId?: string): Authentication<Account> {
    if (!("userId" in who)) {
      return { principal: deviceAccount(who, clientId === "" ? undefined : clientId), persistent: true };
    }
    return { principal: userAccount(who.userId, { admin: admins(who) }), persistent: true };
  }

  function acceptToken(loggedIn: LoggedIn): Authentication<Account> {
    const { user, tokenHash } = loggedIn;
    domain.logIns.used(loggedIn);
    const principal =
      known.get(user) ?? userAccount(user.userId, { admin: admins(user), tokenId: tokenIdOf(tokenHash) });
    known.set(user, principal);
    return { principal, persistent: true };
  }

  return {
    authenticate,
    methods: new Map<string, AuthenticationMethod<Account>>([[scramSha256, scram]]),
  };
}

/** The name failures are counted by, whichever of a user's names was tried. */
const accountOf = (user: User | undefined, username: string): string =>
  user === undefined ? username.slice(0, 256) : String(user.userId);
