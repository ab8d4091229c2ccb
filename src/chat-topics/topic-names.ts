/** The topics of docs/mqtt.md § Chats: `chat/{chatID}/send` and `chat/{chatID}/messages`. */
import { isKey } from "../domain/keys.ts";

export const isChatTopic = (topic: string): boolean => topic.startsWith("chat/");

const sendSuffix = "/send";

/** Gives the chat that a `chat/{chatID}/send` names; undefined for any other topic. */
export function chatKeyOfSend(topic: string): string | undefined {
  if (!topic.startsWith("chat/") || !topic.endsWith(sendSuffix)) return undefined;
  const key = topic.slice(5, -sendSuffix.length);
  return isKey(key) ? key : undefined;
}

export const messagesTopic = (chatKey: string): string => `chat/${chatKey}/messages`;

/**
 * What a filter asks for of `chat/{chatID}/messages`: one chat by name, every chat, or nothing. A filter whose first
 * level is a wildcard covers more than chats, so it is an ordinary subscription too.
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
