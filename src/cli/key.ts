/** `roost key show|rotate` */
import { durationOf } from "./durations.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { printJson, printLine } from "./print.ts";

export async function showKey(options: CommonOptions): Promise<void> {
  const { key } = await withOperator(configOf(options), (ask) => ask("showKey", {}));
  if (options.json) {
    printJson({ key });
    return;
  }
  if (key === null) {
    throw new CommandError(exitCodes.failure, "there is no backend key yet; roost serve or roost key rotate makes one");
  }
  printLine(`fingerprint ${key.fingerprint}`);
  printLine(`made        ${key.created} (${durationOf(key.age_seconds)} ago)`);
}

export async function rotateKey(options: CommonOptions): Promise<void> {
  const rotated = await withOperator(configOf(options), (ask) => ask("rotateKey", {}));
  if (options.json) {
    printJson(rotated);
    return;
  }
  // The key alone on standard output, so that it can go straight into a file or a variable.
  printLine(rotated.backend_key);
  process.stderr.write(`This is shown once. Fingerprint ${rotated.fingerprint}; the old key no longer works.\n`);
}
