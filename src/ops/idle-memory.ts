/**
 * Gives back what a burst of connections took and nothing needs any more: code that ran only then, room that collections
 * left. The runtime does so by itself, but only after ten idle minutes. The price is that the code which runs next is
 * compiled again. So it is done once per burst, and only where the process then did almost nothing for a while.
 */

export interface IdleMemoryParts {
  /** Connections that are open now, at all doors. */
  connections(): number;
  /** Processor time that this process has used, in milliseconds. */
  cpuMs?(): number;
  shrink?(): void;
}

const lookEveryMs = 1000;
/** So many more connections than last time are a burst: some megabytes. */
const burst = 2000;
/** So many looks in a row must be quiet. */
const quietLooks = 8;
/** A look is quiet where less than a twentieth of a core was used since the last one. */
const quietCpuMs = lookEveryMs / 20;

export class IdleMemory {
  readonly #connections: () => number;
  readonly #cpuMs: () => number;
  readonly #shrink: () => void;
  /** How many were open when memory was given back last, or since then where they became fewer. */
  #floor = 0;
  #quiet = 0;
  #usedMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor({ connections, cpuMs = processorMs, shrink = () => Bun.shrink() }: IdleMemoryParts) {
    this.#connections = connections;
    this.#cpuMs = cpuMs;
    this.#shrink = shrink;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.look(), lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The timer's work. */
  look(): void {
    const open = this.#connections();
    this.#floor = Math.min(this.#floor, open);
    if (open < this.#floor + burst) {
      this.#quiet = 0;
      return;
    }
    const usedMs = this.#cpuMs();
    this.#quiet = usedMs - this.#usedMs < quietCpuMs ? this.#quiet + 1 : 0;
    this.#usedMs = usedMs;
    if (this.#quiet < quietLooks) return;
    this.#quiet = 0;
    this.#floor = open;
    this.#shrink();
  }
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
