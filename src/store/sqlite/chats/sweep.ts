/** Removes the messages of chats that are gone, one slice after the other; what a stop leaves behind goes on at the next start. */
import type { ChatId } from "../../../domain/model.ts";
import type { Log } from "../../../lib/log.ts";
import type { Submit } from "../submit.ts";

/** Messages removed by one change. */
const sweepRows = 2000;
/** From a slice that failed to the next try. */
const againAfterMs = 1000;

export function createSweep({ submit, log }: { submit: Submit; log: Log }) {
  let stopped = false;

  function sweep(chatId: ChatId): void {
    submit("sweepChat", { chatId, rows: sweepRows }).then(
      (finished) => {
        if (!finished && !stopped) sweep(chatId);
      },
      (error: unknown) => {
        log.debug("messages of a deleted chat remain for now", { chatId, error });
        // On a full disk, what they take up is what it needs.
        if (!stopped) setTimeout(sweepOn, againAfterMs, chatId).unref();
      },
    );
  }

  function sweepOn(chatId: ChatId): void {
    if (!stopped) sweep(chatId);
  }

  /** After the slice under way: else a large sweep would be waited for. */
  function stop(): void {
    stopped = true;
  }

  return { sweep, stop };
}
