/**
 * Flushes the outboxes that have something to send together, once per turn of the event loop. What several publishers
 * put into one subscriber's outbox in a turn leaves in one system call.
 */
export interface Flushable {
  flush(): void;
}

export class FlushQueue {
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];
  #scheduled = false;

  /** The caller must not add an item again before its `flush` ran. */
  add(item: Flushable): void {
    this.#waiting.push(item);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#run);
    }
  }

  #run = (): void => {
    this.#scheduled = false;
    const batch = this.#waiting;
    this.#waiting = this.#spare;
    for (const item of batch) item.flush();
    batch.length = 0;
    this.#spare = batch;
  };
}
