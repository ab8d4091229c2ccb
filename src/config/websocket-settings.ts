/** Settings of MiniOICQ over WebSocket, `ws.…`, and what its door is given (`Config.ws`). */
import type { MiniOicqOptions } from "../minioicq/options.ts";
import { count, oneOf, type Raw, type Reading, setting, Unusable } from "./values.ts";

/** As a browser writes it: scheme, host and a port that is not the scheme's own. */
const originPattern = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,*]{1,255}$/;

const origins = {
  form: "ORIGINS",
  list: true as const,
  parse: (raw: Raw): readonly string[] => {
    const given = typeof raw === "object" ? raw : String(raw).split(",");
    const trimmed = given.map((origin) => origin.trim().toLowerCase()).filter((origin) => origin !== "");
    if (!trimmed.every((origin) => origin === "*" || origin === "null" || originPattern.test(origin))) {
      throw new Unusable("expected origins such as https://chat.example.org, null or *, with commas between");
    }
    return trimmed.map((origin) => origin.replace(/^(http:.*):80$|^(https:.*):443$/, "$1$2"));
  },
};

export const websocketSettings = {
  "ws.integer_ids": setting({
    ...oneOf("auto", "always"),
    fallback: "auto",
    about:
      "Ids in MiniOICQ. auto: strings, numbers to a client that writes them as numbers; always: numbers, for the newest original desktop client.",
  }),
  "ws.text_base64": setting({
    ...oneOf("off", "auto"),
    fallback: "off",
    about:
      "auto: text from MiniOICQ clients that write MIME types and carry text in base64 is stored plain, and given to them in base64.",
  }),
  "ws.origins": setting({
    ...origins,
    fallback: undefined,
    about:
      "Web pages of other hosts that may use MiniOICQ: origins with commas between, null for pages without one, * for all. Pages of the server's own host always may.",
  }),
  "ws.compression": setting({
    ...oneOf("off", "on"),
    fallback: "off",
    about:
      "on: WebSocket frames may be compressed (permessage-deflate); costs processor time on both sides, no memory per connection.",
  }),
  "ws.sync_users_max": setting({
    ...count(1, 100_000),
    fallback: 5000,
    about:
      "How many users MiniOICQ's user.sync lists at most; on a server with more, those who share a chat or a contact with the asking one.",
  }),
};

export interface WebsocketConfig extends MiniOicqOptions {
  readonly syncUsersMax: number;
}

export const readWebsocket = ({ read, need }: Reading<typeof websocketSettings>): WebsocketConfig => ({
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
