/** MiniOICQ § Set Avatar (O5, O28): acknowledged, and seen by others when they ask; and the picture of a group. */
import { DomainError } from "../../../domain/errors.ts";
import { type PictureRefusal, pictureBytesMax, pictureSideMax } from "../../../domain/people/pictures.ts";
import { wireId } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith, failed } from "../answer.ts";
import { optionalBytes, type WireId } from "../fields.ts";

const reasons = {
  not_a_picture: "Not a PNG, JPEG, GIF or WebP picture",
  too_large: `Avatar too large, at most ${pictureBytesMax / 1024} KiB`,
  too_many_pixels: `Avatar too large, at most ${pictureSideMax} pixels a side`,
} as const satisfies Record<PictureRefusal, string>;

/** Without bytes the generated picture is back. */
export const setAvatar: Handler<{ readonly action: "avatar.set"; readonly bytes: Uint8Array | undefined }> = {
  parse: ({ avatar }) => ({ action: "avatar.set", bytes: optionalBytes(avatar, "Invalid avatar") }),
  handle: async ({ shared, user }, request) => {
    const outcome = await shared.domain.avatars.set(user.userId, request.bytes);
    return outcome === "done" ? answerWith({ action: "avatar.set.ack" }) : failed(request, reasons[outcome]);
  },
};

interface ChatAvatar {
  readonly action: "chat.avatar.set";
  readonly chatId: WireId;
  readonly bytes: Uint8Array | undefined;
}

/** Throws `chat_not_found`, `chat_is_direct`, `not_authorized`. */
export const setChatAvatar: Handler<ChatAvatar> = {
  parse: ({ chat_id: id, avatar }, reader) => ({
    action: "chat.avatar.set",
    chatId: reader.id(id, "Chat not found"),
    bytes: optionalBytes(avatar, "Invalid avatar"),
  }),
  handle: async ({ shared, caller, user }, request) => {
    if (request.chatId === undefined) throw new DomainError("chat_not_found");
    const change = { chat: { id: request.chatId }, bytes: request.bytes };
    const outcome = await shared.domain.chats.setAvatar(user.userId, change);
    if (typeof outcome === "string") return failed(request, reasons[outcome]);
    return answerWith({ action: "chat.avatar.set.success", chat_id: wireId(outcome.chatId, caller.dialect) });
  },
};
