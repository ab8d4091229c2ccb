/** AUTH: a phone is sent a code by SMS and gets a session by confirming it. */
import type { PhoneSessions } from "../../domain/phones/phone-sessions.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { authAnswer, error } from "../records/answers.ts";
import { readAuth } from "../records/auth-record.ts";
import type { TermRequest } from "../request.ts";

/** The results that are not errors. */
const good = new Set(["login", "sms_send"]);

export async function handleAuth(
  phoneSessions: PhoneSessions,
  { client, session, topic, fields, address, loggedIn }: TermRequest,
): Promise<WireTerm> {
  const { clientId } = session;
  const knows = (token: string): Promise<boolean> => phoneSessions.isKnown(token);
  const { token: boundToken, issuedToken } = client;
  const record = await readAuth(fields, { clientId, topicToken: topic.token, boundToken, issuedToken, knows });
  if (record === undefined) return error("invalid_data"); // not an `Auth` of any generation
  const { token, devKey, phone, language } = record;
  if (record.request === "resend") {
    const { result, token: answered } = await phoneSessions.resend({ token, address, language });
    awaitCode(phoneSessions, session, result);
    return answerOf(result, answered);
  }
  const outcome =
    record.request === "verify"
      ? await phoneSessions.verify({ token, code: record.code ?? "", address })
      : await phoneSessions.issue({ devKey, phone, token, address, clientId, language });
  if (record.request === "issue" && outcome.token !== undefined) client.issuedToken = outcome.token;
  awaitCode(phoneSessions, session, outcome.result);
  if (outcome.session !== undefined) await loggedIn(outcome.session, outcome.token);
  return answerOf(outcome.result, outcome.token);
}

/** A client that was sent a code may stay as long as the code is good. */
function awaitCode({ codeLifetimeMs }: PhoneSessions, session: TermRequest["session"], result: string): void {
  if (result === "sms_send") session.mayStay(codeLifetimeMs);
}

function answerOf(result: string, token: string | undefined): WireTerm {
  // The document has one name for two results: with `ok` the code was sent, with `error` it could not be sent.
  if (result === "sms_failed") return authAnswer("error", "sms_send", token);
  return authAnswer(good.has(result) ? "ok" : "error", result, token);
}
