/**
 * What clients were refused, for the operator's log: who, what, why, and the command or the setting that would allow it.
 * Never a password, a code, a token or a message; a door masks what its topics hold of these.
 */
import { networkOf } from "../../lib/client-network.ts";
import type { Log } from "../../lib/log.ts";
import { createMinuteLog } from "../../lib/minute-log.ts";
import { DomainError, type DomainErrorCode } from "../errors.ts";
import type { User } from "../model.ts";

export type NamedUser = Pick<User, "userId" | "userKey" | "username" | "nick">;

export type Who =
  | { readonly user: NamedUser }
  | { readonly device: string }
  /** The name that a client gave which is no user's; undefined where it gave none. */
  | { readonly stranger: string | undefined };

/** In words; `allow` is undefined where nothing would allow it. */
export interface Reason {
  readonly why: string;
  readonly allow: string | undefined;
}

export interface ClientRefusal {
  readonly door: "mqtt" | "minioicq" | "rest";
  /** What it asked for: `connect`, `publish`, `message.send`, `POST /messages`. */
  readonly asked: string;
  readonly who: Who;
  readonly address: string;
  readonly clientId?: string | undefined;
  /** Without tokens. */
  readonly topic?: string | undefined;
  readonly reason: Reason | DomainError;
}

export type Refusals = ReturnType<typeof createRefusals>;

export function createRefusals({ log }: { log: Log }) {
  const lines = createMinuteLog({ log, rest: "more was refused to clients in this minute" });

  /** A `DomainError` that is no refusal of a right is none here. */
  function note(refusal: ClientRefusal): void {
    const { door, asked, who, address, clientId, topic, reason } = refusal;
    const said = reason instanceof DomainError ? reasonOf(reason, who) : reason;
    if (said === undefined) return;
    const cause = reason instanceof DomainError ? reason.code : reason.why;
    lines.note(`${keyOf(who, address)} ${cause}`, "a client was refused", () => ({
      door,
      asked,
      ...namesOf(who),
      ...(clientId === undefined ? {} : { clientId: clientId.slice(0, textMax) }),
      address,
      ...(topic === undefined ? {} : { topic: topic.slice(0, textMax) }),
      why: said.why,
      ...(said.allow === undefined ? {} : { allow: said.allow }),
    }));
  }

  return { note, close: lines.close };
}

const textMax = 200;

/** One line for each account; for strangers, one for each network. */
function keyOf(who: Who, address: string): string {
  if ("user" in who) return `user:${who.user.userId}`;
  return "device" in who ? `device:${who.device}` : networkOf(address);
}

function namesOf(who: Who): Record<string, string> {
  if ("user" in who) return { user: nameOfUser(who.user) };
  if ("device" in who) return { device: who.device };
  const shown = shownName(who.stranger);
  return shown === undefined ? {} : { name: shown };
}

/** A user's name for people: `anna`, or `Anna (user.10001)` where only the number is theirs alone. */
export const nameOfUser = ({ username, nick, userKey }: Omit<NamedUser, "userId">): string =>
  username ?? `${nick} (${userKey})`;

/**
 * A name that is no user's may be a password or a token in the wrong place, so only what looks like a name is shown. It
 * may stand in a command line as it is.
 */
const shownName = (name: string | undefined): string | undefined =>
  name !== undefined && /^[a-zA-Z0-9+][a-zA-Z0-9._@-]{0,31}$/.test(name) ? name : undefined;

type Remedy = (name: string, who: Who) => string | undefined;

/** What would allow it. A code that is not here is no refusal of a right: the client asked for what there is not. */
const remedies: Readonly<Partial<Record<DomainErrorCode, Remedy>>> = {
  user_not_found: (name) => `roost user add ${name}`,
  wrong_password: (name, who) => ("device" in who ? `roost device passwd ${name}` : `roost user passwd ${name}`),
  user_disabled: (name) => `roost user enable ${name}`,
  token_invalid: () => "a new token, of POST /token or of a log-in",
  registration_closed: () => 'registration = "open" or "invite"',
  invite_invalid: () => "roost user invite",
  not_a_member: () => "the chat's members: PUT /chats/{chatID}/users",
  chat_not_found: () => "a chat of that name: PUT /chats/{chatID}/users",
  not_authorized: (_, who) => ("stranger" in who ? "roost key rotate makes a new backend key" : undefined),
  out_of_scope: () => "a token with another scope: roost token add makes one",
  share_full: (name) => `limits.disk_bytes_per_user, or roost user trust ${name}`,
  try_later: () => "login.failures_per_minute, login.failures_per_account_hour, registrations_per_address_hour",
};

function reasonOf(error: DomainError, who: Who): Reason | undefined {
  const remedy = remedies[error.code];
  // A user who looks for another one is told that there is none.
  if (remedy === undefined || (error.code === "user_not_found" && !("stranger" in who))) return undefined;
  const name = "user" in who ? who.user.userKey : "device" in who ? who.device : shownName(who.stranger);
  return { why: error.reason, allow: remedy(name ?? "NAME", who) };
}
