/**
 * One timer for every deadline of every connection: keep alive, CONNECT, linger. A timer per connection would be reset
 * with each packet. Here a packet only changes a number, and the wheel checks a connection when the deadline it last
 * knew has come. Deadlines are met up to three seconds late, never early.
 */
import { type Clock, forever, type MonotonicMs } from "../../lib/clock.ts";

export interface Watched {
  /** It may change at any time; a change to an earlier turn needs a `watch`. */
  readonly deadlineMs: MonotonicMs;
  /** For the wheel: where the item is, -1 when it is not watched. */
  wheelPlace: number;
  /** Called once, after which it is no longer watched. */
  deadlinePassed(): void;
}

/** How often the wheel turns, and by how much its `nowMs` may lag. */
export const wheelTickMs = 1000;
/** Later deadlines wait in the last slot and move on from there. */
const slotCount = 64;

export class DeadlineWheel {
  /** The time of the last turn; at most a tick old while the timer runs. */
  nowMs: MonotonicMs;
  readonly #clock: Clock;
  /** Arrays, since an entry of a Set takes several times as much, and there is one for each connection. */
  readonly #slots: Watched[][] = Array.from({ length: slotCount }, () => []);
  #cursor = 0;
  #turnedMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.monotonicMs();
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
    if (watched.deadlineMs === forever) return;
    const ticks = Math.ceil((watched.deadlineMs - this.#turnedMs) / wheelTickMs);
    const at = (this.#cursor + Math.min(slotCount - 1, Math.max(1, ticks))) % slotCount;
    const slot = this.#slots[at];
    if (slot === undefined) return;
    watched.wheelPlace = slot.length * slotCount + at;
    slot.push(watched);
  }

  unwatch(watched: Watched): void {
    const { wheelPlace } = watched;
    if (wheelPlace < 0) return;
    watched.wheelPlace = -1;
    const slot = this.#slots[wheelPlace % slotCount];
    const last = slot?.pop();
    if (slot === undefined || last === undefined || last === watched) return;
    last.wheelPlace = wheelPlace;
    slot[Math.floor(wheelPlace / slotCount)] = last;
  }

  /** Does what is due by the clock. */
  turn(): void {
    this.nowMs = this.#clock.monotonicMs();
    const ticks = Math.floor((this.nowMs - this.#turnedMs) / wheelTickMs);
    if (ticks <= 0) return;
    this.#turnedMs += ticks * wheelTickMs;
    const due: Watched[] = [];
    for (let turned = 0; turned < Math.min(ticks, slotCount); turned++) {
      this.#cursor = (this.#cursor + 1) % slotCount;
      const slot = this.#slots[this.#cursor];
      if (slot === undefined) continue;
      for (const watched of slot) {
        watched.wheelPlace = -1;
        due.push(watched);
      }
      slot.length = 0;
    }
    for (const watched of due) {
      if (watched.wheelPlace >= 0) continue; // the deadline of another one made it watched again
      if (watched.deadlineMs > this.nowMs) this.watch(watched);
      else watched.deadlinePassed();
    }
  }
}
