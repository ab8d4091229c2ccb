/**
 * The broker's extension point besides identity: a service takes over topics, serves filters, and follows sessions. A
 * broker has a list of services. A topic belongs to the first service that serves it. A filter is served by all
 * services that have a part in it, and by the broker's tree where it covers ordinary topics too. Everything except the
 * outcome of `intercept` is synchronous and on the hot path.
 */
import type { Action, Authenticated, Principal } from "./identity.ts";
import type { PreparedPublish } from "./publish/prepared-publish.ts";
import type { PublishProperties } from "./wire/properties.ts";
import type { ProtocolVersion, Qos } from "./wire/protocol.ts";

/** What a service may call of the broker that it belongs to. */
export interface ServiceBroker<P extends Principal = Principal> {
  /**
   * Publishes to the ordinary subscribers of `topic` in the server's own name; services are not asked. False where
   * there is no subscriber.
   */
  publish(topic: string, payload: Uint8Array, qos: Qos): boolean;
  /** A principal's sessions that outlive their connections, connected or away. */
  storedSessions(principalKey: string): Iterable<ServiceSession<P>>;
  /** Ends every session of a removed principal and of those that use its shares, with their connections, except those that become another principal's. */
  endSessions(principalKey: string): void;
  /** Ends stored sessions, with their connections, of these principals, which use the shares of `owner`. */
  endStoredSessions(owner: string, principalKeys: ReadonlySet<string>): void;
  /** Removes the retained messages that a principal published. */
  dropRetained(principalKey: string): void;
  /**
   * `authorize` may answer otherwise for a principal and those that use its shares (undefined: for any): messages that wait for its sessions and that
   * it may no longer hear are dropped. The sessions and their subscriptions stay.
   */
  permissionsChanged(principalKey: string | undefined): void;
}

/** Makes a service for a broker. The service may call the broker only once that is complete. */
export type CreateService<P extends Principal = Principal> = (broker: ServiceBroker<P>) => Service<P>;

/** A service that only follows sessions leaves out the part about topics (`noTopics`). */
export interface Service<P extends Principal = Principal> {
  /** Whether `intercept` is called for a topic. The answer depends on the topic alone and is kept with its route. */
  serves(topic: string): boolean;
  /**
   * Takes over a PUBLISH; `session.connected` is false for the will of a client that is gone. Undefined: it is an
   * ordinary topic after all, and the broker routes it. Otherwise PUBACK (or PUBREC) is sent when the promise resolves,
   * in the order of arrival. A rejection is our fault: it is logged, and the connection is closed without an
   * acknowledgement, so that the client sends again [MQTT-4.8.0-2].
   */
  intercept(session: ServiceSession<P>, publish: InterceptedPublish): Promise<PublishOutcome> | undefined;
  /**
   * The service's part in a filter. Where the service serves all of it (`service`, `addressed`) it has decided that the
   * client may have it. Where no service serves any of it, `Identity.authorize` is called. Called again when a session
   * is read back from the store.
   */
  serving(session: ServiceSession<P>, filter: string): SubscribeAnswer;
  /**
   * A client subscribed to what the service serves, or came back with such a subscription. `qos` is the QoS to deliver
   * at, 2 only for addressed filters. Called before SUBACK. A repeated filter replaces the earlier one and is reported
   * again.
   */
  subscribed?(session: ServiceSession<P>, filter: string, qos: Qos): void;
  /**
   * UNSUBSCRIBE, or a subscription that the store could not keep; every service is called, whichever serves the filter.
   * Not called for subscriptions that end with their session. Also called where there is no such subscription: true if
   * the session received what the filter covers even so, and no longer does.
   */
  unsubscribed?(session: ServiceSession<P>, filter: string): boolean;
  /**
   * Whether the service forbids a principal an ordinary topic that its identity would allow. Cached like that answer.
   */
  forbids?(principal: P, action: Action, topic: string): boolean;
  /**
   * A client connected, and CONNACK is on its way; `subscribed` follows for each stored subscription. `before` is the
   * session that it replaces on the same connection (`become`). Services are called in the order of their list. When
   * one of them closes the connection, those after it are not called.
   */
  opened?(session: ServiceSession<P>, how: Opening<P>): void;
  /** The connection is gone. A session that is not persistent ended with it. */
  closed?(session: ServiceSession<P>): void;
  /** A persistent session was ended for good (CONNECT with clean session 1). Its connection is closed already. */
  ended?(session: ServiceSession<P>): void;
}

export interface Opening<P extends Principal = Principal> {
  readonly resumed: boolean;
  readonly before?: ServiceSession<P> | undefined;
}

/** For a service without topics. */
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
   * Undefined at QoS 0 and for a will. At QoS 2 a service gets a packet id once, until the client has released it. For
   * a persistent session (`storedId`) the service stores the packet id in one change with the message, as
   * `BrokerStore.received` does, so that a repeat after a crash is not a second message.
   */
  readonly packetId: number | undefined;
  /** Undefined before MQTT 5. */
  readonly properties: PublishProperties | undefined;
}

/** Why a PUBLISH is refused, in the reason codes of MQTT 5 § 3.4.2.1 and § 3.5.2.1. */
export type PublishRefusal = "not_authorized" | "topic_name_invalid" | "payload_format_invalid" | "quota_exceeded";

/**
 * What the publisher is told. At QoS 0 `ack` sends nothing. An MQTT 5 client is sent a refusal. Before MQTT 5 a refusal
 * closes the connection above QoS 0, since there is no other answer [MQTT-3.3.5-2].
 */
export type PublishOutcome = { readonly ack: true } | { readonly refused: PublishRefusal; readonly why: string };

export const acknowledge: PublishOutcome = { ack: true };

/**
 * "none": the service has no part in the filter. "both": it serves a part, and the filter is an ordinary subscription
 * too, such as `#`. "service": the filter covers only what the service serves, so it is not in the broker's tree.
 * "addressed": the same, and messages are sent to the session itself (`send`), at any QoS. "refused": the client may
 * not have it, 0x80 in its slot of the SUBACK.
 */
export type SubscribeAnswer = "service" | "addressed" | "both" | "none" | "refused";

/**
 * Delivers to one session by numbers of its own, as fast as the session takes messages, and keeps what is not
 * acknowledged.
 */
export interface Deliverer {
  /** A delivery is done: at QoS 1 its PUBACK arrived, at QoS 0 the kernel took its bytes. */
  acknowledged(ref: number, qos: 0 | 1): void;
  /** After `deliver` gave "full": there is room again. */
  writable(): void;
}

/**
 * A session as a service sees it: the same object from the first `opened` to `ended`, or to `closed` if it is not
 * persistent.
 */
export interface ServiceSession<P extends Principal = Principal> {
  readonly principal: P;
  readonly clientId: string;
  /** The store's number of a persistent session; undefined for one that ends with its connection. */
  readonly storedId: number | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly connected: boolean;
  /** The address of its connection, without a port; empty where there is none. */
  readonly address: string;
  /** The deliverer of the session, if it has one: set by its service, once for its whole lifetime. */
  deliverer: Deliverer | undefined;
  /**
   * Puts one message of the session's deliverer into its outbox. "full": nothing was queued, because the outbox is
   * above its soft cap, the inflight window is used up or the client is gone; wait for `writable` (or the next
   * `opened`).
   *
   * `ref` is the deliverer's own number for the message and comes back in `acknowledged`. At QoS 1, a ref that was
   * unacknowledged when the client's previous connection ended is sent with its original packet id and DUP set
   * [MQTT-4.4.0-1].
   */
  deliver(packet: PreparedPublish, qos: 0 | 1, ref: number): "queued" | "full";
  /**
   * Sends a message as if only this session had a subscription that matches it: it is queued, and kept for a client
   * that is away, like an ordinary message. The promise resolves when what had to be stored for that is stored;
   * undefined where nothing had to be.
   */
  send(message: PreparedPublish, qos: Qos): Promise<undefined> | undefined;
  /**
   * Subscribes on the client's behalf to a filter that `serving` calls addressed, unless the client has done so itself.
   * Resolves when that is stored, for a session that outlives its connection.
   */
  listen(filter: string, qos: Qos): Promise<void>;
  /** The QoS at which it has subscribed to a filter; undefined where it has not. */
  qosOf(filter: string): Qos | undefined;
  /**
   * The deliverer will not deliver `ref` again, so its packet id is free. Needed only for a ref that was unacknowledged
   * when a connection ended and no longer exists.
   */
  forget(ref: number): void;
  /**
   * The client became another principal within its connection. When everything asked on this session is answered, the
   * other principal's session of the same client id replaces it there, with its queued messages; until then nothing
   * more is read. `opened` is called for the new session, then `closed` for this one. Another connection of the new
   * session is closed at once.
   */
  become(who: Authenticated<P>): void;
  /** Its client, which is not logged in, may stay connected for so long from now. */
  mayStay(ms: number): void;
  /** Closes the connection; the text is logged. */
  close(why: string): void;
}
