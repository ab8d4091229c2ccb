/** `roost serve` with a certificate: where it listens, SIGHUP, and what `config check` says about the files. */
import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import mqtt from "mqtt";
import { makeCertificate } from "../support/certificate.ts";
import { requireProgram } from "../support/programs.ts";
import { roost, serving, temporaryFolder } from "./roost.ts";

const openssl = requireProgram("openssl");

test.skipIf(!openssl)(
  "SIGHUP takes a renewed certificate, and keeps the old one where the new one is broken",
  async () => {
    using folder = temporaryFolder();
    const first = await makeCertificate(folder.path, "live");
    const next = await makeCertificate(folder.path, "next");
    // Paths in the file start where the file is.
    const settings = '[tls]\ncertificate = "live.pem"\nkey = "live.key"\n[mqtts]\nlisten = "127.0.0.1:0"\n';
    writeFileSync(folder.in("roost.toml"), `${settings}[mqtt]\nanonymous = "full"\n`);
    const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "off"];
    await using server = await serving([...anywhere, "--config", "roost.toml", "--json"], { cwd: folder.path });
    const { mqtts } = JSON.parse(server.firstLine);
    expect(mqtts).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    const trusting = (certificate: string) =>
      mqtt.connectAsync(`mqtts://${mqtts}`, { ca: readFileSync(certificate), reconnectPeriod: 0 });
    const old = await trusting(first.certificate);

    writeFileSync(first.certificate, "broken");
    server.signal("SIGHUP");
    await server.untilLogged("is not a certificate in PEM form");
    copyFileSync(next.certificate, first.certificate);
    copyFileSync(next.key, first.key);
    server.signal("SIGHUP");
    await server.untilLogged("configuration reloaded");
    const young = await trusting(next.certificate);
    await old.publishAsync("t", "still here", { qos: 1 });
    await young.endAsync();
    await old.endAsync();
    expect((await server.end()).exitCode).toBe(0);
  },
);

test.skipIf(!openssl)("config check names files that do not fit, and serve does not start with them", async () => {
  using folder = temporaryFolder();
  const one = await makeCertificate(folder.path, "one");
  const other = await makeCertificate(folder.path, "other");
  const good = { ROOST_TLS_CERTIFICATE: one.certificate, ROOST_TLS_KEY: one.key };
  expect((await roost(["config", "check"], { cwd: folder.path, env: good })).exitCode).toBe(0);
  const mixed = { ...good, ROOST_TLS_KEY: other.key };
  const checked = await roost(["config", "check", "--json"], { cwd: folder.path, env: mixed });
  expect([checked.exitCode, JSON.parse(checked.stdout)]).toEqual([
    2,
    { ok: false, problems: [expect.stringContaining("is not the key of the first certificate")] },
  ]);
  const clients = { ...good, ROOST_TLS_CLIENT_CA: other.certificate };
  expect((await roost(["config", "check"], { cwd: folder.path, env: clients })).exitCode).toBe(0);
  const wrong = await roost(["config", "check"], {
    cwd: folder.path,
    env: { ...good, ROOST_TLS_CLIENT_CA: other.key },
  });
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining("roost: tls.client_ca: ")]);
  const served = await roost(["serve", "--http", "127.0.0.1:0", "--mqtt", "off"], { cwd: folder.path, env: mixed });
  expect([served.exitCode, served.stderr]).toEqual([2, expect.stringContaining("is not the key of")]);
});
