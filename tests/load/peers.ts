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
import { load, pinned, roostArguments, serverCore } from "./generator.ts";
import { Unavailable } from "./raw-rate.ts";
import type { Report } from "./report.ts";
import { type Measure, peerScenarios, type Scenario, type Target } from "./rows.ts";
import {
  openFilesMax,
  type RunningBroker,
  type RunningServer,
  startMosquitto,
  startServer,
  warnOfMemoryDisk,
} from "./server.ts";
import { checkDiskWasSlow, startServerOnSlowDisk } from "./slow-disk.ts";

/** The generator was the bottleneck when it used more than this of its core: the row is then a lower bound. */
const generatorBusy = 0.9;

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
const names = peerScenarios.map((scenario) => scenario.name);
const only = flags.only?.split(",") ?? names;
const unknown = only.find((name) => !names.includes(name));
if (unknown !== undefined) throw new Error(`--only takes some of ${names.join(",")}, not ${unknown}`);
if (flags.protocol !== "4" && flags.protocol !== "5") throw new Error("--protocol is 4 or 5");
const rounds = Math.max(1, Math.min(99, Number(flags.rounds) || (flags.ci ? 1 : 3)));
const run = { isShort: flags.short || flags.ci, protocol: flags.protocol };

async function measureScenario(scenario: Scenario, certificate: CertificateOnDisk): Promise<Row[]> {
  await using peers = new Peers(scenario, certificate);
  const ours: Report[] = [];
  const theirs: Report[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${scenario.title}: round ${round + 1} of ${rounds}`);
    const report = await load(scenario, { ...run, target: roostArguments(await peers.roost(), scenario) });
    if (scenario.slowDisk) checkDiskWasSlow(report);
    ours.push(report);
    if (isMosquittoWanted(scenario))
      theirs.push(await load(scenario, { ...run, target: brokerArguments(await peers.mosquitto()) }));
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

const brokerArguments = (broker: RunningBroker): string[] => [
  "--host",
  broker.host,
  "--port",
  String(broker.port),
  "--pid",
  String(broker.pid),
];

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
  const chosen = peerScenarios.filter(({ name }) => only.includes(name));
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
  const idle = Math.max(...peerScenarios.map(({ load }) => Number(load[load.indexOf("--connections") + 1])));
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
