/** The command line of the load generator as a typed value. */
import { parseArgs } from "node:util";
import type { Protocol, QoS } from "./mqtt-wire.ts";

export const scenarioNames = [
  "mqtt-pairs",
  "mqtt-fanout",
  "mqtt-fanin",
  "mqtt-idle",
  "mqtt-apart",
  "chat-mqtt",
  "chat-minioicq",
  "chat-rest",
  "rest-history",
  "ws-idle",
] as const;
export type ScenarioName = (typeof scenarioNames)[number];

export interface LoadOptions {
  scenario: ScenarioName;
  connections: number;
  /** Receiving users of the chat scenarios; each is in every chat. */
  receivers: number;
  /** Messages per second over all publishers; 0 is a closed loop. */
  rate: number;
  payloadBytes: number;
  inFlight: number;
  durationSeconds: number;
  warmupSeconds: number;
  qos: QoS;
  /** Subscribers keep their sessions beyond the connection. */
  persistent: boolean;
  /** Idle connections have a subscription each. */
  subscribe: boolean;
  chats: number;
  /** Messages in the chat that rest-history reads. */
  fill: number;
  /** Goes into the names of topics, users and chats, so that runs against one server do not meet. */
  seed: number;
  host: string;
  port: number;
  protocol: Protocol;
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  http: string;
  backendKey: string | undefined;
  encoding: "msgpack" | "json";
  pid: number | undefined;
  json: boolean;
  self: boolean;
}

export const usage = `bun tests/load/main.ts <scenario> [options]

Scenarios
  mqtt-pairs     N publishers, each to its own subscriber on its own topic
  mqtt-fanout    one publisher to N subscribers
  mqtt-fanin     N publishers to one subscriber
  mqtt-idle      holds N connections: memory per connection
  mqtt-apart     mqtt-pairs while one more publisher has messages stored: does what is not stored wait for the disk?
  chat-mqtt      stored messages: N publishers to chat/{chatID}/send, receivers on chat/+/messages
  chat-minioicq  stored messages over WebSocket: message.send, one's own message.push is the acknowledgement
  chat-rest      stored messages by POST /messages, one at a time per connection
  rest-history   GET /chats/{chatID}/messages?limit=50 by N keep-alive connections
  ws-idle        holds N WebSockets: memory per connection

Load
  --connections N   publishers, pairs or connections (50)
  --receivers N     receiving users of the chat scenarios (1)
  --rate R          open loop: messages per second over all publishers; 0 is a closed loop (0)
  --in-flight N     messages of one publisher under way at once (20; in an open loop 10000)
  --payload BYTES   bytes of a message's content (100)
  --qos 0|1|2       of publishes and subscriptions; stored chat messages take 1 or 2 (mqtt-…: 0, chat-mqtt: 1)
  --persistent      subscribers of mqtt-pairs, -fanout and -fanin keep their sessions (clean session 0)
  --subscribe       a subscription for each connection of mqtt-idle
  --chats N         chats of the chat scenarios (100)
  --fill N          messages in the chat that rest-history reads (1000)
  --duration S      measured seconds (5)
  --warmup S        seconds before that (1)
  --seed N          part of every topic, user and chat name; a repeated one meets the earlier run's (random)
  --encoding E      msgpack or json frames for chat-minioicq (msgpack)

Target
  --host H --port P        the MQTT listener (127.0.0.1, 1883)
  --protocol 4|5           MQTT 3.1.1 or 5 (4)
  --tls                    the port speaks TLS; any certificate is accepted
  --username U --password P   credentials for the mqtt-… scenarios, against any broker
  --http URL               the HTTP listener (http://127.0.0.1:8080)
  --backend-key KEY        makes the users and chats a scenario needs (ROOST_BACKEND_KEY)
  --pid PID                the server's process: its processor time and memory
  --self                   mqtt-pairs at QoS 0 against a forwarder inside this process: what the generator itself costs

Output
  --json            one JSON object instead of the table
  --help

The exit code is 1 when a message was lost, came twice or came in the wrong order, or when a connection failed; 2 for a
command line that makes no sense.`;

/** Thrown for a command line that makes no sense; its message is for the person who typed it. */
export class UsageError extends Error {}

/** Parses `args` without the program's name; `undefined` when help was asked for. */
export function parseOptions(args: string[]): LoadOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const [name, ...rest] = positionals;
  const scenario = scenarioNames.find((known) => known === name);
  if (scenario === undefined || rest.length > 0) {
    throw new UsageError(`expected one scenario of: ${scenarioNames.join(", ")}`);
  }
  const number = (text: string | undefined, fallback: number, { min, max }: { min: number; max: number }): number => {
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isFinite(value) || value < min || value > max) {
      throw new UsageError(`expected a number from ${min} to ${max}, got ${text}`);
    }
    return value;
  };
  const integer = (text: string | undefined, fallback: number, range: { min: number; max: number }): number => {
    const value = number(text, fallback, range);
    if (!Number.isInteger(value)) throw new UsageError(`expected a whole number, got ${text}`);
    return value;
  };
  const rate = number(values.rate, 0, { min: 0, max: 1e8 });
  const isChat = scenario.startsWith("chat-");
  const encoding = values.encoding ?? "msgpack";
  if (encoding !== "msgpack" && encoding !== "json") throw new UsageError(`unknown encoding ${encoding}`);
  const qos = integer(values.qos, isChat ? 1 : 0, { min: 0, max: 2 });
  if (isChat && qos === 0) throw new UsageError("a stored message needs QoS 1 or 2: nothing acknowledges QoS 0");
  const protocol = integer(values.protocol, 4, { min: 4, max: 5 }) === 5 ? 5 : 4;
  const { self = false, tls = false, persistent = false } = values;
  if (self && (qos > 0 || protocol === 5 || tls || persistent)) {
    throw new UsageError("--self knows QoS 0 in MQTT 3.1.1 over TCP, and nothing that is kept");
  }
  return {
    scenario,
    connections: integer(values.connections, 50, { min: 1, max: 60_000 }),
    receivers: integer(values.receivers, 1, { min: 1, max: 1000 }),
    rate,
    payloadBytes: integer(values.payload, 100, { min: isChat ? 28 : 12, max: 1_000_000 }),
    inFlight: integer(values["in-flight"], rate > 0 ? 10_000 : 20, { min: 1, max: 32_000 }),
    durationSeconds: number(values.duration, 5, { min: 0.1, max: 3000 }),
    warmupSeconds: number(values.warmup, 1, { min: 0, max: 600 }),
    qos: qos === 2 ? 2 : qos === 1 ? 1 : 0,
    persistent,
    subscribe: values.subscribe ?? false,
    chats: integer(values.chats, 100, { min: 1, max: 100_000 }),
    fill: integer(values.fill, 1000, { min: 50, max: 1_000_000 }),
    seed: integer(values.seed, Math.floor(Math.random() * 0xffffff), { min: 0, max: 0xffffffff }),
    host: values.host ?? "127.0.0.1",
    port: integer(values.port, 1883, { min: 1, max: 65_535 }),
    protocol,
    tls,
    username: values.username,
    password: values.password,
    http: (values.http ?? "http://127.0.0.1:8080").replace(/\/$/, ""),
    backendKey: values["backend-key"] ?? process.env["ROOST_BACKEND_KEY"],
    encoding,
    pid: values.pid === undefined ? undefined : integer(values.pid, 0, { min: 1, max: 2 ** 22 }),
    json: values.json ?? false,
    self,
  };
}

/** The options of a run started by another program: what the command line would give, with `changes`. */
export function loadOptions(scenario: ScenarioName, changes: Partial<LoadOptions>): LoadOptions {
  const options = parseOptions([scenario]);
  if (options === undefined) throw new Error("unreachable: no help was asked for");
  const inFlight = (changes.rate ?? 0) > 0 ? 10_000 : options.inFlight;
  return { ...options, inFlight, ...changes };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        connections: { type: "string" },
        receivers: { type: "string" },
        rate: { type: "string" },
        payload: { type: "string" },
        "in-flight": { type: "string" },
        duration: { type: "string" },
        warmup: { type: "string" },
        qos: { type: "string" },
        persistent: { type: "boolean" },
        subscribe: { type: "boolean" },
        protocol: { type: "string" },
        tls: { type: "boolean" },
        chats: { type: "string" },
        fill: { type: "string" },
        seed: { type: "string" },
        encoding: { type: "string" },
        host: { type: "string" },
        port: { type: "string" },
        username: { type: "string" },
        password: { type: "string" },
        http: { type: "string" },
        "backend-key": { type: "string" },
        pid: { type: "string" },
        self: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
