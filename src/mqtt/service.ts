/**
 * The broker's one extension point beside identity: a service takes over topics, serves filters, and follows sessions. A
 * broker has a list of them. A topic belongs to the first that serves it; a filter is served by all that have a part in it,
 * and by the broker's own tree where it covers ordinary topics too. All but the outcome of `intercept` is synchronous and
 * on the hot path.
 */
import type { Action, Authenticated, Principal } from "./identity.ts";
import type { PreparedPublish } from "./publish/prepared-publish.ts";
import type { PublishProperties } from "./wire/properties.ts";
import type { ProtocolVersion, Qos } from "./wire/protocol.ts";

/** What a service asks of the broker that it is a part of. */
export interface ServiceBroker<P extends Principal = Principal> {
  /** Publishes to the ordinary subscribers of `topic` in the server's own name; services are not asked. False: it has none. */
  publish(topic: string, payload: Uint8Array, qos: Qos): boolean;
  /** A principal's sessions that outlive their connections, there or away. */
  storedSessions(principalKey: string): Iterable<ServiceSession<P>>;
  /** Ends every session of a principal that is no more, with its connections but for those that become another principal's. */
  endSessions(principalKey: string): void;
}

/** Makes a service for a broker, of which it may ask nothing until it is made. */
export type CreateService<P extends Principal = Principal> = (broker: ServiceBroker<P>) => Service<P>;

/** A service that only follows sessions leaves out what is about topics (`noTopics`). */
export interface Service<P extends Principal = Principal> {
  /** Whether `intercept` is to be asked about a topic. Depends on nothing but the topic; kept with its route. */
  serves(topic: string): boolean;
  /**
   * The service takes over a PUBLISH; `session.connected` is false for the will of a client that is gone. Undefined: an
   * ordinary topic after all, the broker routes it. Otherwise PUBACK (or PUBREC) leaves when the promise resolves, in the
   * order of arrival; a rejection is our fault: logged, and the connection is closed unacknowledged, so that the client
   * sends again [MQTT-4.8.0-2].
   */
  intercept(session: ServiceSession<P>, publish: InterceptedPublish): Promise<PublishOutcome> | undefined;
  /**
   * Which part the service has in a filter. Where it serves all of it (`service`, `addressed`) the service has decided that
   * the client may have it; else `Identity.authorize` is asked. Asked again when a session is read back from the store.
   */
  serving(session: ServiceSession<P>, filter: string): SubscribeAnswer;
  /**
   * A client subscribed to what the service serves (`qos` is what it is to deliver at, 2 only of what is addressed), or came
   * back with such a subscription. Told before SUBACK; a repeated filter replaces its predecessor and is told again.
   */
  subscribed?(session: ServiceSession<P>, filter: string, qos: Qos): void;
  /**
   * UNSUBSCRIBE, or a subscription the store could not keep; every service is told, whosever the filter is. Not told for
   * those that end with their session. Also asked where there is no such subscription: true, if the session heard what it
   * covers all the same, and no longer does.
   */
  unsubscribed?(session: ServiceSession<P>, filter: string): boolean;
  /** Whether the service keeps a principal from an ordinary topic that its identity would allow it; cached as that is. */
  forbids?(principal: P, action: Action, topic: string): boolean;
  /**
   * A client connected, CONNACK is on its way; `subscribed` follows for each stored subscription. `before` is the session
   * whose place it takes on the same connection (`become`). Services are told in the order of their list; when one of them
   * closes the connection, those behind it are not told.
   */
  opened?(session: ServiceSession<P>, how: Opening<P>): void;
  /** The connection is gone; a session that is not persistent ended with it. */
  closed?(session: ServiceSession<P>): void;
  /** A persistent session was ended for good (CONNECT with clean session 1), its connection already closed. */
  ended?(session: ServiceSession<P>): void;
}

export interface Opening<P extends Principal = Principal> {
  readonly resumed: boolean;
  readonly before?: ServiceSession<P> | undefined;
}

/** Of a service that has none. */
export const noTopics: Pick<Service, "serves" | "intercept" | "serving"> = {
  serves: () => false,
  intercept: () => undefined,
  serving: () => "none",
};

/** A PUBLISH on its way to a service. */
export interface InterceptedPublish {
  readonly topic: string;
  /** Valid until the call returns to the event loop: copy what you keep. */
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  /**
   * Undefined at QoS 0 and for a will. At QoS 2 a service is given a packet id once, until the client has released it. If
   * the session is persistent (`storedId`) the service stores the packet id in one change with the message, as
   * `BrokerStore.received` does, so that a repeat after a crash is not a second message.
   */
  readonly packetId: number | undefined;
  /** Undefined before MQTT 5. */
  readonly properties: PublishProperties | undefined;
}

/** Why a PUBLISH is not taken, in the reason codes of MQTT 5 § 3.4.2.1 and § 3.5.2.1. */
export type PublishRefusal = "not_authorized" | "topic_name_invalid" | "payload_format_invalid" | "quota_exceeded";

/**
 * What becomes of the publisher. At QoS 0 `ack` sends nothing. A refusal is told to an MQTT 5 client; before, it closes
 * the connection above QoS 0, since there is no other word for no [MQTT-3.3.5-2].
 */
export type PublishOutcome = { readonly ack: true } | { readonly refused: PublishRefusal; readonly why: string };

export const acknowledge: PublishOutcome = { ack: true };

/**
 * "none": the service has no part in the filter. "both": it serves a part, and the filter is an ordinary subscription too,
 * such as `#`. "service": the filter names what the service serves and nothing else, so it is not in the broker's tree.
 * "addressed": the same, and what comes is sent to the session itself (`send`), at any QoS. "refused": the client may not
 * have it, 0x80 in its slot of the SUBACK.
 */
export type SubscribeAnswer = "service" | "addressed" | "both" | "none" | "refused";

/** What delivers to one session by numbers of its own, as fast as the session takes it, and keeps what is not acknowledged. */
export interface Deliverer {
  /** A delivery is done: at QoS 1 its PUBACK arrived, at QoS 0 the kernel took its bytes. */
  acknowledged(ref: number, qos: 0 | 1): void;
  /** After `deliver` said "full": there is room again. */
  writable(): void;
}

/** A session as a service sees it: the same object from the first `opened` to `ended`, or to `closed` if not persistent. */
export interface ServiceSession<P extends Principal = Principal> {
  readonly principal: P;
  readonly clientId: string;
  /** The store's number of a persistent session; undefined for one that ends with its connection. */
  readonly storedId: number | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly connected: boolean;
  /** Of its connection, without a port; empty where there is none. */
  readonly address: string;
  /** Who delivers to the session, if anybody does: one for all its time, set by its service. */
  deliverer: Deliverer | undefined;
  /**
   * Puts one message of the session's deliverer into its outbox. "full": nothing was queued, because the outbox is over its
   * soft cap, the inflight window is used up or the client is gone; wait for `writable` (or the next `opened`).
   *
   * `ref` is the deliverer's own number for the message and comes back in `acknowledged`. At QoS 1, a ref that was
   * unacknowledged when the client's previous connection ended is sent with its original packet id and DUP set
   * [MQTT-4.4.0-1].
   */
  deliver(packet: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full";
  /**
   * Sends a message as if the session had a subscription that matches it and nobody else had: it waits, and is kept for a
   * client that is away, as an ordinary one. The promise is of what had to be stored for that, if anything had.
   */
  send(message: PreparedPublish, qos: Qos): Promise<undefined> | undefined;
  /**
   * Subscribes on the client's behalf to a filter that `serving` calls addressed, unless it has done so itself; resolves
   * when that is stored for a session that outlives its connection.
   */
  listen(filter: string, qos: Qos): Promise<void>;
  /** At which QoS it has subscribed to a filter; undefined: it has not. */
  qosOf(filter: string): Qos | undefined;
  /**
   * The deliverer will not deliver `ref` again, so its packet id is free. Needed only for a ref that was unacknowledged
   * when a connection ended and does not exist any more.
   */
  forget(ref: number): void;
  /**
   * Within its connection the client became another principal: that one's session of the same client id takes this one's
   * place there, with what waited for it, when all that was asked on this one is answered; until then nothing more is read.
   * `opened` is told of that one, then `closed` of this one. Another connection of that session is closed at once.
   */
  become(who: Authenticated<P>): void;
  /** Closes the connection; the text is logged. */
  close(why: string): void;
}
