/** The settings for a reader: what is in force, a file to fill in, the help text. */
import type { Config } from "../config.ts";
import { formatAddress } from "../lib/address.ts";
import { type fileSettings, shownFiles } from "./file-settings.ts";
import { isLimit, limitNameOf } from "./limit-settings.ts";
import type { providerSettings } from "./provider-settings.ts";
import { shownProviders } from "./providers.ts";
import { type restSettings, shownRest } from "./rest-settings.ts";
import type { serverSettings } from "./server-settings.ts";
import { type SettingKey, settingKeys, settingsTable, variableOf } from "./settings.ts";
import type { Origin } from "./sources.ts";
import { shownWebhooks, type webhookSettings } from "./webhook-settings.ts";
import type { websocketSettings } from "./websocket-settings.ts";
import { shownWebsocket } from "./websocket-settings.ts";

export interface ShownSetting {
  readonly key: SettingKey;
  /** What is in force, in bytes or seconds where it is either; a secret is shown as `(set)`, null is "not set". */
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
}

/** Every setting with the value in force and where it came from, without secrets. */
export function showConfig(config: Config): ShownSetting[] {
  const { http, mqtt, log, login } = config;
  const values: Readonly<
    Record<
      | keyof typeof serverSettings
      | keyof typeof websocketSettings
      | keyof typeof restSettings
      | keyof typeof webhookSettings
      | keyof typeof providerSettings
      | keyof typeof fileSettings,
      ShownSetting["value"]
    >
  > = {
    ...shownProviders(config),
    ...shownWebsocket(config.ws),
    ...shownFiles(config.files),
    ...shownRest(config.rest),
    ...shownWebhooks(config.webhooks),
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
    directory: config.directory,
    "rest.access_token_lifetime": config.participants.accessTokenMs / 1000,
    "rest.refresh_token_lifetime": config.participants.refreshTokenMs / 1000,
    "rest.open_tokens": config.participants.openTokens,
    "rest.require_signature": config.participants.requireSignature,
    registration: config.registration,
    migration_code: config.migrationCode,
    "auth.client_tokens": config.clientTokens,
    admins: config.admins.length === 0 ? null : config.admins.join(", "),
    backend_key: config.backendKey === undefined ? null : "(set)",
    "log.level": log.level,
    "log.format": log.format,
    "login.failures_per_minute": login.failuresPerAddressMinute,
    "login.failures_per_account_hour": login.failuresPerAccountHour,
    registrations_per_address_hour: login.registrationsPerAddressHour,
  };
  return settingKeys.map((key) => {
    const value = isLimit(key) ? config.limits[limitNameOf(key)] : values[key];
    return { key, value, origin: config.origins[key] };
  });
}

/** `16 MiB`, `30 d`, `off`, `(not set)`: for a reader. */
export function describeValue(key: SettingKey, value: ShownSetting["value"]): string {
  const { format } = settingsTable[key];
  return typeof value === "number" && format !== undefined ? format(value) : String(value ?? "(not set)");
}

/** `--http`, `ROOST_HTTP_LISTEN`, `/data/roost.toml`, `default`: for a reader. */
export function describeOrigin(origin: Origin): string {
  if (origin.kind === "default") return "default";
  if (origin.kind === "file") return origin.path;
  return origin.kind === "environment file" ? `${origin.name} (${origin.path})` : origin.name;
}

/** The words in capitals that stand for a value. */
const formsExplained =
  'BYTES is a number, or a size such as "512 KiB". DURATION is a number of seconds, or a time such as "12 h" or "30 d".';

/** A roost.toml that says every setting in a comment: what it does, its default, its variable. */
export function annotatedFile(): string {
  const lines = [
    "# Roost's settings. Every line below shows a default; take the # away to change it.",
    "# A flag wins over a ROOST_… variable, a variable over this file. `roost config show` tells where each value came from.",
    `# ${formsExplained}`,
  ];
  for (const key of settingKeys) {
    if (key === "data") continue; // This file is found through it.
    const { about, form, fallback, flag, live, secret, list } = settingsTable[key];
    const variable = `${variableOf(key)}${secret ? ` or ${variableOf(key)}_FILE` : ""}`;
    lines.push(
      "",
      `# ${about}`,
      `# ${form} · ${variable}${flag ? ` · ${flag}` : ""}${live ? " · reloaded on SIGHUP" : ""}`,
    );
    const unset = list ? '["…"]' : '"…"';
    lines.push(`# ${key} = ${fallback === undefined ? unset : JSON.stringify(fallback)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The settings as a help text. */
export function settingsHelp(): string {
  const lines = ["Settings (flag, variable, or key in roost.toml):", formsExplained];
  for (const key of settingKeys) {
    const { about, form, fallback, flag } = settingsTable[key];
    const names = [flag, variableOf(key), key].filter((name) => name !== undefined).join("  ");
    lines.push(`  ${names}`, `      ${about}`, `      ${form}${fallback === undefined ? "" : `, default ${fallback}`}`);
  }
  return lines.join("\n");
}
