/** `roost device add|list|revoke|may` */

import { isReserved, isSys } from "../access/reserved-topics.ts";
import type { OperatorDevice } from "../ops/operator.ts";
import { Answered, CommandError, exitCodes } from "./exit.ts";
import { withOperator } from "./operator.ts";
import { type CommonOptions, configOf } from "./options.ts";
import { readPassword } from "./password.ts";
import { printJson, printLine, printTable } from "./print.ts";

interface AddOptions extends CommonOptions {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly certificate?: string;
  readonly passwordFile?: string;
}

export async function addDevice(name: string, options: AddOptions): Promise<void> {
  const config = configOf(options);
  checkPatterns("--publish", options.publish ?? [], () => false);
  checkPatterns("--subscribe", options.subscribe ?? [], isSys);
  const { publish, subscribe, certificate, passwordFile } = options;
  const chosen = passwordFile === undefined ? undefined : await readPassword(passwordFile);
  const { device, password } = await withOperator(config, (ask) =>
    ask("addDevice", {
      name,
      ...(chosen === undefined ? {} : { password: chosen }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(publish === undefined ? {} : { publish: [...publish] }),
      ...(subscribe === undefined ? {} : { subscribe: [...subscribe] }),
    }),
  );
  if (options.json) {
    printJson({ device, ...(password === null ? {} : { password }) });
    return;
  }
  printLine(`added ${device.name}`);
  if (password !== null) printLine(`password ${password}`);
}

/** What would never grant anything is a mistake. */
function checkPatterns(flag: string, patterns: readonly string[], granted: (pattern: string) => boolean): void {
  for (const pattern of patterns) {
    if (!isReserved(pattern) || granted(pattern)) continue;
    throw new CommandError(
      exitCodes.usage,
      `${flag}: ${pattern} is reserved for the server's services; no pattern opens it`,
    );
  }
}

const pageSize = 500;

export async function listDevices(options: CommonOptions): Promise<void> {
  const devices: OperatorDevice[] = [];
  await withOperator(configOf(options), async (ask) => {
    for (let after: string | null = ""; after !== null; ) {
      const page: { devices: readonly OperatorDevice[]; next: string | null } = await ask("listDevices", {
        after,
        limit: pageSize,
      });
      devices.push(...page.devices);
      after = page.next;
    }
  });
  if (options.json) {
    printJson({ devices });
    return;
  }
  const rows = devices.map((device) => [
    device.name,
    patternsOf(device.publish),
    patternsOf(device.subscribe),
    device.certificate ?? "-",
    device.created,
  ]);
  printTable([["NAME", "PUBLISH", "SUBSCRIBE", "CERTIFICATE", "CREATED"], ...rows]);
}

const patternsOf = (patterns: readonly string[] | null): string =>
  patterns === null ? "(default)" : patterns.length === 0 ? "(nothing)" : patterns.join(" ");

export async function revokeDevice(name: string, options: CommonOptions): Promise<void> {
  const revoked = await withOperator(configOf(options), (ask) => ask("revokeDevice", { name }));
  if (options.json) printJson(revoked);
  else printLine(`revoked ${revoked.name}`);
}

/** A no is an answer: it is printed like a yes and ends with 1. */
export async function deviceMay(
  question: { name: string; action: "publish" | "subscribe"; topic: string },
  options: CommonOptions & { clientId?: string },
): Promise<void> {
  const { clientId } = options;
  const answer = await withOperator(configOf(options), (ask) =>
    ask("may", { ...question, ...(clientId === undefined ? {} : { client_id: clientId }) }),
  );
  if (options.json) printJson(answer);
  else printLine(`${answer.allowed ? "yes" : "no"}: ${answer.why}`);
  if (!answer.allowed) throw new Answered(exitCodes.failure);
}
