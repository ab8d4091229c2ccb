/** A test broker's WebSocket door on a free port, and a client of frames for it. */
import { generate, type Packet, parser } from "mqtt-packet";
import type { MqttSocketData } from "../../src/mqtt/connection/websocket.ts";
import { withDeadline } from "./deadline.ts";
import { startTestBroker, type TestBroker, type TestBrokerOptions } from "./test-broker.ts";

export interface WebSocketBroker extends TestBroker {
  readonly url: string;
}

export async function startWebSocketBroker(options: TestBrokerOptions = {}): Promise<WebSocketBroker> {
  const test = await startTestBroker(options);
  const { websocket } = test.broker;
  const server = Bun.serve<MqttSocketData>({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => websocket.upgrade(request, self),
    websocket: { ...websocket, backpressureLimit: 64 * 1024 * 1024, closeOnBackpressureLimit: false },
  });
  return {
    ...test,
    url: `ws://127.0.0.1:${server.port}/mqtt`,
    async [Symbol.asyncDispose]() {
      await test.broker.stop();
      await server.stop(true);
    },
  };
}

/** Sends exactly the frames a test says. */
export class RawWebSocket implements Disposable {
  readonly received: Packet[] = [];
  readonly socket: WebSocket;
  readonly #closed = Promise.withResolvers<number>();
  #arrived: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    const read = parser({ protocolVersion: 4 });
    read.on("packet", (packet: Packet) => {
      this.received.push(packet);
      this.#arrived?.();
    });
    socket.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer)) throw new Error("the server sent a text frame");
      read.parse(Buffer.from(data));
    };
    socket.onerror = () => {}; // shows as closed
    socket.onclose = ({ code }) => {
      this.#closed.resolve(code);
      this.#arrived?.();
    };
  }

  static async open(url: string, protocols: string[] = ["mqtt"]): Promise<RawWebSocket> {
    const socket = new WebSocket(url, protocols);
    const raw = new RawWebSocket(socket);
    const opened = new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      void raw.#closed.promise.then(() => reject(new Error("refused")));
    });
    await withDeadline("the WebSocket", opened);
    return raw;
  }

  /** Each in a frame of its own. */
  send(...packets: (Packet | Uint8Array)[]): void {
    for (const packet of packets) this.socket.send(packet instanceof Uint8Array ? packet : generate(packet));
  }

  async expect<C extends Packet["cmd"]>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    while (this.received.length === 0) {
      if (this.socket.readyState >= WebSocket.CLOSING) throw new Error(`closed while waiting for ${cmd}`);
      const arrived = new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
      await withDeadline(cmd, arrived);
    }
    const packet = this.received.shift();
    if (packet?.cmd !== cmd) throw new Error(`expected ${cmd}, got ${JSON.stringify(packet)}`);
    return packet as Extract<Packet, { cmd: C }>;
  }

  /** The close code. */
  whenClosed(): Promise<number> {
    return withDeadline("close", this.#closed.promise);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}
