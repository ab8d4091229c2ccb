/**
 * Who is let in before a byte was read, whichever transport it comes over: so many connections in all, so many of one
 * address, and so many new ones of it in a second. Loopback counts like any other address.
 */
import { SweptMap } from "../../lib/swept-map.ts";
import type { BrokerCore } from "../core.ts";

/** What is known of one address; every connection of it holds this object. */
export interface AddressCount {
  connections: number;
  /** Connects since `secondStartedMs`. */
  connects: number;
  secondStartedMs: number;
}

const secondMs = 1000;
export class AddressCounts {
  /** An address without connections is forgotten once its second has passed. */
  readonly #counts = new SweptMap<string, AddressCount>(
    ({ connections, secondStartedMs }, nowMs) => connections === 0 && isOver(secondStartedMs, nowMs),
  );

  /** Addresses remembered. */
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

/** Also where the clock was set back. */
const isOver = (secondStartedMs: number, nowMs: number): boolean => Math.abs(nowMs - secondStartedMs) >= secondMs;

/** Counts one more connection of an address, until `uncount`; undefined where the limits allow none, which is counted too. */
export function admit(core: BrokerCore, address: string): AddressCount | undefined {
  const { limits, counters } = core;
  if (core.connections.size >= limits.connectionsMax || core.stopping) {
    return refuse(core, "too_many_connections", address);
  }
  const addressCount = core.addressCounts.of(address, core.clock.nowMs());
  if (addressCount.connections >= limits.connectionsPerAddressMax) {
    counters.refusedByAddress++;
    return refuse(core, "too_many_connections_of_an_address", address);
  }
  if (addressCount.connects >= limits.connectsPerAddressSecondMax) {
    counters.refusedByAddress++;
    return refuse(core, "too_many_connects_of_an_address", address);
  }
  counters.connectionsAccepted++;
  addressCount.connections++;
  addressCount.connects++;
  return addressCount;
}

/** The connection is gone. */
export function uncount(addressCount: AddressCount): void {
  addressCount.connections--;
}

function refuse(core: BrokerCore, reason: string, address: string): undefined {
  core.counters.connectionsRefused++;
  core.log.debug("connection refused", { reason, address });
}
