/** Works that take much memory for a moment: so many of one key at a time, the others wait, first come first served. */
interface Turn {
  running: number;
  readonly waiting: (() => void)[];
}

export class Turns<Key> {
  readonly #atOnceMax: number;
  readonly #turns = new Map<Key, Turn>();

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** The next one begins in a later turn of the loop, when what this one gave has been handed on, and others were served. */
  async run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? { running: 0, waiting: [] };
    this.#turns.set(key, turn);
    if (turn.running < this.#atOnceMax) turn.running++;
    else await new Promise<void>((resolve) => turn.waiting.push(resolve));
    try {
      return await work();
    } finally {
      setImmediate(() => this.#ended(key, turn));
    }
  }

  #ended(key: Key, turn: Turn): void {
    const next = turn.waiting.shift();
    if (next !== undefined) {
      next();
      return;
    }
    turn.running--;
    if (turn.running === 0) this.#turns.delete(key);
  }
}
