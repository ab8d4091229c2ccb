/** The one HTTP port: WebSocket upgrades go to the door that asked for them, everything else is REST's. */

import type { Address } from "./lib/address.ts";
import type { createMiniOicq, MiniOicqData } from "./minioicq/listener.ts";
import type { Rest } from "./rest/app.ts";

export interface HttpListener {
  readonly address: Address;
  /** Stops accepting; requests under way are answered, unless they take too long. */
  stop(): Promise<void>;
}

/** A peer that never finishes its request does not keep the server from ending. */
const stopGraceMs = 3000;

/** `keepOpen` must be known to REST before the server exists, so the server is handed to it afterwards. */
export interface Patience {
  keepOpen(request: Request): void;
  server: Bun.Server<MiniOicqData> | undefined;
}

export function createPatience(): Patience {
  return {
    server: undefined,
    keepOpen(request) {
      this.server?.timeout(request, 0);
    },
  };
}

export function listenHttp(parts: {
  address: Address;
  rest: Rest;
  minioicq: ReturnType<typeof createMiniOicq>;
  patience: Patience;
  bodyBytesMax: number;
}): HttpListener {
  const { rest, minioicq, patience } = parts;
  const server = Bun.serve<MiniOicqData>({
    hostname: parts.address.hostname,
    port: parts.address.port,
    development: false,
    // REST answers 413 itself; this only stops what is far beyond.
    maxRequestBodySize: parts.bodyBytesMax + 1024 * 1024,
    websocket: minioicq.websocket,
    fetch(request, self) {
      if (request.headers.get("upgrade")?.toLowerCase() === "websocket" && isWebSocketPath(request.url)) {
        return minioicq.upgrade(request, self);
      }
      return rest.fetch(request, { address: self.requestIP(request)?.address ?? "unknown" });
    },
    error: () => Response.json({ error: "Internal server error" }, { status: 500 }),
  });
  patience.server = server;
  return {
    address: { hostname: server.hostname ?? parts.address.hostname, port: server.port ?? parts.address.port },
    stop: async () => {
      const grace = setTimeout(() => void server.stop(true), stopGraceMs);
      await server.stop();
      clearTimeout(grace);
    },
  };
}

/** `/ws`, and `/` because the original desktop client connects there. */
function isWebSocketPath(url: string): boolean {
  // Where the Host header makes no URL, Bun gives the bare target.
  const path = url.startsWith("/") ? url : url.slice(url.indexOf("/", url.indexOf("://") + 3));
  return /^\/(?:ws)?(?:\?|#|$)/.test(path);
}
