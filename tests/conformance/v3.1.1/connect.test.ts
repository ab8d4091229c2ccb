/** CONNECT and CONNACK, with what they decide: session, will, keep alive. MQTT 3.1.1 §§ 3.1, 3.2, 3.14.4 and 4.1. */
import { expect, test } from "bun:test";
import type { IConnectPacket } from "mqtt-packet";
import type { Authentication, Principal } from "../../../src/mqtt/identity.ts";
import { until } from "../../support/deadline.ts";
import { field, packet, uint16 } from "../../support/packet-bytes.ts";
import { connectPacket, publishPacket, RawMqtt } from "../../support/raw-mqtt.ts";
import { startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import { accepted, closedAfterConnect, closedFor, connectBytes, pingreq, WireClient } from "../../support/wire.ts";

const flag = { reserved: 1, clean: 2, will: 4, willQos1: 8, willQos2: 16, willRetain: 32, password: 64, username: 128 };
const ill = [0xed, 0xa0, 0x80];
const resumed = "20020100";

/** Each must be closed without a word. */
async function closedUnanswered(...connects: Buffer[]): Promise<void> {
  await using server = await startTestBroker();
  for (const bytes of connects) expect(await closedFor(server, bytes)).toEqual([]);
}

/** A client that hears `filter`. */
async function watch(server: TestBroker, filter: string): Promise<RawMqtt> {
  const watcher = await RawMqtt.connect(server.port);
  await watcher.subscribe(filter, 1);
  return watcher;
}

/** Connects with a will to "will" and goes without DISCONNECT. */
async function die(server: TestBroker, fields: Partial<IConnectPacket> = {}): Promise<void> {
  const before = server.broker.stats().connections;
  const client = await RawMqtt.connect(server.port, fields);
  await client.drop();
  await until("the server to notice", () => server.broker.stats().connections === before);
}

const will = { topic: "will", payload: "gone", qos: 0 as const, retain: false };

test("[MQTT-3.1.0-1] a first packet of any type but CONNECT closes the connection unanswered", async () => {
  await closedUnanswered(
    packet(0x20, 0, 0),
    packet(0x30, field("t")),
    packet(0x40, uint16(1)),
    packet(0x62, uint16(1)),
    packet(0x82, uint16(1), field("t"), 0),
    packet(0xa2, uint16(1), field("t")),
    pingreq,
    packet(0xe0),
  );
});

test("[MQTT-3.1.0-2] a second CONNECT closes the connection, even if it repeats the first", async () => {
  await using server = await startTestBroker();
  const connect = connectBytes({ payload: [field("same")] });
  expect(await closedFor(server, connect, connect)).toEqual([accepted]);
  await closedAfterConnect(server, connectBytes({ level: 9 })); // not told of its level either
});

test("[MQTT-3.1.2-1] a CONNECT of another protocol's name is not served as MQTT", async () => {
  await closedUnanswered(...["MQTU", "mqtt", "MQT", "MQTTT", "", "HTTP"].map((name) => connectBytes({ name })));
});

test("[MQTT-3.1.2-2] an unknown protocol level is answered with return code 1, then the connection is closed", async () => {
  await using server = await startTestBroker();
  for (const level of [0, 1, 2, 3, 6, 0x7f, 0x83, 0x85, 255]) {
    await using client = await WireClient.open(server.port);
    client.send(connectBytes({ level }), pingreq);
    expect(await client.closing()).toEqual(["20020001"]);
  }
});

test("[MQTT-3.1.2-3] the reserved connect flag closes the connection", async () => {
  await closedUnanswered(connectBytes({ flags: flag.clean | flag.reserved }), connectBytes({ flags: flag.reserved }));
});

test("[MQTT-3.1.2-4] a lasting session is made, kept after the connection, and resumed by its client id", async () => {
  await using server = await startTestBroker();
  const open = (id: string) =>
    WireClient.open(server.port).then((client) => {
      client.send(connectBytes({ flags: 0, payload: [field(id)] }));
      return client;
    });
  {
    await using first = await open("phone");
    expect(await first.next()).toBe(accepted);
    first.send(packet(0x82, uint16(1), field("t"), 1));
    expect(await first.next()).toBe("9003000101");
    first.send(packet(0xe0));
    expect(await first.closing()).toEqual([]);
  }
  await using other = await open("tablet");
  expect(await other.next()).toBe(accepted);
  await using again = await open("phone");
  expect(await again.next()).toBe(resumed);
  again.send(packet(0x30, field("t")));
  expect(await again.next()).toBe("3003000174");
  expect(await other.fence()).toEqual([]);
});

test("[MQTT-3.1.2-6] a clean session discards what was there and leaves nothing behind", async () => {
  await using server = await startTestBroker();
  const connect = (flags: number) => connectBytes({ flags, payload: [field("phone")] });
  for (const flags of [0, flag.clean, flag.clean, 0]) {
    await using client = await WireClient.open(server.port);
    client.send(connect(flags), packet(0x30, field("t")), packet(0x82, uint16(1), field("t"), 1));
    // No session present, and nothing heard of "t", whichever came before.
    expect(await client.next()).toBe(accepted);
    expect(await client.next()).toBe("9003000101");
    client.send(packet(0xe0));
    await client.closing();
    if (flags === 0) {
      await using ending = await WireClient.open(server.port);
      ending.send(connect(flag.clean));
      expect(await ending.next()).toBe(accepted);
      expect(await ending.fence()).toEqual([]);
    }
  }
});

test("[MQTT-3.1.2-8] the will is published when the peer closes, falls silent or breaks the protocol", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const goneFor = async (why: string) => {
    expect(String((await watcher.expect("publish")).payload)).toBe("gone");
    expect(server.closeReasons.at(-1)).toBe(why);
  };
  await die(server, { will });
  await goneFor("connection_lost");
  await using _silent = await RawMqtt.connect(server.port, { will, keepalive: 10 });
  server.advance(20_000);
  await goneFor("keep_alive_timeout");
  await using rude = await RawMqtt.connect(server.port, { will });
  rude.send(Buffer.from([0xf0, 0]));
  await goneFor("protocol_error");
  await using old = await RawMqtt.connect(server.port, { will, clientId: "same" });
  await using _new = await RawMqtt.connect(server.port, { clientId: "same" });
  await old.whenClosed();
  await goneFor("taken_over");
});

test("[MQTT-3.1.2-9] the will flag without a will's topic or message closes the connection", async () => {
  const flags = flag.clean | flag.will;
  await closedUnanswered(
    connectBytes({ flags }),
    connectBytes({ flags, payload: [field("id"), field("topic")] }),
    connectBytes({ flags: flags | flag.username, payload: [field("id"), field("topic"), field("message")] }),
  );
});

test("[MQTT-3.1.2-9] the will is published at the will's own QoS", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  for (const qos of [0, 1] as const) {
    await die(server, { will: { ...will, qos } });
    expect(await watcher.expect("publish")).toMatchObject({ topic: "will", qos });
  }
});

test("[MQTT-3.1.2-10] a will is published once, and not again for a later connection of the session", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  const lasting = { clientId: "phone", clean: false };
  await die(server, { ...lasting, will });
  await watcher.expect("publish");
  await die(server, lasting);
  await using polite = await RawMqtt.connect(server.port, { ...lasting, will });
  polite.send({ cmd: "disconnect" });
  await polite.whenClosed();
  await die(server, lasting);
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-15] will QoS, will retain or a will without the will flag close the connection", async () => {
  const { clean, willQos1, willQos2, willRetain } = flag;
  await closedUnanswered(
    ...[willQos1, willQos2, willRetain, willQos1 | willRetain].map((bits) => connectBytes({ flags: clean | bits })),
    connectBytes({ payload: [field("id"), field("topic"), field("message")] }),
  );
});

test("[MQTT-3.1.2-12] without the will flag nothing is published when the connection ends", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "#");
  await die(server);
  await die(server, { clean: false, clientId: "phone" });
  await using rude = await RawMqtt.connect(server.port);
  rude.send(Buffer.from([0xf0, 0]));
  await rude.whenClosed();
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.1.2-14] will QoS 3 closes the connection", async () => {
  const flags = flag.clean | flag.will | flag.willQos1 | flag.willQos2;
  await closedUnanswered(connectBytes({ flags, payload: [field("id"), field("topic"), field("message")] }));
});

test("[MQTT-3.1.2-16] a will without will retain is published as an ordinary message, for those who are there", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  await die(server, { will });
  expect(await watcher.expect("publish")).toMatchObject({ retain: false });
  await using late = await watch(server, "will");
  expect(await late.fence()).toEqual([]);
});

test("[MQTT-3.1.2-18] a user name without its flag closes the connection", async () => {
  await closedUnanswered(connectBytes({ payload: [field("id"), field("name")] }));
});

test("[MQTT-3.1.2-19] the user name flag without a user name closes the connection", async () => {
  await closedUnanswered(connectBytes({ flags: flag.clean | flag.username }));
});

test("[MQTT-3.1.2-20] a password without its flag closes the connection", async () => {
  const flags = flag.clean | flag.username;
  await closedUnanswered(connectBytes({ flags, payload: [field("id"), field("name"), field("secret")] }));
});

test("[MQTT-3.1.2-21] the password flag without a password closes the connection", async () => {
  const flags = flag.clean | flag.username | flag.password;
  await closedUnanswered(connectBytes({ flags, payload: [field("id"), field("name")] }));
});

test("[MQTT-3.1.2-22] the password flag without the user name flag closes the connection", async () => {
  const flags = flag.clean | flag.password;
  await closedUnanswered(
    connectBytes({ flags, payload: [field("id"), field("secret")] }),
    connectBytes({ flags, payload: [field("id"), field("name"), field("secret")] }),
  );
});

test("[MQTT-3.1.2-24] a client silent for one and a half times its keep alive is closed as if the network had failed", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  await using silent = await RawMqtt.connect(server.port, { will, keepalive: 100 });
  server.advance(149_000);
  expect(await watcher.fence()).toEqual([]);
  expect(silent.closed).toBe(false);
  server.advance(5000);
  await silent.whenClosed();
  expect(server.closeReasons).toEqual(["keep_alive_timeout"]);
  expect(await watcher.expect("publish")).toMatchObject({ topic: "will" });
});

test("[MQTT-3.1.3-1] client id, will topic, will message, user name and password are read in this order", async () => {
  const seen: unknown[] = [];
  await using server = await startTestBroker({
    identity: {
      async authenticate({ clientId, username, password }) {
        if (clientId === "1") seen.push(clientId, username, Buffer.from(password ?? []).toString());
        return { principal: { key: "someone" }, persistent: true };
      },
    },
  });
  await using watcher = await watch(server, "#");
  {
    const flags = flag.clean | flag.will | flag.username | flag.password;
    const payload = ["1", "2", "3", "4", "5"].map((text) => field(text));
    await using _client = await WireClient.connect(server.port, { flags, payload });
  }
  const { topic, payload } = await watcher.expect("publish");
  expect([...seen, topic, String(payload)]).toEqual(["1", "4", "5", "2", "3"]);
});

test("[MQTT-3.1.3-2] sessions are told apart by client id, to the last byte", async () => {
  await using server = await startTestBroker();
  const ids = ["phone", "Phone", "phone ", "phon\u00e9", "phone\u0301"];
  for (const [index, id] of ids.entries()) {
    await using client = await WireClient.connect(server.port, { flags: 0, payload: [field(id)] });
    client.send(packet(0x82, uint16(1), field(`${index}`), 0));
    expect(await client.next()).toBe("9003000100");
  }
  for (const [index, id] of ids.entries()) {
    await using client = await WireClient.open(server.port);
    client.send(connectBytes({ flags: 0, payload: [field(id)] }), ...ids.map((_, n) => packet(0x30, field(`${n}`))));
    expect(await client.next()).toBe(resumed);
    expect(await client.fence()).toEqual([packet(0x30, field(`${index}`)).toString("hex")]);
  }
});

test("[MQTT-3.1.3-3] a CONNECT without a client id closes the connection", async () => {
  await closedUnanswered(connectBytes({ payload: [] }), connectBytes({ flags: 0, payload: [] }));
});

test("[MQTT-3.1.3-4] a client id that is not UTF-8 closes the connection", async () => {
  await closedUnanswered(connectBytes({ payload: [field(ill)] }), connectBytes({ payload: [field([0x61, 0])] }));
});

test("[MQTT-3.1.3-5] client ids of 1 to 23 bytes from letters and digits are allowed", async () => {
  await using server = await startTestBroker();
  const characters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const ids = [...characters, ...Array.from({ length: 23 }, (_, index) => characters.slice(0, index + 1))];
  ids.push(characters.slice(20, 43), characters.slice(39));
  for (const flags of [flag.clean, 0]) {
    for (const id of new Set(ids)) {
      await using _client = await WireClient.connect(server.port, { flags, payload: [field(id)] });
    }
  }
});

test("[MQTT-3.1.3-6] a clean client without a client id gets one of its own and is served like any other", async () => {
  const given: string[] = [];
  await using server = await startTestBroker({ service: { opened: ({ clientId }) => void given.push(clientId) } });
  await using one = await WireClient.connect(server.port, { payload: [field("")] });
  await using two = await WireClient.connect(server.port, { payload: [field("")] });
  expect(new Set(given).size).toBe(2);
  expect(given).not.toContain("");
  one.send(packet(0x82, uint16(1), field("t"), 0));
  expect(await one.next()).toBe("9003000100");
  two.send(packet(0x30, field("t")));
  expect(await one.next()).toBe("3003000174");
});

test("[MQTT-3.1.3-7] [MQTT-3.1.3-8] [MQTT-3.1.3-9] a lasting session without a client id is refused with return code 2", async () => {
  await using server = await startTestBroker();
  await using client = await WireClient.open(server.port);
  client.send(connectBytes({ flags: 0, payload: [field("")] }), pingreq);
  expect(await client.closing()).toEqual(["20020002"]);
  expect(server.closeReasons).toEqual(["refused"]);
  expect(server.store.changes).toEqual([]);
});

test("[MQTT-3.1.3-10] a will topic that is not UTF-8 closes the connection", async () => {
  const flags = flag.clean | flag.will;
  await closedUnanswered(
    connectBytes({ flags, payload: [field("id"), field(ill), field("x")] }),
    connectBytes({ flags, payload: [field("id"), field([0x61, 0]), field("x")] }),
  );
});

test("[MQTT-3.1.3-11] a user name that is not UTF-8 closes the connection, a password may be any bytes", async () => {
  const flags = flag.clean | flag.username;
  await closedUnanswered(
    connectBytes({ flags, payload: [field("id"), field(ill)] }),
    connectBytes({ flags, payload: [field("id"), field([0x61, 0])] }),
  );
  await using server = await startTestBroker();
  const payload = [field("id"), field("name"), field([0, 0xff, ...ill])];
  await using _client = await WireClient.connect(server.port, { flags: flags | flag.password, payload });
});

test("[MQTT-3.1.4-1] a CONNECT that breaks § 3.1 is closed without a CONNACK, wherever it breaks", async () => {
  const whole = connectBytes({
    flags: 0xce,
    payload: ["id", "topic", "message", "name", "secret"].map((text) => field(text)),
  });
  const body = whole.subarray(2);
  // Each says its own true length, so that only what is missing is wrong.
  const cut = Array.from({ length: body.length }, (_, length) => packet(0x10, body.subarray(0, length)));
  await closedUnanswered(...cut, packet(0x10, body, 0), Buffer.from([0x12, ...whole.subarray(1)]));
  await using server = await startTestBroker();
  await using client = await WireClient.open(server.port);
  client.send(whole);
  expect(await client.next()).toBe(accepted);
});

test("[MQTT-3.1.4-2] a client that connects again closes its older connection", async () => {
  await using server = await startTestBroker();
  for (const flags of [flag.clean, 0]) {
    await using older = await WireClient.connect(server.port, { flags, payload: [field("same")] });
    await using newer = await WireClient.open(server.port);
    newer.send(connectBytes({ flags, payload: [field("same")] }));
    expect(await newer.next()).toBe(flags === 0 ? resumed : accepted);
    expect(await older.closing()).toEqual([]);
    expect(server.closeReasons.at(-1)).toBe("taken_over");
    expect(await newer.fence()).toEqual([]);
    newer.send(packet(0xe0));
    await newer.closing();
  }
});

test("[MQTT-3.1.4-4] a good CONNECT is answered with return code 0", async () => {
  await using server = await startTestBroker();
  for (const flags of [flag.clean, 0]) {
    await using client = await WireClient.open(server.port);
    client.send(connectBytes({ flags }));
    expect(await client.next()).toBe("20020000");
    expect(await client.fence()).toEqual([]);
  }
});

test("[MQTT-3.1.4-5] nothing behind a refused CONNECT is obeyed", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "#");
  const refused = connectBytes({
    flags: flag.clean | flag.username | flag.password,
    payload: [field("eve"), field("eve"), field("wrong")],
  });
  for (const connect of [refused, connectBytes({ level: 9 }), connectBytes({ flags: 0, payload: [field("")] })]) {
    await using eve = await WireClient.open(server.port);
    eve.send(connect, packet(0x32, field("t"), uint16(1)), packet(0x82, uint16(2), field("t"), 0), pingreq);
    expect(await eve.closing()).toHaveLength(1);
  }
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.2.0-1] CONNACK is the first packet of the server, whatever else is due", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = await startTestBroker();
  const lasting = { clientId: "phone", clean: false };
  await using first = await RawMqtt.connect(server.port, lasting);
  await first.subscribe("t", 1);
  server.broker.publish("t", Buffer.from("unacknowledged"), 1);
  await first.expect("publish");
  await first.drop();
  server.store.commit = () => gate.promise;
  await using again = await RawMqtt.open(server.port);
  again.send(connectPacket(lasting), { cmd: "pingreq" }, publishPacket("t", "echo"));
  server.broker.publish("t", Buffer.from("in between"), 0);
  gate.resolve();
  expect(await again.next()).toMatchObject({ cmd: "connack", sessionPresent: true });
  expect((await again.fence()).length).toBeGreaterThan(0);
});

test("[MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT-3.2.2-3] session present is 1 for a stored session that is resumed and 0 otherwise", async () => {
  await using server = await startTestBroker();
  const rounds: [flags: number, connack: string][] = [
    [0, accepted],
    [0, resumed],
    [0, resumed],
    [flag.clean, accepted],
    [flag.clean, accepted],
    [0, accepted],
    [0, resumed],
  ];
  for (const [flags, connack] of rounds) {
    await using client = await WireClient.open(server.port);
    client.send(connectBytes({ flags, payload: [field("phone")] }), packet(0xe0));
    expect(await client.closing()).toEqual([connack]);
  }
});

test("[MQTT-3.2.2-4] [MQTT-3.2.2-5] a refusal says no session present and closes, even if there is a session", async () => {
  await using server = await startTestBroker();
  const login = (password: string) =>
    connectBytes({
      flags: flag.username | flag.password,
      payload: [field("phone"), field("bob"), field(password)],
    });
  {
    await using client = await WireClient.open(server.port);
    client.send(login("right"), packet(0xe0));
    expect(await client.closing()).toEqual([accepted]);
  }
  await using refused = await WireClient.open(server.port);
  refused.send(login("wrong"));
  expect(await refused.closing()).toEqual(["20020004"]);
  await using back = await WireClient.open(server.port);
  back.send(login("right"));
  expect(await back.next()).toBe(resumed);
});

test("[MQTT-3.2.2-6] where no return code applies the connection is closed without CONNACK", async () => {
  const never = Promise.withResolvers<Authentication<Principal>>();
  let asked = 0;
  await using server = await startTestBroker({
    identity: {
      authenticate() {
        asked++;
        return never.promise;
      },
    },
  });
  await using client = await WireClient.open(server.port);
  client.send(connectBytes());
  await until("authentication to have begun", () => asked === 1);
  server.advance(60_000);
  expect(await client.closing()).toEqual([]);
  never.resolve({ refused: "unavailable" });
});

test("[MQTT-3.14.4-3] DISCONNECT discards the will", async () => {
  await using server = await startTestBroker();
  await using watcher = await watch(server, "will");
  for (const fields of [{}, { clean: false, clientId: "phone" }]) {
    await using client = await RawMqtt.connect(server.port, { ...fields, will });
    client.send({ cmd: "disconnect" });
    await client.whenClosed();
  }
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-4.1.0-2] a session lasts while its connection does, however long that is", async () => {
  await using server = await startTestBroker();
  for (const flags of [flag.clean, 0]) {
    await using client = await WireClient.connect(server.port, { flags, payload: [field("phone")] });
    client.send(packet(0x82, uint16(1), field("t"), 0));
    expect(await client.next()).toBe("9003000100");
    server.advance(30 * 24 * 3600 * 1000);
    server.advance(30 * 24 * 3600 * 1000);
    client.send(packet(0x30, field("t")));
    expect(await client.next()).toBe("3003000174");
  }
});

test("[MQTT-3.1.2-8] a will whose client the server's own end cut off is published after the next start", async () => {
  const first = await startTestBroker();
  const watcher = { clientId: "watcher", clean: false };
  {
    await using away = await RawMqtt.connect(first.port, watcher);
    await away.subscribe("will", 1);
    away.send({ cmd: "disconnect" });
    await away.whenClosed();
  }
  await using lasting = await RawMqtt.connect(first.port, {
    clientId: "phone",
    clean: false,
    will: { ...will, payload: "lasting", qos: 1 },
  });
  await using clean = await RawMqtt.connect(first.port, { will: { ...will, payload: "clean", qos: 1 } });
  await using polite = await RawMqtt.connect(first.port, { will: { ...will, payload: "polite", qos: 1 } });
  polite.send({ cmd: "disconnect" });
  await polite.whenClosed();
  await first.broker.stop();
  await Promise.all([lasting.whenClosed(), clean.whenClosed()]);
  await using second = await startTestBroker({ store: first.store, clock: first.clock });
  second.advance(5000);
  await using back = await RawMqtt.connect(second.port, watcher);
  const published = [String((await back.expect("publish")).payload), String((await back.expect("publish")).payload)];
  expect(published.toSorted()).toEqual(["clean", "lasting"]);
  // Once: neither now nor after another start.
  second.advance(5000);
  expect(await back.fence()).toEqual([]);
});
