/** The wall clock is set while clients are connected, away, or about to come: nothing ends early, late, or twice. */
import { expect, test } from "bun:test";
import { until } from "../support/deadline.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { startTestBroker, type TestBroker } from "../support/test-broker.ts";
import { Client5, type Connect5, texts } from "../support/wire-v5.ts";

const hourMs = 3_600_000;

/** How the clock is set. */
const settings: readonly (readonly [name: string, set: (clock: ManualClock) => void])[] = [
  ...[60_000, 2 * hourMs, 24 * hourMs, 40 * 365 * 24 * hourMs].flatMap((ms) =>
    [ms, -ms].map((by) => [`by ${by / 1000} s`, (clock: ManualClock) => clock.set(by)] as const),
  ),
  ["to 1970", (clock) => clock.set(-clock.nowMs())],
];

const noServer = { keepAliveSeconds: 0, properties: { sessionExpiry: 100 } };

async function away(server: TestBroker, fields: Connect5): Promise<void> {
  const client = await Client5.connect(server.port, { ...noServer, ...fields });
  await client.subscribe("work", 1);
  await client.drop();
}

const back = (server: TestBroker, clientId: string): Promise<Client5> =>
  Client5.connect(server.port, { ...noServer, clientId, cleanStart: false });

test.each(settings)("with the clock set %s, what waits goes on waiting, and ends in its time", async (_, set) => {
  await using server = await startTestBroker();
  await using listener = await Client5.connect(server.port, noServer);
  await listener.subscribe("will/#");
  const will = { topic: "will/gone", payload: "gone", properties: { willDelay: 50 } };
  await away(server, { clientId: "gone", will });
  for (const clientId of ["early", "late", "later"]) await away(server, { clientId });
  await until("all are away", () => server.broker.stats().connections === 1);
  await listener.publish("work", "brief", { properties: { messageExpiry: 50 } });
  await listener.publish("work", "lasting", { properties: { messageExpiry: 1000 } });
  await listener.publish("kept", "brief", { retain: true, properties: { messageExpiry: 50 } });
  await using alive = await Client5.connect(server.port, { keepAliveSeconds: 30 });
  await using silent = await Client5.open(server.port);
  await silent.sendAlone(Buffer.from([0x10])); // a beginning is not enough

  set(server.clock);
  server.broker.turnClock();
  expect(await alive.fence()).toEqual([]);
  expect(await listener.fence()).toEqual([]);
  expect(silent.closed).toBe(false);
  await using early = await back(server, "early");
  expect(early.connack.sessionPresent).toBe(true);
  expect([await early.next(), await early.next()]).toMatchObject([
    { payload: "brief", properties: { messageExpiry: 50 } },
    { payload: "lasting", properties: { messageExpiry: 1000 } },
  ]);
  expect(await listener.subscribe("kept")).toEqual([0]);
  expect(await listener.next()).toMatchObject({ payload: "brief", properties: { messageExpiry: 50 } });

  server.advance(60_000);
  expect(texts(await alive.closing())).toEqual([]);
  await silent.closing();
  expect(await listener.next()).toMatchObject({ topic: "will/gone", payload: "gone" });
  await using late = await back(server, "late");
  expect(late.connack.sessionPresent).toBe(true);
  expect(await late.next()).toMatchObject({ payload: "lasting", properties: { messageExpiry: 940 } });
  expect(await listener.subscribe("kept")).toEqual([0]);
  expect(await listener.fence()).toEqual([]);

  server.clock.advance(50_000); // and the wheel does not turn
  await using later = await back(server, "later");
  expect(later.connack.sessionPresent).toBe(false);
  expect(server.closeReasons.filter((reason) => reason !== "connection_lost").toSorted()).toEqual([
    "connect_timeout",
    "keep_alive_timeout",
  ]);
});
