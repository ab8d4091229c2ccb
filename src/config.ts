/**
 * Flags, environment and file become one frozen Config that knows where each value came from. Flags win over
 * `ROOST_*` variables, those over `roost.toml`, that over the defaults. One table describes every setting
 * (`config/settings.ts`). Whatever is wrong is reported at once.
 */
import { dirname, resolve } from "node:path";
import type { FilesConfig } from "./config/file-settings.ts";
import { type Limits, limitKeys, limitNameOf } from "./config/limit-settings.ts";
import { type MqttConfig, readMqtt } from "./config/mqtt-settings.ts";
import { type ProviderConfig, readProviders } from "./config/providers.ts";
import { type RestConfig, readRest } from "./config/rest-settings.ts";
import { type SettingKey, settingKeys, settingsTable, type ValueOf, variableOf } from "./config/settings.ts";
import {
  type ConfigSources,
  type Given,
  locateFile,
  type Origin,
  readSettingsFile,
  readVariables,
} from "./config/sources.ts";
import { Unusable } from "./config/values.ts";
import { readWebhooks, type WebhookConfig } from "./config/webhook-settings.ts";
import { readWebsocket, type WebsocketConfig } from "./config/websocket-settings.ts";
import type { Address } from "./lib/address.ts";

export interface Config extends ProviderConfig {
  /** Absolute. */
  readonly data: string;
  /** Where roost.toml is looked for, absolute; it need not exist. */
  readonly file: string;
  readonly http: { readonly listen: Address; readonly tls: "off" | "on" };
  readonly mqtt: MqttConfig;
  readonly participants: {
    readonly accessTokenMs: number;
    readonly refreshTokenMs: number;
    readonly openTokens: boolean;
    readonly requireSignature: boolean;
  };
  readonly mqtts: { readonly listen: Address | null };
  /** Absolute paths. */
  readonly tls:
    | {
        readonly certificate: string;
        readonly key: string;
        /** MQTT clients are asked for certificates signed by one of `ca`. */
        readonly clients?: { readonly ca: string; readonly required: boolean } | undefined;
      }
    | undefined;
  readonly durability: "disk" | "os";
  readonly directory: "all" | "contacts";
  readonly registration: "open" | "invite" | "off";
  readonly migrationCode: "optional" | "required";
  /** Whether a client of AUTH may bring its own. */
  readonly clientTokens: boolean;
  readonly backendKey: string | undefined;
  /** Usernames, or `user.<userId>`. */
  readonly admins: readonly string[];
  readonly log: { readonly level: LogLevel; readonly format: "auto" | "text" | "json" };
  readonly login: {
    readonly failuresPerAddressMinute: number;
    readonly failuresPerAccountHour: number;
    readonly registrationsPerAddressHour: number;
  };
  readonly ws: WebsocketConfig;
  readonly files: FilesConfig;
  readonly rest: RestConfig;
  readonly webhooks: WebhookConfig;
  readonly limits: Limits;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Everything that is wrong with the configuration, a sentence each. Never quotes a secret. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Throws `ConfigError` with every problem there is. */
export function loadConfig({ flags = {}, env, readFile, cwd = process.cwd() }: ConfigSources): Config {
  const problems: string[] = [];
  const variables = readVariables(env, readFile, problems);
  const fromFlagOrVariable = (key: SettingKey): Given | undefined => {
    const raw = flags[key];
    if (raw === undefined) return variables.get(key);
    return { raw, origin: { kind: "flag", name: settingsTable[key].flag ?? key } };
  };

  const { file, named } = locateFile({ flags, env, cwd });
  const inFile = readSettingsFile({ file, mustExist: named, readFile, problems });
  if (!named && inFile.delete("data")) {
    problems.push(
      `${file}: data cannot be set in the file that is found through it; use --data or ${variableOf("data")}`,
    );
  }

  const origins = new Map<SettingKey, Origin>();
  const understood = new Map<SettingKey, unknown>();
  /** Understood once, however many parts of the program are given it, so that what is wrong is said once. */
  const read = <Key extends SettingKey>(key: Key): ValueOf<Key> | undefined => {
    if (!understood.has(key)) understood.set(key, understand(key));
    return understood.get(key) as ValueOf<Key> | undefined;
  };
  const understand = <Key extends SettingKey>(key: Key): ValueOf<Key> | undefined => {
    const { parse, fallback, secret } = settingsTable[key];
    const given = fromFlagOrVariable(key) ?? inFile.get(key);
    origins.set(key, given?.origin ?? { kind: "default" });
    const raw = given?.raw ?? fallback;
    if (raw === undefined) return undefined;
    try {
      return parse(raw);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      const shown = secret ? "the value" : JSON.stringify(raw);
      problems.push(`${nameOfOrigin(key, given?.origin)}: ${shown} cannot be used: ${error.message}`);
      return undefined;
    }
  };
  /** For settings with a default: undefined only beside a problem, and then the value is not used. */
  const need = <Key extends SettingKey>(key: Key): ValueOf<Key> => {
    const value = read(key);
    const { parse, fallback } = settingsTable[key];
    return value === undefined ? parse(fallback ?? "") : value;
  };

  /** A path in the file starts where the file is. */
  const absolute = (key: SettingKey, value: string): string =>
    resolve(fromFlagOrVariable(key) === undefined && inFile.has(key) ? dirname(file) : cwd, value);
  const [certificate, key, clientCa] = (["tls.certificate", "tls.key", "tls.client_ca"] as const).map((name) => {
    const value = read(name);
    return value === undefined ? undefined : absolute(name, value);
  });
  const required = need("tls.require_client_certificate");
  const files = bothOrNone([certificate, key], problems);
  const clients = clientCa === undefined ? undefined : { ca: clientCa, required };
  const tls = files === undefined ? undefined : { ...files, clients };
  if (required && clientCa === undefined) problems.push("tls.require_client_certificate needs tls.client_ca");
  if (clientCa !== undefined && certificate === undefined && key === undefined) {
    problems.push("tls.client_ca needs tls.certificate and tls.key");
  }
  const mqttsListen = need("mqtts.listen");
  if (mqttsListen !== "auto" && mqttsListen !== null && tls === undefined) {
    problems.push("mqtts.listen needs tls.certificate and tls.key");
  }
  const values = {
    data: absolute("data", need("data")),
    file,
    http: { listen: need("http.listen"), tls: need("http.tls") },
    mqtt: readMqtt({ need }),
    participants: {
      accessTokenMs: need("rest.access_token_lifetime") * 1000,
      refreshTokenMs: need("rest.refresh_token_lifetime") * 1000,
      openTokens: need("rest.open_tokens"),
      requireSignature: need("rest.require_signature"),
    },
    mqtts: { listen: mqttsListen !== "auto" ? mqttsListen : tls === undefined ? null : { hostname: "::", port: 8883 } },
    tls,
    durability: need("durability"),
    directory: need("directory"),
    registration: need("registration"),
    migrationCode: need("migration_code"),
    clientTokens: need("auth.client_tokens"),
    backendKey: read("backend_key"),
    admins: read("admins") ?? [],
    log: { level: need("log.level"), format: need("log.format") },
    login: {
      failuresPerAddressMinute: need("login.failures_per_minute"),
      failuresPerAccountHour: need("login.failures_per_account_hour"),
      registrationsPerAddressHour: need("registrations_per_address_hour"),
    },
    ws: readWebsocket({ read, need }),
    rest: readRest({ read, need }),
    webhooks: readWebhooks({ read, need, absolute }),
    ...readProviders({ read, need, absolute, problems }),
    files: {
      bytesMin: need("files.min_bytes"),
      bytesMax: need("files.max_bytes"),
      totalBytesMax: need("files.total_bytes"),
    },
    limits: Object.fromEntries(limitKeys.map((key) => [limitNameOf(key), need(key)])) as Limits,
  };
  if (values.http.tls === "on" && tls === undefined) problems.push("http.tls needs tls.certificate and tls.key");
  const ports = [
    ["http.listen", values.http.listen.port],
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
  return deepFreeze({ ...values, origins: completeOrigins(origins) });
}

function bothOrNone(
  [certificate, key]: readonly (string | undefined)[],
  problems: string[],
): { readonly certificate: string; readonly key: string } | undefined {
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate !== undefined) problems.push("tls.certificate is set and tls.key is not; TLS needs both");
  if (key !== undefined) problems.push("tls.key is set and tls.certificate is not; TLS needs both");
  return undefined;
}

const nameOfOrigin = (key: SettingKey, origin: Origin | undefined): string => {
  if (origin === undefined || origin.kind === "default") return key;
  if (origin.kind === "file") return `${origin.path}: ${key}`;
  return origin.kind === "environment file" ? `${origin.name} (${origin.path})` : origin.name;
};

function completeOrigins(origins: ReadonlyMap<SettingKey, Origin>): Record<SettingKey, Origin> {
  const complete: Partial<Record<SettingKey, Origin>> = {};
  for (const key of settingKeys) complete[key] = origins.get(key) ?? { kind: "default" };
  return complete as Record<SettingKey, Origin>;
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
