/**
 * One timer for every deadline of every connection: keep alive, CONNECT, linger. A timer per connection would be reset
 * with each packet. Here a packet only changes a number, and the wheel checks a connection when the deadline it last
 * knew has come. Deadlines are met up to three seconds late, never early.
 */
import type { Clock } from "../../lib/clock.ts";

export interface Watched {
  /** UTC milliseconds. It may change at any time; a change to an earlier turn needs a `watch`. */
  deadlineMs: number;
  /** For the wheel: the slot of the item, -1 when it is not watched. */
  wheelSlot: number;
  /** Called once, after which it is no longer watched. */
  deadlinePassed(): void;
}

/** How often the wheel turns, and by how much its `nowMs` may lag. */
export const wheelTickMs = 1000;
/** Later deadlines wait in the last slot and move on from there. */
const slotCount = 64;

export class DeadlineWheel {
  /** The time of the last turn; at most a tick old while the timer runs. */
  nowMs: number;
  readonly #clock: Clock;
  #slots: Set<Watched>[] = Array.from({ length: slotCount }, () => new Set<Watched>());
  #cursor = 0;
  #turnedMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.nowMs();
    this.#turnedMs = this.nowMs;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.turn(), wheelTickMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Watches `watched` for its deadline, and removes it from its earlier slot. */
  watch(watched: Watched): void {
    this.unwatch(watched);
    if (watched.deadlineMs === Number.POSITIVE_INFINITY) return;
    const ticks = Math.ceil((watched.deadlineMs - this.#turnedMs) / wheelTickMs);
    const slot = (this.#cursor + Math.min(slotCount - 1, Math.max(1, ticks))) % slotCount;
    watched.wheelSlot = slot;
    this.#slots[slot]?.add(watched);
  }

  unwatch(watched: Watched): void {
    if (watched.wheelSlot < 0) return;
    this.#slots[watched.wheelSlot]?.delete(watched);
    watched.wheelSlot = -1;
  }

  /** Does what is due by the clock. */
  turn(): void {
    this.nowMs = this.#clock.nowMs();
    const ticks = Math.floor((this.nowMs - this.#turnedMs) / wheelTickMs);
    if (ticks < 0) this.#turnedMs = this.nowMs; // the clock was set back: deadlines come late, and only once
    if (ticks <= 0) return;
    this.#turnedMs += ticks * wheelTickMs;
    const due: Watched[] = [];
    for (let turned = 0; turned < Math.min(ticks, slotCount); turned++) {
      this.#cursor = (this.#cursor + 1) % slotCount;
      const slot = this.#slots[this.#cursor];
      if (slot === undefined) continue;
      for (const watched of slot) {
        watched.wheelSlot = -1;
        due.push(watched);
      }
      slot.clear();
    }
    for (const watched of due) {
      if (watched.wheelSlot >= 0) continue; // the deadline of another one made it watched again
      if (watched.deadlineMs > this.nowMs) this.watch(watched);
      else watched.deadlinePassed();
    }
  }
}
