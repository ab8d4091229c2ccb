/** The libraries behind SMS, mail and AWS work inside an executable made as `bun run build` makes it. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../support/certificate.ts";
import { bundlePlainLibraries } from "../support/plain-libraries.ts";
import { output } from "../support/processes.ts";
import { requireProgram } from "../support/programs.ts";
import { startGateway } from "./gateway.ts";
import { mailPassword, startSmtp } from "./smtp-servers.ts";

const answer = `<AssumeRoleResponse><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>wJalrXUtnFEMIK7MDENGbPx</SecretAccessKey>
  <SessionToken>abc</SessionToken><Expiration>2026-07-15T23:28:33Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;

/** What it was made of is gone when it runs. */
async function compile(outfile: string): Promise<void> {
  using libraries = await bundlePlainLibraries();
  const build = await Bun.build({
    entrypoints: [join(import.meta.dir, "compiled-parts.ts")],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
    plugins: [libraries.plugin],
    format: "esm",
    minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
    bytecode: true,
  });
  expect(build.success).toBe(true);
}

test.skipIf(!requireProgram("openssl"))(
  "compiled, with bytecode",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-compiled-"));
    const program = join(folder, "parts");
    const gateway = await startGateway();
    const files = await makeCertificate(folder);
    const mailServer = await startSmtp(files);
    try {
      await compile(program);
      gateway.answer((asked) => {
        expect(asked.body).toBe('{"text":"sms"}');
        gateway.answer(() => new Response(answer));
        return new Response("ok");
      });
      const settings = {
        ROOST_SMS_ADAPTER: "http",
        ROOST_SMS_HTTP_URL: `${gateway.url}/{to}`,
        ROOST_SMS_HTTP_BODY: '{"text":"{text}"}',
        ROOST_MAIL_ADAPTER: "smtp",
        ROOST_MAIL_HOST: "127.0.0.1",
        ROOST_MAIL_PORT: String(mailServer.port),
        ROOST_MAIL_CA: files.certificate,
        ROOST_MAIL_USER: "roost",
        ROOST_MAIL_PASSWORD: mailPassword,
        ROOST_MAIL_FROM: "chat@example.org",
        ROOST_AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
        ROOST_AWS_SECRET_ACCESS_KEY: "secret",
        ROOST_AWS_ROLE: "arn:aws:iam::123456789012:role/roost",
        ROOST_AWS_ENDPOINT: gateway.url,
      };
      const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      const shown = await output(["env", "-i", ...variables, program]);
      expect(JSON.parse(shown)).toEqual({
        admissions: ["ok", "country", "invalid_number"],
        credentials: {
          accessKeyId: "ASIAIOSFODNN7EXAMPLE",
          secretAccessKey: "wJalrXUtnFEMIK7MDENGbPx",
          sessionToken: "abc",
          expiresAtSeconds: Date.UTC(2026, 6, 15, 23, 28, 33) / 1000,
        },
      });
      expect(mailServer.received[0]).toMatchObject({ to: ["anna@example.org"], secure: true, user: "roost" });
    } finally {
      await gateway.stop();
      await mailServer[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
