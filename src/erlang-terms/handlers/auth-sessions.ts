/** What later generations ask of `Auth` besides: the log-ins of the own phone, and to end one of them or all others. */
import type { ListedPhoneSession, PhoneSessions } from "../../domain/phones/phone-sessions.ts";
import type { WireTerm } from "../../etf/encode.ts";
import { atom, binary, Tuple } from "../../etf/term.ts";
import { error, ok } from "../records/answers.ts";
import { readAuthExtra } from "../records/auth-record.ts";
import { textField } from "../records/contact-records.ts";
import type { TermRequest } from "../request.ts";

/** The server keeps no token, so a log-in is called by its number. */
const handleOf = ({ sessionId }: { sessionId: number }): string => `p${sessionId}`;

export async function handleAuthSessions(
  phoneSessions: Pick<PhoneSessions, "list" | "end">,
  { client, session, fields }: Pick<TermRequest, "client" | "session" | "fields">,
): Promise<WireTerm> {
  const record = readAuthExtra(fields);
  if (record === undefined) return error("invalid_data");
  const own = client.phoneSession;
  // To AUTH these are types like any other that it does not have (A9).
  if (own === undefined) return error("invalid_data");
  const { phone } = own;
  const sessions = await phoneSessions.list(phone);
  if (record.request === "list") return sessions.map(authRecord);
  if (record.request === "clear") {
    for (const { sessionId } of sessions) {
      if (sessionId !== own.sessionId) await phoneSessions.end({ phone, sessionId });
    }
    return ok("cleared");
  }
  // Later layouts begin with the client id.
  const isOwn = record.token === undefined || record.token === client.token || record.token === session.clientId;
  const named = isOwn ? handleOf(own) : record.token;
  const meant = sessions.find((one) => handleOf(one) === named);
  if (meant === undefined) return error("session_not_found");
  await phoneSessions.end({ phone, sessionId: meant.sessionId });
  return ok("logout");
}

/** `{'Auth',Token,DevKey,UserId,Phone,ClientId,Type,SmsCode,Attempts,Services,Created,LastOnline}`, as of July 2017. */
function authRecord(session: ListedPhoneSession): WireTerm {
  const { devKey, userId, phone, clientId, createdAtMs, lastOnlineAtMs } = session;
  return new Tuple([
    atom("Auth"),
    binary(handleOf(session)),
    textField(devKey),
    userId,
    binary(phone),
    textField(clientId),
    atom("list"),
    [],
    0,
    [],
    createdAtMs,
    lastOnlineAtMs,
  ]);
}
