/**
 * Who is let in before a byte was read, whichever transport it comes over: so many connections in all, so many of one
 * address, and so many new ones of it in a second. Loopback counts like any other address.
 */
import type { BrokerCore } from "../core.ts";

/** What is known of one address; every connection of it holds this object. */
export interface Place {
  connections: number;
  /** Connects since `secondStartedMs`. */
  connects: number;
  secondStartedMs: number;
}

const secondMs = 1000;
/** A table smaller than this is never swept. */
const sweepFrom = 1024;

export class Places {
  readonly #places = new Map<string, Place>();
  #sweepAt = sweepFrom;

  /** Addresses remembered. */
  get size(): number {
    return this.#places.size;
  }

  of(address: string, nowMs: number): Place {
    const key = address.startsWith("::ffff:") ? address.slice(7) : address;
    const known = this.#places.get(key);
    if (known !== undefined) {
      // Also where the clock was set back.
      if (Math.abs(nowMs - known.secondStartedMs) >= secondMs) {
        known.secondStartedMs = nowMs;
        known.connects = 0;
      }
      return known;
    }
    if (this.#places.size >= this.#sweepAt) this.#sweep(nowMs);
    const place: Place = { connections: 0, connects: 0, secondStartedMs: nowMs };
    this.#places.set(key, place);
    return place;
  }

  /** Forgets addresses that mean nothing any more, at a cost that spreads over those that made the table grow. */
  #sweep(nowMs: number): void {
    for (const [key, place] of this.#places) {
      if (place.connections === 0 && Math.abs(nowMs - place.secondStartedMs) >= secondMs) this.#places.delete(key);
    }
    this.#sweepAt = Math.max(sweepFrom, 2 * this.#places.size);
  }
}

/** Takes a place for one more connection, to be left by `leave`; undefined where there is none, which is counted. */
export function admit(core: BrokerCore, address: string): Place | undefined {
  const { limits, counters } = core;
  if (core.connections.size >= limits.connectionsMax || core.stopping) {
    return refuse(core, "too_many_connections", address);
  }
  const place = core.places.of(address, core.clock.nowMs());
  if (place.connections >= limits.connectionsPerAddressMax) {
    counters.refusedByAddress++;
    return refuse(core, "too_many_connections_of_an_address", address);
  }
  if (place.connects >= limits.connectsPerAddressSecondMax) {
    counters.refusedByAddress++;
    return refuse(core, "too_many_connects_of_an_address", address);
  }
  counters.connectionsAccepted++;
  place.connections++;
  place.connects++;
  return place;
}

/** The connection is gone. */
export function leave(place: Place): void {
  place.connections--;
}

function refuse(core: BrokerCore, reason: string, address: string): undefined {
  core.counters.connectionsRefused++;
  core.log.debug("connection refused", { reason, address });
}
