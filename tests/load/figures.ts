/**
 * `bun tests/load/figures.ts [--short] [--json] [--ci]`: the figures the project promises, each beside its target. What
 * compares takes both sides within this run, so that a slow or noisy machine moves both. With `--ci` the exit code is 1
 * when a figure is worse than half of its target, or when a run lost, repeated or reordered a message.
 */
import { Database } from "bun:sqlite";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiledBinary } from "../support/binary.ts";
import { buildSlowFsync, readSlowFsyncLog, type SlowFsyncEvent } from "../support/slow-fsync.ts";
import { type LoadOptions, loadOptions } from "./options.ts";
import { readProcessStats } from "./process-stats.ts";
import { rawRate, Unavailable } from "./raw-rate.ts";
import type { Report } from "./report.ts";
import { addressOf, checkHistoryPage, fillChat, hammer, historyRequest } from "./scenarios/rest.ts";
import { runScenario } from "./scenarios/scenarios.ts";
import {
  connectable,
  openFilesMax,
  type RunningServer,
  splitAddress,
  startServer,
  warnOfMemoryDisk,
} from "./server.ts";
import { checkDiskWasSlow, startServerOnSlowDisk } from "./slow-disk.ts";

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** Missing for what is only printed. */
  target?: { atLeast: number } | { atMost: number };
  note?: string;
}

interface Outcome {
  title: string;
  figures: Figure[];
  /** Why there are none, or why they do not count. */
  unavailable?: string;
  failed?: string;
}

const { values: flags } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    only: { type: "string" },
    help: { type: "boolean", default: false, short: "h" },
  },
});
const seconds = flags.short ? 2 : 5;

/** Figures of which one could not be had. */
interface Partly {
  figures: Figure[];
  unavailable: string;
}

type Take = () => Promise<Figure[] | Partly>;

const measurements: Record<string, { title: string; take: Take }> = {
  durable: { title: "Stored QoS 1 over MQTT, 50 publishers × 20 in flight, 100 chats, 100 B", take: durableFigures },
  single: { title: "One publisher, 20 in flight, stored", take: singlePublisherFigures },
  apart: { title: "QoS 0 at 500/s while an 8 ms disk is busy with stored messages", take: apartFigures },
  history: { title: "GET /chats/{chatID}/messages, 50 rows, 32 connections", take: historyFigures },
  start: { title: "The binary: size, start, memory at rest", take: startFigures },
  idle: { title: "Idle connections", take: idleFigures },
};

async function main(): Promise<number> {
  if (flags.help) {
    console.log(`bun tests/load/figures.ts [--short] [--json] [--ci] [--only ${Object.keys(measurements).join("|")}]`);
    return 0;
  }
  if (flags.only !== undefined && measurements[flags.only] === undefined) {
    console.error(`--only takes one of ${Object.keys(measurements).join(", ")}`);
    return 2;
  }
  await warnOfMemoryDisk();
  const outcomes: Outcome[] = [];
  for (const [key, { title, take }] of Object.entries(measurements)) {
    if (flags.only !== undefined && flags.only !== key) continue;
    if (process.stderr.isTTY) process.stderr.write(`measuring: ${title}\n`);
    const outcome = await attempt(title, take);
    outcomes.push(outcome);
    if (!flags.json) console.log(render(outcome));
  }
  if (flags.json) console.log(JSON.stringify(outcomes, undefined, 2));
  const isBad = outcomes.some(({ failed, figures }) => failed !== undefined || figures.some(isWorseThanHalf));
  return flags.ci && isBad ? 1 : 0;
}

async function attempt(title: string, take: Take): Promise<Outcome> {
  try {
    const taken = await take();
    return Array.isArray(taken) ? { title, figures: taken } : { title, ...taken };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return error instanceof Unavailable
      ? { title, figures: [], unavailable: why }
      : { title, figures: [], failed: why };
  }
}

function meets({ value, target }: Figure): boolean {
  if (target === undefined) return true;
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

function isWorseThanHalf({ value, target }: Figure): boolean {
  if (target === undefined) return false;
  return "atLeast" in target ? value < target.atLeast / 2 : value > target.atMost * 2;
}

function render({ title, figures, unavailable, failed }: Outcome): string {
  const lines = figures.map((figure) => {
    const { name, value, unit, target, note } = figure;
    const wanted = target === undefined ? "" : "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
    const mark = target === undefined ? " " : meets(figure) ? "✓" : isWorseThanHalf(figure) ? "✗" : "–";
    return `  ${mark} ${name.padEnd(44)} ${shown(value).padStart(12)} ${unit.padEnd(12)} ${wanted.padEnd(10)} ${note ?? ""}`;
  });
  if (unavailable !== undefined) lines.push(`    not measured: ${unavailable}`);
  if (failed !== undefined) lines.push(`  ✗ FAILED: ${failed}`);
  return [title, ...lines.map((line) => line.trimEnd())].join("\n");
}

function shown(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** a. How much of what SQLite and the disk can do is left once there is a server around them. */
async function durableFigures(): Promise<Figure[] | Partly> {
  const rawBefore = await rawRateOrNone();
  await using server = await startServer();
  const report = await succeed(
    optionsFor(server, "chat-mqtt", { connections: 50, inFlight: 20, chats: 100, payloadBytes: 100, qos: 1 }),
  );
  await server.stop();
  const rawAfter = await rawRateOrNone();
  const figures: Figure[] = [
    { name: "acknowledged", value: report.ackedPerSecond, unit: "messages/s" },
    { name: "publish → ack p50", value: (report.ackLatency?.p50Us ?? 0) / 1000, unit: "ms" },
    { name: "publish → ack p99", value: (report.ackLatency?.p99Us ?? 0) / 1000, unit: "ms" },
    // Far above the acknowledgement's, it says that the one receiver is what holds the publishers' windows.
    { name: "publish → delivery p50", value: (report.deliveryLatency?.p50Us ?? 0) / 1000, unit: "ms" },
    { name: "publish → delivery p99", value: (report.deliveryLatency?.p99Us ?? 0) / 1000, unit: "ms" },
    { name: "server CPU", value: report.server?.cpuSecondsPerMillion ?? 0, unit: "s/million" },
  ];
  if (typeof rawBefore === "string" || typeof rawAfter === "string") {
    const why = typeof rawBefore === "string" ? rawBefore : String(rawAfter);
    return { figures, unavailable: `the share of the raw rate: ${why}` };
  }
  const raw = (rawBefore + rawAfter) / 2;
  return [
    ...figures,
    { name: "raw rate, groups of 256", value: raw, unit: "messages/s" },
    { name: "share of the raw rate", value: report.ackedPerSecond / raw, unit: "", target: { atLeast: 0.45 } },
  ];
}

async function rawRateOrNone(): Promise<number | string> {
  try {
    return await rawRate();
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

/** b. One publisher's messages share commits instead of waiting for one each. */
async function singlePublisherFigures(): Promise<Figure[]> {
  const commitSeconds = await measureCommit();
  const library = await buildSlowFsync();
  const folder = await mkdtemp(join(tmpdir(), "roost-figures-"));
  try {
    const logPath = join(folder, "fsync.log");
    await using server = await startServer(library === undefined ? {} : { slowFsync: { library, logPath } });
    const options = optionsFor(server, "chat-mqtt", {
      connections: 1,
      inFlight: 20,
      chats: 1,
      payloadBytes: 100,
      qos: 1,
    });
    const report = await succeed(options);
    const figures: Figure[] = [
      { name: "acknowledged", value: report.ackedPerSecond, unit: "messages/s" },
      { name: "one commit by itself", value: commitSeconds * 1000, unit: "ms" },
      {
        name: "messages in the time of one commit",
        value: report.ackedPerSecond * commitSeconds,
        unit: "",
        target: { atLeast: 2 },
      },
    ];
    if (library === undefined) return figures;
    // Messages acknowledged without a sync are not fast; they are not on disk.
    const { syncsPerSecond, meanMs } = syncRate(await readSlowFsyncLog(logPath));
    if (syncsPerSecond === 0) throw new Error("messages were acknowledged, but nothing was synced to disk");
    return [
      ...figures,
      { name: "commits (syncs of the WAL)", value: syncsPerSecond, unit: "1/s", note: `${meanMs.toFixed(3)} ms each` },
      {
        name: "messages per sync",
        value: report.ackedPerSecond / syncsPerSecond,
        unit: "",
        target: { atLeast: 4 },
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Syncs of the write-ahead log in the log's last seconds of work, which are those of the measured load. */
function syncRate(events: SlowFsyncEvent[]): { syncsPerSecond: number; meanMs: number } {
  const ends = events.filter(({ kind, file }) => kind === "sync-end" && file.endsWith("-wal"));
  const last = ends.at(-1)?.atNs ?? 0n;
  const windowNs = BigInt(seconds) * 1_000_000_000n;
  const within = ends.filter(({ atNs }) => atNs > last - windowNs);
  let totalNs = 0n;
  let startedNs: bigint | undefined;
  for (const event of events) {
    if (!event.file.endsWith("-wal") || event.atNs <= last - windowNs) continue;
    if (event.kind === "sync-start") startedNs = event.atNs;
    else if (event.kind === "sync-end" && startedNs !== undefined) totalNs += event.atNs - startedNs;
  }
  return { syncsPerSecond: within.length / seconds, meanMs: Number(totalNs) / 1e6 / Math.max(1, within.length) };
}

/** The mean time of a commit of one row, on the same disk. */
async function measureCommit(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "roost-commit-"));
  try {
    const database = new Database(join(folder, "probe.db"), { create: true });
    database.run("pragma journal_mode = wal");
    database.run("pragma synchronous = full");
    database.run("create table probe (id integer primary key, content text)");
    const insert = database.prepare("insert into probe (content) values (?)");
    const content = "x".repeat(100);
    const count = 500;
    const startedMs = performance.now();
    for (let row = 0; row < count; row++) insert.run(content);
    const each = (performance.now() - startedMs) / 1000 / count;
    database.close();
    return each;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** c. What has nothing to do with the disk does not wait for it. */
async function apartFigures(): Promise<Figure[]> {
  await using server = await startServerOnSlowDisk();
  const report = await succeed(optionsFor(server, "mqtt-apart", { connections: 1, rate: 500, qos: 0 }));
  checkDiskWasSlow(report);
  return [
    {
      name: "QoS 0 publish → delivery p50",
      value: (report.deliveryLatency?.p50Us ?? 0) / 1000,
      unit: "ms",
      target: { atMost: 0.3 },
    },
    { name: "QoS 0 publish → delivery p99", value: (report.deliveryLatency?.p99Us ?? 0) / 1000, unit: "ms" },
    { name: "stored meanwhile", value: report.extra["storedPerSecond"] ?? 0, unit: "messages/s" },
    { name: "stored publish → ack p50", value: report.extra["storedAckP50Ms"] ?? 0, unit: "ms" },
  ];
}

/** d. A page of history against the runtime's bare HTTP server with the same body and the same client, in turns. */
async function historyFigures(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "roost-figures-"));
  await using server = await startServer();
  const options = optionsFor(server, "rest-history", { connections: 32, fill: flags.short ? 1000 : 5000 });
  const chat = await fillChat(options);
  const request = historyRequest(chat);
  const response = await fetch(`${options.http}/chats/${chat.chatID}/messages?limit=50`, {
    headers: { authorization: `Bearer ${chat.user.accessToken}` },
  });
  const body = Buffer.from(await response.arrayBuffer());
  checkHistoryPage(body);
  const bodyPath = join(folder, "body");
  await writeFile(bodyPath, body);
  const type = response.headers.get("content-type") ?? "application/json";
  const bare = Bun.spawn(["bun", join(import.meta.dir, "bare-server.ts"), bodyPath, type], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    const { value } = await bare.stdout.getReader().read();
    const barePort = Number(new TextDecoder().decode(value));
    const turn = { connections: 32, warmupSeconds: 0.5, durationSeconds: flags.short ? 1 : 2 };
    const ratios: number[] = [];
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < 3; round++) {
      const one = await hammer({ ...turn, ...addressOf(options.http) }, request, checkHistoryPage);
      const other = await hammer({ ...turn, host: "127.0.0.1", port: barePort }, request);
      const problem = [...one.problems, ...other.problems][0];
      if (problem !== undefined) throw new Error(problem);
      ours.push(one.answers / one.seconds);
      theirs.push(other.answers / other.seconds);
      ratios.push(one.answers / one.seconds / (other.answers / other.seconds));
    }
    return [
      { name: "pages", value: median(ours), unit: "requests/s", note: `${body.byteLength} B each` },
      { name: "bare Bun.serve with the same body", value: median(theirs), unit: "requests/s" },
      { name: "share of the bare server", value: median(ratios), unit: "", target: { atLeast: 0.3 } },
    ];
  } finally {
    bare.kill();
    await bare.exited;
    await rm(folder, { recursive: true, force: true });
  }
}

/** e. Size, start and memory of the compiled binary. */
async function startFigures(): Promise<Figure[]> {
  const binary = await compiledBinary();
  const { size } = await stat(binary);
  const folder = await mkdtemp(join(tmpdir(), "roost-figures-"));
  const data = join(folder, "data");
  try {
    await (await startServer({ data, command: [binary] })).stop();
    const starts: number[] = [];
    for (let start = 0; start < 15; start++) {
      const startedMs = performance.now();
      await using server = await startServer({ data, command: [binary] });
      await Promise.all([
        connectable(splitAddress(server.http), 5000),
        connectable({ host: server.mqttHost, port: server.mqttPort }, 5000),
      ]);
      starts.push(performance.now() - startedMs);
    }
    await using server = await startServer({ data, command: [binary] });
    await Bun.sleep(2000);
    const { rssBytes } = await readProcessStats(server.pid);
    return [
      { name: "binary", value: size / 1e6, unit: "MB", target: { atMost: 116 } },
      { name: "start, least of 15", value: Math.min(...starts), unit: "ms", target: { atMost: 60 } },
      { name: "start, median", value: median(starts), unit: "ms" },
      { name: "memory 2 s after the start", value: rssBytes / 1e6, unit: "MB", target: { atMost: 75 } },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function idleFigures(): Promise<Figure[]> {
  const wanted = flags.short ? 2000 : 10_000;
  const connections = Math.min(wanted, (await openFilesMax()) - 500);
  // It takes the runtime some ten seconds to collect what connecting left.
  const idle = { connections, durationSeconds: flags.short ? 2 : 15, warmupSeconds: 1 };
  const figures: Figure[] = [];
  for (const [scenario, name] of [
    ["mqtt-idle", "MQTT connection"],
    ["ws-idle", "WebSocket"],
  ] as const) {
    await using server = await startServer();
    const report = await succeed(optionsFor(server, scenario, idle));
    figures.push({
      name: `memory of an idle ${name}`,
      value: report.extra["kibPerConnection"] ?? 0,
      unit: "KiB",
      note: `${connections} held, ${Math.round(report.extra["connectsPerSecond"] ?? 0)} connected a second`,
    });
  }
  return figures;
}

function optionsFor(
  server: RunningServer,
  scenario: LoadOptions["scenario"],
  changes: Partial<LoadOptions>,
): LoadOptions {
  return loadOptions(scenario, {
    host: server.mqttHost,
    port: server.mqttPort,
    http: `http://${server.http}`,
    backendKey: server.backendKey,
    pid: server.pid,
    warmupSeconds: 1,
    durationSeconds: seconds,
    ...changes,
  });
}

/** Runs a scenario whose losses, repeats or failed connections make every figure of it worthless. */
async function succeed(options: LoadOptions): Promise<Report> {
  const report = await runScenario(options);
  if (!report.ok) throw new Error(`${options.scenario}: ${report.problems.join("; ")}`);
  return report;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

process.exit(await main());
