/**
 * How far members have got. Confirmations are very frequent, so they are gathered: one run per device and chat is written
 * within a second. A crash in between repeats messages but loses none.
 */
import { type Clock, longAgo, type MonotonicMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { type Range, withRange } from "../../lib/ranges.ts";
import type { ChatId, DeviceId, UserId } from "../model.ts";
import type { Advance, Confirmed, DeviceName, OpenedDevice, Store } from "../store.ts";

const flushAfterMs = 250;
/** While other commits happen, positions are added to them this often: a crash repeats only what came since. */
const ridesEveryMs = 25;
const gatheredMax = 4096;
const noRanges: readonly Range[] = [];

/** Messages of one chat that follow each other and were delivered to one client. */
interface Run extends Advance {
  readonly fromSeq: number;
  deliveredSeq: number;
}

export type Deliveries = ReturnType<typeof createDeliveries>;

export function createDeliveries({ store, clock, log }: { store: Store; clock: Clock; log: Log }) {
  let runs = new Map<string, Run>();
  /** Runs that another run of the same client and chat follows behind a gap. */
  let endedRuns: Run[] = [];
  let passed = new Map<string, Advance>();
  /** By user, device and chat: messages that were confirmed one by one. */
  let confirmations = new Map<string, Confirmed>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<unknown> = Promise.resolve();
  /** What is being written. */
  const flying = new Set<readonly { readonly userId: UserId }[]>();
  let flushedAtMs: MonotonicMs = longAgo;
  // Adds the gathered positions to a commit that is about to be made; they cost only their own rows.
  store.beforeCommit(() => {
    if (gathered() > 0 && clock.monotonicMs() - flushedAtMs >= ridesEveryMs) void flush();
  });

  const gathered = (): number => runs.size + endedRuns.length + passed.size + confirmations.size;

  /**
   * This message, or all from `fromSeq` up to it, reached this device (or, without a device, the user). A device is given
   * its messages in order.
   */
  function delivered(
    userId: UserId,
    deviceId: DeviceId | undefined,
    chatId: ChatId,
    deliveredSeq: number,
    fromSeq = deliveredSeq,
  ): void {
    const key = `${userId}:${deviceId ?? ""}:${chatId}`;
    const run = runs.get(key);
    if (run !== undefined && run.fromSeq <= fromSeq && fromSeq <= run.deliveredSeq + 1) {
      if (deliveredSeq > run.deliveredSeq) run.deliveredSeq = deliveredSeq;
      return;
    }
    if (run !== undefined) endedRuns.push(run);
    runs.set(key, { userId, deviceId, chatId, fromSeq, deliveredSeq });
    flushSoon();
  }

  /** The device skips this chat: it is not offered these messages again, but they are not delivered to the user. */
  function passedOver(userId: UserId, deviceId: DeviceId, chatId: ChatId, deliveredSeq: number): void {
    const key = `${deviceId}:${chatId}`;
    if ((passed.get(key)?.deliveredSeq ?? 0) >= deliveredSeq) return;
    passed.set(key, { userId, deviceId, chatId, deliveredSeq, passedOver: true });
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
    if (gathered() >= gatheredMax) void flush();
    else timer ??= setTimeout(() => void flush(), flushAfterMs);
  }

  /**
   * Resolves when everything gathered so far is on disk. Where the store refused it, that is logged and the messages
   * repeat.
   */
  async function flush(): Promise<void> {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    if (runs.size + passed.size > 0) {
      const moves = [...passed.values(), ...endedRuns, ...runs.values()];
      runs = new Map();
      endedRuns = [];
      passed = new Map();
      write(moves, store.advance(moves));
    }
    if (confirmations.size > 0) {
      const moves = [...confirmations.values()];
      confirmations = new Map();
      write(moves, store.confirmMessages(moves));
    }
    await writing;
  }

  /** As the store's `openDevice`; what was gathered is written before, so that a new device does not get it again. */
  function openDevice(device: DeviceName): Promise<OpenedDevice> {
    void flush();
    return store.openDevice(device);
  }

  /** Resolves when everything that this user's clients confirmed so far is on disk, or was refused. */
  async function settled(userId: UserId): Promise<void> {
    const isTheirs = (move: { readonly userId: UserId }): boolean => move.userId === userId;
    if ([runs, passed, confirmations].some((moves) => moves.values().some(isTheirs)) || endedRuns.some(isTheirs)) {
      await flush();
    } else if (flying.values().some((moves) => moves.some(isTheirs))) {
      await writing;
    }
  }

  function write(moves: readonly { readonly userId: UserId }[], change: Promise<void>): void {
    flushedAtMs = clock.monotonicMs();
    flying.add(moves);
    const finished = change
      .catch((error: unknown) => log.warn("positions could not be written; messages will repeat", { error }))
      .then(() => flying.delete(moves));
    writing = Promise.all([writing, finished]);
  }

  return {
    delivered,
    passedOver,
    confirmed,
    readThrough: store.readThrough,
    setReceiptRule: store.setReceiptRule,
    openDevice,
    settled,
    flush,
  };
}
