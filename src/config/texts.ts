/** The settings for a reader: what is in force, a file to fill in, the help text. */
import type { Config } from "../config.ts";
import { shownAuth } from "./auth-settings.ts";
import { shownAws } from "./aws-settings.ts";
import { shownFiles } from "./file-settings.ts";
import { shownLimits } from "./limit-settings.ts";
import { shownMail } from "./mail-settings.ts";
import { shownMqtt } from "./mqtt-settings.ts";
import { shownProxy } from "./proxy-settings.ts";
import { shownRest } from "./rest-settings.ts";
import { shownServer } from "./server-settings.ts";
import { type SettingKey, settingKeys, type settings, settingsTable, variableOf } from "./settings.ts";
import { shownSms } from "./sms-settings.ts";
import type { Origin } from "./sources.ts";
import { shownTls } from "./tls-settings.ts";
import type { Shown, ShownValue } from "./values.ts";
import { shownWeb } from "./web-settings.ts";
import { shownWebhooks } from "./webhook-settings.ts";
import { shownWebsocket } from "./websocket-settings.ts";

export interface ShownSetting {
  readonly key: SettingKey;
  /** What is in force; a secret is shown as `(set)`. */
  readonly value: ShownValue;
  readonly origin: Origin;
}

/** Every setting with the value in force and where it came from, without secrets. */
export function showConfig(config: Config): ShownSetting[] {
  const values: Shown<typeof settings> = {
    ...shownServer(config),
    ...shownTls(config.tls),
    ...shownProxy(config.proxy),
    ...shownMqtt(config.mqtt, config.mqtts),
    ...shownAuth(config.auth),
    ...shownWeb(config.web),
    ...shownWebsocket(config.ws),
    ...shownRest(config.rest),
    ...shownWebhooks(config.webhooks),
    ...shownSms(config.sms),
    ...shownMail(config.mail),
    ...shownAws(config.aws),
    ...shownFiles(config.files),
    ...shownLimits(config.limits),
  };
  return settingKeys.map((key) => ({ key, value: values[key], origin: config.origins[key] }));
}

/** `16 MiB`, `30 d`, `off`, `(not set)`: for a reader. */
export function describeValue(key: SettingKey, value: ShownValue): string {
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
