/** `Config.ws`: what the MiniOICQ door is given. */
import type { MiniOicqOptions } from "../minioicq/options.ts";
import type { SettingKey, ValueOf } from "./settings.ts";
import type { websocketSettings } from "./websocket-settings.ts";

export interface WebsocketConfig extends MiniOicqOptions {
  readonly syncUsersMax: number;
}

interface Reading {
  readonly read: <Key extends SettingKey>(key: Key) => ValueOf<Key> | undefined;
  /** For settings with a default. */
  readonly need: <Key extends SettingKey>(key: Key) => ValueOf<Key>;
}

export const readWebsocket = ({ read, need }: Reading): WebsocketConfig => ({
  integerIds: need("ws.integer_ids"),
  textBase64: need("ws.text_base64"),
  origins: read("ws.origins") ?? [],
  compression: need("ws.compression"),
  syncUsersMax: need("ws.sync_users_max"),
});

/** What is in force, for a reader. */
export const shownWebsocket = (
  ws: WebsocketConfig,
): Readonly<Record<keyof typeof websocketSettings, string | null>> => ({
  "ws.integer_ids": ws.integerIds,
  "ws.text_base64": ws.textBase64,
  "ws.origins": ws.origins.length === 0 ? null : ws.origins.join(", "),
  "ws.compression": ws.compression,
  "ws.sync_users_max": String(ws.syncUsersMax),
});
