/** Connections per address, and connects per address and second. */
import { expect, test } from "bun:test";
import { AddressCounts } from "../../src/mqtt/connection/connection-limits.ts";
import { until } from "../support/deadline.ts";
import { WebSocketLine } from "../support/line.ts";
import { at } from "../support/manual-clock.ts";
import { connectPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker } from "../support/test-broker.ts";
import { startWebSocketBroker } from "../support/websocket-broker.ts";

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

test("an address may open only ten times as many as are let in in a second, those that have gone included", async () => {
  await using server = await startTestBroker({ limits: { connectsPerAddressSecondMax: 1 } });
  for (let n = 0; n < 10; n++) {
    await (await RawMqtt.open(server.port)).drop();
    await until("it is gone", () => server.broker.stats().connectionsAccepted === n + 1);
  }
  await refused(server.port);
  server.advance(999);
  await refused(server.port);
  server.advance(1);
  await using next = await RawMqtt.connect(server.port);
  await next.fence();
  expect(server.broker.stats().refusedByAddress).toBe(2);
});

test("beyond so many CONNECT packets of an address in a second, the next ones wait for their turn", async () => {
  await using server = await startTestBroker({ limits: { connectsPerAddressSecondMax: 2 } });
  await using first = await RawMqtt.connect(server.port);
  await using second = await RawMqtt.connect(server.port);
  const late = await Promise.all(Array.from({ length: 5 }, () => RawMqtt.open(server.port)));
  const connack: number[] = [];
  for (const [n, client] of late.entries()) {
    client.send(connectPacket());
    client.expect("connack").then(
      ({ returnCode }) => void connack.push(n + (returnCode ?? 9) * 100),
      () => {}, // the one whose turn does not come
    );
    // In this order, whichever socket the system reads first.
    await until("CONNECT", () => server.broker.stats().connectsReceived === 3 + n);
  }
  await Promise.all([first.fence(), second.fence()]);
  expect(connack).toEqual([]);
  server.advance(1000);
  await until("two are in", () => connack.length === 2);
  await Promise.all([first.fence(), second.fence()]);
  expect(connack).toEqual([0, 1]);
  server.advance(1000);
  await until("four are in", () => connack.length === 4);
  expect(connack).toEqual([0, 1, 2, 3]);
  expect(server.broker.stats().refusedByAddress).toBe(0);
  // The last one is told that the server stops, before its turn.
  await server[Symbol.asyncDispose]();
  expect(connack).toEqual([0, 1, 2, 3]);
});

test("a WebSocket counts with the others", async () => {
  await using server = await startWebSocketBroker({ limits: { connectionsPerAddressMax: 2 } });
  await using tcp = await RawMqtt.connect(server.port);
  const line = WebSocketLine.dial(server.url);
  await using web = await RawMqtt.over(line);
  web.send(connectPacket());
  await web.expect("connack");
  await expect(RawMqtt.over(WebSocketLine.dial(server.url))).rejects.toThrow("refused");
  line.end();
  await web.whenClosed();
  await until("it is gone", () => server.broker.stats().connections === 1);
  await using again = await RawMqtt.over(WebSocketLine.dial(server.url));
  again.send(connectPacket());
  await again.expect("connack");
  await tcp.fence();
});

test("addresses of the past are forgotten, and IPv4 is the same address within IPv6", () => {
  const addressCounts = new AddressCounts();
  const held = addressCounts.of("192.0.2.1", at(0));
  held.connections++;
  for (let n = 0; n < 100_000; n++) {
    addressCounts.of(`2001:db8:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`, at(n));
  }
  expect(addressCounts.size).toBeLessThan(5000);
  expect(addressCounts.of("::ffff:192.0.2.1", at(100_000))).toBe(held);
});

test("the addresses of an IPv6 /64 are counted together, those of the next one apart", () => {
  const addressCounts = new AddressCounts();
  const held = addressCounts.of("2001:db8:1:2::1", at(0));
  expect(addressCounts.of("2001:db8:1:2:ffff::9", at(0))).toBe(held);
  expect(addressCounts.of("2001:db8:1:3::1", at(0))).not.toBe(held);
});
