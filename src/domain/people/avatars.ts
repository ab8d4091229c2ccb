/** The picture a user shows of himself; without one a picture is drawn from his id, where a door shows one. */

import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";
import { checkPicture, type PictureRefusal } from "./pictures.ts";
import type { Looks } from "./profile-changes.ts";

export type Avatars = ReturnType<typeof createAvatars>;

export function createAvatars({ store, looks }: { store: Store; looks: Pick<Looks, "changed"> }) {
  /** Undefined bytes take the picture away. Says why a picture is not taken. Throws `user_disabled`, `storage_full`. */
  async function set(userId: UserId, bytes: Uint8Array | undefined): Promise<"done" | PictureRefusal> {
    const picture = bytes === undefined ? undefined : checkPicture(bytes);
    if (typeof picture === "string") return picture;
    const { updatedAtMs } = await store.setAvatar(userId, picture);
    await looks.changed([{ userId, updatedAtMs }]);
    return "done";
  }

  return { set };
}
