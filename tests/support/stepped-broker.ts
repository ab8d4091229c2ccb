/** The broker's parts without sockets, where every commit waits until the test lets it through. */
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { Identity } from "../../src/mqtt/identity.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../../src/mqtt/limits.ts";
import { type BrokerParts, createParts } from "../../src/mqtt/parts.ts";
import { preparePublish } from "../../src/mqtt/publish/prepared-publish.ts";
import type { Qos } from "../../src/mqtt/wire/protocol.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { MemoryBrokerStore } from "./memory-broker-store.ts";
import { openIdentity } from "./test-broker.ts";

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A few turns: what one step sets off has happened, as far as no commit is waited for. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await turn();
}

interface Commit {
  readonly change: string;
  readonly settled: PromiseWithResolvers<void>;
}

/** A store whose commits, once `holds`, go through one by one, in order, or fail. */
export class HeldStore extends MemoryBrokerStore {
  holds = false;
  /** In the order they were asked for. */
  readonly waiting: Commit[] = [];
  /** Whether a change that nothing holds back fails. */
  fails: (change: string) => boolean = () => false;

  constructor() {
    super();
    this.commit = (change) => {
      const settled = Promise.withResolvers<void>();
      settled.promise.catch(() => {});
      this.waiting.push({ change, settled });
      if (!this.holds) this.let(this.waiting.length);
      return settled.promise;
    };
  }

  /** What a later run finds if this one ends now: without what was not committed. */
  crash(): HeldStore {
    this.waiting.splice(0);
    this.holds = true;
    const left = new HeldStore();
    for (const [id, session] of this.sessions) left.sessions.set(id, session);
    for (const [id, row] of this.queued) left.queued.set(id, row);
    return left;
  }

  /** Lets the next commits through, those that `fails` names aside. */
  let(count: number, fails = this.fails): void {
    for (const { change, settled } of this.waiting.splice(0, count)) {
      if (fails(change)) settled.reject(new Error(`${change} failed`));
      else settled.resolve();
    }
  }
}

export interface SteppedOptions {
  readonly store?: MemoryBrokerStore;
  readonly identity?: Partial<Identity>;
  readonly limits?: Partial<BrokerLimits>;
  readonly clock?: ManualClock;
  readonly log?: Log;
}

/** The broker's own parts on a store and a clock of the test's. */
export class SteppedBroker {
  readonly store: MemoryBrokerStore;
  readonly clock: ManualClock;
  readonly parts: BrokerParts;

  constructor({ store, identity, limits, clock, log }: SteppedOptions = {}) {
    this.store = store ?? new MemoryBrokerStore();
    this.clock = clock ?? createManualClock();
    this.parts = createParts({
      identity: { ...openIdentity, ...identity },
      services: [],
      store: this.store,
      limits: { ...defaultBrokerLimits, ...limits },
      clock: this.clock,
      log: log ?? silentLog,
      sys: { version: "test", intervalSeconds: 10 },
    });
  }

  /** As `Broker.start`. */
  async start(): Promise<this> {
    const { sessions, wills } = this.parts;
    await this.store.restart(this.clock.steadyMs());
    sessions.load();
    wills.load();
    return this;
  }

  /** A message of the broker's own; what had to be stored for it. */
  publish(topic: string, payload: string | Uint8Array, qos: Qos): Promise<undefined> | undefined {
    const { routes } = this.parts;
    return routes.forward(routes.find(topic), preparePublish(topic, Buffer.from(payload)), qos);
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    this.parts.wheel.turn();
  }
}
