/** `roost clock`, `roost clock accept` */
import type { OperatorResults } from "../ops/operator.ts";
import { durationOf } from "./durations.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { printJson, printLine } from "./print.ts";

export async function showClock(options: CommonOptions): Promise<void> {
  const seen = await withOperator(configOf(options), (ask) => ask("showClock", {}));
  if (options.json) printJson(seen);
  else show(seen);
}

export async function acceptClock(options: CommonOptions): Promise<void> {
  const accepted = await withOperator(configOf(options), (ask) => ask("acceptClock", {}));
  if (options.json) {
    printJson(accepted);
    return;
  }
  const { passed_seconds: seconds } = accepted;
  printLine(seconds > 0 ? `accepted: ${durationOf(seconds)} more have passed` : "accepted");
}

function show({
  time,
  set_by_seconds: setBy,
  lag_seconds: lag,
  believed_in_seconds: left,
}: OperatorResults["showClock"]): void {
  printLine(`time     ${time}`);
  printLine(
    `set      ${setBy === 0 ? "never, as far as deadlines know" : `${durationOf(Math.abs(setBy))} ${setBy > 0 ? "forward" : "back"}, in all`}`,
  );
  if (left === null) return;
  printLine(
    `waiting  ${durationOf(lag)} may have passed; that counts in ${durationOf(left)}, or at once after roost clock accept`,
  );
}
