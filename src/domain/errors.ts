/**
 * The product's ways to say no. Each door has a table that gives every code its form in that protocol; a new code does
 * not compile until every table has it.
 */
export const domainErrorCodes = [
  "user_not_found",
  "wrong_password",
  "user_disabled",
  "username_taken",
  "invalid_name",
  "empty_name_or_password",
  "password_too_short",
  "registration_closed",
  "token_invalid",
  "chat_not_found",
  "not_a_member",
  "chat_is_direct",
  "invalid_chat_key",
  "invalid_chat_name",
  "reserved_key",
  "invalid_device",
  "too_many_members",
  "invalid_message",
  "message_too_large",
  "message_not_found",
  "invalid_reaction",
  "too_many_reactions",
  "file_not_found",
  "session_not_found",
  "token_not_found",
  "too_many_tokens",
  "invalid_scope",
  "out_of_scope",
  "invite_invalid",
  "too_many_invites",
  "code_invalid",
  "code_not_sent",
  "already_linked",
  "not_linked",
  "last_credential",
  "account_in_use",
  "invalid_query",
  "search_off",
  "too_many_contacts",
  "not_authorized",
  "busy",
  "try_later",
  "storage_full",
  "share_full",
  "stopping",
] as const;
export type DomainErrorCode = (typeof domainErrorCodes)[number];

/** Who is not in a chat is not told whether it is there. */
const noChatOfTheirs = "there is no such chat, or the user is not in it";

/** Each in words, for people: operators, and the developers of clients. */
const sentences: Readonly<Record<DomainErrorCode, string>> = {
  user_not_found: "there is no such user",
  wrong_password: "the password is wrong",
  user_disabled: "the user is disabled",
  username_taken: "another user or device has this name; choose another one",
  invalid_name: "this name or password cannot be used",
  empty_name_or_password: "the name or the password is empty",
  password_too_short: "the password is too short",
  registration_closed: "registration is closed; the operator or the backend makes users here",
  token_invalid: "the token is wrong or has ended; log in again",
  chat_not_found: noChatOfTheirs,
  not_a_member: noChatOfTheirs,
  chat_is_direct: "this cannot be done with a direct chat",
  invalid_chat_key: "this is no chatID",
  invalid_chat_name: "this chat name cannot be used",
  reserved_key: "this name is reserved; choose another one",
  invalid_device: "this device cannot be made",
  too_many_members: "these are too many at once",
  invalid_message: "this message cannot be sent",
  message_too_large: "the message is too large",
  message_not_found: "there is no such message",
  invalid_reaction: "this cannot be a reaction",
  too_many_reactions: "this message has too many kinds of reactions; use one of them",
  file_not_found: "there is no such file, or it is not yours",
  session_not_found: "there is no such log-in",
  token_not_found: "there is no such token",
  too_many_tokens: "the account has as many long-lived tokens as one may; revoke some",
  invalid_scope: "this is no scope",
  out_of_scope: "the token does not open this; log in with the password, or make a token with another scope",
  invalid_query: "this cannot be searched for",
  search_off: "search is off on this server; its operator can turn it on",
  code_invalid: "the code is wrong, used up or has ended",
  code_not_sent: "the code could not be sent; try again later",
  already_linked: "the account has such a log-in already; unlink it first",
  not_linked: "the account has no such log-in",
  last_credential: "the account has no other log-in; link another one first",
  account_in_use: "another account has it, with messages, chats or contacts, and accounts are not merged",
  too_many_invites: "the account has as many invitations as one may; wait until one has ended",
  invite_invalid: "the invitation is wrong, used up or has ended",
  too_many_contacts: "these are too many contacts",
  not_authorized: "this is not allowed",
  busy: "the server is busy; try again in a moment",
  try_later: "too many tries; wait and try again",
  storage_full: "the disk is full; make room on it",
  share_full: "this account has no room left; delete messages or uploads of it",
  stopping: "the server is stopping; try again when it is back",
};

export class DomainError extends Error {
  readonly code: DomainErrorCode;
  /** A sentence for people: what was wrong, never a secret. */
  readonly reason: string;
  /** When trying again makes sense; undefined where that is not known. */
  readonly retryAfterMs: number | undefined;

  /** @param detail what exactly was wrong, never a secret */
  constructor(code: DomainErrorCode, detail?: string, { retryAfterMs }: { retryAfterMs?: number } = {}) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = "DomainError";
    this.code = code;
    this.reason = detail === undefined ? sentences[code] : `${sentences[code]}: ${detail}`;
    this.retryAfterMs = retryAfterMs;
  }
}
