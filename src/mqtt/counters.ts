/** What the broker counts for its operator; running totals since start. */
export interface Counters {
  connectionsAccepted: number;
  connectionsRefused: number;
  /** Of those, for what their address had already. */
  refusedByAddress: number;
  protocolErrors: number;
  bytesReceived: number;
  publishesReceived: number;
  publishesSent: number;
  /** Publishes the client was not allowed; acknowledged and dropped. */
  publishesDenied: number;
  /** QoS 0 publishes a slow reader missed. */
  droppedSlow: number;
  /** Publishes for a persistent session whose client was away. */
  droppedAbsent: number;
}

export function createCounters(): Counters {
  return {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    refusedByAddress: 0,
    protocolErrors: 0,
    bytesReceived: 0,
    publishesReceived: 0,
    publishesSent: 0,
    publishesDenied: 0,
    droppedSlow: 0,
    droppedAbsent: 0,
  };
}
