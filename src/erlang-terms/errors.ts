/**
 * A `DomainError` in the words of conversation: `{io,{error,Word},<<>>}`. What has no word is refused by the broker, since
 * it concerns the server or the account as a whole.
 */
import type { DomainErrorCode } from "../domain/errors.ts";

/** What is not there and what is not the user's have the same word. */
export const wordOf = {
  chat_not_found: "not_found",
  not_a_member: "not_found",
  user_not_found: "not_found",
  message_not_found: "not_found",
  file_not_found: "not_found",
  session_not_found: "not_found",
  token_not_found: "not_found",
  not_authorized: "permission_denied",
  chat_is_direct: "permission_denied",
  user_disabled: "not_authorized",
  out_of_scope: "not_authorized",
  registration_closed: "not_authorized",
  token_invalid: "not_authorized",
  invite_invalid: "not_authorized",
  code_invalid: "not_authorized",
  wrong_password: "not_authorized",
  invalid_message: "invalid_data",
  message_too_large: "too_large",
  invalid_chat_key: "invalid_data",
  invalid_chat_name: "invalid_data",
  reserved_key: "invalid_data",
  invalid_name: "invalid_data",
  empty_name_or_password: "invalid_data",
  password_too_short: "invalid_data",
  invalid_device: "invalid_data",
  invalid_reaction: "invalid_data",
  invalid_scope: "invalid_data",
  invalid_query: "invalid_data",
  username_taken: "permission_denied",
  search_off: "permission_denied",
  too_many_members: "limit",
  too_many_reactions: "limit",
  too_many_tokens: "limit",
  too_many_contacts: "limit",
  busy: undefined,
  try_later: "limit",
  storage_full: undefined,
  share_full: undefined,
  stopping: undefined,
} as const satisfies Record<DomainErrorCode, string | undefined>;
