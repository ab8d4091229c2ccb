/** Says what users may do with the topics of chats, in words for the operator. */
import type { TopicPermissions } from "../access/permission-check.ts";
import { type Decision, no, yes } from "../access/permissions.ts";
import type { Domain } from "../domain/domain.ts";
import { userIdOfKey } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import { chatReachOf } from "../domain/people/chat-reach.ts";
import { type Grant, opens, topicNeeds } from "../domain/people/scope-rules.ts";
import { parseChatFilter, parseChatTopic, parsePresenceFilter } from "./topic-names.ts";

type ChatTopic = NonNullable<ReturnType<typeof parseChatTopic>>;

export function createChatPermissions({ store }: Pick<Domain, "store">): TopicPermissions {
  const hearsChats = (filter: string): boolean => parseChatFilter(filter).wants !== "nothing";
  const hearsPresence = (filter: string): boolean => parsePresenceFilter(filter).wants !== "nothing";

  async function toSay(user: User, { chatKey, says }: ChatTopic, limit: Grant): Promise<Decision> {
    const need = topicNeeds.says[says];
    const reach = chatReachOf(limit, user.userId, store);
    if (reach !== undefined && (need === "whole" || !(await reach.opensNamed(need, { key: chatKey })))) {
      return no("the device is not a member of such a chat, or may not do this there");
    }
    if ((await store.findChatOf(user.userId, { key: chatKey })) !== undefined) {
      return yes("the user is a member of the chat");
    }
    if (says !== "send") return no("the user is not a member of such a chat");
    // The first message creates a direct chat.
    const other = userIdOfKey(chatKey);
    const met = other === undefined || other === user.userId ? undefined : await store.findUser(other);
    return met === undefined ? no("the user is not a member of such a chat") : yes("a direct chat with that user");
  }

  return {
    serves: (filter) => hearsChats(filter) || hearsPresence(filter),
    decide(user, action, topic, limit) {
      if (action === "subscribe") {
        const chats = parseChatFilter(topic);
        const isOpen = chats.wants !== "nothing" && chats.hears.some((heard) => opens(limit, topicNeeds.hears[heard]));
        if (limit !== undefined && !isOpen && (hearsChats(topic) || hearsPresence(topic))) {
          return no("a device hears the messages of its chats alone, where it may read them");
        }
        if (hearsChats(topic)) return yes("of the chats it names, those are delivered that the user is a member of");
        return hearsPresence(topic) ? yes("of the users it names, those are told of who are friends") : undefined;
      }
      const said = parseChatTopic(topic);
      return said === undefined ? undefined : toSay(user, said, limit);
    },
  };
}
