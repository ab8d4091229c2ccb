/** `roost version` */
import { version } from "../lib/version.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, printLine } from "./print.ts";

export function printVersion(options: CommonOptions): void {
  if (options.json) printJson({ version, bun: Bun.version, platform: `${process.platform}-${process.arch}` });
  else printLine(`roost ${version}`);
}
