/**
 * The broker's parts, each made once. Some parts need each other (a session that ends publishes its will, a will looks
 * up its session), so all of them get this object, and each declares what it uses of it.
 */
import type { Clock, MonotonicMs } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { createMinuteLog, type MinuteLog } from "../lib/minute-log.ts";
import { Descriptors } from "../net/descriptors.ts";
import { FlushQueue } from "../net/flush-queue.ts";
import { defaultMemoryLimits, MemoryBudget } from "../net/memory-budget.ts";
import type { OutboxParts } from "../net/outbox.ts";
import { defaultWebSocketLimits, WebSocketGuard } from "../net/websocket-guard.ts";
import type { Connection, PacketHandlers } from "./connection/connection.ts";
import { AddressCounts } from "./connection/connection-limits.ts";
import { DeadlineWheel } from "./connection/keep-alive.ts";
import type { AcceptingParts } from "./connection/listener.ts";
import { createCounters } from "./counters.ts";
import { handleAuth } from "./handlers/auth.ts";
import { type ConnectParts, handleConnect } from "./handlers/connect.ts";
import { type IdentityChangeParts, IdentityChanges } from "./handlers/identity-change.ts";
import { handlePublish, handleRelease, type PublishParts } from "./handlers/publish.ts";
import { handleSubscribe, type SubscribeParts } from "./handlers/subscribe.ts";
import { handleUnsubscribe, type UnsubscribeParts } from "./handlers/unsubscribe.ts";
import { type Authorize, type Identity, ownerOf, type Principal } from "./identity.ts";
import type { BrokerLimits } from "./limits.ts";
import { preparePublish } from "./publish/prepared-publish.ts";
import { PublishSender } from "./publish/publish-sender.ts";
import { Retained } from "./routing/retained.ts";
import { Routes } from "./routing/routes.ts";
import { type SysOptions, SysTopics } from "./routing/sys-topics.ts";
import { Wills } from "./routing/wills.ts";
import type { CreateService, ServiceBroker, ServiceSession } from "./service.ts";
import { Services } from "./services.ts";
import { QueueWriter } from "./session/queue-writer.ts";
import { Sessions, type SessionsParts } from "./session/sessions.ts";
import { SubscriptionBudget } from "./session/subscription-budget.ts";
import type { BrokerStore } from "./store.ts";
import { PacketReader } from "./wire/packet-reader.ts";
import type { Qos } from "./wire/protocol.ts";
import { isTopicName } from "./wire/topic-names.ts";
import { Work } from "./work.ts";

export interface PartsOptions<P extends Principal> {
  readonly identity: Identity<P>;
  /** In the order in which services are asked and told. */
  readonly services: readonly CreateService<P>[];
  readonly store: BrokerStore;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly sys: SysOptions;
  /** At which level it is logged that clients come and go; `debug` where it is not said. */
  readonly connectionsAt?: "debug" | "info";
  /** Shared with the other doors; without it the broker has its own. */
  readonly descriptors?: Descriptors;
  readonly memory?: MemoryBudget;
  readonly websocketGuard?: WebSocketGuard;
}

export class BrokerParts
  implements
    ServiceBroker,
    AcceptingParts,
    ConnectParts,
    IdentityChangeParts,
    PublishParts,
    SessionsParts,
    SubscribeParts,
    UnsubscribeParts
{
  readonly identity: Identity;
  readonly services: Services;
  readonly store: BrokerStore;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly logConnections: Log["debug"];
  readonly ends: MinuteLog;
  readonly outboxes: OutboxParts;
  readonly strangerOutboxes: OutboxParts;
  readonly descriptors: Descriptors;
  readonly memory: MemoryBudget;
  readonly websocketGuard: WebSocketGuard;
  readonly counters = createCounters();
  readonly work = new Work();
  readonly sockets = new Work();
  readonly connections = new Map<Connection, MonotonicMs>();
  readonly addressCounts = new AddressCounts();
  readonly reader: PacketReader;
  readonly wheel: DeadlineWheel;
  readonly sender: PublishSender;
  readonly subscriptionBudget: SubscriptionBudget;
  readonly retained: Retained;
  readonly queueWriter: QueueWriter;
  readonly routes: Routes;
  readonly wills: Wills;
  readonly sessions: Sessions;
  readonly identityChanges: IdentityChanges;
  readonly sys: SysTopics;
  readonly authorize: Authorize;
  readonly mayHear: (principal: Principal, topic: string) => boolean;
  readonly handlers: PacketHandlers = {
    connect: (connection, packet) => handleConnect(this, connection, packet),
    auth: (connection, packet) => handleAuth(this, connection, packet),
    publish: (connection, session, view) => handlePublish(this, connection, session, view),
    release: (connection, session, packetId) => handleRelease(this, connection, session, packetId),
    subscribe: (connection, session, packet) => handleSubscribe(this, connection, session, packet),
    unsubscribe: (connection, session, packet) => handleUnsubscribe(this, connection, session, packet),
  };
  stopping = false;

  constructor({ identity, services, store, limits, clock, log, sys, ...shared }: PartsOptions<Principal>) {
    this.identity = identity;
    this.store = store;
    this.limits = limits;
    const { outboxSoftBytesMax, outboxHardBytesMax, strangerBytesMax } = this.limits;
    this.outboxes = { outboxSoftBytesMax, outboxHardBytesMax, flushQueue: new FlushQueue(), counters: this.counters };
    this.strangerOutboxes = {
      ...this.outboxes,
      outboxSoftBytesMax: Math.min(outboxSoftBytesMax, strangerBytesMax / 2),
      outboxHardBytesMax: Math.min(outboxHardBytesMax, strangerBytesMax),
    };
    this.descriptors = shared.descriptors ?? new Descriptors({ log });
    this.memory = shared.memory ?? new MemoryBudget({ limits: defaultMemoryLimits, log, clock });
    this.websocketGuard = shared.websocketGuard ?? new WebSocketGuard({ limits: defaultWebSocketLimits, log, clock });
    this.clock = clock;
    this.log = log;
    this.logConnections = log[shared.connectionsAt ?? "debug"];
    this.ends = createMinuteLog({ log, rest: "more connections were cut off in this minute" });
    this.reader = new PacketReader(limits);
    this.wheel = new DeadlineWheel(clock);
    this.subscriptionBudget = new SubscriptionBudget(this);
    this.sender = new PublishSender(this);
    this.retained = new Retained(this);
    this.queueWriter = new QueueWriter(this);
    this.services = new Services(services.map((create) => create(this)));
    this.authorize = (principal, action, topic) =>
      !this.services.forbid(principal, action, topic) && identity.authorize(principal, action, topic);
    this.mayHear = (principal, topic) =>
      this.services.of(topic) !== undefined || this.authorize(principal, "deliver", topic);
    this.routes = new Routes(this);
    this.wills = new Wills(this);
    this.sessions = new Sessions(this);
    this.identityChanges = new IdentityChanges(this);
    this.sys = new SysTopics(this, sys);
  }

  publish(topic: string, payload: Uint8Array, qos: Qos): boolean {
    if (!isTopicName(topic)) throw new Error("not a topic name");
    const route = this.routes.find(topic);
    void this.routes.forward(route, preparePublish(topic, payload), qos);
    return route.sessions.length > 0 || route.groups !== undefined;
  }

  *storedSessions(principalKey: string): Iterable<ServiceSession> {
    for (const session of this.sessions.storedOf(principalKey))
      if (session.principal.key === principalKey) yield session;
  }

  endStoredSessions(owner: string, principalKeys: ReadonlySet<string>): void {
    this.sessions.endStoredOf(owner, principalKeys);
  }

  endSessions(principalKey: string): void {
    this.sessions.endAllOf(principalKey);
  }

  dropRetained(principalKey: string): void {
    this.retained.dropOf(principalKey);
  }

  permissionsChanged(principalKey: string | undefined): void {
    for (const session of this.sessions) {
      if (principalKey === undefined || ownerOf(session.principal) === principalKey) session.permissionsChanged();
    }
  }
}

/** Identity and services only ever get principals that this identity made, so the cast of P is safe. */
export function createParts<P extends Principal>({ identity, services, ...rest }: PartsOptions<P>): BrokerParts {
  return new BrokerParts({
    ...rest,
    identity: identity as Identity<Principal>,
    services: services as readonly CreateService<Principal>[],
  });
}
