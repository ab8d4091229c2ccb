/**
 * One MQTT session as the Erlang-term services see it: who has logged in on it, and which of its own topics it
 * receives.
 */

import type { Account } from "../access/accounts.ts";
import type { ChatId, MessageId, UserId } from "../domain/model.ts";
import type { PhoneSession } from "../domain/phones/phone-sessions.ts";
import { type Dialect, encodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { preparePublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { Qos } from "../mqtt/wire/protocol.ts";
import type { MessageLayout } from "./records/message-record.ts";
import { answersFilter, answerTopic, isHearingFilter, isOwnFilter } from "./topics.ts";

/** The services' own messages reach a client exactly once. */
export const unaskedQos = 2;

/** Beyond so many a place may be told again. */
const readersMax = 1024;

export class TermClient {
  /** The token of the log-in on this connection, so that a client need not repeat it in each request. */
  token: string | undefined;
  /** The token that the last code on this connection was sent for. */
  issuedToken: string | undefined;
  phoneSession: PhoneSession | undefined;
  /** The log-in ended: the client acts for no user, even where the broker still has one for it. */
  loggedOut = false;
  /** The encoding of its last request. */
  dialect: Dialect = "etf";
  /** The layout of its last `Message` or `History`. */
  layout: MessageLayout = 16;
  readonly #session: ServiceSession<Account>;
  /** Its own topics that it unsubscribed from on this connection. */
  readonly #unsubscribed = new Set<string>();
  /** How far others have read, as it was told; by chat and user, the oldest first. */
  readonly #readers = new Map<string, MessageId>();
  #last: Promise<unknown> = Promise.resolve();

  /** `before` is the client of the session that this session took the connection over from. */
  constructor(session: ServiceSession<Account>, before?: TermClient) {
    this.#session = session;
    this.token = session.principal.phoneLogin?.token;
    if (before === undefined) return;
    this.dialect = before.dialect;
    this.layout = before.layout;
    this.issuedToken = before.issuedToken;
    for (const filter of before.#unsubscribed) this.#unsubscribed.add(filter);
  }

  /**
   * A client receives answers without a subscription, but may unsubscribe from them. False where it did not receive the
   * topic.
   */
  unsubscribe(filter: string): boolean {
    const { principal, clientId } = this.#session;
    if (principal.phoneLogin === undefined || this.#unsubscribed.has(filter)) return false;
    if (isHearingFilter(filter)) this.#unsubscribed.add(filter);
    if (!isOwnFilter(filter, { clientId, phone: this.phoneSession?.phone })) return false;
    this.#unsubscribed.add(filter);
    return true;
  }

  /**
   * From now on the client receives a topic of its phone, unless it unsubscribed from it on this connection or
   * subscribed to all its topics itself.
   */
  async listen(topic: string): Promise<void> {
    if (this.#session.principal.phoneLogin === undefined || this.#unsubscribed.has(topic)) return;
    await this.#session.listen(topic, unaskedQos);
  }

  /** Whether it may receive the topics of a filter without a subscription: it did not unsubscribe on this connection. */
  wants(filter: string): boolean {
    return !this.#unsubscribed.has(filter);
  }

  /** Whether the session was not told yet that the user has read so far in the chat. */
  isNewReader(chatId: ChatId, userId: UserId, reader: MessageId): boolean {
    const key = `${chatId} ${userId}`;
    if (this.#readers.get(key) === reader) return false;
    this.#readers.delete(key);
    this.#readers.set(key, reader);
    const [oldest] = this.#readers.keys();
    if (this.#readers.size > readersMax && oldest !== undefined) this.#readers.delete(oldest);
    return true;
  }

  /** Runs requests one after the other: the first request is answered first. */
  inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Sends a term on the client's own topic. Resolves when it is stored for a client that may be away. */
  async answer(version: string | undefined, term: WireTerm): Promise<void> {
    const topic = answerTopic(version, this.#session.clientId);
    const qos = this.#qosOf(topic, version);
    if (qos !== undefined) await this.#session.send(preparePublish(topic, encodePayload(this.dialect, term)), qos);
  }

  /**
   * Gives the highest QoS it subscribed with, or that of the services' own messages; undefined where it does not
   * receive the topic.
   */
  #qosOf(topic: string, version: string | undefined): Qos | undefined {
    const session = this.#session;
    const exact = session.qosOf(topic);
    const wild = version === undefined ? undefined : session.qosOf(answersFilter(session.clientId));
    if (exact !== undefined || wild !== undefined) return (exact ?? 0) > (wild ?? 0) ? exact : (wild ?? exact);
    if (session.principal.phoneLogin === undefined || this.#unsubscribed.has(topic)) return undefined;
    return version !== undefined && this.#unsubscribed.has(answersFilter(session.clientId)) ? undefined : unaskedQos;
  }
}
