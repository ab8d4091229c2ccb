/** The picture a user shows of themselves; without one a picture is drawn from the user's id, where a door shows one. */

import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import { checkPicture, type PictureRefusal } from "./pictures.ts";

export type Avatars = ReturnType<typeof createAvatars>;

export function createAvatars({ store }: { store: Store }) {
  /** Undefined bytes take the picture away. Says why a picture is not taken. Throws `user_disabled`, `storage_full`. */
  async function set(userId: UserId, bytes: Uint8Array | undefined): Promise<"done" | PictureRefusal> {
    const picture = bytes === undefined ? undefined : checkPicture(bytes);
    if (typeof picture === "string") return picture;
    await store.setAvatar(userId, picture);
    return "done";
  }

  return { set };
}
