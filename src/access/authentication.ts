/** How an MQTT client logs in: by password, access token or phone session, by certificate, by SCRAM, or not at all. */
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import type { LoggedIn } from "../domain/people/accounts.ts";
import { tokenIdOf } from "../domain/people/secrets.ts";
import { phoneOf } from "../domain/phones/phones.ts";
import type { MqttDevice } from "../domain/store.ts";
import { canonicalName } from "../lib/distinguished-name.ts";
import type { Log } from "../lib/log.ts";
import { scramSha256 } from "../mqtt/connection/scram.ts";
import type { Authentication, ConnectRequest, Identity } from "../mqtt/identity.ts";
import {
  type Account,
  type Accounts,
  type Anonymous,
  deviceAccount,
  devicePrincipalKey,
  userPrincipalKey,
} from "./accounts.ts";
import { connectRefusalOf } from "./errors.ts";
import { createScramMethod } from "./scram.ts";

/** With an empty username or this one, the password must be a token. */
const tokenUsername = "api";
const accessTokenPrefix = "ra_";
const refusedTokens: ReadonlySet<DomainErrorCode> = new Set(["token_invalid", "user_disabled"]);

export interface AuthenticationParts {
  readonly domain: Pick<Domain, "accounts" | "devices" | "logIns" | "phoneSessions" | "store">;
  readonly accounts: Accounts;
  readonly anonymous: Anonymous;
  readonly log: Log;
}

export function createAuthentication(parts: AuthenticationParts): Pick<Identity<Account>, "authenticate" | "methods"> {
  const { domain, accounts, anonymous, log } = parts;
  const { devices, store } = domain;

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

  /**
   * Logs in by the token alone. Without a valid token the client is anonymous; it is not told so, but may do only what
   * an anonymous client may.
   */
  async function logInWithTokenAlone(shown: {
    token: string;
    named: boolean;
    address: string;
  }): Promise<Authentication<Account>> {
    const { token, named, address } = shown;
    const session = token === "" ? undefined : await domain.phoneSessions.logInWithToken(token);
    if (session !== undefined) {
      const user = accounts.findUserNow(session.userId);
      if (user === undefined || user.disabled) return { refused: "not_authorized" };
      return {
        principal: accounts.ofUser(user, { phoneLogin: { token, session } }),
        persistent: true,
      };
    }
    if (token.startsWith(accessTokenPrefix)) {
      try {
        return acceptToken(await domain.accounts.logInWithToken(token, address));
      } catch (error) {
        const invalid = error instanceof DomainError && refusedTokens.has(error.code);
        if (!invalid || anonymous === "off") throw error;
      }
    }
    // A name of this family without a token counts as a wrong token. A client that gives neither is not authorized.
    if (anonymous === "off") return { refused: token === "" && !named ? "not_authorized" : "bad_credentials" };
    return accounts.anybody(token === "" ? undefined : token);
  }

  /** Gives the device of a verified certificate. */
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
      return { refused: connectRefusalOf(error.code) };
    }
  }

  /** The password is the user's own, or an access token of the same user. */
  async function logIn(username: string, password: string, address: string): Promise<Authentication<Account>> {
    if (password.startsWith(accessTokenPrefix)) {
      const loggedIn = await domain.accounts.logInWithToken(password, address);
      if (!isNameOf(loggedIn.user, username)) throw new DomainError("token_invalid");
      return acceptToken(loggedIn);
    }
    const user = await find(username);
    return accept(
      await domain.accounts.logInWithPassword(user, { account: accountOf(user, username), password, address }),
    );
  }

  /**
   * Finds a user by exact username (or `user.<userId>`), else by a bare number as a user id, else by `+<phone>`, which
   * means the first user of that phone.
   */
  async function find(username: string): Promise<User | undefined> {
    const named = await store.findUserByKey(username);
    if (named !== undefined) return named;
    const phone = username.startsWith("+") ? phoneOf(username) : undefined;
    const [ofPhone] = phone === undefined ? [] : await store.listUserIdsOfPhone(phone);
    const userId = ofPhone ?? safeInteger(username);
    return userId === undefined ? undefined : store.findUser(userId);
  }

  const scram = createScramMethod({
    secrets: store,
    async ownerOf(username) {
      if (devices.find(username) !== undefined) return devicePrincipalKey(username);
      const user = await find(username);
      return user === undefined ? undefined : userPrincipalKey(user.userId);
    },
    conclude: ({ username, clientId, address }, right) =>
      orRefusal(address, async () => {
        if (devices.find(username) !== undefined) {
          return accept(devices.logInWithProof(username, { address, right }), clientId);
        }
        const user = await find(username);
        return accept(domain.accounts.logInWithProof(user, { account: accountOf(user, username), address, right }));
      }),
  });

  /** Log-ins with the same token share one user object, and so one account for all of their connections. */
  const known = new WeakMap<User, Account>();

  function accept(who: User | MqttDevice, clientId?: string): Authentication<Account> {
    if (!("userId" in who)) {
      return { principal: deviceAccount(who, clientId === "" ? undefined : clientId), persistent: true };
    }
    return { principal: accounts.ofUser(who), persistent: true };
  }

  function acceptToken(loggedIn: LoggedIn): Authentication<Account> {
    const { user, tokenHash } = loggedIn;
    domain.logIns.used(loggedIn);
    const principal = known.get(user) ?? accounts.ofUser(user, { tokenId: tokenIdOf(tokenHash) });
    known.set(user, principal);
    return { principal, persistent: true };
  }

  return { authenticate, methods: new Map([[scramSha256, scram]]) };
}

/** The name that failures are counted by, whichever of a user's names was tried. */
const accountOf = (user: User | undefined, username: string): string =>
  user === undefined ? username.slice(0, 256) : String(user.userId);

/** The token says who the client is; the given name must belong to the same user. */
const isNameOf = (user: User, name: string): boolean =>
  name === user.userKey ||
  name === `user.${user.userId}` ||
  name === String(user.userId) ||
  (name.startsWith("+") && user.phone !== undefined && phoneOf(name) === user.phone);
