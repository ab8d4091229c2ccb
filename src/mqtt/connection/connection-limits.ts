/**
 * Decides whether a connection is accepted before a byte is read, over any transport. There are limits for all
 * connections, for the connections of one address, and for new connections of one address in a second. Loopback counts
 * like any other address.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { SweptMap } from "../../lib/swept-map.ts";
import type { Counters } from "../counters.ts";
import type { BrokerLimits } from "../limits.ts";

/** The counts of one address; all its connections share this object. */
export interface AddressCount {
  connections: number;
  /** Connects since `secondStartedMs`. */
  connects: number;
  secondStartedMs: number;
}

const secondMs = 1000;
export class AddressCounts {
  /** An address without connections is dropped once its second has passed. */
  readonly #counts = new SweptMap<string, AddressCount>(
    ({ connections, secondStartedMs }, nowMs) => connections === 0 && isOver(secondStartedMs, nowMs),
  );

  /** The number of addresses remembered. */
  get size(): number {
    return this.#counts.size;
  }

  of(address: string, nowMs: number): AddressCount {
    const key = address.startsWith("::ffff:") ? address.slice(7) : address;
    const known = this.#counts.get(key);
    if (known !== undefined) {
      if (isOver(known.secondStartedMs, nowMs)) {
        known.secondStartedMs = nowMs;
        known.connects = 0;
      }
      return known;
    }
    const addressCount: AddressCount = { connections: 0, connects: 0, secondStartedMs: nowMs };
    this.#counts.add(key, addressCount, nowMs);
    return addressCount;
  }
}

/** Also true where the clock was set back. */
const isOver = (secondStartedMs: number, nowMs: number): boolean => Math.abs(nowMs - secondStartedMs) >= secondMs;
export interface AdmissionParts {
  readonly limits: Pick<BrokerLimits, "connectionsMax" | "connectionsPerAddressMax" | "connectsPerAddressSecondMax">;
  readonly counters: Pick<Counters, "connectionsAccepted" | "connectionsRefused" | "refusedByAddress">;
  readonly connections: { readonly size: number };
  readonly addressCounts: AddressCounts;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopping: boolean;
}

/**
 * Counts one more connection of an address, until `uncount`. Undefined where the limits allow none; that refusal is
 * counted too.
 */
export function admit(parts: AdmissionParts, address: string): AddressCount | undefined {
  const { limits, counters } = parts;
  if (parts.connections.size >= limits.connectionsMax || parts.stopping) {
    return refuse(parts, "too_many_connections", address);
  }
  const addressCount = parts.addressCounts.of(address, parts.clock.nowMs());
  if (addressCount.connections >= limits.connectionsPerAddressMax) {
    counters.refusedByAddress++;
    return refuse(parts, "too_many_connections_of_an_address", address);
  }
  if (addressCount.connects >= limits.connectsPerAddressSecondMax) {
    counters.refusedByAddress++;
    return refuse(parts, "too_many_connects_of_an_address", address);
  }
  counters.connectionsAccepted++;
  addressCount.connections++;
  addressCount.connects++;
  return addressCount;
}

/** Call this when the connection is gone. */
export function uncount(addressCount: AddressCount): void {
  addressCount.connections--;
}

function refuse(parts: AdmissionParts, reason: string, address: string): undefined {
  parts.counters.connectionsRefused++;
  parts.log.debug("connection refused", { reason, address });
}
