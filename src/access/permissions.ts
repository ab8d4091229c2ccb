/**
 * Who may publish and subscribe where. A device's patterns are topic filters with `%u` (its name) and `%c` (its client
 * id). Without patterns it may do what a user may: everything outside the reserved prefixes. Reserved topics depend on
 * identity and never on patterns; the exception is `$SYS`, which a pattern may name.
 */
import type { Action } from "../mqtt/identity.ts";
import { isReserved, isSys } from "./reserved-topics.ts";

/** The values to fill a device's patterns in with. An unknown client id is undefined: then `%c` matches nothing. */
export interface PatternValues {
  readonly name: string;
  readonly clientId: string | undefined;
}

export interface DevicePatterns {
  readonly publish: readonly string[] | undefined;
  readonly subscribe: readonly string[] | undefined;
}

interface Pattern {
  /** As the operator wrote it. */
  readonly text: string;
  readonly levels: readonly string[];
  /** True where the pattern itself names `$SYS`; a client id with that spelling does not count. */
  readonly grantsSys: boolean;
}

export interface Permissions {
  readonly publish: readonly Pattern[] | undefined;
  readonly subscribe: readonly Pattern[] | undefined;
}

export interface Decision {
  readonly allowed: boolean;
  /** The device's pattern that decided, as the operator wrote it. */
  readonly pattern: string | undefined;
  readonly why: string;
}

/** Fills each pattern in once, so that checking a topic is a comparison. */
export function fillIn(patterns: DevicePatterns, values: PatternValues): Permissions {
  const fill = (texts: readonly string[] | undefined) => texts?.flatMap((text) => fillInOne(text, values) ?? []);
  return { publish: fill(patterns.publish), subscribe: fill(patterns.subscribe) };
}

/** Undefined where a value is missing, or would be more than a part of one level. */
function fillInOne(text: string, { name, clientId }: PatternValues): Pattern | undefined {
  let filled = true;
  const levels = text
    .replace(/%[uc]/g, (variable) => {
      const value = variable === "%u" ? name : clientId;
      if (value !== undefined && isPieceOfLevel(value)) return value;
      filled = false;
      return "";
    })
    .split("/");
  return filled ? { text, levels, grantsSys: isSys(text) } : undefined;
}

const isPieceOfLevel = (value: string): boolean => value !== "" && !/[/+#]/.test(value) && !value.includes("\0");

export function deviceMay(permissions: Permissions, action: Action, topicOrFilter: string): boolean {
  return decideForDevice(permissions, action, topicOrFilter).allowed;
}

export function decideForDevice(permissions: Permissions, action: Action, topicOrFilter: string): Decision {
  const patterns = action === "publish" ? permissions.publish : permissions.subscribe;
  const sys = isSys(topicOrFilter);
  if (sys && action === "publish") return no("no client publishes to $SYS");
  if (!sys && isReserved(topicOrFilter)) return no("the topic is reserved for the server's services");
  if (patterns === undefined) {
    return sys ? no("no pattern grants $SYS") : yes("it has no patterns: everything outside the reserved prefixes");
  }
  const levels = topicOrFilter.split("/");
  const fits = action === "subscribe" ? covers : matches;
  const pattern = patterns.find((one) => (!sys || one.grantsSys) && fits(one.levels, levels));
  if (pattern === undefined) return no(`none of its patterns to ${action === "publish" ? action : "subscribe"} fits`);
  return { allowed: true, pattern: pattern.text, why: `its pattern ${pattern.text}` };
}

/** Whether `filter` matches `topic`, MQTT § 4.7. */
export function matches(filter: readonly string[], topic: readonly string[]): boolean {
  // [MQTT-4.7.2-1]
  if (topic[0]?.startsWith("$") && (filter[0] === "#" || filter[0] === "+")) return false;
  for (const [at, level] of filter.entries()) {
    if (level === "#") return true; // `a/#` includes `a` (§ 4.7.1.2).
    if (at >= topic.length) return false;
    if (level !== "+" && level !== topic[at]) return false;
  }
  return filter.length === topic.length;
}

/** Whether `pattern` matches every topic that `filter` matches. */
export function covers(pattern: readonly string[], filter: readonly string[]): boolean {
  if (filter[0]?.startsWith("$") && (pattern[0] === "#" || pattern[0] === "+")) return false;
  if (filter.length === 1 && filter[0] === "#" && pattern.length === 2 && pattern[0] === "+" && pattern[1] === "#") {
    return true; // Every topic has at least one level.
  }
  for (const [at, level] of pattern.entries()) {
    if (level === "#") return true;
    const asked = filter[at];
    if (asked === undefined || asked === "#") return false;
    if (level !== "+" && level !== asked) return false;
  }
  return filter.length === pattern.length;
}

export const yes = (why: string): Decision => ({ allowed: true, pattern: undefined, why });
export const no = (why: string): Decision => ({ allowed: false, pattern: undefined, why });
