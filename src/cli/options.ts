/** From a command's options to its configuration. */
import { readFileSync } from "node:fs";
import { type Flags, locateFile } from "../config/sources.ts";
import { type Config, loadConfig } from "../config.ts";

/** What commander hands over; which of them a command has depends on the command. */
export interface CommonOptions {
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export interface ServeOptions extends CommonOptions {
  readonly http?: string;
  readonly mqtt?: string;
}

/** Throws `ConfigError`. */
export function configOf(options: ServeOptions): Config {
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
