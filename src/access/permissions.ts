/**
 * What patterns allow. They are topic filters with `%u` (the name of the user or the device) and `%c` (the device's
 * client id). Reserved topics depend on identity and never on patterns; the exception is `$SYS`, which a pattern may
 * name. Whose patterns they are: `rights.ts`.
 */
import type { TopicPatterns } from "../domain/people/topic-store.ts";
import type { Action } from "../mqtt/identity.ts";
import { isReserved, isSys } from "./reserved-topics.ts";

/** The values to fill patterns in with. An unknown client id is undefined: then `%c` matches nothing. */
export interface PatternValues {
  readonly name: string;
  readonly clientId: string | undefined;
}

interface Pattern {
  /** As the operator wrote it. */
  readonly text: string;
  readonly levels: readonly string[];
  /** True where the pattern itself names `$SYS`; a client id with that spelling does not count. */
  readonly grantsSys: boolean;
}

/** Undefined instead of a list: everything outside the reserved prefixes. */
export interface Permissions {
  readonly publish: readonly Pattern[] | undefined;
  readonly subscribe: readonly Pattern[] | undefined;
  /** Why there are no patterns to decide by, in words for the operator. */
  readonly why: string | undefined;
}

export interface Decision {
  readonly allowed: boolean;
  /** The pattern that decided, as the operator wrote it. */
  readonly pattern: string | undefined;
  readonly why: string;
}

/** Fills each pattern in once, so that checking a topic is a comparison. */
export function fillIn({ publish, subscribe }: TopicPatterns, values: PatternValues): Permissions {
  const fill = (texts: readonly string[]) => texts.flatMap((text) => fillInOne(text, values) ?? []);
  return { publish: fill(publish), subscribe: fill(subscribe), why: undefined };
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

/** Undefined: no pattern allows it. Allocates nothing where there are no patterns to compare with. */
function findPattern(permissions: Permissions, action: Action, topicOrFilter: string): Pattern | "all" | undefined {
  const patterns = action === "publish" ? permissions.publish : permissions.subscribe;
  const sys = isSys(topicOrFilter);
  if (sys ? action === "publish" : isReserved(topicOrFilter)) return undefined;
  if (patterns === undefined) return sys ? undefined : "all";
  if (patterns.length === 0) return undefined;
  const levels = topicOrFilter.split("/");
  const fits = action === "subscribe" ? covers : matches;
  return patterns.find((one) => (!sys || one.grantsSys) && fits(one.levels, levels));
}

export function allows(permissions: Permissions, action: Action, topicOrFilter: string): boolean {
  return findPattern(permissions, action, topicOrFilter) !== undefined;
}

/** The same in words. */
export function decide(permissions: Permissions, action: Action, topicOrFilter: string): Decision {
  const pattern = findPattern(permissions, action, topicOrFilter);
  if (pattern === "all") return yes(`${permissions.why}: everything outside the reserved prefixes`);
  if (pattern !== undefined) return { allowed: true, pattern: pattern.text, why: `the pattern ${pattern.text}` };
  if (isSys(topicOrFilter)) {
    return no(
      action === "publish" ? "no client publishes to $SYS" : "only admins read $SYS, and who has a pattern for it",
    );
  }
  if (isReserved(topicOrFilter)) return no("the topic is reserved for the server's services");
  return no(permissions.why ?? `none of its patterns to ${action === "publish" ? action : "subscribe"} fits`);
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
