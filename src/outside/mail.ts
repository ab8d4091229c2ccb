/**
 * Mail: plain text to one address. `log` (the default) writes it to the server's log, for development; `smtp` hands it to a
 * mail server through nodemailer.
 */
import type { Log } from "../lib/log.ts";
import { OutsideError } from "./http-call.ts";
import { asciiAddress, isMailAddress } from "./mail-address.ts";
import { createSmtpMail } from "./mail-smtp.ts";

export interface MailSender {
  /** Rejects where the message was not taken, with a text that may be logged. */
  send(message: MailMessage): Promise<void>;
}

export interface MailMessage {
  /** One address, without a name. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** With `smtp`, `host` and `from` are there; the settings see to it. */
export interface MailOptions {
  readonly adapter: "log" | "smtp";
  readonly host: string | undefined;
  readonly port: number;
  /** `starttls`: nothing is said before the connection is TLS. */
  readonly tls: "starttls" | "implicit" | "none";
  /** Path of a PEM file with the only authorities to trust. */
  readonly ca: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly from: { readonly name: string; readonly address: string } | undefined;
  readonly timeoutSeconds: number;
}

const subjectCharactersMax = 256;
const textCharactersMax = 65_536;

export function createMailSender(options: MailOptions, { log }: { log: Log }): MailSender {
  const sender = options.adapter === "log" ? createLogMail(log) : createSmtpMail(options);
  return {
    async send({ to, subject, text }) {
      const address = isMailAddress(to) ? asciiAddress(to) : undefined;
      if (address === undefined) throw new OutsideError("mail needs one address");
      if (/\p{Cc}/u.test(subject)) throw new OutsideError("a mail's subject is one line");
      if (subject.length > subjectCharactersMax || text.length > textCharactersMax) {
        throw new OutsideError("a mail is too long");
      }
      await sender.send({ to: address, subject, text });
    },
  };
}

const createLogMail = (log: Log): MailSender => ({
  async send({ to, subject, text }) {
    log.info("mail, written here since mail.adapter = log", { to, subject, text });
  },
});
