/** Settings of what speaks to the outside: text messages, mail, AWS. */
import { asciiAddress, isMailAddress } from "../providers/mail-address.ts";
import { count, duration, oneOf, pemFile, type Raw, setting, Unusable } from "./values.ts";

/** One line that a pattern describes. */
function line(form: string, pattern: RegExp, expected: string) {
  return {
    form,
    parse: (raw: Raw): string => {
      const text = String(raw);
      if (!pattern.test(text)) throw new Unusable(`expected ${expected}`);
      return text;
    },
  };
}

const webUrl = {
  form: "URL",
  parse: (raw: Raw): string => {
    const text = String(raw);
    if (!/^https?:\/\/[^\s{}/?#]/i.test(text) || !URL.canParse(text) || text.length > 4096) {
      throw new Unusable("expected a URL that begins with https:// or http://");
    }
    return text;
  },
};

/** Throws where a place to fill in is none of `names`, since it would be sent as it stands. */
function checkPlaces(text: string, names: readonly string[]): string {
  for (const [place, name = ""] of text.matchAll(/\{([a-z_]+)\}/g)) {
    if (!names.includes(name))
      throw new Unusable(`${place} is not one of ${names.map((one) => `{${one}}`).join(", ")}`);
  }
  return text;
}

const smsPlaces = ["to", "text"];

const urlTemplate = {
  form: "URL",
  parse: (raw: Raw): string => {
    const text = checkPlaces(String(raw), smsPlaces);
    if (/^\w+:\/\/[^/?#]*\{/.test(text)) throw new Unusable("expected a URL whose host stands as it is");
    webUrl.parse(text.replaceAll(/\{[a-z_]+\}/g, "0"));
    return text;
  },
};

const items = (raw: Raw): readonly string[] =>
  (typeof raw === "object" ? raw : String(raw).split(",")).map((one) => one.trim()).filter((one) => one !== "");

const headerTemplates = {
  form: "HEADERS",
  list: true as const,
  parse: (raw: Raw): readonly (readonly [name: string, value: string])[] =>
    items(raw).map((one) => {
      const match = /^([!#$%&'*+.^_`|~\w-]{1,128}):[ \t]*([\x20-\x7e]{1,4096})$/.exec(one);
      if (match === null) throw new Unusable('expected headers such as "Authorization: Bearer …", in ASCII');
      return [match[1] ?? "", checkPlaces(match[2] ?? "", smsPlaces)] as const;
    }),
};

const bodyTemplate = {
  form: "TEXT",
  parse: (raw: Raw): string => {
    const text = checkPlaces(String(raw), smsPlaces);
    if (text.length > 16_384) throw new Unusable("expected at most 16384 characters");
    return text;
  },
};

const countries = {
  form: "COUNTRIES",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const named = items(raw).map((one) => one.toUpperCase());
    if (named.length === 0 || !named.every((one) => /^(?:[A-Z]{2}|\+[1-9]\d{0,14})$/.test(one))) {
      throw new Unusable(
        "expected countries such as UA, or the first digits of numbers such as +380, with commas between",
      );
    }
    return named;
  },
};

const testNumbers = {
  form: "NUMBER=CODE",
  list: true as const,
  parse: (raw: Raw): readonly { readonly number: string; readonly code: string }[] =>
    items(raw).map((one) => {
      const match = /^\+?([1-9]\d{4,14})\s*=\s*(\d{3,16})$/.exec(one);
      if (match === null) throw new Unusable("expected numbers with their codes, such as 15550001=903182");
      return { number: match[1] ?? "", code: match[2] ?? "" };
    }),
};

const mqttTopic = {
  form: "TOPIC",
  parse: (raw: Raw): string => {
    const text = String(raw);
    const reserved = /^(?:\$|(?:events|actions|ses|ac|p2p|room|muc|chat|user)(?:\/|$))/;
    if (!/^[^+#\p{Cc}]{1,256}$/u.test(text) || reserved.test(text)) {
      throw new Unusable("expected a topic without wildcards, outside those that are reserved");
    }
    return text;
  },
};

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

const policyTemplate = {
  form: "JSON",
  parse: (raw: Raw): string => {
    const text = checkPlaces(String(raw), ["phone", "user_id"]);
    try {
      JSON.parse(text.replaceAll(/\{(?:phone|user_id)\}/g, "0"));
    } catch {
      throw new Unusable("expected a policy in JSON, with {phone} and {user_id} inside its texts");
    }
    return text;
  },
};

const secretLine = line("TEXT", /^[\x20-\x7e]{1,512}$/, "up to 512 printable ASCII characters");
const secretUtf8 = line("TEXT", /^\P{Cc}{1,512}$/u, "up to 512 characters on one line");
const keyId = line("TEXT", /^\w{2,128}$/, "letters and digits");
const limit = count(1, 1_000_000);

export const providerSettings = {
  "sms.adapter": setting({
    ...oneOf("log", "http", "twilio", "device"),
    fallback: "log",
    about:
      "How codes are sent. log: into the server's log, for development; http: through any gateway; twilio; device: over MQTT to a device that sends them.",
  }),
  "sms.http_url": setting({
    ...urlTemplate,
    fallback: undefined,
    secret: true,
    about:
      "The gateway's URL, where {to} is the number in digits and {text} the message; both may stand in headers and body too.",
  }),
  "sms.http_method": setting({
    ...oneOf("POST", "GET", "PUT"),
    fallback: "POST",
    about: "How the gateway is asked. Any 2xx means that it took the message; redirects are not followed.",
  }),
  "sms.http_headers": setting({
    ...headerTemplates,
    fallback: undefined,
    secret: true,
    about:
      'Headers for the gateway, such as "Authorization: Bearer …"; {to} and {text} are escaped in them as in URLs.',
  }),
  "sms.http_body": setting({
    ...bodyTemplate,
    fallback: undefined,
    secret: true,
    about: 'What the gateway is sent, such as {"to":"+{to}","text":"{text}"}.',
  }),
  "sms.http_content_type": setting({
    ...line(
      "TYPE",
      /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?charset=[\w-]{1,32})?$/,
      "a media type such as application/json",
    ),
    fallback: "application/json",
    about:
      "What sms.http_body is; it decides how {to} and {text} are escaped there (JSON, forms, XML, else not at all).",
  }),
  "sms.twilio_account_sid": setting({ ...keyId, fallback: undefined, about: "Twilio's name for your account, AC…." }),
  "sms.twilio_auth_token": setting({
    ...secretLine,
    fallback: undefined,
    secret: true,
    about: "The secret of that account.",
  }),
  "sms.twilio_from": setting({
    ...line("TEXT", /^[\w+ .-]{1,64}$/, "a number, a sender's name or MG…"),
    fallback: undefined,
    about:
      "Who Twilio's messages come from: your number (+15557122661), a sender's name, or a messaging service (MG…).",
  }),
  "sms.twilio_url": setting({
    ...webUrl,
    fallback: "https://api.twilio.com",
    about: "Where Twilio's interface is.",
  }),
  "sms.device_topic": setting({
    ...mqttTopic,
    fallback: "sms/send",
    about: 'The MQTT topic on which the sending device finds {"to":"…","text":"…"}; see roost device add.',
  }),
  "sms.countries": setting({
    ...countries,
    fallback: undefined,
    about:
      "Where codes are sent: countries (UA, DE) and first digits of numbers (+380), with commas between. Not set: everywhere but to premium-rate numbers and satellites.",
  }),
  "sms.per_number_hour": setting({ ...limit, fallback: 5, about: "Messages to one number in an hour." }),
  "sms.per_address_hour": setting({
    ...limit,
    fallback: 20,
    about: "Messages one address (IPv6: one /64) may cause in an hour.",
  }),
  "sms.per_prefix_hour": setting({
    ...limit,
    fallback: 200,
    about: "Messages to numbers of one country code in an hour.",
  }),
  "sms.per_day": setting({ ...limit, fallback: 1000, about: "Messages in a day, in all." }),
  "sms.test_numbers": setting({
    ...testNumbers,
    fallback: undefined,
    secret: true,
    about: "Numbers with a fixed code, such as 15550001=903182, with commas between; nothing is sent to them.",
  }),
  "mail.adapter": setting({
    ...oneOf("log", "smtp"),
    fallback: "log",
    about: "How mail is sent. log: into the server's log, for development; smtp: through mail.host.",
  }),
  "mail.host": setting({
    ...line("HOST", /^[\w.:-]{1,253}$/, "a host name or an address"),
    fallback: undefined,
    about: "The mail server.",
  }),
  "mail.port": setting({
    ...count(1, 65_535),
    fallback: 587,
    about: "Its port: 587, or 465 where mail.tls = implicit.",
  }),
  "mail.tls": setting({
    ...oneOf("starttls", "implicit", "none"),
    fallback: "starttls",
    about:
      "starttls: the connection must become TLS before anything is said; implicit: it is TLS from the start; none: for a server on this machine.",
  }),
  "mail.ca": setting({
    ...pemFile,
    fallback: undefined,
    about: "Authorities that may have signed the mail server's certificate, in PEM form; not set: the usual ones.",
  }),
  "mail.user": setting({ ...secretUtf8, fallback: undefined, about: "The name to log in with there." }),
  "mail.password": setting({ ...secretUtf8, fallback: undefined, secret: true, about: "The password for it." }),
  "mail.from": setting({ ...mailbox, fallback: undefined, about: "Who mail comes from: Roost <chat@example.org>." }),
  "mail.timeout": setting({
    ...duration(1, 600),
    fallback: "20 s",
    about: "How long the mail server may be silent.",
  }),
  "aws.operation": setting({
    ...oneOf("AssumeRole", "GetFederationToken", "GetSessionToken"),
    fallback: "AssumeRole",
    about: "What AWS STS is asked for when a user wants temporary credentials. GetSessionToken knows no aws.policy.",
  }),
  "aws.access_key_id": setting({
    ...keyId,
    fallback: undefined,
    about: "The access key to ask with. Not set: users are given no AWS credentials.",
  }),
  "aws.secret_access_key": setting({ ...secretLine, fallback: undefined, secret: true, about: "Its secret." }),
  "aws.session_token": setting({
    ...line("TEXT", /^[\x21-\x7e]{1,16384}$/, "a token without spaces"),
    fallback: undefined,
    secret: true,
    about: "Its session token, where it is a temporary one itself.",
  }),
  "aws.region": setting({
    ...line("REGION", /^[a-z0-9-]{1,64}$/, "a region such as eu-central-1"),
    fallback: "us-east-1",
    about: "The region whose STS is asked.",
  }),
  "aws.endpoint": setting({
    ...webUrl,
    fallback: undefined,
    about: "Another endpoint than AWS's own of that region, for services that are compatible.",
  }),
  "aws.role": setting({
    ...line("ARN", /^[\w+=,.@:/-]{20,2048}$/, "a role's ARN"),
    fallback: undefined,
    about: "The role that AssumeRole takes, arn:aws:iam::….",
  }),
  "aws.duration": setting({
    ...duration(900, 129_600),
    fallback: "1 h",
    about: "How long credentials last: from 15 min, up to 12 h for AssumeRole and 36 h for the others.",
  }),
  "aws.policy": setting({
    ...policyTemplate,
    fallback: undefined,
    about: "A policy in JSON that limits what a user gets, with {phone} and {user_id} in its texts.",
  }),
};
