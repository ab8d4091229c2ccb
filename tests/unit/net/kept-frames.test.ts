/** What Bun holds for a WebSocket that is not read. */
import { expect, test } from "bun:test";
import { keptFor } from "../../../src/net/kept-frames.ts";
import { RawWebSocket } from "../../support/raw-websocket.ts";

const mib = 1024 * 1024;

test("all that waits for a WebSocket counts, with the room that Bun made for it", async () => {
  const opened = Promise.withResolvers<Bun.ServerWebSocket<undefined>>();
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: { backpressureLimit: 256 * mib, open: (socket) => opened.resolve(socket), message() {} },
  });
  expect(keptFor(undefined)).toBe(0);
  using client = await RawWebSocket.connect(server.port ?? 0);
  const socket = await opened.promise;
  expect(keptFor(socket)).toBe(0);
  client.pause();
  // The kernel takes some.
  while (socket.getBufferedAmount() < 8 * mib) socket.sendBinary(Buffer.alloc(3 * mib));
  expect(keptFor(socket)).toBeGreaterThanOrEqual(socket.getBufferedAmount());
  expect(keptFor(socket)).toBeLessThan(3 * socket.getBufferedAmount());
});
