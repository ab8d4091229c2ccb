/**
 * The open files that this process may have: sockets, and the files of the store. Where none is left, the kernel's accept
 * fails, Bun tries it again without end, and the store can open nothing. So some are kept aside, MQTT connections end
 * before them, and when even so the last one is taken, no door listens until there are enough again.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Log } from "../lib/log.ts";

/** A door that can stop listening for a while. Its connections stay. */
export interface PausingListener {
  pause(): void;
  /** Throws where it cannot listen again yet. */
  resume(): void;
}

export interface DescriptorParts {
  readonly log: Log;
  /** How many this process may have open; undefined: as many as it needs. */
  readonly limit?: number | undefined;
  /** Opens one more, and gives its number. Throws where none is left. */
  readonly open?: () => number;
  readonly close?: (descriptor: number) => void;
}

const checkEveryMs = 100;
/** Refusals are logged only this often. */
const logEveryMs = 60_000;

export class Descriptors {
  /** So many connections leave the reserve to others. */
  readonly connectionsMax: number;
  readonly #log: Log;
  readonly #limit: number | undefined;
  readonly #open: () => number;
  readonly #close: (descriptor: number) => void;
  readonly #reserved: number;
  /** Held, so that there are some to give back to the store. */
  readonly #aside: number[] = [];
  readonly #listeners: PausingListener[] = [];
  #paused: PausingListener[] = [];
  #exhausted = false;
  #toldMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ log, limit, open = openNothing, close = closeSync }: DescriptorParts) {
    this.#log = log;
    this.#limit = limit;
    this.#open = open;
    this.#close = close;
    const reserve = limit === undefined ? 0 : Math.min(1024, Math.max(limit / 8, Math.min(128, limit / 2)));
    this.connectionsMax = limit === undefined ? Number.POSITIVE_INFINITY : Math.floor(limit - reserve);
    this.#reserved = Math.min(64, Math.floor(reserve / 4));
  }

  /** Takes the reserve, and looks after it from now on. */
  start(): void {
    if (this.#limit === undefined || this.#timer !== undefined) return;
    this.#take(this.#reserved);
    this.#timer = setInterval(() => this.check(), checkEveryMs);
    this.#timer.unref();
  }

  /** Safe to call twice. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#giveBack();
  }

  watch(...listeners: readonly PausingListener[]): void {
    this.#listeners.push(...listeners);
  }

  /** A connection was refused for `connectionsMax`. */
  refused(): void {
    this.#tell("connections are refused, since this process may have no more files open");
  }

  /** The timer's work. */
  check(): void {
    if (this.#exhausted) this.#recover();
    else if (!this.#take(1)) this.#exhaust();
    else this.#closeLast();
  }

  #exhaust(): void {
    this.#exhausted = true;
    this.#tell("no door listens for now, since this process may have no more files open");
    this.#paused = this.#listeners.filter((listener) => this.#attempt(() => listener.pause()));
    this.#giveBack();
  }

  /** With room for the reserve and for as many connections. */
  #recover(): void {
    const enough = this.#take(2 * this.#reserved);
    while (this.#aside.length > this.#reserved) this.#closeLast();
    if (!enough) {
      this.#giveBack();
      return;
    }
    this.#paused = this.#paused.filter((listener) => !this.#attempt(() => listener.resume()));
    if (this.#paused.length > 0) return;
    this.#exhausted = false;
    this.#log.info("every door listens again");
  }

  /** Opens so many more, as far as there are any. Gives whether there were enough. */
  #take(count: number): boolean {
    const wanted = this.#aside.length + count;
    while (this.#aside.length < wanted) {
      try {
        this.#aside.push(this.#open());
      } catch {
        return false; // what this is about
      }
    }
    return true;
  }

  #closeLast(): void {
    const descriptor = this.#aside.pop();
    if (descriptor !== undefined) this.#close(descriptor);
  }

  #giveBack(): void {
    while (this.#aside.length > 0) this.#closeLast();
  }

  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#log.warn("a door could not be closed or opened", { error });
      return false;
    }
  }

  #tell(message: string): void {
    const nowMs = performance.now();
    if (nowMs < this.#toldMs + logEveryMs) return;
    this.#toldMs = nowMs;
    this.#log.warn(message, { limit: this.#limit, setting: "ulimit -n, or LimitNOFILE of a systemd unit" });
  }
}

const openNothing = (): number => openSync("/dev/null", "r");

/**
 * How many files this process may have open. The runtime has raised the soft limit to the hard one at its start. Undefined
 * where the system does not say.
 */
export function openFilesMax(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined; // not Linux
  }
}
