/** PROFILE's links to what is outside: addresses proved by a code that was mailed, and credentials for AWS. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WireTerm } from "../../src/etf/encode.ts";
import { atom, binary } from "../../src/etf/term.ts";
import { startGateway } from "../providers/gateway.ts";
import { startSmtp } from "../providers/smtp-servers.ts";
import { makeCertificate } from "../support/certificate.ts";
import { openStopped } from "../support/open-stopped.ts";
import { requireProgram } from "../support/programs.ts";
import { anna, bob, email, no, profile, service, shortProfile, start, yes } from "./profiles.ts";

const address = "anna@example.org";

test("P9, P10: the address may stand in login, data or id, and every e-mail service gets a code; without one it is no request", async () => {
  const places: [name: string, services: WireTerm, mailed: string[]][] = [
    ["login", [email("a@example.org")], ["a@example.org"]],
    ["data", [service([], atom("email"), binary("b@example.org"))], ["b@example.org"]],
    ["id", [service(binary("c@example.org"), atom("email"))], ["c@example.org"]],
    ["no type", [service([], [], [], binary("d@example.org"))], ["d@example.org"]],
    ["alone", [binary("e@example.org")], ["e@example.org"]],
    ["no list", email("f@example.org"), ["f@example.org"]],
    ["text", binary("g@example.org"), ["g@example.org"]],
    [
      "two",
      [email("h@example.org"), service(binary("v"), atom("vox")), email("i@example.org")],
      ["h@example.org", "i@example.org"],
    ],
  ];
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  for (const [name, services, mailed] of places) {
    expect([name, await owner.ask(profile("link", { services }))]).toEqual([name, yes("email_sent")]);
    for (const to of mailed) expect([to, stage.mailed(to).length]).toEqual([to, 1]);
  }
  const none: WireTerm[] = [
    [],
    atom("x"),
    [service(binary("v"), atom("vox"))],
    [service(binary("v"), atom("vox"), [], binary("z@example.org"))],
    [email("no address")],
    [email("a@b@example.org")],
    [email("z@example.org\r\nBcc: eve@example.org")],
    [email(`${"z".repeat(300)}@example.org`)],
  ];
  for (const services of none) expect(await owner.ask(profile("link", { services }))).toEqual(no("invalid_data"));
  expect(stage.mailed("z@example.org")).toEqual([]);
});

test("P9: the code may stand in password, data or id, or alone", async () => {
  const places: [name: string, services: (code: string) => WireTerm][] = [
    ["password", (code) => [email(address, binary(code))]],
    ["a number", (code) => [email(address, Number(code))]],
    ["data", (code) => [service([], atom("email"), binary(code), binary(address))]],
    ["id", (code) => [service(binary(code), atom("email"), [], binary(address))]],
    ["without address", (code) => [service([], atom("email"), [], [], binary(code))]],
    ["alone", (code) => [binary(code)]],
    ["text", (code) => binary(code)],
    ["with spaces", (code) => [binary(` ${code.slice(0, 3)} ${code.slice(3)}`)]],
    ["behind its address", (code) => [binary(address), binary(code)]],
    ["beside an id", (code) => [service(binary("my-mail"), atom("email"), [], binary(address), binary(code))]],
  ];
  await using stage = await start({});
  for (const [at, [name, services]] of places.entries()) {
    await using owner = await stage.logIn(at < 5 ? anna : bob, `client-${at}`);
    await owner.ask(profile("link", { services: [email(address)] }));
    const code = stage.mailed(address).at(-1) ?? "";
    // Digits only where no leading zero would be lost.
    const given = name === "a number" && code.startsWith("0") ? [email(address, binary(code))] : services(code);
    expect([name, await owner.ask(profile("email", { services: given }))]).toEqual([name, yes("verified")]);
  }
});

test("what does not confirm an address is a wrong code", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  await owner.ask(profile("link", { services: [email(address)] }));
  const [code = ""] = stage.mailed(address);
  const others: WireTerm[] = [
    [],
    atom("x"),
    [email(address)],
    [email("b@example.org", binary(code))],
    [email(address, binary(""))],
    [email(address, binary(`${code}0`))],
  ];
  for (const services of others) {
    expect([services, await owner.ask(profile("email", { services }))]).toEqual([services, no("wrong_code")]);
  }
});

test.skipIf(!requireProgram("openssl"))(
  "a mail goes through the server that is configured; one that fails is not told",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-profile-"));
    await using smtp = await startSmtp(await makeCertificate(folder), { authOptional: true });
    rmSync(folder, { recursive: true });
    const env = {
      ROOST_MAIL_ADAPTER: "smtp",
      ROOST_MAIL_HOST: "127.0.0.1",
      ROOST_MAIL_FROM: "chat@example.org",
      ROOST_MAIL_TLS: "none",
    };
    await using stage = await start({ ...env, ROOST_MAIL_PORT: String(smtp.port) });
    await using owner = await stage.logIn(anna);
    expect(await owner.ask(profile("link", { services: [email(address)] }))).toEqual(yes("email_sent"));
    expect(smtp.received.map(({ to }) => to)).toEqual([[address]]);
    const { raw = "" } = smtp.received[0] ?? {};
    const code = /code: (\d{6})/.exec(raw)?.[1] ?? "";
    expect(await owner.ask(profile("email", { services: [email(address, binary(code))] }))).toEqual(yes("verified"));
    expect(stage.logged()).not.toContain(code);
    await using unreachable = await start({ ...env, ROOST_MAIL_PORT: "1" });
    await using unlucky = await unreachable.logIn(bob);
    expect(await unlucky.ask(profile("link", { services: [email(address)] }))).toEqual(yes("email_sent"));
  },
);

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY";
const sessionToken = "IQoJb3JpZ2luX2VjE0Aa0";
const credentials = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
  <SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken>
  <Expiration>2026-07-15T23:28:33Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;

test("P12: AWS credentials are asked for and given in one answer, and kept nowhere", async () => {
  const gateway = await startGateway();
  await using _gateway = { [Symbol.asyncDispose]: () => gateway.stop() };
  await using stage = await start({
    ROOST_AWS_ACCESS_KEY_ID: "AKIDOFROOST",
    ROOST_AWS_SECRET_ACCESS_KEY: "secret/of+roost",
    ROOST_AWS_REGION: "eu-central-1",
    ROOST_AWS_OPERATION: "AssumeRole",
    ROOST_AWS_ROLE: "arn:aws:iam::123456789012:role/roost-users",
    ROOST_AWS_ENDPOINT: `${gateway.url}/`,
  });
  await using owner = await stage.logIn(anna);
  gateway.answer(() => new Response(credentials, { headers: { "Content-Type": "text/xml" } }));
  const expiration = Date.UTC(2026, 6, 15, 23, 28, 33) / 1000;
  expect(await owner.ask(profile("aws", { phone: binary(anna) }))).toEqual([
    ":io",
    [":ok", ":aws"],
    [":Service", "ASIAIOSFODNN7EXAMPLE", ":aws", [], secret, sessionToken, expiration, ":verified"],
  ]);
  expect(new URLSearchParams(gateway.last().body).get("RoleSessionName")).toBe(`roost-${owner.userId}`);
  const db = openStopped(join(stage.server.dataDir, "roost.db"), { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").values() as [string][];
  const all = JSON.stringify(tables.map(([table]) => db.prepare(`SELECT * FROM "${table}"`).values()));
  db.close();
  for (const hidden of [secret, sessionToken]) {
    expect(all).not.toContain(hidden);
    expect(stage.logged()).not.toContain(hidden);
  }
  gateway.answer(() => new Response("<ErrorResponse/>", { status: 403 }));
  expect(await owner.ask(profile("aws"))).toEqual(no("aws"));
});

test("P12: without AWS there are no credentials", async () => {
  await using stage = await start();
  await using owner = await stage.logIn(anna);
  expect(await owner.ask(profile("aws"))).toEqual(no("aws"));
  expect(await owner.ask(shortProfile("aws"))).toEqual(no("aws"));
});
