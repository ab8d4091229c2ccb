/** MQTT over TLS: other people's clients, and certificates that change under them. */
import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import mqtt from "mqtt";
import { temporaryFolder } from "../cli/roost.ts";
import { type CertificateOnDisk, makeCertificate } from "../support/certificate.ts";
import { until, withDeadline } from "../support/deadline.ts";
import { LineProcess, output } from "../support/processes.ts";
import { pythonWith, requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const openssl = requireProgram("openssl");
const mosquitto = ["mosquitto_sub", "mosquitto_pub"].map(requireProgram).every((there) => there);
const python = await pythonWith(["paho.mqtt.client"]);

const startTlsServer = (files: CertificateOnDisk, env: Record<string, string> = {}): Promise<TestServer> =>
  startTestServer({
    env: {
      ROOST_MQTT_ANONYMOUS: "full",
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: files.certificate,
      ROOST_TLS_KEY: files.key,
      ...env,
    },
  });

const portOf = (address: string | null): number => Number(address?.split(":")[1]);

test.skipIf(!openssl)("MQTT.js talks over TLS, large messages included, to a client on TCP", async () => {
  using folder = temporaryFolder();
  const files = await makeCertificate(folder.path);
  await using server = await startTlsServer(files, { ROOST_LIMITS_MQTT_ANONYMOUS_PACKET_BYTES: "1 MiB" });
  const secure = await mqtt.connectAsync(`mqtts://${server.mqtts}`, { ca: readFileSync(files.certificate) });
  const plain = await mqtt.connectAsync(`mqtt://${server.mqtt}`);
  const received: string[] = [];
  for (const client of [secure, plain]) client.on("message", (topic, body) => received.push(`${topic} ${body.length}`));
  await secure.subscribeAsync("to/secure", { qos: 1 });
  await plain.subscribeAsync("to/plain", { qos: 1 });
  for (let n = 0; n < 10; n++) {
    await Promise.all([
      secure.publishAsync("to/plain", "x".repeat(700_000), { qos: 1 }),
      plain.publishAsync("to/secure", "y".repeat(700_000), { qos: 1 }),
    ]);
  }
  await until("all messages", () => received.length === 20);
  expect(new Set(received)).toEqual(new Set(["to/plain 700000", "to/secure 700000"]));
  await secure.endAsync();
  await plain.endAsync();
});

test.skipIf(!openssl)(
  "a client that does not trust the certificate does not get in, nor one that speaks plainly",
  async () => {
    using folder = temporaryFolder();
    const files = await makeCertificate(folder.path);
    await using server = await startTlsServer(files);
    const failure = (url: string): Promise<Error> => {
      const client = mqtt.connect(url, { reconnectPeriod: 0 });
      const failed = new Promise<Error>((resolve) => {
        client.once("error", resolve);
        client.once("close", () => resolve(new Error("closed")));
      });
      return withDeadline("the failure", failed).finally(() => client.end(true));
    };
    expect(await failure(`mqtts://${server.mqtts}`)).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    await failure(`mqtt://${server.mqtts}`);
    const good = await mqtt.connectAsync(`mqtts://${server.mqtts}`, { ca: readFileSync(files.certificate) });
    await good.endAsync();
  },
);

test.skipIf(!openssl || !mosquitto).each(["mqttv31", "mqttv311"])(
  "mosquitto_pub and mosquitto_sub talk over TLS in %s",
  async (version) => {
    using folder = temporaryFolder();
    const files = await makeCertificate(folder.path);
    await using server = await startTlsServer(files);
    const port = `${portOf(server.mqtts)}`;
    const where = ["-h", "localhost", "-p", port, "--cafile", files.certificate, "-V", version, "-q", "1", "-t", "t/a"];
    await using sub = new LineProcess(["stdbuf", "-oL", "mosquitto_sub", ...where, "-d"]);
    await sub.lineThat((line) => line.includes("received SUBACK"), "the SUBACK");
    await output(["mosquitto_pub", ...where, "-m", "hello over TLS"]);
    await sub.lineThat((line) => line === "hello over TLS", "the message");
  },
);

test.skipIf(!openssl || python === undefined)("paho talks over TLS", async () => {
  using folder = temporaryFolder();
  const files = await makeCertificate(folder.path);
  await using server = await startTlsServer(files);
  const script = join(import.meta.dir, "../support/paho-round.py");
  const where = ["tcp", "localhost", `${portOf(server.mqtts)}`, "311", "1", files.certificate, "40"];
  expect(await output([python ?? "", script, ...where])).toBe("connack 0\nsuback 1\nreceived True\n");
});

/** Whose certificate a new connection is shown. */
async function shownName(port: number): Promise<string> {
  const socket: TLSSocket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await withDeadline("the handshake", new Promise<void>((resolve) => socket.once("secureConnect", () => resolve())));
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test.skipIf(!openssl)("a replaced certificate is shown to new connections, and the old ones live on", async () => {
  using folder = temporaryFolder();
  const [first, second] = [await makeCertificate(folder.path, "first"), await makeCertificate(folder.path, "second")];
  await using server = await startTlsServer(first);
  const port = portOf(server.mqtts);
  const old = await mqtt.connectAsync(`mqtts://${server.mqtts}`, { rejectUnauthorized: false, reconnectPeriod: 0 });
  let closed = false;
  old.on("close", () => {
    closed = true;
  });
  const received: string[] = [];
  old.on("message", (_, payload) => received.push(payload.toString()));
  await old.subscribeAsync("t", { qos: 1 });
  expect(await shownName(port)).toBe("first");
  for (const files of [second, first, second]) {
    server.reloadCertificate(files);
    // The kernel may have given the old listener a connection of the instant before, so a few are asked.
    for (let n = 0; n < 5; n++) expect(await shownName(port)).toBe(files === first ? "first" : "second");
  }
  const young = await mqtt.connectAsync(`mqtts://${server.mqtts}`, { ca: readFileSync(second.certificate) });
  await young.publishAsync("t", "from the young", { qos: 1 });
  await old.publishAsync("t", "from the old", { qos: 1 });
  await until("both messages", () => received.length === 2);
  expect([received, closed]).toEqual([["from the young", "from the old"], false]);

  writeFileSync(join(folder.path, "broken.pem"), "not a certificate");
  const broken = { certificate: join(folder.path, "broken.pem"), key: second.key };
  expect(() => server.reloadCertificate(broken)).toThrow("is not a certificate in PEM form");
  expect(await shownName(port)).toBe("second");
  await young.endAsync();
  const gone = withDeadline("the old one's end", new Promise<void>((resolve) => old.once("close", () => resolve())));
  await server.stop();
  await gone;
});

test.skipIf(!openssl)("the HTTP port speaks HTTPS and WSS, through a replaced certificate and a stop", async () => {
  using folder = temporaryFolder();
  const [first, second] = [await makeCertificate(folder.path, "first"), await makeCertificate(folder.path, "second")];
  await using server = await startTlsServer(first, { ROOST_HTTP_TLS: "on" });
  const ready = async (files: CertificateOnDisk) =>
    (await fetch(`https://${server.http}/healthz`, { tls: { ca: readFileSync(files.certificate, "utf8") } })).status;
  expect(await ready(first)).toBe(200);
  const url = `wss://${server.http}/mqtt`;
  const old = await mqtt.connectAsync(url, { ca: readFileSync(first.certificate), reconnectPeriod: 0 });
  const received: string[] = [];
  old.on("message", (_, payload) => received.push(payload.toString()));
  await old.subscribeAsync("t", { qos: 1 });
  server.reloadCertificate(second);
  expect(await shownName(portOf(server.http))).toBe("second");
  expect(await ready(second)).toBe(200);
  const young = await mqtt.connectAsync(url, { ca: readFileSync(second.certificate), reconnectPeriod: 0 });
  await young.publishAsync("t", "from the young", { qos: 1 });
  await old.publishAsync("t", "from the old", { qos: 1 });
  await until("both messages", () => received.length === 2);
  const ends = [old, young].map((client) => new Promise<void>((resolve) => client.once("close", () => resolve())));
  await server.stop();
  await withDeadline("both ends", Promise.all(ends));
});

test.skipIf(!openssl)("files that cannot be used are all named", async () => {
  using folder = temporaryFolder();
  const [one, other] = [await makeCertificate(folder.path, "one"), await makeCertificate(folder.path, "other")];
  const { readCertificate } = await import("../../src/ops/certificate.ts");
  expect(() => readCertificate({ certificate: one.certificate, key: other.key })).toThrow("is not the key of");
  expect(() => readCertificate({ certificate: "/nowhere.pem", key: "/nowhere.key" })).toThrow(
    /^tls\.certificate: \/nowhere\.pem cannot be read.*\ntls\.key: \/nowhere\.key cannot be read/,
  );
  expect(() => readCertificate({ certificate: one.key, key: one.certificate })).toThrow(
    /is not a certificate in PEM form\n.*is not a private key in PEM form/,
  );
  const chain = join(folder.path, "chain.pem");
  copyFileSync(one.certificate, chain);
  writeFileSync(chain, readFileSync(other.certificate), { flag: "a" });
  expect(readCertificate({ certificate: chain, key: one.key }).cert.match(/BEGIN/g)).toHaveLength(2);
});
