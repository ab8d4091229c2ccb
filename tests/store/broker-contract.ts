/**
 * What any store must keep of `src/mqtt/store.ts`, as one suite: the broker's own tests run on a store in memory, and are
 * worth something only if that one behaves as the one on disk does.
 */
import { describe, expect, test } from "bun:test";
import { type BrokerStore, queueColumnCount, type Sending, type StoredSubscription } from "../../src/mqtt/store.ts";
import { at } from "../support/manual-clock.ts";

export interface OpenedBrokerStore extends AsyncDisposable {
  /** The one that is open now. */
  readonly store: BrokerStore;
  /** Ends and starts again, with what was kept. */
  reopen(): Promise<BrokerStore>;
}

const phone = { principalKey: "user:1", clientId: "phone", nowMs: at(1000), expirySeconds: undefined };
const tablet = { ...phone, clientId: "tablet" };

const subscription = (filter: string, more: Partial<StoredSubscription> = {}): StoredSubscription => ({
  filter,
  qos: 1,
  options: 0,
  subscriptionId: undefined,
  ...more,
});

export interface Row {
  queueId: number;
  sessionId: number;
  qos?: 1 | 2;
  packetId?: number;
  live?: boolean;
  expiresAtMs?: number;
  share?: string;
  packet?: Uint8Array | string;
}

/** A change of these messages; those with the same packet share its bytes. */
export function queueChange(rows: readonly Row[]) {
  const numbers: number[] = [];
  const packets: Buffer[] = [];
  const places = new Map<string | Uint8Array, [number, number]>();
  const shares: [number, string][] = [];
  let bytes = 0;
  rows.forEach((row, index) => {
    const content = row.packet ?? `packet ${row.queueId}`;
    let place = places.get(content);
    if (place === undefined) {
      const packet = Buffer.from(content);
      place = [bytes, bytes + packet.length];
      bytes += packet.length;
      packets.push(packet);
      places.set(content, place);
    }
    const { queueId, sessionId, qos = 1, packetId = 0, live = false, expiresAtMs = 0 } = row;
    numbers.push(queueId, sessionId, qos, packetId, live ? 1 : 0, expiresAtMs, ...place);
    if (row.share !== undefined) shares.push([index, row.share]);
  });
  if (numbers.length !== rows.length * queueColumnCount) throw new Error("a row has other columns");
  return {
    rows: Float64Array.from(numbers),
    packets: new Uint8Array(Buffer.concat(packets)),
    shares,
    received: [] as [number, number][],
    retained: [] as { topic: string; message: undefined }[],
  };
}

const queueIds = (store: BrokerStore, sessionId: number, after = 0) =>
  store.queuedPage(sessionId, after).map(({ queueId }) => queueId);

export function brokerStoreContract(name: string, open: () => Promise<OpenedBrokerStore>): void {
  describe(name, () => {
    describe("retained messages", () => retainedContract(open));
    describe("sessions", () => sessionContract(open));
    describe("the queue", () => queueContract(open));
    describe("wills", () => willContract(open));
  });
}

function retainedContract(open: () => Promise<OpenedBrokerStore>): void {
  test("the last of each topic is read back as it was given, in order, also after a restart", async () => {
    await using opened = await open();
    const { store } = opened;
    const payload = new Uint8Array([0, 255, 10]);
    const plain = { payload, qos: 1, properties: undefined, expiresAtMs: undefined } as const;
    expect(store.retainedPage("")).toEqual([]);
    await store.retain([
      { topic: "b", message: { ...plain, topic: "b", expiresAtMs: at(5) } },
      { topic: "a", message: { ...plain, topic: "a", qos: 0 } },
      { topic: "c", message: { ...plain, topic: "c" } },
    ]);
    const full = { topic: "b", payload, qos: 2, properties: new Uint8Array([1, 1]), expiresAtMs: at(4e12) } as const;
    // Views into something larger, as a network buffer gives them.
    const large = new Uint8Array(1000);
    large.set(payload, 7);
    large.set(full.properties, 20);
    await store.retain([
      { topic: "b", message: { ...full, payload: large.subarray(7, 10), properties: large.subarray(20, 22) } },
      { topic: "c", message: undefined },
      { topic: "never there", message: undefined },
    ]);
    for (let round = 0; round < 2; round += 1) {
      expect(allRetained(opened.store)).toEqual([{ ...plain, topic: "a", qos: 0 }, full]);
      await opened.reopen();
    }
    expect(opened.store.retainedPage("b")).toEqual([]);
  });

  test("devices have no share of the disk", async () => {
    await using opened = await open();
    expect(opened.store.hasDiskFor("device:lamp", () => Number.MAX_SAFE_INTEGER)).toBe(true);
  });
}

function allRetained(store: BrokerStore) {
  const all = [];
  for (let after = ""; ; after = all.at(-1)?.topic ?? "") {
    const page = store.retainedPage(after);
    if (page.length === 0) return all;
    for (const message of page) all.push({ ...message, payload: new Uint8Array(message.payload) });
  }
}

function sessionContract(open: () => Promise<OpenedBrokerStore>): void {
  test("a session is its principal's own and comes back with its subscriptions and options", async () => {
    await using opened = await open();
    const first = await opened.store.openSession(phone);
    expect(first).toEqual({
      sessionId: first.sessionId,
      resumed: false,
      subscriptions: [],
      received: [],
      sending: [],
    });
    const other = await opened.store.openSession({ ...phone, principalKey: "user:2" });
    expect(other.sessionId).not.toBe(first.sessionId);
    expect(opened.store.findSession("user:1", "phone")).toBe(first.sessionId);
    expect(opened.store.findSession("user:1", "PHONE")).toBeUndefined();
    const { sessionId } = first;
    await opened.store.subscribe(sessionId, [subscription("a/#"), subscription("$share/g/b", { qos: 0 })]);
    await opened.store.subscribe(sessionId, [subscription("c"), subscription("gone")]);
    const changed = subscription("a/#", { qos: 2, options: 0x2c, subscriptionId: 268_435_455 });
    await opened.store.subscribe(sessionId, [changed]);
    await opened.store.unsubscribe(sessionId, ["gone", "never/subscribed"]);
    const again = await (await opened.reopen()).openSession(phone);
    expect(again).toMatchObject({ sessionId, resumed: true });
    expect(sorted(again.subscriptions)).toEqual(
      sorted([changed, subscription("$share/g/b", { qos: 0 }), subscription("c")]),
    );
    expect((await opened.store.openSession({ ...phone, principalKey: "user:2" })).subscriptions).toEqual([]);
  });

  test("all sessions are read page by page, with when each was left and how long it stays", async () => {
    await using opened = await open();
    const { store } = opened;
    const names = ["a", "b", "c", "d", "e"];
    const ids: number[] = [];
    for (const clientId of names) ids.push((await store.openSession({ ...phone, clientId })).sessionId);
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = ids;
    await store.subscribe(b, [subscription("x", { qos: 2 }), subscription("y", { subscriptionId: 7 })]);
    await store.subscribe(e, [subscription("z")]);
    const left = { sending: [], waiting: [] };
    await store.suspendSession({ ...left, sessionId: a, disconnectedAtMs: at(2000), expirySeconds: 60 });
    await store.suspendSession({ ...left, sessionId: b, disconnectedAtMs: at(3000), expirySeconds: 4_294_967_295 });
    await store.openSession({ ...phone, clientId: "c", expirySeconds: 30 });
    await store.suspendSession({ ...left, sessionId: d, disconnectedAtMs: at(4000), expirySeconds: 10 });
    await store.openSession({ ...phone, clientId: "d", nowMs: at(4500) });
    const now = await opened.reopen();
    await now.restart(at(9000));
    const seen = allSessions(now);
    expect(seen.map(({ sessionId }) => sessionId)).toEqual([a, b, c, d, e]);
    expect(seen.map(({ clientId }) => clientId)).toEqual(names);
    expect(seen.map(({ principalKey }) => principalKey)).toEqual(names.map(() => "user:1"));
    expect(seen.map(({ disconnectedAtMs, expirySeconds }) => [disconnectedAtMs, expirySeconds])).toEqual([
      [2000, 60],
      [3000, 4_294_967_295],
      [9000, 30],
      [9000, undefined],
      [9000, undefined],
    ]);
    expect(sorted(seen[1]?.subscriptions ?? [])).toEqual([
      subscription("x", { qos: 2 }),
      subscription("y", { subscriptionId: 7 }),
    ]);
    expect(seen.map(({ subscriptions }) => subscriptions.length)).toEqual([0, 2, 0, 0, 1]);
    await now.restart(at(10_000));
    expect(allSessions(now)).toEqual(seen);
  });

  test("packet ids taken over at QoS 2 are the session's, released one by one, and end with it", async () => {
    await using opened = await open();
    const { sessionId } = await opened.store.openSession(phone);
    const other = await opened.store.openSession(tablet);
    for (const packetId of [7, 65_535, 7, 1]) await opened.store.received(sessionId, packetId);
    await opened.store.received(other.sessionId, 9);
    await opened.store.received(4242, 9); // a session that is gone: nobody's, and no failure
    await opened.store.released(sessionId, 7);
    await opened.store.released(sessionId, 8);
    const now = await opened.reopen();
    expect([...(await now.openSession(phone)).received].sort((x, y) => x - y)).toEqual([1, 65_535]);
    expect((await now.openSession(tablet)).received).toEqual([9]);
    await now.endSession(sessionId);
    expect((await now.openSession(phone)).received).toEqual([]);
  });

  test("a session that ended is gone with all that waited for it, and its number is not used again", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const other = await store.openSession(tablet);
    await store.subscribe(sessionId, [subscription("a")]);
    await store.enqueue(
      queueChange([
        { queueId: 1, sessionId },
        { queueId: 2, sessionId: other.sessionId },
      ]),
    );
    await store.endSession(sessionId);
    await store.endSession(sessionId);
    expect(store.findSession("user:1", "phone")).toBeUndefined();
    expect(store.queuedOf(sessionId)).toEqual({ messages: 0, bytes: 0 });
    expect(queueIds(store, other.sessionId)).toEqual([2]);
    const next = await store.openSession(phone);
    expect(next).toMatchObject({ resumed: false, subscriptions: [], sending: [] });
    expect(next.sessionId).toBeGreaterThan(Math.max(sessionId, other.sessionId));
  });
}

const sorted = (subscriptions: readonly StoredSubscription[]) =>
  [...subscriptions].sort((x, y) => x.filter.localeCompare(y.filter));

function allSessions(store: BrokerStore) {
  const all = [];
  for (let after = 0; ; after = all.at(-1)?.sessionId ?? 0) {
    const page = store.sessionsPage(after);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

function queueContract(open: () => Promise<OpenedBrokerStore>): void {
  test("what waits is read back as it was queued, also after a restart", async () => {
    await using opened = await open();
    const { store } = opened;
    expect(store.lastQueueId()).toBe(0);
    const { sessionId } = await store.openSession(phone);
    const other = (await store.openSession(tablet)).sessionId;
    const shared = new Uint8Array([0x32, 0, 255]);
    const large = 2 ** 40;
    await store.enqueue(
      queueChange([
        { queueId: large, sessionId, qos: 2, packet: shared, expiresAtMs: at(4e12), share: "$share/g/#" },
        { queueId: large + 1, sessionId: other, packet: shared },
        { queueId: large + 3, sessionId, packetId: 65_535 },
        { queueId: large + 2, sessionId, live: true },
      ]),
    );
    const waiting = [
      {
        queueId: large,
        qos: 2,
        packetId: 0,
        released: false,
        expiresAtMs: at(4e12),
        share: "$share/g/#",
        packet: shared,
      },
      {
        queueId: large + 3,
        qos: 1,
        packetId: 65_535,
        released: false,
        expiresAtMs: at(0),
        share: undefined,
        packet: new Uint8Array(Buffer.from(`packet ${large + 3}`)),
      },
    ] as const;
    expect(store.queuedPage(sessionId, 0)).toEqual([...waiting]);
    expect(store.queuedPage(sessionId, large)).toEqual([waiting[1]]);
    expect(store.queuedPage(sessionId, large + 3)).toEqual([]);
    expect(store.queuedOf(sessionId)).toEqual({ messages: 2, bytes: 3 + waiting[1].packet.length });
    expect(store.lastQueueId()).toBe(large + 3);
    const now = await opened.reopen();
    await now.restart(at(5000));
    expect(allSessions(now).map(({ queued }) => queued)).toEqual([3, 1]);
    expect(queueIds(now, sessionId)).toEqual([large, large + 2, large + 3]);
    expect(queueIds(now, other)).toEqual([large + 1]);
    expect(now.queuedPage(sessionId, large + 2)).toEqual([waiting[1]]);
    expect(now.lastQueueId()).toBe(large + 3);
  });

  test("rows and packets may be parts of something larger", async () => {
    await using opened = await open();
    const { sessionId } = await opened.store.openSession(phone);
    const change = queueChange([{ queueId: 5, sessionId, packet: "hello" }]);
    const rows = new Float64Array(100);
    rows.set(change.rows, 3);
    const packets = new Uint8Array(99);
    packets.set(change.packets, 5);
    await opened.store.enqueue({
      ...change,
      rows: rows.subarray(3, 3 + queueColumnCount),
      packets: packets.subarray(5, 10),
    });
    expect(opened.store.queuedPage(sessionId, 0).map(({ packet }) => String(Buffer.from(packet)))).toEqual(["hello"]);
  });

  test("messages, what was taken over with them and what they retain are one whole", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const message = (topic: string) => ({
      topic,
      payload: Buffer.from("kept"),
      qos: 1 as const,
      properties: new Uint8Array([1, 0]),
      expiresAtMs: at(77),
    });
    await store.enqueue({
      ...queueChange([{ queueId: 1, sessionId }]),
      received: [
        [sessionId, 11],
        [4242, 12],
      ],
      retained: [{ topic: "t", message: message("t") }],
    });
    const failing = store.enqueue({
      ...queueChange([
        { queueId: 2, sessionId },
        { queueId: 1, sessionId },
      ]),
      received: [[sessionId, 13]],
      retained: [
        { topic: "t", message: undefined },
        { topic: "u", message: message("u") },
      ],
    });
    const beside = store.enqueue(queueChange([{ queueId: 3, sessionId }]));
    expect(await failing.then(() => "done", String)).toStartWith("Error");
    await beside;
    expect(queueIds(store, sessionId)).toEqual([1, 3]);
    expect((await store.openSession(phone)).received).toEqual([11]);
    expect(allRetained(store)).toEqual([{ ...message("t"), payload: new Uint8Array(Buffer.from("kept")) }]);
    await store.enqueue({ ...queueChange([]), received: [[sessionId, 14]] });
    expect((await store.openSession(phone)).received).toEqual([11, 14]);
  });

  test("live messages are not read; those that are to wait are, in their place", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const rows = [1, 2, 3, 4, 5].map((queueId) => ({ queueId, sessionId, live: queueId !== 3, packetId: queueId }));
    await store.enqueue(queueChange(rows));
    expect(queueIds(store, sessionId)).toEqual([3]);
    await store.wait([5, 2, 404, 1]);
    await store.wait([]);
    expect(store.queuedPage(sessionId, 0).map(({ queueId, packetId }) => [queueId, packetId])).toEqual([
      [1, 0],
      [2, 0],
      [3, 3],
      [5, 0],
    ]);
    expect(store.queuedOf(sessionId).messages).toBe(4);
  });

  test("what was sent keeps its packet id, and after PUBREC nothing but that", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    await store.enqueue(queueChange([1, 2, 3, 4].map((queueId) => ({ queueId, sessionId, qos: 2 as const }))));
    await store.send([
      [3, 30],
      [1, 10],
      [404, 40],
    ]);
    await store.release(1);
    await store.release(404);
    const { sending } = await (await opened.reopen()).openSession(phone);
    expect(sending).toEqual([
      { queueId: 1, packetId: 10, qos: 2, released: true },
      { queueId: 3, packetId: 30, qos: 2, released: false },
    ]);
    const [first, second, third] = opened.store.queuedPage(sessionId, 0);
    expect(first).toMatchObject({ queueId: 1, packetId: 10, released: true });
    expect(first?.packet).toEqual(new Uint8Array(0));
    expect(second).toMatchObject({ queueId: 2, packetId: 0, released: false });
    expect(String(Buffer.from(third?.packet ?? []))).toBe("packet 3");
  });

  test("a connection that ends leaves what it was being sent, and what it was not", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const other = (await store.openSession(tablet)).sessionId;
    const rows = [1, 2, 3, 4, 5].map((queueId) => ({ queueId, sessionId, qos: 2 as const, live: true }));
    await store.enqueue(queueChange([...rows, { queueId: 6, sessionId: other, live: true }]));
    await store.enqueue(queueChange([{ queueId: 7, sessionId, packetId: 70, live: true }]));
    const sending: Sending[] = [
      { queueId: 2, packetId: 9, qos: 2, released: true },
      { queueId: 4, packetId: 8, qos: 2, released: false },
    ];
    await store.suspendSession({
      sessionId,
      disconnectedAtMs: at(1),
      expirySeconds: 5,
      sending: [...sending].reverse(),
      waiting: [5, 1, 3, 7],
    });
    for (let round = 0; round < 2; round += 1) {
      const page = opened.store.queuedPage(sessionId, 0);
      expect(page.map(({ queueId, packetId, released }) => [queueId, packetId, released])).toEqual([
        [1, 0, false],
        [2, 9, true],
        [3, 0, false],
        [4, 8, false],
        [5, 0, false],
        [7, 0, false],
      ]);
      expect(page[1]?.packet).toEqual(new Uint8Array(0));
      expect(queueIds(opened.store, other)).toEqual([]);
      expect((await opened.store.openSession(phone)).sending).toEqual(sending);
      await opened.reopen();
    }
  });

  test("what was released stays released, although the end of its connection was reported without that", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    await store.enqueue(queueChange([{ queueId: 1, sessionId, packetId: 9, qos: 2, live: true }]));
    const sending: Sending[] = [{ queueId: 1, packetId: 9, qos: 2, released: false }];
    const left = { sessionId, disconnectedAtMs: at(1), expirySeconds: 5, sending, waiting: [] };
    await store.suspendSession(left);
    await store.release(1);
    await store.suspendSession(left);
    const { sending: found } = await (await opened.reopen()).openSession(phone);
    expect(found).toEqual([{ queueId: 1, packetId: 9, qos: 2, released: true }]);
  });

  test("what is dequeued is gone, whichever it was, and nothing else is", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const all = Array.from({ length: 3000 }, (_, n) => n + 1);
    await store.enqueue(queueChange(all.map((queueId) => ({ queueId, sessionId, live: queueId % 2 === 0 }))));
    const gone = all.filter((queueId) => queueId <= 1000 || queueId % 3 === 0 || queueId > 2500);
    await store.dequeue([...gone].reverse().concat(9999, 1));
    await store.dequeue([]);
    await store.wait(all);
    const left: number[] = [];
    for (let page = queueIds(store, sessionId); page.length > 0; page = queueIds(store, sessionId, left.at(-1))) {
      expect(page.length).toBeLessThanOrEqual(100);
      left.push(...page);
    }
    expect(left).toEqual(all.filter((queueId) => !gone.includes(queueId)));
    expect(store.queuedOf(sessionId).messages).toBe(left.length);
    expect(store.lastQueueId()).toBe(2500);
  });

  test("a page is bounded by the bytes of its packets, and one message always fits", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const sizes = [100_000, 100_000, 100_000, 400_000, 10];
    const packets = sizes.map((size) => new Uint8Array(size));
    await store.enqueue(queueChange(packets.map((packet, n) => ({ queueId: n + 1, sessionId, packet }))));
    expect(queueIds(store, sessionId)).toEqual([1, 2, 3]);
    expect(queueIds(store, sessionId, 3)).toEqual([4]);
    expect(queueIds(store, sessionId, 4)).toEqual([5]);
  });

  test("a restart removes what is queued for sessions that are gone", async () => {
    await using opened = await open();
    const { store } = opened;
    const gone = (await store.openSession(tablet)).sessionId;
    const { sessionId } = await store.openSession(phone);
    await store.endSession(gone);
    await store.enqueue(
      queueChange([
        { queueId: 1, sessionId: gone, live: true },
        { queueId: 2, sessionId: gone },
        { queueId: 3, sessionId, live: true },
      ]),
    );
    const now = await opened.reopen();
    await now.restart(at(1));
    expect(now.queuedOf(gone)).toEqual({ messages: 0, bytes: 0 });
    expect(queueIds(now, sessionId)).toEqual([3]);
  });

  test("changes settle in the order they were asked for", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    const settled: string[] = [];
    const note = (name: string) => () => void settled.push(name);
    await Promise.all([
      store.enqueue(queueChange([{ queueId: 1, sessionId }])).then(note("enqueue")),
      store.dequeue([1]).then(note("dequeue")),
      store.subscribe(sessionId, [subscription("a")]).then(note("subscribe")),
      store.enqueue(queueChange([{ queueId: 2, sessionId }])).then(note("enqueue")),
      store.send([[2, 7]]).then(note("send")),
      store.release(2).then(note("release")),
      store.openSession(phone).then(note("openSession")),
      store.retain([]).then(note("retain")),
      store.dequeue([2]).then(note("dequeue")),
    ]);
    expect(settled).toEqual("enqueue dequeue subscribe enqueue send release openSession retain dequeue".split(" "));
    expect(store.lastQueueId()).toBe(0);
  });

  test("every listener is asked before a commit, and what it asks for joins that commit", async () => {
    await using opened = await open();
    const { store } = opened;
    const { sessionId } = await store.openSession(phone);
    await store.enqueue(queueChange([{ queueId: 1, sessionId }]));
    const calls: string[] = [];
    let joined: Promise<void> | undefined;
    store.beforeCommit(() => void calls.push("first"));
    store.beforeCommit(() => {
      calls.push("second");
      joined ??= store.dequeue([1]);
    });
    await store.subscribe(sessionId, [subscription("a")]);
    await joined;
    expect(calls).toEqual(["first", "second"]);
    expect(store.queuedOf(sessionId).messages).toBe(0);
  });
}

function willContract(open: () => Promise<OpenedBrokerStore>): void {
  test("wills are kept until they are removed, with the time that was set", async () => {
    await using opened = await open();
    const { store } = opened;
    expect(store.wills()).toEqual([]);
    const packet = new Uint8Array([0x30, 0, 255]);
    const will = { principalKey: "user:1", clientId: "c", packet, delaySeconds: 4_294_967_295 };
    const first = await store.putWill(will);
    const second = await store.putWill({ ...will, clientId: "d", packet: new Uint8Array(100).subarray(4, 6) });
    const third = await store.putWill(will);
    expect(new Set([first, second, third]).size).toBe(3);
    await store.scheduleWill(second, at(4e12));
    await store.scheduleWill(404, at(1));
    await store.removeWill(first);
    await store.removeWill(first);
    const now = await opened.reopen();
    await now.restart(at(1));
    expect(now.wills()).toEqual([
      { ...will, willId: second, clientId: "d", packet: new Uint8Array(2), publishAtMs: at(4e12) },
      { ...will, willId: third, publishAtMs: undefined },
    ]);
  });
}
