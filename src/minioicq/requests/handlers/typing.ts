/** Saying that the user types in a chat (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { wireId } from "../../outgoing/push.ts";
import { type Handler, reachOf } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, Refused, type WireId } from "../fields.ts";

/** Throws `chat_not_found`, `not_a_member`. */
export const sayTyping: Handler<{
  readonly action: "chat.typing";
  readonly chatId: WireId;
  readonly typing: boolean;
}> = {
  parse: ({ chat_id: id, typing }, reader) => {
    if (!isAbsent(typing) && typeof typing !== "boolean") throw new Refused("Invalid typing");
    return { action: "chat.typing", chatId: reader.id(id, "Chat not found"), typing: typing !== false };
  },
  handle: async (call, { chatId: id, typing }) => {
    if (id === undefined) throw new DomainError("chat_not_found");
    const { shared, caller } = call;
    const { userId } = call.user;
    await reachOf(call)?.require("send", { id });
    const { chatId } = await shared.typing.set({ userId, chat: { id }, typing, by: caller });
    return answerWith({ action: "chat.typing.success", chat_id: wireId(chatId, caller.dialect) });
  },
};
