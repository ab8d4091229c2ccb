/** A client's connection as its session sees it: where packets go, and what the client accepts. */
import type { Outbox } from "../../net/outbox.ts";
import type { ClientTerms } from "../connection/client-terms.ts";
import type { Authenticated, Principal } from "../identity.ts";
import type { CloseReason } from "../wire/errors.ts";
import type { ProtocolVersion } from "../wire/protocol.ts";

export interface ClientConnection {
  readonly outbox: Outbox;
  readonly protocolVersion: ProtocolVersion;
  /** MQTT 5 only. */
  readonly terms: ClientTerms | undefined;
  /** The number of unacknowledged messages above QoS 0 that the client accepts. */
  readonly receiveMaximum: number;
  /** The reason code of a PUBREL for an unknown packet id. */
  readonly unknownPacketId: number;
  /** The peer's address, without a port. */
  readonly address: string;
  /** The session that it serves now; undefined once it is closed. */
  readonly session: { isSending(packetId: number): boolean } | undefined;
  /** Whether it will be another principal's. */
  readonly isBecoming: boolean;
  /** The connection becomes another principal's once everything asked on it is answered. */
  become(who: Authenticated<Principal>): void;
  /** Whether the client is not logged in. */
  readonly isStranger: boolean;
  /** A WebSocket whose client is not logged in may stay for so long from now. */
  mayStay(ms: number): void;
  /** Much waits for the client, by so many bytes more than before. */
  outboxGrew(bytes: number): void;
  close(reason: CloseReason, detail?: string): void;
}
