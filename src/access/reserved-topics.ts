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

/**
 * A topic for the log. Clients of the Erlang-term services write their token into their topics, behind
 * `api/{user}/{client}/`.
 */
export function withoutToken(topicOrFilter: string): string {
  const levels = topicOrFilter.split("/");
  const start = levels[0] === "" ? 1 : 0;
  if (levels[start] !== "events") return topicOrFilter;
  const module = levels.indexOf("api", start);
  const kept = module === -1 ? start + 1 : module + 3;
  return levels.length <= kept ? topicOrFilter : [...levels.slice(0, kept), "***"].join("/");
}
