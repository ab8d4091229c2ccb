/** A request as the handlers receive it. */
import type { Account } from "../access/accounts.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import type { Term } from "../etf/term.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { TermClient } from "./client.ts";
import type { RequestTopic } from "./topics.ts";

export interface TermRequest {
  readonly client: TermClient;
  readonly session: ServiceSession<Account>;
  readonly topic: RequestTopic;
  /** The fields of its record, without the name. */
  readonly fields: readonly Term[];
  /** The address of the connection, without its port. */
  readonly address: string;
  /** Call this when the client has logged in by phone, on this connection or before. */
  loggedIn(phoneSession: PhoneSession, token: string | undefined): Promise<void>;
}
