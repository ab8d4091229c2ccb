/** `MINIOICQ.md` Set Avatar (PROTOCOLS § 2.5 O5, O28): acknowledged, and seen by others when they ask. */
import type { User } from "../../../domain/model.ts";
import { type PictureRefusal, pictureBytesMax, pictureSideMax } from "../../../domain/people/pictures.ts";
import type { Body } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { Request } from "../actions.ts";
import { failed } from "./failed.ts";

const reasons = {
  not_a_picture: "Not a PNG, JPEG, GIF or WebP picture",
  too_large: `Avatar too large, at most ${pictureBytesMax / 1024} KiB`,
  too_many_pixels: `Avatar too large, at most ${pictureSideMax} pixels a side`,
} as const satisfies Record<PictureRefusal, string>;

export async function setAvatar(
  { domain }: Front,
  user: User,
  request: Extract<Request, { action: "avatar.set" }>,
): Promise<Body> {
  const outcome = await domain.avatars.set(user.userId, request.bytes);
  return outcome === "done" ? { action: "avatar.set.ack" } : failed(request, reasons[outcome]);
}
