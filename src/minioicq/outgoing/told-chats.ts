/**
 * Chats that this door has told a user, or one of the user's devices, of. Confirming that is a change like any other,
 * and a client may be gone and back before it settles. The next log-in waits for it, so that no chat is told twice.
 */
import type { ChatId, DeviceId, EventId, UserId } from "../../domain/model.ts";
import type { DeliveryStore } from "../../domain/store.ts";
import type { Log } from "../../lib/log.ts";

export type ToldChats = ReturnType<typeof createToldChats>;

export interface Told {
  readonly userId: UserId;
  /** The user's own copies of what happened. */
  readonly eventIds: readonly EventId[];
  /** Where the client named its device, which now knows `chatIds`. */
  readonly deviceId?: DeviceId | undefined;
  readonly chatIds?: readonly ChatId[];
}

export function createToldChats(parts: { store: Pick<DeliveryStore, "confirmEvents" | "announceChats">; log: Log }) {
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
