/**
 * What the services send without a request: to all devices of a phone, on the phone's two topics. A device is a session
 * that receives these topics, connected or away; what it is sent is queued like any other message.
 */
import type { Account } from "../access/accounts.ts";
import type { UserId } from "../domain/model.ts";
import { encodePayload } from "../etf/dialects.ts";
import type { WireTerm } from "../etf/encode.ts";
import { preparePublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";
import type { TermClient } from "./client.ts";
import { hearingFilters } from "./records/feeds.ts";
import { phoneTopic, sessionsTopic } from "./topics.ts";

/** Each of these reaches every device once, and resolves when it is stored for the devices that are away. */
export interface Tell {
  /** On `actions/1/api/phone/{phone}`. */
  phone(phone: string, term: WireTerm): Promise<void>;
  /** On `ses/{phone}`. */
  sessions(phone: string, term: WireTerm): Promise<void>;
  /** On `ses/{phone}` of each phone, to the devices that hear of chats. */
  hearing(phones: Iterable<string>, term: WireTerm): Promise<void>;
  /** To the connected devices except one session, each on its own `actions/1/api/{client}`. */
  clients(phone: string, term: WireTerm, options?: { readonly except?: unknown }): Promise<void>;
}

/** The version level of answers without a request. */
const version = "1";

/** After so many phones other work gets its turn. */
const phonesBetweenTurns = 64;

/** Whether the session is told of what no document has. */
const hearsChats = (session: ServiceSession<Account>): boolean =>
  hearingFilters.some((filter) => session.qosOf(filter) !== undefined);

export interface PhoneDevicesParts {
  /** By rising id. */
  usersOf(phone: string): Promise<readonly UserId[]>;
  /** A user's sessions that outlive their connections. */
  storedSessions(userId: UserId): Iterable<ServiceSession<Account>>;
  clientOf(session: ServiceSession<Account>): TermClient;
  /** The phone of the user who has logged in on the session now. */
  phoneOf(session: ServiceSession<Account>): string | undefined;
}

/** The devices of phones that are connected now, and what can be sent to a phone. */
export class PhoneDevices implements Tell {
  readonly #parts: PhoneDevicesParts;
  readonly #connected = new Map<string, Set<ServiceSession<Account>>>();

  constructor(parts: PhoneDevicesParts) {
    this.#parts = parts;
  }

  connected(phone: string, session: ServiceSession<Account>): void {
    const sessions = this.#connected.get(phone) ?? new Set();
    this.#connected.set(phone, sessions.add(session));
  }

  gone(phone: string, session: ServiceSession<Account>): void {
    const sessions = this.#connected.get(phone);
    if (sessions?.delete(session) && sessions.size === 0) this.#connected.delete(phone);
  }

  /** Gives the devices that were connected; none belongs to the phone from now on. */
  take(phone: string): ReadonlySet<ServiceSession<Account>> {
    const sessions = this.#connected.get(phone) ?? new Set();
    this.#connected.delete(phone);
    return sessions;
  }

  phone(phone: string, term: WireTerm): Promise<void> {
    return this.#send(phone, phoneTopic(phone), term);
  }

  sessions(phone: string, term: WireTerm): Promise<void> {
    return this.#send(phone, sessionsTopic(phone), term);
  }

  async hearing(phones: Iterable<string>, term: WireTerm): Promise<void> {
    let told = 0;
    for (const phone of phones) {
      await this.#send(phone, sessionsTopic(phone), term, hearsChats);
      told += 1;
      if (told % phonesBetweenTurns === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** An account's phone may belong to another account since. */
  connectedTo(phone: string): ServiceSession<Account>[] {
    return [...(this.#connected.get(phone) ?? [])].filter((session) => this.#parts.phoneOf(session) === phone);
  }

  async clients(phone: string, term: WireTerm, { except }: { readonly except?: unknown } = {}): Promise<void> {
    const sessions = this.connectedTo(phone).filter((session) => session !== except);
    await Promise.all(sessions.map((session) => this.#parts.clientOf(session).answer(version, term)));
  }

  async #send(
    phone: string,
    topic: string,
    term: WireTerm,
    isMeant: (session: ServiceSession<Account>) => boolean = () => true,
  ): Promise<void> {
    const sessions = new Set(this.connectedTo(phone));
    for (const userId of await this.#parts.usersOf(phone)) {
      for (const session of this.#parts.storedSessions(userId)) sessions.add(session);
    }
    const stored = [...sessions].map((session) => {
      const qos = session.qosOf(topic);
      const { dialect } = this.#parts.clientOf(session);
      return qos === undefined || !isMeant(session)
        ? undefined
        : session.send(preparePublish(topic, encodePayload(dialect, term)), qos);
    });
    await Promise.all(stored);
  }
}
