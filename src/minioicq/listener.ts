/**
 * The MiniOICQ door: WebSocket connections become sessions (`MINIOICQ.md`). The server's one `websocket` object serves
 * several doors, so each connection's data says whose it is, and the handlers here take only their own.
 */
import type { Server, ServerWebSocket } from "bun";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Session } from "./connection.ts";
import { closeCode } from "./errors.ts";
import { defaultMiniOicqLimits, type MiniOicqLimits } from "./limits.ts";
import { defaultMiniOicqOptions, type MiniOicqOptions } from "./options.ts";
import { createOriginPolicy } from "./origins.ts";
import { createRates } from "./requests/rates.ts";
import { createFront } from "./shared.ts";

export interface MiniOicqData {
  readonly door: "minioicq";
  readonly session: Session;
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
  const front = createFront({ domain, hub, log, limits, options, rates: createRates({ limits, clock }) });
  const mayConnect = createOriginPolicy(options.origins);
  const sessions = new Set<Session>();
  let stopping = false;

  /**
   * Undefined once the connection belongs to us, else what to answer.
   * @param address who is asking, where the socket's own peer is a proxy.
   */
  function upgrade(
    request: Request,
    server: Pick<Server<MiniOicqData>, "upgrade" | "requestIP">,
    address = server.requestIP(request)?.address ?? "",
  ): Response | undefined {
    if (stopping || sessions.size >= limits.sessionsMax) return new Response("Server busy\n", { status: 503 });
    if (!mayConnect(request)) return new Response("Web pages of this origin may not connect here\n", { status: 403 });
    const session = new Session({ front, address, onClosed: (closed) => sessions.delete(closed) });
    const data: MiniOicqData = { door: "minioicq", session };
    sessions.add(session);
    if (server.upgrade(request, { data })) return undefined;
    session.closed();
    return new Response("A WebSocket upgrade is needed here\n", { status: 426, headers: { Upgrade: "websocket" } });
  }

  /** A defect of ours ends the connection that met it, never the process. */
  function guard({ data }: ServerWebSocket<MiniOicqData>, work: (session: Session) => void): void {
    try {
      work(data.session);
    } catch (error) {
      log.error("a session failed", { userId: data.session.user?.userId, error });
      data.session.close(closeCode.internal, "Internal error");
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
    open: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (session) => session.opened(ws)),
    message: (ws: ServerWebSocket<MiniOicqData>, frame: string | Buffer): void =>
      guard(ws, (session) => session.message(frame)),
    drain: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (session) => session.drained()),
    close: (ws: ServerWebSocket<MiniOicqData>): void => guard(ws, (session) => session.closed()),
  };

  /** No new connections, and an end to those there are. What was not handed over stays in the store. */
  function closeAll(code: number): void {
    stopping = true;
    for (const session of [...sessions]) session.close(code, "Server stopping");
  }

  return { upgrade, websocket, closeAll, sessions: () => sessions.size };
}
