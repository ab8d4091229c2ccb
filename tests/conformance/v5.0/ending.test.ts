/** DISCONNECT, AUTH and enhanced authentication, errors. MQTT 5.0 §§ 3.14, 3.15, 4.12 and 4.13. */
import { expect, test } from "bun:test";
import type { Authentication, AuthenticationMethod, Principal } from "../../../src/mqtt/identity.ts";
import { until } from "../../support/deadline.ts";
import { packet } from "../../support/packet-bytes.ts";
import { echoChallenge, startTestBroker, type TestBroker } from "../../support/test-broker.ts";
import { pingreq } from "../../support/wire.ts";
import {
  auth5,
  Client5,
  type Connect5,
  connect5,
  disconnect5,
  disconnected,
  disconnectedFor,
  malformed,
  type Packet5,
  type Properties,
  protocolError,
  publish5,
  refused,
  subscribe5,
  texts,
} from "../../support/wire-v5.ts";

const authenticationMethod = "TEST-ECHO";
const echo = Buffer.from(echoChallenge);

/** Connects by challenge and answer; gives CONNACK, or what else ended it. */
async function authenticate(client: Client5, answer: Buffer, fields: Connect5 = {}): Promise<Packet5> {
  client.send(connect5({ ...fields, properties: { ...(fields.properties as Properties), authenticationMethod } }));
  const challenge = await client.take("auth");
  expect(challenge).toMatchObject({ reasonCode: 0x18, properties: { authenticationMethod, authenticationData: echo } });
  client.send(auth5(0x18, { authenticationMethod, authenticationData: answer }));
  return client.next();
}

async function authenticated(server: TestBroker, fields: Connect5 = {}): Promise<Client5> {
  const client = await Client5.open(server.port);
  client.connack = await authenticate(client, echo, fields);
  expect(client.connack).toMatchObject({ type: "connack", reasonCode: 0 });
  return client;
}

test("[MQTT-3.14.0-1] before CONNACK there is no DISCONNECT", async () => {
  const gate = Promise.withResolvers<Authentication<Principal>>();
  let asked = 0;
  await using server = await startTestBroker({
    identity: {
      authenticate() {
        asked++;
        return gate.promise;
      },
    },
  });
  await using silent = await Client5.open(server.port);
  await using waiting = await Client5.open(server.port);
  waiting.send(connect5());
  await using rude = await Client5.open(server.port);
  rude.send(connect5(), packet(0xc1));
  await until("authentication to have begun", () => asked === 2);
  server.advance(120_000);
  expect(await silent.closing()).toEqual([]);
  for (const client of [waiting, rude]) {
    for (const { type, reasonCode = 0 } of await client.closing()) {
      expect(type).toBe("connack");
      expect(reasonCode).toBeGreaterThanOrEqual(0x80);
    }
  }
  // Nor is there one when the server stops meanwhile.
  await using last = await Client5.open(server.port);
  last.send(connect5());
  await until("authentication to have begun", () => asked === 3);
  const stopped = server.broker.stop();
  for (const { type } of await last.closing()) expect(type).toBe("connack");
  gate.resolve({ refused: "unavailable" });
  await stopped;
});

test("[MQTT-3.14.1-1] DISCONNECT with a reserved bit set is malformed, and no farewell", async () => {
  await using server = await startTestBroker();
  await using watcher = await Client5.connect(server.port);
  await watcher.subscribe("will");
  for (let flags = 1; flags < 16; flags++) {
    await using client = await Client5.connect(server.port, { will: { topic: "will" } });
    client.send(packet(0xe0 | flags));
    await disconnected(client, malformed);
    await watcher.take("publish");
  }
});

test("[MQTT-3.14.2-1] DISCONNECT has a reason code of its own, one that is none is an error", async () => {
  await using server = await startTestBroker();
  for (const code of [0x01, 0x05, 0x10, 0x8e, 0xff]) {
    await using client = await Client5.connect(server.port);
    client.send(disconnect5(code));
    // What only a server may say is an error from a client as well, but one that changes nothing.
    if (code === 0x8e) await client.closing();
    else await disconnected(client, [malformed, protocolError]);
  }
  for (const code of [0, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
    await using client = await Client5.connect(server.port);
    client.send(disconnect5(code, { reasonString: "bye", userProperties: [["a", "b"]] }));
    expect(await client.closing()).toEqual([]);
  }
});

test("[MQTT-3.14.2-2] a server's DISCONNECT has no session expiry interval, whatever it ends for", async () => {
  const server = await startTestBroker();
  const lasting = { clientId: "phone", properties: { sessionExpiry: 100 } };
  await using old = await Client5.connect(server.port, lasting);
  await using silent = await Client5.connect(server.port, { ...lasting, clientId: "silent", keepAliveSeconds: 10 });
  await using rude = await Client5.connect(server.port, { ...lasting, clientId: "rude" });
  await using last = await Client5.connect(server.port, lasting);
  rude.send(packet(0xc1));
  const ends = [(await disconnected(old, 0x8e)).disconnect, (await disconnected(rude, malformed)).disconnect];
  server.advance(20_000);
  ends.push((await disconnected(silent, 0x8d)).disconnect);
  await server.broker.stop();
  ends.push((await disconnected(last, 0x8b)).disconnect);
  for (const { properties } of ends) expect(properties).not.toHaveProperty("sessionExpiry");
});

test("[MQTT-3.14.2-3] [MQTT-3.14.2-4] DISCONNECT leaves out what the client's maximum packet size has no room for", async () => {
  await using server = await startTestBroker();
  const { size } = (await Client5.connect(server.port)).connack;
  for (const bad of [
    packet(0xc1),
    connect5(),
    publish5("a/#"),
    publish5("t", "", { properties: { topicAlias: 65_535 } }),
  ]) {
    await using client = await Client5.connect(server.port, { properties: { maximumPacketSize: size } });
    client.send(bad);
    const { disconnect } = await disconnected(client, [malformed, protocolError, 0x90, 0x94]);
    expect(disconnect.size).toBeLessThanOrEqual(size);
  }
});

test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] after DISCONNECT nothing is sent or obeyed, and the connection is closed", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port);
  await bob.subscribe("#");
  await using client = await Client5.connect(server.port);
  await client.subscribe("t");
  client.send(disconnect5(), publish5("t", "late"), pingreq);
  expect(await client.closing()).toEqual([]);
  await using rude = await Client5.connect(server.port);
  await rude.subscribe("t");
  rude.send(packet(0xc1), publish5("t", "late", { qos: 1 }), pingreq);
  const { before } = await disconnected(rude, malformed);
  expect(before).toEqual([]);
  expect(await bob.fence()).toEqual([]);
});

test("[MQTT-3.14.4-3] DISCONNECT with reason code 0 discards the will, one that waits too", async () => {
  await using server = await startTestBroker();
  await using watcher = await Client5.connect(server.port);
  await watcher.subscribe("will");
  for (const willDelay of [0, 10]) {
    const fields = { properties: { sessionExpiry: 100 }, will: { topic: "will", properties: { willDelay } } };
    const client = await Client5.connect(server.port, fields);
    await client.leave();
  }
  server.advance(200_000);
  expect(await watcher.fence()).toEqual([]);
});

test("[MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5] challenges are AUTH with reason code 0x18 and the client's method, as has CONNACK", async () => {
  await using server = await startTestBroker();
  await using client = await authenticated(server, { username: "bob" });
  expect(client.connack.properties).toMatchObject({ authenticationMethod, authenticationData: Buffer.from("welcome") });
  // A method that needs no challenge answers by CONNACK at once.
  await using quick = await Client5.open(server.port);
  const properties = { authenticationMethod, authenticationData: Buffer.from("at once") };
  quick.send(connect5({ properties }));
  expect(await quick.take("connack")).toMatchObject({ reasonCode: 0, properties: { authenticationMethod } });
  // And they are clients like any other.
  await client.subscribe("t");
  quick.send(publish5("t", "x"));
  expect(await client.take("publish")).toMatchObject({ payload: "x" });
});

test("[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH leaves out what the client's maximum packet size has no room for", async () => {
  await using server = await startTestBroker();
  await using first = await authenticated(server);
  const { size } = first.connack;
  await using client = await authenticated(server, { properties: { maximumPacketSize: size } });
  client.send(auth5(0x19, { authenticationMethod }));
  expect((await client.take("auth")).size).toBeLessThanOrEqual(size);
});

test("[MQTT-3.1.2-24] where AUTH is larger than the client takes the client is refused, or closed", async () => {
  const long = Buffer.alloc(100, 1);
  const method: AuthenticationMethod<Principal> = {
    begin: () => ({
      next: async (data) =>
        data === undefined || data.length > 0
          ? { challenge: long }
          : { done: { principal: { key: "user:c" }, persistent: true } },
    }),
  };
  await using server = await startTestBroker({ identity: { methods: new Map([["LONG", method]]) } });
  const properties = { authenticationMethod: "LONG", maximumPacketSize: 50 };
  const asked = { ...properties, authenticationData: Buffer.from("ask") };
  const connack = await refused(server, 0x95, connect5({ properties: asked }));
  expect(connack.size).toBeLessThanOrEqual(50);
  const atOnce = { ...properties, authenticationData: Buffer.alloc(0) };
  await using client = await Client5.connect(server.port, { properties: atOnce });
  client.send(auth5(0x19, { authenticationMethod: "LONG", authenticationData: Buffer.from("ask") }));
  const { before } = await disconnected(client, 0x95);
  expect(before).toEqual([]);
});

test("[MQTT-4.12.0-1] an authentication method the server has not is refused and closed", async () => {
  await using server = await startTestBroker();
  for (const unknown of ["none of these", "", "test-echo", "TEST-ECHO "]) {
    await refused(server, [0x8c, 0x87], connect5({ properties: { authenticationMethod: unknown } }), pingreq);
  }
});

test("[MQTT-4.12.0-3] a client that answers a challenge with anything but AUTH 0x18 of its method is refused and closed", async () => {
  await using server = await startTestBroker();
  for (const bad of [
    auth5(0, { authenticationMethod, authenticationData: echo }),
    auth5(0x19, { authenticationMethod, authenticationData: echo }),
    auth5(0x17, { authenticationMethod, authenticationData: echo }),
    auth5(0x18, { authenticationMethod: "another", authenticationData: echo }),
    auth5(0x18, { authenticationData: echo }),
  ]) {
    await using client = await Client5.open(server.port);
    client.send(connect5({ properties: { authenticationMethod } }));
    await client.take("auth");
    client.send(bad);
    const answers = await client.closing();
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const { type, reasonCode = 0 } of answers) {
      expect(type).toBe("connack");
      expect([malformed, protocolError, 0x8c, 0x87]).toContain(reasonCode);
    }
  }
  expect(server.broker.stats().sessions).toBe(0);
});

test("[MQTT-4.12.0-4] a client that fails in the exchange is refused by CONNACK and closed", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.open(server.port);
  expect(await authenticate(client, Buffer.from("wrong"))).toMatchObject({ type: "connack", reasonCode: 0x87 });
  expect(await client.closing()).toEqual([]);
  // A method that fails itself lets nobody in.
  const properties = { authenticationMethod, authenticationData: Buffer.from("broken") };
  await refused(server, [0x80, 0x83, 0x88], connect5({ properties }));
  // And one that hears nothing does not wait for ever.
  await using silent = await Client5.open(server.port);
  silent.send(connect5({ properties: { authenticationMethod } }));
  await silent.take("auth");
  server.advance(120_000);
  for (const { type } of await silent.closing()) expect(type).toBe("connack");
});

test("[MQTT-4.12.0-6] [MQTT-4.12.0-7] without an authentication method there is no AUTH from either side", async () => {
  await using server = await startTestBroker();
  await using client = await Client5.connect(server.port, { username: "bob", password: "right" });
  expect(client.connack.properties.authenticationMethod).toBeUndefined();
  expect(client.connack.properties.authenticationData).toBeUndefined();
  for (const code of [0x00, 0x18, 0x19]) {
    await disconnectedFor(server, [protocolError, malformed, 0x8c], auth5(code, { authenticationMethod }));
  }
});

test("[MQTT-4.12.1-1] a client may prove itself anew by its own method, while everything else goes on", async () => {
  await using server = await startTestBroker();
  await using client = await authenticated(server, { username: "bob" });
  await client.subscribe("t", 1);
  for (let round = 0; round < 2; round++) {
    client.send(auth5(0x19, { authenticationMethod }));
    expect(await client.take("auth")).toMatchObject({ reasonCode: 0x18, properties: { authenticationMethod } });
    client.send(publish5("t", "meanwhile"));
    expect(await client.take("publish")).toMatchObject({ payload: "meanwhile" });
    client.send(auth5(0x18, { authenticationMethod, authenticationData: echo }));
    expect(await client.take("auth")).toMatchObject({ reasonCode: 0, properties: { authenticationMethod } });
  }
  client.send(auth5(0x19, { authenticationMethod: "another" }));
  await disconnected(client, [0x8c, protocolError]);
});

test("[MQTT-4.12.1-2] a client that fails to prove itself anew is told so and closed", async () => {
  await using server = await startTestBroker();
  for (const [first, answer] of [
    [Buffer.of(), Buffer.from("wrong")],
    [Buffer.from("broken"), undefined],
  ] as const) {
    await using client = await authenticated(server);
    client.send(auth5(0x19, { authenticationMethod, authenticationData: first }));
    if (answer !== undefined) {
      await client.take("auth");
      client.send(auth5(0x18, { authenticationMethod, authenticationData: answer }));
    }
    await disconnected(client, [0x87, 0x80, 0x83]);
  }
  // An answer to nothing is an error too.
  await using client = await authenticated(server);
  client.send(auth5(0x18, { authenticationMethod, authenticationData: echo }));
  await disconnected(client, protocolError);
});

test("[MQTT-4.13.1-1] a protocol violation closes the connection it came on, and no other", async () => {
  await using server = await startTestBroker();
  await using bob = await Client5.connect(server.port, { clientId: "same" });
  await bob.subscribe("t");
  await using stranger = await Client5.connect(server.port, { clientId: "same", username: "eve" });
  stranger.send(subscribe5(1, [["t", 0]]), packet(0xc1));
  await disconnected(stranger, malformed);
  await disconnectedFor(server, malformed, publish5("t", "before"), packet(0xc1), publish5("t", "after"));
  expect(texts(await bob.fence())).toEqual(["before"]);
});

test("[MQTT-4.13.2-1] whatever the server ends a connection for, it closes, though the client does not read", async () => {
  await using server = await startTestBroker();
  await using deaf = await Client5.connect(server.port);
  deaf.send(packet(0xc1));
  await until("the connection to be gone", () => server.broker.stats().clientsConnected === 0);
  const { disconnect } = await disconnected(deaf, malformed);
  expect(disconnect.reasonCode).toBeGreaterThanOrEqual(0x80);
});
