/** The scenarios that need nothing but a broker: pairs, fan-out, fan-in and idle connections. */
import { Flow, type Publisher } from "../flow.ts";
import { inParallel, MqttClient, type MqttTarget } from "../mqtt-client.ts";
import { type ConnectFields, encodePublish, type PublishTemplate, type QoS } from "../mqtt-wire.ts";
import type { LoadOptions } from "../options.ts";
import { type ProcessStats, readProcessStats } from "../process-stats.ts";
import { provisionUsers } from "../provision.ts";
import { type Report, reportOf } from "../report.ts";
import { startSink } from "../sink.ts";
import { BINARY_STAMP_BYTES, readU32, stampText, writeU32 } from "../stamp.ts";

export type Progress = ((line: string) => void) | undefined;

const CONNECTS_AT_ONCE = 64;
/** Connections that share one user, where users are made for the run. */
const CONNECTIONS_PER_USER = 50;
/** How often memory is looked at while it settles, and how long it must have been still. */
const SETTLE_STEP_MS = 250;
const STILL_MS = 1000;
const SETTLE_TIMEOUT_MS = 10_000;

export interface Credentials {
  username: string | undefined;
  password: string | undefined;
}

export async function runMqtt(options: LoadOptions, progress: Progress): Promise<Report> {
  const sink = options.self ? startSink() : undefined;
  const target: MqttTarget = sink === undefined ? options : { host: "127.0.0.1", port: sink.port };
  const { connections, scenario, qos, protocol, persistent } = options;
  const publishers = scenario === "mqtt-fanout" ? 1 : connections;
  const receivers = scenario === "mqtt-fanin" ? 1 : connections;
  const tag = options.seed.toString(16);
  const credentials = await findCredentials(options, publishers + receivers, tag);
  const topicOf = (stream: number) => (scenario === "mqtt-pairs" ? `load/${tag}/${stream}` : `load/${tag}/all`);
  const payload = Buffer.alloc(Math.max(options.payloadBytes, BINARY_STAMP_BYTES), "payload ");

  // Refers to the flow, which needs the publishers first; nothing arrives before it runs.
  let flow: Flow | undefined;
  let isOver = false;
  const lost = (who: string) => (problem: Error | undefined) => {
    if (problem !== undefined && !isOver) flow?.problem(`${who}: ${problem.message}`);
  };

  const subscriberOf = (r: number) => ({ clientId: `load-${tag}-s${r}`, ...credentials(r) });
  const subscribers = await inParallel(receivers, CONNECTS_AT_ONCE, async (r) => {
    const client = await MqttClient.connect(target, { ...subscriberOf(r), persistent });
    // In pairs each subscriber is the only receiver of its stream, so all share one row of the checker.
    const row = scenario === "mqtt-fanout" ? r : 0;
    client.handlers.published = (bytes, { payloadStart: at }) => {
      flow?.delivered(row, readU32(bytes, at), readU32(bytes, at + 4), readU32(bytes, at + 8), client.receivedUs);
    };
    client.handlers.closed = lost(`subscriber ${r}`);
    await client.subscribe([topicOf(r)], qos);
    return client;
  });
  const senders = await inParallel(publishers, CONNECTS_AT_ONCE, async (p) => {
    const client = await MqttClient.connect(target, { clientId: `load-${tag}-p${p}`, ...credentials(receivers + p) });
    client.handlers.closed = lost(`publisher ${p}`);
    const template = encodePublish({ topic: topicOf(p), payload, qos, protocol });
    return new MqttPublisher({
      client,
      index: p,
      streams: [{ stream: p, template }],
      qos,
      inFlight: options.inFlight,
      stampAs: "binary",
      acked: (index, sentUs, now) => flow?.acked(index, sentUs, now),
      problem: (what) => flow?.problem(what),
    });
  });

  flow = new Flow({
    publishers: senders,
    streams: senders.map((_, p) => p),
    receivers: scenario === "mqtt-fanout" ? receivers : 1,
    options: { ...options, inFlight: windowOf(senders, options), acks: qos > 0, progress },
  });
  let report: Report;
  try {
    report = reportOf({ scenario, load: loadInWords(options), result: await flow.run() });
  } finally {
    isOver = true;
    for (const client of [...subscribers, ...senders.map((sender) => sender.client)]) client.close();
    await Bun.sleep(10);
    sink?.stop();
  }
  if (persistent && report.ok) {
    await inParallel(receivers, CONNECTS_AT_ONCE, (r) => endSession(target, subscriberOf(r)));
  }
  return report;
}

/** A session that was kept ends when its client comes back without wanting it. */
async function endSession(target: MqttTarget, fields: ConnectFields): Promise<void> {
  (await MqttClient.connect(target, fields)).close();
}

/** In MQTT 5 the server may allow fewer unacknowledged messages than were asked for [MQTT-3.3.4-7]. */
export function windowOf(publishers: readonly MqttPublisher[], { qos, inFlight }: LoadOptions): number {
  if (qos === 0) return inFlight;
  return Math.min(inFlight, ...publishers.map(({ client }) => client.receiveMaximum));
}

/** Connects N clients, waits, and sees what memory they cost. */
export async function runMqttIdle(options: LoadOptions, progress: Progress): Promise<Report> {
  const tag = options.seed.toString(16);
  const credentials = await findCredentials(options, options.connections, tag);
  const clients: MqttClient[] = [];
  return holdConnections({
    options,
    progress,
    open: async (index) => {
      const client = await MqttClient.connect(options, { clientId: `load-${tag}-i${index}`, ...credentials(index) });
      clients.push(client);
      if (options.subscribe) await client.subscribe([`load/${tag}/${index}`], options.qos);
    },
    countOpen: () => clients.filter((client) => client.isOpen).length,
    close: () => {
      for (const client of clients) client.close();
    },
  });
}

/**
 * The idle scenarios of every door: memory before, with all connections held for the measured time, and per connection.
 * Either is read once it has settled: a server may still be giving back what starting and connecting took.
 */
export async function holdConnections({
  options,
  progress,
  open,
  countOpen,
  close,
}: {
  options: LoadOptions;
  progress: Progress;
  open: (index: number) => Promise<void>;
  countOpen: () => number;
  close: () => void;
}): Promise<Report> {
  const { connections, pid, durationSeconds, warmupSeconds } = options;
  const before = await settledStats(pid, warmupSeconds);
  const startedMs = performance.now();
  await inParallel(connections, CONNECTS_AT_ONCE, async (index) => {
    await open(index);
    if (index % 1000 === 999) progress?.(`${index + 1} of ${connections} connections`);
  });
  const connectSeconds = (performance.now() - startedMs) / 1000;
  const after = await settledStats(pid, durationSeconds);
  const held = countOpen();
  close();
  await Bun.sleep(200);
  const problems =
    held === connections ? [] : [`${connections - held} of ${connections} connections did not stay open`];
  const memory = before !== undefined && after !== undefined ? after.rssBytes - before.rssBytes : undefined;
  return {
    scenario: options.scenario,
    load: `${connections} connections`,
    ok: problems.length === 0,
    problems,
    seconds: durationSeconds,
    sentPerSecond: 0,
    ackedPerSecond: 0,
    deliveredPerSecond: 0,
    ackLatency: undefined,
    deliveryLatency: undefined,
    faults: undefined,
    late: 0,
    server:
      before === undefined || after === undefined
        ? undefined
        : { ...after, cpuSeconds: after.cpuSeconds - before.cpuSeconds, cpuSecondsPerMillion: undefined },
    generatorCpuSeconds: process.cpuUsage().user / 1e6,
    generatorCpuPerMillion: undefined,
    extra: {
      connectsPerSecond: connections / connectSeconds,
      ...(memory === undefined ? {} : { kibPerConnection: memory / 1024 / connections }),
    },
  };
}

/** What `pid` uses, not before `seconds` passed, and then when its memory has been still for a second (or will not be). */
async function settledStats(pid: number | undefined, seconds: number): Promise<ProcessStats | undefined> {
  const startedMs = performance.now();
  await Bun.sleep(seconds * 1000);
  if (pid === undefined) return undefined;
  let stats = await readProcessStats(pid);
  let low = stats.rssBytes;
  let high = stats.rssBytes;
  let stillSinceMs = performance.now();
  while (performance.now() - stillSinceMs < STILL_MS) {
    if (performance.now() - startedMs > seconds * 1000 + SETTLE_TIMEOUT_MS) break;
    await Bun.sleep(SETTLE_STEP_MS);
    stats = await readProcessStats(pid);
    low = Math.min(low, stats.rssBytes);
    high = Math.max(high, stats.rssBytes);
    if (high - low < high / 200) continue;
    low = stats.rssBytes;
    high = stats.rssBytes;
    stillSinceMs = performance.now();
  }
  return stats;
}

/** Streams of one MQTT connection, written in turn. */
export class MqttPublisher implements Publisher {
  readonly client: MqttClient;
  readonly #index: number;
  readonly #streams: { stream: number; template: PublishTemplate; next: number }[];
  readonly #hasPacketIds: boolean;
  readonly #isText: boolean;
  /** Send time + 1 by packet id; 0 for an id that is free. */
  readonly #sentUs: Float64Array;
  readonly #problem: (what: string) => void;
  #turn = 0;
  #lastPacketId = 0;

  constructor({
    client,
    index,
    streams,
    qos,
    inFlight,
    stampAs,
    acked,
    problem,
  }: {
    client: MqttClient;
    index: number;
    streams: { stream: number; template: PublishTemplate }[];
    qos: QoS;
    inFlight: number;
    stampAs: "binary" | "text";
    acked: (index: number, sentUs: number, now: number) => void;
    problem: (what: string) => void;
  }) {
    this.client = client;
    this.#index = index;
    this.#streams = streams.map((each) => ({ ...each, next: 0 }));
    this.#hasPacketIds = qos > 0;
    this.#isText = stampAs === "text";
    this.#sentUs = new Float64Array(qos > 0 ? Math.min(65_535, Math.max(255, inFlight * 2)) + 1 : 1);
    this.#problem = problem;
    client.handlers.acked = (packetId) => {
      const sentUs = this.#sentUs[packetId] ?? 0;
      if (sentUs === 0)
        return problem(`publisher ${index} got an acknowledgement of packet ${packetId} it did not send`);
      this.#sentUs[packetId] = 0;
      acked(index, sentUs - 1, client.receivedUs);
    };
  }

  get isFull(): boolean {
    return this.client.isFull;
  }

  send(sentUs: number): number {
    const turn = this.#streams[this.#turn];
    if (turn === undefined) throw new Error(`publisher ${this.#index} has nowhere to publish to`);
    this.#turn = this.#turn + 1 === this.#streams.length ? 0 : this.#turn + 1;
    const { stream, template } = turn;
    const seq = turn.next++;
    const at = this.client.append(template);
    const bytes = this.client.outgoing;
    if (this.#hasPacketIds) {
      const packetId = this.#takePacketId(sentUs);
      bytes[at + template.packetIdAt] = packetId >>> 8;
      bytes[at + template.packetIdAt + 1] = packetId;
    }
    const payloadAt = at + template.payloadAt;
    if (this.#isText) stampText(bytes, payloadAt, { stream, seq, sentUs });
    else {
      writeU32(bytes, payloadAt, stream);
      writeU32(bytes, payloadAt + 4, seq);
      writeU32(bytes, payloadAt + 8, sentUs);
    }
    return stream;
  }

  flush(): void {
    this.client.flush();
  }

  #takePacketId(sentUs: number): number {
    const idMax = this.#sentUs.length - 1;
    for (let tries = 0; tries < idMax; tries++) {
      this.#lastPacketId = this.#lastPacketId === idMax ? 1 : this.#lastPacketId + 1;
      if (this.#sentUs[this.#lastPacketId] === 0) {
        this.#sentUs[this.#lastPacketId] = sentUs + 1;
        return this.#lastPacketId;
      }
    }
    this.#problem(`publisher ${this.#index} ran out of packet ids`);
    return 1;
  }
}

/** Credentials by connection: those given, or users made for the run, or none. */
async function findCredentials(
  options: LoadOptions,
  connections: number,
  tag: string,
): Promise<(index: number) => Credentials> {
  const { username, password, backendKey, http } = options;
  if (username !== undefined || backendKey === undefined) return () => ({ username, password });
  const count = Math.ceil(connections / CONNECTIONS_PER_USER);
  const userIDs = Array.from({ length: count }, (_, u) => `load-${tag}-u${u}`);
  const users = await provisionUsers({ http, backendKey }, userIDs);
  return (index) => {
    const user = users[index % count];
    return { username: user?.userID, password: user?.accessToken };
  };
}

export function loadInWords(options: LoadOptions): string {
  const { connections, rate, inFlight, qos, payloadBytes, scenario, protocol, tls, persistent } = options;
  const pace = rate > 0 ? `${rate} messages/s` : `${inFlight} in flight each`;
  const how = scenario.includes("mqtt") ? `, QoS ${qos}` : "";
  const more = `${persistent ? ", persistent" : ""}${protocol === 5 ? ", MQTT 5" : ""}${tls ? ", TLS" : ""}`;
  return `${connections} connections, ${pace}${how}${more}, ${payloadBytes} B`;
}
