/** The rows that are measured side by side, with Mosquitto (`peers.ts`) or with another commit (`compare.ts`). */
import type { Report } from "./report.ts";

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Arguments of the load generator. */
  readonly load: readonly string[];
  readonly measures: readonly Measure[];
  /**
   * In the whole form. A runtime that compiles what is called often does so for the first twenty seconds where little is
   * called, and a server runs for longer than that.
   */
  readonly warmupSeconds?: number;
  /**
   * Only memory counts: each round has new servers, because what earlier ones left would count too, and scenarios of this
   * kind that follow each other are run at once, because they wait most of the time.
   */
  readonly isMemory?: boolean;
  readonly tls?: boolean;
  /** Every sync of Roost takes 8 ms longer. Mosquitto has no such thing to wait for. */
  readonly slowDisk?: boolean;
}

/** `reach` is what is promised, `aim` what is wanted. */
export type Target =
  /** How many times better than Mosquitto. */
  | { readonly as: "times better"; readonly atLeast: number; readonly aim: number }
  /** What it is of Mosquitto's. */
  | { readonly as: "of Mosquitto's"; readonly atMost: number; readonly aim: number }
  | { readonly as: "of Mosquitto's"; readonly atLeast: number; readonly aim: number }
  /** Roost's own value. */
  | { readonly as: "by itself"; readonly atMost: number; readonly aim: number }
  /** Printed beside another. */
  | { readonly as: "only shown" };

export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly of: (report: Report) => number | undefined;
  /** As with processor time. */
  readonly lowerIsBetter: boolean;
  readonly target: Target;
}

export const cpu = (target: Target): Measure => ({
  what: "server CPU",
  unit: "s/million",
  of: (report) => report.server?.cpuSecondsPerMillion,
  lowerIsBetter: true,
  target,
});

export const p50 = (unit: "µs" | "ms", target: Target): Measure => ({
  what: "publish → delivery p50",
  unit,
  of: ({ deliveryLatency }) => deliveryLatency && deliveryLatency.p50Us / (unit === "ms" ? 1000 : 1),
  lowerIsBetter: true,
  target,
});

export const delivered = (target: Target): Measure => ({
  what: "delivered",
  unit: "1/s",
  of: (report) => report.deliveredPerSecond,
  lowerIsBetter: false,
  target,
});

const acknowledged = (target: Target): Measure => ({
  what: "acknowledged",
  unit: "1/s",
  of: (report) => report.ackedPerSecond,
  lowerIsBetter: false,
  target,
});

const connects = (target: Target): Measure => ({
  what: "connects",
  unit: "1/s",
  of: (report) => report.extra["connectsPerSecond"],
  lowerIsBetter: false,
  target,
});

export const memory = (target: Target): Measure => ({
  what: "RSS per connection",
  unit: "KiB",
  of: (report) => report.extra["kibPerConnection"],
  lowerIsBetter: true,
  target,
});

const timesBetter = (atLeast: number, aim: number): Target => ({ as: "times better", atLeast, aim });
export const onlyShown: Target = { as: "only shown" };

/** Connecting leaves garbage, and it takes a runtime with nothing to do some ten seconds to collect it. */
const settling = ["--duration", "15"];

export const peerScenarios: readonly Scenario[] = [
  {
    name: "pipelined",
    title: "QoS 0, 1 → 1, pipelined",
    load: ["mqtt-pairs", "--connections", "1", "--qos", "0", "--in-flight", "1000"],
    measures: [cpu(timesBetter(20, 40))],
  },
  {
    name: "pairs",
    title: "QoS 1, 50 pairs, 20 in flight",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "20"],
    measures: [cpu(timesBetter(8, 14))],
  },
  {
    name: "durable",
    title: "QoS 1 to persistent sessions, same",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "20", "--persistent"],
    measures: [delivered(timesBetter(3, 6)), cpu(onlyShown)],
  },
  {
    name: "fanout",
    title: "QoS 0, 1 → 500",
    load: ["mqtt-fanout", "--connections", "500", "--qos", "0", "--in-flight", "20"],
    measures: [cpu(timesBetter(12, 18))],
  },
  {
    name: "one",
    title: "QoS 1, 50 pairs, one in flight",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "1"],
    warmupSeconds: 5,
    measures: [cpu(timesBetter(1.1, 1.4))],
  },
  {
    name: "sparse",
    title: "QoS 1, 50 pairs, 2,000 a second",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--rate", "2000"],
    warmupSeconds: 20,
    measures: [
      cpu({ as: "of Mosquitto's", atMost: 1.3, aim: 1.1 }),
      p50("µs", { as: "of Mosquitto's", atMost: 1.5, aim: 1.25 }),
    ],
  },
  {
    name: "connects",
    title: "connecting 5,000 clients",
    load: ["mqtt-idle", "--connections", "5000"],
    measures: [connects({ as: "of Mosquitto's", atLeast: 0.6, aim: 0.9 })],
  },
  {
    name: "idle",
    title: "idle, subscribed once",
    load: ["mqtt-idle", "--subscribe", "--connections", "10000", ...settling],
    measures: [memory({ as: "by itself", atMost: 2.6, aim: 2 })],
    isMemory: true,
  },
  {
    name: "idle-tls",
    title: "idle, subscribed once, TLS",
    load: ["mqtt-idle", "--subscribe", "--connections", "10000", ...settling, "--tls"],
    measures: [memory({ as: "by itself", atMost: 9, aim: 8 })],
    isMemory: true,
    tls: true,
  },
  {
    name: "apart",
    title: "QoS 0, 500/s, others' commits 8 ms",
    load: ["mqtt-apart", "--connections", "1", "--qos", "0", "--rate", "500"],
    measures: [p50("ms", { as: "by itself", atMost: 0.3, aim: 0.15 })],
    slowDisk: true,
  },
];

/** Rows that no other broker is measured in, for comparing two commits: the figures of `figures.ts` and what a change may slow down unseen. */
export const ownScenarios: readonly Scenario[] = [
  {
    name: "pairs-5",
    title: "the same pairs, MQTT 5",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "20", "--protocol", "5"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "qos2",
    title: "QoS 2, 50 pairs, 20 in flight",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "2", "--in-flight", "20"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "fanin",
    title: "QoS 0, 500 → 1",
    load: ["mqtt-fanin", "--connections", "500", "--qos", "0", "--in-flight", "20"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "stored",
    title: "stored chat messages by MQTT, 50 × 20",
    load: ["chat-mqtt", "--connections", "50", "--in-flight", "20", "--payload", "100"],
    measures: [cpu(onlyShown), acknowledged(onlyShown)],
  },
  {
    name: "stored-one",
    title: "stored chat messages, one publisher",
    load: ["chat-mqtt", "--connections", "1", "--in-flight", "20", "--chats", "1", "--payload", "100"],
    measures: [cpu(onlyShown), acknowledged(onlyShown)],
  },
  {
    name: "stored-ws",
    title: "stored chat messages by WebSocket",
    load: ["chat-minioicq", "--connections", "50", "--in-flight", "20", "--payload", "100"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "stored-rest",
    title: "stored chat messages by REST",
    load: ["chat-rest", "--connections", "50", "--payload", "100"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "history",
    title: "GET /chats/{chatID}/messages, 32 at once",
    load: ["rest-history", "--connections", "32"],
    measures: [cpu(onlyShown)],
  },
  {
    name: "idle-ws",
    title: "idle WebSocket",
    load: ["ws-idle", "--connections", "5000", ...settling],
    measures: [memory(onlyShown)],
    isMemory: true,
  },
];
