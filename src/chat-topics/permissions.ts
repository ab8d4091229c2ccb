/** Says what users may do with the topics of chats, in words for the operator. */
import type { TopicPermissions } from "../access/permission-check.ts";
import { type Decision, no, yes } from "../access/permissions.ts";
import type { Domain } from "../domain/domain.ts";
import { userIdOfKey } from "../domain/keys.ts";
import type { User } from "../domain/model.ts";
import { chatKeyOfSend, parseChatFilter } from "./topic-names.ts";

export function createChatPermissions({ store }: Pick<Domain, "store">): TopicPermissions {
  const serves = (filter: string): boolean => parseChatFilter(filter).wants !== "nothing";

  async function toSend(user: User, chatKey: string): Promise<Decision> {
    if ((await store.findChatOf(user.userId, { key: chatKey })) !== undefined) {
      return yes("the user is a member of the chat");
    }
    // The first message creates a direct chat.
    const other = userIdOfKey(chatKey);
    const met = other === undefined || other === user.userId ? undefined : await store.findUser(other);
    return met === undefined ? no("the user is not a member of such a chat") : yes("a direct chat with that user");
  }

  return {
    serves,
    decide(user, action, topic) {
      if (action === "subscribe") {
        return serves(topic)
          ? yes("of the chats it names, those are delivered that the user is a member of")
          : undefined;
      }
      const chatKey = chatKeyOfSend(topic);
      return chatKey === undefined ? undefined : toSend(user, chatKey);
    },
  };
}
