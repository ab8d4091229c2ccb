/**
 * How far members have got. Confirmations come by the thousand and say "up to here", so they are gathered: the newest
 * per device and chat is written within a second. A crash in between repeats messages, it loses none.
 */
import type { Log } from "../lib/log.ts";
import type { ChatId, DeviceId, UserId } from "./model.ts";
import type { Advance, Store } from "./store.ts";

const flushAfterMs = 250;
const gatheredMax = 4096;

export type Deliveries = ReturnType<typeof createDeliveries>;

export function createDeliveries({ store, log }: { store: Store; log: Log }) {
  let gathered = new Map<string, Advance>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> = Promise.resolve();

  /** Everything in the chat up to `deliveredSeq` reached this device (or, without one, the user). */
  function delivered(userId: UserId, deviceId: DeviceId | undefined, chatId: ChatId, deliveredSeq: number): void {
    gather(`${userId}:${deviceId ?? ""}:${chatId}`, { userId, deviceId, chatId, deliveredSeq });
  }

  /** The device does not want this chat: it will not be offered these again, but the user has not got them. */
  function passedOver(userId: UserId, deviceId: DeviceId, chatId: ChatId, deliveredSeq: number): void {
    gather(`-${userId}:${deviceId}:${chatId}`, { userId, deviceId, chatId, deliveredSeq, passedOver: true });
  }

  function gather(key: string, move: Advance): void {
    const known = gathered.get(key);
    if (known !== undefined && known.deliveredSeq >= move.deliveredSeq) return;
    gathered.set(key, move);
    if (gathered.size >= gatheredMax) void flush();
    else timer ??= setTimeout(() => void flush(), flushAfterMs);
  }

  /** Resolves when all that was gathered so far is on disk (or the store refused it, which is logged: it repeats then). */
  function flush(): Promise<void> {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    if (gathered.size === 0) return writing;
    const moves = [...gathered.values()];
    gathered = new Map();
    writing = writing
      .then(() => store.advance(moves))
      .catch((error: unknown) => log.warn("positions could not be written; messages will repeat", { error }));
    return writing;
  }

  return { delivered, passedOver, flush };
}
