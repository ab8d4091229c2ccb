/** A client's connection as its session knows it: where packets go, and what the client can take. */
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
  /** How many messages above QoS 0 the client takes at a time. */
  readonly receiveMaximum: number;
  /** What PUBREL says of a packet id that is not known. */
  readonly unknownPacketId: number;
  /** The peer's, without a port. */
  readonly address: string;
  /** Whether it will be another principal's. */
  readonly isBecoming: boolean;
  /** From when all that was asked on it is answered, it is another principal's. */
  become(who: Authenticated<Principal>): void;
  close(reason: CloseReason, detail?: string): void;
}
