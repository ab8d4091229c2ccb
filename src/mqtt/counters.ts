/** What the broker counts for the operator: running totals since start. */
export interface Counters {
  connectionsAccepted: number;
  connectionsRefused: number;
  /** The part of them that was refused because their address had too many. */
  refusedByAddress: number;
  protocolErrors: number;
  connectsReceived: number;
  /** Persistent sessions that expired because their clients stayed away too long. */
  sessionsExpired: number;
  clientsConnected: number;
  /** The most connected at one time. */
  clientsMaximum: number;
  /** Control packets of every kind. */
  packetsReceived: number;
  packetsSent: number;
  bytesReceived: number;
  bytesSent: number;
  publishesReceived: number;
  publishesSent: number;
  /** Publishes that the client was not allowed; acknowledged and dropped. */
  publishesDenied: number;
  /** QoS 0 publishes that a slow reader missed. */
  droppedSlow: number;
  /** QoS 0 publishes for a persistent session whose client was away. */
  droppedAbsent: number;
  /** Publishes for which a persistent session had no room: it has the most messages, or bytes, allowed. */
  droppedQueueFull: number;
  /** MQTT 5: expired before they could be sent. */
  droppedExpired: number;
  /** MQTT 5: larger than their client accepts. */
  droppedTooLarge: number;
  /** Messages that were to be retained, beyond the limits. */
  retainedRefused: number;
}

export function createCounters(): Counters {
  return {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    refusedByAddress: 0,
    protocolErrors: 0,
    connectsReceived: 0,
    sessionsExpired: 0,
    clientsConnected: 0,
    clientsMaximum: 0,
    packetsReceived: 0,
    packetsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    publishesReceived: 0,
    publishesSent: 0,
    publishesDenied: 0,
    droppedSlow: 0,
    droppedAbsent: 0,
    droppedQueueFull: 0,
    droppedExpired: 0,
    droppedTooLarge: 0,
    retainedRefused: 0,
  };
}
