/**
 * The MiniOICQ door: WebSocket connections become sessions (`MINIOICQ.md`). The server's one `websocket` object serves
 * several doors, so each connection's data says whose it is, and the handlers here take only their own.
 */
import type { Server, ServerWebSocket } from "bun";
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { closeCode } from "./errors.ts";
import { createFront } from "./front.ts";
import { defaultMiniOicqLimits, type MiniOicqLimits } from "./limits.ts";
import { Session } from "./session.ts";

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
}) {
  const { domain, hub, log } = parts;
  const limits: MiniOicqLimits = { ...defaultMiniOicqLimits, ...parts.limits };
  const front = createFront({ domain, hub, log, limits });
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
