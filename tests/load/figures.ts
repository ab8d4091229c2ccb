/**
 * `bun tests/load/figures.ts [--short] [--json] [--ci]`: the figures the project promises, each beside its target. What
 * compares takes both sides within this run, so that a slow or noisy machine moves both. With `--ci` the exit code is 1
 * when a figure is worse than half of its target, or when a run lost, repeated or reordered a message.
 */
import { Database } from "bun:sqlite";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiledBinary } from "../support/binary.ts";
import { buildSlowFsync, readSlowFsyncLog, type SlowFsyncEvent } from "../support/slow-fsync.ts";
import { bareShares } from "./history-pages.ts";
import { type LoadOptions, loadOptions } from "./options.ts";
import { rawRate, Unavailable } from "./raw-rate.ts";
import type { Report } from "./report.ts";
import { runScenario } from "./scenarios/scenarios.ts";
import { openFilesMax, type RunningServer, startServer, warnOfMemoryDisk } from "./server.ts";
import { checkDiskWasSlow, startServerOnSlowDisk } from "./slow-disk.ts";
import { bareExecutable, memoryAtRest, roostExecutable, type StartCost, timeStarts, withFolder } from "./start.ts";

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
const mebibyte = 1024 * 1024;

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

/** d. Pages of history beside the runtime's bare HTTP server, which answers one with the same bytes. */
async function historyFigures(): Promise<Figure[]> {
  await using server = await startServer();
  const options = optionsFor(server, "rest-history", { connections: 32, durationSeconds: flags.short ? 1 : 2 });
  const many = flags.short ? { chats: 100, messages: 1000 } : { chats: 200, messages: 2000 };
  const { lately, others, bare, bodyBytes } = await bareShares(options, many);
  const note = `in ${many.chats} chats, ${many.chats * many.messages} messages`;
  return [
    { name: "pages read before", value: lately.rate, unit: "requests/s", note: `${bodyBytes} B each` },
    { name: "pages not read lately", value: others.rate, unit: "requests/s", note },
    { name: "bare Bun.serve with the same body", value: bare, unit: "requests/s" },
    { name: "read before, share of the bare server", value: lately.share, unit: "", target: { atLeast: 0.3 } },
    { name: "not read lately, share of it", value: others.share, unit: "" },
  ];
}

/** e. Size, start and memory of the compiled binary, the last two beside the least executable this runtime can make. */
async function startFigures(): Promise<Figure[]> {
  const binary = await compiledBinary();
  const { size } = await stat(binary);
  return withFolder(async (folder) => {
    const both = [await roostExecutable(binary, folder), await bareExecutable(folder)];
    const [costs = [], bareCosts = []] = await timeStarts(both, flags.short ? 15 : 40);
    const atRest: number[][] = [];
    for (let time = 0; time < 3; time += 1) atRest.push(await memoryAtRest(both));
    const [held = 0, bareHeld = 0] = both.map(
      (_, which) => median(atRest.map((bytes) => bytes[which] ?? 0)) / mebibyte,
    );
    const least = (of: readonly StartCost[], what: keyof StartCost): number =>
      Math.min(...of.map((cost) => cost[what]));
    const startMs = least(costs, "answeredMs");
    const bareMs = least(bareCosts, "answeredMs");
    const cpuMs = least(costs, "cpuMs");
    const note = `of ${costs.length} starts in turn`;
    return [
      // The runtime alone is 109.2 MB.
      { name: "binary", value: size / 1e6, unit: "MB", target: { atMost: 118 } },
      { name: "from exec to the first answer, least", value: startMs, unit: "ms", target: { atMost: 40 }, note },
      { name: "the same of a bare executable", value: bareMs, unit: "ms" },
      { name: "times the bare executable's", value: startMs / bareMs, unit: "" },
      {
        name: "from exec to the first answer, median",
        value: median(costs.map((cost) => cost.answeredMs)),
        unit: "ms",
      },
      { name: "processor time until then, least", value: cpuMs, unit: "ms" },
      { name: "times the bare executable's", value: cpuMs / least(bareCosts, "cpuMs"), unit: "" },
      { name: "memory at rest", value: held, unit: "MiB", target: { atMost: 58 } },
      { name: "the same of a bare executable", value: bareHeld, unit: "MiB" },
      { name: "times the bare executable's", value: held / bareHeld, unit: "" },
    ];
  });
}

async function idleFigures(): Promise<Figure[]> {
  const wanted = flags.short ? 2000 : 10_000;
  const connections = Math.min(wanted, (await openFilesMax()) - 500);
  // It takes the runtime some ten seconds to collect what connecting left.
  const idle = { connections, durationSeconds: flags.short ? 2 : 15, warmupSeconds: 1 };
  const figures: Figure[] = [];
  for (const [scenario, name, how] of [
    ["mqtt-idle", "MQTT connection, subscribed once", { subscribe: true, target: { atMost: 2.6 } }],
    ["ws-idle", "WebSocket", { subscribe: false }],
  ] as const) {
    await using server = await startServer();
    const report = await succeed(optionsFor(server, scenario, { ...idle, subscribe: how.subscribe }));
    figures.push({
      name: `memory of an idle ${name}`,
      value: report.extra["kibPerConnection"] ?? 0,
      unit: "KiB",
      // What the first connections load counts for too much among the few of the short form.
      ...("target" in how && !flags.short ? { target: how.target } : {}),
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
