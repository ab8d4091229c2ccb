/**
 * Flags, environment and file become one frozen Config that knows where each value came from. Flags win over
 * `ROOST_*` variables, those over `roost.toml`, that over the defaults. One table describes every setting; the loader,
 * `init`, `config show` and the help texts are all derived from it. Whatever is wrong is reported at once.
 */
import { dirname, resolve } from "node:path";
import { type Address, formatAddress, parseAddress } from "./lib/address.ts";
import { nearest } from "./lib/nearest.ts";

/** As it stands in a flag, a variable or the file, before it is understood. */
type Raw = string | number | boolean;

interface Setting<Value> {
  /** Understands a value, or throws `Unusable` saying what was expected. */
  readonly parse: (raw: Raw) => Value;
  /** What stands here when nobody says anything; undefined means "not set". */
  readonly fallback: Raw | undefined;
  /** One sentence for the operator. */
  readonly about: string;
  /** The values it may have, for help texts. */
  readonly form: string;
  /** Never shown, and readable from a file named by the variable with `_FILE` behind it. */
  readonly secret?: true;
  readonly flag?: string;
  /** SIGHUP applies a new value; the others need a restart. */
  readonly live?: true;
}

class Unusable extends Error {}

const path = { form: "DIR", parse: (raw: Raw) => String(raw) };
const pemFile = { form: "FILE", parse: (raw: Raw) => String(raw) };

const address = {
  form: "HOST:PORT",
  parse: (raw: Raw): Address => {
    const parsed = parseAddress(String(raw));
    if (parsed === undefined)
      throw new Unusable("expected HOST:PORT, [IPV6]:PORT or PORT, with a port from 0 to 65535");
    return parsed;
  },
};

/** `off` means: do not listen. */
const addressOrOff = {
  form: "HOST:PORT | off",
  parse: (raw: Raw): Address | null => (raw === "off" || raw === false ? null : address.parse(raw)),
};

/** `auto` means: the customary port where there is a certificate, else not at all. */
const addressAutoOrOff = {
  form: "HOST:PORT | auto | off",
  parse: (raw: Raw): Address | null | "auto" => (raw === "auto" ? "auto" : addressOrOff.parse(raw)),
};

function oneOf<const Name extends string>(...names: readonly Name[]) {
  return {
    form: names.join(" | "),
    parse: (raw: Raw): Name => {
      const name = names.find((one) => one === raw);
      if (name === undefined) throw new Unusable(`expected ${names.join(" or ")}`);
      return name;
    },
  };
}

function count(min: number, max: number) {
  return {
    form: "NUMBER",
    parse: (raw: Raw): number => {
      const value = typeof raw === "number" ? raw : /^\d{1,15}$/.test(String(raw)) ? Number(raw) : Number.NaN;
      if (!Number.isInteger(value) || value < min || value > max) {
        throw new Unusable(`expected a whole number from ${min} to ${max}`);
      }
      return value;
    },
  };
}

const kib = 1024;
const mib = 1024 * kib;
const unitBytes: Readonly<Record<string, number>> = { "": 1, B: 1, KIB: kib, MIB: mib, GIB: 1024 * mib };

/** Bytes as a number, or with a unit: `16 MiB`. */
function bytes(min: number, max: number) {
  return {
    form: "BYTES",
    parse: (raw: Raw): number => {
      const match = /^(\d{1,15})\s*([a-z]*)$/i.exec(String(raw).trim());
      const unit = unitBytes[(match?.[2] ?? "").toUpperCase()];
      const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
      if (!(value >= min && value <= max)) {
        throw new Unusable(`expected a size from ${min} to ${max} bytes, such as ${min}, 512 KiB or 16 MiB`);
      }
      return value;
    },
  };
}

const yesOrNo = {
  form: "true | false",
  parse: (raw: Raw): boolean => {
    if (raw === true || raw === "true") return true;
    if (raw === false || raw === "false") return false;
    throw new Unusable("expected true or false");
  },
};

/** Long enough not to be guessed, and printable, since it travels in a header. */
const secretText = {
  form: "TEXT",
  parse: (raw: Raw): string => {
    if (typeof raw !== "string" || !/^[\x21-\x7e]{16,512}$/.test(raw)) {
      throw new Unusable("expected 16 to 512 printable ASCII characters without spaces");
    }
    return raw;
  },
};

function setting<Value>(one: Setting<Value>): Setting<Value> {
  return one;
}

export const settings = {
  data: setting({
    ...path,
    fallback: "./roost-data",
    flag: "--data",
    about: "The folder that holds everything: database, operator socket and, unless told otherwise, roost.toml.",
  }),
  "http.listen": setting({
    ...address,
    fallback: "[::]:8080",
    flag: "--http",
    about: "Where REST, the WebSocket front and MQTT over WebSocket listen. [::] is every interface, IPv4 included.",
  }),
  "http.tls": setting({
    ...oneOf("off", "on"),
    fallback: "off",
    about: "on: HTTPS and WSS there, with tls.certificate; off: leave that to a proxy.",
  }),
  "mqtt.listen": setting({
    ...addressOrOff,
    fallback: "[::]:1883",
    flag: "--mqtt",
    about: "Where MQTT listens on TCP; off closes that door.",
  }),
  "mqtts.listen": setting({
    ...addressAutoOrOff,
    fallback: "auto",
    about: "Where MQTT listens on TLS; auto is [::]:8883 where there is a certificate.",
  }),
  "tls.certificate": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The server's certificate, then those between it and the root, in PEM form.",
  }),
  "tls.key": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The certificate's private key in PEM form, without a passphrase.",
  }),
  "tls.client_ca": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "MQTT on TLS asks clients for certificates signed by one of these, in PEM form; see roost device add.",
  }),
  "tls.require_client_certificate": setting({
    ...yesOrNo,
    fallback: false,
    live: true,
    about: "true: MQTT on TLS refuses clients without a certificate; false: they may log in by password.",
  }),
  "mqtt.anonymous": setting({
    ...oneOf("off", "full"),
    fallback: "off",
    about: "MQTT without credentials: off refuses it, full is an open broker for a trusted network.",
  }),
  "mqtt.sys_interval": setting({
    ...count(0, 86_400),
    fallback: 10,
    about: "Seconds between two publications of $SYS/broker/…, which are for mqtt.anonymous = full; 0: none.",
  }),
  durability: setting({
    ...oneOf("disk", "os"),
    fallback: "disk",
    about:
      "disk: an acknowledgement means the message is on disk. os: it is with the operating system; a power cut may lose it.",
  }),
  registration: setting({
    ...oneOf("open", "off"),
    fallback: "open",
    about: "Whether people may register by themselves; off leaves it to the operator (roost user add) and the backend.",
  }),
  backend_key: setting({
    ...secretText,
    fallback: undefined,
    secret: true,
    about:
      "The key a backend shows on REST. Without one it is made at the first start and rotated by roost key rotate.",
  }),
  "log.level": setting({
    ...oneOf("debug", "info", "warn", "error"),
    fallback: "info",
    live: true,
    about: "The least important lines that are logged.",
  }),
  "log.format": setting({
    ...oneOf("auto", "text", "json"),
    fallback: "auto",
    about: "auto: text on a terminal, JSON lines otherwise.",
  }),
  registrations_per_address_hour: setting({
    ...count(1, 1_000_000),
    fallback: 60,
    about: "Accounts one address may register in an hour before it is told to try later.",
  }),
  "login.failures_per_minute": setting({
    ...count(1, 1_000_000),
    fallback: 30,
    about: "Wrong secrets one address may show in a minute before it is told to try later.",
  }),
  "login.failures_per_account_hour": setting({
    ...count(1, 1_000_000),
    fallback: 10,
    about: "Wrong secrets one account may be shown in an hour before it is told to try later.",
  }),
  "limits.message_bytes": setting({
    ...bytes(1, 64 * mib),
    fallback: "1 MiB",
    about: "The content of one chat message, through whichever door.",
  }),
  "limits.rest_body_bytes": setting({
    ...bytes(kib, 1024 * mib),
    fallback: "16 MiB",
    about: "The body of one REST request.",
  }),
  "limits.websocket_frame_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "16 MiB",
    about: "One frame a WebSocket client may send.",
  }),
  "limits.mqtt_packet_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "1 MiB",
    about: "One MQTT packet, header included.",
  }),
  "limits.mqtt_connections": setting({
    ...count(1, 1_000_000),
    fallback: 100_000,
    about: "MQTT connections at one time.",
  }),
  "limits.mqtt_connections_per_address": setting({
    ...count(1, 1_000_000),
    fallback: 1000,
    about: "MQTT connections of one address at one time; more where a proxy stands in front.",
  }),
  "limits.mqtt_connects_per_address_second": setting({
    ...count(1, 1_000_000),
    fallback: 100,
    about: "New MQTT connections of one address in a second.",
  }),
  "limits.mqtt_subscriptions": setting({
    ...count(1, 1_000_000),
    fallback: 1000,
    about: "Topic filters one MQTT session may subscribe to.",
  }),
  "limits.mqtt_queued_messages": setting({
    ...count(1, 1_000_000),
    fallback: 10_000,
    about: "Messages that may wait for one MQTT session.",
  }),
  "limits.mqtt_queued_bytes": setting({
    ...bytes(kib, 1024 * mib),
    fallback: "64 MiB",
    about: "Bytes that may wait for one MQTT session.",
  }),
  "limits.mqtt_retained_messages": setting({
    ...count(0, 10_000_000),
    fallback: 100_000,
    about: "MQTT messages that may be retained.",
  }),
  "limits.mqtt_retained_bytes": setting({
    ...bytes(kib, 16 * 1024 * mib),
    fallback: "256 MiB",
    about: "Bytes of all retained MQTT messages, which are kept in memory.",
  }),
};

export type SettingKey = keyof typeof settings;
type ValueOf<Key extends SettingKey> = (typeof settings)[Key] extends Setting<infer Value> ? Value : never;
const table: { readonly [Key in SettingKey]: Setting<ValueOf<Key>> } = settings;

export const settingKeys = Object.keys(settings).filter((key): key is SettingKey => key in settings);
/** `http.listen` → `ROOST_HTTP_LISTEN`. */
export const variableOf = (key: SettingKey): string => `ROOST_${key.replaceAll(".", "_").toUpperCase()}`;
const fileVariable = "ROOST_CONFIG";

export type Origin =
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  /** A secret read from the file that the variable names. */
  | { readonly kind: "environment file"; readonly name: string; readonly path: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "default" };

export interface Config {
  /** Absolute. */
  readonly data: string;
  /** Where roost.toml is looked for, absolute; it need not exist. */
  readonly file: string;
  readonly http: { readonly listen: Address; readonly tls: "off" | "on" };
  readonly mqtt: {
    readonly listen: Address | null;
    readonly anonymous: "off" | "full";
    readonly sysIntervalSeconds: number;
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
  readonly registration: "open" | "off";
  readonly backendKey: string | undefined;
  readonly log: { readonly level: LogLevel; readonly format: "auto" | "text" | "json" };
  readonly login: {
    readonly failuresPerAddressMinute: number;
    readonly failuresPerAccountHour: number;
    readonly registrationsPerAddressHour: number;
  };
  readonly limits: {
    readonly messageBytesMax: number;
    readonly restBodyBytesMax: number;
    readonly websocketFrameBytesMax: number;
    readonly mqttPacketBytesMax: number;
    readonly mqttConnectionsMax: number;
    readonly mqttConnectionsPerAddressMax: number;
    readonly mqttConnectsPerAddressSecondMax: number;
    readonly mqttSubscriptionsMax: number;
    readonly mqttQueuedMessagesMax: number;
    readonly mqttQueuedBytesMax: number;
    readonly mqttRetainedMessagesMax: number;
    readonly mqttRetainedBytesMax: number;
  };
  readonly origins: Readonly<Record<SettingKey, Origin>>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Flags by the setting they stand for; `config` names the file. */
export type Flags = { readonly [Key in SettingKey | "config"]?: string | undefined };

export interface ConfigSources {
  readonly flags?: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; undefined where there is none. Throws where it cannot be read. */
  readonly readFile: (path: string) => string | undefined;
  /** Relative paths start here. */
  readonly cwd?: string;
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

interface Given {
  readonly raw: Raw;
  readonly origin: Origin;
}

/** Throws `ConfigError` with every problem there is. */
export function loadConfig({ flags = {}, env, readFile, cwd = process.cwd() }: ConfigSources): Config {
  const problems: string[] = [];
  const variables = readVariables(env, readFile, problems);
  const fromFlagOrVariable = (key: SettingKey): Given | undefined => {
    const raw = flags[key];
    if (raw === undefined) return variables.get(key);
    return { raw, origin: { kind: "flag", name: table[key].flag ?? key } };
  };

  const { file, named } = locateFile({ flags, env, cwd });
  const inFile = readSettingsFile({ file, mustExist: named, readFile, problems });
  if (!named && inFile.delete("data")) {
    problems.push(
      `${file}: data cannot be set in the file that is found through it; use --data or ${variableOf("data")}`,
    );
  }

  const origins = new Map<SettingKey, Origin>();
  const read = <Key extends SettingKey>(key: Key): ValueOf<Key> | undefined => {
    const { parse, fallback, secret } = table[key];
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
  /** For settings with a default: undefined only beside a problem, and then nobody sees the value. */
  const need = <Key extends SettingKey>(key: Key): ValueOf<Key> => {
    const value = read(key);
    const { parse, fallback } = table[key];
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
    mqtt: {
      listen: need("mqtt.listen"),
      anonymous: need("mqtt.anonymous"),
      sysIntervalSeconds: need("mqtt.sys_interval"),
    },
    mqtts: { listen: mqttsListen !== "auto" ? mqttsListen : tls === undefined ? null : address.parse("[::]:8883") },
    tls,
    durability: need("durability"),
    registration: need("registration"),
    backendKey: read("backend_key"),
    log: { level: need("log.level"), format: need("log.format") },
    login: {
      failuresPerAddressMinute: need("login.failures_per_minute"),
      failuresPerAccountHour: need("login.failures_per_account_hour"),
      registrationsPerAddressHour: need("registrations_per_address_hour"),
    },
    limits: {
      messageBytesMax: need("limits.message_bytes"),
      restBodyBytesMax: need("limits.rest_body_bytes"),
      websocketFrameBytesMax: need("limits.websocket_frame_bytes"),
      mqttPacketBytesMax: need("limits.mqtt_packet_bytes"),
      mqttConnectionsMax: need("limits.mqtt_connections"),
      mqttConnectionsPerAddressMax: need("limits.mqtt_connections_per_address"),
      mqttConnectsPerAddressSecondMax: need("limits.mqtt_connects_per_address_second"),
      mqttSubscriptionsMax: need("limits.mqtt_subscriptions"),
      mqttQueuedMessagesMax: need("limits.mqtt_queued_messages"),
      mqttQueuedBytesMax: need("limits.mqtt_queued_bytes"),
      mqttRetainedMessagesMax: need("limits.mqtt_retained_messages"),
      mqttRetainedBytesMax: need("limits.mqtt_retained_bytes"),
    },
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

/** Where the settings file is: named by flag or variable, else `roost.toml` in the data folder. Absolute. */
export function locateFile({ flags = {}, env, cwd = process.cwd() }: Omit<ConfigSources, "readFile">): {
  file: string;
  /** Somebody named it, so it must exist. */
  named: boolean;
} {
  const name = flags.config ?? (env[fileVariable] || undefined);
  if (name !== undefined) return { file: resolve(cwd, name), named: true };
  const data = flags.data ?? (env[variableOf("data")] || settings.data.fallback);
  return { file: resolve(cwd, String(data), "roost.toml"), named: false };
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

/** Kubernetes and Docker put such variables beside a service that is called roost; they are nobody's typing error. */
const serviceLink = /^ROOST_(?:SERVICE_(?:HOST|PORT(?:_.*)?)|PORT(?:_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)?|NAME)$/;

function readVariables(
  env: ConfigSources["env"],
  readFile: ConfigSources["readFile"],
  problems: string[],
): Map<SettingKey, Given> {
  const found = new Map<SettingKey, Given>();
  const known = new Set<string>([fileVariable]);
  for (const key of settingKeys) {
    const name = variableOf(key);
    known.add(name);
    // An empty variable is what `NAME=${UNSET}` leaves behind, so it counts as not set.
    const raw = env[name] || undefined;
    if (raw !== undefined) found.set(key, { raw, origin: { kind: "environment", name } });
    if (!table[key].secret) continue;
    const twin = `${name}_FILE`;
    known.add(twin);
    const file = env[twin] || undefined;
    if (file === undefined) continue;
    if (raw !== undefined) {
      problems.push(`${name} and ${twin} are both set; keep one of them`);
      continue;
    }
    const text = readText(file, readFile, (reason) => problems.push(`${twin}: ${file} ${reason}`));
    if (text === undefined) continue;
    found.set(key, { raw: text.replace(/\r?\n$/, ""), origin: { kind: "environment file", name: twin, path: file } });
  }
  for (const name of Object.keys(env)) {
    if (!name.startsWith("ROOST_") || known.has(name) || serviceLink.test(name)) continue;
    problems.push(`${name}: there is no such setting${suggestion(name, known)}`);
  }
  return found;
}

const suggestion = (word: string, known: Iterable<string>): string => {
  const meant = nearest(word, known);
  return meant === undefined ? "" : `; did you mean ${meant}?`;
};

function readText(
  path: string,
  readFile: ConfigSources["readFile"],
  problem: (reason: string) => void,
): string | undefined {
  try {
    const text = readFile(path);
    if (text === undefined) problem("does not exist");
    return text;
  } catch (error) {
    problem(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function readSettingsFile(source: {
  file: string;
  mustExist: boolean;
  readFile: ConfigSources["readFile"];
  problems: string[];
}): Map<SettingKey, Given> {
  const { file, problems } = source;
  const found = new Map<SettingKey, Given>();
  const text = readText(file, source.readFile, (reason) => {
    if (source.mustExist || reason !== "does not exist") problems.push(`${file} ${reason}`);
  });
  if (text === undefined) return found;
  let parsed: unknown;
  try {
    parsed = Bun.TOML.parse(text);
  } catch (error) {
    problems.push(`${file}:${lineOfFault(text)}: ${error instanceof Error ? error.message : String(error)}`);
    return found;
  }
  for (const [name, value] of leaves(parsed, "")) {
    const key = settingKeys.find((one) => one === name);
    if (key === undefined) problems.push(`${file}: ${name}: there is no such setting${suggestion(name, settingKeys)}`);
    else if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      found.set(key, { raw: value, origin: { kind: "file", path: file } });
    } else problems.push(`${file}: ${name}: expected ${table[key].form}`);
  }
  return found;
}

/** The parser does not tell the line: it is the last one of the shortest beginning that does not parse either. */
function lineOfFault(text: string): number {
  const lines = text.split("\n");
  let good = 0;
  let bad = lines.length;
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    try {
      Bun.TOML.parse(lines.slice(0, middle).join("\n"));
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return bad;
}

/** `[http] listen = …` and `http.listen = …` are the same leaf; an empty table is one too, so that it is not overlooked. */
function* leaves(value: unknown, name: string): Generator<[string, unknown]> {
  const isTable = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const entries = isTable ? Object.entries(value) : [];
  const isSection = name === "" || settingKeys.some((key) => key.startsWith(`${name}.`));
  if (!isTable || (entries.length === 0 && !isSection)) yield [name, value];
  for (const [key, inner] of entries) yield* leaves(inner, name === "" ? key : `${name}.${key}`);
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}

export interface ShownSetting {
  readonly key: SettingKey;
  /** What is in force; a secret is shown as `(set)`, null is "not set". */
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
}

/** Every setting with the value in force and where it came from, without secrets. */
export function showConfig(config: Config): ShownSetting[] {
  const { http, mqtt, log, login, limits } = config;
  const values: Readonly<Record<SettingKey, string | number | boolean | null>> = {
    data: config.data,
    "http.listen": formatAddress(http.listen),
    "http.tls": http.tls,
    "mqtt.listen": mqtt.listen === null ? "off" : formatAddress(mqtt.listen),
    "mqtts.listen": config.mqtts.listen === null ? "off" : formatAddress(config.mqtts.listen),
    "tls.certificate": config.tls?.certificate ?? null,
    "tls.key": config.tls?.key ?? null,
    "tls.client_ca": config.tls?.clients?.ca ?? null,
    "tls.require_client_certificate": config.tls?.clients?.required ?? false,
    "mqtt.anonymous": mqtt.anonymous,
    "mqtt.sys_interval": mqtt.sysIntervalSeconds,
    durability: config.durability,
    registration: config.registration,
    backend_key: config.backendKey === undefined ? null : "(set)",
    "log.level": log.level,
    "log.format": log.format,
    "login.failures_per_minute": login.failuresPerAddressMinute,
    "login.failures_per_account_hour": login.failuresPerAccountHour,
    registrations_per_address_hour: login.registrationsPerAddressHour,
    "limits.message_bytes": limits.messageBytesMax,
    "limits.rest_body_bytes": limits.restBodyBytesMax,
    "limits.websocket_frame_bytes": limits.websocketFrameBytesMax,
    "limits.mqtt_packet_bytes": limits.mqttPacketBytesMax,
    "limits.mqtt_connections": limits.mqttConnectionsMax,
    "limits.mqtt_connections_per_address": limits.mqttConnectionsPerAddressMax,
    "limits.mqtt_connects_per_address_second": limits.mqttConnectsPerAddressSecondMax,
    "limits.mqtt_subscriptions": limits.mqttSubscriptionsMax,
    "limits.mqtt_queued_messages": limits.mqttQueuedMessagesMax,
    "limits.mqtt_queued_bytes": limits.mqttQueuedBytesMax,
    "limits.mqtt_retained_messages": limits.mqttRetainedMessagesMax,
    "limits.mqtt_retained_bytes": limits.mqttRetainedBytesMax,
  };
  return settingKeys.map((key) => ({ key, value: values[key], origin: config.origins[key] }));
}

/** `--http`, `ROOST_HTTP_LISTEN`, `/data/roost.toml`, `default`: for a reader. */
export function describeOrigin(origin: Origin): string {
  if (origin.kind === "default") return "default";
  if (origin.kind === "file") return origin.path;
  return origin.kind === "environment file" ? `${origin.name} (${origin.path})` : origin.name;
}

/** A roost.toml that says every setting in a comment: what it does, its default, its variable. */
export function annotatedFile(): string {
  const lines = [
    "# Roost's settings. Every line below shows a default; take the # away to change it.",
    "# A flag wins over a ROOST_… variable, a variable over this file. `roost config show` tells where each value came from.",
  ];
  for (const key of settingKeys) {
    if (key === "data") continue; // This file is found through it.
    const { about, form, fallback, flag, live, secret } = table[key];
    const variable = `${variableOf(key)}${secret ? ` or ${variableOf(key)}_FILE` : ""}`;
    lines.push(
      "",
      `# ${about}`,
      `# ${form} · ${variable}${flag ? ` · ${flag}` : ""}${live ? " · reloaded on SIGHUP" : ""}`,
    );
    lines.push(`# ${key} = ${fallback === undefined ? '"…"' : JSON.stringify(fallback)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The settings as a help text. */
export function settingsHelp(): string {
  const lines = ["Settings (flag, variable, or key in roost.toml):"];
  for (const key of settingKeys) {
    const { about, form, fallback, flag } = table[key];
    const names = [flag, variableOf(key), key].filter((name) => name !== undefined).join("  ");
    lines.push(`  ${names}`, `      ${about}`, `      ${form}${fallback === undefined ? "" : `, default ${fallback}`}`);
  }
  return lines.join("\n");
}
