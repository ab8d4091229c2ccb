/**
 * Frames, bodies and answers lie outside of the collector's heap. The collector lets much of them lie about, hundreds of
 * megabytes where clients say much at once, before it looks. So it is asked to look as soon as some megabytes are garbage.
 * That takes a heap of 15 MiB some 10 ms; with a large one it would hold up everybody, and so it is asked less often.
 */
import { fullGC } from "bun:jsc";

export interface GarbageParts {
  /** Bytes outside of the collector's heap, of what is in use and of what is garbage. */
  externalBytes?(): number;
  collect?(): void;
  /** Monotonic. */
  nowMs?(): number;
}

/** It looks when so much has passed since it looked last. */
const lookAfterBytes = 4 * 1024 * 1024;
/** More than there was after the last collection: so much may be garbage. */
const garbageBytesMax = 16 * 1024 * 1024;
/** A collection that took longer has held up others. */
const shortMs = 20;
/** From one collection to the next, as multiples of the time that the first one took. */
const pause = { short: 4, long: 50 };
/** Time for long ones that was saved up while there were none: when many begin to send at once, garbage grows fastest. */
const savedMsMax = 300;

export class Garbage {
  readonly #externalBytes: () => number;
  readonly #collect: () => void;
  readonly #nowMs: () => number;
  #passedBytes = 0;
  /** In use after the last collection, or less where it became less since. */
  #usedBytes = 0;
  #notBeforeMs = 0;
  #savedMs = savedMsMax;
  #savedAtMs = 0;

  constructor({ externalBytes = external, collect = fullGC, nowMs = () => performance.now() }: GarbageParts = {}) {
    this.#externalBytes = externalBytes;
    this.#collect = collect;
    this.#nowMs = nowMs;
  }

  /** So many bytes of a frame, a body or an answer are in memory, and will be garbage. */
  passed(bytes: number): void {
    this.#passedBytes += bytes;
    if (this.#passedBytes < lookAfterBytes) return;
    this.#passedBytes = 0;
    this.#look();
  }

  #look(): void {
    const bytes = this.#externalBytes();
    this.#usedBytes = Math.min(this.#usedBytes, bytes);
    const startedMs = this.#nowMs();
    if (bytes < this.#usedBytes + garbageBytesMax || startedMs < this.#notBeforeMs) return;
    this.#collect();
    const endedMs = this.#nowMs();
    const tookMs = endedMs - startedMs;
    this.#notBeforeMs = endedMs + Math.max(pause.short * tookMs, pause.long * this.#owedMs(tookMs, endedMs));
    this.#usedBytes = this.#externalBytes();
  }

  /** How much of a collection's time is beyond what was saved up for long ones; below zero, what is left of that. */
  #owedMs(tookMs: number, nowMs: number): number {
    if (tookMs <= shortMs) return 0;
    this.#savedMs = Math.min(savedMsMax, this.#savedMs + (nowMs - this.#savedAtMs) / pause.long) - tookMs;
    this.#savedAtMs = nowMs;
    return -this.#savedMs;
  }
}

const external = (): number => process.memoryUsage().external;
