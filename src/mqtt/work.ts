/**
 * Counts what is under way (publishes at a service, store changes, sockets still closing), so that `stop` can wait for
 * it.
 */
export class Work {
  #count = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  started(): void {
    this.#count++;
  }

  done(count = 1): void {
    this.#count -= count;
    if (this.#count > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }
}
