/**
 * The broker's parts, each made once. Some parts need each other (a session that ends publishes its will, a will looks
 * up its session), so all of them get this object, and each declares what it uses of it.
 */
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { FlushQueue } from "../net/flush-queue.ts";
import type { OutboxParts } from "../net/outbox.ts";
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
import type { Authorize, Identity, Principal } from "./identity.ts";
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
  readonly outboxes: OutboxParts;
  readonly counters = createCounters();
  readonly work = new Work();
  readonly sockets = new Work();
  readonly connections = new Set<Connection>();
  readonly addressCounts = new AddressCounts();
  readonly reader: PacketReader;
  readonly wheel: DeadlineWheel;
  readonly sender: PublishSender;
  readonly retained: Retained;
  readonly queueWriter: QueueWriter;
  readonly routes: Routes;
  readonly wills: Wills;
  readonly sessions: Sessions;
  readonly identityChanges: IdentityChanges;
  readonly sys: SysTopics;
  readonly authorize: Authorize;
  readonly handlers: PacketHandlers = {
    connect: (connection, packet) => handleConnect(this, connection, packet),
    auth: (connection, packet) => handleAuth(this, connection, packet),
    publish: (connection, session, view) => handlePublish(this, connection, session, view),
    release: (connection, session, packetId) => handleRelease(this, connection, session, packetId),
    subscribe: (connection, session, packet) => handleSubscribe(this, connection, session, packet),
    unsubscribe: (connection, session, packet) => handleUnsubscribe(this, connection, session, packet),
  };
  stopping = false;

  constructor({ identity, services, store, limits, clock, log, sys }: PartsOptions<Principal>) {
    this.identity = identity;
    this.store = store;
    this.limits = limits;
    const { outboxSoftBytesMax, outboxHardBytesMax } = this.limits;
    this.outboxes = { outboxSoftBytesMax, outboxHardBytesMax, flushQueue: new FlushQueue() };
    this.clock = clock;
    this.log = log;
    this.reader = new PacketReader(limits);
    this.wheel = new DeadlineWheel(clock);
    this.sender = new PublishSender(this);
    this.retained = new Retained(this);
    this.queueWriter = new QueueWriter(this);
    this.services = new Services(services.map((create) => create(this)));
    this.authorize = (principal, action, topic) =>
      !this.services.forbid(principal, action, topic) && identity.authorize(principal, action, topic);
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

  storedSessions(principalKey: string): Iterable<ServiceSession> {
    return this.sessions.storedOf(principalKey);
  }

  endSessions(principalKey: string): void {
    this.sessions.endAllOf(principalKey);
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
