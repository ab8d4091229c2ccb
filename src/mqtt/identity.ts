/**
 * Who a client is, as far as the broker asks. A session belongs to a principal and a client id. What else a principal
 * is (a user, a device) is known only to the program that made it.
 */
import type { ProtocolVersion } from "./wire/protocol.ts";

/**
 * The identity that a client proved. A session belongs to (key, client id). Services may add fields in their own
 * subtype.
 */
export interface Principal {
  /** For example "user:10001"; must not contain U+0000. */
  readonly key: string;
  /** The key of the principal whose shares of the limits it uses; undefined: its own. */
  readonly owner?: string | undefined;
}

/** Whose shares of the limits a principal uses. */
export const ownerOf = ({ key, owner }: Principal): string => owner ?? key;

export interface ConnectRequest {
  /** Empty where the client left the choice to the server. */
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  /** The peer's IP address. */
  readonly address: string;
  readonly protocolVersion: ProtocolVersion;
  /** The client does not resume an earlier session; before MQTT 5 its session also ends with its connection. */
  readonly cleanStart: boolean;
  /** The subject of the client's certificate, verified by TLS, as RFC 4514 writes it. */
  readonly certificateSubject: string | undefined;
}

export interface Authenticated<P extends Principal> {
  readonly principal: P;
  /** Whether the client may keep a session beyond its connection. Without it clean session 0 is served as 1. */
  readonly persistent: boolean;
  /** The largest packet that the client may send from now on, where that is less than the broker's own limit. */
  readonly packetBytesMax?: number | undefined;
  /** The client is not logged in: little may wait for it, and a WebSocket of it ends soon. */
  readonly isStranger?: boolean;
}

export type Authentication<P extends Principal> =
  | Authenticated<P>
  | { readonly refused: "bad_credentials" | "not_authorized" | "busy" | "unavailable" };

/** What a principal does with a topic; with a filter, to subscribe. */
export type Action = "publish" | "subscribe" | "deliver";

/** Whether a principal may do this with a topic or a filter. */
export type Authorize = (principal: Principal, action: Action, topic: string) => boolean;

/** What a client was refused. */
export interface Refusal<P extends Principal = Principal> {
  /** Undefined where the client is not known yet. */
  readonly principal: P | undefined;
  /** Undefined before CONNECT. */
  readonly clientId: string | undefined;
  /** The peer's. */
  readonly address: string;
  readonly asked: "connect" | "publish" | "subscribe";
  /** The topic, or the filter. */
  readonly topic: string | undefined;
  /** Undefined where it was not authorized. */
  readonly reason: BrokersReason | undefined;
}

/** Why the broker itself refused something. */
export interface BrokersReason {
  readonly text: string;
  /** Of which of its limits it is. */
  readonly limit?:
    | "connections"
    | "connectionsPerAddress"
    | "connectsPerAddressSecond"
    | "sessionsPerPrincipal"
    | "subscriptions"
    | "topic";
  /** What makes room besides a higher limit. */
  readonly command?: string | undefined;
}

/** What the broker asks of its program: who a client is, and what it may do. */
export interface Identity<P extends Principal = Principal> {
  /** Methods of enhanced authentication (MQTT 5 § 4.12), by their names. */
  readonly methods: ReadonlyMap<string, AuthenticationMethod<P>>;
  /**
   * The principal of a key, for a session of this client id stored earlier. Undefined where it no longer exists; then
   * the session ends.
   */
  principalOf(key: string, clientId: string): P | undefined;
  /** CONNECT arrived. A rejection is our fault: it is logged, and the client is told "server unavailable". */
  authenticate(connect: ConnectRequest): Promise<Authentication<P>>;
  /**
   * Whether `principal` may publish to a topic, subscribe with a filter, or be delivered a topic. Called for ordinary
   * topics. The answer is cached with the topic's route until `permissionsVersion` changes.
   */
  authorize(principal: P, action: Action, topic: string): boolean;
  /** Something was refused to a client, besides what `authenticate` and the services refused. Must not throw. */
  refused(refusal: Refusal<P>): void;
  /** A principal's name for people, as it stands in the log. */
  nameOf(principal: P): string;
  /** When this number changes the broker calls `authorize` again. */
  permissionsVersion(): number;
}

/**
 * Enhanced authentication, MQTT 5 § 4.12: a method decides who a client is after any number of messages in both
 * directions. The broker carries the messages and applies the rules of the packets; the method does not know them.
 */
export type AuthenticationStep<P extends Principal> =
  /** The challenge that the client must answer. */
  | { readonly challenge: Uint8Array }
  /** The client is authenticated. `data` is sent with CONNACK, or with the AUTH that ends a re-authentication. */
  | { readonly done: Authentication<P>; readonly data?: Uint8Array | undefined };

export interface AuthenticationExchange<P extends Principal> {
  /**
   * Takes what the client sent; undefined where it sent no data. Bounded by the packet's size; untrusted like all
   * input.
   */
  next(data: Uint8Array | undefined): Promise<AuthenticationStep<P>>;
}

export interface AuthenticationMethod<P extends Principal> {
  /** `username` is CONNECT's; the method may ignore it. */
  begin(client: { clientId: string; username: string | undefined; address: string }): AuthenticationExchange<P>;
}
