/** Who a user is: registration, passwords, tokens, the backend's key. Credentials differ by door; users do not. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { nickCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import type { DeviceId, User, UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { AccountRemoval } from "./account-removal.ts";
import type { EndedLogIns } from "./log-in-store.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import { type Passwords, passwordBytesMax } from "./passwords.ts";
import { equalHashes, hashSecret } from "./secrets.ts";
import { checkUsername, type Tokens } from "./tokens.ts";

export interface LoggedIn {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** SPKI, DER: the key that the client signs with. */
  readonly signingKey: Uint8Array | undefined;
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array;
  readonly expiresAtMs: number | undefined;
  /** The token was given to a client to use instead of the password. */
  readonly remembered: boolean;
}

/** Whether people may register by themselves; `invite`: with an invitation. */
export type Registration = "open" | "invite" | "off";

export type Accounts = ReturnType<typeof createAccounts>;

export function createAccounts(parts: {
  store: Store;
  clock: Clock;
  passwords: Passwords;
  guard: LoginGuard;
  registration: Registration;
  log: Log;
  tokens: Tokens;
  accountRemoval: Pick<AccountRemoval, "disable">;
}) {
  const { store, clock, passwords, guard } = parts;
  /** The users whose SCRAM keys are being made. */
  const addingKeys = new Set<UserId>();

  /**
   * Registers a user. Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`, `invalid_name`,
   * `try_later`, `busy`.
   */
  async function register(request: {
    nick: string;
    password: string;
    address: string;
    invite?: string | undefined;
  }): Promise<User> {
    const { nick, password, address } = request;
    if (parts.registration === "off") throw new DomainError("registration_closed");
    const invite = parts.registration === "invite" ? await checkInvite(request.invite, address) : undefined;
    return add({ nick, password, invite }, () => guard.registering(address));
  }

  /** Checked before the password is hashed, which is costly. The change that creates the user checks again. */
  async function checkInvite(invite: string | undefined, address: string): Promise<Uint8Array> {
    guard.check(address, undefined);
    const hash = invite === undefined ? undefined : hashSecret(invite);
    if (hash === undefined || !(await store.hasInvite({ hash, nowMs: clock.nowMs() }))) {
      guard.failed(address);
      throw new DomainError("invite_invalid");
    }
    return hash;
  }

  /** Creates an invitation for `uses` registrations. The code is shown only this once. */
  async function invite(request: { uses: number; lifetimeMs: number }): Promise<{ code: string; expiresAtMs: number }> {
    const code = newSecret("ri");
    const expiresAtMs = clock.nowMs() + request.lifetimeMs;
    await store.addInvite({ hash: hashSecret(code), uses: request.uses, expiresAtMs });
    return { code, expiresAtMs };
  }

  /** Adds a user for the operator, also while registration is closed. */
  async function add(
    request: { nick: string; password: string; username?: string | undefined; invite?: Uint8Array | undefined },
    admit: () => void = () => {},
  ): Promise<User> {
    const nick = request.nick.trim();
    if (nick === "" || request.password === "") throw new DomainError("empty_name_or_password");
    if ([...nick].length > nickCharactersMax) throw new DomainError("invalid_name", "name too long");
    admit();
    if (request.username !== undefined) checkUsername(request.username);
    const { username, invite: used } = request;
    return store.createUser({ nick, username, invite: used, ...(await credentialsOf(request.password)) });
  }

  async function setPassword(userId: UserId, password: string): Promise<void> {
    if (password === "") throw new DomainError("empty_name_or_password");
    const { passwordHash, scramKeys } = await credentialsOf(password);
    await store.setPassword(userId, passwordHash, scramKeys);
  }

  /**
   * Changes a password for a user who knows the old one; wrong tries are counted like log-ins. `end`: all their log-ins
   * end but that of one token. Throws `wrong_password` (also where they have none), `empty_name_or_password`,
   * `invalid_name`, `try_later`, `busy`.
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
    if (password === "") throw new DomainError("empty_name_or_password");
    const oldHash = await store.findPasswordHash(user.userId);
    await logInWithPassword(user, { account: user.userKey, password: oldPassword, address });
    if (oldHash === undefined) throw new DomainError("wrong_password");
    const { passwordHash, scramKeys } = await credentialsOf(password);
    return store.changePassword({ userId: user.userId, oldHash, passwordHash, scramKeys, end });
  }

  /** Gives what is stored of a password: its hash, and the keys that SCRAM checks it by. */
  async function credentialsOf(password: string) {
    if (Buffer.byteLength(password) > passwordBytesMax) throw new DomainError("invalid_name", "password too long");
    return { passwordHash: await passwords.hash(password), scramKeys: await passwords.scramKeys(password) };
  }

  /** Throws `user_not_found`, `wrong_password`, `user_disabled`, `try_later`, `busy`. */
  async function logInWithPassword(
    user: User | undefined,
    login: { account: string; password: string; address: string },
  ) {
    // One account has several names (its username, its number, its key) and one count of failures.
    const account = user?.userKey ?? login.account;
    guard.check(login.address, account);
    guard.tried(account);
    const hash = user === undefined ? undefined : await store.findPasswordHash(user.userId);
    const right = await passwords.verify(login.password, hash).catch((error: unknown) => {
      guard.untried(account); // too busy to check: no guess was made
      throw error;
    });
    // The password may have changed while this one was checked.
    const current = user === undefined || !right ? hash : await store.findPasswordHash(user.userId);
    const known = concluded(user, { account, address: login.address, right: right && current === hash });
    if (hash !== undefined) void addScramKeys(known.userId, { password: login.password, passwordHash: hash });
    return known;
  }

  /** Records a log-in whose password proof was checked (SCRAM). Throws as `logInWithPassword` does. */
  function logInWithProof(user: User | undefined, login: { account: string; address: string; right: boolean }): User {
    const account = user?.userKey ?? login.account;
    guard.check(login.address, account);
    if (!login.right) guard.tried(account);
    return concluded(user, { account, address: login.address, right: login.right });
  }

  function concluded(
    user: User | undefined,
    { account, address, right }: { account: string; address: string; right: boolean },
  ): User {
    if (user === undefined || !right) {
      guard.failed(address);
      throw new DomainError(user === undefined ? "user_not_found" : "wrong_password");
    }
    guard.succeeded(account);
    if (user.disabled) throw new DomainError("user_disabled");
    return user;
  }

  /**
   * Makes keys for a password that was set before the server kept any. It runs beside the log-in, which does not wait
   * for it.
   */
  async function addScramKeys(userId: UserId, shown: { password: string; passwordHash: string }): Promise<void> {
    if (addingKeys.has(userId)) return;
    addingKeys.add(userId);
    try {
      if ((await store.findScramKeys(`user:${userId}`)) !== undefined) return;
      const scramKeys = await passwords.scramKeys(shown.password);
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

  /** Logs in with an access token, at any door. Throws `token_invalid`, `user_disabled`, `try_later`. */
  async function logInWithToken(token: string, address: string): Promise<LoggedIn> {
    guard.check(address, undefined);
    const tokenHash = hashSecret(token);
    const owner = await store.findToken(tokenHash, "access");
    if (owner === undefined || (owner.expiresAtMs !== undefined && owner.expiresAtMs <= clock.nowMs())) {
      guard.failed(address);
      throw new DomainError("token_invalid");
    }
    if (owner.user.disabled) throw new DomainError("user_disabled");
    return { ...owner, tokenHash };
  }

  /** Whether a token that was used for a log-in is still valid. Does not count as a wrong secret. */
  async function isTokenValid(token: string): Promise<boolean> {
    const owner = await store.findToken(hashSecret(token), "access");
    if (owner === undefined || owner.user.disabled) return false;
    return owner.expiresAtMs === undefined || owner.expiresAtMs > clock.nowMs();
  }

  /** Disables a user and closes their connections. Throws `user_not_found`. */
  async function disable(guid: string): Promise<void> {
    const user = (await store.findParticipant(guid))?.user;
    if (user === undefined || user.guid !== guid || user.disabled) throw new DomainError("user_not_found");
    await parts.accountRemoval.disable(user.userId);
  }

  /** Throws `not_authorized`, `try_later`. */
  async function checkBackendKey(key: string, address: string): Promise<void> {
    if (await isBackendKey(key, address)) return;
    guard.failed(address);
    throw new DomainError("not_authorized", "wrong backend key");
  }

  /**
   * For routes that a participant's token opens too. Where it is neither, the caller counts the failure. Throws
   * `try_later`.
   */
  async function isBackendKey(key: string, address: string): Promise<boolean> {
    guard.check(address, undefined);
    const stored = await store.findBackendKey();
    return stored !== undefined && equalHashes(stored.hash, hashSecret(key));
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
    register,
    invite,
    add,
    setPassword,
    changePassword,
    logInWithPassword,
    logInWithProof,
    logInWithToken,
    isTokenValid,
    provision: parts.tokens.provision,
    disable,
    checkBackendKey,
    isBackendKey,
    rotateBackendKey,
    useBackendKey,
    describeBackendKey,
  };
}
