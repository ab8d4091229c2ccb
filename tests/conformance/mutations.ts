/**
 * Whether the tests would notice: each rule of mutations/ is switched off in a copy of the sources, and the test that
 * stands behind it must fail.
 *
 *     bun tests/conformance/mutations.ts [--only NAME] [--list] [--help]
 *
 * Ends with 1 if a mutation survived or had no test; if one cannot be made, or the tests fail without it, with an error.
 */
import { parseArgs } from "node:util";
import { judgeAll, type Verdict } from "./mutations/judge.ts";
import type { Mutation } from "./mutations/mutation.ts";
import { mutations } from "./mutations/table.ts";

function row({ version, rule, name, test: [file, test] }: Mutation, verdict = ""): string {
  return `${version.padEnd(6)} ${rule.padEnd(17)} ${name.padEnd(31)} ${verdict.padEnd(9)} ${file}: ${test}`;
}

/** Gives the exit code. */
async function judge(wanted: readonly Mutation[]): Promise<number> {
  const startedAtMs = performance.now();
  const counts: Record<Verdict, number> = { killed: 0, SURVIVED: 0, "NO TEST": 0 };
  let done = 0;
  const verdicts = await judgeAll(wanted, (verdict) => {
    counts[verdict]++;
    done++;
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${wanted.length}\r`);
  });
  for (const mutation of wanted) console.log(row(mutation, verdicts.get(mutation)));
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const { killed, SURVIVED: survived, "NO TEST": untested } = counts;
  console.log(`\n${killed} killed, ${survived} survived, ${untested} without a test, in ${seconds} s`);
  return killed === wanted.length ? 0 : 1;
}

const help = `bun tests/conformance/mutations.ts [--only NAME] [--list]

Switches each rule of the broker off, in a copy of the sources, and shows that the test behind it fails.
  --only NAME  this one alone
  --list       their names, rules and tests; nothing is run
Ends with 1 if a test does not notice.`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: "string" }, list: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const wanted = mutations.filter(({ name }) => values.only === undefined || name === values.only);
  if (wanted.length === 0) {
    console.error(`no mutation ${values.only}; --list shows them`);
    return 2;
  }
  if (!values.list) return await judge(wanted);
  for (const mutation of wanted) console.log(row(mutation));
  return 0;
}

process.exitCode = await main();
