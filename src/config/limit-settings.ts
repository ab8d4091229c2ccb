/** Settings that bound something, `limits.…`. Each becomes a number of `Config.limits`. */
import { bytes, count, duration, kib, mib, setting } from "./values.ts";

export const limitSettings = {
  "limits.message_bytes": setting({
    ...bytes(1, 64 * mib),
    fallback: "1 MiB",
    about: "The text of one chat message, through whichever door; files.max_bytes is for what is no text.",
  }),
  "limits.chat_members": setting({
    ...count(2, 10_000),
    fallback: 10_000,
    about: "Members of one chat; whoever would be one more is refused.",
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
    about: "The same for MiniOICQ before anybody logged in on the connection.",
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
  "limits.mqtt_packet_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "1 MiB",
    about: "One MQTT packet, header included.",
  }),
  "limits.mqtt_anonymous_packet_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "256 KiB",
    about:
      "The same from a client that is nobody in particular (mqtt.anonymous); never more than limits.mqtt_packet_bytes.",
  }),
  "limits.mqtt_topic_bytes": setting({
    ...bytes(16, 65_535),
    fallback: 4096,
    about: "An MQTT topic name or filter, in bytes of UTF-8.",
  }),
  "limits.mqtt_topic_levels": setting({
    ...count(1, 1024),
    fallback: 64,
    about: "Levels of an MQTT topic name or filter.",
  }),
  "limits.mqtt_topic_aliases": setting({
    ...count(0, 1024),
    fallback: 32,
    about: "Topics either end of an MQTT 5 connection may name by a number; 0: none.",
  }),
  "limits.mqtt_inflight": setting({
    ...count(1, 32_768),
    fallback: 1000,
    about: "MQTT messages above QoS 0 that may be unacknowledged, to one client and (receive maximum) from it.",
  }),
  "limits.mqtt_sessions_per_user": setting({
    ...count(1, 1_000_000),
    fallback: 100,
    about:
      "MQTT sessions beyond their connections that one user or device may have; one more takes the place of the one away for longest.",
  }),
  "limits.mqtt_session_expiry": setting({
    ...duration(1, 36_500 * 86_400),
    fallback: "30 d",
    about: "How long an MQTT session may outlive its connection.",
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
    about: "Messages above QoS 0 that may wait for one MQTT session; what comes then is dropped.",
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
