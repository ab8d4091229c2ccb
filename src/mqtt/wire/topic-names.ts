/** The rules for topic names and topic filters, MQTT 3.1.1 § 4.7. The codec has checked that they are UTF-8. */

const hash = 0x23;
const plus = 0x2b;
const slash = 0x2f;

/**
 * `+` stands for a whole level, `#` for the whole rest and only at the end [MQTT-4.7.1-2] [MQTT-4.7.1-3]; not empty
 * [MQTT-4.7.3-1].
 */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0) return false;
  for (let at = 0; at < filter.length; at++) {
    const code = filter.charCodeAt(at);
    if (code !== hash && code !== plus) continue;
    if (at > 0 && filter.charCodeAt(at - 1) !== slash) return false;
    if (code === hash && at !== filter.length - 1) return false;
    if (code === plus && at !== filter.length - 1 && filter.charCodeAt(at + 1) !== slash) return false;
  }
  return true;
}

/** A topic name has no wildcards [MQTT-3.3.2-2] and is not empty [MQTT-4.7.3-1]. */
export function isTopicName(topic: string): boolean {
  return topic.length > 0 && !hasWildcard(topic);
}

export function hasWildcard(filter: string): boolean {
  return filter.includes("#") || filter.includes("+");
}

export function countLevels(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at >= 0; at = topic.indexOf("/", at + 1)) levels++;
  return levels;
}

export function firstLevel(topic: string): string {
  const end = topic.indexOf("/");
  return end < 0 ? topic : topic.slice(0, end);
}
