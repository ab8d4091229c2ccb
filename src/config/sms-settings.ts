/** Settings of text messages, `sms.…`, and what their adapters in `src/providers/` are given (`Config.sms`). */
import type { TestNumber } from "../providers/test-numbers.ts";
import type { CodeSmsOptions } from "../providers/verification-codes/send.ts";
import {
  checkPlaces,
  count,
  hidden,
  items,
  keyId,
  line,
  oneOf,
  type Raw,
  type Reading,
  type Shown,
  secretLine,
  settingsOf,
  Unusable,
  webUrl,
} from "./values.ts";

export type SmsConfig = CodeSmsOptions & { readonly testNumbers: readonly TestNumber[] };

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

const limit = count(1, 1_000_000);

export const smsSettings = settingsOf({
  "sms.adapter": {
    ...oneOf("log", "http", "twilio", "device"),
    fallback: "log",
    about:
      "How codes are sent. log: into the server's log, for development; http: through any gateway; twilio; device: over MQTT to a device that sends them.",
  },
  "sms.http_url": {
    ...urlTemplate,
    fallback: undefined,
    secret: true,
    about:
      "The gateway's URL, where {to} is the number in digits and {text} the message; both may stand in headers and body too.",
  },
  "sms.http_method": {
    ...oneOf("POST", "GET", "PUT"),
    fallback: "POST",
    about: "How the gateway is asked. Any 2xx means that it took the message; redirects are not followed.",
  },
  "sms.http_headers": {
    ...headerTemplates,
    fallback: undefined,
    secret: true,
    about:
      'Headers for the gateway, such as "Authorization: Bearer …"; {to} and {text} are escaped in them as in URLs.',
  },
  "sms.http_body": {
    ...bodyTemplate,
    fallback: undefined,
    secret: true,
    about: 'What the gateway is sent, such as {"to":"+{to}","text":"{text}"}.',
  },
  "sms.http_content_type": {
    ...line(
      "TYPE",
      /^[\w.+-]{1,64}\/[\w.+-]{1,64}(?:; ?charset=[\w-]{1,32})?$/,
      "a media type such as application/json",
    ),
    fallback: "application/json",
    about:
      "What sms.http_body is; it decides how {to} and {text} are escaped there (JSON, forms, XML, else not at all).",
  },
  "sms.twilio_account_sid": { ...keyId, fallback: undefined, about: "Twilio's name for your account, AC…." },
  "sms.twilio_auth_token": {
    ...secretLine,
    fallback: undefined,
    secret: true,
    about: "The secret of that account.",
  },
  "sms.twilio_from": {
    ...line("TEXT", /^[\w+ .-]{1,64}$/, "a number, a sender's name or MG…"),
    fallback: undefined,
    about:
      "Who Twilio's messages come from: your number (+15557122661), a sender's name, or a messaging service (MG…).",
  },
  "sms.twilio_url": {
    ...webUrl,
    fallback: "https://api.twilio.com",
    about: "Where Twilio's interface is.",
  },
  "sms.device_topic": {
    ...mqttTopic,
    fallback: "sms/send",
    about: 'The MQTT topic on which the sending device finds {"to":"…","text":"…"}; see roost device add.',
  },
  "sms.countries": {
    ...countries,
    fallback: undefined,
    about:
      "Where codes are sent: countries (UA, DE) and first digits of numbers (+380), with commas between. Not set: everywhere but to premium-rate numbers and satellites.",
  },
  "sms.per_number_hour": { ...limit, fallback: 5, about: "Messages to one number in an hour." },
  "sms.per_address_hour": {
    ...limit,
    fallback: 20,
    about: "Messages one address (IPv6: one /64) may cause in an hour.",
  },
  "sms.per_prefix_hour": {
    ...limit,
    fallback: 200,
    about: "Messages to numbers of one country code in an hour.",
  },
  "sms.per_day": { ...limit, fallback: 1000, about: "Messages in a day, in all." },
  "sms.test_numbers": {
    ...testNumbers,
    fallback: undefined,
    secret: true,
    about: "Numbers with a fixed code, such as 15550001=903182, with commas between; nothing is sent to them.",
  },
});

export function readSms({ optional, needed, problems }: Reading<typeof smsSettings>): SmsConfig {
  const adapter = needed["sms.adapter"];
  const http = {
    url: optional["sms.http_url"],
    method: needed["sms.http_method"],
    headers: optional["sms.http_headers"] ?? [],
    body: optional["sms.http_body"],
    contentType: needed["sms.http_content_type"],
  };
  const twilio = {
    accountSid: optional["sms.twilio_account_sid"],
    authToken: optional["sms.twilio_auth_token"],
    from: optional["sms.twilio_from"],
    url: needed["sms.twilio_url"],
  };
  if (adapter === "http" && http.url === undefined) problems.push("sms.adapter = http needs sms.http_url");
  if (adapter === "http" && http.url !== undefined) {
    const templates = [http.url, http.body ?? "", ...http.headers.map(([, value]) => value)].join("\n");
    for (const place of ["{to}", "{text}"]) {
      if (!templates.includes(place)) problems.push(`sms.http_url, sms.http_body and sms.http_headers lack ${place}`);
    }
    if (http.method === "GET" && http.body !== undefined) problems.push("sms.http_method = GET has no sms.http_body");
  }
  if (adapter === "twilio" && [twilio.accountSid, twilio.authToken, twilio.from].includes(undefined)) {
    problems.push("sms.adapter = twilio needs sms.twilio_account_sid, sms.twilio_auth_token and sms.twilio_from");
  }
  return {
    adapter,
    http,
    twilio,
    device: { topic: needed["sms.device_topic"] },
    countries: optional["sms.countries"],
    limits: {
      perNumberHour: needed["sms.per_number_hour"],
      perAddressHour: needed["sms.per_address_hour"],
      perPrefixHour: needed["sms.per_prefix_hour"],
      perDay: needed["sms.per_day"],
    },
    testNumbers: optional["sms.test_numbers"] ?? [],
  };
}

/** What is in force, for a reader. */
export const shownSms = (sms: SmsConfig): Shown<typeof smsSettings> => ({
  "sms.adapter": sms.adapter,
  "sms.http_url": hidden(sms.http.url),
  "sms.http_method": sms.http.method,
  "sms.http_headers": hidden(sms.http.headers[0]),
  "sms.http_body": hidden(sms.http.body),
  "sms.http_content_type": sms.http.contentType,
  "sms.twilio_account_sid": sms.twilio.accountSid ?? null,
  "sms.twilio_auth_token": hidden(sms.twilio.authToken),
  "sms.twilio_from": sms.twilio.from ?? null,
  "sms.twilio_url": sms.twilio.url,
  "sms.device_topic": sms.device.topic,
  "sms.countries": sms.countries?.join(", ") ?? null,
  "sms.per_number_hour": sms.limits.perNumberHour,
  "sms.per_address_hour": sms.limits.perAddressHour,
  "sms.per_prefix_hour": sms.limits.perPrefixHour,
  "sms.per_day": sms.limits.perDay,
  "sms.test_numbers": hidden(sms.testNumbers[0]),
});
