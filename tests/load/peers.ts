/**
 * Side by side with Mosquitto, in one run: `bun tests/load/peers.ts [--rounds N] [--short] [--json] [--only NAME] [--ci]`.
 *
 * Server and generator are pinned to a core each, the two servers are measured in turn, and what counts are medians and
 * ratios: machines are shared, so a rate by itself says little. Roost runs with login and permissions, Mosquitto
 * anonymous and without persistence. With `--ci` a ratio worse than half its target fails the run.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiledBinary } from "../support/binary.ts";
import type { Report } from "./report.ts";
import { type RunningBroker, type RunningServer, repository, startMosquitto, startServer } from "./server.ts";

const serverCore = "0";
const generatorCore = "1";

interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Arguments of the load generator. */
  readonly load: readonly string[];
  readonly compare: readonly Comparison[];
}

/** `better`: how many times better than Mosquitto, at least `reach`. */
interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly of: (report: Report) => number | undefined;
  /** Lower values are better, as with processor time. */
  readonly lowerIsBetter: boolean;
  readonly reach: number;
}

const cpu = (reach: number): Comparison => ({
  what: "server CPU",
  unit: "s/million",
  of: (report) => report.server?.cpuSecondsPerMillion,
  lowerIsBetter: true,
  reach,
});

const p50 = (reach: number): Comparison => ({
  what: "publish → delivery p50",
  unit: "µs",
  of: (report) => report.deliveryLatency?.p50Us,
  lowerIsBetter: true,
  reach,
});

const scenarios: readonly Scenario[] = [
  {
    name: "pipelined",
    title: "QoS 0, 1 → 1, pipelined",
    load: ["mqtt-pairs", "--connections", "1", "--qos", "0", "--in-flight", "1000"],
    compare: [cpu(20)],
  },
  {
    name: "pairs",
    title: "QoS 1, 50 pairs, 20 in flight",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "20"],
    compare: [cpu(8)],
  },
  {
    name: "fanout",
    title: "QoS 0, 1 → 500",
    load: ["mqtt-fanout", "--connections", "500", "--qos", "0", "--in-flight", "20"],
    compare: [cpu(12)],
  },
  {
    name: "one",
    title: "QoS 1, 50 pairs, one in flight",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--in-flight", "1"],
    compare: [cpu(1.1)],
  },
  {
    name: "sparse",
    title: "QoS 1, 50 pairs, 2,000 a second",
    load: ["mqtt-pairs", "--connections", "50", "--qos", "1", "--rate", "2000"],
    compare: [cpu(1 / 1.3), p50(1 / 1.5)],
  },
  {
    name: "connects",
    title: "connecting 5,000 clients",
    load: ["mqtt-idle", "--connections", "5000"],
    compare: [
      {
        what: "connects",
        unit: "1/s",
        of: (report) => report.extra["connectsPerSecond"],
        lowerIsBetter: false,
        reach: 0.6,
      },
    ],
  },
];

interface Row {
  readonly title: string;
  readonly what: string;
  readonly unit: string;
  readonly roost: number;
  readonly mosquitto: number;
  readonly ratio: number;
  readonly reach: number;
}

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const chosen = scenarios.filter((scenario) => flags.only === undefined || scenario.name === flags.only);
if (chosen.length === 0)
  throw new Error(`--only takes one of ${scenarios.map((scenario) => scenario.name).join(", ")}`);
const rounds = Math.max(1, Math.min(99, Number(flags.rounds) || 3));
const lengths = flags.short ? ["--duration", "1.5", "--warmup", "0.5"] : ["--duration", "4", "--warmup", "1"];

async function compare(scenario: Scenario): Promise<Row[]> {
  await using roost = await startServer({ command: pinned(serverCore, [await compiledBinary()]) });
  await using mosquitto = await startMosquitto({ command: pinned(serverCore, []) });
  if (mosquitto === undefined) throw new Error("mosquitto is not installed");
  const ours: Report[] = [];
  const theirs: Report[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (process.stderr.isTTY) process.stderr.write(`\r${scenario.title}: round ${round + 1} of ${rounds}   `);
    ours.push(await measure(scenario, roostArguments(roost)));
    theirs.push(await measure(scenario, brokerArguments(mosquitto)));
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  return scenario.compare.map(({ what, unit, of, lowerIsBetter, reach }) => {
    const a = median(ours.map((report) => of(report) ?? Number.NaN));
    const b = median(theirs.map((report) => of(report) ?? Number.NaN));
    const ratio = lowerIsBetter ? b / a : a / b;
    return { title: scenario.title, what, unit, roost: a, mosquitto: b, ratio, reach };
  });
}

function roostArguments(server: RunningServer): string[] {
  if (server.backendKey === undefined) throw new Error("the server showed no backend key");
  const target = ["--host", server.mqttHost, "--port", String(server.mqttPort), "--http", `http://${server.http}`];
  return [...target, "--backend-key", server.backendKey, "--pid", String(server.pid)];
}

const brokerArguments = (broker: RunningBroker): string[] => [
  "--host",
  broker.host,
  "--port",
  String(broker.port),
  "--pid",
  String(broker.pid),
];

async function measure(scenario: Scenario, target: readonly string[]): Promise<Report> {
  const generator = [process.execPath, join(repository, "tests/load/main.ts")];
  const load = [...scenario.load, "--payload", "64", ...lengths, ...target, "--json"];
  const child = Bun.spawn(pinned(generatorCore, [...generator, ...load]), { stdout: "pipe", stderr: "pipe" });
  const [code, text, errors] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${scenario.title}: ${text} ${errors}`);
  return JSON.parse(text) as Report;
}

function pinned(core: string, command: readonly string[]): string[] {
  return Bun.which("taskset") === null ? [...command] : ["taskset", "-c", core, ...command];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function table(all: readonly Row[]): string {
  const head = `  ${"64 B".padEnd(34)}${"".padEnd(26)}${"Roost".padStart(10)}${"Mosquitto".padStart(12)}${"times better".padStart(16)}${"reach".padStart(8)}`;
  const lines = all.map((row) => {
    const mark = row.ratio >= row.reach ? "✓" : row.ratio >= row.reach / 2 ? "–" : "✗";
    const label = `${row.what}, ${row.unit}`;
    return `${mark} ${row.title.padEnd(34)}${label.padEnd(26)}${shown(row.roost).padStart(10)}${shown(row.mosquitto).padStart(12)}${shown(row.ratio).padStart(16)}${shown(row.reach).padStart(8)}`;
  });
  return [head, ...lines].join("\n");
}

const shown = (value: number): string =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));

const rows: Row[] = [];
for (const scenario of chosen) rows.push(...(await compare(scenario)));
if (flags.json) console.log(JSON.stringify({ rounds, rows }));
else console.log(table(rows));
if (flags.ci && rows.some((row) => row.ratio < row.reach / 2)) process.exit(1);
