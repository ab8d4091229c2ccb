/** Who somebody is: registration, passwords, tokens, the backend's key. Credentials differ by door; the people do not. */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { nickCharactersMax } from "../bounds.ts";
import { DomainError } from "../errors.ts";
import type { DeviceId, User, UserId } from "../model.ts";
import type { Store } from "../store.ts";
import type { AccountEnds } from "./account-removal.ts";
import type { EndedLogIns } from "./log-in-store.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import { type Passwords, passwordBytesMax } from "./passwords.ts";
import { equalHashes, hashSecret } from "./secrets.ts";
import { checkUsername, type Tokens } from "./tokens.ts";

export interface LoggedIn {
  readonly user: User;
  readonly deviceId: DeviceId | undefined;
  /** SPKI, DER: what whoever logged in signs with. */
  readonly signingKey: Uint8Array | undefined;
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array;
  readonly expiresAtMs: number | undefined;
  /** It was given to a client, in place of the password. */
  readonly remembered: boolean;
}

/** Whether people may make accounts by themselves; `invite`: who shows an invitation. */
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
  accountEnds: Pick<AccountEnds, "disable">;
}) {
  const { store, clock, passwords, guard } = parts;
  /** Whose SCRAM keys are being made. */
  const addingKeys = new Set<UserId>();

  /** Throws `registration_closed`, `invite_invalid`, `empty_name_or_password`, `invalid_name`, `try_later`, `busy`. */
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

  /** Looked at before the work a password costs; the change that makes the user has the last word. */
  async function checkInvite(invite: string | undefined, address: string): Promise<Uint8Array> {
    guard.check(address, undefined);
    const hash = invite === undefined ? undefined : hashSecret(invite);
    if (hash === undefined || !(await store.hasInvite({ hash, nowMs: clock.nowMs() }))) {
      guard.failed(address);
      throw new DomainError("invite_invalid");
    }
    return hash;
  }

  /** An invitation for so many people; it is shown this once. */
  async function invite(request: { uses: number; lifetimeMs: number }): Promise<{ code: string; expiresAtMs: number }> {
    const code = newSecret("ri");
    const expiresAtMs = clock.nowMs() + request.lifetimeMs;
    await store.addInvite({ hash: hashSecret(code), uses: request.uses, expiresAtMs });
    return { code, expiresAtMs };
  }

  /** What the operator does by hand; works with registration closed too. */
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
   * For who knows the old one, whose tries are counted as log-ins are; `end`: all his log-ins but by one token are over.
   * Throws `wrong_password` (also where he has none), `empty_name_or_password`, `invalid_name`, `try_later`, `busy`.
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

  /** What is stored of a password: its hash, and what SCRAM checks it by. */
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
      guard.untried(account); // too busy to look: no guess was made
      throw error;
    });
    // The password may have changed while this one was looked at.
    const current = user === undefined || !right ? hash : await store.findPasswordHash(user.userId);
    const known = concluded(user, { account, address: login.address, right: right && current === hash });
    if (hash !== undefined) void addScramKeys(known.userId, { password: login.password, passwordHash: hash });
    return known;
  }

  /** A proof of the password was checked (SCRAM). Throws as `logInWithPassword` does. */
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

  /** Keys for a password that was set before there were any, made when it is shown; beside the login, not in its way. */
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
      // Busy, full or stopping, as a rule: the next login tries again.
      parts.log.warn("SCRAM keys were not made", { userId, error });
    } finally {
      addingKeys.delete(userId);
    }
  }

  /** An access token, whichever door it is shown at. Throws `token_invalid`, `user_disabled`, `try_later`. */
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

  /** Whether a token that once logged in still does; says nothing to the count of wrong secrets. */
  async function isTokenValid(token: string): Promise<boolean> {
    const owner = await store.findToken(hashSecret(token), "access");
    if (owner === undefined || owner.user.disabled) return false;
    return owner.expiresAtMs === undefined || owner.expiresAtMs > clock.nowMs();
  }

  /** Nobody may be this user from now on; connections are closed. Throws `user_not_found`. */
  async function disable(guid: string): Promise<void> {
    const user = (await store.findParticipant(guid))?.user;
    if (user === undefined || user.guid !== guid || user.disabled) throw new DomainError("user_not_found");
    await parts.accountEnds.disable(user.userId);
  }

  /** Throws `not_authorized`, `try_later`. */
  async function checkBackendKey(key: string, address: string): Promise<void> {
    if (await isBackendKey(key, address)) return;
    guard.failed(address);
    throw new DomainError("not_authorized", "wrong backend key");
  }

  /** For routes that a participant's token opens too: whoever asks counts it where it is neither. Throws `try_later`. */
  async function isBackendKey(key: string, address: string): Promise<boolean> {
    guard.check(address, undefined);
    const stored = await store.findBackendKey();
    return stored !== undefined && equalHashes(stored.hash, hashSecret(key));
  }

  /** A new backend key; the old one stops working with the commit. */
  async function rotateBackendKey(): Promise<string> {
    const key = newSecret("roost");
    await store.setBackendKey(hashSecret(key));
    return key;
  }

  /** The key the operator configured; nothing changes, its age neither, where it is in force already. */
  async function useBackendKey(key: string): Promise<void> {
    const hash = hashSecret(key);
    const stored = await store.findBackendKey();
    if (stored === undefined || !equalHashes(stored.hash, hash)) await store.setBackendKey(hash);
  }

  /** First hex digits of the stored hash, to tell keys apart without showing one. */
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
