/**
 * A client whose session is replaced while messages of QoS 1 and 2 are under way: it logs in or out on its connection, its
 * user is removed, or it comes back on another connection. Every exchange that was begun ends, once; see MQTT 3.1.1
 * §§ 4.3 and 4.4.
 */
import { expect, test } from "bun:test";
import type { IPublishPacket, Packet } from "mqtt-packet";
import type { ServiceSession } from "../../src/mqtt/service.ts";
import type { SuspendedSession } from "../../src/mqtt/store.ts";
import { until } from "../support/deadline.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestBroker, type TestBroker } from "../support/test-broker.ts";

type Version = 4 | 5;

/** Who the client is before and after, and how it becomes that. */
interface Change {
  readonly before: string;
  readonly after: string;
  readonly by: "the same connection" | "a takeover" | "a reconnect";
  /** The first principal no longer exists. */
  readonly removed?: boolean;
}

const changes: Readonly<Record<string, Change>> = {
  "logs in": { before: "guest", after: "anna", by: "the same connection" },
  "logs out": { before: "anna", after: "guest", by: "the same connection" },
  "becomes another user": { before: "anna", after: "ben", by: "the same connection" },
  "is removed": { before: "anna", after: "guest", by: "the same connection", removed: true },
  "takes its session over": { before: "anna", after: "anna", by: "a takeover" },
  "comes back": { before: "anna", after: "anna", by: "a reconnect" },
};

/** A client that answers as MQTT demands, or not yet, and tells what it was given. */
class Client {
  readonly delivered: string[] = [];
  /** The packet ids of all PUBRELs. */
  readonly released: number[] = [];
  /** QoS 2 messages that it has and whose PUBREL has not come, by packet id. */
  readonly taken = new Set<number>();
  raw: RawMqtt;

  constructor(raw: RawMqtt) {
    this.raw = raw;
  }

  /** Answers until nothing more comes. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const packets = await this.raw.fence();
      for (const packet of packets) this.answer(packet);
      quiet = packets.length === 0 ? quiet + 1 : 0;
    }
  }

  answer(packet: Packet): void {
    const { messageId = 0 } = packet;
    if (packet.cmd === "publish") {
      this.take(packet);
      if (packet.qos > 0) this.raw.send({ cmd: packet.qos === 1 ? "puback" : "pubrec", messageId });
    } else if (packet.cmd === "pubrel") {
      this.taken.delete(messageId);
      this.released.push(messageId);
      this.raw.send({ cmd: "pubcomp", messageId });
    }
  }

  take({ payload, qos, messageId = 0 }: IPublishPacket): void {
    if (qos === 2 && this.taken.has(messageId)) return;
    if (qos === 2) this.taken.add(messageId);
    this.delivered.push(String(payload));
  }
}

interface Stage extends AsyncDisposable {
  readonly server: TestBroker;
  readonly client: Client;
  /** Changes of the store with these names wait until `go`. */
  hold(...names: readonly string[]): void;
  go(): void;
  change(): Promise<void>;
  /** The connection becomes this one's. */
  become(name: string): Promise<void>;
}

const who = (name: string) => ({ principal: { key: `user:${name}` }, persistent: name !== "guest" });

async function stage(change: Change, version: Version, kept: boolean): Promise<Stage> {
  const sessions: ServiceSession[] = [];
  const removed = new Set<string>();
  const server = await startTestBroker({
    limits: { inflightMax: 3 },
    identity: {
      principalOf: (key) => (removed.has(key) ? undefined : { key }),
      authenticate: async ({ username = "" }) => who(username),
    },
    service: {
      opened(session) {
        if (session.clientId === "phone") sessions.push(session);
      },
    },
  });
  const fields = (name: string) => ({
    protocolVersion: version,
    clientId: "phone",
    username: name,
    clean: !kept,
    ...(version === 5 ? { clean: false, properties: { sessionExpiryInterval: kept ? 3600 : 0 } } : {}),
  });
  const client = new Client(await RawMqtt.connect(server.port, fields(change.before)));
  const connections = [client.raw];
  await client.raw.subscribe("t", 2);
  let held = Promise.withResolvers<void>();
  async function become(name: string): Promise<void> {
    const count = sessions.length;
    sessions.findLast((session) => session.connected)?.become(who(name));
    await until("the other session", () => sessions.length > count);
  }
  return {
    server,
    client,
    become,
    hold(...names) {
      held = Promise.withResolvers<void>();
      server.store.commit = (name) => (names.includes(name) ? held.promise : Promise.resolve());
    },
    go() {
      server.store.commit = () => Promise.resolve();
      held.resolve();
    },
    async change() {
      const { by, after, before } = change;
      if (by === "the same connection") {
        const becoming = become(after);
        if (change.removed === true) {
          removed.add(who(before).principal.key);
          server.endSessions(who(before).principal.key);
        }
        await becoming;
        return;
      }
      if (by === "a reconnect") {
        const others = server.broker.stats().connections - 1;
        await client.raw.drop();
        await until("the session to be detached", () => server.broker.stats().connections === others);
      }
      client.raw = await RawMqtt.connect(server.port, fields(after));
      connections.push(client.raw);
    },
    async [Symbol.asyncDispose]() {
      for (const raw of connections) await raw[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The messages on their way to the client, before the change and after it. */
interface Sent {
  readonly qos: 1 | 2;
  /** How far the client has answered. */
  readonly answered: "not at all" | "with PUBREC that the store has yet to record" | "with PUBREC";
}
const sent: readonly Sent[] = [
  { qos: 1, answered: "not at all" },
  { qos: 2, answered: "not at all" },
  { qos: 2, answered: "with PUBREC that the store has yet to record" },
  { qos: 2, answered: "with PUBREC" },
];

const rows = Object.entries(changes).flatMap(([name, change]) =>
  ([4, 5] as const).flatMap((version) =>
    ([true, false] as const).map((kept) => [name, version, kept ? "kept" : "clean", change, kept] as const),
  ),
);

test.each(rows)(
  "a client that %s (MQTT %i, %s session) is sent everything once, and PUBREL for all it takes",
  async (_name, version, _session, change, kept) => {
    const stays = change.by === "the same connection";
    if (!stays && !kept) return; // a session that ends with its connection owes nothing
    for (const { qos, answered } of sent) {
      await using scene = await stage(change, version, kept);
      const { server, client } = scene;
      scene.hold(...(answered === "with PUBREC that the store has yet to record" ? ["release"] : []));
      server.broker.publish("t", Buffer.from("first"), qos);
      const first = await client.raw.expect("publish");
      client.take(first);
      const pubrec = { cmd: "pubrec", messageId: first.messageId ?? 0 } as const;
      if (answered !== "not at all") client.raw.send(pubrec);
      const packets: Packet[] = answered === "with PUBREC" ? [await client.raw.expect("pubrel")] : [];
      packets.push(...(await client.raw.fence()));

      await scene.change();
      scene.go();
      server.broker.publish("t", Buffer.from("second"), qos);
      if (!stays) {
        for (const packet of await client.raw.fence()) client.answer(packet);
      } else {
        while (packets.at(-1)?.cmd !== "publish") packets.push(await client.raw.next("the second message"));
        expect(packets.at(-1)?.messageId).not.toBe(first.messageId as never);
        // The exchange goes on where it was, and PUBREL comes once.
        const { cmd } = qos === 1 ? ({ cmd: "puback" } as const) : pubrec;
        if (answered === "not at all") client.raw.send({ cmd, messageId: pubrec.messageId });
        for (const packet of packets) client.answer(packet);
      }
      await client.settle();
      // A message that is not acknowledged comes again on another connection; at QoS 2 the client knows it.
      expect(client.delivered).toEqual(qos === 1 && !stays ? ["first", "first", "second"] : ["first", "second"]);
      expect([...client.taken]).toEqual([]);
      if (stays) expect(client.released).toHaveLength(qos === 2 ? 2 : 0);

      // Whichever session the client comes back for: the earlier one has what it was sent since, and nothing else.
      await client.raw.drop();
      await until("the session to be detached", () => server.broker.stats().connections === 0);
      for (const name of [change.before, change.after]) {
        const again = new Client(
          await RawMqtt.connect(server.port, {
            protocolVersion: version,
            clientId: "phone",
            username: name,
            clean: false,
            ...(version === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
          }),
        );
        await again.settle();
        const keeps = kept && stays && name === change.before && name !== "guest" && change.removed !== true;
        expect(again.delivered).toEqual(keeps ? ["second"] : []);
        await again.raw.drop();
      }
      expect(server.errors).toEqual([]);
      expect(server.closeReasons.filter((reason) => !/connection_lost|taken_over/.test(reason))).toEqual([]);
    }
  },
);

/** A message of the client's own on its way to the broker, and what waits for the store when the change begins. */
const received = [
  { released: false, held: "received" },
  { released: false, held: undefined },
  { released: true, held: "released" },
] as const;

test.each(rows)(
  "a client that %s (MQTT %i, %s session) has each of its messages taken once, and gets PUBREC and PUBCOMP",
  async (_name, version, _session, change, kept) => {
    for (const { released, held } of received) {
      const stays = change.by === "the same connection";
      if (!kept && (held !== undefined || !stays)) continue; // nothing of it is stored
      if (change.before === "guest" && held !== undefined) continue;
      await using scene = await stage(change, version, kept);
      const { server, client } = scene;
      await using watcher = await RawMqtt.connect(server.port, { username: "watcher" });
      await watcher.subscribe("own", 0);
      const publish = publishPacket("own", "once", { qos: 2, messageId: 7 });
      const answers = async (count: number): Promise<string[]> => {
        const got: Packet[] = [];
        while (got.length < count) got.push(await client.raw.next("an answer"));
        return [...got, ...(await client.raw.fence())].map(({ cmd, messageId }) => `${cmd} ${messageId}`);
      };
      if (held === "received") scene.hold("received", "enqueue");
      client.raw.send(publish);
      if (held !== "received") expect(await answers(1)).toEqual(["pubrec 7"]);
      if (released) {
        scene.hold("released");
        client.raw.send({ cmd: "pubrel", messageId: 7 });
      }
      if (held !== undefined) await until("the store's work", () => server.store.changes.includes(held));

      if (stays && held !== undefined) {
        // What was asked before is answered first.
        const changed = scene.change();
        scene.go();
        await changed;
        expect(await answers(1)).toEqual([released ? "pubcomp 7" : "pubrec 7"]);
      } else {
        if (held !== undefined) scene.go();
        await scene.change();
      }
      if (!released && kept) {
        // It is known of in each of the two sessions that is stored, whichever the client comes back for.
        const known = [change.before, change.after].filter((name) => name !== "guest");
        const ofRemoved = change.removed === true ? 1 : 0;
        const knowing = () => [...server.store.sessions.values()].filter((session) => session.received.has(7));
        await until("the store to know", () => knowing().length === new Set(known).size - ofRemoved);
      }
      if (!released) {
        // The client has not seen PUBREC: it may repeat the message. The exchange ends with PUBREL.
        client.raw.send({ ...publish, dup: true });
        expect(await answers(1)).toEqual(["pubrec 7"]);
      }
      if (!released || !stays) {
        client.raw.send({ cmd: "pubrel", messageId: 7 });
        expect(await answers(1)).toEqual(["pubcomp 7"]);
      }
      // The packet id is free in either session, also for one that the client comes back for.
      expect([...server.store.sessions.values()].flatMap((session) => [...session.received])).toEqual([]);
      client.raw.send(publishPacket("own", "twice", { qos: 2, messageId: 7 }));
      expect(await answers(1)).toEqual(["pubrec 7"]);
      const heard = (await watcher.fence()).map((packet) => String((packet as IPublishPacket).payload));
      expect(heard).toEqual(["once", "twice"]);
      expect(server.errors).toEqual([]);
    }
  },
);

test("a client that logs out and in again on one connection goes on where it was, and nothing is sent twice", async () => {
  for (const answered of ["not at all", "with PUBREC that the store has yet to record", "with PUBREC"] as const) {
    await using scene = await stage(changes["logs out"] as Change, 5, true);
    const { server, client } = scene;
    server.broker.publish("t", Buffer.from("first"), 2);
    const first = await client.raw.expect("publish");
    client.take(first);
    if (answered === "with PUBREC that the store has yet to record") scene.hold("release");
    if (answered !== "not at all") client.raw.send({ cmd: "pubrec", messageId: first.messageId ?? 0 });
    if (answered === "with PUBREC") client.answer(await client.raw.expect("pubrel"));
    await client.raw.fence();
    await scene.change();
    const back = scene.become("anna");
    scene.go();
    await back;
    if (answered === "not at all") client.raw.send({ cmd: "pubrec", messageId: first.messageId ?? 0 });
    server.broker.publish("t", Buffer.from("second"), 2);
    while (client.delivered.length < 2) client.answer(await client.raw.next("the second message"));
    await client.settle();
    expect(client.delivered).toEqual(["first", "second"]);
    expect(client.released).toHaveLength(2);
    await client.raw.drop();
    await until("the session to be detached", () => server.broker.stats().connections === 0);
    await until("the store to be told", () => server.store.queued.size === 0);
  }
});

test("another connection that takes the first session up has its messages alone; what the client answers elsewhere changes nothing", async () => {
  await using scene = await stage(changes["logs out"] as Change, 5, true);
  const { server, client } = scene;
  server.broker.publish("t", Buffer.from("first"), 2);
  const first = await client.raw.expect("publish");
  await scene.change();
  const fields = { protocolVersion: 5, clientId: "phone", username: "anna", clean: false } as const;
  await using other = await RawMqtt.connect(server.port, { ...fields, properties: { sessionExpiryInterval: 3600 } });
  expect(await other.expect("publish")).toMatchObject({ messageId: first.messageId, dup: true });
  server.store.changes.length = 0;
  client.answer(first);
  client.answer(await client.raw.expect("pubrel"));
  await client.raw.fence();
  expect(server.store.changes).toEqual([]);
  other.send({ cmd: "pubrec", messageId: first.messageId ?? 0 });
  expect(await other.expect("pubrel")).toMatchObject({ messageId: first.messageId });
  other.send({ cmd: "pubcomp", messageId: first.messageId ?? 0 });
  await until("the message to be removed", () => server.store.queued.size === 0);
});

test("a client that logs in while it is sent what is retained gets the rest", async () => {
  await using scene = await stage(changes["logs in"] as Change, 4, false);
  const { server, client } = scene;
  const topics = Array.from({ length: 10 }, (_, n) => `kept/${n}`);
  await using publisher = await RawMqtt.connect(server.port);
  for (const topic of topics) publisher.send(publishPacket(topic, topic, { qos: 1, messageId: 1, retain: true }));
  while ((await publisher.fence()).length > 0);
  client.raw.send({ cmd: "subscribe", messageId: 2, subscriptions: [{ topic: "kept/+", qos: 1 }] });
  const packets = await client.raw.fence(); // three of them: the window is full
  await scene.change();
  for (const packet of packets) client.answer(packet);
  while (client.delivered.length < topics.length) client.answer(await client.raw.next("a retained message"));
  await client.settle();
  expect(client.delivered.sort()).toEqual(topics);
});

test.each(rows)(
  "a client that %s (MQTT %i, %s session) gets what waited for room, in the session that it waits for",
  async (_name, version, _session, change, kept) => {
    const stays = change.by === "the same connection";
    const stored = kept && change.before !== "guest";
    if ((!stays && !kept) || (stored && change.removed === true)) return; // it ended with its session
    await using scene = await stage(change, version, kept);
    const { server, client } = scene;
    const all = ["1", "2", "3", "4", "5"];
    for (const text of all) server.broker.publish("t", Buffer.from(text), 1);
    const packets: Packet[] = [];
    while (packets.length < 3) packets.push(await client.raw.expect("publish"));
    expect(await client.raw.fence()).toEqual([]); // the window is full
    await scene.change();
    if (stays) for (const packet of packets) client.answer(packet);
    await client.settle();
    if (stays && stored) {
      expect(client.delivered).toEqual(["1", "2", "3"]);
      await scene.become(change.before);
    }
    while (client.delivered.length < all.length) client.answer(await client.raw.next("the rest"));
    await client.settle();
    expect(client.delivered).toEqual(all);
    expect(server.errors).toEqual([]);
  },
);

test("a message of a share group that a client has not acknowledged goes to another member, whoever the client has become", async () => {
  await using scene = await stage(changes["logs in"] as Change, 5, true);
  const { server, client } = scene;
  client.raw.send({ cmd: "subscribe", messageId: 5, subscriptions: [{ topic: "$share/g/shared", qos: 1 }] });
  await client.raw.expect("suback");
  server.broker.publish("shared", Buffer.from("x"), 1);
  await client.raw.expect("publish");
  await using other = await RawMqtt.connect(server.port, { username: "ben" });
  await other.subscribe("$share/g/shared", 1);
  await scene.change();
  expect(await other.fence()).toEqual([]);
  expect(await client.raw.fence()).toEqual([]);
  await client.raw.drop();
  expect(await other.expect("publish")).toMatchObject({ topic: "shared" });
});

test("a session that a client left and logs in to again forgets what it had taken, and keeps only its own as being sent", async () => {
  await using scene = await stage(changes["becomes another user"] as Change, 4, true);
  const { server, client } = scene;
  {
    const fields = { clientId: "phone", username: "ben", clean: false } as const;
    await using earlier = await RawMqtt.connect(server.port, fields);
    earlier.send(publishPacket("t", "x", { qos: 2, messageId: 7 }));
    while ((await earlier.next("PUBREC")).cmd !== "pubrec");
  }
  await until("ben's session to be detached", () => server.broker.stats().connections === 1);
  const [ben] = [...server.store.sessions.values()].filter((session) => session.principalKey === "user:ben");
  expect([...(ben?.received ?? [])]).toEqual([7]);
  const suspended: SuspendedSession[] = [];
  const suspend = server.store.suspendSession.bind(server.store);
  server.store.suspendSession = (left) => {
    suspended.push(left);
    return suspend(left);
  };
  const first = await client.raw.expect("publish"); // not acknowledged
  await scene.change();
  await until("the packet id to be free", () => ben?.received.size === 0);
  await client.raw.drop();
  await until("both sessions to be left", () => suspended.length === 2);
  expect(suspended.map(({ sending }) => sending.map(({ packetId }) => packetId))).toEqual([[first.messageId ?? 0], []]);
});
