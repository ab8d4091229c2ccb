/** Settings of mail, `mail.…`, and what its adapters in `src/providers/` are given (`Config.mail`). */
import { asciiAddress, isMailAddress } from "../providers/mail-address.ts";
import type { MailOptions } from "../providers/mail-message.ts";
import {
  count,
  duration,
  hidden,
  line,
  oneOf,
  pemFile,
  type Raw,
  type Reading,
  type Shown,
  settingsOf,
  Unusable,
} from "./values.ts";

const mailbox = {
  form: "NAME <ADDRESS>",
  parse: (raw: Raw): { readonly name: string; readonly address: string } => {
    const match = /^(?:([^<>"\p{Cc}]{1,128}?) *<([^<>]+)>|([^<>]+))$/u.exec(String(raw).trim());
    const given = match?.[2] ?? match?.[3] ?? "";
    const address = isMailAddress(given) ? asciiAddress(given) : undefined;
    if (address === undefined) throw new Unusable("expected chat@example.org or Roost <chat@example.org>");
    return { name: match?.[1] ?? "", address };
  },
};

const secretUtf8 = line("TEXT", /^\P{Cc}{1,512}$/u, "up to 512 characters on one line");

export const mailSettings = settingsOf({
  "mail.adapter": {
    ...oneOf("log", "smtp"),
    fallback: "log",
    about: "How mail is sent. log: into the server's log, for development; smtp: through mail.host.",
  },
  "mail.host": {
    ...line("HOST", /^[\w.:-]{1,253}$/, "a host name or an address"),
    fallback: undefined,
    about: "The mail server.",
  },
  "mail.port": {
    ...count(1, 65_535),
    fallback: 587,
    about: "Its port: 587, or 465 where mail.tls = implicit.",
  },
  "mail.tls": {
    ...oneOf("starttls", "implicit", "none"),
    fallback: "starttls",
    about:
      "starttls: the connection must become TLS before anything is said; implicit: it is TLS from the start; none: for a server on this machine.",
  },
  "mail.ca": {
    ...pemFile,
    fallback: undefined,
    about: "Authorities that may have signed the mail server's certificate, in PEM form; not set: the usual ones.",
  },
  "mail.user": { ...secretUtf8, fallback: undefined, about: "The name to log in with there." },
  "mail.password": { ...secretUtf8, fallback: undefined, secret: true, about: "The password for it." },
  "mail.from": { ...mailbox, fallback: undefined, about: "Who mail comes from: Roost <chat@example.org>." },
  "mail.timeout": {
    ...duration(1, 600),
    fallback: "20 s",
    about: "How long the mail server may be silent.",
  },
});

export function readMail({ optional, needed, absolute, problems }: Reading<typeof mailSettings>): MailOptions {
  const ca = optional["mail.ca"];
  const mail = {
    adapter: needed["mail.adapter"],
    host: optional["mail.host"],
    port: needed["mail.port"],
    tls: needed["mail.tls"],
    ca: ca === undefined ? undefined : absolute("mail.ca", ca),
    user: optional["mail.user"],
    password: optional["mail.password"],
    from: optional["mail.from"],
    timeoutSeconds: needed["mail.timeout"],
  };
  if (mail.adapter === "smtp") {
    if (mail.host === undefined || mail.from === undefined) {
      problems.push("mail.adapter = smtp needs mail.host and mail.from");
    }
    if ((mail.user === undefined) !== (mail.password === undefined)) {
      problems.push("mail.user and mail.password need each other");
    }
  }
  return mail;
}

/** What is in force, for a reader. */
export const shownMail = (mail: MailOptions): Shown<typeof mailSettings> => ({
  "mail.adapter": mail.adapter,
  "mail.host": mail.host ?? null,
  "mail.port": mail.port,
  "mail.tls": mail.tls,
  "mail.ca": mail.ca ?? null,
  "mail.user": mail.user ?? null,
  "mail.password": hidden(mail.password),
  "mail.from": mail.from === undefined ? null : `${mail.from.name} <${mail.from.address}>`.trim(),
  "mail.timeout": mail.timeoutSeconds,
});
