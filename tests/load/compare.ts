/**
 * `bun run compare`: is the present tree slower or larger than another commit? Builds both, then measures rows of `rows.ts`
 * and the start in rounds. A round runs the base, the present tree and the base again, in an order that changes from round
 * to round, each with a new server; the generator is the present tree's for all of them. What counts is the median ratio,
 * and two runs of the base in each round show what the machine's noise alone makes of it (`verdict.ts`).
 */
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CertificateOnDisk, makeCertificate } from "../support/certificate.ts";
import { load, pinned, roostArguments, serverCore } from "./generator.ts";
import { Unavailable } from "./raw-rate.ts";
import { type Measure, ownScenarios, peerScenarios, type Scenario } from "./rows.ts";
import { openFilesMax, repository, startServer, warnOfMemoryDisk } from "./server.ts";
import { checkDiskWasSlow, startServerOnSlowDisk } from "./slow-disk.ts";
import { memoryAtRest, roostExecutable, timeStarts } from "./start.ts";
import { type Judgement, judge, median, type Round } from "./verdict.ts";

const scenarios = [...peerScenarios, ...ownScenarios];
const startRow = "start";
const names = [startRow, ...scenarios.map(({ name }) => name)];

const usage = `bun run compare [--base REF] [--rows NAME,…] [--pairs N] [--short] [--protocol 4|5] [--json]

Builds the base commit and the present tree, measures both in turn and says what became worse.

  --base REF        the commit to compare with (main)
  --rows NAME,…     some of: ${names.join(" ")}
  --pairs N         rounds of base, present tree and base again; the median of their ratios counts (8)
  --short           1.5 s instead of 4 s for each run, and less warming up
  --protocol 4|5    MQTT 3.1.1 or 5, where a row does not say (4)
  --json            one JSON object instead of the table

Worse is a loss of more than 3 % and of more than the spread of the base against itself. The exit code is 1 when a row is
worse or could not be measured. Server and generator have a core each; set TMPDIR to a folder on a disk.`;

const { values: flags } = parseArgs({
  options: {
    base: { type: "string", default: "main" },
    rows: { type: "string" },
    pairs: { type: "string", default: "8" },
    short: { type: "boolean", default: false },
    protocol: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});

const sides = ["base", "head", "again"] as const;
type Side = (typeof sides)[number];
/** A value for each of the row's measures. */
type Values = readonly (number | undefined)[];

/** What is measured at once; a round of it gives every side's values. */
interface Row {
  readonly name: string;
  readonly title: string;
  readonly measures: readonly Pick<Measure, "what" | "unit" | "lowerIsBetter">[];
  /** About what one round takes. */
  readonly seconds: number;
  round(order: readonly Side[]): Promise<Record<Side, Values>>;
}

interface Result {
  readonly row: string;
  readonly title: string;
  readonly what: string;
  readonly unit: string;
  /** Missing where it could not be measured, with the reason. */
  readonly judgement?: Judgement;
  readonly failed?: string;
}

async function main(): Promise<number> {
  if (flags.help) {
    console.log(usage);
    return 0;
  }
  const pairs = Number(flags.pairs);
  const wanted = flags.rows?.split(",") ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  const complaint =
    unknown !== undefined
      ? `--rows takes some of ${names.join(",")}, not ${unknown}`
      : Number.isInteger(pairs) && pairs >= 1 && pairs <= 99
        ? undefined
        : "--pairs takes a number from 1 to 99";
  if (complaint !== undefined) {
    console.error(complaint);
    return 2;
  }
  await warnOfMemoryDisk();
  await using folder = await temporaryFolder();
  const binaries = { base: join(folder.path, "base/roost"), head: join(folder.path, "head/roost") };
  progress(`building ${flags.base} and the present tree`);
  try {
    await buildBase(binaries.base, folder.path);
    await build(repository, binaries.head);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
  const certificate = await makeCertificate(folder.path);
  const chosen = [
    ...(wanted.includes(startRow) ? [await startOf(binaries, folder.path)] : []),
    ...scenarios.filter(({ name }) => wanted.includes(name)).map((one) => rowOf(one, binaries, certificate)),
  ];
  const minutes = Math.ceil((chosen.reduce((sum, { seconds }) => sum + seconds, 0) * pairs) / 60);
  progress("");
  console.error(`${pairs} rounds of ${chosen.length} rows: about ${minutes} minutes`);
  const results: Result[] = [];
  if (!flags.json) console.log(heading);
  for (const row of chosen) {
    const measured = await measure(row, pairs);
    results.push(...measured);
    if (!flags.json) for (const result of measured) console.log(lineOf(result));
  }
  if (flags.json) console.log(JSON.stringify({ base: flags.base, pairs, results }));
  return results.some(({ judgement }) => judgement === undefined || judgement.verdict === "worse") ? 1 : 0;
}

async function measure(row: Row, pairs: number): Promise<Result[]> {
  const rounds: Record<Side, Values>[] = [];
  try {
    for (let round = 0; round < pairs; round += 1) {
      progress(`${row.title}: round ${round + 1} of ${pairs}`);
      rounds.push(await row.round(orderOf(round)));
    }
    progress("");
    return row.measures.map((measure, index) => ({
      ...headOf(row, measure),
      judgement: judge(
        rounds.map((values) => roundOf(values, index)),
        measure,
      ),
    }));
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    return row.measures.map((measure) => ({ ...headOf(row, measure), failed }));
  }
}

const headOf = ({ name, title }: Row, { what, unit }: Row["measures"][number]) => ({ row: name, title, what, unit });

const roundOf = (values: Record<Side, Values>, index: number): Round => ({
  base: values.base[index] ?? Number.NaN,
  head: values.head[index] ?? Number.NaN,
  again: values.again[index] ?? Number.NaN,
});

/** Each side comes first, in the middle and last equally often. */
function orderOf(round: number): Side[] {
  const first = round % sides.length;
  const order = [...sides.slice(first), ...sides.slice(0, first)];
  return round % 2 === 0 ? order : order.reverse();
}

type Binaries = Readonly<Record<"base" | "head", string>>;

const binaryOf = (binaries: Binaries, side: Side): string => binaries[side === "again" ? "base" : side];

function rowOf(scenario: Scenario, binaries: Binaries, certificate: CertificateOnDisk): Row {
  const { name, title, measures, isMemory = false, warmupSeconds = 1 } = scenario;
  const each = (flags.short ? 2 : 4 + warmupSeconds) + 2;
  const run = async (side: Side): Promise<Values> => {
    const start = scenario.slowDisk ? startServerOnSlowDisk : startServer;
    await using server = await start({
      command: pinned(serverCore, [binaryOf(binaries, side)]),
      ...(scenario.tls ? { tls: certificate } : {}),
    });
    const target = roostArguments(server, scenario);
    const report = await load(scenario, { target, protocol: flags.protocol, isShort: flags.short });
    if (scenario.slowDisk) checkDiskWasSlow(report);
    return measures.map(({ of }) => of(report));
  };
  return {
    name,
    title,
    measures,
    seconds: isMemory ? 30 : each * sides.length,
    async round(order) {
      if (isMemory) await checkOpenFiles(scenario);
      // Memory does not depend on who runs beside, and is mostly waited for.
      if (isMemory) return bySide(await Promise.all(order.map(async (side) => [side, await run(side)] as const)));
      const values: (readonly [Side, Values])[] = [];
      for (const side of order) values.push([side, await run(side)]);
      return bySide(values);
    },
  };
}

const bySide = (values: readonly (readonly [Side, Values])[]): Record<Side, Values> => ({
  base: [],
  head: [],
  again: [],
  ...Object.fromEntries(values),
});

async function checkOpenFiles({ load }: Scenario): Promise<void> {
  const connections = Number(load[load.indexOf("--connections") + 1]);
  if ((await openFilesMax()) >= connections + 500) return;
  throw new Unavailable(`${connections} connections need a higher "ulimit -n"`);
}

async function startOf(binaries: Binaries, folder: string): Promise<Row> {
  const times = flags.short ? 5 : 10;
  const executables = {
    base: await roostExecutable(binaries.base, folder),
    head: await roostExecutable(binaries.head, folder),
    again: await roostExecutable(binaries.base, folder),
  };
  const sizes = await Promise.all([stat(binaries.base), stat(binaries.head)]);
  const sizeOf = { base: sizes[0].size, head: sizes[1].size, again: sizes[0].size };
  return {
    name: startRow,
    title: "start, memory at rest, size",
    measures: [
      { what: `first answer, least of ${times}`, unit: "ms", lowerIsBetter: true },
      { what: "CPU until then, median", unit: "ms", lowerIsBetter: true },
      { what: "memory at rest", unit: "MiB", lowerIsBetter: true },
      { what: "executable", unit: "MB", lowerIsBetter: true },
    ],
    seconds: 4 + times * sides.length * 0.2,
    async round(order) {
      const inOrder = order.map((side) => executables[side]);
      const costs = await timeStarts(inOrder, times);
      const held = await memoryAtRest(inOrder);
      return bySide(
        order.map((side, index) => {
          const own = costs[index] ?? [];
          const least = Math.min(...own.map(({ answeredMs }) => answeredMs));
          const cpu = median(own.map(({ cpuMs }) => cpuMs));
          return [side, [least, cpu, (held[index] ?? 0) / 1024 / 1024, sizeOf[side] / 1e6]] as const;
        }),
      );
    },
  };
}

/** In a worktree of its own, which is gone afterwards; what it depends on comes from the package cache where it can. */
async function buildBase(outfile: string, folder: string): Promise<void> {
  const tree = join(folder, "tree");
  await command(repository, "git", "worktree", "add", "--detach", tree, flags.base);
  try {
    await command(tree, process.execPath, "install", "--frozen-lockfile");
    await build(tree, outfile);
  } finally {
    await command(repository, "git", "worktree", "remove", "--force", tree);
  }
}

async function build(tree: string, outfile: string): Promise<void> {
  await mkdir(join(outfile, ".."), { recursive: true });
  await command(tree, process.execPath, "run", "build", "--outfile", outfile);
}

/** Throws with what it printed where it fails. */
async function command(cwd: string, ...words: string[]): Promise<void> {
  const child = Bun.spawn(words, { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [code, said, complaint] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${complaint}${said}`);
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "roost-compare-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** One line that the next one takes the place of. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
}

const cells = (...[title, what, base, head, ratio, spread, verdict]: string[]): string =>
  `${title?.padEnd(40)}${what?.padEnd(34)}${base?.padStart(10)}${head?.padStart(10)}${ratio?.padStart(12)}${spread?.padStart(12)}  ${verdict}`.trimEnd();

const heading = cells("", "", "base", "head", "head / base", "base / base", "");

function lineOf({ title, what, unit, judgement, failed }: Result): string {
  const label = `${what}, ${unit}`;
  if (judgement === undefined) return cells(title, label, "-", "-", "-", "-", `NOT MEASURED: ${failed}`);
  const { base, head, ratio, spread, verdict } = judgement;
  const said = verdict === "worse" ? "WORSE" : verdict === "better" ? "better" : "";
  return cells(title, label, shown(base), shown(head), ratio.toFixed(3), `± ${(spread * 100).toFixed(1)} %`, said);
}

function shown(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

process.exit(await main());
