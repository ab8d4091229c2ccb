/** CONNACK: what the server announces, refuses and leaves out. MQTT 5.0 § 3.2. */
import { expect, test } from "bun:test";
import { startTestBroker } from "../../support/test-broker.ts";
import { WireClient } from "../../support/wire.ts";
import {
  Client5,
  connect5,
  disconnected,
  disconnectedFor,
  malformed,
  publish5,
  refused,
  texts,
} from "../../support/wire-v5.ts";

const lasting = { clientId: "phone", cleanStart: false, properties: { sessionExpiry: 100 } };

test("[MQTT-3.2.2-1] CONNACK has no flag but session present", async () => {
  await using server = await startTestBroker();
  for (const flags of ["00", "01"]) {
    await using client = await WireClient.open(server.port);
    client.send(connect5(lasting));
    expect((await client.next()).slice(4, 8)).toBe(`${flags}00`);
  }
});

test("[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-4.13.2-1] a refusal says why in a code of its own, has no session present, and closes", async () => {
  await using server = await startTestBroker();
  const clientId = "phone";
  const login = { ...lasting, username: "bob" };
  await (await Client5.connect(server.port, login)).leave();
  // The session that is there is not mentioned.
  await refused(server, 0x86, connect5({ ...login, password: "wrong" }));
  await refused(server, malformed, connect5({ ...login, flags: () => 0x03 }));
  await refused(server, 0x8c, connect5({ clientId, properties: { authenticationMethod: "none of these" } }));
  await refused(server, [0x90, malformed], connect5({ clientId, will: { topic: "a/#" } }));
  await using back = await Client5.connect(server.port, login);
  expect(back.connack.sessionPresent).toBe(true);
});

test("[MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-12] [MQTT-3.2.2-13] what CONNACK does not take back is served: every QoS, wills of every QoS, retained ones", async () => {
  await using server = await startTestBroker();
  for (const qos of [0, 1, 2]) {
    const will = { topic: "will", qos, retain: true };
    await using client = await Client5.connect(server.port, { will });
    const { maximumQos, retainAvailable = 1, wildcardsAvailable = 1, sharedAvailable = 1 } = client.connack.properties;
    expect(maximumQos).toBeUndefined();
    expect([retainAvailable, wildcardsAvailable, sharedAvailable]).toEqual([1, 1, 1]);
    expect(client.connack.properties.subscriptionIdsAvailable ?? 1).toBe(1);
    expect(await client.subscribe("t", qos)).toEqual([qos]);
    expect(await client.subscribe("+/#", qos)).toEqual([qos]);
    expect(await client.subscribe("$share/group/u", qos, { subscriptionIds: [1] })).toEqual([qos]);
    client.send(publish5("t", "x", { qos }));
    const types = ["publish", ...([[], ["puback"], ["pubrec"]][qos] as string[])];
    const seen: string[] = [];
    while (seen.length < types.length) seen.push((await client.next()).type);
    expect(seen.toSorted()).toEqual(types.toSorted());
    await using publisher = await Client5.connect(server.port);
    publisher.send(publish5("kept", "x", { qos, retain: true }));
    if (qos === 1) await publisher.take("puback");
    if (qos === 2) await publisher.take("pubrec");
    await publisher.fence();
    await using late = await Client5.connect(server.port);
    await late.subscribe("kept", 2);
    expect(await late.take("publish")).toMatchObject({ payload: "x", qos, retain: true });
    publisher.send(publish5("kept", "", { retain: true }));
    await publisher.fence();
  }
});

test("[MQTT-3.2.2-15] a packet larger than the server's maximum packet size is told so, the largest allowed is served", async () => {
  await using server = await startTestBroker({ limits: { packetBytesMax: 5000 } });
  await using client = await Client5.connect(server.port);
  const { maximumPacketSize } = client.connack.properties;
  expect(maximumPacketSize).toBe(5000);
  await client.subscribe("t");
  // Three bytes of header, three of topic and one for the properties.
  client.send(publish5("t", "x".repeat(5000 - 7)));
  expect(await client.take("publish")).toMatchObject({ size: 5000 });
  client.send(publish5("t", "x".repeat(5000 - 6)));
  const { before } = await disconnected(client, 0x95);
  expect(before).toEqual([]);
});

test("[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-8] a topic alias of 0 or above the server's maximum is told so", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port);
  const { topicAliasMaximum = 0 } = client.connack.properties;
  expect(topicAliasMaximum).toBeGreaterThan(0);
  expect(topicAliasMaximum).toBeLessThan(65_535); // or there is none above
  for (const topicAlias of [topicAliasMaximum + 1, 65_535]) {
    await disconnectedFor(server, 0x94, publish5("t", "", { properties: { topicAlias } }));
  }
  await disconnectedFor(server, [0x94, 0x82, malformed], publish5("t", "", { properties: { topicAlias: 0 } }));
});

test("[MQTT-3.2.2-19] [MQTT-3.2.2-20] a refusal leaves out what the client's maximum packet size has no room for", async () => {
  await using server = await startTestBroker();
  for (const fields of [
    { username: "eve", password: "wrong" },
    { will: { topic: "a/#" } },
    { properties: { authenticationMethod: "none of these" } },
  ]) {
    // The least a CONNACK takes, and a byte less.
    const properties = { ...fields.properties, maximumPacketSize: 5 };
    const connack = await refused(server, [0x86, 0x90, malformed, 0x8c], connect5({ ...fields, properties }));
    expect(connack.properties).toEqual({});
    await using client = await Client5.open(server.port);
    client.send(connect5({ ...fields, properties: { ...properties, maximumPacketSize: 4 } }));
    expect(await client.closing()).toEqual([]);
  }
});

test("[MQTT-3.1.2-24] CONNACK leaves out what the client's maximum packet size has no room for, but not what the client must know", async () => {
  await using server = await startTestBroker();
  const whole = { username: "anna", clientId: "c", properties: { requestResponseInformation: 1 } };
  const { size: wholeSize } = (await Client5.connect(server.port, whole)).connack;
  const told = async (maximumPacketSize: number) => {
    await using client = await Client5.connect(server.port, {
      ...whole,
      properties: { ...whole.properties, maximumPacketSize },
    });
    expect(client.connack.size).toBeLessThanOrEqual(maximumPacketSize);
    expect(await client.fence()).toEqual([]);
    return Object.keys(client.connack.properties).toSorted();
  };
  const limits = ["maximumPacketSize", "receiveMaximum"];
  expect(await told(wholeSize)).toEqual([...limits, "responseInformation", "topicAliasMaximum"].toSorted());
  expect(await told(wholeSize - 1)).toEqual([...limits, "topicAliasMaximum"]);
  expect(await told(16)).toEqual([...limits, "topicAliasMaximum"]);
  expect(await told(15)).toEqual(limits);
  expect(await told(12)).toEqual(["maximumPacketSize"]);
  expect(await told(5)).toEqual([]);
  // What the client cannot do without: its id, how long its session lasts, what its authentication said.
  for (const [fields, name] of [
    [{ clientId: "" }, "assignedClientId"],
    [{ clientId: "c", properties: { sessionExpiry: 0xffffffff } }, "sessionExpiry"],
    [
      { clientId: "c", properties: { authenticationMethod: "TEST-ECHO", authenticationData: Buffer.from("at once") } },
      "authenticationMethod",
    ],
  ] as const) {
    const sized = (maximumPacketSize: number) => ({
      ...fields,
      properties: { ...("properties" in fields ? fields.properties : {}), maximumPacketSize },
    });
    let size = 200;
    for (;;) {
      await using client = await Client5.open(server.port);
      client.send(connect5(sized(size)));
      const connack = await client.take("connack");
      expect(connack.size).toBeLessThanOrEqual(size);
      if (connack.reasonCode !== 0) {
        expect(connack).toMatchObject({ reasonCode: 0x95, size: 5 });
        break;
      }
      expect(Object.keys(connack.properties)).toContain(name);
      size = connack.size - 1;
    }
    await using client = await Client5.open(server.port);
    client.send(connect5(sized(4)));
    expect(await client.closing()).toEqual([]);
  }
});

test("[MQTT-3.3.2-12] [MQTT-3.3.2-7] every topic alias up to the server's maximum is taken, for this connection only", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("topic/+");
  await using alice = await Client5.connect(server.port, lasting);
  const { topicAliasMaximum = 0 } = alice.connack.properties;
  const aliases = Array.from({ length: topicAliasMaximum }, (_, index) => index + 1);
  const named = (topicAlias: number) => ({ properties: { topicAlias } });
  alice.send(...aliases.map((alias) => publish5(`topic/${alias}`, "named", named(alias))));
  alice.send(...aliases.map((alias) => publish5("", "short", named(alias))));
  for (const payload of ["named", "short"]) {
    for (const alias of aliases) {
      const heard = await bob.take("publish");
      expect(heard).toMatchObject({ topic: `topic/${alias}`, payload });
      expect(heard.properties.topicAlias).toBeUndefined();
    }
  }
  // An alias given to another topic means that one from then on.
  alice.send(publish5("topic/other", "renamed", named(1)), publish5("", "again", named(1)));
  for (const payload of ["renamed", "again"]) {
    expect(await bob.take("publish")).toMatchObject({ topic: "topic/other", payload });
  }
  await alice.leave();
  await using again = await Client5.connect(server.port, lasting);
  expect(again.connack.sessionPresent).toBe(true);
  again.send(publish5("", "forgotten", named(1)));
  await disconnected(again, [0x82, 0x94]);
  expect(texts(await bob.fence())).toEqual([]);
});
