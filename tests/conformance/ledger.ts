/**
 * The conformance ledger: every normative statement by its number, and what stands behind it.
 *
 *     bun tests/conformance/ledger.ts [--version 5.0] [--json] [--record]
 *
 * `--record` adds newly held lines to recorded.json, which ledger.test.ts holds us to; it removes none.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { NamedTest, Specification, State, Statement } from "./statement.ts";
import { mqtt311 } from "./v3.1.1.ts";
import { mqtt50 } from "./v5.0.ts";

/** Another version joins here. */
export const specifications: readonly Specification[] = [mqtt311, mqtt50];

const root = join(import.meta.dir, "../..");
const recordedPath = join(import.meta.dir, "recorded.json");

/** Numbers of the statements that were held once, by version. */
export type Recorded = Readonly<Record<string, readonly string[]>>;

export function readRecorded(): Recorded {
  return JSON.parse(readFileSync(recordedPath, "utf8"));
}

export interface Counts {
  held: number;
  waits: number;
  excepted: number;
}

function count(statements: readonly Statement[]): Counts {
  const counts: Counts = { held: 0, waits: 0, excepted: 0 };
  for (const { state } of statements) counts[state.is]++;
  return counts;
}

/** "3.1.2" of "3.1.2-4". */
export function sectionOf(number: string): string {
  return number.slice(0, number.lastIndexOf("-"));
}

export interface Summary {
  readonly version: string;
  readonly title: string;
  readonly all: Counts;
  /** Without the statements that bind clients only. */
  readonly server: Counts;
  readonly sections: Readonly<Record<string, Counts>>;
}

export function summarize({ version, title, sections, statements }: Specification): Summary {
  const inSection = (section: string) => statements.filter(({ number }) => sectionOf(number) === section);
  return {
    version,
    title,
    all: count(statements),
    server: count(statements.filter(({ binds }) => binds !== "client")),
    sections: Object.fromEntries(Object.keys(sections).map((section) => [section, count(inSection(section))])),
  };
}

/**
 * The names of the tests that a file's text always runs, those of tables as they are written ("… at QoS %d …"). A test that
 * is skipped, even if only sometimes, is none of them.
 */
export function testNames(source: string): Set<string> {
  const names = new Set<string>();
  for (const call of source.split(/^(?= *test\b)/m)) {
    const [, modifiers] = /^ *test((?:\.\w+)*)\(/.exec(call) ?? [];
    if (modifiers === undefined || /skip|todo|failing|if/i.test(modifiers)) continue;
    // The title is the first argument of `test(` itself, or of what `test.each(table)` gave.
    const start = modifiers === "" ? /^ *test\(/ : /\)\(/;
    const [, literal] = new RegExp(`${start.source}\\s*("(?:[^"\\\\\\n]|\\\\.)*")\\s*,`).exec(call) ?? [];
    if (literal !== undefined) names.add(JSON.parse(literal));
  }
  return names;
}

/** Those of `tests` that do not exist. */
export function missingTests(tests: readonly NamedTest[]): NamedTest[] {
  const files = new Map<string, Set<string>>();
  return tests.filter(({ file, name }) => {
    let names = files.get(file);
    if (names === undefined) {
      const path = join(root, file);
      names = existsSync(path) ? testNames(readFileSync(path, "utf8")) : new Set();
      files.set(file, names);
    }
    return !names.has(name);
  });
}

/** What the specification's own list has and `statements` has not, what is there twice, and what nobody knows. */
export function numberFaults({ sections, statements }: Pick<Specification, "sections" | "statements">): string[] {
  const left = new Set<string>();
  for (const [section, numbers] of Object.entries(sections)) {
    const { first, last } = typeof numbers === "number" ? { first: 1, last: numbers } : numbers;
    for (let n = first; n <= last; n++) left.add(`${section}-${n}`);
  }
  const faults: string[] = [];
  for (const { number } of statements) if (!left.delete(number)) faults.push(`${number}: unknown, or there twice`);
  for (const number of left) faults.push(`${number}: missing`);
  return faults;
}

export function heldNumbers({ statements }: Pick<Specification, "statements">): string[] {
  return statements.filter(({ state }) => state.is === "held").map(({ number }) => number);
}

/** Lines that were held once and are no longer. */
export function regressions(
  specification: Pick<Specification, "version" | "statements">,
  recorded: Recorded,
): string[] {
  const held = new Set(heldNumbers(specification));
  return (recorded[specification.version] ?? []).filter((number) => !held.has(number));
}

function describe(state: State): string {
  switch (state.is) {
    case "held":
      return state.tests.map(({ file, name }) => `${file}: ${name}`).join("\n");
    case "waits":
      return [state.reason, ...state.tests.map(({ file, name }) => `partly ${file}: ${name}`)].join("\n");
    case "excepted":
      return state.reason;
  }
}

function printTable(specification: Specification): void {
  const { title, statements } = specification;
  console.log(`${title}: ${statements.length} normative statements\n`);
  const indent = `\n${" ".repeat(28)}`;
  for (const { number, binds, demands, state } of statements) {
    const text = [
      demands,
      ...describe(state)
        .split("\n")
        .map((line) => `  ${line}`),
    ].join(indent);
    console.log(`${number.padEnd(10)}${binds.padEnd(8)}${state.is.padEnd(10)}${text}`);
  }
  console.log(`\n${"section".padEnd(22)}      held     waits  excepted`);
  const { sections, all, server } = summarize(specification);
  for (const [section, counts] of Object.entries(sections)) row(section, counts);
  row("all", all);
  row("those that bind us", server);
  console.log();
}

function row(name: string, { held, waits, excepted }: Counts): void {
  console.log(name.padEnd(22) + [held, waits, excepted].map((each) => `${each}`.padStart(10)).join(""));
}

/** What the tables count, side by side. */
function printTotals(wanted: readonly Specification[]): void {
  console.log(`${"version".padEnd(22)}      held     waits  excepted`);
  for (const each of wanted) {
    const { title, all, server } = summarize(each);
    row(title, all);
    row("  those that bind us", server);
  }
}

function record(specification: Specification): void {
  const recorded = readRecorded();
  const before = recorded[specification.version] ?? [];
  const held = heldNumbers(specification);
  // In the order of the specification; what is no longer held stays, for the test to complain of.
  const merged = [...held, ...before.filter((number) => !held.includes(number))];
  writeFileSync(recordedPath, `${JSON.stringify({ ...recorded, [specification.version]: merged }, undefined, 2)}\n`);
}

function main(): void {
  const { values } = parseArgs({
    options: { version: { type: "string" }, json: { type: "boolean" }, record: { type: "boolean" } },
  });
  const wanted = specifications.filter(({ version }) => values.version === undefined || version === values.version);
  if (wanted.length === 0) {
    const known = specifications.map(({ version }) => version).join(", ");
    console.error(`no ledger for version ${values.version}; there is ${known}`);
    process.exitCode = 2;
    return;
  }
  if (values.record) for (const each of wanted) record(each);
  if (values.json) {
    const answer = wanted.map((each) => ({ ...summarize(each), statements: each.statements }));
    console.log(JSON.stringify(answer, undefined, 2));
  } else {
    for (const each of wanted) printTable(each);
    printTotals(wanted);
  }
}

if (import.meta.main) main();
