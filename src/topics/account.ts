/** Who a plain MQTT client is: a user by password or access token, or, on an open broker, nobody in particular. */
import type { Domain } from "../domain/domain.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { safeInteger } from "../domain/keys.ts";
import type { User, UserId } from "../domain/model.ts";
import type { Log } from "../lib/log.ts";
import type { Authentication, ConnectRequest, Principal } from "../mqtt/hooks.ts";

export interface Account extends Principal {
  /** Undefined for an anonymous client of an open broker. */
  readonly userId: UserId | undefined;
}

/** The token says who it is; the name must only not say somebody else. */
const isNameOf = (user: User, name: string): boolean =>
  name === user.userKey || name === `user.${user.userId}` || name === String(user.userId);

/** `off`: nobody connects without a name. `full`: an open broker, for a trusted network. */
export type Anonymous = "off" | "full";

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
  too_many_members: "unavailable",
  invalid_message: "unavailable",
  message_too_large: "unavailable",
} as const satisfies Record<DomainErrorCode, Refusal>;

export function createAuthenticate({ domain, anonymous, log }: { domain: Domain; anonymous: Anonymous; log: Log }) {
  return async function authenticate(connect: ConnectRequest): Promise<Authentication<Account>> {
    const { username, address } = connect;
    if (username === undefined || username === "") {
      if (anonymous === "off") return { refused: "not_authorized" };
      return { principal: { key: "anonymous", userId: undefined }, persistent: false };
    }
    try {
      const password = new TextDecoder("utf-8").decode(connect.password ?? new Uint8Array());
      const { userId } = await logIn(username, password, address);
      return { principal: { key: `user:${userId}`, userId }, persistent: true };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      log.debug("a client was refused", { address, reason: error.code });
      return { refused: refusalOf[error.code] };
    }
  };

  /** The password is the user's own, or an access token of the same user. */
  async function logIn(username: string, password: string, address: string): Promise<User> {
    if (password.startsWith("ra_")) {
      const { user } = await domain.accounts.logInWithToken(password, address);
      if (!isNameOf(user, username)) throw new DomainError("token_invalid");
      return user;
    }
    const user = await find(username);
    const account = user === undefined ? username.slice(0, 256) : String(user.userId);
    return domain.accounts.logInWithPassword(user, { account, password, address });
  }

  /** An exact username (or `user.<userId>`), else a bare number as a user id. */
  async function find(username: string): Promise<User | undefined> {
    const named = await domain.store.findUserByKey(username);
    if (named !== undefined) return named;
    const userId = safeInteger(username);
    return userId === undefined ? undefined : domain.store.findUser(userId);
  }
}
