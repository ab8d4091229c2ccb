/** How an MQTT client logs in: by password, token or phone session, by certificate, by SCRAM, or not at all. */
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { tokenUsername } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import type { LoggedIn } from "../domain/people/accounts.ts";
import type { Device } from "../domain/people/devices.ts";
import type { ByLongToken } from "../domain/people/long-tokens.ts";
import type { Who } from "../domain/people/refusals.ts";
import { isLongToken, isToken, tokenIdOf } from "../domain/people/secrets.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { canonicalName } from "../lib/distinguished-name.ts";
import { scramSha256 } from "../mqtt/connection/scram.ts";
import type { Authenticated, Authentication, ConnectRequest, Identity } from "../mqtt/identity.ts";
import {
  type Account,
  type Accounts,
  type Anonymous,
  deviceAccount,
  devicePrincipalKey,
  userPrincipalKey,
  withLongToken,
} from "./accounts.ts";
import { connectRefusalOf } from "./errors.ts";
import type { RefusalNotes } from "./refusals.ts";
import { createScramMethod } from "./scram.ts";

/** A client that logs in. */
type Client = Pick<ConnectRequest, "clientId" | "username" | "address">;

/** A client that has no phone's token yet may show any text. */
const guessable: ReadonlySet<DomainErrorCode> = new Set(["try_later"]);
const refusedTokens: ReadonlySet<DomainErrorCode> = new Set(["token_invalid", "user_disabled"]);

export interface AuthenticationParts {
  readonly domain: Pick<Domain, "accounts" | "devices" | "logIns" | "longTokens" | "names" | "phoneSessions" | "store">;
  readonly accounts: Accounts;
  readonly anonymous: Anonymous;
  readonly notes: Pick<RefusalNotes, "nameOf" | "refused" | "logInRefused">;
}

export function createAuthentication(parts: AuthenticationParts): Pick<Identity<Account>, "authenticate" | "methods"> {
  const { domain, accounts, anonymous, notes } = parts;
  const { devices, names, store } = domain;

  async function authenticate(connect: ConnectRequest): Promise<Authentication<Account>> {
    const { username, address } = connect;
    const certified = deviceOfCertificate(connect.certificateSubject);
    if (certified !== undefined) {
      if (username !== undefined && username !== "" && username !== certified.name) {
        const why = "the user name is not the name of the certificate's device";
        notes.logInRefused(connect, { device: certified.name }, { why, allow: undefined });
        return { refused: "bad_credentials" };
      }
      return accept(certified, { clientId: connect.clientId, byPassword: false });
    }
    const password = new TextDecoder("utf-8").decode(connect.password ?? new Uint8Array());
    if (username === undefined || username === "" || username === tokenUsername) {
      const named = username !== undefined;
      return orRefusal(connect, () => logInWithTokenAlone(connect, { token: password, named }));
    }
    return orRefusal(connect, async () => {
      if (devices.find(username) === undefined) return logIn(username, password, connect);
      if (isLongToken(password))
        return acceptLongToken(await domain.longTokens.logIn(password, address), connect, username);
      const device = await devices.logInWithPassword(username, { password, address });
      return accept(device, { clientId: connect.clientId });
    });
  }

  /**
   * Logs in by the token alone. Without a valid token the client is anonymous; it is not told so, but may do only what
   * an anonymous client may.
   */
  async function logInWithTokenAlone(
    client: Client,
    { token, named }: { token: string; named: boolean },
  ): Promise<Authentication<Account>> {
    const { address } = client;
    const session =
      token === "" ? undefined : await orAnonymous(client, guessable, () => findPhoneSession(token, address));
    if (session !== undefined) {
      const user = accounts.findUserNow(session.userId);
      if (user === undefined || user.disabled) {
        const error = new DomainError(user === undefined ? "user_not_found" : "user_disabled");
        notes.logInRefused(client, user === undefined ? { stranger: undefined } : { user }, error);
        return { refused: "not_authorized" };
      }
      return {
        principal: accounts.ofUser(user, { phoneLogin: { token, session } }),
        persistent: true,
      };
    }
    const accepted = isToken(token)
      ? await orAnonymous(client, refusedTokens, () => logInWithToken(token, client, undefined))
      : undefined;
    if (accepted !== undefined) return accepted;
    // A name of this family without a token counts as a wrong token. A client that gives neither is not authorized.
    if (anonymous === "off") {
      const why = "a client without a log-in may not connect";
      const allow = 'a user name and a password: roost user add NAME makes a user; or mqtt.anonymous = "registration"';
      notes.logInRefused(client, { stranger: undefined }, { why, allow });
      return { refused: token === "" && !named ? "not_authorized" : "bad_credentials" };
    }
    return accounts.anybody(token === "" ? undefined : token);
  }

  /** A wrong token is counted where tokens are looked up. */
  const findPhoneSession = (token: string, address: string): Promise<PhoneSession | undefined> =>
    domain.phoneSessions.logInWithToken(token, { address, counts: !isToken(token) });

  /** Undefined where the token is refused for one of these reasons and its client may be anonymous. */
  async function orAnonymous<Found>(
    client: Client,
    reasons: ReadonlySet<DomainErrorCode>,
    find: () => Promise<Found>,
  ): Promise<Found | undefined> {
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof DomainError) || !reasons.has(error.code) || anonymous === "off") throw error;
      notes.logInRefused(client, { stranger: undefined }, error);
      return undefined;
    }
  }

  /** Gives the device of a verified certificate. */
  function deviceOfCertificate(subject: string | undefined): Device | undefined {
    const canonical = subject === undefined ? undefined : canonicalName(subject);
    return canonical === undefined ? undefined : devices.findByCertificate(canonical);
  }

  async function orRefusal(
    client: Client,
    work: () => Promise<Authentication<Account>>,
  ): Promise<Authentication<Account>> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      notes.logInRefused(client, await whoIs(client.username), error);
      return { refused: connectRefusalOf(error.code) };
    }
  }

  /** Whose name a client that is refused gave. */
  async function whoIs(username: string | undefined): Promise<Who> {
    if (username === undefined || username === "" || username === tokenUsername) return { stranger: undefined };
    const named = await names.find(username);
    if (named === undefined) return { stranger: username };
    return "device" in named ? { device: username } : named;
  }

  /** The password is the user's own, or a token of the same user. */
  async function logIn(username: string, password: string, client: Client): Promise<Authentication<Account>> {
    const { address } = client;
    if (isToken(password)) return logInWithToken(password, client, username);
    const since = domain.logIns.stamp();
    const user = await findUser(username);
    const known = await domain.accounts.logInWithPassword(user, { name: nameOf(username), password, address });
    return { principal: accounts.byPassword(known, since), persistent: true };
  }

  /** `username` is undefined where the token alone says who the client is; else it must name the token's owner. */
  async function logInWithToken(
    token: string,
    client: Client,
    username: string | undefined,
  ): Promise<Authenticated<Account>> {
    const { address } = client;
    if (isLongToken(token)) return acceptLongToken(await domain.longTokens.logIn(token, address), client, username);
    const loggedIn = await domain.accounts.logInWithToken(token, address);
    if (username !== undefined && !(await names.isNameOf(loggedIn.user, username)))
      throw new DomainError("token_invalid");
    return acceptToken(loggedIn);
  }

  async function findUser(username: string): Promise<User | undefined> {
    const named = await names.find(username);
    return named !== undefined && "user" in named ? named.user : undefined;
  }

  const scram = createScramMethod({
    secrets: store,
    async ownerOf(username) {
      const named = await names.find(username);
      if (named === undefined) return undefined;
      return "device" in named ? devicePrincipalKey(username) : userPrincipalKey(named.user.userId);
    },
    conclude: ({ username, clientId, address }, right) =>
      orRefusal({ username, clientId, address }, async () => {
        if (devices.find(username) !== undefined) {
          return accept(await devices.logInWithProof(username, { address, right }), { clientId });
        }
        const since = domain.logIns.stamp();
        const user = await findUser(username);
        const known = await domain.accounts.logInWithProof(user, { name: nameOf(username), address, right });
        return { principal: accounts.byPassword(known, since), persistent: true };
      }),
  });

  /** Log-ins with the same token share one user object, and so one account for all of their connections. */
  const known = new WeakMap<User, Account>();

  function accept(device: Device, of: { clientId: string; byPassword?: boolean }): Authenticated<Account> {
    return { principal: deviceAccount(device, { ...of, clientId: of.clientId || undefined }), persistent: true };
  }

  function acceptToken(loggedIn: LoggedIn): Authenticated<Account> {
    const { user, tokenHash } = loggedIn;
    domain.logIns.used(loggedIn);
    const principal = known.get(user) ?? accounts.ofUser(user, { tokenId: tokenIdOf(tokenHash) });
    known.set(user, principal);
    return { principal, persistent: true };
  }

  async function acceptLongToken(
    { token, user }: ByLongToken,
    client: Client,
    username: string | undefined,
  ): Promise<Authenticated<Account>> {
    if (user !== undefined) {
      if (username !== undefined && !(await names.isNameOf(user, username))) throw new DomainError("token_invalid");
      const principal = known.get(user) ?? withLongToken(accounts.ofUser(user), token);
      known.set(user, principal);
      return { principal, persistent: true };
    }
    const device = devices.find(token.ownerKey.slice("device:".length));
    if (device === undefined || (username !== undefined && username !== device.name)) {
      throw new DomainError("token_invalid");
    }
    const { principal } = accept(device, { clientId: client.clientId, byPassword: false });
    return { principal: withLongToken(principal, token), persistent: true };
  }

  return { authenticate, methods: new Map([[scramSha256, scram]]) };
}

/** The name that failures are counted by where there is no such user. */
const nameOf = (username: string): string => username.slice(0, 256);
