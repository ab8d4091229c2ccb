/** Debian's python3-paho-mqtt, unmodified. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../cli/roost.ts";
import { makeCertificate } from "../support/certificate.ts";
import { output } from "../support/processes.ts";
import { pythonWith, requireProgram } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";

const python = await pythonWith(["paho.mqtt.client"]);
const openssl = requireProgram("openssl");
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

const version5 = (["tcp", "tls", "websockets"] as const).flatMap((transport) =>
  [0, 1, 2].map((qos) => [transport, qos] as const),
);

test.skipIf(python === undefined || !openssl).each(version5)("paho over %s in MQTT 5 at QoS %d", async (over, qos) => {
  using folder = temporaryFolder();
  const files = await makeCertificate(folder.path);
  await using server = await startTestServer({
    env: {
      ROOST_MQTT_ANONYMOUS: "full",
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: files.certificate,
      ROOST_TLS_KEY: files.key,
    },
  });
  const address = { tcp: server.mqtt, tls: server.mqtts, websockets: server.http }[over];
  const transport = over === "websockets" ? over : "tcp";
  const where = [
    transport,
    "localhost",
    `${address?.split(":")[1]}`,
    `${qos}`,
    over === "tls" ? files.certificate : "-",
  ];
  const said = await output([python ?? "", join(import.meta.dir, "../support/paho-v5.py"), ...where, "40"]);
  expect(said).toBe(`connack 0 aliases True\nsuback ${qos}\nreceived True\n`);
});
