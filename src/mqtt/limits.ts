/** Every limit of the broker, each with its reason. A program passes its own object; these are the defaults. */
import type { OutboxLimits } from "../net/outbox.ts";

export interface BrokerLimits extends OutboxLimits {
  /** A whole control packet, header included; checked before any of it is buffered. */
  readonly packetBytesMax: number;
  /** The same for the first packet, whose sender is not known yet. A CONNECT carries at most a will and credentials. */
  readonly connectPacketBytesMax: number;
  /** UTF-8 bytes of a topic name or filter. */
  readonly topicBytesMax: number;
  /** Levels of a topic name or filter: the depth of the subscription tree, and the cost of one match. */
  readonly topicLevelsMax: number;
  readonly subscriptionsPerSessionMax: number;
  /** Memory of filters and of their levels in the tree (`session/subscription-budget.ts`); a few short ones do not count. */
  readonly subscriptionBytesPerSessionMax: number;
  readonly subscriptionBytesPerPrincipalMax: number;
  readonly subscriptionBytesMax: number;
  /** Unacknowledged QoS 1 publishes towards one client. */
  readonly inflightMax: number;
  /**
   * QoS 1 and 2 publishes that wait for one client. For a persistent session they are in the store, whether its client
   * is connected or not. For any other session they are in memory, and its client is closed when too many wait.
   */
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  /** How long a session may outlive its connection. */
  readonly sessionExpirySecondsMax: number;
  /** Persistent sessions; a new one replaces the one away for longest, of those without waiting messages. */
  readonly sessionsPerPrincipalMax: number;
  /** MQTT 5: topics that one side of a connection may name by a number. */
  readonly topicAliasesMax: number;
  /** The longest keep alive of an MQTT 5 client, which it is told; 0: as long as it asks for, or none. */
  readonly keepAliveSecondsMax: number;
  /** MQTT 5: messages of one enhanced authentication. */
  readonly authenticationRoundsMax: number;
  /** PUBLISH packets of one client that wait for a service. Beyond either limit its socket is not read. */
  readonly inboundInflightMax: number;
  readonly inboundInflightBytesMax: number;
  /**
   * The same two for a client that is not logged in, and all that may wait for it: as much as one answer to its largest
   * packet.
   */
  readonly strangerBytesMax: number;
  /** Retained messages, all of them in memory, and the bytes of topics and payloads with the tree's own. */
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
  /** Of them what one principal retained since the start. */
  readonly retainedBytesPerPrincipalMax: number;
  readonly connectionsMax: number;
  /** One address must not take all connections; many people may share one address. */
  readonly connectionsPerAddressMax: number;
  /** CONNECT packets served in a second: the server pays their cost. Further ones wait for their turn. */
  readonly connectsPerAddressSecondMax: number;
  /** From accept to the complete CONNECT. */
  readonly connectTimeoutMs: number;
  /** From CONNECT to the program's answer about the client, and the store's about the session. */
  readonly authenticateTimeoutMs: number;
  /** How long a refused or closed client has to read the server's last packet and close its side. */
  readonly lingerMs: number;
  /** How long `stop` waits for unfinished publishes. */
  readonly stopTimeoutMs: number;
  /** Memory of cached routes: their topics, and their receiving sessions. */
  readonly routeCacheBytesMax: number;
}

export const defaultBrokerLimits: BrokerLimits = {
  packetBytesMax: 1024 * 1024,
  connectPacketBytesMax: 128 * 1024,
  topicBytesMax: 4096,
  topicLevelsMax: 64,
  subscriptionsPerSessionMax: 1000,
  subscriptionBytesPerSessionMax: 2 * 1024 * 1024,
  subscriptionBytesPerPrincipalMax: 8 * 1024 * 1024,
  subscriptionBytesMax: 256 * 1024 * 1024,
  inflightMax: 1000,
  queuedMessagesMax: 10_000,
  queuedBytesMax: 64 * 1024 * 1024,
  sessionExpirySecondsMax: 30 * 24 * 60 * 60,
  sessionsPerPrincipalMax: 100,
  topicAliasesMax: 32,
  keepAliveSecondsMax: 0,
  authenticationRoundsMax: 8,
  inboundInflightMax: 1000,
  inboundInflightBytesMax: 4 * 1024 * 1024,
  strangerBytesMax: 256 * 1024,
  retainedMessagesMax: 100_000,
  retainedBytesMax: 256 * 1024 * 1024,
  retainedBytesPerPrincipalMax: 32 * 1024 * 1024,
  connectionsMax: 100_000,
  connectionsPerAddressMax: 1000,
  connectsPerAddressSecondMax: 100,
  connectTimeoutMs: 10_000,
  authenticateTimeoutMs: 30_000,
  lingerMs: 5000,
  stopTimeoutMs: 5000,
  routeCacheBytesMax: 32 * 1024 * 1024,
  // The kernel holds some megabytes per socket already; one more megabyte distinguishes a slow reader from a busy one.
  outboxSoftBytesMax: 1024 * 1024,
  // Above the soft cap only answers and the packet under construction are appended.
  outboxHardBytesMax: 4 * 1024 * 1024,
};
