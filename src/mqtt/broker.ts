/** The broker put together: what the rest of the program makes, starts, publishes through and stops. */
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { FlushQueue } from "../net/flush-queue.ts";
import type { Connection } from "./connection/connection.ts";
import { AddressCounts } from "./connection/connection-limits.ts";
import { DeadlineWheel } from "./connection/keep-alive.ts";
import { type Certificate, type ListenAddress, type Listener, listenTcp } from "./connection/listener.ts";
import { createMqttWebSocket, type MqttWebSocket } from "./connection/websocket.ts";
import type { BrokerCore } from "./core.ts";
import { type Counters, createCounters } from "./counters.ts";
import { IdentityChanges } from "./handlers/identity-change.ts";
import type { BrokerHooks, ServiceSession } from "./hooks.ts";
import type { Principal } from "./identity.ts";
import type { BrokerLimits } from "./limits.ts";
import { preparePublish } from "./publish/prepared-publish.ts";
import { PublishSender } from "./publish/publish-sender.ts";
import { Retained } from "./routing/retained.ts";
import { Routes } from "./routing/routes.ts";
import { type SysOptions, SysTopics } from "./routing/sys-topics.ts";
import { Wills } from "./routing/wills.ts";
import { inflightWindowMax } from "./session/inflight.ts";
import { QueueWriter } from "./session/queue-writer.ts";
import { Sessions } from "./session/sessions.ts";
import type { BrokerStore } from "./store.ts";
import type { Qos } from "./wire/protocol.ts";
import { isTopicName } from "./wire/topic-names.ts";
import { Work } from "./work.ts";

export interface BrokerOptions<P extends Principal> {
  readonly store: BrokerStore;
  readonly hooks: BrokerHooks<P>;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly sys: SysOptions;
}

export interface BrokerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly sessions: number;
  /** In the trie: without those only a service serves. */
  readonly subscriptions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

export interface Broker<P extends Principal = Principal> {
  /** Takes up what an earlier run left in the store. Once, before anything else. */
  start(): Promise<void>;
  /** Serves MQTT over TCP, with a certificate over TLS. May be called for several addresses. */
  listen(address: ListenAddress, tls?: Certificate): Pick<Listener, "port" | "useCertificate">;
  /** Serves MQTT over WebSocket, for the HTTP server's upgrades and its `websocket` object. */
  readonly websocket: MqttWebSocket;
  /** Publishes to the ordinary subscribers of `topic` in the server's own name; services are not asked. False: it has none. */
  publish(topic: string, payload: Uint8Array, qos: Qos): boolean;
  stats(): BrokerStats;
  /** A principal's sessions that outlive their connections, there or away. */
  storedSessions(principalKey: string): Iterable<ServiceSession<P>>;
  /** Ends every session of a principal that is no more, with its connections but for those that become somebody else's. */
  endSessions(principalKey: string): void;
  /** Does what the clock has made due. The broker's own timer calls it; a test that moves the clock calls it too. */
  turnClock(): void;
  /** Accepts nothing more, finishes and acknowledges what is under way, then closes every connection. */
  stop(): Promise<void>;
}

export function createBroker<P extends Principal>(options: BrokerOptions<P>): Broker<P> {
  assert(options.limits.inflightMax <= inflightWindowMax, "the inflight window fits the packet ids");
  const core = createCore(options);
  const listeners: Listener[] = [];
  core.wheel.start();

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    core.stopping = true;
    for (const listener of listeners) listener.stopAccepting();
    for (const connection of [...core.connections]) {
      if (connection.session === undefined) connection.close("server_stopping");
      else connection.stopReading();
    }
    const deadline = after(core.limits.stopTimeoutMs);
    await Promise.race([core.work.whenIdle(), deadline.passed]);
    for (const connection of [...core.connections]) connection.close("server_stopping");
    core.queueWriter.flush(); // the sessions' states among it
    await Promise.race([core.work.whenIdle(), deadline.passed]);
    deadline.cancel();
    const lingered = after(core.limits.lingerMs);
    await Promise.race([core.sockets.whenIdle(), lingered.passed]);
    lingered.cancel();
    for (const listener of listeners) listener.close();
    core.wheel.stop();
  }

  return {
    async start() {
      await core.store.restart(core.clock.nowMs());
      core.sessions.load();
      core.wills.load();
    },
    listen(address, tls) {
      const listener = listenTcp(core, address, tls);
      listeners.push(listener);
      core.log.info("listening for MQTT", {
        hostname: address.hostname,
        port: listener.port,
        tls: tls !== undefined,
      });
      return listener;
    },
    websocket: createMqttWebSocket(core),
    publish(topic, payload, qos) {
      if (!isTopicName(topic)) throw new Error("not a topic name");
      const route = core.routes.find(topic);
      void core.routes.forward(route, preparePublish(topic, payload), qos);
      return route.sessions.length > 0 || route.groups !== undefined;
    },
    stats: () => ({
      ...core.counters,
      connections: core.connections.size,
      sessions: core.sessions.count,
      subscriptions: core.routes.subscriptionCount,
      retainedMessages: core.retained.count,
      retainedBytes: core.retained.bytes,
    }),
    storedSessions: (principalKey) => core.sessions.storedOf(principalKey) as Iterable<ServiceSession<P>>,
    endSessions: (principalKey) => core.sessions.endAllOf(principalKey),
    turnClock: () => core.wheel.turn(),
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

class Core implements BrokerCore {
  readonly store: BrokerStore;
  readonly hooks: BrokerHooks;
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly flushQueue = new FlushQueue();
  readonly counters = createCounters();
  readonly work = new Work();
  readonly sockets = new Work();
  readonly connections = new Set<Connection>();
  readonly addressCounts = new AddressCounts();
  readonly wheel: DeadlineWheel;
  readonly routes: Routes;
  readonly retained: Retained;
  readonly queueWriter: QueueWriter;
  readonly sender: PublishSender;
  readonly wills: Wills;
  readonly sessions: Sessions;
  readonly identityChanges: IdentityChanges;
  readonly sys: SysTopics;
  stopping = false;

  constructor({ store, hooks, limits, clock, log, sys }: BrokerOptions<Principal>) {
    this.store = store;
    this.hooks = hooks;
    this.limits = limits;
    this.clock = clock;
    this.log = log;
    this.wheel = new DeadlineWheel(clock);
    this.sender = new PublishSender(this);
    this.retained = new Retained(this);
    this.queueWriter = new QueueWriter(this, (topic) => this.retained.current(topic));
    this.routes = new Routes(this);
    this.wills = new Wills(this);
    this.sessions = new Sessions(this);
    this.identityChanges = new IdentityChanges(this);
    this.sys = new SysTopics(this, sys);
  }
}

/** The only principals the hooks are ever given are those their own `authenticate` returned, so P may stay theirs. */
function createCore<P extends Principal>({ hooks, ...rest }: BrokerOptions<P>): Core {
  return new Core({ ...rest, hooks: hooks as BrokerHooks<Principal> });
}

function after(ms: number): { passed: Promise<void>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { passed: promise, cancel: () => clearTimeout(timer) };
}
