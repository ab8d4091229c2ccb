/**
 * A TCP proxy that delays, stalls and cuts connections, by a seeded source. A cut may leave the server's end open for a
 * while: that is a client which is gone without the server knowing it.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Random } from "./random.ts";

export interface ShakyProxy extends Disposable {
  readonly port: number;
  /** From here on it passes everything on at once; what is stalled goes on. */
  calm(): void;
  counts(): { connections: number; cuts: number; halfCuts: number; stalls: number };
}

const delayMsMax = 15;
const stallMsMax = 400;
const lifeMs = { least: 60, most: 1500 };
const lingerMsMax = 1200;

export async function startShakyProxy(parts: { toPort: number; random: Random }): Promise<ShakyProxy> {
  const { random } = parts;
  const links = new Set<Link>();
  const counts = { connections: 0, cuts: 0, halfCuts: 0, stalls: 0 };
  let calm = false;

  class Link {
    readonly #client: Socket;
    readonly #server: Socket;
    readonly #timers = new Set<ReturnType<typeof setTimeout>>();

    constructor(client: Socket) {
      this.#client = client;
      this.#server = connect({ port: parts.toPort, host: "127.0.0.1" });
      for (const [from, to] of [
        [client, this.#server],
        [this.#server, client],
      ] as const) {
        from.setNoDelay(true);
        from.on("error", () => {});
        from.on("close", () => to.end());
        this.#pass(from, to);
      }
      this.#server.on("close", () => links.delete(this));
      if (!calm) this.#after(lifeMs.least + random.int(lifeMs.most - lifeMs.least), () => this.#cut());
    }

    /** In order, each chunk after a delay of its own. */
    #pass(from: Socket, to: Socket): void {
      let last = Promise.resolve();
      from.on("data", (chunk: Buffer) => {
        if (calm) {
          last = last.then(() => void to.write(chunk));
          return;
        }
        const stalls = random.chance(0.02);
        if (stalls) counts.stalls += 1;
        const ms = stalls ? random.int(stallMsMax) : random.chance(0.5) ? random.int(delayMsMax) : 0;
        // A stalled reader is one whose peer finds its window closed.
        if (stalls) from.pause();
        const waited = ms === 0 ? Promise.resolve() : new Promise<void>((resolve) => this.#after(ms, resolve));
        last = Promise.all([last, waited]).then(() => {
          if (!to.destroyed) to.write(chunk);
          if (stalls) from.resume();
        });
      });
    }

    #cut(): void {
      if (calm) return;
      if (random.chance(0.5)) {
        counts.cuts += 1;
        this.end();
        return;
      }
      counts.halfCuts += 1;
      // Nobody reads the server's end, and nobody closes it either.
      this.#client.removeAllListeners("close");
      this.#client.destroy();
      this.#server.pause();
      this.#after(random.int(lingerMsMax), () => this.end());
    }

    #after(ms: number, work: () => void): void {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        work();
      }, ms);
      this.#timers.add(timer);
    }

    end(): void {
      for (const timer of this.#timers) clearTimeout(timer);
      this.#client.destroy();
      this.#server.destroy();
      links.delete(this);
    }
  }

  const listener: Server = createServer((client) => {
    counts.connections += 1;
    links.add(new Link(client));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    port: address.port,
    calm: () => {
      calm = true;
    },
    counts: () => ({ ...counts }),
    [Symbol.dispose]() {
      for (const link of [...links]) link.end();
      listener.close();
    },
  };
}
