/**
 * Judges mutations: each is made in a temporary copy of the sources, and its test run there. The checkout is never
 * touched.
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testNames } from "../ledger.ts";
import type { Mutation, MutationTest } from "./mutation.ts";

const root = join(import.meta.dir, "../../..");
const copied = ["src", "tests", "drizzle", "package.json", "tsconfig.json", "bunfig.toml"];
/** Each with a copy of its own. */
const workersMax = 2;
/** Ample for a test as it is, on a machine that is busy. */
const unmutatedTimeoutMs = 30_000;
/**
 * What waits for an answer that a mutation took away waits no longer than this, or twice what all the wanted tests of
 * its file took together unmutated.
 */
const mutatedTimeoutMs = 3000;
/** A mutation may also leave a loop that never ends, in which no test's own timeout is heard. */
const graceMs = 10_000;

/** Whether the test failed, passed all the same, or was not run. */
export type Verdict = "killed" | "SURVIVED" | "NO TEST";

/** The mutated text. Throws where the text to replace is not there exactly once, or what comes out is no TypeScript. */
export function mutated(source: string, { name, file, find, replace }: Mutation): string {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`${name}: ${JSON.stringify(find)} occurs ${count} times in ${file}`);
  const text = source.replace(find, () => replace);
  try {
    new Bun.Transpiler({ loader: "ts" }).transformSync(text);
  } catch {
    throw new Error(`${name}: ${file} cannot be parsed any more`);
  }
  return text;
}

/** The whole name of the test that `test` means. Throws where there is none, or more than one. */
export function testName([file, part]: MutationTest, source: string): string {
  const [name, another] = [...testNames(source)].filter((each) => each.includes(part));
  if (name === undefined) throw new Error(`${file} has no test ${JSON.stringify(part)}`);
  if (another !== undefined) throw new Error(`${file} has several tests ${JSON.stringify(part)}`);
  return name;
}

interface Ready {
  readonly mutation: Mutation;
  readonly mutatedText: string;
  /** Matches the names of the test alone; `%s` and the like are a table's. */
  readonly pattern: string;
}

function prepare(mutation: Mutation): Ready {
  const mutatedText = mutated(readFileSync(join(root, mutation.file), "utf8"), mutation);
  const [file] = mutation.test;
  const name = testName(mutation.test, readFileSync(join(root, file), "utf8"));
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/%[sdifjop#]/g, ".*");
  return { mutation, mutatedText, pattern: `${literal}$` };
}

/** A temporary copy of what the tests need. */
class Copy implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "mutations-"));

  constructor() {
    for (const each of copied) cpSync(join(root, each), join(this.folder, each), { recursive: true });
    symlinkSync(realpathSync(join(root, "node_modules")), join(this.folder, "node_modules"));
  }

  /** Runs the mutation's test without the rule. */
  async withoutRule<T>({ mutation, mutatedText }: Ready, run: () => Promise<T>): Promise<T> {
    const path = join(this.folder, mutation.file);
    const source = readFileSync(path);
    writeFileSync(path, mutatedText);
    try {
      return await run();
    } finally {
      writeFileSync(path, source);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Killed, with no word of what passed. */
  readonly endless: boolean;
  readonly tookMs: number;
  readonly output: string;
}

interface Run {
  readonly file: string;
  readonly pattern: string;
  readonly timeoutMs: number;
}

async function runTests(folder: string, { file, pattern, timeoutMs }: Run): Promise<Outcome> {
  const startedAtMs = performance.now();
  const command = [process.execPath, "test", "--timeout", `${timeoutMs}`, `./${file}`, "-t", pattern];
  const env = { ...process.env, NO_COLOR: "1" };
  const child = Bun.spawn(command, { cwd: folder, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  let endless = false;
  const timer = setTimeout(() => {
    endless = true;
    child.kill("SIGKILL");
  }, timeoutMs + graceMs);
  const output = await new Response(child.stderr).text();
  await child.exited;
  clearTimeout(timer);
  const passed = Number(/^ *(\d+) pass$/m.exec(output)?.[1] ?? 0);
  // Only tests that ran: a file that cannot be loaded is counted as a failure too.
  const failed = output.match(/^\(fail\) /gm)?.length ?? 0;
  return { passed, failed, endless, tookMs: performance.now() - startedAtMs, output };
}

/** Does `work` for everything in `items`, each of the `copies` with one at a time. */
async function inTurn<T>(
  copies: readonly Copy[],
  items: readonly T[],
  work: (copy: Copy, item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(copy, item);
    }),
  );
}

/** Gives how long a mutated test of each file is waited for. Throws if the tests do not all pass as they are. */
async function runUnmutated(copies: readonly Copy[], wanted: readonly Ready[]): Promise<Map<string, number>> {
  const failing: string[] = [];
  const timeoutsMs = new Map<string, number>();
  const byFile = Map.groupBy(wanted, ({ mutation }) => mutation.test[0]);
  await inTurn(copies, [...byFile], async ({ folder }, [file, inFile]) => {
    const patterns = new Set(inFile.map(({ pattern }) => pattern));
    const run = { file, pattern: [...patterns].join("|"), timeoutMs: unmutatedTimeoutMs };
    const { passed, failed, endless, tookMs, output } = await runTests(folder, run);
    timeoutsMs.set(file, Math.max(mutatedTimeoutMs, Math.ceil(2 * tookMs)));
    if (endless || failed > 0 || passed < patterns.size) failing.push(`${file}:\n${output}`);
  });
  if (failing.length > 0) throw new Error(`tests fail as they are, without a mutation\n\n${failing.join("\n")}`);
  return timeoutsMs;
}

async function judge(copy: Copy, ready: Ready, timeoutMs: number): Promise<Verdict> {
  const [file] = ready.mutation.test;
  const run = () => runTests(copy.folder, { file, pattern: ready.pattern, timeoutMs });
  const { passed, failed, endless } = await copy.withoutRule(ready, run);
  if (endless || failed > 0) return "killed";
  return passed > 0 ? "SURVIVED" : "NO TEST";
}

/**
 * The verdict on each mutation, told to `onVerdict` as they come. Throws if one cannot be made, if its test is not
 * there, or if tests fail without it.
 */
export async function judgeAll(
  wanted: readonly Mutation[],
  onVerdict: (verdict: Verdict) => void = () => {},
): Promise<Map<Mutation, Verdict>> {
  const ready = wanted.map(prepare);
  using disposables = new DisposableStack();
  const count = Math.min(workersMax, ready.length);
  const copies = Array.from({ length: count }, () => disposables.use(new Copy()));
  const timeoutsMs = await runUnmutated(copies, ready);
  const verdicts = new Map<Mutation, Verdict>();
  await inTurn(copies, ready, async (copy, each) => {
    const timeoutMs = timeoutsMs.get(each.mutation.test[0]) ?? mutatedTimeoutMs;
    const verdict = await judge(copy, each, timeoutMs);
    verdicts.set(each.mutation, verdict);
    onVerdict(verdict);
  });
  return verdicts;
}
