/** What an MQTT broker must remember, on SQLite and in memory; and what is SQLite's alone: plans, commits, pages, migration. */
import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createChanges } from "../../src/store/sqlite/changes.ts";
import { createCommitter } from "../../src/store/sqlite/engine/committer.ts";
import { createDiskReader } from "../../src/store/sqlite/engine/disk-share.ts";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { databasePath, openForReading, openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { createReserve } from "../../src/store/sqlite/engine/reserve.ts";
import { Tx } from "../../src/store/sqlite/engine/tx.ts";
import { createMqttReader } from "../../src/store/sqlite/mqtt/reader.ts";
import { noTurns } from "../../src/store/sqlite/mqtt/turns.ts";
import { at, clockOf, createManualClock } from "../support/manual-clock.ts";
import { MemoryBrokerStore } from "../support/memory-broker-store.ts";
import { openStopped } from "../support/open-stopped.ts";
import { brokerStoreContract, queueChange } from "./broker-contract.ts";
import { oldMigrations } from "./old-schema.ts";
import { openIn, openSqlite, temporaryFolder } from "./open-sqlite.ts";

brokerStoreContract("in memory", async () => {
  const store = new MemoryBrokerStore();
  return { store, reopen: async () => store, [Symbol.asyncDispose]: async () => {} };
});

brokerStoreContract("on SQLite", async () => {
  const opened = await openSqlite();
  return {
    get store() {
      return opened.store.mqtt;
    },
    reopen: async () => (await opened.reopen()).mqtt,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
});

const phone = { principalKey: "user:1", clientId: "phone", nowMs: at(1000), expirySeconds: undefined };

const message = (topic: string, payload: Uint8Array | string) => ({
  topic,
  message: { topic, payload: Buffer.from(payload), qos: 1 as const, properties: undefined, expiresAtMs: undefined },
});

test("retained messages come in pages bounded by number and by bytes, nothing twice and nothing left out", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  const topics = Array.from({ length: 2500 }, (_, n) => `t/${String(n).padStart(5, "0")}`);
  await mqtt.retain(topics.map((topic) => message(topic, "x")));
  await mqtt.retain(topics.slice(0, 4).map((topic) => message(topic, Buffer.alloc(600_000))));
  const seen: string[] = [];
  const pages: number[] = [];
  for (let after = ""; ; after = seen.at(-1) ?? "") {
    const page = mqtt.retainedPage(after);
    if (page.length === 0) break;
    pages.push(page.length);
    seen.push(...page.map(({ topic }) => topic));
  }
  expect(seen).toEqual(topics);
  expect(Math.max(...pages)).toBeLessThanOrEqual(1000);
  expect(pages.slice(0, 2)).toEqual([2, 2]);
});

test("sessions come in pages, each with its own subscriptions", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  const opening = Array.from({ length: 1201 }, (_, n) => mqtt.openSession({ ...phone, clientId: `c${n}` }));
  const ids = (await Promise.all(opening)).map(({ sessionId }) => sessionId);
  await Promise.all(
    ids.map((id) => mqtt.subscribe(id, [{ filter: `f/${id}`, qos: 1, options: 0, subscriptionId: undefined }])),
  );
  const seen: number[] = [];
  const pages: number[] = [];
  for (;;) {
    const page = mqtt.sessionsPage(seen.at(-1) ?? 0);
    if (page.length === 0) break;
    pages.push(page.length);
    for (const { sessionId, subscriptions } of page) {
      seen.push(sessionId);
      expect(subscriptions.map(({ filter }) => filter)).toEqual([`f/${sessionId}`]);
    }
  }
  expect(seen).toEqual(ids);
  expect(pages).toEqual([500, 500, 201]);
});

/** Notes every statement that is prepared. */
function noting(db: Database): string[] {
  const statements: string[] = [];
  const prepare = db.prepare.bind(db);
  db.prepare = ((sql: string, ...rest: []) => {
    statements.push(sql);
    return prepare(sql, ...rest);
  }) as typeof db.prepare;
  return statements;
}

test("no read or change but a restart's goes through the whole queue", () => {
  using folder = temporaryFolder();
  using db = openForWriting(folder.path, "os");
  migrate(db, 0);
  const tx = new Tx(db);
  const statements = noting(db);
  const changeOf = createChanges(tx);
  // One of each file that has changes for the broker.
  for (const name of ["retain", "enqueue", "openSession", "restart", "putWill"]) expect(changeOf(name)).toBeFunction();
  const reader = createMqttReader(db, createDiskReader(db));
  reader.queuedPage(1, 0);
  reader.queuedOf(1);
  reader.lastQueueId();
  reader.sessionsPage(0);
  const plans = new Map(
    statements
      .filter((sql) => /(FROM|UPDATE) mqtt_queue/.test(sql))
      .map((sql) => [
        sql,
        (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(({ detail }) => detail).join("; "),
      ]),
  );
  expect(plans.size).toBeGreaterThanOrEqual(10);
  for (const [sql, plan] of plans) {
    expect([sql, plan]).not.toEqual([sql, expect.stringContaining("TEMP B-TREE")]);
    if (sql.includes("WHERE live <> 0") || sql.includes("NOT IN")) continue;
    expect([sql, plan]).toEqual([sql, expect.stringContaining("SEARCH mqtt_queue")]);
    if (/session_id = (\?|mqtt_sessions\.session_id)/.test(sql)) {
      expect([sql, plan]).toEqual([sql, expect.stringContaining("INDEX mqtt_queue_waiting (session_id=?")]);
    }
  }
});

test("a page of the queue that was cut short leaves no statement open that would pin the WAL", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  const { sessionId } = await mqtt.openSession(phone);
  const rows = Array.from({ length: 5 }, (_, n) => ({ queueId: n + 1, sessionId, packet: new Uint8Array(200_000) }));
  await mqtt.enqueue(queueChange(rows));
  await opened.store.close();
  using reading = openForReading(opened.dataDir);
  const reader = createMqttReader(reading, createDiskReader(reading));
  expect(reader.queuedPage(sessionId, 0)).toHaveLength(2);
  using writing = openForWriting(opened.dataDir, "os");
  writing.run("DELETE FROM mqtt_queue WHERE queue_id < 5");
  expect(reader.queuedPage(sessionId, 0)).toHaveLength(1);
  writing.run("DELETE FROM mqtt_queue");
  const [[busy] = []] = writing.prepare("PRAGMA wal_checkpoint(RESTART)").values() as [number][];
  expect(busy).toBe(0);
});

test("numbers and bytes are stored as such", async () => {
  await using opened = await openSqlite();
  const { mqtt } = opened.store;
  const { sessionId } = await mqtt.openSession(phone);
  await mqtt.enqueue(queueChange([{ queueId: 2 ** 40, sessionId, expiresAtMs: 4e12, live: true }]));
  using db = openForReading(opened.dataDir);
  const columns = [
    "queue_id",
    "session_id",
    "qos",
    "packet_id",
    "released",
    "live",
    "expires_at_ms",
    "share",
    "packet",
  ];
  const types = db.prepare(`SELECT ${columns.map((column) => `typeof(${column})`).join()} FROM mqtt_queue`).values();
  expect(types).toEqual([[...Array(7).fill("integer"), "null", "blob"]]);
});

test("a restart with nothing to do writes nothing", () => {
  using folder = temporaryFolder();
  using db = openForWriting(folder.path, "os");
  migrate(db, 0);
  const { commit } = createCommitter(db, createReserve(folder.path));
  const frames = () => db.prepare("PRAGMA wal_checkpoint(NOOP)").values()[0]?.[1];
  commit({
    nowMs: 0,
    steadyMs: at(0),
    seed: "0",
    changes: [
      ["openSession", { ...phone, expirySeconds: null }],
      [
        "suspendSession",
        { sessionId: 1, disconnectedAtMs: 5, expirySeconds: null, sending: [], waiting: [], ...noTurns },
      ],
    ],
  });
  const before = frames();
  expect(commit({ nowMs: 1, steadyMs: at(1), seed: "1", changes: [["restart", { nowMs: 9 }]] }).outcomes).toEqual([
    [0, null],
  ]);
  expect(frames()).toBe(before);
  expect(db.prepare("SELECT disconnected_at_ms FROM mqtt_sessions").values()).toEqual([[5]]);
});

test("acknowledgements make no commit of their own while there is another to join, and follow soon where there is none", async () => {
  await using folder = await openSqlite();
  await folder.store.close();
  // The store looks at the clock once a commit.
  let commits = 0;
  const store = await openIn(folder.dataDir, { ...createManualClock(), nowMs: () => ++commits });
  const { mqtt } = store;
  const { sessionId } = await mqtt.openSession(phone);
  await mqtt.enqueue(queueChange([1, 2, 3].map((queueId) => ({ queueId, sessionId }))));
  const before = commits;
  const first = mqtt.dequeue([1]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(store.waiting().changes).toBe(1);
  await Promise.all([mqtt.release(3), first]);
  expect(commits).toBe(before + 1);
  await mqtt.dequeue([2]);
  expect(commits).toBe(before + 2);
  const last = mqtt.dequeue([3]);
  await store.close();
  await last;
  expect((await folder.reopen()).mqtt.lastQueueId()).toBe(0);
});

test("messages resolve only once a look from beside the store finds them", async () => {
  await using opened = await openSqlite("disk");
  const { mqtt } = opened.store;
  const { sessionId } = await mqtt.openSession(phone);
  using db = openForReading(opened.dataDir);
  const count = db.prepare<{ count: number }, []>("SELECT count(*) count FROM mqtt_queue");
  for (let round = 1; round <= 20; round += 1) {
    await mqtt.enqueue(queueChange([{ queueId: round, sessionId, live: true }]));
    expect(count.get()?.count).toBe(round);
  }
});

test("what frees space or ends what was begun goes on when the disk is full, what adds is refused", () => {
  using folder = temporaryFolder();
  using db = openForWriting(folder.path, "os");
  migrate(db, 0);
  const reserve = createReserve(folder.path);
  const { commit } = createCommitter(db, reserve);
  const { rows, packets, ...rest } = queueChange([{ queueId: 1, sessionId: 1 }]);
  const enqueue = ["enqueue", rest, [new Uint8Array(rows.buffer), packets]] as const;
  commit({
    nowMs: 0,
    steadyMs: at(0),
    seed: "0",
    changes: [["openSession", { ...phone, expirySeconds: null }], enqueue],
  });
  reserve.spend("the disk is full");
  // A client comes back to the session that is there.
  const [resumed] = commit({
    nowMs: 0,
    steadyMs: at(0),
    seed: "0",
    changes: [["resumeSession", { ...phone, expirySeconds: null }]],
  }).outcomes;
  expect(resumed).toMatchObject([0, { sessionId: 1, resumed: true }]);
  const { outcomes } = commit({
    nowMs: 0,
    steadyMs: at(0),
    seed: "0",
    changes: [
      ["openSession", { ...phone, expirySeconds: null }],
      ["putWill", { ...phone, delaySeconds: 0 }, [packets]],
      enqueue,
      ["retain", { topics: [{ topic: "t", qos: 1, payload: 0, properties: null, expiresAtMs: null }] }, [packets]],
      ["resumeSession", { ...phone, clientId: "another", expirySeconds: null }],
      ["restart", { nowMs: 1 }],
      ["unretain", { topics: ["t"] }],
      ["send", { sent: [[1, 1]] }],
      ["release", { queueId: 1 }],
      ["wait", { queueIds: [1], ...noTurns }],
      [
        "suspendSession",
        { sessionId: 1, disconnectedAtMs: 1, expirySeconds: null, sending: [], waiting: [], ...noTurns },
      ],
      ["scheduleWill", { willId: 1, publishAtMs: 1 }],
      ["removeWill", { willId: 1 }],
      ["dequeue", { queueIds: [1], ...noTurns }],
      ["endSession", { sessionId: 1 }],
    ],
  });
  expect(
    commit({ nowMs: 0, steadyMs: at(0), seed: "0", changes: [["resumeSession", { ...phone, expirySeconds: null }]] })
      .outcomes,
  ).toEqual([[1, "storage_full", "storage_full"]]);
  expect(outcomes.slice(0, 5).map((outcome) => outcome[1])).toEqual(Array(5).fill("storage_full"));
  expect(outcomes.slice(5)).toEqual(Array(10).fill([0, null]));
  expect(db.prepare("SELECT count(*) FROM mqtt_queue").values()).toEqual([[0]]);
});

test("data from before there was a queue opens and keeps its sessions and retained messages", async () => {
  using folder = temporaryFolder();
  {
    using db = openStopped(databasePath(folder.path));
    migrate(db, 1, oldMigrations.slice(0, 3));
    db.run("PRAGMA application_id = 0");
    db.run("INSERT INTO mqtt_sessions VALUES (7, 'user:1', 'phone', 100, 200), (8, 'user:2', 'tablet', 100, 300)");
    db.run("INSERT INTO mqtt_subscriptions VALUES (7, 'a/#', 2), (8, 'b', 0)");
    db.run("INSERT INTO mqtt_received VALUES (7, 65535)");
    db.run("INSERT INTO mqtt_retained VALUES ('t', 1, x'00ff', 100)");
  }
  const clock = clockOf(() => 5000);
  const { mqtt, close } = await openIn(folder.path, clock);
  await mqtt.restart(at(5000));
  const subscription = { options: 0, subscriptionId: undefined };
  const common = { expirySeconds: undefined, disconnectedAtMs: at(5000), queued: 0 };
  expect(mqtt.sessionsPage(0)).toEqual([
    {
      ...common,
      sessionId: 7,
      principalKey: "user:1",
      clientId: "phone",
      subscriptions: [{ ...subscription, filter: "a/#", qos: 2 }],
    },
    {
      ...common,
      sessionId: 8,
      principalKey: "user:2",
      clientId: "tablet",
      subscriptions: [{ ...subscription, filter: "b", qos: 0 }],
    },
  ]);
  expect(mqtt.retainedPage("")).toEqual([
    { topic: "t", payload: new Uint8Array([0, 255]), qos: 1, properties: undefined, expiresAtMs: undefined },
  ]);
  expect(await mqtt.openSession(phone)).toMatchObject({ sessionId: 7, resumed: true, received: [65_535], sending: [] });
  expect(mqtt.wills()).toEqual([]);
  expect(mqtt.lastQueueId()).toBe(0);
  await close();
});
