/**
 * How users look to others. Whichever door changes a name, the user's friends are told: those connected through the hub,
 * and whoever else has a way to them. Whom the user ignores or banned hears nothing, nor does who ignores or banned him.
 */
import type { Log } from "../../lib/log.ts";
import type { ContactChange } from "../contacts/contact-store.ts";
import type { Publish } from "../events.ts";
import type { UserId } from "../model.ts";
import type { Store } from "../store.ts";

/** Tells of changes that were published; resolves when whoever is away will hear of them. */
export type FriendsListener = (changes: readonly ContactChange[]) => Promise<void>;

/** Somebody looks different now, and since when. */
export interface Changed {
  readonly userId: UserId;
  readonly updatedAtMs: number;
}

export type Looks = ReturnType<typeof createLooks>;

export function createLooks({
  store,
  publish,
  log,
}: {
  store: Pick<Store, "listFriendIds">;
  publish: Publish;
  log: Log;
}) {
  const listeners: FriendsListener[] = [];

  /** After the commit. Gives whom it told; nothing that fails here undoes the change. */
  async function changed(users: readonly Changed[]): Promise<ContactChange[]> {
    const changes: ContactChange[] = [];
    for (const { userId: contactId, updatedAtMs } of users) {
      for (const userId of await store.listFriendIds(contactId)) {
        changes.push({ userId, contactId, status: "friend", updatedAtMs });
      }
    }
    if (changes.length === 0) return changes;
    for (const change of changes) publish({ type: "contact.changed", change, to: [change.userId] });
    await Promise.all(listeners.map((listener) => listener(changes))).catch((error: unknown) =>
      log.error("friends were not told of a new name", { error }),
    );
    return changes;
  }

  return {
    changed,
    onChanged: (listener: FriendsListener): void => void listeners.push(listener),
  };
}
