/** Client certificates over TLS: whom they let in, as whom, and who is left outside. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import mqtt, { type IClientOptions } from "mqtt";
import { temporaryFolder } from "../cli/roost.ts";
import { type CertificateOnDisk, makeCertificate, makeClientCertificate } from "../support/certificate.ts";
import { withDeadline } from "../support/deadline.ts";
import { output } from "../support/processes.ts";
import { requireProgram } from "../support/programs.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const openssl = requireProgram("openssl");
const mosquitto = requireProgram("mosquitto_pub");

interface Stage extends AsyncDisposable {
  readonly server: TestServer;
  readonly path: string;
  /** The server's own, which clients are to trust. */
  readonly own: CertificateOnDisk;
  readonly authority: CertificateOnDisk;
  client(name: string, subject: string, authority?: CertificateOnDisk): Promise<CertificateOnDisk>;
  /** "in", or the way it failed. */
  connect(certificate: CertificateOnDisk | undefined, options?: IClientOptions): Promise<string>;
}

async function stage(env: Record<string, string> = {}): Promise<Stage> {
  const folder = temporaryFolder();
  const { path } = folder;
  const [own, authority] = [await makeCertificate(path, "own"), await makeCertificate(path, "authority")];
  const server = await startTestServer({
    env: {
      ROOST_MQTTS_LISTEN: "127.0.0.1:0",
      ROOST_TLS_CERTIFICATE: own.certificate,
      ROOST_TLS_KEY: own.key,
      ROOST_TLS_CLIENT_CA: authority.certificate,
      ROOST_MQTT_ANONYMOUS: "off",
      ...env,
    },
  });
  return {
    server,
    path,
    own,
    authority,
    client: (name, subject, by = authority) => makeClientCertificate(path, { name, subject, authority: by }),
    async connect(certificate, options = {}) {
      const client = mqtt.connect(`mqtts://${server.mqtts}`, {
        ca: readFileSync(own.certificate),
        ...(certificate === undefined
          ? {}
          : { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) }),
        reconnectPeriod: 0,
        ...options,
      });
      const outcome = new Promise<string>((resolve) => {
        client.once("connect", () => resolve("in"));
        client.once("error", (error) =>
          resolve("code" in error && typeof error.code === "number" ? "refused" : "closed"),
        );
        client.once("close", () => resolve("closed"));
      });
      return withDeadline("an answer", outcome).finally(() => client.end(true));
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      folder[Symbol.dispose]();
    },
  };
}

test.skipIf(!openssl)("a verified certificate is its device, and needs no password", async () => {
  await using place = await stage();
  const { devices } = place.server.domain;
  await devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const { password = "" } = await devices.add({ name: "lamp" });
  const sensor = await place.client("sensor", "/O=Acme/CN=sensor-1");
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    expect([maxVersion, await place.connect(sensor, { maxVersion } as IClientOptions)]).toEqual([maxVersion, "in"]);
  }
  expect(await place.connect(sensor, { username: "sensor-1" })).toBe("in");
  expect(await place.connect(sensor, { username: "lamp", password })).toBe("refused");
  // Nobody's certificate, though signed: a password is needed, and enough.
  const stranger = await place.client("stranger", "/O=Acme/CN=sensor-2");
  expect(await place.connect(stranger)).toBe("refused");
  expect(await place.connect(stranger, { username: "lamp", password })).toBe("in");
  expect(await place.connect(undefined, { username: "lamp", password })).toBe("in");
  expect(await place.connect(undefined)).toBe("refused");
  // A value of the subject that looks like another part of it.
  const sly = await place.client("sly", "/CN=sensor-1,O=Acme");
  expect(await place.connect(sly)).toBe("refused");
});

test.skipIf(!openssl)("a certificate that does not verify is refused, whatever name it has", async () => {
  await using place = await stage();
  const { devices } = place.server.domain;
  await devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const { password = "" } = await devices.add({ name: "lamp" });
  const forger = await makeCertificate(place.path, "forger");
  const forged = await place.client("forged", "/O=Acme/CN=sensor-1", forger);
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    expect(await place.connect(forged, { maxVersion } as IClientOptions)).toBe("closed");
    expect(await place.connect(forged, { maxVersion, username: "lamp", password } as IClientOptions)).toBe("closed");
  }
});

test.skipIf(!openssl)("where a certificate is required a password alone does not do", async () => {
  await using place = await stage({ ROOST_TLS_REQUIRE_CLIENT_CERTIFICATE: "true" });
  const { devices } = place.server.domain;
  await devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const { password = "" } = await devices.add({ name: "lamp" });
  const sensor = await place.client("sensor", "/O=Acme/CN=sensor-1");
  const forger = await makeCertificate(place.path, "forger");
  const forged = await place.client("forged", "/O=Acme/CN=sensor-1", forger);
  expect(await place.connect(sensor)).toBe("in");
  expect(await place.connect(undefined, { username: "lamp", password })).toBe("closed");
  expect(await place.connect(forged)).toBe("closed");
});

test.skipIf(!openssl)("a session resumed by its ticket is verified like the first", async () => {
  await using place = await stage();
  await place.server.domain.devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const forger = await makeCertificate(place.path, "forger");
  // CONNECT of MQTT 3.1.1, clean session, client id "c".
  const connect = Buffer.from([0x10, 0x0d, 0, 4, ...Buffer.from("MQTT"), 4, 2, 0, 60, 0, 1, 0x63]);
  const port = Number(place.server.mqtts?.split(":")[1]);
  /** The return code of CONNACK or "closed", with the ticket that came. */
  async function talk(
    files: CertificateOnDisk | undefined,
    ticket: Buffer | undefined,
    maxVersion: "TLSv1.2" | "TLSv1.3",
  ) {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      ca: readFileSync(place.own.certificate),
      maxVersion,
      ...(files === undefined ? {} : { cert: readFileSync(files.certificate), key: readFileSync(files.key) }),
      ...(ticket === undefined ? {} : { session: ticket }),
    });
    let session: Buffer | undefined;
    socket.on("session", (given) => {
      session = given;
    });
    const outcome = new Promise<number | "closed">((resolve) => {
      socket.on("error", () => resolve("closed"));
      socket.on("close", () => resolve("closed"));
      socket.on("secureConnect", () => socket.write(connect));
      socket.on("data", (chunk: Buffer) => resolve(chunk[3] ?? "closed"));
    });
    const code = await withDeadline("an answer", outcome);
    session ??= socket.getSession();
    socket.destroy();
    return { code, session };
  }
  const good = await place.client("good", "/O=Acme/CN=sensor-1");
  const forged = await place.client("forged", "/O=Acme/CN=sensor-1", forger);
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const first = await talk(good, undefined, version);
    expect(first.code).toBe(0);
    expect((await talk(good, first.session, version)).code).toBe(0);
    const bad = await talk(forged, undefined, version);
    expect(bad.code).toBe("closed");
    expect((await talk(forged, bad.session, version)).code).toBe("closed");
    expect((await talk(undefined, bad.session, version)).code).not.toBe(0);
  }
});

test.skipIf(!openssl)("another authority is taken with the certificate, and connections stay", async () => {
  await using place = await stage();
  const { server, own, authority } = place;
  await server.domain.devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const next = await makeCertificate(place.path, "next");
  const old = await place.client("old", "/O=Acme/CN=sensor-1");
  const young = await place.client("young", "/O=Acme/CN=sensor-1", next);
  expect([await place.connect(old), await place.connect(young)]).toEqual(["in", "closed"]);
  server.reloadCertificate({ ...own, clients: { ca: next.certificate, required: false } });
  expect([await place.connect(old), await place.connect(young)]).toEqual(["closed", "in"]);
  // Both, while one follows the other.
  const both = `${place.path}/both.pem`;
  writeFileSync(both, readFileSync(authority.certificate, "utf8") + readFileSync(next.certificate, "utf8"));
  server.reloadCertificate({ ...own, clients: { ca: both, required: false } });
  expect([await place.connect(old), await place.connect(young)]).toEqual(["in", "in"]);
  writeFileSync(both, `${readFileSync(next.certificate, "utf8")}-----BEGIN CERTIFICATE-----\nbroken\n`);
  const broken = { ...own, clients: { ca: both, required: false } };
  expect(() => server.reloadCertificate(broken)).toThrow("tls.client_ca");
  expect(() => server.reloadCertificate({ ...own, clients: { ca: own.key, required: false } })).toThrow(
    "tls.client_ca",
  );
  expect(await place.connect(old)).toBe("in");
  server.reloadCertificate(own);
  expect(await place.connect(old)).toBe("refused");
});

test.skipIf(!openssl || !mosquitto)("mosquitto_pub gets in by its certificate", async () => {
  await using place = await stage();
  await place.server.domain.devices.add({ name: "sensor-1", certificateSubject: "CN=sensor-1,O=Acme" });
  const sensor = await place.client("sensor", "/O=Acme/CN=sensor-1");
  const port = place.server.mqtts?.split(":")[1] ?? "";
  const tls = ["--cafile", place.own.certificate, "--cert", sensor.certificate, "--key", sensor.key];
  await output(["mosquitto_pub", "-h", "localhost", "-p", port, ...tls, "-q", "1", "-t", "a", "-m", "x"]);
});
