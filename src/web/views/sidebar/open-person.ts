/** From a person to the conversation with them. */
import type { Id, Model } from "../../state/model.ts";
import { go } from "../place.ts";

/** Opens the direct chat; where there is none yet, the first message makes it. */
export function openPerson(model: Model, userId: Id): void {
  const chat = model.chats.peek().find(({ kind, peerId }) => kind === "direct" && peerId === userId);
  if (chat !== undefined) go({ chat: chat.chatId });
  else {
    model.openDirect(userId);
    go({ chat: model.open.peek()?.chatId ?? userId });
  }
}
