/** The REST door: stored messages by POST, and reading a chat's history. */
import { Flow, type Publisher } from "../flow.ts";
import { Histogram } from "../histogram.ts";
import { encodeRequest, HttpConnection } from "../http-client.ts";
import { inParallel } from "../mqtt-client.ts";
import type { LoadOptions } from "../options.ts";
import { readProcessStats } from "../process-stats.ts";
import { callParticipant, type LoadUser, provisionChat, provisionUsers } from "../provision.ts";
import { type Report, reportOf } from "../report.ts";
import { findTextStamp, nowUs, readHex, stampText, textTemplate, writeHex } from "../stamp.ts";
import { backendOf, chatLoadInWords, planOf } from "./chat-mqtt.ts";
import { connectReceivers } from "./chat-receivers.ts";
import type { Progress } from "./mqtt.ts";

export function addressOf(http: string): { host: string; port: number } {
  const url = new URL(http);
  return { host: url.hostname, port: Number(url.port || 80) };
}

export async function runChatRest(options: LoadOptions, progress: Progress): Promise<Report> {
  progress?.("making users and chats");
  const plan = await planOf(options);
  let flow: Flow | undefined;
  const receivers = await connectReceivers(options, plan, () => flow);
  const address = addressOf(options.http);
  const publishers = await inParallel(options.connections, 16, async (p) => {
    const user = plan.publishers[p];
    if (user === undefined) throw new Error("more connections than users");
    const connection = await HttpConnection.connect(address);
    const streams = plan.streams.flatMap(({ publisher, chatID }, stream) =>
      publisher === p ? [{ stream, chatID }] : [],
    );
    const publisher = new RestPublisher({ connection, user, streams, payloadBytes: options.payloadBytes });
    connection.onProblem = (problem) => flow?.problem(`publisher ${p}: ${problem.message}`);
    connection.onAnswer = ({ status, body }) => {
      if (status !== 200) flow?.problem(`POST /messages answered ${status}: ${body.toString("utf8", 0, 200)}`);
      else flow?.acked(p, publisher.lastSentUs, connection.receivedUs);
    };
    return publisher;
  });
  flow = new Flow({
    publishers,
    streams: plan.streams.map(({ publisher }) => publisher),
    receivers: options.receivers,
    // HTTP/1.1 answers in turn, and one request at a time is what clients do.
    options: { ...options, inFlight: 1, acks: true, progress },
  });
  try {
    const result = await flow.run();
    const load = chatLoadInWords({ ...options, inFlight: 1 });
    return reportOf({ scenario: options.scenario, load, result });
  } finally {
    for (const client of receivers) client.close();
    for (const { connection } of publishers) connection.close();
    await Bun.sleep(10);
  }
}

class RestPublisher implements Publisher {
  readonly connection: HttpConnection;
  readonly isFull = false;
  lastSentUs = 0;
  readonly #streams: { stream: number; request: Buffer; stampAt: number; clientIdAt: number; next: number }[];
  #turn = 0;

  constructor({
    connection,
    user,
    streams,
    payloadBytes,
  }: {
    connection: HttpConnection;
    user: LoadUser;
    streams: { stream: number; chatID: string }[];
    payloadBytes: number;
  }) {
    this.connection = connection;
    const clientID = `c${"0".repeat(16)}`;
    this.#streams = streams.map(({ stream, chatID }) => {
      const body = JSON.stringify({ chatID, content: textTemplate(payloadBytes), clientID });
      const request = encodeRequest({ method: "POST", path: "/messages", host: "load", token: user.accessToken, body });
      const stampAt = findTextStamp(request, 0, -1);
      return { stream, request, stampAt, clientIdAt: request.indexOf(clientID) + 1, next: 0 };
    });
  }

  send(sentUs: number): number {
    const turn = this.#streams[this.#turn];
    if (turn === undefined) throw new Error("a publisher has no chat to write to");
    this.#turn = this.#turn + 1 === this.#streams.length ? 0 : this.#turn + 1;
    const { stream, request, stampAt, clientIdAt } = turn;
    const seq = turn.next++;
    stampText(request, stampAt, { stream, seq, sentUs });
    writeHex(request, clientIdAt, stream);
    writeHex(request, clientIdAt + 8, seq);
    this.lastSentUs = sentUs;
    this.connection.send(request);
    return stream;
  }

  flush(): void {
    // A request is sent whole.
  }
}

/** A chat with messages in it, and someone who may read it. */
export interface FilledChat {
  user: LoadUser;
  chatID: string;
}

/** Fills a chat with `options.fill` messages through POST /messages. */
export async function fillChat(options: LoadOptions): Promise<FilledChat> {
  const backend = backendOf(options);
  const tag = options.seed.toString(16);
  const chatID = `load-${tag}-history`;
  const [user] = await provisionUsers(backend, [`load-${tag}-h0`]);
  if (user === undefined) throw new Error("no user was made");
  await provisionChat(backend, chatID, [user.userID]);
  const template = Buffer.from(textTemplate(options.payloadBytes), "latin1");
  let seq = 0;
  while (seq < options.fill) {
    const count = Math.min(100, options.fill - seq);
    const messages = Array.from({ length: count }, () => {
      stampText(template, 0, { stream: 0, seq: seq++, sentUs: nowUs() });
      return { chatID, content: template.toString("latin1") };
    });
    await callParticipant(options.http, user, "POST", "/messages", messages);
  }
  return { user, chatID };
}

/** A page of 50 messages: the newest, or those before a `seq`. */
export function historyRequest({ user, chatID }: FilledChat, beforeSeq?: number): Buffer {
  const before = beforeSeq === undefined ? "" : `&before_seq=${beforeSeq}`;
  const path = `/chats/${chatID}/messages?limit=50${before}`;
  return encodeRequest({ method: "GET", path, host: "load", token: user.accessToken });
}

/** Throws unless `body` is a page of 50 messages in order. */
export function checkHistoryPage(body: Buffer): void {
  let count = 0;
  let last = -1;
  for (let at = findTextStamp(body, 0, -1); at >= 0; at = findTextStamp(body, at + 28, -1)) {
    const seq = readHex(body, at + 12);
    if (count > 0 && Math.abs(seq - last) !== 1) throw new Error(`message ${seq} follows message ${last} in a page`);
    last = seq;
    count += 1;
  }
  if (count !== 50) throw new Error(`expected a page of 50 messages, got ${count}`);
}

export async function runRestHistory(options: LoadOptions, progress: Progress): Promise<Report> {
  progress?.("filling a chat");
  const chat = await fillChat(options);
  const requests = await hammer({ ...options, ...addressOf(options.http) }, historyRequest(chat), checkHistoryPage);
  const { seconds, answers, latency, server, generatorCpuSeconds, problems, bodyBytes } = requests;
  return {
    scenario: options.scenario,
    load: `${options.connections} connections, 50 rows of a chat of ${options.fill}`,
    ok: problems.length === 0,
    problems,
    seconds,
    sentPerSecond: answers / seconds,
    ackedPerSecond: answers / seconds,
    deliveredPerSecond: 0,
    ackLatency: latency.summary(),
    deliveryLatency: undefined,
    faults: undefined,
    late: 0,
    server: server === undefined ? undefined : { ...server, cpuSecondsPerMillion: (server.cpuSeconds / answers) * 1e6 },
    generatorCpuSeconds,
    generatorCpuPerMillion: (generatorCpuSeconds / answers) * 1e6,
    extra: { bodyBytes },
  };
}

export interface HammerResult {
  seconds: number;
  answers: number;
  latency: Histogram;
  bodyBytes: number;
  server: { cpuSeconds: number; rssBytes: number; rssPeakBytes: number; threads: number } | undefined;
  generatorCpuSeconds: number;
  problems: string[];
}

/** Sends one request over and over on every connection, or the next of many, and counts the answers of the measured time. */
export async function hammer(
  {
    host,
    port,
    connections,
    warmupSeconds,
    durationSeconds,
    pid,
  }: {
    host: string;
    port: number;
    connections: number;
    warmupSeconds: number;
    durationSeconds: number;
    pid?: number | undefined;
  },
  request: Buffer | (() => Buffer),
  checkBody?: (body: Buffer) => void,
): Promise<HammerResult> {
  const isOne = typeof request !== "function";
  const latency = new Histogram();
  const problems: string[] = [];
  let isRunning = true;
  let answers = 0;
  let bodyBytes = 0;
  const open = await inParallel(connections, 16, async () => {
    const connection = await HttpConnection.connect({ host, port });
    let sentUs = 0;
    const fail = (what: string) => {
      isRunning = false;
      if (problems.length < 5) problems.push(what);
    };
    connection.onProblem = (problem) => {
      if (isRunning) fail(problem.message);
    };
    let count = 0;
    connection.onAnswer = ({ status, body }) => {
      answers += 1;
      latency.record((connection.receivedUs - sentUs) >>> 0);
      if (status !== 200) return fail(`answered ${status}: ${body.toString("utf8", 0, 200)}`);
      if (isOne && body.byteLength !== bodyBytes) {
        if (bodyBytes !== 0) return fail(`a body of ${bodyBytes} bytes came with ${body.byteLength}`);
        bodyBytes = body.byteLength;
      }
      if (count++ % 1024 === 0) {
        try {
          checkBody?.(body);
        } catch (error) {
          return fail(error instanceof Error ? error.message : String(error));
        }
      }
      if (isRunning) send();
    };
    const send = () => {
      sentUs = nowUs();
      connection.send(typeof request === "function" ? request() : request);
    };
    return { connection, send };
  });
  for (const { send } of open) send();
  await Bun.sleep(warmupSeconds * 1000);
  latency.reset();
  const before = answers;
  const serverBefore = pid === undefined ? undefined : await readProcessStats(pid);
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  await Bun.sleep(durationSeconds * 1000);
  const seconds = (performance.now() - startedMs) / 1000;
  const measured = answers - before;
  const own = process.cpuUsage(ownBefore);
  const serverAfter = pid === undefined ? undefined : await readProcessStats(pid);
  isRunning = false;
  for (const { connection } of open) connection.close();
  if (measured === 0) problems.push("nothing was answered in the measured time");
  return {
    seconds,
    answers: measured,
    latency,
    bodyBytes,
    server:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : { ...serverAfter, cpuSeconds: serverAfter.cpuSeconds - serverBefore.cpuSeconds },
    generatorCpuSeconds: (own.user + own.system) / 1e6,
    problems,
  };
}
