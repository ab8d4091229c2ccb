/**
 * Mail: plain text to one address. `log` (the default) writes it to the server's log, for development; `smtp` hands it to a
 * mail server through nodemailer.
 */
import type { Log } from "../lib/log.ts";
import { OutsideError } from "./http-call.ts";
import { asciiAddress, isMailAddress } from "./mail-address.ts";
import type { MailOptions, MailSender } from "./mail-message.ts";
import { createSmtpMail } from "./mail-smtp.ts";

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
