/**
 * `$SYS/broker/…`: what the broker reports about itself, under the names that Mosquitto introduced and dashboards use.
 * Every value is published at an interval, and once, marked as retained, to each new subscriber. Values that are not
 * counted on a message's way (bytes without the header, stored bytes) have no topic here.
 */

import { type Clock, forever, later, type MonotonicMs } from "../../lib/clock.ts";
import type { Outbox } from "../../net/outbox.ts";
import type { DeadlineWheel, Watched } from "../connection/keep-alive.ts";
import type { Counters } from "../counters.ts";
import type { Authorize } from "../identity.ts";
import { preparePublish } from "../publish/prepared-publish.ts";
import type { DeliveryTerms } from "../session/delivery-terms.ts";
import type { Session } from "../session/session.ts";
import { firstLevel } from "../wire/topic-names.ts";
import type { Retained } from "./retained.ts";
import type { Routes } from "./routes.ts";
import { TopicTree } from "./topic-tree.ts";

export interface SysOptions {
  readonly version: string;
  /** 0 means that there are no such topics. */
  readonly intervalSeconds: number;
}

export interface SysTopicsParts {
  readonly authorize: Authorize;
  readonly clock: Clock;
  readonly wheel: DeadlineWheel;
  readonly routes: Pick<Routes, "find" | "forward" | "sharedCount">;
  readonly retained: Pick<Retained, "count">;
  readonly sessions: Iterable<Session> & { readonly count: number };
  readonly counters: Counters;
  readonly connections: { keys(): Iterable<{ readonly outbox: Outbox }> };
}

/** The totals that averages per minute are made of, and their names. */
const averaged: readonly (readonly [name: string, total: (counters: Counters) => number])[] = [
  ["messages/received", ({ packetsReceived }) => packetsReceived],
  ["messages/sent", ({ packetsSent }) => packetsSent],
  ["publish/received", ({ publishesReceived }) => publishesReceived],
  ["publish/sent", ({ publishesSent }) => publishesSent],
  ["publish/dropped", dropped],
  ["bytes/received", ({ bytesReceived }) => bytesReceived],
  ["bytes/sent", ({ bytesSent }) => bytesSent],
  ["connections", ({ connectsReceived }) => connectsReceived],
  ["sockets", ({ connectionsAccepted }) => connectionsAccepted],
];
const windowsMinutes = [1, 5, 15] as const;

const asRetained: DeliveryTerms = { retain: 1, subscriptionIds: undefined, group: undefined };

export class SysTopics implements Watched {
  deadlineMs: MonotonicMs;
  wheelPlace = -1;
  readonly #parts: SysTopicsParts;
  readonly #options: SysOptions;
  readonly #startedMs: MonotonicMs;
  #averagedMs: MonotonicMs;
  #totals: Counters;
  /** By name, one value per window. */
  readonly #averages = new Map<string, number[]>(averaged.map(([name]) => [name, windowsMinutes.map(() => 0)]));
  /** The values of this turn of the event loop: collecting them takes a walk through all sessions. */
  #found: readonly (readonly [topic: string, value: string])[] | undefined;

  constructor(parts: SysTopicsParts, options: SysOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#startedMs = parts.clock.monotonicMs();
    this.#averagedMs = this.#startedMs;
    this.#totals = { ...parts.counters };
    this.deadlineMs = options.intervalSeconds > 0 ? this.#nextMs() : forever;
    parts.wheel.watch(this);
  }

  /** An interval is over. */
  deadlinePassed(): void {
    this.#average();
    this.#found = undefined;
    for (const [topic, value] of this.#values()) {
      void this.#parts.routes.forward(this.#parts.routes.find(topic), preparePublish(topic, Buffer.from(value)), 0);
    }
    this.deadlineMs = this.#nextMs();
    this.#parts.wheel.watch(this);
  }

  /** Sends a new subscription every value, as if it were a retained message at QoS 0. */
  sendTo(session: Session, filter: string): void {
    const { connection, principal } = session;
    if (this.#options.intervalSeconds === 0 || firstLevel(filter) !== "$SYS" || connection === undefined) return;
    const one = new TopicTree<Session>();
    one.add(filter, session);
    for (const [topic, value] of this.#values()) {
      if (connection.outbox.full) return;
      one.match(topic, () => {
        if (!this.#parts.authorize(principal, "deliver", topic)) return;
        session.forwardWith(preparePublish(topic, Buffer.from(value)), 0, asRetained);
      });
    }
  }

  #nextMs(): MonotonicMs {
    return later(this.#parts.clock.monotonicMs(), this.#options.intervalSeconds * 1000);
  }

  /** Collected once per turn, however many filters the turn brings. */
  #values(): readonly (readonly [topic: string, value: string])[] {
    if (this.#found === undefined) {
      this.#found = [...this.#lookUp()];
      setImmediate(() => {
        this.#found = undefined;
      });
    }
    return this.#found;
  }

  *#lookUp(): Generator<[topic: string, value: string]> {
    const { clock, sessions, routes, retained } = this.#parts;
    const now = { ...this.#parts.counters };
    const upSeconds = Math.floor((clock.monotonicMs() - this.#startedMs) / 1000);
    const connected = now.clientsConnected;
    const away = Math.max(0, sessions.count - connected);
    let stored = retained.count;
    let subscriptions = 0;
    for (const session of sessions) {
      stored += session.queuedMessages;
      subscriptions += session.subscriptionCount;
    }
    const named = {
      version: this.#options.version,
      uptime: `${upSeconds} seconds`,
      "clients/total": sessions.count,
      "clients/connected": connected,
      "clients/active": connected,
      "clients/disconnected": away,
      "clients/inactive": away,
      "clients/maximum": now.clientsMaximum,
      "clients/expired": now.sessionsExpired,
      "messages/received": now.packetsReceived,
      "messages/sent": now.packetsSent,
      "messages/stored": stored,
      "store/messages/count": stored,
      "retained messages/count": retained.count,
      "publish/messages/received": now.publishesReceived,
      "publish/messages/sent": now.publishesSent,
      "publish/messages/dropped": dropped(now),
      "bytes/received": now.bytesReceived,
      "bytes/sent": now.bytesSent,
      "subscriptions/count": subscriptions,
      "shared_subscriptions/count": routes.sharedCount,
    };
    for (const [name, value] of Object.entries(named)) yield [`$SYS/broker/${name}`, String(value)];
    for (const [name, values] of this.#averages) {
      for (const [at, minutes] of windowsMinutes.entries()) {
        yield [`$SYS/broker/load/${name}/${minutes}min`, (values[at] ?? 0).toFixed(2)];
      }
    }
  }

  /** Exponential moving averages per minute: only one number per window is kept. */
  #average(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const minutes = (nowMs - this.#averagedMs) / 60_000;
    if (minutes <= 0) return;
    const now = { ...this.#parts.counters };
    for (const [name, total] of averaged) {
      const rate = (total(now) - total(this.#totals)) / minutes;
      const before = this.#averages.get(name) ?? [];
      const after = windowsMinutes.map((window, at) => {
        const old = before[at] ?? 0;
        return old + (rate - old) * (1 - Math.exp(-minutes / window));
      });
      this.#averages.set(name, after);
    }
    this.#totals = now;
    this.#averagedMs = nowMs;
  }
}

/** Messages without room: of a slow reader, of a full queue, and at QoS 0 of a client that is away. */
function dropped({ droppedSlow, droppedAbsent, droppedQueueFull }: Counters): number {
  return droppedSlow + droppedAbsent + droppedQueueFull;
}
