/** Every bound of the broker, each with its reason. A program passes its own object; these are the defaults. */
import type { OutboxLimits } from "../net/outbox.ts";

export interface BrokerLimits extends OutboxLimits {
  /** A whole control packet, header included; checked before any of it is buffered. */
  readonly packetBytesMax: number;
  /** The same for the first packet, whose sender nobody knows yet. A CONNECT carries at most a will and credentials. */
  readonly connectPacketBytesMax: number;
  /** UTF-8 bytes of a topic name or filter. */
  readonly topicBytesMax: number;
  /** Levels of a topic name or filter: the depth of the subscription trie, and the cost of one match. */
  readonly topicLevelsMax: number;
  readonly subscriptionsPerSessionMax: number;
  /** Unacknowledged QoS 1 publishes towards one client. */
  readonly inflightMax: number;
  /**
   * QoS 1 and 2 publishes waiting for one client: in the store for a persistent session, whether its client is there or
   * not, and in memory for any other, which is closed when it lets more gather.
   */
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  /** How long a session may outlive its connection. */
  readonly sessionExpirySecondsMax: number;
  /** Persistent ones; a new one takes the place of the one that is away for longest. */
  readonly sessionsPerPrincipalMax: number;
  /** MQTT 5: topics an end of a connection may name by a number, each way. */
  readonly topicAliasesMax: number;
  /** MQTT 5: messages of one enhanced authentication. */
  readonly authenticationRoundsMax: number;
  /** PUBLISH packets of one client that wait for a service; beyond either, its socket is not read. */
  readonly inboundInflightMax: number;
  readonly inboundInflightBytesMax: number;
  /** Retained messages, all of them in memory, and the bytes of topics and payloads with what the tree takes. */
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  readonly connectionsMax: number;
  /** One address must not take all of them; many people may share one. */
  readonly connectionsPerAddressMax: number;
  /** New ones in a second: what a CONNECT costs (a password's hash above all) is paid by us. */
  readonly connectsPerAddressSecondMax: number;
  /** From accept to the whole CONNECT. */
  readonly connectTimeoutMs: number;
  /** From CONNECT to the program's answer who it is, and the store's which session. */
  readonly authenticateTimeoutMs: number;
  /** How long a refused or closed client may take to read our last packet and close its side. */
  readonly lingerMs: number;
  /** How long `stop` waits for unfinished publishes. */
  readonly stopTimeoutMs: number;
  /** Cached routes, counted as one per topic plus one per receiving session. */
  readonly routeCacheMax: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  packetBytesMax: 1024 * 1024,
  connectPacketBytesMax: 128 * 1024,
  topicBytesMax: 4096,
  topicLevelsMax: 64,
  subscriptionsPerSessionMax: 1000,
  inflightMax: 1000,
  queuedMessagesMax: 10_000,
  queuedBytesMax: 64 * 1024 * 1024,
  sessionExpirySecondsMax: 30 * 24 * 60 * 60,
  sessionsPerPrincipalMax: 100,
  topicAliasesMax: 32,
  authenticationRoundsMax: 8,
  inboundInflightMax: 1000,
  inboundInflightBytesMax: 4 * 1024 * 1024,
  retainedMessagesMax: 100_000,
  retainedBytesMax: 256 * 1024 * 1024,
  connectionsMax: 100_000,
  connectionsPerAddressMax: 1000,
  connectsPerAddressSecondMax: 100,
  connectTimeoutMs: 10_000,
  authenticateTimeoutMs: 30_000,
  lingerMs: 5000,
  stopTimeoutMs: 5000,
  routeCacheMax: 200_000,
  // The kernel holds some megabytes per socket already; a megabyte more tells a slow reader from a busy one.
  outboxSoftBytesMax: 1024 * 1024,
  // Above the soft cap only answers and one packet in the making are appended.
  outboxHardBytesMax: 4 * 1024 * 1024,
};
