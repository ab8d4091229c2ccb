/** MiniOICQ § Set Avatar (O5, O28): acknowledged, and seen by others when they ask. */
import { type PictureRefusal, pictureBytesMax, pictureSideMax } from "../../../domain/people/pictures.ts";
import type { Handler } from "../action.ts";
import { answerWith, failed } from "../answer.ts";
import { optionalBytes } from "../fields.ts";

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
