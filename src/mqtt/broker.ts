/** The assembled broker: what the rest of the program creates, starts, publishes through and stops. */
import { assert } from "../lib/assert.ts";
import { type Certificate, type ListenAddress, type Listener, listenTcp } from "./connection/listener.ts";
import { createMqttWebSocket, type MqttWebSocket } from "./connection/websocket.ts";
import type { Counters } from "./counters.ts";
import type { Principal } from "./identity.ts";
import { createParts, type PartsOptions } from "./parts.ts";
import type { ServiceBroker } from "./service.ts";
import { inflightWindowMax } from "./session/inflight.ts";

export type BrokerOptions<P extends Principal> = PartsOptions<P>;

export interface BrokerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly sessions: number;
  /** Subscriptions in the broker's tree; those that only a service serves are not counted. */
  readonly subscriptions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

export interface Broker extends Pick<ServiceBroker, "publish"> {
  /** Reads what an earlier run left in the store. Call it once, before anything else. */
  start(): Promise<void>;
  /** Serves MQTT over TCP; with a certificate over TLS. May be called for several addresses. */
  listen(address: ListenAddress, tls?: Certificate): Pick<Listener, "port" | "useCertificate">;
  /** Serves MQTT over WebSocket: for the HTTP server's upgrades and its `websocket` object. */
  readonly websocket: MqttWebSocket;
  stats(): BrokerStats;
  /** Does what is due by the clock. The broker's own timer calls it; a test that moves the clock calls it too. */
  turnClock(): void;
  /** Accepts no more connections, finishes and acknowledges what is under way, then closes every connection. */
  stop(): Promise<void>;
}

export function createBroker<P extends Principal>(options: BrokerOptions<P>): Broker {
  assert(options.limits.inflightMax <= inflightWindowMax, "the inflight window fits the packet ids");
  const parts = createParts(options);
  const listeners: Listener[] = [];
  parts.wheel.start();

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    parts.stopping = true;
    for (const listener of listeners) listener.stopAccepting();
    for (const connection of [...parts.connections]) {
      if (connection.session === undefined) connection.close("server_stopping");
      else connection.stopReading();
    }
    const deadline = after(parts.limits.stopTimeoutMs);
    await Promise.race([parts.work.whenIdle(), deadline.passed]);
    for (const connection of [...parts.connections]) connection.close("server_stopping");
    parts.queueWriter.flush(); // the states of the sessions included
    await Promise.race([parts.work.whenIdle(), deadline.passed]);
    deadline.cancel();
    const lingered = after(parts.limits.lingerMs);
    await Promise.race([parts.sockets.whenIdle(), lingered.passed]);
    lingered.cancel();
    for (const listener of listeners) listener.close();
    parts.wheel.stop();
  }

  return {
    async start() {
      await parts.store.restart(parts.clock.nowMs());
      parts.sessions.load();
      parts.wills.load();
    },
    listen(address, tls) {
      const listener = listenTcp(parts, address, tls);
      listeners.push(listener);
      parts.log.info("listening for MQTT", {
        hostname: address.hostname,
        port: listener.port,
        tls: tls !== undefined,
      });
      return listener;
    },
    websocket: createMqttWebSocket(parts),
    publish: (topic, payload, qos) => parts.publish(topic, payload, qos),
    stats: () => ({
      ...parts.counters,
      connections: parts.connections.size,
      sessions: parts.sessions.count,
      subscriptions: parts.routes.subscriptionCount,
      retainedMessages: parts.retained.count,
      retainedBytes: parts.retained.bytes,
    }),
    turnClock: () => parts.wheel.turn(),
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function after(ms: number): { passed: Promise<void>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  return { passed: promise, cancel: () => clearTimeout(timer) };
}
