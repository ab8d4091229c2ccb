/** The picture that a user uploaded. Without one a door that shows pictures draws one from the user's id. */

import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import { checkPicture, type PictureRefusal } from "./pictures.ts";

export type Avatars = ReturnType<typeof createAvatars>;

export function createAvatars({ store }: { store: Store }) {
  /**
   * Sets the picture; undefined bytes remove it. Gives the reason where a picture is refused. Throws `user_disabled`,
   * `storage_full`.
   */
  async function set(userId: UserId, bytes: Uint8Array | undefined): Promise<"done" | PictureRefusal> {
    const picture = bytes === undefined ? undefined : checkPicture(bytes);
    if (typeof picture === "string") return picture;
    await store.setAvatar(userId, picture);
    return "done";
  }

  return { set };
}
