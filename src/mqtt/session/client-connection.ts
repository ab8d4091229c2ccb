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
  /** Whether it will be another principal's. */
  readonly isBecoming: boolean;
  /** The connection becomes another principal's once everything asked on it is answered. */
  become(who: Authenticated<Principal>): void;
  close(reason: CloseReason, detail?: string): void;
}
