/**
 * The topics of the Erlang-term services. Requests come on `events/…`, answers go to the asking client's `actions/…`.
 * One generation of clients writes them with a version level, one without; an answer has the form of its request.
 */

/** A request's topic: `events/{node}/api/{user}/{client}/{token}`, or the same with a version after `events`. */
export interface RequestTopic {
  /** Undefined: a client of the generation without one. */
  readonly version: string | undefined;
  /** Undefined where its level says that there is none. */
  readonly token: string | undefined;
}

const firstLevels = new Set(["events", "actions", "ses"]);
/** Of the topics on which clients hear of chats and friends. */
const hearingLevels = new Set(["p2p", "room", "ac"]);
const module = "api";
/** What clients without a token write in its place. */
const noToken = new Set(["", "anon", "undefined", "_"]);
const versionForm = /^[\w.-]{1,16}$/;

/** A leading slash has no meaning and is dropped. */
const withoutSlash = (topic: string): string => (topic.startsWith("/") ? topic.slice(1) : topic);

const firstLevelOf = (topic: string): string => {
  const slash = topic.indexOf("/");
  return slash === -1 ? topic : topic.slice(0, slash);
};

/** Whether a topic or filter is of these services. */
export function isTermTopic(topicOrFilter: string): boolean {
  const first = firstLevelOf(withoutSlash(topicOrFilter));
  return firstLevels.has(first) || hearingLevels.has(first);
}

/** Whether a filter is of the topics on which clients hear of chats and friends. */
export const isHearingFilter = (filter: string): boolean => hearingLevels.has(firstLevelOf(filter));

/** Undefined where it is no request. The connection says who the client is, not the topic. */
export function parseRequestTopic(topic: string): RequestTopic | undefined {
  const levels = withoutSlash(topic).split("/");
  if (levels[0] !== "events") return undefined;
  const at = levels[2] === module ? 2 : levels[3] === module ? 3 : -1;
  if (at < 0) return undefined;
  const version = at === 3 ? levels[1] : undefined;
  if (version !== undefined && !versionForm.test(version)) return undefined;
  if (levels.slice(at + 4).some((level) => level !== "")) return undefined;
  const token = levels[at + 3] ?? "";
  return { version, token: noToken.has(token) ? undefined : token };
}

/**
 * A client id may hold characters that a topic name cannot. No other client receives the topic, so any valid name will
 * do.
 */
const inTopic = (clientId: string): string => clientId.replace(/[+#]/g, (wild) => encodeURIComponent(wild));

export const answerTopic = (version: string | undefined, clientId: string): string =>
  version === undefined
    ? `actions/${module}/${inTopic(clientId)}`
    : `actions/${version}/${module}/${inTopic(clientId)}`;

export const phoneTopic = (phone: string): string => `actions/1/${module}/phone/${phone}`;
export const sessionsTopic = (phone: string): string => `ses/${phone}`;

/** A client's answers of every version. */
export const answersFilter = (clientId: string): string => `actions/+/${module}/${clientId}`;

/** Whether a filter covers only a client's own topics: its answers, and those for all devices of its phone. */
export function isOwnFilter(filter: string, client: { clientId: string; phone: string | undefined }): boolean {
  const { clientId, phone } = client;
  if (phone !== undefined && (filter === phoneTopic(phone) || filter === sessionsTopic(phone))) return true;
  // A topic with such a client id has another name.
  if (/[+#/]/.test(clientId)) return false;
  if (filter === answerTopic(undefined, clientId) || filter === answersFilter(clientId)) return true;
  const version = filter.split("/")[1] ?? "";
  return versionForm.test(version) && filter === answerTopic(version, clientId);
}
