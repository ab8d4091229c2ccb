/** The broker's refusals: why a connection ends, and the codes on the wire. */
import type { ProtocolVersion } from "./protocol.ts";
import { reasonCodes } from "./reason-codes.ts";

/**
 * Why a connection was closed. It is logged, and sent to an MQTT 5 client where `disconnectReasonCode` has a code for
 * it.
 */
export type CloseReason =
  | "disconnected" // the client sent DISCONNECT
  | "disconnected_with_will" // the same, and asks for its will to be published
  | "connection_lost" // the peer closed without DISCONNECT
  | "protocol_error"
  | "packet_too_large"
  | "connect_timeout"
  | "keep_alive_timeout"
  | "taken_over"
  | "refused" // CONNACK refused the client
  | "reauthentication_failed"
  | "too_many_connections"
  | "login_timeout" // a WebSocket whose client did not log in
  | "slow_reader"
  | "service" // a service asked for it
  | "session_ended" // no client may have this session any more
  | "server_stopping"
  | "internal_error";

/**
 * The peer broke the rules of the wire. The connection is closed [MQTT-4.8.0-1] (MQTT 5: § 4.13); the server continues.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /** The reason code of the DISCONNECT, or CONNACK, that an MQTT 5 client is sent. */
  readonly reasonCode: number;
  /** Set for a CONNECT as far as it could be read, so that its sender can be answered in its version. */
  protocolVersion: ProtocolVersion | undefined;

  constructor(what: string, reasonCode: number = reasonCodes.malformedPacket) {
    super(what);
    this.reasonCode = reasonCode;
  }

  get closeReason(): "protocol_error" | "packet_too_large" {
    return this.reasonCode === reasonCodes.packetTooLarge ? "packet_too_large" : "protocol_error";
  }
}

/**
 * CONNECT names a protocol level that this broker does not support; it is answered before the connection closes
 * [MQTT-3.1.2-2].
 */
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

/** Why a CONNECT is refused. */
export type ConnectRefusal =
  | Exclude<keyof typeof connectReturnCode, "accepted">
  | "bad_authentication_method"
  | "topic_name_invalid"
  | "packet_too_large"
  | "quota_exceeded"
  | "server_stopping"
  | "protocol_error";

/** Before MQTT 5 and in it, § 3.2.2.2. Where 3.1.1 has no code the nearest one is used. */
const refusalCodes: Readonly<Record<ConnectRefusal, readonly [returnCode: number, reasonCode: number]>> = {
  unacceptable_version: [1, reasonCodes.unsupportedProtocolVersion],
  identifier_rejected: [2, reasonCodes.clientIdentifierNotValid],
  unavailable: [3, reasonCodes.serverUnavailable],
  busy: [3, reasonCodes.serverBusy],
  bad_credentials: [4, reasonCodes.badUserNameOrPassword],
  not_authorized: [5, reasonCodes.notAuthorized],
  bad_authentication_method: [5, reasonCodes.badAuthenticationMethod],
  topic_name_invalid: [5, reasonCodes.topicNameInvalid],
  packet_too_large: [5, reasonCodes.packetTooLarge],
  quota_exceeded: [3, reasonCodes.quotaExceeded],
  server_stopping: [3, reasonCodes.serverUnavailable],
  protocol_error: [5, reasonCodes.protocolError],
};

/** Gives the code of CONNACK for a client of this version. */
export function connectCodes(refusal: ConnectRefusal, protocolVersion: ProtocolVersion): number {
  return refusalCodes[refusal][protocolVersion === 5 ? 1 : 0];
}

const closeCodes: Readonly<Record<CloseReason, number | undefined>> = {
  disconnected: undefined,
  disconnected_with_will: undefined,
  connection_lost: undefined,
  refused: undefined, // CONNACK had it
  connect_timeout: undefined, // no DISCONNECT before CONNACK [MQTT-3.14.0-1]
  protocol_error: reasonCodes.protocolError,
  packet_too_large: reasonCodes.packetTooLarge,
  keep_alive_timeout: reasonCodes.keepAliveTimeout,
  taken_over: reasonCodes.sessionTakenOver,
  reauthentication_failed: reasonCodes.notAuthorized,
  too_many_connections: reasonCodes.quotaExceeded,
  login_timeout: reasonCodes.maximumConnectTime,
  slow_reader: reasonCodes.quotaExceeded,
  service: reasonCodes.administrativeAction,
  session_ended: reasonCodes.administrativeAction,
  server_stopping: reasonCodes.serverShuttingDown,
  internal_error: reasonCodes.implementationSpecificError,
};

/**
 * The reason code of the DISCONNECT that ends an MQTT 5 connection; undefined: no DISCONNECT is sent. A `ProtocolError`
 * has a more exact one.
 */
export function disconnectReasonCode(reason: CloseReason): number | undefined {
  return closeCodes[reason];
}

/** The failure slot of a SUBACK before MQTT 5. */
export const subscribeFailure = 0x80;
