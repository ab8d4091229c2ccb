/** A test broker's WebSocket door on a free port. */
import type { MqttSocketData } from "../../src/mqtt/connection/websocket.ts";
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
    fetch: (request, self) => websocket.upgrade(request, self, { address: self.requestIP(request)?.address ?? "" }),
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
