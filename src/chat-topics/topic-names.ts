/** The topics of docs/mqtt.md § Chats: `chat/{chatID}/…` and `user/{userId}/presence`. */
import { type ChatFilter, type Heard, heard, type PresenceFilter } from "../access/chat-form.ts";
import { isKey, safeInteger } from "../domain/keys.ts";
import type { UserId } from "../domain/model.ts";

const chatPrefix = "chat/";
export const isChatTopic = (topic: string): boolean => topic.startsWith(chatPrefix);

/** What a client may publish to: `chat/{chatID}/…`. */
const said = ["send", "receipts", "changes", "typing", "history"] as const;
export type Said = (typeof said)[number];
const saidOf = new Map<string, Said>(said.map((name) => [name, name]));
/** Before MQTT 5 a client asks there, so that its question is not taken for an answer. */
const askedBefore = "/history/get";

/** Gives the chat that a topic to publish to names, and what is said there; undefined for any other topic. */
export function parseChatTopic(topic: string): { readonly chatKey: string; readonly says: Said } | undefined {
  // A key has no slash. Each message comes by here, so the topic is not cut into a list.
  const end = topic.lastIndexOf("/");
  if (end < chatPrefix.length || !isChatTopic(topic)) return undefined;
  if (topic.endsWith(askedBefore)) return parseChatTopic(topic.slice(0, end));
  const says = saidOf.get(topic.slice(end + 1));
  const chatKey = topic.slice(chatPrefix.length, end);
  return says === undefined || !isKey(chatKey) ? undefined : { chatKey, says };
}

export const chatTopic = (chatKey: string, heard: Heard): string => `chat/${chatKey}/${heard}`;

const nothing: ChatFilter = { wants: "nothing" };

/**
 * What a filter asks for of `chat/{chatID}/messages` and its neighbours. A filter whose first level is a wildcard covers more
 * than chats, so it is an ordinary subscription too.
 */
export function parseChatFilter(filter: string): ChatFilter {
  const levels = filter.split("/");
  const [first, second, third] = levels;
  const ordinaryToo = first === "#" || first === "+";
  if (first === "#") return { wants: "every", ordinaryToo, hears: heard };
  if (first !== "chat" && first !== "+") return nothing;
  if (second === "#") return { wants: "every", ordinaryToo, hears: heard };
  const hears = heardAt(third, levels.slice(3));
  if (second === undefined || hears.length === 0) return nothing;
  if (second === "+") return { wants: "every", ordinaryToo, hears };
  return isKey(second) && !ordinaryToo ? { wants: "one", chatKey: second, hears } : nothing;
}

/**
 * What a filter asks for of `user/{userId}/presence`. One that begins with a wildcard hears no presence: who asks for
 * everything did not ask who is there.
 */
export function parsePresenceFilter(filter: string): PresenceFilter {
  const [first, second, third, ...deeper] = filter.split("/");
  if (first !== "user") return { wants: "nothing" };
  if (second === "#" && third === undefined) return { wants: "every" };
  const isPresence = third === "presence" || third === "+";
  const rest = deeper.length === 0 || (deeper.length === 1 && deeper[0] === "#");
  if (!(isPresence ? rest : third === "#" && deeper.length === 0)) return { wants: "nothing" };
  if (second === "+") return { wants: "every" };
  const userId = safeInteger(second ?? "");
  return userId === undefined ? { wants: "nothing" } : { wants: "one", userId: userId as UserId };
}

function heardAt(level: string | undefined, deeper: readonly string[]): readonly Heard[] {
  if (level === "#") return deeper.length === 0 ? heard : [];
  if (deeper.length > 1 || (deeper.length === 1 && deeper[0] !== "#")) return [];
  // `+/#` covers what `+` covers.
  if (level === "+") return heard;
  return heard.filter((name) => name === level);
}
