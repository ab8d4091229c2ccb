/** The one HTTP port: WebSocket upgrades go to the door of their path, all other requests to REST. */

import type { ServerWebSocket } from "bun";
import type { Address } from "./lib/address.ts";
import type { MiniOicq, MiniOicqData } from "./minioicq/listener.ts";
import type { MqttSocketData, MqttWebSocket } from "./mqtt/connection/websocket.ts";
import type { Certificate } from "./ops/certificate.ts";
import type { Rest } from "./rest/door.ts";

export interface HttpListener {
  readonly address: Address;
  /** Does nothing without TLS. New connections get this certificate, existing ones keep theirs. */
  useCertificate(certificate: Certificate): void;
  /** Accepts no more connections. Requests under way are answered, unless they take too long. */
  stop(): Promise<void>;
}

/** `door` says which door a WebSocket belongs to. */
type SocketData = MiniOicqData | MqttSocketData;

/** A peer that never finishes its request must not keep the server from stopping. */
const stopGraceMs = 3000;

export function listenHttp(parts: {
  address: Address;
  /** HTTPS and WSS instead of HTTP and WS. */
  tls: Certificate | undefined;
  rest: Rest;
  minioicq: MiniOicq;
  mqtt: MqttWebSocket;
  bodyBytesMax: number;
}): HttpListener {
  const { rest, minioicq, mqtt } = parts;
  const serve = (port: number, tls: Certificate | undefined) =>
    Bun.serve<SocketData>({
      hostname: parts.address.hostname,
      port,
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key }, reusePort: true }),
      development: false,
      // REST answers 413 itself; this stops only much larger bodies.
      maxRequestBodySize: parts.bodyBytesMax + 1024 * 1024,
      websocket: {
        // The settings are those of the whole object, and suit both doors: MQTT hands over at most 64 KiB at a time.
        ...minioicq.websocket,
        open(ws) {
          if (isMqtt(ws)) mqtt.open(ws);
          else if (isMiniOicq(ws)) minioicq.websocket.open(ws);
        },
        message(ws, frame) {
          if (isMqtt(ws)) mqtt.message(ws, frame);
          else if (isMiniOicq(ws)) minioicq.websocket.message(ws, frame);
        },
        drain(ws) {
          if (isMqtt(ws)) mqtt.drain(ws);
          else if (isMiniOicq(ws)) minioicq.websocket.drain(ws);
        },
        close(ws) {
          if (isMqtt(ws)) mqtt.close(ws);
          else if (isMiniOicq(ws)) minioicq.websocket.close(ws);
        },
      },
      fetch(request, self) {
        if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
          const path = pathOf(request.url);
          if (path === "/mqtt") return mqtt.upgrade(request, self);
          // `/` because the original desktop client connects there.
          if (path === "/ws" || path === "/") return minioicq.upgrade(request, self);
        }
        return rest.fetch(request, { address: self.requestIP(request)?.address ?? "unknown", timeouts: self });
      },
      error: () =>
        Response.json(
          { error: "Internal server error" },
          { status: 500, headers: { "X-Error-Detail": "a fault of the server; its log says more" } },
        ),
    });
  let server = serve(parts.address.port, parts.tls);
  const { hostname = parts.address.hostname, port = parts.address.port } = server;
  /** Servers whose certificate was replaced and that still have connections. */
  const earlier = new Map<Bun.Server<SocketData>, Promise<void>>();
  return {
    address: { hostname, port },
    useCertificate(certificate) {
      if (parts.tls === undefined) return;
      // As for MQTT, see `mqtt/connection/listener.ts`.
      const old = server;
      server = serve(port, certificate);
      earlier.set(
        old,
        old.stop().then(() => void earlier.delete(old)),
      );
    },
    stop: async () => {
      const servers = [server, ...earlier.keys()];
      const grace = setTimeout(() => {
        for (const each of servers) void each.stop(true);
      }, stopGraceMs);
      await Promise.all([server.stop(), ...earlier.values()]);
      clearTimeout(grace);
    },
  };
}

const isMqtt = (ws: ServerWebSocket<SocketData>): ws is ServerWebSocket<MqttSocketData> => ws.data.door === "mqtt";
const isMiniOicq = (ws: ServerWebSocket<SocketData>): ws is ServerWebSocket<MiniOicqData> =>
  ws.data.door === "minioicq";

/** Gives the path without the query. */
function pathOf(url: string): string {
  // Where the Host header makes no URL, Bun gives the target alone.
  const target = url.startsWith("/") ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
  return /^[^?#]*/.exec(target)?.[0] ?? "";
}
