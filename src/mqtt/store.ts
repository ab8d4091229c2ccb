/**
 * What a broker must remember across restarts. Every method is one whole change and resolves when it is on disk; changes
 * are applied in the order of the calls. Sessions that end with their connection never come here.
 */
export interface StoredSubscription {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
}

export interface OpenedSession {
  readonly sessionId: number;
  /** Whether it existed before: "session present" in CONNACK. */
  readonly resumed: boolean;
  readonly subscriptions: readonly StoredSubscription[];
  /** Packet ids of QoS 2 publishes that were taken over and not released. */
  readonly received: readonly number[];
}

/** A retained message as it is stored. */
export interface StoredRetained {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
}

/** What a topic retains from now on; undefined: nothing. */
export interface RetainedChange {
  readonly topic: string;
  readonly message: StoredRetained | undefined;
}

export interface BrokerStore {
  /** Retained messages in the order of their topics, from the first one after `after`; empty at the end. A plain read. */
  retainedPage(after: string): readonly StoredRetained[];
  /** One change, however many topics. */
  retain(changes: readonly RetainedChange[]): Promise<void>;
  /** A stored session's number. A plain read: it sees every change that has resolved. */
  findSession(principalKey: string, clientId: string): number | undefined;
  /** Finds or creates the session. */
  openSession(session: { principalKey: string; clientId: string; nowMs: number }): Promise<OpenedSession>;
  /** Adds subscriptions; a filter already there gets the new QoS. */
  subscribe(sessionId: number, subscriptions: readonly StoredSubscription[]): Promise<void>;
  unsubscribe(sessionId: number, filters: readonly string[]): Promise<void>;
  /** A QoS 2 publish was taken over: until it is released its packet id means a repeat, also after a restart. */
  received(sessionId: number, packetId: number): Promise<void>;
  released(sessionId: number, packetId: number): Promise<void>;
  /** Ends the session with all that belongs to it. Nothing happens if it does not exist. */
  endSession(sessionId: number): Promise<void>;
}
