/**
 * Handles the requests of one client in order: a term is decoded, the handler of its record answers it, and the answer
 * is sent.
 */
import type { Account, Accounts } from "../access/accounts.ts";
import type { RefusalNotes } from "../access/refusals.ts";
import { DomainError, type DomainErrorCode } from "../domain/errors.ts";
import { type Need, requireScope } from "../domain/people/scope-rules.ts";
import type { PhoneSession, PhoneSessions } from "../domain/phones/phone-sessions.ts";
import { decodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { recordOf } from "../etf/read.ts";
import { type Term, TermError } from "../etf/term.ts";
import type { Log } from "../lib/log.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { TermClient } from "./client.ts";
import type { TermHearing } from "./hearing.ts";
import type { TermLogIns } from "./log-ins.ts";
import { error } from "./records/answers.ts";
import type { TermRequest } from "./request.ts";
import type { RequestTopic } from "./topics.ts";

/**
 * Handles one kind of record. Gives the answer for the client's own topic; undefined where all answers were sent
 * elsewhere.
 */
export interface RecordHandler {
  /** No document has it: who asks for it knows of chats, and hears of them from then on. */
  hears?(fields: readonly Term[]): boolean;
  /** Where no user has logged in on the connection, a token in the topic logs in first, as with AUTH. */
  readonly logsIn: boolean;
  handle(request: TermRequest): Promise<WireTerm | undefined> | WireTerm;
}

export interface RequestsParts {
  /** By the names of the records that are requests. */
  readonly handlers: Readonly<Record<string, RecordHandler>>;
  /** What a long-lived token must have for each. */
  readonly needs: Readonly<Record<string, Need>>;
  /** The names of the records within those. */
  readonly innerRecords: readonly string[];
  readonly logIns: Pick<TermLogIns, "logIn">;
  readonly hearing: Pick<TermHearing, "begin">;
  readonly phoneSessions: Pick<PhoneSessions, "logInWithToken">;
  readonly accounts: Pick<Accounts, "ofPhoneLogin">;
  readonly notes: Pick<RefusalNotes, "refusedByService">;
  readonly log: Log;
}

/** Errors that these documents have no word for; the broker refuses the rest. */
const refusals: ReadonlySet<DomainErrorCode> = new Set([
  "not_authorized",
  "out_of_scope",
  "registration_closed",
  "try_later",
  "user_disabled",
]);

export function createRequests(parts: RequestsParts) {
  const { logIns, hearing, phoneSessions, accounts, notes, log } = parts;
  const handlers = new Map(Object.entries(parts.handlers));
  /** Arrays in MessagePack and JSON that begin with one of these are tuples. */
  const recordNames = new Set([...handlers.keys(), ...parts.innerRecords]);

  /** Resolves when the client was answered; for a client that may be away the answer is stored. */
  async function answerTo(request: {
    session: ServiceSession<Account>;
    client: TermClient;
    topic: RequestTopic;
    payload: Buffer;
  }): Promise<void> {
    const { session, client, topic, payload } = request;
    let answer: WireTerm | undefined;
    let login: { readonly token: string | undefined; readonly session: PhoneSession } | undefined;
    try {
      client.dialect = "etf";
      const decoded = decodePayload(payload, (name) => recordNames.has(name));
      client.dialect = decoded.dialect;
      const loggedIn = (phoneSession: PhoneSession, token: string | undefined): Promise<void> => {
        client.token = token;
        login = { token, session: phoneSession };
        return logIns.logIn(session, phoneSession);
      };
      answer = await handle({ session, client, topic, address: session.address, loggedIn }, decoded.term);
    } catch (failure) {
      if (failure instanceof DomainError && refusals.has(failure.code)) {
        notes.refusedByService(session, "events", failure);
        answer = error("not_authorized");
      } else if (failure instanceof TermError) answer = error("invalid_data");
      else throw failure;
      log.debug("a request was refused", { clientId: session.clientId, why: failure.message });
    }
    if (answer !== undefined) await client.answer(topic.version, answer);
    // A client that logged in otherwise keeps its account, whichever phone it uses here.
    if (login === undefined || session.principal.phoneLogin === undefined) return;
    const became = accounts.ofPhoneLogin({ ...login, session: client.phoneSession ?? login.session });
    if (became !== undefined) session.become(became);
  }

  async function handle(request: Omit<TermRequest, "fields">, term: Term): Promise<WireTerm | undefined> {
    const record = recordOf(term);
    const handler = record === undefined ? undefined : handlers.get(record.name);
    if (record === undefined || handler === undefined) return error("invalid_data");
    requireScope(request.session.principal.scoped, parts.needs[record.name]);
    if (handler.logsIn) await logInByTopic(request);
    if (handler.hears?.(record.fields) === true) await hearing.begin(request.session);
    return handler.handle({ ...request, fields: record.fields });
  }

  async function logInByTopic(request: Omit<TermRequest, "fields">): Promise<void> {
    const { client, topic, address, loggedIn } = request;
    if (client.phoneSession !== undefined || topic.token === undefined) return;
    const phoneSession = await phoneSessions.logInWithToken(topic.token, { address });
    if (phoneSession !== undefined) await loggedIn(phoneSession, topic.token);
  }

  return answerTo;
}
