/** `roost config check|show` */
import { describeOrigin, describeValue, showConfig } from "../config/texts.ts";
import { type Config, ConfigError } from "../config.ts";
import { CertificateError, readCertificate } from "../ops/certificate.ts";
import { CommandError, exitCodes } from "./exit.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { printJson, printLine, printTable } from "./print.ts";

export function checkConfig(options: CommonOptions): void {
  let config: Config;
  try {
    config = configOf(options);
    if (config.tls !== undefined) readCertificate(config.tls);
  } catch (error) {
    if (!options.json || !(error instanceof ConfigError || error instanceof CertificateError)) throw error;
    printJson({ ok: false, problems: error.problems });
    throw new CommandError(exitCodes.usage, `${error.problems.length} problem(s) in the configuration`);
  }
  if (options.json) printJson({ ok: true, problems: [] });
  else printLine(`the configuration is good (data folder ${config.data})`);
}

export function showSettings(options: CommonOptions): void {
  const shown = showConfig(configOf(options));
  if (options.json) {
    printJson({ settings: shown });
    return;
  }
  const rows = shown.map(({ key, value, origin }) => [key, describeValue(key, value), describeOrigin(origin)]);
  printTable([["SETTING", "VALUE", "FROM"], ...rows]);
}
