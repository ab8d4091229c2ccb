/**
 * The MiniOICQ door: accepts WebSocket connections (docs/protocols/minioicq.md). The server's one `websocket` object serves several
 * doors, so each connection's data says whose it is, and the handlers here take only their own.
 */
import type { Server, ServerWebSocket } from "bun";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Connection } from "./connection.ts";
import { closeCode } from "./errors.ts";
import { defaultMiniOicqLimits, type MiniOicqLimits } from "./limits.ts";
import { defaultMiniOicqOptions, type MiniOicqOptions } from "./options.ts";
import { createOriginPolicy } from "./origins.ts";
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
  log: Log;
  clock: Clock;
  limits?: Partial<MiniOicqLimits> | undefined;
  options?: Partial<MiniOicqOptions> | undefined;
}) {
  const { domain, hub, log, clock } = parts;
  const limits: MiniOicqLimits = { ...defaultMiniOicqLimits, ...parts.limits };
  const options: MiniOicqOptions = { ...defaultMiniOicqOptions, ...parts.options };
  const shared = createShared({ domain, hub, log, limits, options });
  const rates = createRates({ limits, clock });
  const mayConnect = createOriginPolicy(options.origins);
  const connections = new Set<Connection>();
  let stopping = false;

  /**
   * Undefined once the connection belongs to this door, else what to answer.
   * @param address the client's, where the socket's own peer is a proxy.
   */
  function upgrade(
    request: Request,
    server: Pick<Server<MiniOicqData>, "upgrade" | "requestIP">,
    address = server.requestIP(request)?.address ?? "",
  ): Response | undefined {
    if (stopping || connections.size >= limits.connectionsMax) return new Response("Server busy\n", { status: 503 });
    if (!mayConnect(request)) return new Response("Web pages of this origin may not connect here\n", { status: 403 });
    const onClosed = (closed: Connection): boolean => connections.delete(closed);
    const connection = new Connection({ shared, rate: rates.open(), address, onClosed });
    const data: MiniOicqData = { door: "minioicq", connection };
    connections.add(connection);
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

  return { upgrade, websocket, closeAll, connections: () => connections.size };
}
