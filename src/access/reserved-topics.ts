/** The topics that are not ordinary: those of the services, and `$SYS`, which is the broker's. */

/** First levels reserved for services: no client publishes or subscribes there as on an ordinary topic. */
const reservedFirstLevels = new Set(["events", "actions", "ses", "ac", "p2p", "room", "muc", "chat", "user"]);

export function isReserved(topicOrFilter: string): boolean {
  if (topicOrFilter.startsWith("$")) return true;
  const slash = topicOrFilter.indexOf("/");
  return reservedFirstLevels.has(slash === -1 ? topicOrFilter : topicOrFilter.slice(0, slash));
}

/** Topics on which the broker reports about itself. */
export const isSys = (topicOrFilter: string): boolean => topicOrFilter === "$SYS" || topicOrFilter.startsWith("$SYS/");
