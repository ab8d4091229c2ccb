/**
 * Side by side with Mosquitto, in one run:
 * `bun tests/load/peers.ts [--rounds N] [--short] [--json] [--only NAME,…] [--protocol 4|5] [--ci]`.
 *
 * Server and generator are pinned to a core each, the two servers are measured in turn, and what counts are medians and
 * ratios: machines are shared, so a rate by itself says little. Roost runs with login, permissions and its default
 * durability, Mosquitto anonymous and without persistence. A few rows are promises about Roost by itself; Mosquitto's
 * figure stands beside them where it has one. `--ci` is one short round, and fails for a row worse than half its reach.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compiledBinary } from "../support/binary.ts";
import { type CertificateOnDisk, makeCertificate } from "../support/certificate.ts";
import { Unavailable } from "./raw-rate.ts";
import type { Report } from "./report.ts";
import {
  openFilesMax,
  type RunningBroker,
  type RunningServer,
  repository,
  startMosquitto,
  startServer,
  warnOfMemoryDisk,
} from "./server.ts";
import { checkDiskWasSlow, startServerOnSlowDisk } from "./slow-disk.ts";

const serverCore = "0";
const generatorCore = "1";
/** The generator was the bottleneck when it used more than this of its core: the row is then a lower bound. */
const generatorBusy = 0.9;

interface Scenario {
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
type Target =
  /** How many times better than Mosquitto. */
  | { readonly as: "times better"; readonly atLeast: number; readonly aim: number }
  /** What it is of Mosquitto's. */
  | { readonly as: "of Mosquitto's"; readonly atMost: number; readonly aim: number }
  | { readonly as: "of Mosquitto's"; readonly atLeast: number; readonly aim: number }
  /** Roost's own value. */
  | { readonly as: "by itself"; readonly atMost: number; readonly aim: number }
  /** Printed beside another. */
  | { readonly as: "only shown" };

interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly of: (report: Report) => number | undefined;
  /** As with processor time. */
  readonly lowerIsBetter: boolean;
  readonly target: Target;
}

const cpu = (target: Target): Measure => ({
  what: "server CPU",
  unit: "s/million",
  of: (report) => report.server?.cpuSecondsPerMillion,
  lowerIsBetter: true,
  target,
});

const p50 = (unit: "µs" | "ms", target: Target): Measure => ({
  what: "publish → delivery p50",
  unit,
  of: ({ deliveryLatency }) => deliveryLatency && deliveryLatency.p50Us / (unit === "ms" ? 1000 : 1),
  lowerIsBetter: true,
  target,
});

const delivered = (target: Target): Measure => ({
  what: "delivered",
  unit: "1/s",
  of: (report) => report.deliveredPerSecond,
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

const memory = (target: Target): Measure => ({
  what: "RSS per connection",
  unit: "KiB",
  of: (report) => report.extra["kibPerConnection"],
  lowerIsBetter: true,
  target,
});

const timesBetter = (atLeast: number, aim: number): Target => ({ as: "times better", atLeast, aim });
const onlyShown: Target = { as: "only shown" };

/** Connecting leaves garbage, and it takes a runtime with nothing to do some ten seconds to collect it. */
const settling = ["--duration", "15"];

const scenarios: readonly Scenario[] = [
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
    measures: [memory({ as: "by itself", atMost: 3, aim: 2 })],
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

interface Row {
  readonly name: string;
  readonly title: string;
  readonly what: string;
  readonly unit: string;
  readonly roost: number | undefined;
  readonly mosquitto: number | undefined;
  readonly target: Target;
  /** What is held against the target, in its terms. */
  readonly measured: number | undefined;
  readonly met: Met;
  readonly note: string;
}

type Met = "aim" | "reach" | "no" | "below half" | "not measured" | "";

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    only: { type: "string" },
    protocol: { type: "string", default: "4" },
  },
});
const names = scenarios.map((scenario) => scenario.name);
const only = flags.only?.split(",") ?? names;
const unknown = only.find((name) => !names.includes(name));
if (unknown !== undefined) throw new Error(`--only takes some of ${names.join(",")}, not ${unknown}`);
if (flags.protocol !== "4" && flags.protocol !== "5") throw new Error("--protocol is 4 or 5");
const rounds = Math.max(1, Math.min(99, Number(flags.rounds) || (flags.ci ? 1 : 3)));
const isShort = flags.short || flags.ci;

function lengths({ warmupSeconds = 1 }: Scenario): readonly string[] {
  return isShort ? ["--duration", "1.5", "--warmup", "0.5"] : ["--duration", "4", "--warmup", String(warmupSeconds)];
}

async function measureScenario(scenario: Scenario, certificate: CertificateOnDisk): Promise<Row[]> {
  await using peers = new Peers(scenario, certificate);
  const ours: Report[] = [];
  const theirs: Report[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${scenario.title}: round ${round + 1} of ${rounds}`);
    const report = await load(scenario, roostArguments(await peers.roost(), scenario));
    if (scenario.slowDisk) checkDiskWasSlow(report);
    ours.push(report);
    if (isMosquittoWanted(scenario)) theirs.push(await load(scenario, brokerArguments(await peers.mosquitto())));
    if (scenario.isMemory) await peers.stop();
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  const note = noteOn(ours);
  return scenario.measures.map((measure) => rowOf(scenario, measure, { ours, theirs, note }));
}

/** Where Mosquitto's figure decides nothing, the short form for CI goes without. */
function isMosquittoWanted({ slowDisk, measures }: Scenario): boolean {
  if (slowDisk) return false;
  return !flags.ci || measures.some(({ target }) => target.as !== "by itself");
}

function rowOf(
  { name, title }: Scenario,
  measure: Measure,
  { ours, theirs, note }: { ours: Report[]; theirs: Report[]; note: string },
): Row {
  const { what, unit, of, lowerIsBetter, target } = measure;
  const roost = median(ours.map(of));
  const mosquitto = median(theirs.map(of));
  const times = roost === undefined || mosquitto === undefined ? undefined : roost / mosquitto;
  const better = times === undefined || !lowerIsBetter ? times : 1 / times;
  const measured = target.as === "by itself" ? roost : target.as === "of Mosquitto's" ? times : better;
  return { name, title, what, unit, roost, mosquitto, target, measured, met: metBy(measured, target), note };
}

function metBy(measured: number | undefined, target: Target): Met {
  if (target.as === "only shown") return "";
  if (measured === undefined || !Number.isFinite(measured)) return "not measured";
  if ("atLeast" in target) {
    if (measured >= target.aim) return "aim";
    return measured >= target.atLeast ? "reach" : measured >= target.atLeast / 2 ? "no" : "below half";
  }
  if (measured <= target.aim) return "aim";
  return measured <= target.atMost ? "reach" : measured <= target.atMost * 2 ? "no" : "below half";
}

function noteOn(reports: readonly Report[]): string {
  const share = median(reports.map(({ generatorCpuSeconds, seconds }) => generatorCpuSeconds / seconds)) ?? 0;
  const isLoad = reports.every(({ deliveryLatency }) => deliveryLatency !== undefined);
  return isLoad && share > generatorBusy ? `generator ${Math.round(share * 100)}% busy` : "";
}

/** The two servers of a scenario, started when they are first asked for and after each `stop`. */
class Peers implements AsyncDisposable {
  readonly #scenario: Scenario;
  readonly #certificate: CertificateOnDisk;
  #roost: RunningServer | undefined;
  #mosquitto: RunningBroker | undefined;

  constructor(scenario: Scenario, certificate: CertificateOnDisk) {
    this.#scenario = scenario;
    this.#certificate = certificate;
  }

  async roost(): Promise<RunningServer> {
    const command = pinned(serverCore, [await compiledBinary()]);
    const start = this.#scenario.slowDisk ? startServerOnSlowDisk : startServer;
    this.#roost ??= await start({ command, ...this.#tls() });
    return this.#roost;
  }

  async mosquitto(): Promise<RunningBroker> {
    this.#mosquitto ??= await startMosquitto({ command: pinned(serverCore, []), ...this.#tls() });
    if (this.#mosquitto === undefined) throw new Error("mosquitto is not installed");
    return this.#mosquitto;
  }

  #tls(): { tls?: CertificateOnDisk } {
    return this.#scenario.tls ? { tls: this.#certificate } : {};
  }

  async stop(): Promise<void> {
    const running = [this.#roost, this.#mosquitto];
    this.#roost = undefined;
    this.#mosquitto = undefined;
    await Promise.all(running.map((server) => server?.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function roostArguments(server: RunningServer, { tls }: Scenario): string[] {
  if (server.backendKey === undefined) throw new Error("the server showed no backend key");
  const port = tls ? server.mqttsPort : server.mqttPort;
  if (port === undefined) throw new Error("the server has no TLS listener");
  const target = ["--host", server.mqttHost, "--port", String(port), "--http", `http://${server.http}`];
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

async function load(scenario: Scenario, target: readonly string[]): Promise<Report> {
  const generator = [process.execPath, join(repository, "tests/load/main.ts")];
  const how = ["--payload", "64", "--protocol", flags.protocol, ...lengths(scenario)];
  const child = Bun.spawn(pinned(generatorCore, [...generator, ...how, ...scenario.load, ...target, "--json"]), {
    stdout: "pipe",
    stderr: "pipe",
  });
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

/** Undefined where one is missing, too. */
function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted.length < values.length ? undefined : sorted[Math.floor(sorted.length / 2)];
}

const marks: Readonly<Record<Met, string>> = {
  aim: "✓",
  reach: "✓",
  no: "–",
  "below half": "✗",
  "not measured": "✗",
  "": " ",
};

function table(all: readonly Row[]): string {
  const cells = (...[title, label, roost, mosquitto, measured, as, reach, aim, met, note]: string[]) =>
    `${title?.padEnd(37)}${label?.padEnd(28)}${roost?.padStart(10)}${mosquitto?.padStart(11)}${measured?.padStart(10)} ${as?.padEnd(15)}${reach?.padStart(7)}${aim?.padStart(7)}  ${met?.padEnd(13)}${note}`.trimEnd();
  const head = cells("  64 B", "", "Roost", "Mosquitto", "measured", "", "reach", "aim", "met", "");
  const lines = all.map((row) => {
    const { title, what, unit, roost, mosquitto, measured, target, met, note } = row;
    const [reach, aim] = target.as === "only shown" ? ["", ""] : [bound(target), shown(target.aim)];
    const as = target.as === "only shown" ? "times better" : target.as;
    return cells(
      `${marks[met]} ${title}`,
      `${what}, ${unit}`,
      shown(roost),
      shown(mosquitto),
      shown(measured),
      as,
      reach,
      aim,
      met,
      note,
    );
  });
  return [head, ...lines].join("\n");
}

const bound = (target: { atLeast: number } | { atMost: number }): string =>
  "atLeast" in target ? `≥ ${shown(target.atLeast)}` : `≤ ${shown(target.atMost)}`;

function shown(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}

/** What is run at once, in the order of the table. */
function groups(): Scenario[][] {
  const chosen = scenarios.filter(({ name }) => only.includes(name));
  return chosen.reduce<Scenario[][]>((all, scenario) => {
    const last = all.at(-1);
    if (scenario.isMemory && last?.[0]?.isMemory) last.push(scenario);
    else all.push([scenario]);
    return all;
  }, []);
}

/** What this machine has no means for is said, and is no failure. */
async function attempt(scenario: Scenario, certificate: CertificateOnDisk): Promise<Row[]> {
  try {
    return await measureScenario(scenario, certificate);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.error(`${scenario.title}: not measured: ${error.message}`);
    return [];
  }
}

async function main(): Promise<number> {
  await warnOfMemoryDisk();
  const idle = Math.max(...scenarios.map(({ load }) => Number(load[load.indexOf("--connections") + 1])));
  if ((await openFilesMax()) < idle + 500) throw new Error(`${idle} connections need a higher "ulimit -n"`);
  const folder = await mkdtemp(join(tmpdir(), "roost-peers-"));
  try {
    const certificate = await makeCertificate(folder);
    const rows: Row[] = [];
    for (const group of groups()) {
      const results = await Promise.all(group.map((scenario) => attempt(scenario, certificate)));
      rows.push(...results.flat());
    }
    console.log(flags.json ? JSON.stringify({ rounds, protocol: Number(flags.protocol), rows }) : table(rows));
    return flags.ci && rows.some(({ met }) => met === "below half" || met === "not measured") ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exit(await main());
