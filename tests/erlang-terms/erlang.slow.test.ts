/** Erlang itself as the client, against the executable: what it receives equals what the documents print. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBinary } from "../cross/binary-server.ts";
import { startGateway } from "../providers/gateway.ts";
import { startPlainSmtp } from "../providers/smtp-servers.ts";
import { withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";

const phones = ["380441234567", "380441234568"] as const;
/** The first one moves there. */
const free = "380441234569";
const code = "903182";
const credentials = `<GetSessionTokenResponse><GetSessionTokenResult><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
  <SecretAccessKey>wJalrXUtnFEMI/K7MDENG</SecretAccessKey><SessionToken>IQoJb3JpZ2lu</SessionToken>
  <Expiration>2026-07-15T23:28:33Z</Expiration></Credentials></GetSessionTokenResult></GetSessionTokenResponse>`;

test.skipIf(!requireProgram("escript"))(
  "a client in Erlang registers, makes friends, does all that may be done with a profile, and converses, and every answer equals its literal",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-erlang-"));
    const gateway = await startGateway();
    gateway.answer(() => new Response(credentials, { headers: { "Content-Type": "text/xml" } }));
    await using smtp = await startPlainSmtp();
    const server = await startBinary(join(folder, "data"), {
      env: {
        ROOST_SMS_TEST_NUMBERS: [...phones, free].map((phone) => `${phone}=${code}`).join(","),
        ROOST_MAIL_ADAPTER: "smtp",
        ROOST_MAIL_HOST: "127.0.0.1",
        ROOST_MAIL_PORT: String(smtp.port),
        ROOST_MAIL_TLS: "none",
        ROOST_MAIL_FROM: "chat@example.org",
        ROOST_AWS_ACCESS_KEY_ID: "AKIDOFROOST",
        ROOST_AWS_SECRET_ACCESS_KEY: "secret/of+roost",
        ROOST_AWS_REGION: "eu-central-1",
        ROOST_AWS_OPERATION: "GetSessionToken",
        ROOST_AWS_ENDPOINT: `${gateway.url}/`,
      },
    });
    try {
      const colon = server.mqtt.lastIndexOf(":");
      const address = [server.mqtt.slice(0, colon), server.mqtt.slice(colon + 1)];
      const script = join(import.meta.dir, "client.escript");
      const child = Bun.spawn(["escript", script, ...address, ...phones, code, free], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      });
      /** The link was answered, so the mail is there. */
      const tellCode = (): void => {
        child.stdin.write(`${/code: (\d{6})/.exec(smtp.received.at(-1) ?? "")?.[1] ?? "none"}\n`);
        child.stdin.flush();
      };
      const read = async (): Promise<string> => {
        let out = "";
        const decoder = new TextDecoder();
        for await (const bytes of child.stdout) {
          out += decoder.decode(bytes, { stream: true });
          if (!out.includes("code?\n")) continue;
          out = out.replace("code?\n", "");
          tellCode();
        }
        return out;
      };
      const [out, errors] = await withDeadline(
        "the client in Erlang",
        Promise.all([read(), new Response(child.stderr).text()]),
        30_000,
      );
      expect([errors, await child.exited]).toEqual(["", 0]);
      expect(out).toMatch(/^ok \d+\n$/);
      expect(Number(out.slice(3))).toBeGreaterThanOrEqual(79);
    } finally {
      await server[Symbol.asyncDispose]();
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
