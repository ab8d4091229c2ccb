/**
 * Who a client is, as far as the broker asks. A session belongs to a principal and a client id; what else a principal is
 * (a user, a device) only the program knows that made it.
 */
import type { ProtocolVersion } from "./wire/protocol.ts";

/** Who a client proved to be. A session belongs to (key, client id). Services may put more on their own subtype. */
export interface Principal {
  /** For example "user:10001"; must not contain U+0000. */
  readonly key: string;
}

export interface ConnectRequest {
  /** Empty if the client left it to the server. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** The peer's IP address. */
  readonly address: string;
  readonly protocolVersion: ProtocolVersion;
  /** The client wants no earlier session resumed; before MQTT 5 also that this one ends with its connection. */
  readonly cleanStart: boolean;
  /** The subject of the certificate the client showed and TLS verified, as RFC 4514 writes it. */
  readonly certificateSubject: string | undefined;
}

export interface Authenticated<P extends Principal> {
  readonly principal: P;
  /** Whether the client may keep a session beyond its connection; without it, clean session 0 is served as 1. */
  readonly persistent: boolean;
  /** The largest packet it may send from now on, where that is less than the broker's own limit. */
  readonly packetBytesMax?: number | undefined;
}

export type Authentication<P extends Principal> =
  | Authenticated<P>
  | { readonly refused: "bad_credentials" | "not_authorized" | "busy" | "unavailable" };

/** What a principal wants to do with a topic or, to subscribe, with a filter. */
export type Action = "publish" | "subscribe" | "deliver";

/** May a principal do this with a topic or a filter? */
export type Authorize = (principal: Principal, action: Action, topic: string) => boolean;

/** What the broker asks of the program it lives in: who a client is, and what it may do. */
export interface Identity<P extends Principal = Principal> {
  /** Methods of enhanced authentication (MQTT 5 § 4.12), by their names. */
  readonly methods: ReadonlyMap<string, AuthenticationMethod<P>>;
  /** Who a key names, for a session of this client id stored earlier; undefined: nobody any more, and the session ends. */
  principalOf(key: string, clientId: string): P | undefined;
  /** CONNECT arrived. A rejection is our fault: logged, and the client told "server unavailable". */
  authenticate(connect: ConnectRequest): Promise<Authentication<P>>;
  /**
   * May `principal` publish to a topic, subscribe with a filter, be delivered a topic? Asked for ordinary topics; cached
   * with the topic's route until `permissionsVersion` changes.
   */
  authorize(principal: P, action: Action, topic: string): boolean;
  /** Any change of this number makes the broker ask `authorize` again. */
  permissionsVersion(): number;
}

/**
 * Enhanced authentication, MQTT 5 § 4.12: a method says who a client is after any number of messages to and fro. The
 * broker carries the messages and holds the rules of the packets; a method knows nothing of them.
 */
export type AuthenticationStep<P extends Principal> =
  /** The client is to answer this. */
  | { readonly challenge: Uint8Array }
  /** It is who it says; `data` goes with CONNACK, or with the AUTH that ends a re-authentication. */
  | { readonly done: Authentication<P>; readonly data?: Uint8Array | undefined };

export interface AuthenticationExchange<P extends Principal> {
  /** What the client sent, undefined where it sent no data. Bounded by the packet's size; hostile like everything else. */
  next(data: Uint8Array | undefined): Promise<AuthenticationStep<P>>;
}

export interface AuthenticationMethod<P extends Principal> {
  /** `username` is CONNECT's, which the method may ignore. */
  begin(client: { clientId: string; username: string | undefined; address: string }): AuthenticationExchange<P>;
}
