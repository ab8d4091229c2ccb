/**
 * Patterns of ordinary MQTT topics, as the operator writes them: topic filters with `%u` (the name of the user or the
 * device) and `%c` (the client id of a device).
 */
import { DomainError } from "../errors.ts";
import type { TopicPatterns } from "./topic-store.ts";

const patternsMax = 64;
const patternBytesMax = 1024;
const patternLevelsMax = 64;

export interface PatternsRequest {
  readonly publish?: readonly string[] | undefined;
  readonly subscribe?: readonly string[] | undefined;
}

/** Patterns one way only forbid everything the other way. Throws `invalid_device`. */
export function checkPatterns({ publish = [], subscribe = [] }: PatternsRequest): TopicPatterns {
  return { publish: check("publish", publish), subscribe: check("subscribe", subscribe) };
}

function check(action: string, patterns: readonly string[]): readonly string[] {
  if (patterns.length > patternsMax) {
    throw new DomainError("invalid_device", `more than ${patternsMax} patterns to ${action}`);
  }
  for (const pattern of patterns) {
    if (!isTopicPattern(pattern)) {
      throw new DomainError("invalid_device", `the pattern to ${action} ${JSON.stringify(pattern)} is no topic filter`);
    }
  }
  return patterns;
}

/**
 * Whether the text is a topic filter of MQTT § 4.7, not a shared one: `+` is a whole level, `#` is a whole level and
 * the last.
 */
export function isTopicPattern(pattern: string): boolean {
  if (pattern === "" || pattern.includes("\u0000") || !pattern.isWellFormed()) return false;
  if (Buffer.byteLength(pattern) > patternBytesMax) return false;
  const levels = pattern.split("/");
  if (levels.length > patternLevelsMax || levels[0] === "$share") return false;
  return levels.every((level, at) => {
    if (level === "#") return at === levels.length - 1;
    return level === "+" || !/[+#]/.test(level);
  });
}
