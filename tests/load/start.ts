/**
 * Start and memory of an executable, seen from outside: the time from spawn to the first answer over HTTP, the processor
 * time until then, and the memory it holds at rest. Several executables are started in turn, so that a busy machine slows
 * all of them; what counts is the least of many starts.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProcessStats } from "./process-stats.ts";
import { firstLine, startServer, withoutSettings } from "./server.ts";

/** How long a server that was just started is left alone before its memory counts. */
const restMs = 2000;

export interface Startable {
  readonly command: readonly string[];
  /** `host:port` of its HTTP listener, from the first line it prints. */
  addressIn(line: string): string;
}

export interface StartCost {
  readonly answeredMs: number;
  /** User and system time of all threads that still run at the first answer. */
  readonly cpuMs: number;
}

/** The bare executable, built into `folder`. */
export async function bareExecutable(folder: string): Promise<Startable> {
  const outfile = join(folder, "bare");
  const { success, logs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "bare-executable.ts")],
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
    bytecode: true,
    format: "esm",
    minify: true,
  });
  if (!success) throw new AggregateError(logs, "the bare executable could not be built");
  return { command: [outfile], addressIn: (line) => line };
}

/** The server with a data folder below `folder` that an earlier start has made. */
export async function roostExecutable(binary: string, folder: string): Promise<Startable> {
  const data = await mkdtemp(join(folder, "data-"));
  await (await startServer({ data, command: [binary] })).stop();
  return {
    command: [binary, "serve", "--data", data, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"],
    addressIn: (line) => String((JSON.parse(line) as { http: unknown }).http),
  };
}

/** One start of each, `times` times; the costs by executable. */
export async function timeStarts(startables: readonly Startable[], times: number): Promise<StartCost[][]> {
  const costs: StartCost[][] = startables.map(() => []);
  await timeStart(startables[0]); // The first one pays for what this process and the disk's cache have yet to load.
  for (let time = 0; time < times; time += 1) {
    for (const [index, startable] of startables.entries()) {
      const cost = await timeStart(startable);
      if (cost !== undefined) costs[index]?.push(cost);
    }
  }
  return costs;
}

async function timeStart(startable: Startable | undefined): Promise<StartCost | undefined> {
  if (startable === undefined) return undefined;
  await using started = await start(startable);
  return started.cost;
}

/** Resident bytes of each at rest, all running at once. */
export async function memoryAtRest(startables: readonly Startable[]): Promise<number[]> {
  const started = await Promise.all(startables.map(start));
  try {
    await Bun.sleep(restMs);
    return await Promise.all(started.map(async ({ pid }) => (await readProcessStats(pid)).rssBytes));
  } finally {
    await Promise.all(started.map((one) => one[Symbol.asyncDispose]()));
  }
}

interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly cost: StartCost;
}

async function start({ command, addressIn }: Startable): Promise<Started> {
  const startedMs = performance.now();
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    env: withoutSettings(process.env),
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  try {
    const address = addressIn(await firstLine(child.stdout, 20_000));
    await (await fetch(`http://${address}/healthz`)).arrayBuffer();
    const answeredMs = performance.now() - startedMs;
    const cost = { answeredMs, cpuMs: await cpuMsOf(child.pid) };
    return { pid: child.pid, cost, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The scheduler's own count in nanoseconds: /proc/PID/stat has steps of 10 ms. */
async function cpuMsOf(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8").catch(() => "0")),
  );
  return times.reduce((sum, text) => sum + Number.parseInt(text, 10) / 1e6, 0);
}

/** Runs `work` with a folder of its own on the disk the servers' data goes to. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "roost-start-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
