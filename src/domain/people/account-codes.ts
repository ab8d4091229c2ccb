/**
 * Codes that stand for a user once and for minutes: for a password that was forgotten, and where an account without one is to
 * end. They go to an address that the user has confirmed, or to the operator, who passes them on. `forgot` does not tell
 * who is here: its answer is the same, and comes before anything is looked up.
 */
import { networkOf } from "../../lib/client-network.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { User } from "../model.ts";
import { typedCode } from "../phones/codes.ts";
import { hashNewCode, newCode } from "../phones/new-codes.ts";
import type { SendCode } from "../phones/phone-sessions.ts";
import { defaultProfileLimits, type SendMail } from "../profiles/profiles.ts";
import { addressOf } from "../profiles/services.ts";
import type { Store } from "../store.ts";
import type { Admins } from "./admins.ts";
import type { LoginGuard } from "./login-guard.ts";
import { newSecret } from "./new-secrets.ts";
import type { Passwords } from "./passwords.ts";
import { hashSecret } from "./secrets.ts";

const lifetimeMs = 15 * 60_000;
/** Wrong tries of one code that was sent. */
const attemptsMax = 5;
/** Requests whose codes are being sent. */
const sendingMax = 256;
/** What the operator's codes begin with. */
const operatorPrefix = "rc";
const noSalt = new Uint8Array(0);
/** What the secret begins with that logs in another client, and how long it does. */
const linkPrefix = "rk";
const linkLifetimeMs = 2 * 60_000;

/** Whom a client means, and what it called them. */
export interface Claimed {
  readonly name: string;
  find(): Promise<User | undefined>;
}

export type AccountCodes = ReturnType<typeof createAccountCodes>;

export function createAccountCodes(parts: {
  store: Store;
  clock: Clock;
  log: Log;
  guard: LoginGuard;
  passwords: Passwords;
  isAdmin: Admins;
  sendCode: SendCode;
  sendMail: SendMail;
  fixedCodeOf: (phone: string) => string | undefined;
}) {
  const { store, clock, log, guard, passwords } = parts;
  let sending = 0;

  /**
   * Sends a code to the user, where there is one who has confirmed an address and is no admin. The caller is answered before
   * that is known. Throws `try_later` where this network asked too often.
   */
  function forgot({ find }: Claimed, address: string): void {
    guard.recovering(address);
    if (sending >= sendingMax) return;
    sending += 1;
    void sendTo(find, address)
      .catch((error: unknown) => {
        log.warn("a code for a new password was not sent", { error: error instanceof Error ? error.name : "unknown" });
      })
      .finally(() => {
        sending -= 1;
      });
  }

  async function sendTo(find: Claimed["find"], address: string): Promise<void> {
    const user = await find();
    if (user !== undefined && !parts.isAdmin(user)) await send(user, address);
  }

  /** Gives false where the user has confirmed no address, or has had enough codes lately. */
  async function send(user: User, address: string): Promise<boolean> {
    const { phone, userId } = user;
    if (phone === undefined) return false;
    const profile = await store.findProfile(phone);
    const verified = profile?.services.find(({ type, status }) => type === "email" && status === "verified");
    const to = verified === undefined ? undefined : addressOf(verified);
    const fixed = parts.fixedCodeOf(phone);
    const code = fixed ?? newCode();
    const mail = to === undefined ? undefined : { phone, perHour: defaultProfileLimits.mailsPerHour };
    const added = await store.addAccountCode({ userId, purpose: "sent", code: hashNewCode(code), lifetimeMs, mail });
    if (!added || fixed !== undefined) return added;
    if (to !== undefined) return parts.sendMail({ to, code, language: undefined });
    return (await parts.sendCode({ phone, code, language: undefined, address })) === "sent";
  }

  /** A code for the operator to pass on; it is shown only this once. Throws `user_disabled`. */
  async function forOperator({ userId }: User): Promise<{ code: string; expiresAtMs: number }> {
    const code = newSecret(operatorPrefix);
    const hashed = { salt: noSalt, hash: hashSecret(code) };
    if (!(await store.addAccountCode({ userId, purpose: "operator", code: hashed, lifetimeMs }))) {
      throw new DomainError("user_disabled");
    }
    return { code, expiresAtMs: clock.nowMs() + lifetimeMs };
  }

  /**
   * Sets a password by a code, once, and ends all log-ins. The same refusal where the code is wrong and where there is no such
   * user. Throws `code_invalid`, `empty_name_or_password`, `password_too_short`, `invalid_name`, `try_later`, `busy`.
   */
  async function reset(
    { name, find }: Claimed,
    request: { code: string; password: string; address: string },
  ): Promise<void> {
    const { password, address } = request;
    passwords.accept(password);
    const user = await find();
    const code = await prove(user, { name, code: request.code, address });
    if (user === undefined) throw new DomainError("code_invalid");
    const asker = { network: networkOf(address), account: accountOf(user) };
    const passwordHash = await passwords.hash(password, asker);
    const scramKeys = await passwords.scramKeys(password, asker);
    await store.resetPassword({ userId: user.userId, code, attemptsMax, passwordHash, scramKeys });
    guard.networks.loggedIn(accountOf(user), address);
  }

  /** Gives the code as it is stored, where it is the user's; it stays valid. Throws `code_invalid`, `try_later`. */
  async function prove(
    user: User | undefined,
    shown: { name: string; code: string; address: string },
  ): Promise<string> {
    const { name, address } = shown;
    const isOperators = shown.code.startsWith(`${operatorPrefix}_`);
    const code = isOperators ? shown.code : typedCode(shown.code);
    const isRight = () => store.tryAccountCode({ userId: user?.userId ?? 0, code, attemptsMax });
    if (isOperators) {
      if (await isRight()) return code;
      guard.wrongSecret(address);
      throw new DomainError("code_invalid");
    }
    const account = user === undefined ? undefined : accountOf(user);
    const claim = await guard.claim({ kind: "code", subject: account ?? `name:${name}`, account, address });
    claim.begin();
    let right: boolean;
    try {
      right = await isRight();
    } catch (error) {
      claim.untried();
      throw error;
    }
    if (right) {
      claim.right();
      return code;
    }
    claim.wrong();
    throw new DomainError("code_invalid");
  }

  /** A secret that logs in another client of the user, once. It takes the place of an earlier one. Throws `user_disabled`. */
  async function link({ userId }: User): Promise<{ link: string; expiresAtMs: number }> {
    const secret = newSecret(linkPrefix);
    const code = { salt: noSalt, hash: hashSecret(secret) };
    if (!(await store.addAccountCode({ userId, purpose: "link", code, lifetimeMs: linkLifetimeMs }))) {
      throw new DomainError("user_disabled");
    }
    return { link: secret, expiresAtMs: clock.nowMs() + linkLifetimeMs };
  }

  /** Throws `code_invalid`, `try_later`. */
  async function logInByLink(secret: string, address: string): Promise<User> {
    const userId = await store.takeLogInLink(hashSecret(secret));
    const user = userId === undefined ? undefined : await store.findUser(userId);
    if (user !== undefined) return user;
    guard.wrongSecret(address);
    throw new DomainError("code_invalid");
  }

  return { forgot, forOperator, reset, prove, link, logInByLink };
}

const accountOf = ({ userId }: User): string => `user:${userId}`;
