/**
 * Durable events this door has handed over. Confirming them is a change like any other, and a client may be gone and
 * back before it settles; the next login waits for it, so that nothing is handed over twice.
 */
import type { EventId, UserId } from "../domain/model.ts";
import type { DeliveryStore } from "../domain/store.ts";
import type { Log } from "../lib/log.ts";

export type Confirmations = ReturnType<typeof createConfirmations>;

export function createConfirmations({ store, log }: { store: Pick<DeliveryStore, "confirmEvents">; log: Log }) {
  const settling = new Map<UserId, Promise<void>>();

  function confirm(userId: UserId, eventIds: readonly EventId[]): void {
    const before = settling.get(userId) ?? Promise.resolve();
    const change = store
      .confirmEvents(userId, "minioicq", eventIds)
      .catch((error: unknown) => log.warn("events could not be confirmed; they will repeat", { userId, error }));
    const all = Promise.all([before, change]).then(() => {
      if (settling.get(userId) === all) settling.delete(userId);
    });
    settling.set(userId, all);
  }

  /** Resolves when all that was confirmed so far is on disk, or refused. */
  const settled = (userId: UserId): Promise<void> => settling.get(userId) ?? Promise.resolve();

  return { confirm, settled };
}
