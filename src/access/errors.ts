/** A `DomainError` in the words of MQTT: where a client is refused, and where its PUBLISH is. */
import type { DomainError, DomainErrorCode } from "../domain/errors.ts";
import type { Authentication, Principal } from "../mqtt/identity.ts";
import type { PublishRefusal } from "../mqtt/service.ts";

type ConnectRefusal = Extract<Authentication<Principal>, { refused: string }>["refused"];

/** For the codes that a log-in may end with. */
const connectRefusals: Readonly<Partial<Record<DomainErrorCode, ConnectRefusal>>> = {
  user_not_found: "bad_credentials",
  wrong_password: "bad_credentials",
  token_invalid: "bad_credentials",
  invalid_name: "bad_credentials",
  empty_name_or_password: "bad_credentials",
  password_too_short: "bad_credentials",
  user_disabled: "not_authorized",
  not_authorized: "not_authorized",
  registration_closed: "not_authorized",
  invite_invalid: "not_authorized",
  code_invalid: "not_authorized",
  busy: "busy",
  try_later: "busy",
};

/** Gives what CONNECT is refused with. Any other failure is not the client's fault: it may try again. */
export const connectRefusalOf = (code: DomainErrorCode): ConnectRefusal => connectRefusals[code] ?? "unavailable";

/** What a PUBLISH is refused with (MQTT 5 § 3.4.2.1). */
export const publishRefusalOf = {
  chat_not_found: "not_authorized",
  not_a_member: "not_authorized",
  user_disabled: "not_authorized",
  user_not_found: "not_authorized",
  not_authorized: "not_authorized",
  invalid_chat_key: "topic_name_invalid",
  invalid_chat_name: "not_authorized",
  reserved_key: "topic_name_invalid",
  invalid_message: "payload_format_invalid",
  message_too_large: "quota_exceeded",
  too_many_members: "quota_exceeded",
  busy: "quota_exceeded",
  try_later: "quota_exceeded",
  storage_full: "quota_exceeded",
  share_full: "quota_exceeded",
  stopping: "quota_exceeded",
  wrong_password: "not_authorized",
  username_taken: "not_authorized",
  invalid_name: "not_authorized",
  empty_name_or_password: "not_authorized",
  password_too_short: "not_authorized",
  registration_closed: "not_authorized",
  token_invalid: "not_authorized",
  invalid_device: "not_authorized",
  chat_is_direct: "not_authorized",
  message_not_found: "not_authorized",
  invalid_reaction: "payload_format_invalid",
  too_many_reactions: "quota_exceeded",
  file_not_found: "not_authorized",
  session_not_found: "not_authorized",
  token_not_found: "not_authorized",
  too_many_tokens: "quota_exceeded",
  invalid_scope: "not_authorized",
  out_of_scope: "not_authorized",
  invite_invalid: "not_authorized",
  too_many_invites: "quota_exceeded",
  code_invalid: "not_authorized",
  code_not_sent: "not_authorized",
  already_linked: "not_authorized",
  not_linked: "not_authorized",
  last_credential: "not_authorized",
  account_in_use: "not_authorized",
  invalid_query: "payload_format_invalid",
  search_off: "not_authorized",
  too_many_contacts: "quota_exceeded",
} as const satisfies Record<DomainErrorCode, PublishRefusal>;

/** The reason string of that. Who is not in a chat is not told whether it is there. */
export const publishReasonOf = ({ code, message }: DomainError): string =>
  code === "not_a_member" ? "chat_not_found" : message;
