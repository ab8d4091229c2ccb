/**
 * The MiniOICQ door: accepts WebSocket connections (docs/protocols/minioicq.md). The server's one `websocket` object serves several
 * doors, so each connection's data says whose it is, and the handlers here take only their own.
 */
import type { Server, ServerWebSocket } from "bun";
import type { Hub } from "../delivery/hub.ts";
import type { PresenceNews } from "../delivery/presence.ts";
import type { Receipts } from "../delivery/receipts.ts";
import type { Typing } from "../delivery/typing.ts";
import type { Domain } from "../domain/domain.ts";
import type { ListedClient } from "../domain/people/clients.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Descriptors } from "../net/descriptors.ts";
import type { HttpClient } from "../net/forwarded.ts";
import { defaultMemoryLimits, MemoryBudget } from "../net/memory-budget.ts";
import { defaultWebSocketLimits, WebSocketGuard } from "../net/websocket-guard.ts";
import { Connection } from "./connection.ts";
import { closeCode } from "./errors.ts";
import { defaultMiniOicqLimits, type MiniOicqLimits } from "./limits.ts";
import { defaultMiniOicqOptions, type MiniOicqOptions } from "./options.ts";
import { createRates } from "./requests/rates.ts";
import { createShared } from "./shared.ts";

export interface MiniOicqData {
  readonly door: "minioicq";
  readonly connection: Connection;
}

export type MiniOicq = ReturnType<typeof createMiniOicq>;

export function createMiniOicq(parts: {
  domain: Domain;
  hub: Hub;
  receipts: Pick<Receipts, "listen" | "list">;
  typing: Pick<Typing, "set">;
  presence: Pick<PresenceNews, "listen" | "current">;
  log: Log;
  clock: Clock;
  /** Shared with the other doors; without them this door has its own. */
  descriptors?: Descriptors | undefined;
  memory?: MemoryBudget | undefined;
  websocketGuard?: WebSocketGuard | undefined;
  /** At which level it is logged that clients come and go; `debug` where it is not said. */
  connectionsAt?: "debug" | "info" | undefined;
  limits?: Partial<MiniOicqLimits> | undefined;
  options?: Partial<MiniOicqOptions> | undefined;
}) {
  const { domain, hub, receipts, typing, presence, log, clock } = parts;
  const limits: MiniOicqLimits = { ...defaultMiniOicqLimits, ...parts.limits };
  const options: MiniOicqOptions = { ...defaultMiniOicqOptions, ...parts.options };
  const descriptors = parts.descriptors ?? new Descriptors({ log });
  const memory = parts.memory ?? new MemoryBudget({ limits: defaultMemoryLimits, log });
  const websocketGuard = parts.websocketGuard ?? new WebSocketGuard({ limits: defaultWebSocketLimits, log });
  const shared = createShared({
    domain,
    hub,
    receipts,
    typing,
    presence,
    clock,
    log,
    limits,
    options,
    memory,
    websocketGuard,
    logConnections: log[parts.connectionsAt ?? "debug"],
  });
  const rates = createRates({ limits, clock });
  const connections = new Set<Connection>();
  let stopping = false;

  /** Undefined once the connection belongs to this door, else what to answer. */
  function upgrade(
    request: Request,
    server: Pick<Server<MiniOicqData>, "upgrade">,
    client: HttpClient,
  ): Response | undefined {
    if (connections.size >= descriptors.connectionsMax) descriptors.refused();
    const connectionsMax = Math.min(limits.connectionsMax, descriptors.connectionsMax);
    if (stopping || connections.size >= connectionsMax) return new Response("Server busy\n", { status: 503 });
    const { address } = client;
    if (websocketGuard.isFull(address)) return new Response("Too many connections\n", { status: 503 });
    const onClosed = (closed: Connection): boolean => connections.delete(closed);
    const connection = new Connection({
      shared,
      rate: rates.open(),
      address,
      openedAtMs: clock.monotonicMs(),
      onClosed,
    });
    const data: MiniOicqData = { door: "minioicq", connection };
    connections.add(connection);
    // Bun answers with the first sub-protocol that the client offers. This door has none.
    request.headers.delete("sec-websocket-protocol");
    if (server.upgrade(request, { data })) return undefined;
    connection.closed();
    return new Response("A WebSocket upgrade is needed here\n", { status: 426, headers: { Upgrade: "websocket" } });
  }

  /** A defect of this program ends the connection that met it, never the process. */
  function guard({ data }: ServerWebSocket<MiniOicqData>, work: (connection: Connection) => void): void {
    try {
      work(data.connection);
    } catch (error) {
      log.error("a connection failed", { userId: data.connection.user?.userId, error });
      data.connection.close(closeCode.internal, "Internal error");
    }
  }

  const websocket = {
    // Bun's settings belong to the whole object; where doors share it, the largest of each counts.
    maxPayloadLength: limits.frameBytesMax,
    backpressureLimit: limits.socketBufferBytesMax,
    closeOnBackpressureLimit: false,
    idleTimeout: limits.idleSeconds,
    sendPings: true,
    // One compressor for all, without memory of earlier frames: another would cost 220 KiB a connection.
    perMessageDeflate: options.compression === "on" ? ({ compress: "shared", decompress: "shared" } as const) : false,
    open: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (connection) => connection.opened(ws)),
    message: (ws: ServerWebSocket<MiniOicqData>, frame: string | Buffer): void =>
      guard(ws, (connection) => connection.message(frame)),
    drain: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (connection) => connection.drained()),
    close: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (connection) => connection.closed()),
  };

  /** No new connections, and an end to those there are. What was not handed over stays in the store. */
  function closeAll(code: number): void {
    stopping = true;
    for (const connection of [...connections]) connection.close(code, "Server stopping");
  }

  /** Those that are logged in. */
  function* clients(): Generator<ListedClient> {
    const nowMs = clock.monotonicMs();
    for (const connection of connections) if (connection.user !== undefined) yield connection.listed(nowMs);
  }

  return { upgrade, websocket, closeAll, clients, connections: () => connections.size };
}
