/**
 * How far members have got. Confirmations are very frequent and mean "up to here", so they are gathered: the newest per
 * device and chat is written within a second. A crash in between repeats messages but loses none.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { type Range, withRange } from "../../lib/ranges.ts";
import type { ChatId, DeviceId, UserId } from "../model.ts";
import type { Advance, Confirmed, Store } from "../store.ts";

const flushAfterMs = 250;
/** While other commits happen, positions are added to them this often: a crash repeats only what came since. */
const ridesEveryMs = 25;
const gatheredMax = 4096;
const noRanges: readonly Range[] = [];

export type Deliveries = ReturnType<typeof createDeliveries>;

export function createDeliveries({ store, clock, log }: { store: Store; clock: Clock; log: Log }) {
  let gathered = new Map<string, Advance>();
  /** By user, device and chat: messages that were confirmed one by one. */
  let confirmations = new Map<string, Confirmed>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<unknown> = Promise.resolve();
  let flushedAtMs = 0;
  // Adds the gathered positions to a commit that is about to be made; they cost only their own rows.
  store.beforeCommit(() => {
    if (gathered.size + confirmations.size > 0 && Math.abs(clock.nowMs() - flushedAtMs) >= ridesEveryMs) void flush();
  });

  /** Every message of the chat up to `deliveredSeq` reached this device (or, without a device, the user). */
  function delivered(userId: UserId, deviceId: DeviceId | undefined, chatId: ChatId, deliveredSeq: number): void {
    gather(`${userId}:${deviceId ?? ""}:${chatId}`, { userId, deviceId, chatId, deliveredSeq });
  }

  /** The device skips this chat: it is not offered these messages again, but they are not delivered to the user. */
  function passedOver(userId: UserId, deviceId: DeviceId, chatId: ChatId, deliveredSeq: number): void {
    gather(`-${userId}:${deviceId}:${chatId}`, { userId, deviceId, chatId, deliveredSeq, passedOver: true });
  }

  function gather(key: string, move: Advance): void {
    const known = gathered.get(key);
    if (known !== undefined && known.deliveredSeq >= move.deliveredSeq) return;
    gathered.set(key, move);
    flushSoon();
  }

  /** A client confirmed this message, perhaps before earlier ones. */
  function confirmed(userId: UserId, deviceId: DeviceId | undefined, chatId: ChatId, seq: number): void {
    const key = `${userId}:${deviceId ?? ""}:${chatId}`;
    const known = confirmations.get(key)?.ranges ?? noRanges;
    confirmations.set(key, { userId, deviceId, chatId, ranges: withRange(known, seq, seq) });
    flushSoon();
  }

  function flushSoon(): void {
    if (gathered.size + confirmations.size >= gatheredMax) void flush();
    else timer ??= setTimeout(() => void flush(), flushAfterMs);
  }

  /**
   * Resolves when everything gathered so far is on disk. Where the store refused it, that is logged and the messages
   * repeat.
   */
  async function flush(): Promise<void> {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    if (gathered.size > 0) {
      const moves = [...gathered.values()];
      gathered = new Map();
      write(store.advance(moves));
    }
    if (confirmations.size > 0) {
      const moves = [...confirmations.values()];
      confirmations = new Map();
      write(store.confirmMessages(moves));
    }
    await writing;
  }

  function write(change: Promise<void>): void {
    flushedAtMs = clock.nowMs();
    const settled = change.catch((error: unknown) =>
      log.warn("positions could not be written; messages will repeat", { error }),
    );
    writing = Promise.all([writing, settled]);
  }

  return { delivered, passedOver, confirmed, flush };
}
