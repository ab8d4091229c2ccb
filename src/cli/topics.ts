/** Patterns of topics on the command line: `--publish` and `--subscribe`, which may be repeated. */
import { isReserved, isSys } from "../access/reserved-topics.ts";
import { CommandError, exitCodes } from "./exit.ts";

export interface TopicOptions {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
}

/** Undefined where neither option is given; with one of them, nothing is allowed the other way. */
export function topicsOf({ publish, subscribe }: TopicOptions): { publish: string[]; subscribe: string[] } | undefined {
  if (publish === undefined && subscribe === undefined) return undefined;
  check("--publish", publish ?? [], () => false);
  check("--subscribe", subscribe ?? [], isSys);
  return { publish: [...(publish ?? [])], subscribe: [...(subscribe ?? [])] };
}

/** What would never grant anything is a mistake. */
function check(flag: string, patterns: readonly string[], granted: (pattern: string) => boolean): void {
  for (const pattern of patterns) {
    if (!isReserved(pattern) || granted(pattern)) continue;
    throw new CommandError(
      exitCodes.usage,
      `${flag}: ${pattern} is reserved for the server's services; no pattern opens it`,
    );
  }
}

/** No more than one of the options that say something about the same thing. */
export function onlyOne(given: Readonly<Record<string, boolean>>): string | undefined {
  const named = Object.entries(given).flatMap(([name, is]) => (is ? [name] : []));
  if (named.length > 1) throw new CommandError(exitCodes.usage, `give only one of ${named.join(", ")}`);
  return named[0];
}

export const textOf = (patterns: readonly string[] | null): string =>
  patterns === null ? "(default)" : patterns.length === 0 ? "(nothing)" : patterns.join(" ");
