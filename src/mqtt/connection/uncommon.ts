/** What only some connections have, so that the others have no field for it. */
import type { Will } from "../routing/wills.ts";
import type { PacketReader } from "../wire/packet-reader.ts";
import type { Authenticating } from "./authenticating.ts";

/** What remains when the connection ends. */
export interface Leaves {
  readonly will: Will | undefined;
  /** How long the session is kept; undefined: as long as the broker's setting says. */
  readonly sessionExpirySeconds: number | undefined;
}

/** How most clients leave; one object for all of them. */
export const nothingLeft: Leaves = { will: undefined, sessionExpirySeconds: 0 };

/** Fields of a client that leaves something behind, authenticates in steps, or may send only small packets. */
export interface Uncommon {
  readonly leaves: Leaves;
  /** Enhanced authentication, MQTT 5 § 4.12: the method that CONNECT named, and the exchange under way. */
  readonly authenticating: Authenticating | undefined;
  /** The reader of a client with limits of its own. */
  readonly reader: PacketReader | undefined;
}

/** What most clients have. */
export const common: Uncommon = { leaves: nothingLeft, authenticating: undefined, reader: undefined };
/** What strangers have: nothing but a reader for small packets. One object for all of them. */
const smallPackets = new WeakMap<PacketReader, Uncommon>();

/** From now on the client's packets are read by this reader. */
export function withReader(uncommon: Uncommon | undefined, reader: PacketReader): Uncommon {
  if (uncommon !== undefined) return { ...uncommon, reader };
  let shared = smallPackets.get(reader);
  if (shared === undefined) {
    shared = { ...common, reader };
    smallPackets.set(reader, shared);
  }
  return shared;
}
