/**
 * Flags, environment and file become one frozen Config that knows where each value came from. Flags win over
 * `ROOST_*` variables, those over `roost.toml`, that over the defaults. One table describes every setting
 * (`config/settings.ts`). Whatever is wrong is reported at once.
 */
import { dirname, resolve } from "node:path";
import { type AuthConfig, readAuth } from "./config/auth-settings.ts";
import { readAws } from "./config/aws-settings.ts";
import { type FilesConfig, readFiles } from "./config/file-settings.ts";
import { type Limits, readLimits } from "./config/limit-settings.ts";
import { readMail } from "./config/mail-settings.ts";
import { type MqttConfig, type MqttsConfig, readMqtt, readMqtts } from "./config/mqtt-settings.ts";
import { type ProxyConfig, readProxy } from "./config/proxy-settings.ts";
import { type RestConfig, readRest } from "./config/rest-settings.ts";
import { readServer, type ServerConfig } from "./config/server-settings.ts";
import { type SettingKey, settingKeys, settingsTable, variableOf } from "./config/settings.ts";
import { readSms, type SmsConfig } from "./config/sms-settings.ts";
import {
  type ConfigSources,
  type Given,
  locateFile,
  type Origin,
  readSettingsFile,
  readVariables,
} from "./config/sources.ts";
import { readTls, type TlsConfig } from "./config/tls-settings.ts";
import { type Reading, Unusable } from "./config/values.ts";
import { readWeb, type WebConfig } from "./config/web-settings.ts";
import { readWebhooks, type WebhookConfig } from "./config/webhook-settings.ts";
import { readWebsocket, type WebsocketConfig } from "./config/websocket-settings.ts";
import { isSocketPath } from "./lib/address.ts";
import type { AwsOptions } from "./providers/aws.ts";
import type { MailOptions } from "./providers/mail-message.ts";

export interface Config extends ServerConfig {
  /** Where roost.toml is looked for, absolute; it need not exist. */
  readonly file: string;
  readonly tls: TlsConfig | undefined;
  readonly proxy: ProxyConfig;
  readonly mqtt: MqttConfig;
  readonly mqtts: MqttsConfig;
  readonly auth: AuthConfig;
  readonly web: WebConfig;
  readonly ws: WebsocketConfig;
  readonly rest: RestConfig;
  readonly webhooks: WebhookConfig;
  readonly sms: SmsConfig;
  readonly mail: MailOptions;
  /** Undefined where users are given no credentials. */
  readonly aws: AwsOptions | undefined;
  readonly files: FilesConfig;
  readonly limits: Limits;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
}

/** Everything that is wrong with the configuration, a sentence each. Never quotes a secret. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** The others' defaults are shares of the first. */
const inOrder = new Set<SettingKey>(["limits.memory_bytes", ...settingKeys]);

/** Throws `ConfigError` with every problem there is. */
export function loadConfig({ flags = {}, env, readFile, cwd = process.cwd() }: ConfigSources): Config {
  const problems: string[] = [];
  const variables = readVariables(env, readFile, problems);

  const { file, named } = locateFile({ flags, env, cwd });
  const inFile = readSettingsFile({ file, mustExist: named, readFile, problems });
  if (!named && inFile.delete("data")) {
    problems.push(
      `${file}: data cannot be set in the file that is found through it; use --data or ${variableOf("data")}`,
    );
  }

  const origins: Partial<Record<SettingKey, Origin>> = {};
  const optional: Partial<Record<SettingKey, unknown>> = {};
  const needed: Partial<Record<SettingKey, unknown>> = {};
  // One loop, and no function called for each: the runtime's optimiser is not to start for it.
  for (const key of inOrder) {
    const { parse, fallback, secret, memoryShare } = settingsTable[key];
    const flag = flags[key];
    const given: Given | undefined =
      flag === undefined
        ? (variables.get(key) ?? inFile.get(key))
        : { raw: flag, origin: { kind: "flag", name: settingsTable[key].flag ?? key } };
    origins[key] = given?.origin ?? { kind: "default" };
    const raw = given?.raw ?? fallback;
    if (raw === undefined) continue;
    try {
      let value: unknown = parse(raw);
      if (given === undefined && memoryShare !== undefined && typeof value === "number") {
        value = Math.min(value, Math.floor(Number(needed["limits.memory_bytes"]) * memoryShare));
      }
      optional[key] = value;
      needed[key] = value;
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      const shown = secret ? "the value" : JSON.stringify(raw);
      problems.push(`${nameOfOrigin(key, given?.origin)}: ${shown} cannot be used: ${error.message}`);
      // Beside a problem it is not used.
      if (fallback !== undefined) needed[key] = parse(fallback);
    }
  }

  /** A path in the file starts where the file is. */
  const absolute = (key: SettingKey, value: string): string =>
    resolve(origins[key]?.kind === "file" ? dirname(file) : cwd, value);
  const reading = { optional, needed, absolute, problems } as Reading<typeof settingsTable>;
  const tls = readTls(reading);
  const values = {
    ...readServer(reading),
    file,
    tls,
    proxy: readProxy(reading),
    mqtt: readMqtt(reading),
    mqtts: readMqtts(reading, tls),
    auth: readAuth(reading),
    web: readWeb(reading),
    ws: readWebsocket(reading),
    rest: readRest(reading),
    webhooks: readWebhooks(reading),
    sms: readSms(reading),
    mail: readMail(reading),
    aws: readAws(reading),
    files: readFiles(reading),
    limits: readLimits(reading),
  };
  if (values.http.tls === "on" && tls === undefined) problems.push("http.tls needs tls.certificate and tls.key");
  if (values.mqtt.proxyProtocol === "on" && values.proxy.trusted.length === 0) {
    problems.push("mqtt.proxy_protocol needs proxy.trusted: a PROXY header counts from a trusted proxy alone");
  }
  const ports = [
    ["http.listen", isSocketPath(values.http.listen) ? 0 : values.http.listen.port],
    ["mqtt.listen", values.mqtt.listen?.port ?? 0],
    ["mqtts.listen", values.mqtts.listen?.port ?? 0],
  ] as const;
  for (const [at, [name, port]] of ports.entries()) {
    const other = ports.slice(0, at).find((earlier) => earlier[1] === port);
    if (port !== 0 && other !== undefined) {
      problems.push(`${other[0]} and ${name} are both on port ${port}; give one of them another`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze({ ...values, origins: origins as Record<SettingKey, Origin> });
}

const nameOfOrigin = (key: SettingKey, origin: Origin | undefined): string => {
  if (origin === undefined || origin.kind === "default") return key;
  if (origin.kind === "file") return `${origin.path}: ${key}`;
  return origin.kind === "environment file" ? `${origin.name} (${origin.path})` : origin.name;
};

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
