/** Fleets that come back at once after a restart, with passwords as costly as they are: all in, right the first time. */
import { expect, test } from "bun:test";
import { RawMqtt } from "../support/raw-mqtt.ts";
import { startTestServer, type TestServerOptions } from "../support/server.ts";

/** Argon2id at its proper cost; the keys of SCRAM, which are made once, are cheap. */
const options: TestServerOptions = {
  passwordCost: { memoryKib: 19_456, passes: 2, scram: "generated" },
  // The defaults.
  env: {
    ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1000",
    ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "100",
    ROOST_PASSWORD_MIN_LENGTH: "8",
  },
};
const size = 200;
/** Seconds are promised on two free cores; a busy machine gets more. */
const patienceMs = 60_000;

async function connectAll(port: number, nameOf: (n: number) => string): Promise<number[]> {
  const clients = await Promise.all(Array.from({ length: size }, () => RawMqtt.open(port)));
  const codes = await Promise.all(
    clients.map(async (client, n) => {
      const credentials = { username: nameOf(n), password: Buffer.from("a chosen password") };
      client.send({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: true,
        clientId: `c${n}`,
        keepalive: 0,
        ...credentials,
      });
      return (await client.expect("connack", patienceMs)).returnCode ?? -1;
    }),
  );
  await Promise.all(clients.map((client) => client.drop()));
  return codes;
}

test(
  "two hundred connections of one device",
  async () => {
    await using before = await startTestServer(options);
    await before.domain.devices.add({ name: "lamp", password: "a chosen password" });
    await using server = await before.restart();
    expect(await connectAll(server.mqttPort, () => "lamp")).toEqual(Array(size).fill(0));
  },
  2 * patienceMs,
);

test(
  "two hundred accounts of one address, each with a password of its own",
  async () => {
    await using before = await startTestServer(options);
    for (let n = 0; n < size; n += 1) {
      await before.domain.accounts.add({ nick: `u${n}`, username: `u${n}`, password: "a chosen password" });
    }
    await using server = await before.restart();
    expect(await connectAll(server.mqttPort, (n) => `u${n}`)).toEqual(Array(size).fill(0));
  },
  4 * patienceMs,
);
