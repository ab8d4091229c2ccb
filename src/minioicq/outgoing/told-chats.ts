/**
 * Chats this door has told a user, or one of his devices, of. Confirming that is a change like any other, and a client
 * may be gone and back before it settles; the next login waits for it, so that nothing is handed over twice.
 */
import type { ChatId, DeviceId, EventId, UserId } from "../../domain/model.ts";
import type { DeliveryStore } from "../../domain/store.ts";
import type { Log } from "../../lib/log.ts";

export type Confirmations = ReturnType<typeof createConfirmations>;

export interface Told {
  readonly userId: UserId;
  /** The user's own copies. */
  readonly eventIds: readonly EventId[];
  /** Where the device has a name: it now knows `chatIds`. */
  readonly deviceId?: DeviceId | undefined;
  readonly chatIds?: readonly ChatId[];
}

export function createConfirmations(parts: {
  store: Pick<DeliveryStore, "confirmEvents" | "announceChats">;
  log: Log;
}) {
  const { store, log } = parts;
  const settling = new Map<UserId, Promise<void>>();

  function confirm({ userId, deviceId, chatIds = [], eventIds }: Told): void {
    const before = settling.get(userId) ?? Promise.resolve();
    const change = (
      deviceId === undefined || chatIds.length === 0
        ? store.confirmEvents(userId, "minioicq", eventIds)
        : store.announceChats({ userId, deviceId, chatIds, eventIds })
    ).catch((error: unknown) => log.warn("events could not be confirmed; they will repeat", { userId, error }));
    const all = Promise.all([before, change]).then(() => {
      if (settling.get(userId) === all) settling.delete(userId);
    });
    settling.set(userId, all);
  }

  /** Resolves when all that was confirmed so far is on disk, or refused. */
  const settled = (userId: UserId): Promise<void> => settling.get(userId) ?? Promise.resolve();

  return { confirm, settled };
}
