/** What the store keeps for an MQTT broker, in the shapes the broker asks for; the broker's own interface says what each means. */

export type Qos = 0 | 1 | 2;

export interface StoredSubscription {
  readonly filter: string;
  readonly qos: Qos;
  readonly options: number;
  readonly subscriptionId: number | undefined;
}

export interface StoredSession {
  readonly sessionId: number;
  readonly principalKey: string;
  readonly clientId: string;
  readonly expirySeconds: number | undefined;
  readonly disconnectedAtMs: number;
  readonly subscriptions: readonly StoredSubscription[];
  readonly queued: number;
}

export interface SessionOpening {
  readonly principalKey: string;
  readonly clientId: string;
  readonly nowMs: number;
  readonly expirySeconds: number | undefined;
}

export interface Sending {
  readonly queueId: number;
  readonly packetId: number;
  readonly qos: 1 | 2;
  readonly released: boolean;
}

export interface OpenedSession {
  readonly sessionId: number;
  readonly resumed: boolean;
  readonly subscriptions: readonly StoredSubscription[];
  readonly received: readonly number[];
  readonly sending: readonly Sending[];
}

export interface SuspendedSession {
  readonly sessionId: number;
  readonly disconnectedAtMs: number;
  readonly expirySeconds: number | undefined;
  readonly sending: readonly Sending[];
  readonly waiting: readonly number[];
}

export interface StoredRetained {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: number | undefined;
}

export interface RetainedChange {
  readonly topic: string;
  readonly message: StoredRetained | undefined;
}

/** The numbers of one row of a `QueueChange`: queue id, session id, QoS, packet id, live, expires at, start and end. */
export const queueColumnCount = 8;

export interface QueueChange {
  readonly rows: Float64Array;
  readonly packets: Uint8Array;
  readonly shares: readonly (readonly [row: number, filter: string])[];
  readonly received: readonly (readonly [sessionId: number, packetId: number])[];
  readonly retained: readonly RetainedChange[];
}

export interface QueuedMessage {
  readonly queueId: number;
  readonly qos: 1 | 2;
  readonly packetId: number;
  readonly released: boolean;
  readonly expiresAtMs: number;
  readonly share: string | undefined;
  readonly packet: Uint8Array;
}

export interface StoredWill {
  readonly willId: number;
  readonly principalKey: string;
  readonly clientId: string;
  readonly packet: Uint8Array;
  readonly delaySeconds: number;
  readonly publishAtMs: number | undefined;
}

export const qosOf = (qos: number): Qos => (qos === 1 ? 1 : qos === 2 ? 2 : 0);
/** Nothing at QoS 0 is ever queued. */
export const queuedQosOf = (qos: number): 1 | 2 => (qos === 2 ? 2 : 1);

/** A subscription as SQLite and JSON know it. */
export interface SubscriptionRow {
  readonly filter: string;
  readonly qos: number;
  readonly options: number;
  readonly subscriptionId: number | null;
}

export const toSubscription = ({ filter, qos, options, subscriptionId }: SubscriptionRow): StoredSubscription => ({
  filter,
  qos: qosOf(qos),
  options,
  subscriptionId: subscriptionId ?? undefined,
});
