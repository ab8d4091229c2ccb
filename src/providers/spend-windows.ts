/** The paid messages of the last day in order, and counts of them; exact at every moment. */

import type { SteadyMs } from "../lib/clock.ts";

/** A message as it is known after a restart. */
export interface CountedMessage {
  /** Digits with the country code. */
  readonly number: string;
  /** The source: an IPv4 address, or an IPv6 /64. */
  readonly network: string;
  /** The country code. */
  readonly prefix: string;
  readonly atMs: SteadyMs;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const compactFrom = 1024;

interface Admitted {
  readonly atMs: number;
  readonly prefix: string;
  /** What only the last hour needs; dropped when that hour has passed. */
  hour: { readonly number: string; readonly network: string } | undefined;
}

export class SpendWindows {
  readonly #numbers = new Map<string, number>();
  readonly #networks = new Map<string, number>();
  readonly #prefixes = new Map<string, number>();
  readonly #prefixesInDay = new Map<string, number>();
  readonly #messages: Admitted[] = [];
  #dayStart = 0;
  #hourStart = 0;
  #nowMs: SteadyMs;

  /** A message whose time lies in the future is taken as one of now. */
  constructor(nowMs: SteadyMs, earlier: readonly CountedMessage[]) {
    this.#nowMs = nowMs;
    for (const message of [...earlier].sort((a, b) => a.atMs - b.atMs)) {
      this.#add(message, Math.min(message.atMs, nowMs));
    }
    this.moveTo(nowMs);
  }

  get ofDay(): number {
    return this.#messages.length - this.#dayStart;
  }

  ofNumber = (number: string): number => this.#numbers.get(number) ?? 0;
  ofNetwork = (network: string): number => this.#networks.get(network) ?? 0;
  ofPrefix = (prefix: string): number => this.#prefixes.get(prefix) ?? 0;
  ofPrefixInDay = (prefix: string): number => this.#prefixesInDay.get(prefix) ?? 0;

  moveTo(nowMs: SteadyMs): void {
    this.#nowMs = nowMs;
    const messages = this.#messages;
    for (let oldest = messages[this.#hourStart]; oldest !== undefined; oldest = messages[this.#hourStart]) {
      if (nowMs - oldest.atMs < hourMs) break;
      if (oldest.hour !== undefined) {
        countDown(this.#numbers, oldest.hour.number);
        countDown(this.#networks, oldest.hour.network);
        countDown(this.#prefixes, oldest.prefix);
        oldest.hour = undefined;
      }
      this.#hourStart++;
    }
    for (let oldest = messages[this.#dayStart]; oldest !== undefined; oldest = messages[this.#dayStart]) {
      if (nowMs - oldest.atMs < dayMs) break;
      countDown(this.#prefixesInDay, oldest.prefix);
      this.#dayStart++;
    }
    if (this.#dayStart < compactFrom || this.#dayStart * 2 < messages.length) return;
    messages.splice(0, this.#dayStart);
    this.#hourStart -= this.#dayStart;
    this.#dayStart = 0;
  }

  add(message: Omit<CountedMessage, "atMs">): void {
    this.#add(message, this.#nowMs);
  }

  #add({ number, network, prefix }: Omit<CountedMessage, "atMs">, atMs: number): void {
    this.#messages.push({ atMs, prefix, hour: { number, network } });
    countUp(this.#numbers, number);
    countUp(this.#networks, network);
    countUp(this.#prefixes, prefix);
    countUp(this.#prefixesInDay, prefix);
  }
}

function countUp(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function countDown(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
