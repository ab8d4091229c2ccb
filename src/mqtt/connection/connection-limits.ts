/**
 * Decides whether a connection is accepted before a byte is read, over any transport. There are limits for all
 * connections and for those of one address, at one time and accepted in a second. Of the accepted ones, so many CONNECT
 * packets of an address are served in a second; the others wait for their turn, so that a fleet comes in. All addresses
 * of an IPv6 /64 count as one. Loopback counts like any other address.
 */

import { networkOf } from "../../lib/client-network.ts";
import { type Clock, later, longAgo, type MonotonicMs } from "../../lib/clock.ts";
import { withoutMapping } from "../../lib/networks.ts";
import { SweptMap } from "../../lib/swept-map.ts";
import type { Descriptors } from "../../net/descriptors.ts";
import type { Counters } from "../counters.ts";
import type { BrokersReason, Identity } from "../identity.ts";
import type { BrokerLimits } from "../limits.ts";
import type { DeadlineWheel, Watched } from "./keep-alive.ts";

/** The counts of one address; all its connections share this object. */
export interface AddressCount {
  connections: number;
  /** Connections accepted since `secondStartedMs`. */
  accepted: number;
  secondStartedMs: MonotonicMs;
  /** CONNECT packets served since `turnStartedMs`. */
  served: number;
  turnStartedMs: MonotonicMs;
  /** Those that wait for their turn. */
  waiting: WaitingConnects | undefined;
  /** When the next bytes of its clients that are not logged in are due. */
  strangersReadAtMs: MonotonicMs;
}

const secondMs = 1000;
/** Of the connections accepted in a second, the last ones wait for their turn for as many seconds. */
const acceptedFactor = 10;
export class AddressCounts {
  /** An address without connections is dropped once its second has passed. */
  readonly #counts = new SweptMap<string, AddressCount>(
    ({ connections, secondStartedMs }, nowMs) => connections === 0 && isOver(secondStartedMs, nowMs),
  );

  /** The number of addresses remembered. */
  get size(): number {
    return this.#counts.size;
  }

  of(address: string, nowMs: MonotonicMs): AddressCount {
    const key = networkOf(address);
    const known = this.#counts.get(key);
    if (known !== undefined) {
      if (isOver(known.secondStartedMs, nowMs)) {
        known.secondStartedMs = nowMs;
        known.accepted = 0;
      }
      return known;
    }
    const addressCount: AddressCount = {
      connections: 0,
      accepted: 0,
      secondStartedMs: nowMs,
      served: 0,
      turnStartedMs: nowMs,
      waiting: undefined,
      strangersReadAtMs: longAgo,
    };
    this.#counts.add(key, addressCount, nowMs);
    return addressCount;
  }
}

const isOver = (secondStartedMs: MonotonicMs, nowMs: MonotonicMs): boolean => nowMs - secondStartedMs >= secondMs;

export interface AdmissionParts {
  readonly limits: Pick<BrokerLimits, "connectionsMax" | "connectionsPerAddressMax" | "connectsPerAddressSecondMax">;
  readonly counters: Pick<Counters, "connectionsAccepted" | "connectionsRefused" | "refusedByAddress">;
  readonly connections: { readonly size: number };
  readonly descriptors: Pick<Descriptors, "connectionsMax" | "refused">;
  readonly addressCounts: AddressCounts;
  readonly clock: Clock;
  readonly identity: Pick<Identity, "refused">;
  readonly stopping: boolean;
}

/**
 * Counts one more connection of an address, until `uncount`. Undefined where the limits allow none; that refusal is
 * counted too.
 */
export function admit(parts: AdmissionParts, address: string): AddressCount | undefined {
  const { limits, counters } = parts;
  if (parts.connections.size >= parts.descriptors.connectionsMax) parts.descriptors.refused();
  if (parts.connections.size >= Math.min(limits.connectionsMax, parts.descriptors.connectionsMax) || parts.stopping) {
    return refuse(parts, address, { text: "too many connections", limit: "connections" });
  }
  const addressCount = parts.addressCounts.of(address, parts.clock.monotonicMs());
  if (addressCount.connections >= limits.connectionsPerAddressMax) {
    counters.refusedByAddress++;
    return refuse(parts, address, { text: "too many connections of this address", limit: "connectionsPerAddress" });
  }
  if (addressCount.accepted >= limits.connectsPerAddressSecondMax * acceptedFactor) {
    counters.refusedByAddress++;
    return refuse(parts, address, {
      text: "too many connections of this address in a second",
      limit: "connectsPerAddressSecond",
    });
  }
  counters.connectionsAccepted++;
  addressCount.connections++;
  addressCount.accepted++;
  return addressCount;
}

/** Bytes that all clients of an address may send in a second while they are not logged in, and so many seconds' at once. */
const strangersBytesPerSecond = 64 * 1024;
const strangersSecondsAtOnce = 8;

/**
 * Bytes of such a client were read. Gives for how many milliseconds it is to be read no further. What came at once from very
 * many is no debt for longer than that.
 */
export function restAfter(count: AddressCount, bytes: number, nowMs: MonotonicMs): number {
  const spanMs = strangersSecondsAtOnce * secondMs;
  const from = Math.max(count.strangersReadAtMs, nowMs - spanMs);
  const readAtMs = Math.min(from + (bytes * secondMs) / strangersBytesPerSecond, nowMs + spanMs);
  count.strangersReadAtMs = readAtMs as MonotonicMs;
  return Math.max(0, readAtMs - nowMs);
}

/** Call this when the connection is gone. */
export function uncount(addressCount: AddressCount): void {
  addressCount.connections--;
}

function refuse({ counters, identity, stopping }: AdmissionParts, address: string, reason: BrokersReason): undefined {
  counters.connectionsRefused++;
  if (stopping) return;
  const client = { principal: undefined, clientId: undefined, address: withoutMapping(address) };
  identity.refused({ asked: "connect", topic: undefined, ...client, reason });
}

export interface TurnParts {
  readonly limits: Pick<BrokerLimits, "connectsPerAddressSecondMax">;
  readonly clock: Clock;
  readonly wheel: Pick<DeadlineWheel, "watch" | "nowMs">;
}

interface Connecting {
  readonly closed: boolean;
}

/** Serves a CONNECT now, or when those of its address before it were served. Not if the connection is closed by then. */
export function inTurn(parts: TurnParts, count: AddressCount, connection: Connecting, serve: () => void): void {
  if (count.waiting === undefined) {
    const nowMs = parts.clock.monotonicMs();
    if (isOver(count.turnStartedMs, nowMs)) {
      count.turnStartedMs = nowMs;
      count.served = 0;
    }
    if (count.served < parts.limits.connectsPerAddressSecondMax) {
      count.served++;
      serve();
      return;
    }
    count.waiting = new WaitingConnects(parts, count);
  }
  count.waiting.add(connection, serve);
}

/** In order; each turn of the wheel serves as many as a second may have. No more than the address has connections. */
class WaitingConnects implements Watched {
  deadlineMs: MonotonicMs;
  wheelPlace = -1;
  readonly #parts: TurnParts;
  readonly #count: AddressCount;
  #queue: { readonly connection: Connecting; serve(): void }[] = [];

  constructor(parts: TurnParts, count: AddressCount) {
    this.#parts = parts;
    this.#count = count;
    this.deadlineMs = parts.clock.monotonicMs();
    parts.wheel.watch(this);
  }

  add(connection: Connecting, serve: () => void): void {
    this.#queue.push({ connection, serve });
  }

  deadlinePassed(): void {
    const { wheel, limits } = this.#parts;
    const open = this.#queue.filter(({ connection }) => !connection.closed);
    const due = open.slice(0, limits.connectsPerAddressSecondMax);
    this.#queue = open.slice(due.length);
    this.#count.turnStartedMs = wheel.nowMs;
    this.#count.served = due.length;
    if (this.#queue.length === 0) {
      this.#count.waiting = undefined;
    } else {
      this.deadlineMs = later(wheel.nowMs, secondMs);
      wheel.watch(this);
    }
    for (const { serve } of due) serve();
  }
}
