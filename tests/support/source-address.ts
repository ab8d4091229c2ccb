/** Lets any client of a test come from an address of its choice on this machine. */
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/**
 * Passes connections on to `to` (`host:port`), from `address`. With `tls` the client need not speak TLS itself.
 * @returns where the client connects: `127.0.0.1:port`
 */
export async function comingFrom(
  address: string,
  to: string,
  { tls = false }: { readonly tls?: boolean } = {},
): Promise<Disposable & { readonly at: string }> {
  const [host = "", port] = to.split(":");
  const there = { host, port: Number(port), localAddress: address };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const onward = tls ? connectTls({ ...there, rejectUnauthorized: false }) : connect(there);
    for (const [from, into] of [
      [client, onward],
      [onward, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {}); // shows as closed
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
      from.pipe(into);
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    at: `127.0.0.1:${bound.port}`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
