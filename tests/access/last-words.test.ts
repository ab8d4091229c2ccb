/** What accounts leave behind on MQTT topics when they end: no will, and retained messages as the operator says. */
import { expect, test } from "bun:test";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { publishPacket, RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const password = "correct horse";

async function ask(server: TestServer, request: Parameters<typeof askOperator>[1] & Record<string, unknown>) {
  const answer = await askOperator(operatorSocketPath(server.dataDir), request);
  if (answer?.ok !== true) throw new Error(answer?.message ?? "no operator");
}

async function connect(server: TestServer, username: string, more: object = {}): Promise<RawMqtt> {
  return RawMqtt.connect(server.mqttPort, {
    protocolVersion: 5,
    username,
    password: Buffer.from(password),
    ...more,
  });
}

const willOf = (topic: string, delay = 0) => ({
  will: {
    topic,
    payload: Buffer.from("gone"),
    qos: 1 as const,
    retain: true,
    properties: { willDelayInterval: delay },
  },
  clean: false,
  clientId: topic,
  properties: { sessionExpiryInterval: 3600 },
});

/** The topics of what is retained below `said/`, as a new subscriber is told. */
async function retained(server: TestServer): Promise<string[]> {
  await using client = await connect(server, "ear");
  await client.subscribe("said/#");
  const packets = await client.fence();
  return packets.flatMap((packet) => (packet.cmd === "publish" ? [packet.topic] : [])).sort();
}

async function retain(client: RawMqtt, topic: string): Promise<void> {
  client.send(publishPacket(topic, "x", { qos: 1, messageId: 1, retain: true }));
  await client.expect("puback");
}

const ends: Readonly<Record<string, (server: TestServer) => Promise<void>>> = {
  "a disabled user": (server) => ask(server, { op: "setUserDisabled", user: "anna", disabled: true }),
  "a removed user": (server) => ask(server, { op: "removeUser", user: "anna" }),
  "a revoked device": (server) => ask(server, { op: "revokeDevice", name: "anna" }),
};

test.each(Object.entries(ends))("no will of %s is published, neither at once nor later", async (who, end) => {
  await using server = await startTestServer();
  const { accounts, devices } = server.domain;
  await devices.add({ name: "ear", password });
  if (who.includes("device")) await devices.add({ name: "anna", password });
  else await accounts.add({ nick: "Anna", username: "anna", password });
  await using ear = await connect(server, "ear");
  await ear.subscribe("#");
  const clients = [
    await connect(server, "anna", willOf("said/now")),
    await connect(server, "anna", willOf("said/later", 3600)),
  ];
  // Its connection is gone, and the delay runs.
  const away = await connect(server, "anna", willOf("said/away", 3600));
  await away.drop();
  await end(server);
  for (const client of clients) await client.whenClosed();
  expect(await ear.fence()).toEqual([]);
  await using again = await server.restart();
  expect(await retained(again)).toEqual([]);
});

test("a will of a disabled user is not published at the next start either", async () => {
  await using first = await startTestServer();
  await first.domain.devices.add({ name: "ear", password });
  await first.domain.accounts.add({ nick: "Anna", username: "anna", password });
  const away = await connect(first, "anna", willOf("said/away", 1));
  await away.drop();
  await ask(first, { op: "setUserDisabled", user: "anna", disabled: true });
  await using server = await first.restart();
  await ask(server, { op: "setUserDisabled", user: "anna", disabled: false });
  expect(await retained(server)).toEqual([]);
});

test("what a removed user or device retained stays, or goes where the operator says so, also after a restart", async () => {
  await using first = await startTestServer();
  const { accounts, devices } = first.domain;
  for (const username of ["anna", "ben"]) await accounts.add({ nick: username, username, password });
  for (const name of ["ear", "lamp", "bell"]) await devices.add({ name, password });
  for (const name of ["anna", "ben", "lamp", "bell"]) {
    await using client = await connect(first, name);
    await retain(client, `said/${name}/1`);
    await retain(client, `said/${name}/2`);
  }
  // The last one to publish is whose message it is.
  await using ear = await connect(first, "ear");
  await retain(ear, "said/ben/2");
  await using server = await first.restart();
  await ask(server, { op: "removeUser", user: "anna" });
  await ask(server, { op: "revokeDevice", name: "lamp" });
  const kept = ["said/anna/1", "said/anna/2", "said/lamp/1", "said/lamp/2"];
  expect(await retained(server)).toEqual([...kept, "said/bell/1", "said/bell/2", "said/ben/1", "said/ben/2"].sort());
  await ask(server, { op: "removeUser", user: "ben", retained: true });
  await ask(server, { op: "revokeDevice", name: "bell", retained: true });
  expect(await retained(server)).toEqual([...kept, "said/ben/2"].sort());
  await using last = await server.restart();
  expect(await retained(last)).toEqual([...kept, "said/ben/2"].sort());
});
