/** Messages for connected clients that lie together on the disk: where they are, and that nobody who reads them notices. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { BrokerStore } from "../../src/mqtt/store.ts";
import { openForReading } from "../../src/store/sqlite/engine/open.ts";
import { type Taken, Turns } from "../../src/store/sqlite/mqtt/turns.ts";
import { until } from "../support/deadline.ts";
import { at } from "../support/manual-clock.ts";
import { MemoryBrokerStore } from "../support/memory-broker-store.ts";
import { queueChange } from "./broker-contract.ts";
import { openSqlite } from "./open-sqlite.ts";

const client = (clientId: string) => ({ principalKey: "user:1", clientId, nowMs: at(1000), expirySeconds: undefined });

async function openTurns() {
  const opened = await openSqlite();
  const db = openForReading(opened.dataDir);
  const count = (table: string) => Number(db.prepare(`SELECT count(*) FROM ${table}`).values()[0]?.[0]);
  const { mqtt } = opened.store;
  const anna = (await mqtt.openSession(client("anna"))).sessionId;
  const ben = (await mqtt.openSession(client("ben"))).sessionId;
  return {
    opened,
    mqtt,
    anna,
    ben,
    /** How many rows there are: of turns, of messages. */
    rows: () => [count("mqtt_turns"), count("mqtt_queue")],
    async [Symbol.asyncDispose]() {
      db.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

const suspended = (sessionId: number) => ({
  sessionId,
  disconnectedAtMs: at(5),
  expirySeconds: undefined,
  sending: [],
  waiting: [],
});

const briefly = (store: BrokerStore, sessionId: number) =>
  store
    .queuedPage(sessionId, 0)
    .map(({ queueId, packetId, qos, packet }) => [queueId, packetId, qos, String(Buffer.from(packet))]);

test("a turn's messages for connected clients are one row, which goes with the last of them", async () => {
  await using turns = await openTurns();
  const { mqtt, anna, ben, rows } = turns;
  const first = [1, 2, 3].map((queueId) => ({ queueId, sessionId: queueId % 2 ? anna : ben, packetId: 7, live: true }));
  await mqtt.enqueue(queueChange(first));
  await mqtt.enqueue(queueChange([{ queueId: 4, sessionId: anna, packetId: 8, live: true }]));
  expect(rows()).toEqual([2, 0]);
  await mqtt.dequeue([1, 3, 4]);
  expect(rows()).toEqual([1, 0]);
  await mqtt.dequeue([2]);
  expect(rows()).toEqual([0, 0]);
});

test("what has no packet id, QoS 2, a share or no client there gets a row of its own", async () => {
  await using turns = await openTurns();
  const { mqtt, anna, rows } = turns;
  const plain = { sessionId: anna, packetId: 7, live: true };
  await mqtt.enqueue(
    queueChange([
      { ...plain, queueId: 1, packetId: 0 },
      { ...plain, queueId: 2, qos: 2 },
      { ...plain, queueId: 3, share: "$share/g/t" },
      { ...plain, queueId: 4, live: false },
    ]),
  );
  expect(rows()).toEqual([0, 4]);
  await mqtt.enqueue(queueChange([5, 6, 7].map((queueId) => ({ ...plain, queueId, live: queueId !== 6 }))));
  expect(rows()).toEqual([1, 5]);
  await mqtt.dequeue([1, 2, 3, 4, 5, 6, 7]);
  expect(rows()).toEqual([0, 0]);
});

test("a session that ends takes along what is its own, with its packet ids; the others' stay", async () => {
  await using turns = await openTurns();
  const { mqtt, anna, ben, rows } = turns;
  const all = [1, 2, 3, 4, 5, 6].map((queueId) => ({
    queueId,
    sessionId: queueId < 5 ? anna : ben,
    packetId: queueId + 10,
    live: true,
    expiresAtMs: 9000 + queueId,
  }));
  await mqtt.enqueue(queueChange(all));
  await mqtt.dequeue([2]);
  const sending = [1, 4].map((queueId) => ({ queueId, packetId: queueId + 10, qos: 1 as const, released: false }));
  await mqtt.suspendSession({ ...suspended(anna), sending, waiting: [3] });
  expect(rows()).toEqual([1, 3]);
  expect(briefly(mqtt, anna)).toEqual([
    [1, 11, 1, "packet 1"],
    [3, 0, 1, "packet 3"],
    [4, 14, 1, "packet 4"],
  ]);
  expect(mqtt.queuedPage(anna, 0).map(({ expiresAtMs }) => expiresAtMs)).toEqual([9001, 9003, 9004].map(at));
  expect((await mqtt.openSession(client("anna"))).sending).toEqual(sending);
  await mqtt.wait([6]);
  expect(briefly(mqtt, ben)).toEqual([[6, 0, 1, "packet 6"]]);
  await mqtt.dequeue([5]);
  expect(rows()).toEqual([0, 4]);
});

test("a restart finds what lay together, in order and with its packet ids, and gives no queue id again", async () => {
  await using turns = await openTurns();
  const { opened, mqtt, anna, ben, rows } = turns;
  const row = (queueId: number, sessionId: number) => ({ queueId, sessionId, packetId: queueId, live: true });
  await mqtt.enqueue(queueChange([row(1, anna), row(2, ben), row(3, anna)]));
  await mqtt.enqueue(queueChange([row(4, ben), row(5, ben)]));
  await mqtt.suspendSession({ ...suspended(anna), waiting: [3] });
  await mqtt.dequeue([3]);
  const again = (await opened.reopen()).mqtt;
  expect(again.lastQueueId()).toBe(5);
  await again.restart(at(10));
  expect(rows()[0]).toBe(0);
  expect(briefly(again, ben).map(([queueId, packetId]) => [queueId, packetId])).toEqual([
    [2, 2],
    [4, 4],
    [5, 5],
  ]);
  // What was acknowledged in the last second may come again.
  expect(briefly(again, anna).map(([queueId]) => queueId)).toContain(1);
});

test("a message that stays gets a row of its own, and goes from there", async () => {
  await using turns = await openTurns();
  const { mqtt, anna, rows } = turns;
  await mqtt.enqueue(queueChange([1, 2, 3].map((queueId) => ({ queueId, sessionId: anna, packetId: 1, live: true }))));
  await mqtt.dequeue([1, 3]);
  await until("the turn to be taken apart", () => rows()[0] === 0);
  expect(rows()).toEqual([0, 1]);
  expect(briefly(mqtt, anna)).toEqual([]); // its client is still connected
  await mqtt.dequeue([2]);
  expect(rows()).toEqual([0, 0]);
});

const sessionCount = 3;
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      rows: fc.array(
        fc.record({
          session: fc.nat(sessionCount - 1),
          qos: fc.constantFrom(1 as const, 1 as const, 2 as const),
          packetId: fc.nat(3),
          live: fc.constantFrom(true, true, true, false),
          shared: fc.constantFrom(false, false, false, true),
        }),
        { minLength: 1, maxLength: 8 },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("dequeue" as const), which: fc.array(fc.nat(40)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), session: fc.nat(sessionCount - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("suspend" as const), session: fc.nat(sessionCount - 1) }) },
);

test("nobody can tell from outside what lies together", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using opened = await openSqlite();
      const memory = new MemoryBrokerStore();
      const both: BrokerStore[] = [opened.store.mqtt, memory];
      const sessions: number[] = [];
      for (let n = 0; n < sessionCount; n++) {
        const [one, other] = await Promise.all(both.map((store) => store.openSession(client(`${n}`))));
        expect(one).toEqual(other as NonNullable<typeof other>);
        sessions.push(one?.sessionId ?? 0);
      }
      let live: { queueId: number; sessionId: number; packetId: number; qos: 1 | 2 }[] = [];
      let lastId = 0;
      const leave = async (sessionId: number) => {
        const its = live.filter((each) => each.sessionId === sessionId);
        live = live.filter((each) => each.sessionId !== sessionId);
        const sending = its
          .filter(({ packetId }) => packetId > 0)
          .map(({ queueId, packetId, qos }) => ({ queueId, packetId, qos, released: false }));
        const waiting = its.filter(({ packetId }) => packetId === 0).map(({ queueId }) => queueId);
        await Promise.all(both.map((store) => store.suspendSession({ ...suspended(sessionId), sending, waiting })));
      };
      for (const each of steps) {
        if (each.do === "enqueue") {
          const rows = each.rows.map(({ session, shared, ...row }) => ({
            ...row,
            queueId: ++lastId,
            sessionId: sessions[session] ?? 0,
            ...(shared ? { share: "$share/g/t" } : {}),
          }));
          live.push(...rows.filter((row) => row.live));
          await Promise.all(both.map((store) => store.enqueue(queueChange(rows))));
        } else if (each.do === "dequeue") {
          const gone = new Set(each.which.map((at) => live[at]?.queueId ?? 0));
          live = live.filter(({ queueId }) => !gone.has(queueId));
          await Promise.all(both.map((store) => store.dequeue([...gone].filter((queueId) => queueId > 0))));
        } else if (each.do === "wait") {
          const its = live.filter(({ sessionId, packetId }) => sessionId === sessions[each.session] && packetId === 0);
          live = live.filter((one) => !its.includes(one));
          const queueIds = its.map(({ queueId }) => queueId);
          await Promise.all(both.map((store) => store.wait(queueIds)));
        } else await leave(sessions[each.session] ?? 0);
      }
      for (const sessionId of sessions) await leave(sessionId);
      const seen = both.map((store) =>
        sessions.map((sessionId) => [briefly(store, sessionId), store.queuedOf(sessionId)]),
      );
      expect(seen[0]).toEqual(seen[1] ?? []);
      const after = (await opened.reopen()).mqtt;
      await after.restart(at(10));
      expect(sessions.map((sessionId) => briefly(after, sessionId))).toEqual(
        sessions.map((sessionId) => briefly(memory, sessionId)),
      );
    }),
    { numRuns: 15 },
  );
}, 60_000);

test("what a failing disk was not told is there to be told again", () => {
  const turns = new Turns();
  const rows = (...ids: number[]) =>
    queueChange(ids.map((queueId) => ({ queueId, sessionId: 1, packetId: 1, live: true }))).rows;
  const plain = ({ moved, emptied, others }: Taken) => ({ moved, emptied, others });
  const first = turns.add(rows(1, 2, 3), []);
  turns.add(rows(4, 5), []);
  expect(first?.count).toBe(3);
  const taken = turns.move([2, 4, 5, 9]);
  const expected = { moved: [[1, [2]] as const, [4, [4, 5]] as const], emptied: [4], others: [9] };
  expect(plain(taken)).toEqual(expected);
  expect(turns.size).toBe(1);
  taken.undo();
  expect(turns.size).toBe(2);
  expect(plain(turns.move([2, 4, 5, 9]))).toEqual(expected);
  const removed = turns.remove([1, 3]);
  expect(plain(removed)).toEqual({ moved: [], emptied: [1], others: [] });
  removed.undo();
  // A turn of which nothing is left is let go with the next look.
  expect(turns.moveOld()).toMatchObject({ moved: [], emptied: [1] });
  expect(turns.moveOld()).toBeUndefined();
  // One that could not be stored is none; nor is one with a gap.
  const lost = turns.add(rows(10, 11), []);
  if (lost !== undefined) turns.forget(lost);
  expect(turns.add(rows(20, 22), [])).toBeUndefined();
  expect(plain(turns.remove([10, 20]))).toEqual({ moved: [], emptied: [], others: [10, 20] });
});

test("what stays is looked for at the second look, not at once", () => {
  const turns = new Turns();
  const rows = queueChange([1, 2].map((queueId) => ({ queueId, sessionId: 1, packetId: 1, live: true }))).rows;
  turns.add(rows, []);
  expect(turns.moveOld()).toBeUndefined();
  turns.remove([1]);
  expect(turns.moveOld()).toMatchObject({ moved: [[1, [2]]], emptied: [1] });
  expect(turns.size).toBe(0);
});
