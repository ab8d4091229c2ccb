/**
 * Log-ins by phone: the server issues a token and sends a code to the phone; a client that gives both is logged in
 * (docs/protocols/erlang-terms.md § AUTH). The token is the session: opaque, stored hashed, without an expiry but
 * revocable. Results have the words of the document.
 */
import { randomBytes } from "node:crypto";
import { type Clock, later } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { DomainError } from "../errors.ts";
import type { UserId } from "../model.ts";
import type { Registration } from "../people/accounts.ts";
import type { LoginGuard, Try } from "../people/login-guard.ts";
import { hashSecret } from "../people/secrets.ts";
import type { Store } from "../store.ts";
import { typedCode } from "./codes.ts";
import { hashNewCode, newCode } from "./new-codes.ts";
import type { PhoneLimits, StoredPhoneSession } from "./phone-store.ts";
import { phoneIdOf, phoneOf } from "./phones.ts";

export const defaultPhoneLimits: PhoneLimits = {
  codeLifetimeMs: 600_000,
  codeCooldownMs: 60_000,
  attemptsMax: 5,
  pendingMs: 86_400_000,
  pendingPerDeviceMax: 5,
  pendingPerPhoneMax: 100,
  pendingMax: 100_000,
  sessionsPerPhoneMax: 100,
};

/** A client's own token becomes its session's token where it is too long to be guessed. */
const ownTokenBytesMin = 16;
const tokenBytesMax = 1024;
const devKeyBytesMax = 512;
const clientIdBytesMax = 1024;
const languageCharactersMax = 16;

/** A log-in whose phone was confirmed. */
export interface PhoneSession {
  readonly sessionId: number;
  readonly phone: string;
  /** The first user of the phone at the time of the log-in. */
  readonly userId: UserId;
  readonly phoneId: string;
  readonly verified: true;
  readonly devKey: string;
  /** The language of what is sent to the phone, as the client gave it at log-in. */
  readonly language: string | undefined;
  /** As it was at the log-in: see `StoredPhoneSession`. */
  readonly hearsChats: boolean;
}

export interface ListedPhoneSession extends PhoneSession {
  readonly clientId: string | undefined;
  readonly createdAtMs: number;
  readonly lastOnlineAtMs: number;
}

export type SendCode = (message: {
  phone: string;
  code: string;
  language: string | undefined;
  address: string;
}) => Promise<"sent" | "failed" | "refused">;

export interface IssueRequest {
  readonly devKey: string | undefined;
  /** As written; phones are compared by their digits. */
  readonly phone: string | undefined;
  readonly token: string | undefined;
  /** The token of the session that the connection is bound to; used where no token is given. */
  readonly boundToken?: string | undefined;
  readonly address: string;
  readonly clientId: string | undefined;
  /** The language of the text with the code. */
  readonly language: string | undefined;
}

export interface Issued {
  readonly result:
    | "sms_send"
    | "sms_failed"
    | "not_verified"
    | "login"
    | "mismatch_user_data"
    | "miltiple_devices"
    | "session_not_found";
  readonly token: string | undefined;
  /** Present with `login`. */
  readonly session?: PhoneSession;
}

export interface Verified {
  readonly result:
    | "login"
    | "already_registered"
    | "attempts_expired"
    | "invalid_sms_code"
    | "roster_not_found"
    | "session_not_found";
  readonly token: string | undefined;
  /** Present with `login`. */
  readonly session?: PhoneSession;
}

export interface Resent {
  readonly result: "sms_send" | "sms_failed" | "roster_not_found" | "session_not_found";
  readonly token: string | undefined;
}

export type PhoneSessions = ReturnType<typeof createPhoneSessions>;

export function createPhoneSessions(parts: {
  store: Store;
  clock: Clock;
  guard: LoginGuard;
  sendCode: SendCode;
  /** The code of a test number; nothing is sent to such a number. */
  fixedCodeOf: (phone: string) => string | undefined;
  log: Log;
  limits?: Partial<PhoneLimits>;
  /** Unless it is `open`, only phones that have a profile log in, since AUTH has no field for an invitation. */
  registration?: Registration;
  /** Whether a client may use a token of its own. */
  clientTokens?: boolean;
}) {
  const { store, clock, guard, log } = parts;
  const limits: PhoneLimits = { ...defaultPhoneLimits, ...parts.limits };
  const mayRegister = (parts.registration ?? "open") === "open";
  const clientTokens = parts.clientTokens !== false;
  /** Sessions whose next code is being sent, by the hex of their token's hash. */
  const renewing = new Set<string>();

  /** AUTH § Auth Issuing. Throws `registration_closed`, `storage_full`. */
  async function issue(request: IssueRequest): Promise<Issued> {
    const shown = tokenOf(request.token) ?? tokenOf(request.boundToken);
    const { address } = request;
    const known = shown === undefined ? undefined : await find(shown);
    if (known !== undefined && (await isHeldUp(known, address))) return { result: "sms_failed", token: shown };
    // Whether a token exists can be learned here too, so every unknown one counts.
    const slowed = shown !== undefined && known === undefined && isSlowed(address);
    const fresh = newToken();
    const phone = writtenPhone(request.phone);
    const code = codeFor(phone ?? undefined);
    const begun = await store.beginPhoneSession({
      shown: shown === undefined ? undefined : hashSecret(shown),
      shownIsUsable: shown !== undefined && clientTokens && isOwnToken(shown),
      fresh: hashSecret(fresh),
      devKey: boundedText(request.devKey, devKeyBytesMax),
      phone,
      clientId: boundedText(request.clientId, clientIdBytesMax) ?? undefined,
      language: languageOf(request.language),
      code: hashNewCode(code.text),
      mayRegister,
      limits,
    });
    if (begun.result === "login") {
      return { result: "login", token: shown, session: loggedIn(begun.session, address) };
    }
    if (begun.result === "not_verified" || begun.result === "send") {
      const token = begun.token === "shown" ? shown : fresh;
      if (begun.result === "not_verified") return { result: "not_verified", token };
      const sent = await send({ phone: phone ?? "", code, language: languageOf(request.language), address });
      if (!sent) await store.phoneCodeFailed(begun.codeId);
      return { result: sent ? "sms_send" : "sms_failed", token };
    }
    if (begun.result === "session_not_found" && slowed) return { result: "sms_failed", token: shown };
    return { result: begun.result, token: undefined };
  }

  /** AUTH § User Confirmation. */
  async function verify(request: {
    token: string | undefined;
    code: string | undefined;
    address: string;
  }): Promise<Verified> {
    const token = tokenOf(request.token);
    if (token === undefined) return { result: "session_not_found", token: undefined };
    const { address } = request;
    const session = await find(token);
    if (session !== undefined && (await isHeldUp(session, address))) return { result: "attempts_expired", token };
    const phone = session?.userId === undefined ? session?.phone : undefined;
    // A token that is wrong, or was confirmed already, needs no code.
    const claim = phone === undefined ? undefined : await claimOf(phone, address);
    try {
      claim?.begin();
    } catch (error) {
      if (error instanceof DomainError && error.code === "try_later") return { result: "attempts_expired", token };
      throw error;
    }
    const code = typedCode(request.code);
    const verified = await store
      .verifyPhoneSession({ token: hashSecret(token), code, mayRegister, limits })
      .catch((error: unknown) => {
        claim?.untried();
        throw error;
      });
    if (verified.result === "invalid_sms_code") claim?.wrong();
    else if (verified.result === "login") claim?.right();
    else claim?.untried();
    switch (verified.result) {
      case "login":
        return { result: "login", token, session: loggedIn(verified.session, address) };
      case "session_not_found":
        if (isSlowed(address)) return { result: "attempts_expired", token };
        return { result: "session_not_found", token: undefined };
      case "roster_not_found":
        return { result: "roster_not_found", token: undefined };
      default:
        return { result: verified.result, token };
    }
  }

  /** Wrong codes are counted for the phone. Its first user says which networks are its own. */
  async function claimOf(phone: string, address: string): Promise<Try> {
    const [userId] = await store.listUserIdsOfPhone(phone);
    const account = userId === undefined ? undefined : accountOf(userId);
    return guard.claim({ kind: "code", subject: `phone:${phone}`, account, address });
  }

  /** AUTH § Resend User Confirmation. The earlier code stays valid, with its tries, unless the new one was sent. */
  async function resend(request: {
    token: string | undefined;
    address: string;
    language: string | undefined;
  }): Promise<Resent> {
    const token = tokenOf(request.token);
    if (token === undefined) return { result: "session_not_found", token: undefined };
    const hash = hashSecret(token);
    const key = Buffer.from(hash).toString("hex");
    if (renewing.has(key)) return { result: "sms_failed", token }; // The next code is being sent already.
    renewing.add(key);
    try {
      const begunAfterMs = later(clock.steadyMs(), -limits.pendingMs);
      const { state, phone, language } = await store.findPhoneCodeState({ token: hash, begunAfterMs });
      if (state !== "open" || phone === undefined) return resent(state, token, request.address);
      const code = codeFor(phone);
      const { address } = request;
      const sent = await send({ phone, code, language: languageOf(request.language) ?? language, address });
      if (!sent) return { result: "sms_failed", token };
      const { codeLifetimeMs: lifetimeMs, pendingMs } = limits;
      const renewed = { token: hash, pendingMs, code: hashNewCode(code.text), lifetimeMs };
      const now = await store.renewPhoneCode(renewed);
      return resent(now, token, address);
    } finally {
      renewing.delete(key);
    }
  }

  function resent(
    state: "open" | "verified" | "roster_not_found" | "session_not_found",
    token: string,
    address: string,
  ): Resent {
    if (state === "open") return { result: "sms_send", token };
    if (state === "verified") return { result: "sms_failed", token };
    if (state === "session_not_found" && isSlowed(address)) return { result: "sms_failed", token };
    return { result: state, token: undefined };
  }

  /**
   * Gives the session of a token that a client sent, if the session was verified and its user is enabled. A wrong token
   * is counted unless the caller counts it (`counts: false`). Throws `try_later`.
   */
  async function logInWithToken(
    written: string,
    { address, counts = true }: { address: string; counts?: boolean },
  ): Promise<PhoneSession | undefined> {
    const session = await find(written);
    if (session === undefined && counts) guard.wrongSecret(address);
    if (session?.userId === undefined) return undefined;
    if (await isHeldUp(session, address)) throw new DomainError("try_later", "too many wrong tokens from this address");
    const user = await store.findUser(session.userId);
    if (user === undefined || user.disabled) return undefined;
    store.touchPhoneSession(session.sessionId, clock.nowMs()).catch((error: unknown) => {
      log.debug("the last use of a session could not be written", { sessionId: session.sessionId, error });
    });
    return loggedIn(session, address);
  }

  /**
   * Whether a token is not listened to for now. One that the server made always passes. One that its client brought may
   * have been guessed: where its network showed too many wrong ones, it passes only if its user logged in from there.
   */
  async function isHeldUp({ userId, tokenIsOwn }: StoredPhoneSession, address: string): Promise<boolean> {
    if (userId === undefined || !tokenIsOwn || !guard.isSlowed(address)) return false;
    return !(await guard.networks.has(accountOf(userId), address));
  }

  /** Counts a wrong token. Whether its network showed too many. */
  function isSlowed(address: string): boolean {
    try {
      guard.wrongSecret(address);
      return false;
    } catch (error) {
      if (error instanceof DomainError && error.code === "try_later") return true;
      throw error;
    }
  }

  function loggedIn(stored: StoredPhoneSession, address: string): PhoneSession {
    const session = toPhoneSession(stored);
    guard.networks.loggedIn(accountOf(session.userId), address);
    return session;
  }

  async function find(written: string | undefined): Promise<StoredPhoneSession | undefined> {
    const token = tokenOf(written);
    return token === undefined ? undefined : store.findPhoneSession(hashSecret(token));
  }

  /** From now on the log-in's client hears of chats, each time it comes. */
  async function hearChats({ sessionId }: Pick<PhoneSession, "sessionId">): Promise<void> {
    await store.hearPhoneSession(sessionId);
  }

  /** Ends one of the phone's log-ins; false where the phone has no such log-in. */
  async function end({ phone, sessionId }: { phone: string; sessionId: number }): Promise<boolean> {
    return store.endPhoneSession({ phone, sessionId });
  }

  /** Sends a code; nothing to a test number. A failure of the gateway is logged, without the text. */
  async function send(message: {
    phone: string;
    code: { text: string; fixed: boolean };
    language: string | undefined;
    address: string;
  }): Promise<boolean> {
    const { phone, code, language, address } = message;
    if (code.fixed) return true;
    const outcome = await parts.sendCode({ phone, code: code.text, language, address }).catch((error: unknown) => {
      log.error("a code could not be sent", { error: error instanceof Error ? error.name : "unknown" });
      return "failed" as const;
    });
    return outcome === "sent";
  }

  function codeFor(phone: string | undefined): { text: string; fixed: boolean } {
    const fixed = phone === undefined ? undefined : parts.fixedCodeOf(phone);
    return fixed === undefined ? { text: newCode(), fixed: false } : { text: fixed, fixed: true };
  }

  return {
    codeLifetimeMs: limits.codeLifetimeMs,
    issue,
    verify,
    resend,
    logInWithToken,
    /** Whether the token belongs to a session, verified or not. */
    isKnown: async (token: string): Promise<boolean> => (await find(token)) !== undefined,
    /** Verified sessions, the newest first. */
    list: async (phone: string): Promise<ListedPhoneSession[]> =>
      (await store.listPhoneSessions(phone)).map((session) => ({
        ...toPhoneSession(session),
        clientId: session.clientId,
        createdAtMs: session.createdAtMs,
        lastOnlineAtMs: session.lastOnlineAtMs,
      })),
    end,
    hearChats,
  };
}

export function toPhoneSession(session: StoredPhoneSession): PhoneSession {
  const { sessionId, phone, userId, devKey, language, hearsChats } = session;
  if (userId === undefined) throw new Error(`session ${sessionId} was not verified`);
  const phoneId = phoneIdOf({ phone, userId });
  return { sessionId, phone, userId, phoneId, verified: true, devKey, language, hearsChats };
}

const accountOf = (userId: UserId): string => `user:${userId}`;

const newToken = (): string => randomBytes(32).toString("hex");

const tokenOf = (written: string | undefined): string | undefined => (written === "" ? undefined : written);

function isOwnToken(token: string): boolean {
  const bytes = Buffer.byteLength(token);
  return bytes >= ownTokenBytesMin && bytes <= tokenBytesMax && token.isWellFormed();
}

/** Undefined: no phone was given. Null: the given phone is no number. */
const writtenPhone = (written: string | undefined): string | null | undefined =>
  written === undefined || written === "" ? undefined : (phoneOf(written) ?? null);

function boundedText(text: string | undefined, bytesMax: number): string | null | undefined {
  if (text === undefined || text === "") return undefined;
  return Buffer.byteLength(text) > bytesMax || !text.isWellFormed() ? null : text;
}

const languageOf = (language: string | undefined): string | undefined =>
  language === undefined || language.length > languageCharactersMax || !/^[A-Za-z][A-Za-z0-9_-]*$/.test(language)
    ? undefined
    : language;
