/** One MQTT session as the Erlang-term services see it: who has logged in on it, and which of its own topics it hears. */

import type { Account } from "../access/accounts.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { type Dialect, encodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { preparePublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { Qos } from "../mqtt/wire/protocol.ts";
import { answersFilter, answerTopic, isOwnFilter } from "./topics.ts";

/** What a client of these services hears unasked, it hears exactly once. */
export const unaskedQos = 2;

export class TermClient {
  /** Of the log-in on this connection; a client that repeats a request need not repeat it. */
  token: string | undefined;
  phoneSession: PhoneSession | undefined;
  /** Its log-in ended: it speaks for no user, even where the broker still takes it for one. */
  loggedOut = false;
  /** What its last request was written in. */
  dialect: Dialect = "etf";
  readonly #session: ServiceSession<Account>;
  /** Topics of its own that it wants to hear no more on this connection. */
  readonly #unwanted = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  /** `before` is what it was until its own session took the connection over. */
  constructor(session: ServiceSession<Account>, before?: TermClient) {
    this.#session = session;
    this.token = session.principal.phoneLogin?.token;
    if (before === undefined) return;
    this.dialect = before.dialect;
    for (const filter of before.#unwanted) this.#unwanted.add(filter);
  }

  /** Answers are heard without a subscription: it may give them up all the same. False where it did not hear the topic. */
  unsubscribe(filter: string): boolean {
    const { principal, clientId } = this.#session;
    if (principal.phoneLogin === undefined || this.#unwanted.has(filter)) return false;
    if (!isOwnFilter(filter, { clientId, phone: this.phoneSession?.phone })) return false;
    this.#unwanted.add(filter);
    return true;
  }

  /** Hears a topic of its phone from here on, unless it gave that up on this connection or asks for all it hears. */
  async listen(topic: string): Promise<void> {
    if (this.#session.principal.phoneLogin === undefined || this.#unwanted.has(topic)) return;
    await this.#session.listen(topic, unaskedQos);
  }

  /** One request after the other: what a client asks for first is answered first. */
  inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Sends a term on the client's own topic; resolves when it is stored for a client that may be away. */
  async answer(version: string | undefined, term: WireTerm): Promise<void> {
    const topic = answerTopic(version, this.#session.clientId);
    const qos = this.#qosOf(topic, version);
    if (qos !== undefined) await this.#session.send(preparePublish(topic, encodePayload(this.dialect, term)), qos);
  }

  /** The highest it asked for, or that of what it hears unasked; undefined: it does not hear the topic. */
  #qosOf(topic: string, version: string | undefined): Qos | undefined {
    const session = this.#session;
    const exact = session.qosOf(topic);
    const wild = version === undefined ? undefined : session.qosOf(answersFilter(session.clientId));
    if (exact !== undefined || wild !== undefined) return (exact ?? 0) > (wild ?? 0) ? exact : (wild ?? exact);
    if (session.principal.phoneLogin === undefined || this.#unwanted.has(topic)) return undefined;
    return version !== undefined && this.#unwanted.has(answersFilter(session.clientId)) ? undefined : unaskedQos;
  }
}
