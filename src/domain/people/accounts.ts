/** Who a user is: registration, passwords, tokens, the backend's key. Credentials differ by door; users do not. */

import { networkOf } from "../../lib/client-network.ts";
import type { Clock, SteadyMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { nickCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import type { DeviceId, User, UserId } from "../model.ts";
import type { NewUser, Store } from "../store.ts";
import type { AccountRemoval } from "./account-removal.ts";
import type { Asker } from "./hash-queue.ts";
import type { EndedLogIns, LogInsToEnd } from "./log-in-store.ts";
import type { LoginGuard } from "./login-guard.ts";
import type { CheckLoginName } from "./login-name-check.ts";
import type { LongToken } from "./long-token-store.ts";
import type { ByLongToken, LongTokens } from "./long-tokens.ts";
import { newSecret } from "./new-secrets.ts";
import type { PasswordCheck } from "./password-check.ts";
import { byOperator, type Passwords } from "./passwords.ts";
import { equalHashes, hashSecret, isLongToken } from "./secrets.ts";
import { checkUsername, type Tokens } from "./tokens.ts";
import type { TypedNames } from "./typed-names.ts";

export interface LoggedIn {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** SPKI, DER: the key that the client signs with. */
  readonly signingKey: Uint8Array | undefined;
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array;
  readonly expiresAtMs: SteadyMs | undefined;
  /** The token was given to a client to use instead of the password. */
  readonly remembered: boolean;
  /** Set where it is a long-lived token. */
  readonly longToken: LongToken | undefined;
}

/** Who makes invitations: the operator alone, or users too. */
export type Invites = "operator" | "users";

/** Of a user, at a time; each lets in one person. */
const invitesMax = 10;
const inviteLifetimeMs = 7 * 86_400_000;

/** Whether people may register by themselves; `invite`: with an invitation. */
export type Registration = "open" | "invite" | "off";

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts(parts: {
  store: Store;
  clock: Clock;
  passwords: Passwords;
  passwordCheck: PasswordCheck;
  guard: LoginGuard;
  registration: Registration;
  invites: Invites;
  log: Log;
  tokens: Tokens;
  longTokens: Pick<LongTokens, "find" | "logIn">;
  accountRemoval: Pick<AccountRemoval, "disable">;
  names: Pick<TypedNames<unknown>, "find">;
  checkLoginName: CheckLoginName;
}) {
  const { store, clock, passwords, guard, longTokens } = parts;
  /** The users whose SCRAM keys are being made. */
  const addingKeys = new Set<UserId>();

  /**
   * Registers a user. Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`, `password_too_short`,
   * `invalid_name`, `try_later`, `busy`; for the log-in name also `reserved_key`, `username_taken`.
   */
  async function register(request: {
    nick: string;
    loginName?: string | undefined;
    password: string;
    address: string;
    invite?: string | undefined;
  }): Promise<User> {
    const { nick, password, address, loginName } = request;
    if (parts.registration === "off") throw new DomainError("registration_closed");
    const invite = parts.registration === "invite" ? await checkInvite(request.invite, address) : undefined;
    const asker = { network: networkOf(address), account: "registration" };
    const user = await make({ nick, password, invite, loginName }, { asker, admit: () => guard.registering(address) });
    guard.networks.loggedIn(accountOf(user), address);
    return user;
  }

  /** Checked before the password is hashed, which is costly. The change that creates the user checks again. */
  async function checkInvite(invite: string | undefined, address: string): Promise<Uint8Array> {
    const hash = invite === undefined ? undefined : hashSecret(invite);
    if (hash === undefined || !(await store.hasInvite({ hash, nowMs: clock.steadyMs() }))) {
      guard.wrongSecret(address);
      throw new DomainError("invite_invalid");
    }
    return hash;
  }

  /** Creates an invitation for `uses` registrations. The code is shown only this once. */
  async function invite(request: {
    uses: number;
    lifetimeMs: number;
    by?: { readonly userId: UserId; readonly invitesMax: number };
  }): Promise<{ code: string; expiresAtMs: number }> {
    const code = newSecret("ri");
    await store.addInvite({ hash: hashSecret(code), ...request });
    return { code, expiresAtMs: clock.nowMs() + request.lifetimeMs };
  }

  /** The same for a user, for one person. Throws `not_authorized`, `registration_closed`, `too_many_invites`, `user_disabled`. */
  async function inviteAs({ userId }: User): Promise<{ code: string; expiresAtMs: number }> {
    if (parts.invites === "operator") throw new DomainError("not_authorized", "the operator makes invitations here");
    if (parts.registration === "off") throw new DomainError("registration_closed");
    return invite({ uses: 1, lifetimeMs: inviteLifetimeMs, by: { userId, invitesMax } });
  }

  /** Adds a user for the operator, also while registration is closed. */
  const add = (request: { nick: string; password: string; username?: string | undefined }): Promise<User> =>
    make({ ...request, madeBy: "operator" }, { asker: byOperator, admit() {} });

  async function make(
    request: Pick<NewUser, "nick" | "username" | "loginName" | "invite" | "madeBy"> & { password: string },
    { asker, admit }: { readonly asker: Asker; admit(): void },
  ): Promise<User> {
    const nick = request.nick.trim();
    if (nick === "" || request.password === "") throw new DomainError("empty_name_or_password");
    if ([...nick].length > nickCharactersMax) throw new DomainError("invalid_name", "name too long");
    passwords.accept(request.password);
    const { username, loginName, invite: used, madeBy } = request;
    if (loginName !== undefined) parts.checkLoginName(loginName);
    admit();
    if (username !== undefined) checkUsername(username);
    // Before the costly hash; the change checks again.
    if (loginName !== undefined && (await parts.names.find(loginName)) !== undefined) {
      throw new DomainError("username_taken");
    }
    const credentials = await credentialsOf(request.password, asker);
    return store.createUser({ nick, username, loginName, invite: used, madeBy, ...credentials });
  }

  /** Throws `empty_name_or_password`, `password_too_short`, `invalid_name`, `busy`. */
  async function setPassword(userId: UserId, password: string, end?: LogInsToEnd): Promise<void> {
    passwords.accept(password);
    const { passwordHash, scramKeys } = await credentialsOf(password, byOperator);
    await store.setPassword(userId, passwordHash, { scramKeys, end });
  }

  /**
   * Changes a password for a user who knows the old one; wrong tries are counted like log-ins. `end`: all their log-ins
   * end but that of one token. Throws `wrong_password` (also where they have none), `empty_name_or_password`,
   * `password_too_short`, `invalid_name`, `try_later`, `busy`.
   */
  async function changePassword(
    user: User,
    request: {
      oldPassword: string;
      password: string;
      address: string;
      end: { readonly exceptTokenId: string | undefined } | undefined;
    },
  ): Promise<EndedLogIns> {
    const { oldPassword, password, address, end } = request;
    passwords.accept(password);
    const oldHash = await checkPassword(user, { password: oldPassword, address });
    const asker = { network: networkOf(address), account: accountOf(user) };
    const { passwordHash, scramKeys } = await credentialsOf(password, asker);
    return store.changePassword({ userId: user.userId, oldHash, passwordHash, scramKeys, end });
  }

  /** The hash of a user's password, which they know; throws as `logInWithPassword`, also where they have none. */
  async function checkPassword(user: User, shown: { password: string; address: string }): Promise<string> {
    const hash = await store.findPasswordHash(user.userId);
    await logInWithPassword(user, { name: user.userKey, ...shown });
    if (hash === undefined) throw new DomainError("wrong_password");
    return hash;
  }

  /** Gives what is stored of a password: its hash, and the keys that SCRAM checks it by. */
  async function credentialsOf(password: string, asker: Asker) {
    return {
      passwordHash: await passwords.hash(password, asker),
      scramKeys: await passwords.scramKeys(password, asker),
    };
  }

  /**
   * `name` is what the client called the account. Throws `user_not_found`, `wrong_password`, `user_disabled`,
   * `try_later`, `busy`.
   */
  async function logInWithPassword(
    user: User | undefined,
    login: { name: string; password: string; address: string },
  ): Promise<User> {
    const { password, address } = login;
    const hash = user === undefined ? undefined : await store.findPasswordHash(user.userId);
    const right = await parts.passwordCheck.isRight({ ...subjectOf(user, login.name), hash, password, address });
    // The password may have changed while this one was checked.
    const current = user === undefined || !right ? hash : await store.findPasswordHash(user.userId);
    const known = concluded(user, { address, right: right && current === hash });
    if (hash !== undefined) {
      void addScramKeys(known.userId, { password, passwordHash: hash, network: networkOf(address) });
    }
    return known;
  }

  /** Records a log-in whose password proof was checked (SCRAM). Throws as `logInWithPassword` does. */
  async function logInWithProof(
    user: User | undefined,
    login: { name: string; address: string; right: boolean },
  ): Promise<User> {
    const { address, right } = login;
    const { subject, exists } = subjectOf(user, login.name);
    await guard.proved({ kind: "password", subject, account: exists ? subject : undefined, address }, right);
    return concluded(user, { address, right });
  }

  function concluded(user: User | undefined, { address, right }: { address: string; right: boolean }): User {
    if (user === undefined) throw new DomainError("user_not_found");
    if (!right) throw new DomainError("wrong_password");
    if (user.disabled) throw new DomainError("user_disabled");
    guard.networks.loggedIn(accountOf(user), address);
    return user;
  }

  /**
   * Makes keys for a password that was set before the server kept any. It runs beside the log-in, which does not wait
   * for it.
   */
  async function addScramKeys(
    userId: UserId,
    shown: { password: string; passwordHash: string; network: string },
  ): Promise<void> {
    if (addingKeys.has(userId)) return;
    addingKeys.add(userId);
    try {
      if ((await store.findScramKeys(`user:${userId}`)) !== undefined) return;
      const scramKeys = await passwords.scramKeys(shown.password, { network: shown.network, account: "scram" });
      if (scramKeys !== undefined) {
        await store.addScramKeys({ userId, passwordHash: shown.passwordHash, scramKeys });
      }
    } catch (error) {
      // Usually busy, full or stopping: the next log-in tries again.
      parts.log.warn("SCRAM keys were not made", { userId, error });
    } finally {
      addingKeys.delete(userId);
    }
  }

  /** Logs in with an access token or a long-lived one, at any door. Throws `token_invalid`, `user_disabled`, `try_later`. */
  async function logInWithToken(token: string, address: string): Promise<LoggedIn> {
    if (isLongToken(token)) return ofLongToken(await longTokens.logIn(token, address));
    const tokenHash = hashSecret(token);
    const owner = await store.findToken(tokenHash, "access");
    if (owner === undefined || (owner.expiresAtMs !== undefined && owner.expiresAtMs <= clock.steadyMs())) {
      guard.wrongSecret(address);
      throw new DomainError("token_invalid");
    }
    if (owner.user.disabled) throw new DomainError("user_disabled");
    // A participant of a backend has no password that anyone could guess.
    if (owner.remembered) guard.networks.used(owner.user, accountOf(owner.user), address);
    return { ...owner, tokenHash, longToken: undefined };
  }

  /** Throws `token_invalid` where it is a device's, which is no user. */
  function ofLongToken({ token, user, tokenHash }: ByLongToken): LoggedIn {
    if (user === undefined)
      throw new DomainError("token_invalid", "it is a device's, and devices log in by MQTT alone");
    const { expiresAtMs } = token;
    const signingKey = user.publicKey;
    return { user, deviceId: undefined, signingKey, tokenHash, expiresAtMs, remembered: false, longToken: token };
  }

  /** Whether a token that was used for a log-in is still valid. Does not count as a wrong secret. */
  async function isTokenValid(token: string): Promise<boolean> {
    if (isLongToken(token)) {
      const found = await longTokens.find(token);
      return found !== undefined && found.user?.disabled !== true;
    }
    return (await findLogIn(hashSecret(token))) !== undefined;
  }

  /** The log-in of an access token, by its hash; undefined once it has ended. Does not count as a wrong secret. */
  async function findLogIn(tokenHash: Uint8Array): Promise<LoggedIn | undefined> {
    const owner = await store.findToken(tokenHash, "access");
    if (owner === undefined || owner.user.disabled) return undefined;
    if (owner.expiresAtMs !== undefined && owner.expiresAtMs <= clock.steadyMs()) return undefined;
    return { ...owner, tokenHash, longToken: undefined };
  }

  /** Disables a user and closes their connections. Throws `user_not_found`. */
  async function disable(guid: string): Promise<void> {
    const user = (await store.findParticipant(guid))?.user;
    if (user === undefined || user.guid !== guid || user.disabled) throw new DomainError("user_not_found");
    await parts.accountRemoval.disable(user.userId);
  }

  /** Throws `not_authorized`, `try_later`. */
  async function checkBackendKey(key: string, address: string): Promise<void> {
    if (await isBackendKey(key)) return;
    guard.wrongSecret(address);
    throw new DomainError("not_authorized", "wrong backend key");
  }

  /** For routes that a participant's token opens too. Where it is neither, the caller counts the failure. */
  async function isBackendKey(key: string): Promise<boolean> {
    const stored = await store.findBackendKey();
    return stored !== undefined && equalHashes(stored.hash, hashSecret(key));
  }

  /** What a secret of REST is; undefined where it is not right. Does not count as a wrong secret. */
  async function kindOfSecret(secret: string): Promise<"token" | "backend" | undefined> {
    if (await isTokenValid(secret)) return "token";
    return (await isBackendKey(secret)) ? "backend" : undefined;
  }

  /** Makes a new backend key. The old one stops working with the commit. */
  async function rotateBackendKey(): Promise<string> {
    const key = newSecret("roost");
    await store.setBackendKey(hashSecret(key));
    return key;
  }

  /** Sets the key that the operator configured. Where it is in force already nothing changes, its age neither. */
  async function useBackendKey(key: string): Promise<void> {
    const hash = hashSecret(key);
    const stored = await store.findBackendKey();
    if (stored === undefined || !equalHashes(stored.hash, hash)) await store.setBackendKey(hash);
  }

  /** Gives the first hex digits of the stored hash, to tell keys apart without showing one. */
  async function describeBackendKey(): Promise<{ fingerprint: string; createdAtMs: number } | undefined> {
    const stored = await store.findBackendKey();
    if (stored === undefined) return undefined;
    return { fingerprint: Buffer.from(stored.hash).toString("hex").slice(0, 16), createdAtMs: stored.createdAtMs };
  }

  return {
    registration: parts.registration,
    invites: parts.invites,
    register,
    invite,
    inviteAs,
    add,
    setPassword,
    changePassword,
    checkPassword,
    logInWithPassword,
    logInWithProof,
    logInWithToken,
    isTokenValid,
    findLogIn,
    provision: parts.tokens.provision,
    disable,
    checkBackendKey,
    isBackendKey,
    kindOfSecret,
    rotateBackendKey,
    useBackendKey,
    describeBackendKey,
  };
}

const accountOf = ({ userId }: User): string => `user:${userId}`;

/** One user has several names and one count of tries. */
const subjectOf = (user: User | undefined, name: string): { subject: string; exists: boolean } =>
  user === undefined ? { subject: `name:${name}`, exists: false } : { subject: accountOf(user), exists: true };
