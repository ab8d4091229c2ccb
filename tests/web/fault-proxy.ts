/** A TCP proxy whose lines fail as lines of phones do: dead, half open, or cut at random. */
import { connect, createServer, type Socket } from "node:net";
import type { Random } from "../support/random.ts";

export type Fault =
  | "none"
  /** Nothing opens and nothing stays open. */
  | "dead"
  /** What is open swallows bytes both ways and says nothing of it. */
  | "half-open"
  /** One chunk in twenty ends its connection. */
  | "cut";

export interface FaultProxy extends Disposable {
  readonly port: number;
  /** Where connections lead from now on. */
  toPort: number;
  /** `half-open` is of the connections that there are; later ones are good. */
  set(fault: Fault): void;
  counts(): { readonly connections: number; readonly refused: number; readonly cuts: number };
}

export async function startFaultProxy(parts: { toPort: number; random: Random }): Promise<FaultProxy> {
  const links = new Set<{ end(): void; swallows: boolean }>();
  const counts = { connections: 0, refused: 0, cuts: 0 };
  let fault: Fault = "none";

  const open = (client: Socket): void => {
    counts.connections += 1;
    const server = connect({ port: proxy.toPort, host: "127.0.0.1" });
    const link = {
      swallows: false,
      end() {
        links.delete(link);
        client.destroy();
        server.destroy();
      },
    };
    links.add(link);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on("error", () => {});
      from.on("close", () => {
        // Of a half-open line neither end hears that the other is gone.
        if (!link.swallows) link.end();
      });
      from.on("data", (chunk) => {
        if (link.swallows) return;
        if (fault === "cut" && parts.random.chance(0.05)) {
          counts.cuts += 1;
          link.end();
        } else to.write(chunk);
      });
    }
  };

  const listener = createServer((client) => {
    client.on("error", () => {});
    if (fault !== "dead") return open(client);
    counts.refused += 1;
    client.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  const proxy: FaultProxy = {
    port: address.port,
    toPort: parts.toPort,
    set(next) {
      fault = next;
      for (const link of links) {
        if (next === "dead") link.end();
        else if (next === "half-open") link.swallows = true;
      }
    },
    counts: () => ({ ...counts }),
    [Symbol.dispose]() {
      for (const link of links) link.end();
      listener.close();
    },
  };
  return proxy;
}
