/** Mail through a server, one connection for each message: codes are rare, and an idle connection can break. */
import { readFileSync } from "node:fs";
import { assert } from "../lib/assert.ts";
import { OutsideError, reasonOf } from "./http-call.ts";
import { loadSmtp } from "./libraries.ts";
import type { MailMessage, MailOptions, MailSender } from "./mail-message.ts";

/** Bounds the whole exchange, also with a server that answers now and then. */
const wholeTimeouts = 3;

export function createSmtpMail(options: MailOptions): MailSender {
  const { host, port, tls, user, password, from } = options;
  assert(host !== undefined && from !== undefined, "mail.adapter = smtp without a host or a sender");
  const timeoutMs = options.timeoutSeconds * 1000;
  const ca = options.ca === undefined ? {} : { ca: readFileSync(options.ca, "utf8") };
  const settings = {
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketCloseTimeout: 0,
    tls: { ...ca, minVersion: "TLSv1.2" as const },
  };
  const credentials =
    user === undefined || password === undefined ? undefined : { credentials: { user, pass: password } };

  async function deliver(message: MailMessage): Promise<void> {
    const { MailComposer, SmtpConnection } = await loadSmtp();
    const composed = await new MailComposer({
      from: { ...from }, // Copied, since the library writes to it.
      to: { name: "", address: message.to },
      subject: message.subject,
      text: message.text,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
      .compile()
      .build();
    const connection = new SmtpConnection(settings);
    const { promise: broken, reject } = Promise.withResolvers<never>();
    broken.catch(() => undefined); // Errors after the message was accepted do not matter.
    const deadline = setTimeout(() => {
      reject(failure("ETIMEDOUT"));
      connection.close();
    }, wholeTimeouts * timeoutMs);
    connection.on("error", reject);
    connection.on("end", () => {
      clearTimeout(deadline);
      reject(failure("ECONNECTION"));
    });
    const step = (start: (done: (error?: Error | null) => void) => void) =>
      Promise.race([broken, new Promise<void>((done, fail) => start((error) => (error ? fail(error) : done())))]);
    try {
      await step((done) => connection.connect(done));
      if (credentials !== undefined) await step((done) => connection.login(credentials, done));
      await step((done) => connection.send({ from: from?.address ?? "", to: message.to }, composed, done));
      connection.quit();
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  return {
    async send(message) {
      try {
        await deliver(message);
      } catch (error) {
        throw new OutsideError(`the mail server did not take the message (${reasonOf(error)}${statusOf(error)})`);
      }
    },
  };
}

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** Gives `, 535`, never the server's sentence, which may quote anything. */
const statusOf = (error: unknown): string =>
  error instanceof Error && "responseCode" in error && typeof error.responseCode === "number"
    ? `, ${error.responseCode}`
    : "";
