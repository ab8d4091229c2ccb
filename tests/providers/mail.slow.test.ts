/** Mail through a real server, with and without TLS and login; its failures; and no input writes a header of its own. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMailSender } from "../../src/providers/mail.ts";
import type { MailOptions } from "../../src/providers/mail-message.ts";
import { type CertificateOnDisk, makeCertificate } from "../support/certificate.ts";
import { withDeadline } from "../support/deadline.ts";
import { requireProgram } from "../support/programs.ts";
import { failureOf, recordingLog } from "./gateway.ts";
import { mailPassword, startSmtp, startTalker } from "./smtp-servers.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-mail-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let certificate: CertificateOnDisk;
const openssl = requireProgram("openssl");
const certified = test.skipIf(!openssl);
beforeAll(async () => {
  if (openssl) certificate = await makeCertificate(folder);
});

const message = { to: "anna@example.org", subject: "Your code", text: "Code 903182" };

const optionsOf = (given: Partial<MailOptions>): MailOptions => ({
  adapter: "smtp",
  host: "127.0.0.1",
  port: 587,
  tls: "starttls",
  ca: certificate.certificate,
  user: "roost",
  password: mailPassword,
  from: Object.freeze({ name: "Roost", address: "chat@example.org" }),
  timeoutSeconds: 10,
  ...given,
});
const sender = (given: Partial<MailOptions>) => createMailSender(optionsOf(given), { log: recordingLog().log });

const headersOf = (raw: string): Map<string, string> => {
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replaceAll(/\r\n[ \t]+/g, " ");
  return new Map(
    head.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
};

function bodyOf(raw: string): string {
  const body = raw.slice(raw.indexOf("\r\n\r\n") + 4);
  const encoding = headersOf(raw).get("content-transfer-encoding");
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (encoding !== "quoted-printable") return body;
  const bytes = body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

describe("a message arrives", () => {
  certified("over STARTTLS, logged in", async () => {
    await using server = await startSmtp(certificate);
    await sender({ port: server.port }).send(message);
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({
      from: "chat@example.org",
      to: ["anna@example.org"],
      secure: true,
      user: "roost",
    });
    const raw = server.received[0]?.raw ?? "";
    const headers = headersOf(raw);
    expect(headers.get("from")).toBe("Roost <chat@example.org>");
    expect(headers.get("to")).toBe("anna@example.org");
    expect(headers.get("subject")).toBe("Your code");
    expect(headers.get("message-id")).toMatch(/^<[^<>\s]+@example\.org>$/);
    expect(bodyOf(raw).trim()).toBe("Code 903182");
  });

  certified("over TLS from the start", async () => {
    await using server = await startSmtp(certificate, { secure: true });
    await sender({ port: server.port, tls: "implicit" }).send(message);
    expect(server.received[0]).toMatchObject({ secure: true, user: "roost" });
  });

  certified("without TLS and login where the operator says so", async () => {
    await using server = await startSmtp(certificate, { authOptional: true });
    await sender({ port: server.port, tls: "none", user: undefined, password: undefined, ca: undefined }).send(message);
    expect(server.received[0]).toMatchObject({ secure: false, user: undefined });
  });

  certified("several at once, each on its own", async () => {
    await using server = await startSmtp(certificate);
    const { send } = sender({ port: server.port });
    const people = Array.from({ length: 8 }, (_, at) => `user${at}@example.org`);
    await Promise.all(people.map((to) => send({ ...message, to })));
    expect(server.received.map(({ to }) => to[0]).toSorted()).toEqual(people);
  });

  certified("in any script, with lines that look like the end or like headers", async () => {
    await using server = await startSmtp(certificate, { hideSMTPUTF8: true });
    const text = "Код 903182 😀\r\n.\r\nRCPT TO:<eve@example.org>\r\n..\r\nBcc: eve@example.org\r\n";
    await sender({ port: server.port }).send({ to: "anna@приклад.укр", subject: "Ваш код 😀", text });
    expect(server.received).toHaveLength(1);
    const { raw = "", to } = server.received[0] ?? {};
    expect(to).toEqual([expect.stringMatching(/^anna@(?:xn--80aikifvh\.xn--j1amh|приклад\.укр)$/)]);
    expect(headersOf(raw).get("to")).toBe("anna@xn--80aikifvh.xn--j1amh");
    expect(bodyOf(raw).trimEnd()).toBe(text.trimEnd());
    const subject = headersOf(raw).get("subject") ?? "";
    const decoded = subject.replaceAll(/=\?UTF-8\?(?:B\?([^?]+)|Q\?([^?]+))\?=\s*/gi, (_, b64?: string, q?: string) =>
      b64 !== undefined
        ? Buffer.from(b64, "base64").toString("utf8")
        : Buffer.from(
            (q ?? "")
              .replaceAll("_", " ")
              .replaceAll(/=([0-9A-F]{2})/gi, (__, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
            "latin1",
          ).toString("utf8"),
    );
    expect(decoded).toBe("Ваш код 😀");
    expect(headersOf(raw).has("bcc")).toBe(false);
  });
});

describe("no input writes a header of its own", () => {
  const addresses = [
    "",
    "anna",
    "anna@example.org\r\nBcc: eve@example.org",
    "anna@example.org\nBcc: eve@example.org",
    "anna@example.org, eve@example.org",
    "anna@example.org;eve@example.org",
    "Anna <anna@example.org>",
    '"a\r\nb"@example.org',
    "anna@example.org>\r\nDATA",
    "anna@example.org SIZE=1",
    "a@b@example.org",
    "anna@example..org",
    "anna@-example.org",
    "anna@[127.0.0.1]",
    `${"a".repeat(65)}@example.org`,
    `anna@${"a.".repeat(130)}org`,
    "anna@example.org\u0000",
    "анна@example.org",
  ];
  for (const to of addresses) {
    certified(`an address is refused: ${JSON.stringify(to.slice(0, 60))}`, async () => {
      await using server = await startSmtp(certificate);
      await failureOf(sender({ port: server.port }).send({ ...message, to }));
      expect(server.received).toEqual([]);
      expect(server.logins).toEqual([]);
    });
  }

  for (const subject of [
    "Hi\r\nBcc: eve@example.org",
    "Hi\nBcc: eve@example.org",
    "Hi\rX: y",
    "Hi\u0085",
    "a".repeat(257),
  ]) {
    certified(`a subject is refused: ${JSON.stringify(subject.slice(0, 40))}`, async () => {
      await using server = await startSmtp(certificate);
      await failureOf(sender({ port: server.port }).send({ ...message, subject }));
      expect(server.received).toEqual([]);
    });
  }
});

describe("a failure", () => {
  /** What is told, after a look that no secret is in it. */
  async function told(given: Partial<MailOptions>): Promise<string> {
    const failure = await failureOf(sender(given).send(message));
    expect(Bun.inspect(failure)).not.toMatch(/mail-password|903182/);
    return failure.message;
  }

  certified("where the password is wrong", async () => {
    await using server = await startSmtp(certificate);
    expect(await told({ port: server.port, password: "mail-password-904" })).toBe(
      "the mail server did not take the message (EAUTH, 535)",
    );
    expect(server.received).toEqual([]);
  });

  certified("where the server offers no STARTTLS: the password is not said in the clear", async () => {
    await using server = await startSmtp(certificate, {
      hideSTARTTLS: true,
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
    });
    expect(await told({ port: server.port })).toMatch(/^the mail server did not take the message \(E\w+/);
    expect(server.logins).toEqual([]);
    expect(server.received).toEqual([]);
  });

  for (const tls of ["starttls", "implicit"] as const) {
    certified(`where nobody we trust signed its certificate (${tls})`, async () => {
      await using server = await startSmtp(certificate, { secure: tls === "implicit" });
      expect(await told({ port: server.port, tls, ca: undefined })).toMatch(
        /^the mail server did not take the message/,
      );
      expect(server.logins).toEqual([]);
    });
  }

  for (const tls of ["starttls", "implicit"] as const) {
    certified(`where the certificate is for another host (${tls})`, async () => {
      // It is for localhost and 127.0.0.1.
      await using server = await startSmtp(certificate, { secure: tls === "implicit" }, "127.0.0.2");
      expect(await told({ host: "127.0.0.2", port: server.port, tls })).toMatch(/did not take the message \(\w+\)$/);
      expect(server.logins).toEqual([]);
      expect(server.connections).toBe(1);
    });
  }

  certified("where the recipient is refused", async () => {
    await using server = await startSmtp(certificate, {
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error("no 903182 here"), { responseCode: 550 })),
    });
    expect(await told({ port: server.port })).toBe("the mail server did not take the message (EENVELOPE, 550)");
  });

  certified("where the message is refused", async () => {
    await using server = await startSmtp(certificate, {
      onData(stream, _session, done) {
        stream.resume();
        stream.on("end", () => done(Object.assign(new Error("spam: Code 903182"), { responseCode: 554 })));
      },
    });
    expect(await told({ port: server.port })).toBe("the mail server did not take the message (EMESSAGE, 554)");
  });

  certified("where nobody listens", async () => {
    const { port } = await (async () => {
      await using talker = await startTalker(() => undefined);
      return talker;
    })();
    expect(await told({ port })).toMatch(/^the mail server did not take the message \(E\w+\)$/);
  });

  certified("where the server says nothing", async () => {
    await using talker = await startTalker(() => undefined);
    expect(await told({ port: talker.port, timeoutSeconds: 0.1 })).toMatch(/\(ETIMEDOUT|EGREETING/);
    await withDeadline("the connection is closed", talker.left);
  });

  certified("where it hangs up", async () => {
    await using talker = await startTalker((socket) => socket.end("220 hello\r\n"));
    expect(await told({ port: talker.port })).toMatch(/did not take the message/);
  });

  certified("where it goes on for ever after its greeting", async () => {
    await using talker = await startTalker((socket) => {
      socket.write("220 hello\r\n");
      const timer = setInterval(() => socket.write("250-still here\r\n"), 10);
      socket.on("close", () => clearInterval(timer));
    });
    expect(await told({ port: talker.port, timeoutSeconds: 0.1 })).toMatch(/\(ETIMEDOUT\)/);
    await withDeadline("the connection is closed", talker.left);
  });

  certified("is none where only the goodbye goes on for ever, and that ends too", async () => {
    await using talker = await startTalker((socket) => {
      const answers = ["250 hello\r\n", "250 sender\r\n", "250 recipient\r\n", "354 go on\r\n", "250 taken\r\n"];
      let seen = "";
      socket.write("220 hello\r\n");
      socket.on("data", (bytes) => {
        seen += bytes.toString();
        for (;;) {
          const end = answers.length === 1 ? "\r\n.\r\n" : "\r\n";
          const at = seen.indexOf(end);
          if (at === -1) return;
          seen = seen.slice(at + end.length);
          const answer = answers.shift();
          if (answer !== undefined) socket.write(answer);
          else {
            const timer = setInterval(() => socket.write("221-bye\r\n"), 10);
            socket.on("close", () => clearInterval(timer));
          }
        }
      });
    });
    const given = { tls: "none", user: undefined, password: undefined, timeoutSeconds: 0.1 } as const;
    await sender({ ...given, port: talker.port }).send(message);
    await withDeadline("the connection is closed", talker.left);
  });

  certified("where it talks for ever", async () => {
    await using talker = await startTalker((socket) => {
      const timer = setInterval(() => socket.write("220-still here\r\n"), 10);
      socket.on("close", () => clearInterval(timer));
    });
    expect(await told({ port: talker.port, timeoutSeconds: 0.1 })).toMatch(/did not take the message/);
    await withDeadline("the connection is closed", talker.left);
  });

  certified("where it speaks another protocol", async () => {
    await using talker = await startTalker((socket) => socket.end("HTTP/1.1 400 Bad Request 903182\r\n\r\n"));
    expect(await told({ port: talker.port })).toMatch(/did not take the message/);
  });
});

certified("log writes the message, smtp writes nothing", async () => {
  const { log, lines } = recordingLog();
  await createMailSender(optionsOf({ adapter: "log" }), { log }).send(message);
  expect(lines).toEqual([{ level: "info", message: "mail, written here since mail.adapter = log", fields: message }]);
  lines.length = 0;
  await using server = await startSmtp(certificate);
  await createMailSender(optionsOf({ port: server.port }), { log }).send(message);
  expect(lines).toEqual([]);
});
