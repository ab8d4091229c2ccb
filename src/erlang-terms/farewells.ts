/**
 * Devices that ask for the end of what they have logged in as: a profile, or a user of one. Their answer goes out while the
 * log-in is still there, and a connection that ends with it ends behind the acknowledgement of its request.
 */
import type { WireTerm } from "../etf/encode.ts";
import type { Log } from "../lib/log.ts";
import type { TermRequest } from "./request.ts";

/** The farewell to the device that asked, and what the removal waits for. */
export interface Farewell {
  readonly session: unknown;
  answer(): Promise<void>;
  /** Called when all users concerned were told. */
  finished(): Promise<void>;
}

export class Farewells {
  readonly #log: Log;
  /** By what is to go: in the order in which they asked. */
  readonly #asking = new Map<string, readonly Farewell[]>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Changes are committed in the order of the requests: the first that asked is the one that was granted. */
  first(key: string): Farewell | undefined {
    return this.#asking.get(key)?.[0];
  }

  /**
   * Removes what the key stands for. The listener of the event says farewell with `answer`: see `first`. Gives what the removal
   * gave, or `told` where the connection is about to end.
   */
  during<Outcome>(
    { client, session, topic }: Pick<TermRequest, "client" | "session" | "topic">,
    { key, answer, remove }: { key: string; answer: WireTerm; remove(): Promise<Outcome> },
  ): Promise<Outcome | "told"> {
    // A connection that logged in with its token ends with it, but only after this request is acknowledged.
    const closes = session.principal.phoneLogin?.session !== undefined;
    const toldAll = Promise.withResolvers<"told">();
    const farewell: Farewell = {
      session,
      answer: () => client.answer(topic.version, answer),
      async finished() {
        if (!closes) return;
        toldAll.resolve("told");
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
    this.#asking.set(key, [...(this.#asking.get(key) ?? []), farewell]);
    const removing = remove().finally(() => {
      const others = this.#asking.get(key)?.filter((other) => other !== farewell) ?? [];
      if (others.length === 0) this.#asking.delete(key);
      else this.#asking.set(key, others);
    });
    removing.catch((failure: unknown) =>
      this.#log.error("log-ins of what was removed did not end", { error: failure }),
    );
    return closes ? Promise.race([removing, toldAll.promise]) : removing;
  }
}
