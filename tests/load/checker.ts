/**
 * Decides whether every message arrived once and in order. A stream is what one publisher says on one topic, numbered from
 * 0 without gaps; each receiver of a stream is checked by itself. It works at full rate: the straight path is one compare
 * and one increment.
 */

/** More missing messages than this are counted, but no longer told apart when they arrive late. */
const MISSING_REMEMBERED_MAX = 100_000;

export interface Faults {
  lost: number;
  duplicated: number;
  /** Arrived after a later message of the same stream. */
  reordered: number;
  /** What was seen first of each kind, in words. */
  examples: string[];
}

export class DeliveryChecker {
  readonly #next: Uint32Array;
  readonly #streams: number;
  readonly #receivers: number;
  /** Keys of messages that were skipped and have not come yet. */
  readonly #missing = new Set<number>();
  #missingForgotten = 0;
  #duplicated = 0;
  #reordered = 0;
  readonly #examples: string[] = [];

  constructor({ streams, receivers }: { streams: number; receivers: number }) {
    this.#streams = streams;
    this.#receivers = receivers;
    this.#next = new Uint32Array(streams * receivers);
  }

  /** Notes that `receiver` got message `seq` of `stream`; true for one that had not come before. */
  accept(receiver: number, stream: number, seq: number): boolean {
    const slot = receiver * this.#streams + stream;
    if (stream < this.#streams && this.#next[slot] === seq) {
      this.#next[slot] = seq + 1;
      return true;
    }
    return this.#acceptOdd({ slot, receiver, stream, seq });
  }

  /** What was wrong, given how many messages of each stream were sent to every receiver. */
  finish(sent: (stream: number) => number): Faults {
    let lost = this.#missing.size + this.#missingForgotten;
    for (let receiver = 0; receiver < this.#receivers; receiver++) {
      for (let stream = 0; stream < this.#streams; stream++) {
        const behind = sent(stream) - (this.#next[receiver * this.#streams + stream] ?? 0);
        if (behind <= 0) continue;
        lost += behind;
        this.#note(`receiver ${receiver} lost the last ${behind} messages of stream ${stream}`);
      }
    }
    return { lost, duplicated: this.#duplicated, reordered: this.#reordered, examples: [...this.#examples] };
  }

  #acceptOdd({
    slot,
    receiver,
    stream,
    seq,
  }: {
    slot: number;
    receiver: number;
    stream: number;
    seq: number;
  }): boolean {
    if (stream >= this.#streams || receiver >= this.#receivers) {
      throw new Error(`receiver ${receiver} got a message of stream ${stream}, which nobody sends`);
    }
    const next = this.#next[slot] ?? 0;
    if (seq > next) {
      this.#note(`receiver ${receiver} missed messages ${next} to ${seq - 1} of stream ${stream}`);
      for (let skipped = next; skipped < seq; skipped++) {
        if (this.#missing.size >= MISSING_REMEMBERED_MAX) {
          this.#missingForgotten += seq - skipped;
          break;
        }
        this.#missing.add(keyOf(slot, skipped));
      }
      this.#next[slot] = seq + 1;
      return true;
    }
    if (this.#missing.delete(keyOf(slot, seq))) {
      this.#reordered += 1;
      this.#note(`receiver ${receiver} got message ${seq} of stream ${stream} after message ${next - 1}`);
      return true;
    }
    this.#duplicated += 1;
    this.#note(`receiver ${receiver} got message ${seq} of stream ${stream} again`);
    return false;
  }

  #note(example: string): void {
    if (this.#examples.length < 10) this.#examples.push(example);
  }
}

/** One number for slot and sequence number: exact below 2^21 slots. */
function keyOf(slot: number, seq: number): number {
  return slot * 2 ** 32 + seq;
}

export function hasFaults(faults: Faults): boolean {
  return faults.lost + faults.duplicated + faults.reordered > 0;
}
