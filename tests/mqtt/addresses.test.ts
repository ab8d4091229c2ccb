/** Connections per address, and connects per address and second. */
import { expect, test } from "bun:test";
import { AddressCounts } from "../../src/mqtt/connection/connection-limits.ts";
import { until } from "../support/deadline.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";
import { RawWebSocket, startWebSocketBroker } from "../support/websocket-broker.ts";

/** Connects where nobody is let in. */
async function refused(port: number): Promise<void> {
  const client = await RawMqtt.open(port).catch(() => undefined);
  await client?.whenClosed();
}

test("an address may hold only so many connections, and one that goes makes room", async () => {
  await using server = await startTestBroker({ limits: { connectionsPerAddressMax: 2 } });
  await using first = await RawMqtt.connect(server.port);
  await using second = await RawMqtt.connect(server.port);
  await refused(server.port);
  expect(server.broker.stats()).toMatchObject({ connections: 2, connectionsRefused: 1, refusedByAddress: 1 });
  await first.drop();
  await until("the first is gone", () => server.broker.stats().connections === 1);
  await using third = await RawMqtt.connect(server.port);
  await Promise.all([second.fence(), third.fence()]);
});

test("an address may open only so many in a second, those that have gone included", async () => {
  await using server = await startTestBroker({ limits: { connectsPerAddressSecondMax: 2 } });
  for (let n = 0; n < 2; n++) await (await RawMqtt.connect(server.port)).drop();
  await refused(server.port);
  server.advance(999);
  await refused(server.port);
  server.advance(1);
  await using next = await RawMqtt.connect(server.port);
  await next.fence();
  expect(server.broker.stats().refusedByAddress).toBe(2);
});

test("a WebSocket counts with the others", async () => {
  await using server = await startWebSocketBroker({ limits: { connectionsPerAddressMax: 2 } });
  await using tcp = await RawMqtt.connect(server.port);
  using web = await RawWebSocket.open(server.url);
  web.send(connectPacket());
  await web.expect("connack");
  await expect(RawWebSocket.open(server.url)).rejects.toThrow("refused");
  web.socket.close();
  await web.whenClosed();
  await until("it is gone", () => server.broker.stats().connections === 1);
  using again = await RawWebSocket.open(server.url);
  again.send(connectPacket());
  await again.expect("connack");
  await tcp.fence();
});

test("addresses of the past are forgotten, and IPv4 is the same address within IPv6", () => {
  const addressCounts = new AddressCounts();
  const held = addressCounts.of("192.0.2.1", 0);
  held.connections++;
  for (let n = 0; n < 100_000; n++) addressCounts.of(`2001:db8::${n.toString(16)}`, n);
  expect(addressCounts.size).toBeLessThan(5000);
  expect(addressCounts.of("::ffff:192.0.2.1", 100_000)).toBe(held);
});
