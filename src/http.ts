/** The one HTTP port: WebSocket upgrades go to the door of their path, requests of the web client's files to it, all others to REST. */

import { chmodSync, rmSync } from "node:fs";
import type { ServerWebSocket } from "bun";
import { type Address, isSocketPath, type SocketPath } from "./lib/address.ts";
import type { MiniOicq, MiniOicqData } from "./minioicq/listener.ts";
import type { MqttSocketData, MqttWebSocket } from "./mqtt/connection/websocket.ts";
import type { PausingListener } from "./net/descriptors.ts";
import type { HttpClientOf } from "./net/forwarded.ts";
import { createOriginPolicy } from "./net/origins.ts";
import { unixPeer } from "./net/trusted-proxies.ts";
import type { Certificate } from "./ops/certificate.ts";
import type { Pages } from "./pages/door.ts";
import type { Rest } from "./rest/door.ts";

export interface HttpListener extends PausingListener {
  readonly address: Address | SocketPath;
  /** Does nothing without TLS. New connections get this certificate, existing ones keep theirs. */
  useCertificate(certificate: Certificate): void;
  /** Accepts no more connections. Requests under way are answered, unless they take too long. */
  stop(): Promise<void>;
}

/** `door` says which door a WebSocket belongs to. */
type SocketData = MiniOicqData | MqttSocketData;

/** The proxy is another user; who reaches the socket is for its folder to say, as a firewall says it of a port. */
const socketMode = 0o666;

/** A peer that never takes its answer must not keep the server from stopping. */
const stopGraceMs = 3000;
const stopCheckMs = 50;
/** For a WebSocket's answer to the close frame. */
const farewellMs = 500;

export function listenHttp(parts: {
  address: Address | SocketPath;
  /** HTTPS and WSS instead of HTTP and WS. */
  tls: Certificate | undefined;
  rest: Rest;
  /** Undefined where the operator turned the web client off. */
  pages: Pages | undefined;
  minioicq: MiniOicq;
  mqtt: MqttWebSocket;
  clientOf: HttpClientOf;
  /** Web pages of other hosts that may open a WebSocket, see `createOriginPolicy`. */
  origins: readonly string[];
  bodyBytesMax: number;
}): HttpListener {
  const { rest, pages, minioicq, mqtt, clientOf } = parts;
  /** Of a request that no proxy forwarded. */
  const own = parts.tls === undefined ? "http" : "https";
  const mayConnect = createOriginPolicy(parts.origins);
  /** A peer on a Unix socket has none. */
  const noAddress = isSocketPath(parts.address) ? unixPeer : "unknown";
  const serve = (place: Address | SocketPath, tls: Certificate | undefined) =>
    Bun.serve<SocketData>({
      ...(isSocketPath(place)
        ? { unix: place.path }
        : { hostname: place.hostname, port: place.port, reusePort: tls !== undefined }),
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
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
        const client = clientOf(request.headers, self.requestIP(request)?.address ?? noAddress);
        const path = pathOf(request.url);
        if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
          // `/` because the original desktop client connects there.
          const door = path === "/mqtt" ? mqtt : path === "/ws" || path === "/" ? minioicq : undefined;
          if (door !== undefined && !mayConnect(request, client)) return foreignPage();
          if (door !== undefined) return door.upgrade(request, self, client);
        }
        const isSecure = (client.scheme ?? own) === "https";
        const asked = { address: client.address, timeouts: self, isSecure };
        const page = pages?.fetch(request, path);
        if (page === undefined) return rest.fetch(request, asked);
        return page.then((answer) => answer ?? rest.fetch(request, asked));
      },
      error: () =>
        Response.json(
          { error: "Internal server error" },
          { status: 500, headers: { "X-Error-Detail": "a fault of the server; its log says more" } },
        ),
    });
  let server = serve(parts.address, parts.tls);
  const bound = isSocketPath(parts.address) ? parts.address : boundAddress(parts.address, server);
  if (isSocketPath(bound)) chmodSync(bound.path, socketMode);
  /** Servers that accept no more and still have connections. */
  const earlier = new Map<Bun.Server<SocketData>, Promise<void>>();
  let certificate = parts.tls;
  /** It accepts no more; its connections stay. */
  function retire(old: typeof server): void {
    if (earlier.has(old)) return;
    earlier.set(
      old,
      old.stop().then(() => void earlier.delete(old)),
    );
  }
  return {
    address: bound,
    useCertificate(next) {
      if (parts.tls === undefined) return;
      certificate = next;
      // As for MQTT, see `mqtt/connection/listener.ts`.
      const old = server;
      server = serve(bound, certificate);
      retire(old);
    },
    pause: () => retire(server),
    resume() {
      if (isSocketPath(bound)) rmSync(bound.path, { force: true }); // left by the one that was retired
      server = serve(bound, certificate);
      if (isSocketPath(bound)) chmodSync(bound.path, socketMode);
    },
    stop: async () => {
      retire(server);
      const servers = [...earlier.keys()];
      const stopped = Promise.all(earlier.values());
      const sum = (count: (one: typeof server) => number): number =>
        servers.reduce((total, each) => total + count(each), 0);
      const startedMs = performance.now();
      // Nothing is to be waited for where no request is whole yet.
      const timer = setInterval(() => {
        const answers = sum((each) => each.pendingRequests) > rest.halfSent();
        const farewells = sum((each) => each.pendingWebSockets) > 0;
        const waitedMs = performance.now() - startedMs;
        if ((answers && waitedMs < stopGraceMs) || (farewells && waitedMs < farewellMs)) return;
        for (const each of servers) void each.stop(true);
      }, stopCheckMs);
      await stopped;
      clearInterval(timer);
    },
  };
}

const foreignPage = (): Response => new Response("Web pages of this origin may not connect here\n", { status: 403 });

const boundAddress = (asked: Address, { hostname, port }: Pick<Bun.Server<unknown>, "hostname" | "port">): Address => ({
  hostname: hostname ?? asked.hostname,
  port: port ?? asked.port,
});

const isMqtt = (ws: ServerWebSocket<SocketData>): ws is ServerWebSocket<MqttSocketData> => ws.data.door === "mqtt";
const isMiniOicq = (ws: ServerWebSocket<SocketData>): ws is ServerWebSocket<MiniOicqData> =>
  ws.data.door === "minioicq";

/** Gives the path without the query. */
function pathOf(url: string): string {
  // Where the Host header makes no URL, Bun gives the target alone.
  const target = url.startsWith("/") ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
  return /^[^?#]*/.exec(target)?.[0] ?? "";
}
