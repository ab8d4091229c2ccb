/** The assembled broker: what the rest of the program creates, starts, publishes through and stops. */
import { assert } from "../lib/assert.ts";
import type { IsTrusted } from "../net/trusted-proxies.ts";
import { type Certificate, type ListenAddress, type Listener, listenTcp } from "./connection/listener.ts";
import { listenProxied } from "./connection/proxied-listener.ts";
import { createMqttWebSocket, type MqttWebSocket } from "./connection/websocket.ts";
import type { Counters } from "./counters.ts";
import type { Principal } from "./identity.ts";
import { createParts, type PartsOptions } from "./parts.ts";
import type { ServiceBroker } from "./service.ts";
import { inflightWindowMax } from "./session/inflight.ts";
import type { ProtocolVersion } from "./wire/protocol.ts";
import { reasonCodes } from "./wire/reason-codes.ts";

/** How long clients have to close their side once all are told that the server stops. */
const stopLingerMs = 2000;

export type BrokerOptions<P extends Principal> = PartsOptions<P>;

export interface BrokerStats extends Readonly<Counters> {
  readonly connections: number;
  readonly sessions: number;
  /** Subscriptions in the broker's tree; those that only a service serves are not counted. */
  readonly subscriptions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

/** A connected client. */
export interface BrokerClient<P extends Principal = Principal> {
  readonly principal: P;
  readonly clientId: string;
  readonly address: string;
  readonly protocolVersion: ProtocolVersion;
  /** For how long it has been connected. */
  readonly connectedMs: number;
  /** How long ago its last packet came; undefined where it has no keep alive. */
  readonly idleMs: number | undefined;
  readonly subscriptions: number;
  /** Messages that wait for it. */
  readonly queued: number;
  /** Closes its connection; the text is logged, and told to an MQTT 5 client. */
  end(why: string): void;
}

export interface Broker<P extends Principal = Principal> extends Pick<ServiceBroker, "publish"> {
  /** Reads what an earlier run left in the store. Call it once, before anything else. */
  start(): Promise<void>;
  /** Serves MQTT over TCP; with a certificate over TLS. May be called for several addresses. */
  listen(
    address: ListenAddress,
    options?: {
      readonly tls?: Certificate | undefined;
      /** Peers that begin each connection with a PROXY header; undefined: none does. */
      readonly proxies?: IsTrusted | undefined;
    },
  ): Pick<Listener, "port" | "useCertificate" | "pause" | "resume">;
  /** Serves MQTT over WebSocket: for the HTTP server's upgrades and its `websocket` object. */
  readonly websocket: MqttWebSocket;
  stats(): BrokerStats;
  /** Those whose CONNECT was accepted, in the order in which they came. */
  clients(): Iterable<BrokerClient<P>>;
  /** Does what is due by the clock. The broker's own timer calls it; a test that moves the clock calls it too. */
  turnClock(): void;
  /** Accepts no more connections, finishes and acknowledges what is under way, then closes every connection. */
  stop(): Promise<void>;
}

export function createBroker<P extends Principal>(options: BrokerOptions<P>): Broker<P> {
  assert(options.limits.inflightMax <= inflightWindowMax, "the inflight window fits the packet ids");
  const parts = createParts(options);
  const listeners: Listener[] = [];
  parts.wheel.start();

  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    parts.stopping = true;
    for (const listener of listeners) listener.stopAccepting();
    for (const connection of [...parts.connections.keys()]) {
      if (connection.session === undefined) connection.close("server_stopping");
      else connection.stopReading();
    }
    const deadline = after(parts.limits.stopTimeoutMs);
    await Promise.race([parts.work.whenIdle(), deadline.passed]);
    for (const connection of [...parts.connections.keys()]) connection.close("server_stopping");
    parts.queueWriter.flush(); // the states of the sessions included
    await Promise.race([parts.work.whenIdle(), deadline.passed]);
    deadline.cancel();
    const lingered = after(Math.min(parts.limits.lingerMs, stopLingerMs));
    await Promise.race([parts.sockets.whenIdle(), lingered.passed]);
    lingered.cancel();
    for (const listener of listeners) listener.close();
    parts.wheel.stop();
    parts.ends.close();
  }

  return {
    async start() {
      await parts.store.restart(parts.clock.steadyMs());
      parts.sessions.load();
      parts.wills.load();
    },
    listen(address, { tls, proxies } = {}) {
      const listener =
        proxies === undefined ? listenTcp(parts, address, tls) : listenProxied(parts, proxies, address, tls);
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
    *clients() {
      const nowMs = parts.clock.monotonicMs();
      for (const [connection, sinceMs] of parts.connections) {
        const { session, protocolVersion, idleMs } = connection;
        if (session === undefined) continue;
        const { clientId, address, subscriptionCount: subscriptions, queuedMessages: queued } = session;
        const principal = session.principal as P; // the identity made it
        const end = (why: string): void => connection.close("service", why, reasonCodes.administrativeAction);
        yield {
          principal,
          clientId,
          address,
          protocolVersion,
          connectedMs: nowMs - sinceMs,
          idleMs,
          subscriptions,
          queued,
          end,
        };
      }
    },
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
