/**
 * `bun run replay [paths]`: runs the tests of the store, or those that are named, writes down every batch they give the
 * writer, and executes all of it again on two databases, one with cold caches. Outcomes and contents must be equal.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NamedChange } from "../../../src/store/sqlite/engine/committer.ts";
import type { Line } from "./recorder.ts";
import { openTwins, type Twins } from "./twins.ts";

const given = process.argv.slice(2);
const paths = given.length === 0 ? ["tests/store", "tests/domain"] : given;
const root = join(import.meta.dir, "../../..");
const recordDir = mkdtempSync(join(tmpdir(), "roost-replay-"));

interface Totals {
  databases: number;
  /** Of databases that were there before, or whose disk was full. */
  skipped: number;
  batches: number;
  changes: number;
  readonly kinds: Set<string>;
  readonly different: string[];
}

function replay(file: string, totals: Totals): void {
  const lines = readFileSync(join(recordDir, file), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  const [first] = lines;
  if (first?.type !== "open" || !first.isNew || lines.some((line) => line.type === "storage")) {
    totals.skipped += 1;
    return;
  }
  totals.databases += 1;
  using twins = openTwins(first.nowMs);
  for (const [number, line] of lines.entries()) {
    if (line.type === "open") twins.restart();
    else if (line.type === "batch") replayBatch(`${file}:${number + 1}`, { line, twins, totals });
  }
  for (const table of twins.differentTables()) totals.different.push(`${file}: ${table}`);
}

function replayBatch(
  place: string,
  of: { line: Extract<Line, { type: "batch" }>; twins: Twins; totals: Totals },
): void {
  const { line, twins, totals } = of;
  const changes = JSON.parse(line.changes) as NamedChange[];
  for (const [index, texts] of line.blobs) {
    const change = changes[index];
    const bytes = texts.map((text) => new Uint8Array(Buffer.from(text, "base64")));
    if (change !== undefined) changes[index] = [change[0], change[1], bytes];
  }
  totals.batches += 1;
  totals.changes += changes.length;
  for (const [name] of changes) totals.kinds.add(name);
  const { different } = twins.commit({ nowMs: line.nowMs, steadyMs: line.steadyMs, seed: line.seed, changes });
  for (const index of different) totals.different.push(`${place}: ${changes[index]?.[0]}`);
}

let failed: boolean;
try {
  const recorder = join(import.meta.dir, "recorder.ts");
  const tests = Bun.spawnSync(
    [process.execPath, "test", "--preload", recorder, "--timeout", "60000", "--only-failures", ...paths],
    { cwd: root, env: { ...process.env, RECORD_DIR: recordDir }, stdout: "inherit", stderr: "inherit" },
  );
  const totals: Totals = { databases: 0, skipped: 0, batches: 0, changes: 0, kinds: new Set(), different: [] };
  for (const file of readdirSync(recordDir)) replay(file, totals);
  const { kinds, different, ...counts } = totals;
  console.log({ ...counts, kinds: kinds.size, different });
  failed = tests.exitCode !== 0 || different.length > 0 || totals.batches === 0;
} finally {
  rmSync(recordDir, { recursive: true });
}
process.exit(failed ? 1 : 0);
