/**
 * What a broker must remember across restarts. Every method that gives a promise is one whole change and resolves when it
 * is on disk; changes are applied, and resolve, in the order of the calls. The others are plain reads: they see every
 * change that has resolved. Sessions that end with their connection never come here.
 */
import type { Qos } from "./wire/protocol.ts";

export interface StoredSubscription {
  /** As subscribed to, `$share/…` included. */
  readonly filter: string;
  readonly qos: Qos;
  /** The option bits of MQTT 5 § 3.8.3.1 above the QoS, in their places. */
  readonly options: number;
  readonly subscriptionId: number | undefined;
}

/** A persistent session as the broker finds it when it starts. */
export interface StoredSession {
  readonly sessionId: number;
  readonly principalKey: string;
  readonly clientId: string;
  /** Undefined: the broker's setting. */
  readonly expirySeconds: number | undefined;
  readonly disconnectedAtMs: number;
  readonly subscriptions: readonly StoredSubscription[];
  /** Messages that wait for it. */
  readonly queued: number;
}

/** A queued message that was sent and is not wholly acknowledged. */
export interface Sending {
  readonly queueId: number;
  readonly packetId: number;
  readonly qos: 1 | 2;
  /** PUBREC arrived: only PUBREL is sent again. */
  readonly released: boolean;
}

/** A client connects and is to have a session that outlives its connection. */
export interface SessionOpening {
  readonly principalKey: string;
  readonly clientId: string;
  readonly nowMs: number;
  /** Undefined: the broker's setting. */
  readonly expirySeconds: number | undefined;
}

export interface OpenedSession {
  readonly sessionId: number;
  /** Whether it existed before: "session present" in CONNACK. */
  readonly resumed: boolean;
  readonly subscriptions: readonly StoredSubscription[];
  /** Packet ids of QoS 2 publishes that were taken over and not released. */
  readonly received: readonly number[];
  /** In the order of their queue ids. */
  readonly sending: readonly Sending[];
}

/** A retained message as it is stored. */
export interface StoredRetained {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  /** MQTT 5 properties as on the wire, those of one hop and the expiry left out; undefined: none. */
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: number | undefined;
}

/** What a topic retains from now on; undefined: nothing. */
export interface RetainedChange {
  readonly topic: string;
  readonly message: StoredRetained | undefined;
}

/** Numbers of a message for one session, in this order, in the `rows` of a `QueueChange`. */
export const queueColumns = {
  /** Given by the broker, rising over all sessions. */
  queueId: 0,
  sessionId: 1,
  qos: 2,
  /** 0: to be given when it is sent. */
  packetId: 3,
  /** 1: the client is connected and gets it as soon as it is stored; 0: it waits to be read by `queuedPage`. */
  live: 4,
  /** 0: never. */
  expiresAtMs: 5,
  /** Where its packet lies in `packets`. */
  start: 6,
  end: 7,
} as const;
export const queueColumnCount = 8;

/** What one turn of the broker has for the disk; all of it in one change. */
export interface QueueChange {
  /** `queueColumnCount` numbers for each message and session. */
  readonly rows: Float64Array;
  /** PUBLISH packets as their publishers' versions write them (`publish/stored-publish.ts`); several rows may name the same one. */
  readonly packets: Uint8Array;
  /** The `$share/…` filter of a row, by its index. */
  readonly shares: readonly (readonly [row: number, filter: string])[];
  /** QoS 2 publishes taken over with these messages, as `received`. */
  readonly received: readonly (readonly [sessionId: number, packetId: number])[];
  /** Retained with these messages, as `retain`. */
  readonly retained: readonly RetainedChange[];
}

/** A queued message read back. */
export interface QueuedMessage {
  readonly queueId: number;
  readonly qos: 1 | 2;
  readonly packetId: number;
  readonly released: boolean;
  readonly expiresAtMs: number;
  readonly share: string | undefined;
  readonly packet: Uint8Array;
}

/** What a connection leaves behind when it ends. */
export interface SuspendedSession {
  readonly sessionId: number;
  readonly disconnectedAtMs: number;
  readonly expirySeconds: number | undefined;
  /** Sent and not wholly acknowledged. */
  readonly sending: readonly Sending[];
  /** Live and not sent. */
  readonly waiting: readonly number[];
}

export interface StoredWill {
  readonly willId: number;
  readonly principalKey: string;
  readonly clientId: string;
  /** PUBLISH in its MQTT 5 form with the will's QoS and RETAIN. */
  readonly packet: Uint8Array;
  readonly delaySeconds: number;
  /** Undefined: its client was connected when the server ended. */
  readonly publishAtMs: number | undefined;
}

export interface BrokerStore {
  /**
   * What an earlier run left: every session is disconnected from now on (if it was connected, since `nowMs`), every
   * queued message waits, and messages of sessions that are gone are removed.
   */
  restart(nowMs: number): Promise<void>;
  /** In the order of their numbers, from the first one after `after`; a page at a time, empty at the end. */
  sessionsPage(after: number): readonly StoredSession[];
  wills(): readonly StoredWill[];
  /** The highest queue id ever stored and still there, else 0. */
  lastQueueId(): number;

  /** Retained messages in the order of their topics, from the first one after `after`; empty at the end. */
  retainedPage(after: string): readonly StoredRetained[];
  /** One change, however many topics. */
  retain(changes: readonly RetainedChange[]): Promise<void>;

  /** A stored session's number. */
  findSession(principalKey: string, clientId: string): number | undefined;
  /** Finds or creates the session, connected from now on. */
  openSession(session: SessionOpening): Promise<OpenedSession>;
  /** Its connection ended: what it was being sent waits from now on, with the packet ids it was sent with. */
  suspendSession(session: SuspendedSession): Promise<void>;
  /** Ends the session with all that belongs to it. Nothing happens if it does not exist. */
  endSession(sessionId: number): Promise<void>;
  /** Adds subscriptions; a filter already there gets what is new. */
  subscribe(sessionId: number, subscriptions: readonly StoredSubscription[]): Promise<void>;
  unsubscribe(sessionId: number, filters: readonly string[]): Promise<void>;

  /** A QoS 2 publish was taken over: until it is released its packet id means a repeat, also after a restart. */
  received(sessionId: number, packetId: number): Promise<void>;
  released(sessionId: number, packetId: number): Promise<void>;

  /** QueueWriter messages for persistent sessions. `rows` and `packets` are the broker's again once it settles. */
  enqueue(change: QueueChange): Promise<void>;
  /** Live messages of a session that is too slow for them wait to be read from now on. */
  wait(queueIds: readonly number[]): Promise<void>;
  /** The messages were or are about to be sent with these packet ids. */
  send(sent: readonly (readonly [queueId: number, packetId: number])[]): Promise<void>;
  /** PUBREC arrived: the message itself is of no more use. */
  release(queueId: number): Promise<void>;
  /** Acknowledged, expired or given up. Not worth a commit of its own: it joins one that is made anyway, or follows soon. */
  dequeue(queueIds: readonly number[]): Promise<void>;
  /** `listener` is called when a commit is about to be made; changes it asks for join that commit. */
  beforeCommit(listener: () => void): void;
  /** Messages that wait for a session (not the live ones), oldest first, after `after`; about a hundred, or 256 KiB. */
  queuedPage(sessionId: number, after: number): readonly QueuedMessage[];
  /** How much waits for a session; sizes are those of the packets. */
  queuedOf(sessionId: number): { readonly messages: number; readonly bytes: number };

  putWill(will: Omit<StoredWill, "willId" | "publishAtMs">): Promise<number>;
  /** The client is gone and its will is to be published at this time. */
  scheduleWill(willId: number, publishAtMs: number): Promise<void>;
  removeWill(willId: number): Promise<void>;
}
