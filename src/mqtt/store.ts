/**
 * What a broker must store across restarts. Every method that gives a promise is one atomic change and resolves when it
 * is on disk. Changes are applied, and resolve, in the order of the calls. The other methods are plain reads: they see
 * every change that has resolved. Sessions that end with their connection are not stored.
 */
import type { SteadyMs } from "../lib/clock.ts";
import type { Qos } from "./wire/protocol.ts";

export interface StoredSubscription {
  /** As subscribed to, `$share/…` included. */
  readonly filter: string;
  readonly qos: Qos;
  /** The option bits of MQTT 5 § 3.8.3.1 above the QoS, in their positions. */
  readonly options: number;
  readonly subscriptionId: number | undefined;
}

/** A persistent session as the broker finds it at the start. */
export interface StoredSession {
  readonly sessionId: number;
  readonly principalKey: string;
  readonly clientId: string;
  /** Undefined: the broker's setting. */
  readonly expirySeconds: number | undefined;
  readonly disconnectedAtMs: SteadyMs;
  readonly subscriptions: readonly StoredSubscription[];
  /** The number of messages that wait for it. */
  readonly queued: number;
}

/** A queued message that was sent and is not completely acknowledged. */
export interface Sending {
  readonly queueId: number;
  readonly packetId: number;
  readonly qos: 1 | 2;
  /** PUBREC arrived: only PUBREL is sent again. */
  readonly released: boolean;
}

/** A client connects and gets a session that outlives its connection. */
export interface SessionOpening {
  readonly principalKey: string;
  readonly clientId: string;
  readonly nowMs: SteadyMs;
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
  /** MQTT 5 properties as on the wire, without the expiry and the properties of one hop; undefined: none. */
  readonly properties: Uint8Array | undefined;
  readonly expiresAtMs: SteadyMs | undefined;
  /** The key of the principal that published it; undefined: the server, or unknown. */
  readonly owner?: string | undefined;
}

/** What a topic retains from now on; undefined: nothing. */
export interface RetainedChange {
  readonly topic: string;
  readonly message: StoredRetained | undefined;
}

/** The numbers of a message for one session, in this order, in the `rows` of a `QueueChange`. */
export const queueColumns = {
  /** Assigned by the broker, rising over all sessions. */
  queueId: 0,
  sessionId: 1,
  qos: 2,
  /** 0: assigned when it is sent. */
  packetId: 3,
  /** 1: the client is connected and gets it as soon as it is stored; 0: it waits to be read by `queuedPage`. */
  live: 4,
  /** 0: never. */
  expiresAtMs: 5,
  /** The start of its packet in `packets`. */
  start: 6,
  end: 7,
} as const;
export const queueColumnCount = 8;

/** What one turn of the broker writes to disk, all in one change. */
export interface QueueChange {
  /** `queueColumnCount` numbers for each message and session. */
  readonly rows: Float64Array;
  /**
   * PUBLISH packets as their publishers' versions write them (`publish/stored-publish.ts`); several rows may refer to
   * the same one.
   */
  readonly packets: Uint8Array;
  /** The `$share/…` filter of a row, by its index. */
  readonly shares: readonly (readonly [row: number, filter: string])[];
  /** QoS 2 publishes taken over with these messages, as by `received`. */
  readonly received: readonly (readonly [sessionId: number, packetId: number])[];
  /** Retained with these messages, as by `retain`. */
  readonly retained: readonly RetainedChange[];
}

/** A queued message read back. */
export interface QueuedMessage {
  readonly queueId: number;
  readonly qos: 1 | 2;
  readonly packetId: number;
  readonly released: boolean;
  /** 0: never. */
  readonly expiresAtMs: SteadyMs;
  readonly share: string | undefined;
  readonly packet: Uint8Array;
}

/** What a connection leaves when it ends. */
export interface SuspendedSession {
  readonly sessionId: number;
  readonly disconnectedAtMs: SteadyMs;
  readonly expirySeconds: number | undefined;
  /** Sent and not completely acknowledged. */
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
  readonly publishAtMs: SteadyMs | undefined;
}

export interface BrokerStore {
  /**
   * Takes up what an earlier run left: every session is disconnected from now on (if it was connected, since `nowMs`),
   * every queued message waits, and messages of sessions that no longer exist are removed.
   */
  restart(nowMs: SteadyMs): Promise<void>;
  /** In the order of their numbers, from the first one after `after`; a page at a time, empty at the end. */
  sessionsPage(after: number): readonly StoredSession[];
  wills(): readonly StoredWill[];
  /** The highest queue id that is stored, else 0. */
  lastQueueId(): number;

  /** Retained messages in the order of their topics, from the first one after `after`; empty at the end. */
  retainedPage(after: string): readonly StoredRetained[];
  /** Whether the principal with this key may have so many bytes more on the disk. They are asked for only where it has a share. */
  hasDiskFor(principalKey: string, bytes: () => number): boolean;
  /** One change for any number of topics. If none of them retains anything from now on, it works on a full disk too. */
  retain(changes: readonly RetainedChange[]): Promise<void>;

  /** A stored session's number. */
  findSession(principalKey: string, clientId: string): number | undefined;
  /** Finds or creates the session; it is connected from now on. */
  openSession(session: SessionOpening): Promise<OpenedSession>;
  /**
   * The session's connection ended: messages it was being sent wait from now on, with the packet ids they were sent
   * with. What was released stays so.
   */
  suspendSession(session: SuspendedSession): Promise<void>;
  /** Ends the session with everything that belongs to it. Does nothing if it does not exist. */
  endSession(sessionId: number): Promise<void>;
  /** Adds subscriptions; an existing filter gets the new options. */
  subscribe(sessionId: number, subscriptions: readonly StoredSubscription[]): Promise<void>;
  unsubscribe(sessionId: number, filters: readonly string[]): Promise<void>;

  /** A QoS 2 publish was taken over: until it is released its packet id means a repeat, also after a restart. */
  received(sessionId: number, packetId: number): Promise<void>;
  released(sessionId: number, packetId: number): Promise<void>;

  /** Stores messages for persistent sessions. The broker may reuse `rows` and `packets` once the promise settles. */
  enqueue(change: QueueChange): Promise<void>;
  /** Live messages of a session that is too slow for them wait to be read from now on. */
  wait(queueIds: readonly number[]): Promise<void>;
  /** The messages were or are about to be sent with these packet ids. */
  send(sent: readonly (readonly [queueId: number, packetId: number])[]): Promise<void>;
  /** PUBREC arrived: the message itself is no longer needed. */
  release(queueId: number): Promise<void>;
  /**
   * Removes messages that were acknowledged, expired or given up. Not worth a commit of its own: it joins the next one,
   * or follows soon.
   */
  dequeue(queueIds: readonly number[]): Promise<void>;
  /** `listener` is called when a commit is about to be made; changes that it submits join that commit. */
  beforeCommit(listener: () => void): void;
  /** Messages that wait for a session (not the live ones), oldest first, after `after`; about a hundred, or 256 KiB. */
  queuedPage(sessionId: number, after: number): readonly QueuedMessage[];
  /** How much waits for a session; sizes are those of the packets. */
  queuedOf(sessionId: number): { readonly messages: number; readonly bytes: number };

  putWill(will: Omit<StoredWill, "willId" | "publishAtMs">): Promise<number>;
  /** The client is gone, and its will is to be published at this time. */
  scheduleWill(willId: number, publishAtMs: SteadyMs): Promise<void>;
  removeWill(willId: number): Promise<void>;
}
