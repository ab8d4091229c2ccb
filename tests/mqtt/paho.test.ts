/** Debian's python3-paho-mqtt, unmodified. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { output } from "../support/processes.ts";
import { pythonWith } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";

const python = await pythonWith(["paho.mqtt.client"]);
const script = join(import.meta.dir, "../support/paho-round.py");

test.skipIf(python === undefined).each([
  ["tcp", "31", 1],
  ["tcp", "311", 0],
  ["tcp", "311", 1],
  ["websockets", "31", 1],
  ["websockets", "311", 0],
  ["websockets", "311", 1],
] as const)("paho over %s in version %s at QoS %d", async (transport, version, qos) => {
  await using server = await startTestServer({ env: { ROOST_MQTT_ANONYMOUS: "full" } });
  const address = transport === "tcp" ? server.mqtt : server.http;
  const [host = "", port = ""] = address.split(":");
  const said = await output([python ?? "", script, transport, host, port, version, `${qos}`, "-", "40"]);
  expect(said).toBe(`connack 0\nsuback ${qos}\nreceived True\n`);
});
