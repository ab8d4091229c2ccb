/**
 * What the broker asks the program it lives in: who a client is, what it may do, and which topics a service takes over.
 * The broker itself knows topics and sessions, never people or chats. All but `authenticate` and the outcome of
 * `interceptPublish` are synchronous and on the hot path.
 */
import type { Authenticated, Authentication, AuthenticationMethod, ConnectRequest, Principal } from "./identity.ts";
import type { PreparedPublish } from "./publish/prepared-publish.ts";
import type { PublishProperties } from "./wire/properties.ts";
import type { ProtocolVersion, Qos } from "./wire/protocol.ts";

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
 * "service": only the service serves this filter, it is not in the broker's trie. "addressed": the same, and what comes is
 * sent to the session itself (`send`), at any QoS. "both": an ordinary subscription that the service serves too, such as
 * `#`. "none": ordinary only. "refused": 0x80 in its slot of the SUBACK.
 */
export type SubscribeAnswer = "service" | "addressed" | "both" | "none" | "refused";

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
  /** For the program to keep something with the session; the broker does not look at it. */
  attachment: unknown;
  /**
   * Puts one message into the session's outbox. "full": nothing was queued, because the outbox is over its soft cap, the
   * inflight window is used up or the client is gone; wait for `writable` (or the next `opened`).
   *
   * `ref` is the service's own number for the message and comes back in `acknowledged`. At QoS 1, a ref that was
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
   * The service will not deliver `ref` again, so its packet id is free. Needed only for a ref that was unacknowledged
   * when a connection ended and does not exist any more.
   */
  forget(ref: number): void;
  /**
   * Within its connection the client became somebody else: his session of the same client id takes this one's place there,
   * with what waited for it, when all that was asked on this one is answered; until then nothing more is read. `opened`
   * is told of that one, then `closed` of this one. Another connection of that session is closed at once.
   */
  become(who: Authenticated<P>): void;
  /** Closes the connection; the text is logged. */
  close(why: string): void;
}

export interface BrokerHooks<P extends Principal = Principal> {
  /** Methods of enhanced authentication (MQTT 5 § 4.12), by their names. */
  readonly methods: ReadonlyMap<string, AuthenticationMethod<P>>;
  /** Who a key names, for a session of this client id stored earlier; undefined: nobody any more, and the session ends. */
  principalOf(key: string, clientId: string): P | undefined;
  /** CONNECT arrived. A rejection is our fault: logged, and the client told "server unavailable". */
  authenticate(connect: ConnectRequest): Promise<Authentication<P>>;
  /**
   * May `principal` publish to a topic, subscribe with a filter, be delivered a topic? Asked for ordinary topics (and for
   * every filter); cached with the topic's route until `permissionsVersion` changes.
   */
  authorize(principal: P, action: "publish" | "subscribe" | "deliver", topic: string): boolean;
  /** Any change of this number makes the broker ask `authorize` again. */
  permissionsVersion(): number;
  /** Whether `interceptPublish` is to be asked about a topic. Depends on nothing but the topic; cached with its route. */
  serves(topic: string): boolean;
  /**
   * A service takes over a PUBLISH; `session.connected` is false for the will of a client that is gone. Undefined: an
   * ordinary topic after all, the broker routes it. Otherwise PUBACK (or PUBREC) leaves when the promise resolves, in the order of
   * arrival; a rejection is our fault: logged, and the connection is closed unacknowledged, so that the client sends again
   * [MQTT-4.8.0-2].
   */
  interceptPublish(session: ServiceSession<P>, publish: InterceptedPublish): Promise<PublishOutcome> | undefined;
  /** Who serves a filter. Asked after `authorize`, and when a session is read back from the store. */
  serving(session: ServiceSession<P>, filter: string): SubscribeAnswer;
  /**
   * A client subscribed to what a service serves (`qos` is what it is to deliver at, 2 only of what is addressed), or came
   * back with such a subscription. Told before SUBACK; a repeated filter replaces its predecessor and is told again.
   */
  subscribed(session: ServiceSession<P>, filter: string, qos: Qos): void;
  /**
   * UNSUBSCRIBE, or a subscription the store could not keep. Not told for those that end with their session. Also asked
   * where there is no such subscription: true, if the session heard what it covers all the same, and no longer does.
   */
  unsubscribed(session: ServiceSession<P>, filter: string): boolean;
  /**
   * A client connected, CONNACK is on its way; `subscribed` follows for each stored subscription. `before` is the session
   * whose place it takes on the same connection (`become`).
   */
  opened(
    session: ServiceSession<P>,
    how: { readonly resumed: boolean; readonly before?: ServiceSession<P> | undefined },
  ): void;
  /** The connection is gone; a session that is not persistent ended with it. */
  closed(session: ServiceSession<P>): void;
  /** A delivery is done: at QoS 1 its PUBACK arrived, at QoS 0 the kernel took its bytes. */
  acknowledged(session: ServiceSession<P>, ref: number, qos: 0 | 1): void;
  /** After `deliver` said "full": there is room again. */
  writable(session: ServiceSession<P>): void;
  /** A persistent session was ended for good (CONNECT with clean session 1), its connection already closed. */
  ended(session: ServiceSession<P>): void;
}
