/**
 * Costly work, a few at once, the rest in a queue with an end. While there is room, it is first come, first served. A full
 * queue is shared out: who holds less takes the place of the newest of the network that holds most, or, within one
 * network, of the account that holds most.
 */
import { DomainError } from "../errors.ts";

/** For whom the work is. */
export interface Asker {
  readonly network: string;
  readonly account: string;
}

interface Waiting {
  readonly asker: Asker;
  start(): void;
  refuse(error: DomainError): void;
}

export function createHashQueue({ atOnceMax, waitingMax }: { atOnceMax: number; waitingMax: number }) {
  let running = 0;
  const waiting: Waiting[] = [];

  /** Throws `busy`. */
  async function run<T>(asker: Asker, work: () => Promise<T>): Promise<T> {
    if (running >= atOnceMax) {
      if (waiting.length >= waitingMax) makeRoom(asker);
      await new Promise<void>((resolve, reject) => waiting.push({ asker, start: resolve, refuse: reject }));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next.start(); // passes its slot on
    }
  }

  function makeRoom(asker: Asker): void {
    const all = largest(waiting, ({ network }) => network);
    const own = waiting.filter((one) => one.asker.network === asker.network);
    let from: readonly Waiting[] | undefined;
    // One fewer, or the two would take each other's place in turn.
    if (own.length + 1 < all.length) {
      from = largest(all, ({ account }) => account);
    } else if (own.length > 0) {
      const most = largest(own, ({ account }) => account);
      const held = own.filter((one) => one.asker.account === asker.account).length;
      if (held + 1 < most.length) from = most;
    }
    const newest = from?.at(-1);
    const busy = new DomainError("busy", "too many logins at once");
    if (newest === undefined) throw busy;
    waiting.splice(waiting.indexOf(newest), 1);
    newest.refuse(busy);
  }

  return { run };
}

/** Those that share a key, where they are most. */
function largest(waiting: readonly Waiting[], keyOf: (asker: Asker) => string): readonly Waiting[] {
  const groups = Map.groupBy(waiting, ({ asker }) => keyOf(asker));
  let most: readonly Waiting[] = [];
  for (const group of groups.values()) if (group.length > most.length) most = group;
  return most;
}
