/**
 * MQTT over WebSocket, MQTT 3.1.1 § 6: the bytes of all frames are one stream, whatever packets they hold
 * [MQTT-6.0.0-2]. The server's one `websocket` object serves several doors, so each connection's data says which door
 * it belongs to.
 */
import type { Server, ServerWebSocket } from "bun";
import { free } from "../../lib/freed.ts";
import type { HttpClient } from "../../net/forwarded.ts";
import type { Transport } from "../../net/transport.ts";
import type { StrangerEnd, WebSocketPlace } from "../../net/websocket-guard.ts";
import { ProtocolError } from "../wire/errors.ts";
import { Connection } from "./connection.ts";
import { type AddressCount, admit, uncount } from "./connection-limits.ts";
import type { AcceptingParts } from "./listener.ts";

export interface MqttSocketData {
  readonly door: "mqtt";
  readonly address: string;
  readonly addressCount: AddressCount;
  /** Set from `open` on. */
  socket: MqttSocket | undefined;
}

/** The names of [MQTT-6.0.0-3], and the name that MQTT 3.1 clients use. */
const subProtocols: ReadonlySet<string> = new Set(["mqtt", "mqttv3.1"]);

/** The most that is handed to Bun at once. Bun keeps what the kernel does not take, so this bounds what Bun keeps. */
const writeBytesMax = 64 * 1024;

const closeCode = { normal: 1000, goingAway: 1001, unsupportedData: 1003, policy: 1008, tryAgainLater: 1013 } as const;

export type MqttWebSocket = ReturnType<typeof createMqttWebSocket>;

export function createMqttWebSocket(parts: AcceptingParts) {
  /** Undefined once the connection is this door's; otherwise the answer to send. */
  function upgrade(
    request: Request,
    server: Pick<Server<MqttSocketData>, "upgrade">,
    { address }: Pick<HttpClient, "address">,
  ): Response | undefined {
    const protocol = chooseSubProtocol(request.headers.get("sec-websocket-protocol"));
    if (protocol === undefined) {
      return new Response("The sub-protocol mqtt (or mqttv3.1) is needed here\n", { status: 400 });
    }
    const addressCount = parts.websocketGuard.isFull(address) ? undefined : admit(parts, address);
    if (addressCount === undefined) return new Response("Too many connections\n", { status: 503 });
    const data: MqttSocketData = { door: "mqtt", address, addressCount, socket: undefined };
    // [MQTT-6.0.0-4]
    if (server.upgrade(request, { data, headers: { "Sec-WebSocket-Protocol": protocol } })) return undefined;
    uncount(addressCount);
    return new Response("A WebSocket upgrade is needed here\n", { status: 426, headers: { Upgrade: "websocket" } });
  }

  return {
    upgrade,
    open(ws: ServerWebSocket<MqttSocketData>): void {
      ws.data.socket = new MqttSocket(parts, ws);
    },
    message(ws: ServerWebSocket<MqttSocketData>, frame: string | Buffer): void {
      ws.data.socket?.received(frame);
    },
    drain(ws: ServerWebSocket<MqttSocketData>): void {
      ws.data.socket?.drained();
    },
    close(ws: ServerWebSocket<MqttSocketData>): void {
      ws.data.socket?.gone();
    },
  };
}

/** The first offered name that the broker supports. */
function chooseSubProtocol(offered: string | null): string | undefined {
  return offered
    ?.split(",")
    .map((name) => name.trim())
    .find((name) => subProtocols.has(name));
}

/** A WebSocket as the connection's transport. */
class MqttSocket implements Transport {
  readonly remoteAddress: string;
  /** The HTTP port asks for no certificate. */
  readonly certificateSubject: undefined;
  readonly place: WebSocketPlace;
  readonly #parts: AcceptingParts;
  readonly #ws: ServerWebSocket<MqttSocketData>;
  readonly #connection: Connection;
  /** Bun keeps bytes that the kernel did not take; `drain` follows. */
  #blocked = false;
  #paused = false;
  /** Frames that came after `pause`: only those that Bun had read already. */
  #held: Buffer[] = [];
  #closed = false;
  #closeCode: number = closeCode.normal;

  constructor(parts: AcceptingParts, ws: ServerWebSocket<MqttSocketData>) {
    this.#parts = parts;
    this.#ws = ws;
    this.remoteAddress = ws.data.address;
    this.place = parts.websocketGuard.enter(ws.data.address, (why) => this.#endStranger(why));
    this.#connection = new Connection(parts, this, ws.data.addressCount);
  }

  received(frame: string | Buffer): void {
    if (typeof frame === "string") {
      this.#closeCode = closeCode.unsupportedData;
      this.#connection.reject(new ProtocolError("a text frame")); // [MQTT-6.0.0-1]
    } else if (this.#paused || this.#held.length > 0) {
      if (!this.#connection.closed) this.#held.push(frame);
    } else {
      this.#connection.receive(frame);
    }
  }

  drained(): void {
    this.#blocked = false;
    this.#connection.drained();
  }

  gone(): void {
    this.#closed = true;
    this.place.closed();
    this.#held = [];
    this.#connection.gone();
  }

  write(bytes: Uint8Array, byteOffset: number, byteLength: number): number {
    let taken = 0;
    while (taken < byteLength && !this.#blocked && !this.#closed) {
      const start = byteOffset + taken;
      const size = Math.min(writeBytesMax, byteLength - taken);
      const result = this.#ws.sendBinary(bytes.subarray(start, start + size));
      // -1: all bytes are on their way, but Bun had to keep some. 0: none are, the socket is closing.
      this.#blocked = result <= 0;
      if (result === 0) break;
      taken += size;
    }
    return taken;
  }

  shutdown(): void {
    if (this.#closed) return;
    if (this.#parts.stopping) this.#closeCode = closeCode.goingAway;
    else if (!this.place.mayLinger()) {
      this.#ws.terminate();
      return;
    }
    this.#ws.close(this.#closeCode);
  }

  terminate(): void {
    if (!this.#closed) this.#ws.terminate();
  }

  #endStranger(why: StrangerEnd): void {
    if (why === "login_timeout") {
      this.#closeCode = closeCode.policy;
      this.#connection.close("login_timeout");
      return;
    }
    this.#closeCode = closeCode.tryAgainLater;
    this.#connection.close("too_many_connections", "others need its place");
  }

  pause(): void {
    this.#paused = true;
    if (!this.#closed) this.#ws.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#closed) return;
    if (this.#held.length === 0) this.#ws.resume();
    else queueMicrotask(() => this.#release());
  }

  /** The connection reads again: the held frames come first, and it may pause again before all of them are read. */
  #release(): void {
    if (this.#paused || this.#closed || this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    const all = Buffer.concat(held);
    for (const frame of held) free(frame);
    this.#connection.receive(all);
    if (!this.#paused && !this.#closed) this.#ws.resume();
  }
}
