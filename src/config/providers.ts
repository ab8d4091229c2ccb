/** `Config.sms`, `Config.mail` and `Config.aws`: what the adapters in `src/providers/` are given, and what must be set together. */
import type { AwsOptions } from "../providers/aws.ts";
import type { MailOptions } from "../providers/mail-message.ts";
import type { TestNumber } from "../providers/test-numbers.ts";
import type { CodeSmsOptions } from "../providers/verification-codes/send.ts";
import type { providerSettings } from "./provider-settings.ts";
import type { SettingKey, ValueOf } from "./settings.ts";

export interface ProviderConfig {
  readonly sms: CodeSmsOptions & { readonly testNumbers: readonly TestNumber[] };
  readonly mail: MailOptions;
  /** Undefined where users are given no credentials. */
  readonly aws: AwsOptions | undefined;
}

interface Reading {
  readonly read: <Key extends SettingKey>(key: Key) => ValueOf<Key> | undefined;
  /** For settings with a default. */
  readonly need: <Key extends SettingKey>(key: Key) => ValueOf<Key>;
  readonly absolute: (key: SettingKey, path: string) => string;
  readonly problems: string[];
}

export const readProviders = (reading: Reading): ProviderConfig => ({
  sms: readSms(reading),
  mail: readMail(reading),
  aws: readAws(reading),
});

function readSms({ read, need, problems }: Reading): ProviderConfig["sms"] {
  const adapter = need("sms.adapter");
  const http = {
    url: read("sms.http_url"),
    method: need("sms.http_method"),
    headers: read("sms.http_headers") ?? [],
    body: read("sms.http_body"),
    contentType: need("sms.http_content_type"),
  };
  const twilio = {
    accountSid: read("sms.twilio_account_sid"),
    authToken: read("sms.twilio_auth_token"),
    from: read("sms.twilio_from"),
    url: need("sms.twilio_url"),
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
    device: { topic: need("sms.device_topic") },
    countries: read("sms.countries"),
    limits: {
      perNumberHour: need("sms.per_number_hour"),
      perAddressHour: need("sms.per_address_hour"),
      perPrefixHour: need("sms.per_prefix_hour"),
      perDay: need("sms.per_day"),
    },
    testNumbers: read("sms.test_numbers") ?? [],
  };
}

function readMail({ read, need, absolute, problems }: Reading): MailOptions {
  const ca = read("mail.ca");
  const mail = {
    adapter: need("mail.adapter"),
    host: read("mail.host"),
    port: need("mail.port"),
    tls: need("mail.tls"),
    ca: ca === undefined ? undefined : absolute("mail.ca", ca),
    user: read("mail.user"),
    password: read("mail.password"),
    from: read("mail.from"),
    timeoutSeconds: need("mail.timeout"),
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

function readAws({ read, need, problems }: Reading): AwsOptions | undefined {
  const [accessKeyId, secretAccessKey] = [read("aws.access_key_id"), read("aws.secret_access_key")];
  const others = {
    operation: need("aws.operation"),
    sessionToken: read("aws.session_token"),
    region: need("aws.region"),
    endpoint: read("aws.endpoint"),
    role: read("aws.role"),
    durationSeconds: need("aws.duration"),
    policy: read("aws.policy"),
  };
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    if (accessKeyId !== secretAccessKey) problems.push("aws.access_key_id and aws.secret_access_key need each other");
    return undefined;
  }
  const { operation, role, durationSeconds, policy } = others;
  if (operation === "AssumeRole") {
    if (role === undefined) problems.push("aws.operation = AssumeRole needs aws.role");
    if (durationSeconds > 43_200) problems.push("aws.duration: AssumeRole gives at most 12 h");
  }
  if (operation === "GetSessionToken" && policy !== undefined) {
    problems.push("aws.policy: GetSessionToken knows none, so every user would get all that the access key may do");
  }
  return { ...others, accessKeyId, secretAccessKey };
}

type Shown = string | number | boolean | null;

const hidden = (value: unknown): Shown => (value === undefined ? null : "(set)");

/** What is in force, for a reader. */
export function shownProviders({
  sms,
  mail,
  aws,
}: ProviderConfig): Readonly<Record<keyof typeof providerSettings, Shown>> {
  return {
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
    "mail.adapter": mail.adapter,
    "mail.host": mail.host ?? null,
    "mail.port": mail.port,
    "mail.tls": mail.tls,
    "mail.ca": mail.ca ?? null,
    "mail.user": mail.user ?? null,
    "mail.password": hidden(mail.password),
    "mail.from": mail.from === undefined ? null : `${mail.from.name} <${mail.from.address}>`.trim(),
    "mail.timeout": mail.timeoutSeconds,
    "aws.operation": aws?.operation ?? null,
    "aws.access_key_id": aws?.accessKeyId ?? null,
    "aws.secret_access_key": hidden(aws?.secretAccessKey),
    "aws.session_token": hidden(aws?.sessionToken),
    "aws.region": aws?.region ?? null,
    "aws.endpoint": aws?.endpoint ?? null,
    "aws.role": aws?.role ?? null,
    "aws.duration": aws?.durationSeconds ?? null,
    "aws.policy": aws?.policy ?? null,
  };
}
