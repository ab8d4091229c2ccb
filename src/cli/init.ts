/** `roost init`: a file that says every setting, each a comment until the operator wants another value. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { annotatedFile } from "../config/texts.ts";
import { prepareDataFolder } from "../ops/data-folder.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { type CommonOptions, fileOf } from "./options.ts";
import { printLine } from "./print.ts";

export function init(options: CommonOptions & { force?: boolean }): void {
  const { file, named } = fileOf(options);
  if (named) mkdirSync(dirname(file), { recursive: true });
  else prepareDataFolder(dirname(file));
  try {
    // It may come to hold the backend key, so it is the owner's alone.
    writeFileSync(file, annotatedFile(), { mode: 0o600, flag: options.force ? "w" : "wx" });
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "EEXIST") {
      throw new CommandError(exitCodes.failure, `${file} exists already; --force overwrites it`);
    }
    throw error;
  }
  printLine(`wrote ${file}`);
}
