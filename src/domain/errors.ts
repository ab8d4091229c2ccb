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
  "registration_closed",
  "token_invalid",
  "chat_not_found",
  "not_a_member",
  "chat_is_direct",
  "invalid_chat_key",
  "reserved_key",
  "invalid_device",
  "too_many_members",
  "invalid_message",
  "message_too_large",
  "message_not_found",
  "session_not_found",
  "invite_invalid",
  "too_many_contacts",
  "not_authorized",
  "busy",
  "try_later",
  "storage_full",
  "stopping",
] as const;
export type DomainErrorCode = (typeof domainErrorCodes)[number];

export class DomainError extends Error {
  readonly code: DomainErrorCode;

  /** @param detail for the log and for `X-Error-Detail`: what was wrong, never a secret */
  constructor(code: DomainErrorCode, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = "DomainError";
    this.code = code;
  }
}
