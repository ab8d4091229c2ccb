/** A MiniOICQ door of its own before a test server's domain, so that its limits and its clock can be the test's. */
import type { ServerWebSocket } from "bun";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { MiniOicqLimits } from "../../src/minioicq/limits.ts";
import { createMiniOicq, type MiniOicqData } from "../../src/minioicq/listener.ts";
import type { MiniOicqOptions } from "../../src/minioicq/options.ts";
import type { MemoryBudget } from "../../src/net/memory-budget.ts";
import { realClock } from "../support/manual-clock.ts";
import { noPresence } from "../support/no-presence.ts";
import { noReceipts } from "../support/no-receipts.ts";
import { noTyping } from "../support/no-typing.ts";
import type { TestServer } from "../support/server.ts";

// How fast a client may ask has tests of its own.
const unhurried = { requestsPerSecondMax: 1e6, accountRequestsPerSecondMax: 1e6 };

export function openDoor(
  { domain, hub }: Pick<TestServer, "domain" | "hub">,
  limits: Partial<MiniOicqLimits> = {},
  {
    clock = realClock,
    memory,
    ...options
  }: Partial<MiniOicqOptions> & { readonly clock?: Clock; readonly memory?: MemoryBudget } = {},
) {
  const door = createMiniOicq({
    domain,
    hub,
    receipts: noReceipts,
    typing: noTyping,
    presence: noPresence,
    log: silentLog,
    clock,
    memory,
    limits: { ...unhurried, ...limits },
    options,
  });
  const sockets: ServerWebSocket<MiniOicqData>[] = [];
  const server = Bun.serve<MiniOicqData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) =>
      door.upgrade(request, self, {
        address: self.requestIP(request)?.address ?? "",
        scheme: undefined,
        host: undefined,
      }),
    websocket: {
      ...door.websocket,
      open(ws) {
        sockets.push(ws);
        door.websocket.open(ws);
      },
    },
  });
  return {
    door,
    /** In the order they came. */
    sockets,
    port: server.port ?? 0,
    http: `127.0.0.1:${server.port}`,
    [Symbol.dispose]: () => void server.stop(true),
  };
}
