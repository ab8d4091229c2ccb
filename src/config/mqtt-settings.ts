/** Settings of MQTT, `mqtt.…` and `limits.mqtt_…`, and what its broker is given (`Config.mqtt`). The table puts them in its order. */
import type { Address } from "../lib/address.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../mqtt/limits.ts";
import { addressOrOff, bytes, count, duration, kib, mib, oneOf, type Reading, setting } from "./values.ts";

export const mqttListenSettings = {
  "mqtt.listen": setting({
    ...addressOrOff,
    fallback: "[::]:1883",
    flag: "--mqtt",
    about: "Where MQTT listens on TCP; off closes that door.",
  }),
};

export const mqttDoorSettings = {
  "mqtt.anonymous": setting({
    ...oneOf("registration", "full", "off"),
    fallback: "registration",
    about:
      "MQTT without credentials. registration: let in, for the server's services alone; full: an open broker for a trusted network; off: refused.",
  }),
  "mqtt.sys_interval": setting({
    ...count(0, 86_400),
    fallback: 10,
    about:
      "Seconds between two publications of $SYS/broker/… for admins, devices that may, and all where mqtt.anonymous = full; 0: none.",
  }),
};

export const mqttLimitSettings = {
  "limits.mqtt_packet_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "1 MiB",
    about: "One MQTT packet, header included.",
  }),
  "limits.mqtt_anonymous_packet_bytes": setting({
    ...bytes(kib, 256 * mib),
    fallback: "256 KiB",
    about: "The same from a client without credentials (mqtt.anonymous); never more than limits.mqtt_packet_bytes.",
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

type MqttSettings = typeof mqttListenSettings & typeof mqttDoorSettings & typeof mqttLimitSettings;

export interface MqttConfig {
  readonly listen: Address | null;
  readonly anonymous: "registration" | "full" | "off";
  /** Of a client without credentials. */
  readonly anonymousPacketBytesMax: number;
  readonly sysIntervalSeconds: number;
  readonly limits: BrokerLimits;
}

export const readMqtt = ({ need }: Pick<Reading<MqttSettings>, "need">): MqttConfig => ({
  listen: need("mqtt.listen"),
  anonymous: need("mqtt.anonymous"),
  anonymousPacketBytesMax: need("limits.mqtt_anonymous_packet_bytes"),
  sysIntervalSeconds: need("mqtt.sys_interval"),
  limits: {
    ...defaultBrokerLimits,
    packetBytesMax: need("limits.mqtt_packet_bytes"),
    topicBytesMax: need("limits.mqtt_topic_bytes"),
    topicLevelsMax: need("limits.mqtt_topic_levels"),
    topicAliasesMax: need("limits.mqtt_topic_aliases"),
    subscriptionsPerSessionMax: need("limits.mqtt_subscriptions"),
    inflightMax: need("limits.mqtt_inflight"),
    inboundInflightMax: need("limits.mqtt_inflight"),
    queuedMessagesMax: need("limits.mqtt_queued_messages"),
    queuedBytesMax: need("limits.mqtt_queued_bytes"),
    sessionsPerPrincipalMax: need("limits.mqtt_sessions_per_user"),
    sessionExpirySecondsMax: need("limits.mqtt_session_expiry"),
    retainedMessagesMax: need("limits.mqtt_retained_messages"),
    retainedBytesMax: need("limits.mqtt_retained_bytes"),
    connectionsMax: need("limits.mqtt_connections"),
    connectionsPerAddressMax: need("limits.mqtt_connections_per_address"),
    connectsPerAddressSecondMax: need("limits.mqtt_connects_per_address_second"),
  },
});
