/**
 * Cookies by which a browser fetches files where it can send no header: `<img>`, `<video>` and downloads
 * (docs/protocols/files.md § For pages). A cookie stands for one log-in and opens nothing but the reading of files, so that no
 * address has a secret in it. It ends with the log-in, whose token is looked at for every request, or before.
 *
 * They are in memory alone. After a restart a page asks for another one with its token, as it does at each start.
 */
import type { UserId } from "../domain/model.ts";
import type { Accounts, LoggedIn } from "../domain/people/accounts.ts";
import { newSecret } from "../domain/people/new-secrets.ts";
import { equalHashes, hashSecret } from "../domain/people/secrets.ts";
import { BoundedMap } from "../domain/people/waits.ts";

interface PageSession {
  /** SHA-256 of the cookie. */
  readonly hash: Uint8Array;
  readonly tokenHash: Uint8Array;
}

/** Of one user. One more takes the place of the oldest. */
const perUserMax = 16;
/** Users that have any. One more takes the place of the one who asked longest ago. */
const usersMax = 20_000;

export class PageSessions {
  readonly #cookieName: string;
  readonly #accounts: Pick<Accounts, "findLogIn">;
  readonly #byUser = new BoundedMap<readonly PageSession[]>(usersMax);

  /** Cookies know no ports: the data folder's epoch tells servers of one host apart. */
  constructor(parts: { readonly accounts: Pick<Accounts, "findLogIn">; readonly epoch: string }) {
    this.#accounts = parts.accounts;
    this.#cookieName = `roost_${parts.epoch.slice(0, 8)}`;
  }

  /**
   * Gives the value of `Set-Cookie`. A log-in has one cookie: where the request shows it already it stays, since other tabs
   * use it, and else it is replaced.
   */
  open({ user: { userId }, tokenHash }: LoggedIn, { headers }: Request, isSecure: boolean): string {
    const shown = this.cookieOf(headers);
    const others = this.#sessionsOf(userId).filter((one) => !equalHashes(one.tokenHash, tokenHash));
    const kept = shown === undefined ? undefined : this.#find(shown);
    const own = kept !== undefined && equalHashes(kept.tokenHash, tokenHash) ? shown : undefined;
    const cookie = own ?? `${userId}.${newSecret("rc")}`;
    const session = { hash: hashSecret(cookie), tokenHash };
    this.#byUser.set(String(userId), [...others.slice(1 - perUserMax), session]);
    return `${this.#cookieName}=${cookie}; ${attributes(isSecure)}`;
  }

  /** Ends the cookie that a request shows. Gives the value of `Set-Cookie` that makes the browser forget it. */
  end({ headers }: Request, isSecure: boolean): string {
    const shown = this.cookieOf(headers);
    const session = shown === undefined ? undefined : this.#find(shown);
    if (shown !== undefined && session !== undefined) {
      const userId = userOf(shown);
      const left = this.#sessionsOf(userId).filter((one) => one !== session);
      if (left.length === 0) this.#byUser.delete(userId);
      else this.#byUser.set(userId, left);
    }
    return `${this.#cookieName}=; ${attributes(isSecure)}; Max-Age=0`;
  }

  /** The log-in whose cookie a request shows; undefined where it shows none, or one that ended. */
  async logInOf({ headers }: Pick<Request, "headers">): Promise<LoggedIn | undefined> {
    const shown = this.cookieOf(headers);
    const session = shown === undefined ? undefined : this.#find(shown);
    return session === undefined ? undefined : this.#accounts.findLogIn(session.tokenHash);
  }

  /** What a request shows, right or wrong. */
  cookieOf(headers: Headers): string | undefined {
    const cookies = headers.get("cookie");
    if (cookies === null) return undefined;
    for (const one of cookies.split(";")) {
      const [name, value = ""] = one.trim().split("=", 2);
      if (name === this.#cookieName && form.test(value)) return value;
    }
    return undefined;
  }

  #find(cookie: string): PageSession | undefined {
    const hash = hashSecret(cookie);
    return this.#sessionsOf(userOf(cookie)).find((one) => equalHashes(one.hash, hash));
  }

  #sessionsOf = (userId: UserId | string): readonly PageSession[] => this.#byUser.get(String(userId)) ?? [];
}

/** The user's id, to look among their cookies alone, and the secret. */
const form = /^\d{1,16}\.rc_[\w-]{32}$/;

const userOf = (cookie: string): string => cookie.slice(0, cookie.indexOf("."));

/** It ends with the browser too. No script reads it, and no other site's page has it sent. */
const attributes = (isSecure: boolean): string => `Path=/_/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
