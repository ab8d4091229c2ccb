/** Groups in the store: the changes that users make to them, sent to the writer. */
import type { GroupStore } from "../../../domain/chats/group-store.ts";
import type { ChatId, UserId } from "../../../domain/model.ts";
import type { DirectoryRule } from "../people/directory.ts";
import type { Submit } from "../submit.ts";
import type { LeftParts } from "./chat-parts.ts";
import { toEntered, toLeft } from "./entered.ts";

export function createGroupStore(
  submit: Submit,
  parts: {
    /** Removes the messages of a chat that is gone. */
    sweep(chatId: ChatId): void;
    /** Of one chat. */
    membersMax: number | undefined;
    rule: DirectoryRule;
  },
): GroupStore {
  const { sweep, membersMax, rule } = parts;
  // Every change settles one turn after the writer's answer, so that callers see the order of submission.
  const left = (parts: LeftParts) => {
    if (parts.deleted) sweep(parts.chat.chatId);
    return toLeft(parts);
  };
  return {
    leaveChat: (request) => submit("leaveChat", request).then(left),
    addToChat: (request) =>
      submit("addToChat", { ...request, ...rule, membersMax }).then(({ chat, entered }) => ({
        chat,
        entered: entered ? toEntered(entered) : undefined,
      })),
    removeFromChat: (request) => submit("removeFromChat", request).then(left),
    setChatAvatar: ({ avatar, ...request }) =>
      submit("setChatAvatar", {
        ...request,
        avatar: avatar === undefined ? undefined : Buffer.from(avatar).toString("base64"),
      }).then(({ chat, told }) => ({ chat, notified: told as UserId[] })),
    renameChat: (request) =>
      submit("renameChat", request).then(({ chat, told }) => ({ chat, notified: told as UserId[] })),
  };
}
