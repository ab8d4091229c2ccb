/** The topics of SPEC § 4.4: `chat/{chatID}/send` and `chat/{chatID}/messages`. */
import { isKey } from "../domain/keys.ts";

/** First levels kept for services: nobody publishes or subscribes there as on an ordinary topic. */
const reservedFirstLevels = new Set(["events", "actions", "ses", "ac", "p2p", "room", "muc", "chat", "user"]);

export function isReserved(topicOrFilter: string): boolean {
  if (topicOrFilter.startsWith("$")) return true;
  const slash = topicOrFilter.indexOf("/");
  return reservedFirstLevels.has(slash === -1 ? topicOrFilter : topicOrFilter.slice(0, slash));
}

/** What the broker says about itself. */
export const isSys = (topicOrFilter: string): boolean => topicOrFilter === "$SYS" || topicOrFilter.startsWith("$SYS/");

export const isChatTopic = (topic: string): boolean => topic.startsWith("chat/");

const sendSuffix = "/send";

/** The chat a `chat/{chatID}/send` names; undefined for any other topic. */
export function chatKeyOfSend(topic: string): string | undefined {
  if (!topic.startsWith("chat/") || !topic.endsWith(sendSuffix)) return undefined;
  const key = topic.slice(5, -sendSuffix.length);
  return isKey(key) ? key : undefined;
}

export const messagesTopic = (chatKey: string): string => `chat/${chatKey}/messages`;

/**
 * What a filter asks for of `chat/{chatID}/messages`: one chat by name, every chat, or nothing.
 * A filter whose first level is a wildcard covers more than chats: it is an ordinary subscription besides.
 */
export type ChatFilter =
  | { readonly wants: "one"; readonly chatKey: string }
  | { readonly wants: "every"; readonly ordinaryToo: boolean }
  | { readonly wants: "nothing" };

export function parseChatFilter(filter: string): ChatFilter {
  const levels = filter.split("/");
  const [first, second, third] = levels;
  const ordinaryToo = first === "#" || first === "+";
  if (first === "#") return { wants: "every", ordinaryToo };
  if (first !== "chat" && first !== "+") return { wants: "nothing" };
  if (second === "#") return { wants: "every", ordinaryToo };
  const thirdFits = levels.length === 3 && (third === "messages" || third === "+" || third === "#");
  const deeper = levels.length === 4 && third === "messages" && levels[3] === "#";
  if (second === undefined || !(thirdFits || deeper)) return { wants: "nothing" };
  if (second === "+") return { wants: "every", ordinaryToo };
  return isKey(second) && !ordinaryToo ? { wants: "one", chatKey: second } : { wants: "nothing" };
}
