/** Command line of the load generator: runs one scenario and prints what it found. See README.md for the method. */
import { type LoadOptions, parseOptions, UsageError, usage } from "./options.ts";
import { renderReport } from "./report.ts";
import { runScenario } from "./scenarios/scenarios.ts";

async function main(): Promise<number> {
  let options: LoadOptions | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\nbun tests/load/main.ts --help tells more`);
    return 2;
  }
  if (options === undefined) {
    console.log(usage);
    return 0;
  }
  const isTerminal = process.stderr.isTTY === true;
  const progress = isTerminal ? (line: string) => process.stderr.write(`\r\x1b[K${line}`) : undefined;
  try {
    const report = await runScenario(options, progress);
    if (isTerminal) process.stderr.write("\r\x1b[K");
    console.log(options.json ? JSON.stringify(report, undefined, 2) : renderReport(report));
    return report.ok ? 0 : 1;
  } catch (error) {
    if (isTerminal) process.stderr.write("\r\x1b[K");
    console.error(`${options.scenario}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exit(await main());
