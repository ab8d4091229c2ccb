/** From a command's options to its configuration. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Flags, locateFile } from "../config/sources.ts";
import { type Config, loadConfig } from "../config.ts";
import { requireAccess } from "../ops/data-folder.ts";
import { CommandError, exitCodes } from "./exit.ts";

/** What commander hands over; which of them a command has depends on the command. */
export interface CommonOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export interface ServeOptions extends CommonOptions {
  readonly http?: string;
  readonly mqtt?: string;
  /** Where the database is lost or foreign, start with an empty one. */
  readonly newDatabase?: boolean;
}

/** Throws `ConfigError`, `DataFolderError`. */
export function configOf(options: ServeOptions): Config {
  const { file, named } = fileOf(options);
  if (!named) requireAccess(dirname(file)); // the data folder: a file that cannot be read there is not the fault
  return loadConfig({ flags: flagsOf(options), env: process.env, readFile });
}

const flagsOf = ({ data, config, http, mqtt }: ServeOptions): Flags => ({
  data,
  config,
  "http.listen": http,
  "mqtt.listen": mqtt,
});

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Where the settings file is, or would be. It is not read: `init` may be about to replace a broken one. */
export const fileOf = (options: CommonOptions): { file: string; named: boolean } =>
  locateFile({ flags: flagsOf(options), env: process.env });

/** Throws `CommandError`. */
export function wholeNumber(flag: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new CommandError(exitCodes.usage, `${flag}: "${text}" is not a whole number above 0`);
  return value;
}
