/** `roost config check|show` */
import { describeOrigin, describeValue, showConfig } from "../config/texts.ts";
import { type Config, ConfigError } from "../config.ts";
import { problemOfAdmin } from "../domain/people/admins.ts";
import { replaceControls } from "../lib/control-characters.ts";
import { CertificateError, readCertificate } from "../ops/certificate.ts";
import { namedUsers } from "../store/sqlite/people/named-users.ts";
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
  const warnings = [...(namedUsers(config.data, config.admins) ?? [])].flatMap(([name, user]) => {
    const problem = problemOfAdmin(name, user);
    return problem === undefined ? [] : [`admins: ${problem}`];
  });
  if (options.json) {
    printJson({ ok: true, problems: [], warnings });
    return;
  }
  printLine(`the configuration is good (data folder ${config.data})`);
  for (const warning of warnings) process.stderr.write(`roost: ${replaceControls(warning)}\n`);
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
