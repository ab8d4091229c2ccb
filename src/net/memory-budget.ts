/**
 * One account of the bytes that wait in memory for peers: for those who read too slowly, and for the rest of what others
 * have begun to send. Holders are asked how much they hold, and only once they hold much: so no message is counted, and
 * nothing has to be counted back. The one that holds most pays first.
 */
import { longAgo, type TimeSource } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { systemTime } from "../lib/steady-clock.ts";
import type { Garbage } from "./garbage.ts";

/** What holds bytes for one peer, such as its connection. */
export interface Holder {
  /** Bytes in memory now; 0 once it has ended. */
  readonly heldBytes: number;
  /** Whose they are, for example "user:10001"; undefined: a peer's that is not logged in. */
  readonly holder: string | undefined;
  /** It has no share of its own, as an account has, but what all have. */
  readonly isUnshared?: boolean;
  /** Ends it, in the words of its protocol. */
  endForRoom(): void;
}

export interface MemoryLimits {
  /** Everything. */
  readonly memoryBytesMax: number;
  /** What waits for one account's connections. */
  readonly accountBytesMax: number;
  /** What waits for all peers together that are not logged in. */
  readonly strangersBytesMax: number;
}

const kib = 1024;
const mib = 1024 * kib;

export const defaultMemoryLimits: MemoryLimits = {
  memoryBytesMax: 256 * mib,
  accountBytesMax: 32 * mib,
  strangersBytesMax: 8 * mib,
};

/** A holder of less is not looked at: it calls `grew` when it holds so much, and each time it holds so much more. */
export const heldStepBytes = 64 * kib;
/** The same for the beginning of a packet, which most peers do not have for long. */
export const begunStepBytes = 8 * kib;
/** All holders are asked when they may hold so much more than at the last time, and more for each that has to be asked. */
const askEveryBytes = mib;
const askPerHolderBytes = 2 * kib;
/** A holder that is quiet is forgotten within this time. */
const askEveryMs = 5000;

/** An account of which so many were ended within this time begins none until it is over: it would fill the memory again. */
const endedOfAccountMax = 8;
const periodMs = 2000;
/** Ends are counted, and one is logged so often. */
const tellEveryMs = 1000;

export interface BodySender {
  /** An account, or a network. Undefined: it has no share of its own. */
  readonly sender: string | undefined;
  readonly bytes: number;
  readonly isStranger: boolean;
}

/** What is in memory besides, as long as it is of use: it counts, and it is never dropped for room. */
export type KeptKind = "retained" | "subscriptions" | "routes" | "bodies";

export interface MemoryBudgetParts {
  readonly limits: MemoryLimits;
  readonly log: Log;
  readonly clock?: Pick<TimeSource, "monotonicMs">;
  /** Told of what grows, all of which becomes garbage. */
  readonly garbage?: Pick<Garbage, "passed">;
}

export class MemoryBudget {
  /** Holders ended for room since the start. */
  ended = 0;
  readonly #limits: MemoryLimits;
  readonly #log: Log;
  readonly #clock: Pick<TimeSource, "monotonicMs">;
  readonly #garbage: Pick<Garbage, "passed"> | undefined;
  readonly #holders = new Set<Holder>();
  /** Of bodies, by who sends them. */
  readonly #bodiesOf = new Map<string, number>();
  #strangersBodyBytes = 0;
  readonly #kept: Record<KeptKind, number> = { retained: 0, subscriptions: 0, routes: 0, bodies: 0 };
  #toldMs: number = longAgo;
  /** Ended since the period began, by account. */
  readonly #endedOf = new Map<string, number>();
  #periodStartedMs: number = longAgo;
  #grownBytes = 0;
  #asking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ limits, log, clock = systemTime, garbage }: MemoryBudgetParts) {
    this.#clock = clock;
    this.#garbage = garbage;
    this.#limits = limits;
    this.#log = log;
  }

  /** `holder` holds about `bytes` more than it did. */
  grew(holder: Holder, bytes: number): void {
    this.#holders.add(holder);
    this.#garbage?.passed(bytes);
    this.#grownBytes += bytes;
    if (this.#grownBytes >= this.#askAfterBytes) this.#askSoon();
    else this.#timer ??= setTimeout(() => this.#ask(), askEveryMs).unref();
  }

  /** Whether the account may begin another connection: not where many of its own were just ended for room. */
  mayBegin(account: string): boolean {
    this.#turnPeriod();
    return (this.#endedOf.get(account) ?? 0) < endedOfAccountMax;
  }

  #turnPeriod(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#periodStartedMs + periodMs) return;
    this.#periodStartedMs = nowMs;
    this.#endedOf.clear();
  }

  /** Counts bytes that stay, or (below zero) that no longer do. */
  keep(kind: KeptKind, bytes: number): void {
    this.#kept[kind] += bytes;
    if (bytes > 0) {
      this.#garbage?.passed(bytes);
      this.#grownBytes += bytes;
    }
    if (this.#grownBytes >= this.#askAfterBytes && this.#holders.size > 0) this.#askSoon();
  }

  get #askAfterBytes(): number {
    return askEveryBytes + this.#holders.size * askPerHolderBytes;
  }

  /** What one account may leave unread of answers, which it may do besides what waits for its connections. */
  get answersBytesMax(): number {
    return this.#limits.accountBytesMax / 2;
  }

  /** Bytes counted by `keep`. */
  get keptBytes(): number {
    const { retained, subscriptions, routes, bodies } = this.#kept;
    return retained + subscriptions + routes + bodies;
  }

  /** Whether `bytes` more may be kept. What waits for slow readers is no obstacle: those end first. */
  hasRoomFor(bytes: number): boolean {
    return this.keptBytes + bytes <= this.#limits.memoryBytesMax;
  }

  /**
   * Counts a body that is read, until the function that it gives is called; undefined where there is no room. A sender may
   * have one that fills its share, or several that fit into it.
   */
  takeBody({ sender, bytes, isStranger }: BodySender): (() => void) | undefined {
    const { memoryBytesMax, accountBytesMax, strangersBytesMax } = this.#limits;
    const strangersBytes = isStranger ? bytes : 0;
    const before = (sender !== undefined && this.#bodiesOf.get(sender)) || 0;
    // A quarter: bodies must not take what others keep.
    if (this.#kept.bodies + bytes > memoryBytesMax / 4 || !this.hasRoomFor(bytes)) return undefined;
    if (this.#strangersBodyBytes + strangersBytes > strangersBytesMax) return undefined;
    if (before > 0 && before + bytes > (isStranger ? strangersBytesMax : accountBytesMax) / 2) return undefined;
    this.keep("bodies", bytes);
    if (sender !== undefined) this.#bodiesOf.set(sender, before + bytes);
    this.#strangersBodyBytes += strangersBytes;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.keep("bodies", -bytes);
      this.#strangersBodyBytes -= strangersBytes;
      if (sender === undefined) return;
      const left = (this.#bodiesOf.get(sender) ?? 0) - bytes;
      if (left > 0) this.#bodiesOf.set(sender, left);
      else this.#bodiesOf.delete(sender);
    };
  }

  /** Once what is going on is done, since a holder that grows is in the middle of something; and before the next bytes come. */
  #askSoon(): void {
    if (this.#asking) return;
    this.#asking = true;
    queueMicrotask(() => this.#ask());
  }

  #ask(): void {
    this.#asking = false;
    this.#grownBytes = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = new Map<Holder, number>();
    const ofAccounts = new Map<string, number>();
    let strangersBytes = 0;
    let bytes = this.keptBytes;
    for (const holder of this.#holders) {
      const { heldBytes } = holder;
      if (heldBytes < begunStepBytes) {
        this.#holders.delete(holder);
        continue;
      }
      held.set(holder, heldBytes);
      bytes += heldBytes;
      const account = holder.holder;
      if (account === undefined) strangersBytes += heldBytes;
      else if (holder.isUnshared !== true) ofAccounts.set(account, (ofAccounts.get(account) ?? 0) + heldBytes);
    }
    const { memoryBytesMax, accountBytesMax, strangersBytesMax } = this.#limits;
    this.#turnPeriod();
    if (strangersBytes > strangersBytesMax) {
      bytes -= this.#endLargest(held, strangersBytes - strangersBytesMax, ({ holder }) => holder === undefined);
    }
    for (const [account, ofAccount] of ofAccounts) {
      if (ofAccount <= accountBytesMax) continue;
      bytes -= this.#endLargest(held, ofAccount - accountBytesMax, ({ holder }) => holder === account);
    }
    if (bytes > memoryBytesMax) this.#endLargest(held, bytes - memoryBytesMax, () => true);
    if (this.#holders.size > 0) this.#timer = setTimeout(() => this.#ask(), askEveryMs).unref();
  }

  /** Gives how many bytes that made free. */
  #endLargest(held: Map<Holder, number>, excess: number, pays: (holder: Holder) => boolean): number {
    const largest = [...held].filter(([holder]) => pays(holder)).sort(([, one], [, other]) => other - one);
    let freed = 0;
    for (const [holder, bytes] of largest) {
      if (freed >= excess) break;
      freed += bytes;
      held.delete(holder);
      this.#holders.delete(holder);
      this.ended++;
      const account = holder.holder;
      if (account !== undefined) this.#endedOf.set(account, (this.#endedOf.get(account) ?? 0) + 1);
      this.#tell(holder, bytes);
      holder.endForRoom();
    }
    return freed;
  }

  #tell({ holder }: Holder, bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#toldMs + tellEveryMs) return;
    this.#log.warn("a connection was ended, since too much is in memory for it and others", {
      holder: holder ?? "not logged in",
      bytes,
      ended: this.ended,
      setting: "limits.memory_bytes",
    });
    this.#toldMs = nowMs;
  }
}
