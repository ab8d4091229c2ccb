/** How the broker says no: why a connection ends, and the wire's codes for a refusal. */

/** Why a connection was closed; logged, and told to nobody else. */
export type CloseReason =
  | "disconnected" // the client sent DISCONNECT
  | "connection_lost" // the peer closed without one
  | "protocol_error"
  | "packet_too_large"
  | "connect_timeout"
  | "keep_alive_timeout"
  | "taken_over"
  | "refused" // CONNACK said no
  | "too_many_connections"
  | "slow_reader"
  | "service" // a service asked for it
  | "server_stopping"
  | "internal_error";

/** The peer broke the rules of the wire. The connection is closed [MQTT-4.8.0-1], the server goes on. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly closeReason: "protocol_error" | "packet_too_large";

  constructor(what: string, closeReason: "protocol_error" | "packet_too_large" = "protocol_error") {
    super(what);
    this.closeReason = closeReason;
  }
}

/** CONNECT names a protocol level this broker does not speak; it is answered before the connection closes [MQTT-3.1.2-2]. */
export class UnsupportedVersion extends Error {
  override readonly name = "UnsupportedVersion";
  readonly protocolLevel: number;

  constructor(protocolLevel: number) {
    super(`protocol level ${protocolLevel} is not supported`);
    this.protocolLevel = protocolLevel;
  }
}

/** MQTT 3.1.1 § 3.2.2.3, CONNACK return codes. */
export const connectReturnCode = {
  accepted: 0,
  unacceptable_version: 1,
  identifier_rejected: 2,
  unavailable: 3,
  busy: 3,
  bad_credentials: 4,
  not_authorized: 5,
} as const;

/** MQTT 5 § 3.2.2.2: Unsupported Protocol Version. */
export const unsupportedVersionReasonCode = 0x84;

/** The failure slot of a SUBACK. */
export const subscribeFailure = 0x80;
