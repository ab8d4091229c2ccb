/** The table of every setting; the loader, `init`, `config show` and the help texts are all derived from it. */
import { authSettings } from "./auth-settings.ts";
import { awsSettings } from "./aws-settings.ts";
import { fileSettings } from "./file-settings.ts";
import { limitSettings } from "./limit-settings.ts";
import { mailSettings } from "./mail-settings.ts";
import { mqttSettings } from "./mqtt-settings.ts";
import { proxySettings } from "./proxy-settings.ts";
import { restSettings } from "./rest-settings.ts";
import { serverSettings } from "./server-settings.ts";
import { smsSettings } from "./sms-settings.ts";
import { tlsSettings } from "./tls-settings.ts";
import type { Setting, ValueOf as ValueOfSetting } from "./values.ts";
import { webSettings } from "./web-settings.ts";
import { webhookSettings } from "./webhook-settings.ts";
import { websocketSettings } from "./websocket-settings.ts";

export const settings = {
  ...serverSettings,
  ...tlsSettings,
  ...proxySettings,
  ...mqttSettings,
  ...authSettings,
  ...webSettings,
  ...websocketSettings,
  ...restSettings,
  ...webhookSettings,
  ...smsSettings,
  ...mailSettings,
  ...awsSettings,
  ...fileSettings,
  ...limitSettings,
};

export type SettingKey = keyof typeof settings;
export type ValueOf<Key extends SettingKey> = ValueOfSetting<(typeof settings)[Key]>;
export const settingsTable: { readonly [Key in SettingKey]: Setting<ValueOf<Key>> } = settings;

export const settingKeys = Object.keys(settings) as SettingKey[];
/** `http.listen` → `ROOST_HTTP_LISTEN`. */
export const variableOf = (key: SettingKey): string => `ROOST_${key.replaceAll(".", "_").toUpperCase()}`;
