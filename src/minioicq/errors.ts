/** How this door refuses: a reason in words for each of the domain's codes, and close codes for broken frames. */
import type { DomainErrorCode } from "../domain/errors.ts";

/**
 * The MiniOICQ document words the first three; the others are Roost's. A chat of other users and no chat read the same, so that
 * no client learns which chats exist. So do a wrong password and no user where a client typed a name: see `reasonOf`.
 */
export const failReason = {
  user_not_found: "User not found",
  wrong_password: "Incorrect password",
  chat_not_found: "Chat not found",
  not_a_member: "Chat not found",
  invalid_chat_key: "Chat not found",
  invalid_chat_name: "Invalid chat name",
  user_disabled: "User disabled",
  username_taken: "Login name taken",
  invalid_name: "Invalid name",
  empty_name_or_password: "Empty user name or password",
  password_too_short: "Password too short",
  registration_closed: "Registration closed",
  token_invalid: "Invalid token",
  reserved_key: "Reserved name",
  invalid_device: "Invalid device",
  too_many_members: "Too many members",
  invalid_message: "Invalid message",
  message_too_large: "Message too large",
  message_not_found: "Message not found",
  invalid_reaction: "Invalid reaction",
  too_many_reactions: "Too many reactions",
  file_not_found: "File not found",
  session_not_found: "Session not found",
  token_not_found: "Token not found",
  too_many_tokens: "Too many tokens",
  invalid_scope: "Invalid scopes",
  out_of_scope: "Out of scope",
  invite_invalid: "Invalid invite",
  too_many_invites: "Too many invites",
  code_invalid: "Invalid code",
  code_not_sent: "Code not sent",
  already_linked: "Already linked",
  not_linked: "Not linked",
  last_credential: "Last credential",
  account_in_use: "Other account in use",
  invalid_query: "Invalid query",
  search_off: "Search is off",
  too_many_contacts: "Too many contacts",
  chat_is_direct: "Direct chats cannot be changed",
  not_authorized: "Not authorized",
  busy: "Server busy, try again",
  try_later: "Too many attempts, try again later",
  storage_full: "Storage full",
  share_full: "Account full",
  stopping: "Server stopping",
} as const satisfies Record<DomainErrorCode, string>;

/**
 * Ids are counted up and tell nothing; names tell who is here. So a client that tries passwords under a name hears one answer,
 * which the document has for what is no id (O24).
 */
export const reasonOf = (code: DomainErrorCode, { byName }: { byName: boolean }): string =>
  failReason[byName && code === "wrong_password" ? "user_not_found" : code];

/** Close codes of RFC 6455 § 7.4 as this door uses them. */
export const closeCode = {
  normal: 1000,
  goingAway: 1001,
  /** Binary that is not MessagePack. */
  unsupportedData: 1003,
  /** Text that is not JSON. */
  invalidPayload: 1007,
  policy: 1008,
  /** A frame beyond the limit; Bun closes with the same code for one beyond its own limit. */
  tooBig: 1009,
  internal: 1011,
  tryAgainLater: 1013,
} as const;

/** A frame that is not what its opcode promises, or that breaks a bound of the codec. The connection is closed. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** A well-formed frame whose action is refused before any handler sees it. It is answered, and the connection stays. */
export class Refusal {
  /** The answer's `action`: `<action>.fail`, or `error` where the frame names no known action. */
  readonly action: string;
  readonly reason: string;
  readonly clientId: string | undefined;
  /** The reason is for clients that are logged in; others are told that they are not (O19). */
  readonly needsLogIn: boolean;

  constructor(action: string, reason: string, clientId?: string, needsLogIn = false) {
    this.action = action;
    this.reason = reason;
    this.clientId = clientId;
    this.needsLogIn = needsLogIn;
  }
}
