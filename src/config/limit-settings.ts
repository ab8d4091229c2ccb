/** Settings that bound something, `limits.…`. Each becomes a number of `Config.limits`. */
import { mqttLimitSettings } from "./mqtt-settings.ts";
import { bytes, count, kib, mib, setting } from "./values.ts";

export const limitSettings = {
  "limits.message_bytes": setting({
    ...bytes(1, 64 * mib),
    fallback: "1 MiB",
    about: "The text of one chat message, through whichever door; files.max_bytes is for what is no text.",
  }),
  "limits.chat_members": setting({
    ...count(2, 10_000),
    fallback: 10_000,
    about: "Members of one chat; one more is refused.",
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
  "limits.websocket_login_frame_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "64 KiB",
    about: "The same for MiniOICQ before the connection has logged in.",
  }),
  "limits.websocket_requests_per_second": setting({
    ...count(1, 100_000_000),
    fallback: 1000,
    about:
      "MiniOICQ requests of one connection in a second, ten times as many at once; 64 KiB of a frame count as one more.",
  }),
  "limits.websocket_account_requests_per_second": setting({
    ...count(1, 100_000_000),
    fallback: 2000,
    about: "The same of all connections of one account together.",
  }),
  ...mqttLimitSettings,
};

type LimitKey = keyof typeof limitSettings;
type CamelCase<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text;
type LimitName<Key> = Key extends `limits.${infer Name}` ? `${CamelCase<Name>}Max` : never;

/** By name, so `limits.mqtt_packet_bytes` is `mqttPacketBytesMax`. Bytes, seconds or a count. */
export type Limits = { readonly [Key in LimitKey as LimitName<Key>]: number };

export const limitKeys = Object.keys(limitSettings) as readonly LimitKey[];

export const isLimit = (key: string): key is LimitKey => Object.hasOwn(limitSettings, key);

export const limitNameOf = (key: LimitKey): keyof Limits =>
  `${key.slice("limits.".length).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())}Max` as keyof Limits;
