/**
 * How REST refuses (docs/protocols/rest.md § Errors). The documented routes answer `{"error":"…"}` to the letter of the REST document,
 * and tell what was wrong in `X-Error-Detail`. Roost's own routes answer RFC 9457 problem documents, which hold the
 * same `error`.
 */
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import type { Log } from "../lib/log.ts";

interface Answer {
  readonly status: number;
  readonly error: string;
  readonly retryAfterSeconds?: number;
}

/** This door's own refusal, before the domain is asked. `detail` is shown to the client: never a secret. */
export class Refusal extends Error {
  readonly answer: Answer;
  readonly detail: string;

  constructor(answer: Answer, detail: string) {
    super(detail);
    this.name = "Refusal";
    this.answer = answer;
    this.detail = detail;
  }
}

const invalidParameters: Answer = { status: 400, error: "Invalid parameters" };
export const badRequest: Answer = { status: 400, error: "Bad request" };
export const invalidChatId: Answer = { status: 400, error: "Invalid chatID" };
const badSignature: Answer = { status: 403, error: "Bad signature" };
const timeConflict: Answer = { status: 409, error: "Time conflict" };
export const userNotFound: Answer = { status: 404, error: "userGUID not found" };
const badToken: Answer = { status: 401, error: "Bad token" };
const outOfScope: Answer = { status: 403, error: "Out of scope" };
const chatNotFound: Answer = { status: 404, error: "ChatID not found" };
export const forbidden: Answer = { status: 403, error: "Not authorized" };
export const fileNotFound: Answer = { status: 404, error: "File not found" };
export const conflict: Answer = { status: 409, error: "Conflict", retryAfterSeconds: 1 };
export const wrongOffset: Answer = { status: 409, error: "Wrong offset" };
export const overtaken: Answer = { status: 409, error: "Overtaken" };
export const mismatch: Answer = { status: 422, error: "Unprocessable content" };
export const hookNotFound: Answer = { status: 404, error: "Hook not found" };
export const webhookNotFound: Answer = { status: 404, error: "Webhook not found" };
export const noLength: Answer = { status: 411, error: "Length required" };
export const tooLarge: Answer = { status: 413, error: "Request too large" };
export const compressed: Answer = { status: 415, error: "Unsupported content encoding" };
export const unsupported: Answer = { status: 415, error: "Unsupported media type" };
export const tooMany: Answer = { status: 429, error: "Too many requests", retryAfterSeconds: 1 };
/** Waiting does not help, so no client is told to. */
const shareFull: Answer = { status: 507, error: "Account full" };
const internal: Answer = { status: 500, error: "Internal server error" };
export const unavailable: Answer = { status: 503, error: "Service unavailable", retryAfterSeconds: 1 };

export const unsigned = (detail: string): Refusal => new Refusal(badSignature, detail);
export const outOfTime = (detail: string): Refusal => new Refusal(timeConflict, detail);
export const unauthorized = (detail: string): Refusal => new Refusal(badToken, detail);

const answers = {
  user_not_found: { status: 404, error: "User not found" },
  wrong_password: badToken,
  user_disabled: badToken,
  username_taken: { status: 409, error: "userID is taken" },
  invalid_name: invalidParameters,
  empty_name_or_password: invalidParameters,
  password_too_short: invalidParameters,
  registration_closed: { status: 403, error: "Registration is closed" },
  token_invalid: badToken,
  chat_not_found: chatNotFound,
  not_a_member: chatNotFound,
  invalid_chat_key: invalidChatId,
  invalid_chat_name: invalidParameters,
  reserved_key: invalidParameters,
  invalid_device: invalidParameters,
  too_many_members: invalidParameters,
  invalid_message: badRequest,
  message_too_large: { status: 413, error: "Message too large" },
  message_not_found: { status: 404, error: "messageID not found" },
  invalid_reaction: badRequest,
  too_many_reactions: { status: 409, error: "Too many reactions" },
  file_not_found: fileNotFound,
  session_not_found: { status: 404, error: "Session not found" },
  token_not_found: { status: 404, error: "Token not found" },
  too_many_tokens: { status: 409, error: "Too many tokens" },
  invalid_scope: invalidParameters,
  out_of_scope: outOfScope,
  code_invalid: { status: 403, error: "Invalid code" },
  code_not_sent: unavailable,
  already_linked: { status: 409, error: "Already linked" },
  not_linked: { status: 404, error: "Not linked" },
  last_credential: { status: 409, error: "Last credential" },
  account_in_use: { status: 409, error: "Other account in use" },
  too_many_invites: { status: 409, error: "Too many invites" },
  invite_invalid: { status: 403, error: "Invalid invite" },
  invalid_query: badRequest,
  search_off: { status: 403, error: "Search is off" },
  too_many_contacts: invalidParameters,
  chat_is_direct: invalidChatId,
  not_authorized: badToken,
  busy: unavailable,
  // The refusal itself says when, where it knows.
  try_later: { status: 429, error: "Too many requests", retryAfterSeconds: 60 },
  storage_full: { status: 507, error: "Insufficient storage", retryAfterSeconds: 30 },
  // Waiting does not help: the account must make room.
  share_full: shareFull,
  stopping: { status: 503, error: "Service unavailable", retryAfterSeconds: 5 },
} as const satisfies Record<DomainErrorCode, Answer>;

/** The words of one documented route: its only answer to a bad request, and its answer to an unknown chat. */
export interface Words {
  readonly bad: Answer;
  readonly unknownChat: Answer;
  /** Where a wrong secret is not worded "Bad token". */
  readonly unauthorized?: Answer;
}

/** Two routes may word the same mistake differently; the document is followed to the letter (R4, R5, R6, R25). */
export const words = {
  token: { bad: invalidParameters, unknownChat: internal },
  refresh: {
    bad: invalidParameters,
    unknownChat: internal,
    unauthorized: { status: 401, error: "refreshToken is not valid" },
  },
  users: { bad: userNotFound, unknownChat: userNotFound },
  deleteChat: { bad: invalidChatId, unknownChat: invalidChatId },
  putUsers: { bad: invalidParameters, unknownChat: invalidParameters },
  getUsers: { bad: invalidChatId, unknownChat: invalidChatId },
  deleteUsers: { bad: badRequest, unknownChat: chatNotFound },
  messages: { bad: badRequest, unknownChat: chatNotFound },
} as const satisfies Record<string, Words>;

interface Finding {
  readonly answer: Answer;
  readonly detail: string;
}

/** Tells the three kinds of error apart. A fault of the server is logged, and its text goes nowhere else. */
function find(error: unknown, log: Log, request: { method: string; path: string }): Finding {
  if (error instanceof Refusal) return { answer: error.answer, detail: error.detail };
  if (error instanceof DomainError) return { answer: answerOf(error), detail: error.reason };
  log.error("a REST request failed", { ...request, error });
  return { answer: internal, detail: "a fault of the server; its log says more" };
}

function answerOf({ code, retryAfterMs }: DomainError): Answer {
  const answer = answers[code];
  return retryAfterMs === undefined
    ? answer
    : { ...answer, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) };
}

/** Only status and words, for an answer that is one line of many. */
export function answerInLine(
  words: Words,
  error: unknown,
  log: Log,
  request: { method: string; path: string },
): { readonly status: number; readonly error: string; readonly detail: string } {
  const { answer, detail } = find(error, log, request);
  const { status, error: text } = wordedBy(words, answer);
  return { status, error: text, detail: printable(detail) };
}

/** What is behind an answer, for the operator's log. */
const causes = new WeakMap<Response, DomainError | Refusal>();

/** Undefined where the answer is no refusal, or a kept one. */
export const causeOf = (response: Response): DomainError | Refusal | undefined => causes.get(response);

function because(response: Response, error: unknown): Response {
  if (error instanceof DomainError || error instanceof Refusal) causes.set(response, error);
  return response;
}

/** `{"error":"…"}` as the document prints it. */
export function answerDocumented(
  words: Words,
  error: unknown,
  log: Log,
  request: { method: string; path: string },
): Response {
  const { answer, detail } = find(error, log, request);
  return because(plain(wordedBy(words, answer), detail), error);
}

const plain = (answer: Answer, detail: string): Response =>
  refusal(answer, `{"error":${JSON.stringify(answer.error)}}`, "application/json", detail);

function wordedBy(words: Words, answer: Answer): Answer {
  if (answer === chatNotFound) return words.unknownChat;
  if (answer === badToken) return words.unauthorized ?? answer;
  if (answer === badSignature || answer === timeConflict || answer === outOfScope) return answer;
  if (answer === userNotFound) return answer;
  if (answer === shareFull) return answer;
  if (answer.status === 507) return { ...internal, ...retryAfter(answer) };
  // 413 and 415 are clearer than 400, though the documents do not have them, and codes of a later try keep their meaning.
  if (clearerThanBad.has(answer.status) || answer.status >= 500) return answer;
  return words.bad;
}

const clearerThanBad: ReadonlySet<number> = new Set([401, 413, 415, 429]);

const retryAfter = (answer: Answer) =>
  answer.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: answer.retryAfterSeconds };

/** RFC 9457, for routes beyond the documents. */
export function answerProblem(error: unknown, log: Log, request: { method: string; path: string }): Response {
  const { answer, detail } = find(error, log, request);
  return because(problem(answer, detail), error);
}

function problem(answer: Answer, detail: string): Response {
  const document = {
    type: "about:blank",
    title: titles.get(answer.status) ?? "Error",
    status: answer.status,
    detail: printable(detail),
    error: answer.error,
  };
  return refusal(answer, JSON.stringify(document), "application/problem+json", detail);
}

const titles = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [409, "Conflict"],
  [411, "Length Required"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [422, "Unprocessable Content"],
  [429, "Too Many Requests"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
  [507, "Insufficient Storage"],
]);

/** Paths and methods that no route serves: JSON too, never HTML. */
export function answerUnknownPath(): Response {
  return problem({ status: 404, error: "Not found" }, "no such path; GET /docs shows the paths there are");
}

/** An address of no hook, or of one that is gone. The caller does not learn which. */
export function answerNoHook(): Response {
  return problem({ status: 404, error: "Not found" }, "this address leads nowhere; ask for a new one");
}

export function answerWrongMethod(allow: readonly string[]): Response {
  const response = problem({ status: 405, error: "Method not allowed" }, `use ${allow.join(" or ")}`);
  response.headers.set("Allow", allow.join(", "));
  return response;
}

/** The methods of a path; `preflight` holds headers where a page of another origin asks and may. */
export function answerOptions(allow: readonly string[], preflight: Readonly<Record<string, string>>): Response {
  const methods = allow.join(", ");
  const headers = { Allow: methods, "Cache-Control": "no-store", ...preflight };
  return new Response(null, {
    status: 204,
    headers: Object.keys(preflight).length === 0 ? headers : { ...headers, "Access-Control-Allow-Methods": methods },
  });
}

/** For a caller who asks too often, in the words of the route. */
export function answerTooOften(documented: boolean, retryAfterSeconds: number): Response {
  const answer: Answer = { ...tooMany, retryAfterSeconds: Math.max(1, retryAfterSeconds) };
  return documented ? plain(answer, "asked too often") : problem(answer, "asked too often");
}

function refusal(answer: Answer, body: string, contentType: string, detail: string): Response {
  const headers: Record<string, string> = {
    "Content-Type": contentType,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Error-Detail": printable(detail) || "unknown",
  };
  // The rest of the body is not read. Without this Bun, and its own stop(), would keep the connection and wait for it.
  if (answer.status === 413) headers["Connection"] = "close";
  if (answer.status === 401) headers["WWW-Authenticate"] = "Bearer";
  if (answer.retryAfterSeconds !== undefined) headers["Retry-After"] = String(answer.retryAfterSeconds);
  return new Response(body, { status: answer.status, headers });
}

/** A text that fits a header: printable ASCII on one line, at most 200 characters. */
export const printable = (text: string): string =>
  text
    .slice(0, 200)
    .replace(/[^\x20-\x7e]/g, "?")
    .trim();
