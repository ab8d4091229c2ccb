/** Settings of MiniOICQ over WebSocket, `ws.…` and `limits.websocket_…`, and what its door is given (`Config.ws`). */
import type { MiniOicqOptions } from "../minioicq/options.ts";
import {
  bytes,
  count,
  duration,
  items,
  kib,
  mib,
  oneOf,
  type Raw,
  type Reading,
  type Shown,
  settingsOf,
  Unusable,
} from "./values.ts";

/** As a browser writes it: scheme, host and a port that is not the scheme's own. */
const originPattern = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,*]{1,255}$/;

const origins = {
  form: "ORIGINS",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = items(raw).map((origin) => origin.toLowerCase());
    if (!given.every((origin) => origin === "*" || origin === "null" || originPattern.test(origin))) {
      throw new Unusable("expected origins such as https://chat.example.org, null or *, with commas between");
    }
    return given.map((origin) => origin.replace(/^(http:.*):80$|^(https:.*):443$/, "$1$2"));
  },
};

export const websocketSettings = settingsOf({
  "ws.integer_ids": {
    ...oneOf("auto", "always"),
    fallback: "auto",
    about:
      "Ids in MiniOICQ. auto: strings, numbers to a client that writes them as numbers; always: numbers, for the newest original desktop client.",
  },
  "ws.text_base64": {
    ...oneOf("off", "auto"),
    fallback: "off",
    about:
      "auto: text from MiniOICQ clients that write MIME types and carry text in base64 is stored plain, and given to them in base64.",
  },
  "ws.origins": {
    ...origins,
    fallback: undefined,
    about:
      "Web pages of other hosts that may use MiniOICQ, and MQTT over WebSocket: origins with commas between, null for pages without one, * for all. Pages of the server's own host always may.",
  },
  "ws.compression": {
    ...oneOf("off", "on"),
    fallback: "off",
    about:
      "on: WebSocket frames may be compressed (permessage-deflate); costs processor time on both sides, no memory per connection.",
  },
  "ws.sync_users_max": {
    ...count(1, 100_000),
    fallback: 5000,
    about:
      "How many users MiniOICQ's user.sync lists at most; on a server with more, those who share a chat or a contact with the asking one.",
  },
});

export const websocketLimitSettings = settingsOf({
  "limits.websocket_frame_bytes": {
    ...bytes(kib, 256 * mib),
    fallback: "2 MiB",
    about:
      "One frame a WebSocket client may send, logged in or not. Original MiniOICQ clients that send pictures in frames need 16 MiB or more.",
  },
  "limits.websocket_strangers": {
    ...count(1, 1_000_000),
    fallback: 24,
    about:
      "WebSockets at one time that are not logged in, of all addresses; one more takes the place of the oldest of the address that has most.",
  },
  "limits.login_seconds": {
    ...duration(1, 86_400),
    fallback: "30 s",
    about:
      "How long a WebSocket may be open without a log-in; one whose phone was sent a code may as long as the code is good.",
  },
  "limits.websockets_per_account": {
    ...count(1, 1_000_000),
    fallback: 16,
    about: "WebSockets of one account at one time, MiniOICQ and MQTT together.",
  },
  "limits.websockets_per_address": {
    ...count(1, 1_000_000),
    fallback: 1000,
    about: "WebSockets of one address at one time, MiniOICQ and MQTT together.",
  },
  "limits.websocket_login_frame_bytes": {
    ...bytes(kib, 256 * mib),
    fallback: "64 KiB",
    about: "The same for MiniOICQ before the connection has logged in.",
  },
  "limits.websocket_requests_per_second": {
    ...count(1, 100_000_000),
    fallback: 1000,
    about:
      "MiniOICQ requests of one connection in a second, ten times as many at once; 64 KiB of a frame count as one more.",
  },
  "limits.websocket_account_requests_per_second": {
    ...count(1, 100_000_000),
    fallback: 2000,
    about: "The same of all connections of one account together.",
  },
});

export interface WebsocketConfig extends Omit<MiniOicqOptions, "about"> {
  /** Origins of web pages from other hosts that may connect, to MQTT too; `*` is every origin. */
  readonly origins: readonly string[];
  readonly syncUsersMax: number;
}

export const readWebsocket = ({ optional, needed }: Reading<typeof websocketSettings>): WebsocketConfig => ({
  integerIds: needed["ws.integer_ids"],
  textBase64: needed["ws.text_base64"],
  origins: optional["ws.origins"] ?? [],
  compression: needed["ws.compression"],
  syncUsersMax: needed["ws.sync_users_max"],
});

/** What is in force, for a reader. */
export const shownWebsocket = (ws: WebsocketConfig): Shown<typeof websocketSettings> => ({
  "ws.integer_ids": ws.integerIds,
  "ws.text_base64": ws.textBase64,
  "ws.origins": ws.origins.join(", ") || null,
  "ws.compression": ws.compression,
  "ws.sync_users_max": String(ws.syncUsersMax),
});
