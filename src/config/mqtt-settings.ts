/** Settings of MQTT, `mqtt.…`, `mqtts.…` and `limits.mqtt_…`, and what its broker is given (`Config.mqtt`, `Config.mqtts`). */
import { type Address, formatAddress } from "../lib/address.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../mqtt/limits.ts";
import type { memorySettings } from "./memory-settings.ts";
import {
  addressAutoOrOff,
  addressOrOff,
  bytes,
  count,
  duration,
  kib,
  mib,
  oneOf,
  type Reading,
  type Shown,
  settingsOf,
} from "./values.ts";

export const mqttSettings = settingsOf({
  "mqtt.listen": {
    ...addressOrOff,
    fallback: "[::]:1883",
    flag: "--mqtt",
    about: "Where MQTT listens on TCP; off closes that door.",
  },
  "mqtts.listen": {
    ...addressAutoOrOff,
    fallback: "auto",
    about: "Where MQTT listens on TLS; auto is [::]:8883 where there is a certificate.",
  },
  "mqtt.proxy_protocol": {
    ...oneOf("off", "on"),
    fallback: "off",
    about:
      "on: the proxies that proxy.trusted names begin each MQTT connection, TLS or not, with a PROXY header, version 1 or 2.",
  },
  "mqtt.anonymous": {
    ...oneOf("registration", "full", "off"),
    fallback: "registration",
    about:
      "MQTT without credentials. registration: let in, for the server's services alone; full: an open broker for a trusted network; off: refused.",
  },
  "mqtt.server_keep_alive": {
    ...count(0, 65_535),
    fallback: 0,
    about: "The longest keep alive of an MQTT 5 client, in seconds; the client is told. 0: as long as it asks for.",
  },
  "mqtt.sys_interval": {
    ...count(0, 86_400),
    fallback: 10,
    about:
      "Seconds between two publications of $SYS/broker/… for admins, devices that may, and all where mqtt.anonymous = full; 0: none.",
  },
});

export const mqttLimitSettings = settingsOf({
  "limits.mqtt_packet_bytes": {
    ...bytes(kib, 256 * mib),
    fallback: "1 MiB",
    about: "One MQTT packet, header included.",
  },
  "limits.mqtt_anonymous_packet_bytes": {
    ...bytes(kib, 256 * mib),
    fallback: "256 KiB",
    about: "The same from a client without credentials (mqtt.anonymous); never more than limits.mqtt_packet_bytes.",
  },
  "limits.mqtt_topic_bytes": {
    ...bytes(16, 65_535),
    fallback: 4096,
    about: "An MQTT topic name or filter, in bytes of UTF-8.",
  },
  "limits.mqtt_topic_levels": {
    ...count(1, 1024),
    fallback: 64,
    about: "Levels of an MQTT topic name or filter.",
  },
  "limits.mqtt_topic_aliases": {
    ...count(0, 1024),
    fallback: 32,
    about: "Topics either end of an MQTT 5 connection may name by a number; 0: none.",
  },
  "limits.mqtt_inflight": {
    ...count(1, 32_768),
    fallback: 1000,
    about: "MQTT messages above QoS 0 that may be unacknowledged, to one client and (receive maximum) from it.",
  },
  "limits.mqtt_sessions_per_user": {
    ...count(1, 1_000_000),
    fallback: 100,
    about:
      "MQTT sessions beyond their connections that one user or device may have; one more takes the place of the one away for longest, of those without waiting messages.",
  },
  "limits.mqtt_session_expiry": {
    ...duration(1, 36_500 * 86_400),
    fallback: "30 d",
    about: "How long an MQTT session may outlive its connection.",
  },
  "limits.mqtt_connections": {
    ...count(1, 1_000_000),
    fallback: 100_000,
    about: "MQTT connections at one time.",
  },
  "limits.mqtt_connections_per_address": {
    ...count(1, 1_000_000),
    fallback: 1000,
    about: "MQTT connections of one address at one time.",
  },
  "limits.mqtt_connects_per_address_second": {
    ...count(1, 1_000_000),
    fallback: 100,
    about: "MQTT clients of one address that are let in in a second; further ones wait for their turn.",
  },
  "limits.mqtt_subscriptions": {
    ...count(1, 1_000_000),
    fallback: 1000,
    about: "Topic filters one MQTT session may subscribe to.",
  },
  "limits.mqtt_subscription_bytes_per_session": {
    ...bytes(kib, 1024 * mib),
    fallback: "2 MiB",
    about: "Memory of one MQTT session's topic filters. A level of a filter with wildcards takes about 256 bytes.",
  },
  "limits.mqtt_subscription_bytes_per_user": {
    ...bytes(kib, 1024 * mib),
    fallback: "8 MiB",
    about: "The same for all sessions of one user or device.",
  },
  "limits.mqtt_subscription_bytes": {
    ...bytes(kib, 16 * 1024 * mib),
    fallback: "256 MiB",
    memoryShare: 1 / 4,
    about: "The same for all sessions.",
  },
  "limits.mqtt_queued_messages": {
    ...count(1, 1_000_000),
    fallback: 10_000,
    about: "Messages above QoS 0 that may wait for one MQTT session; what comes then is dropped.",
  },
  "limits.mqtt_queued_bytes": {
    ...bytes(kib, 1024 * mib),
    fallback: "64 MiB",
    memoryShare: 1 / 8,
    about: "Bytes that may wait for one MQTT session.",
  },
  "limits.mqtt_retained_messages": {
    ...count(0, 10_000_000),
    fallback: 100_000,
    about: "MQTT messages that may be retained.",
  },
  "limits.mqtt_retained_bytes": {
    ...bytes(kib, 16 * 1024 * mib),
    fallback: "256 MiB",
    memoryShare: 1 / 4,
    about: "Bytes of all retained MQTT messages, which are kept in memory.",
  },
  "limits.mqtt_retained_bytes_per_user": {
    ...bytes(kib, 16 * 1024 * mib),
    fallback: "32 MiB",
    memoryShare: 1 / 16,
    about: "Of them those that one user or device published since the start.",
  },
});

export interface MqttConfig {
  readonly listen: Address | null;
  readonly proxyProtocol: "off" | "on";
  readonly anonymous: "registration" | "full" | "off";
  /** Of a client without credentials. */
  readonly anonymousPacketBytesMax: number;
  readonly sysIntervalSeconds: number;
  readonly limits: BrokerLimits;
}

export interface MqttsConfig {
  readonly listen: Address | null;
}

export const readMqtt = ({
  needed,
}: Reading<typeof mqttSettings & typeof mqttLimitSettings & typeof memorySettings>): MqttConfig => ({
  listen: needed["mqtt.listen"],
  proxyProtocol: needed["mqtt.proxy_protocol"],
  anonymous: needed["mqtt.anonymous"],
  anonymousPacketBytesMax: needed["limits.mqtt_anonymous_packet_bytes"],
  sysIntervalSeconds: needed["mqtt.sys_interval"],
  limits: {
    ...defaultBrokerLimits,
    keepAliveSecondsMax: needed["mqtt.server_keep_alive"],
    packetBytesMax: needed["limits.mqtt_packet_bytes"],
    topicBytesMax: needed["limits.mqtt_topic_bytes"],
    topicLevelsMax: needed["limits.mqtt_topic_levels"],
    topicAliasesMax: needed["limits.mqtt_topic_aliases"],
    subscriptionsPerSessionMax: needed["limits.mqtt_subscriptions"],
    inflightMax: needed["limits.mqtt_inflight"],
    inboundInflightMax: needed["limits.mqtt_inflight"],
    queuedMessagesMax: needed["limits.mqtt_queued_messages"],
    queuedBytesMax: needed["limits.mqtt_queued_bytes"],
    sessionsPerPrincipalMax: needed["limits.mqtt_sessions_per_user"],
    sessionExpirySecondsMax: needed["limits.mqtt_session_expiry"],
    retainedMessagesMax: needed["limits.mqtt_retained_messages"],
    retainedBytesMax: needed["limits.mqtt_retained_bytes"],
    retainedBytesPerPrincipalMax: needed["limits.mqtt_retained_bytes_per_user"],
    subscriptionBytesPerSessionMax: needed["limits.mqtt_subscription_bytes_per_session"],
    subscriptionBytesPerPrincipalMax: needed["limits.mqtt_subscription_bytes_per_user"],
    subscriptionBytesMax: needed["limits.mqtt_subscription_bytes"],
    routeCacheBytesMax: Math.min(
      defaultBrokerLimits.routeCacheBytesMax,
      Math.floor(needed["limits.memory_bytes"] / 16),
    ),
    connectionsMax: needed["limits.mqtt_connections"],
    connectionsPerAddressMax: needed["limits.mqtt_connections_per_address"],
    connectsPerAddressSecondMax: needed["limits.mqtt_connects_per_address_second"],
  },
});

export function readMqtts(
  { needed, problems }: Reading<typeof mqttSettings>,
  certificate: object | undefined,
): MqttsConfig {
  const listen = needed["mqtts.listen"];
  if (listen === "auto") return { listen: certificate === undefined ? null : { hostname: "::", port: 8883 } };
  if (listen !== null && certificate === undefined) problems.push("mqtts.listen needs tls.certificate and tls.key");
  return { listen };
}

const shownListen = (address: Address | null): string => (address === null ? "off" : formatAddress(address));

/** What is in force, for a reader. */
export const shownMqtt = (mqtt: MqttConfig, mqtts: MqttsConfig): Shown<typeof mqttSettings> => ({
  "mqtt.listen": shownListen(mqtt.listen),
  "mqtts.listen": shownListen(mqtts.listen),
  "mqtt.proxy_protocol": mqtt.proxyProtocol,
  "mqtt.anonymous": mqtt.anonymous,
  "mqtt.server_keep_alive": mqtt.limits.keepAliveSecondsMax,
  "mqtt.sys_interval": mqtt.sysIntervalSeconds,
});
