/**
 * How fast one connection, and all connections of one account together, may ask. What is beyond is answered "Try later"
 * in its turn; a connection that goes on regardless is closed. The clock is read only when a bucket is empty.
 */
import type { UserId } from "../../domain/model.ts";
import type { Clock } from "../../lib/clock.ts";
import { closeCode, Refusal } from "../errors.ts";
import type { MiniOicqLimits } from "../limits.ts";
import type { Request } from "./actions.ts";

/** A long frame costs more to read, so each of these in it counts as a request too. */
const requestBytes = 64 * 1024;
/** Of a bucket's rate, so much may be asked at once. */
const burstSeconds = 10;
/** A table smaller than this is never swept. */
const sweepFrom = 1024;

/** Stands in a connection's queue where it is to be closed: what came before is still answered. */
export interface CloseRequest {
  readonly action: "close";
  readonly code: number;
  readonly reason: string;
}

export type Rates = ReturnType<typeof createRates>;

export function createRates({ limits, clock }: { limits: MiniOicqLimits; clock: Clock }) {
  const accounts = createAccounts(limits.accountRequestsPerSecondMax, clock);
  return {
    open: (): RequestRate =>
      new RequestRate({ bucket: new Bucket(limits.requestsPerSecondMax, clock), accounts, limits }),
    /** Accounts remembered. */
    accounts: accounts.size,
  };
}

/** One connection's. */
export class RequestRate {
  readonly #bucket: Bucket;
  readonly #accounts: Accounts;
  readonly #refusalsMax: number;
  #account: Account | undefined;
  /** In a row. */
  #refused = 0;

  constructor(parts: { bucket: Bucket; accounts: Accounts; limits: MiniOicqLimits }) {
    this.#bucket = parts.bucket;
    this.#accounts = parts.accounts;
    this.#refusalsMax = parts.limits.rateRefusalsMax;
  }

  /** From here on the account's share counts too. */
  became(userId: UserId): void {
    this.left();
    this.#account = this.#accounts.enter(userId);
  }

  left(): void {
    if (this.#account !== undefined) this.#accounts.leave(this.#account);
    this.#account = undefined;
  }

  /** A frame's length, counted against the requests behind it. */
  weigh(bytes: number): void {
    if (bytes < requestBytes) return;
    const requests = Math.floor(bytes / requestBytes);
    this.#bucket.spend(requests);
    this.#account?.bucket.spend(requests);
  }

  /** The same requests, or in place of those beyond the rate what is said to them. */
  pass<One extends Request | Refusal | CloseRequest>(
    requests: readonly One[],
  ): readonly (One | Refusal | CloseRequest)[] {
    let passed: (One | Refusal | CloseRequest)[] | undefined;
    for (let at = 0; at < requests.length; at += 1) {
      const request = requests[at] as One;
      if (this.#admits(request)) {
        passed?.push(request);
        continue;
      }
      passed ??= requests.slice(0, at);
      if (this.#refused > this.#refusalsMax) {
        passed.push({ action: "close", code: closeCode.policy, reason: "Too many requests" });
        return passed;
      }
      passed.push(request instanceof Refusal ? request : tooFast(request));
    }
    return passed ?? requests;
  }

  #admits(request: Request | Refusal | CloseRequest): boolean {
    // Neither has an answer to say no in, and a client must be able to confirm whatever it is sent.
    if (request.action === "message.push.ack" || request.action === "auth.logout" || request.action === "close") {
      return true;
    }
    if (this.#bucket.take() && (this.#account === undefined || this.#account.bucket.take())) {
      this.#refused = 0;
      return true;
    }
    this.#refused += 1;
    return false;
  }
}

const tooFast = (request: Request | CloseRequest): Refusal =>
  new Refusal(`${request.action}.fail`, "Try later", request.action === "message.send" ? request.clientId : undefined);

/** A token bucket, filled up again when it is found empty. */
class Bucket {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond * burstSeconds;
    this.#filledAtMs = clock.nowMs();
  }

  take(): boolean {
    if (this.#tokens < 1) this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Also what is not there yet. */
  spend(tokens: number): void {
    this.#tokens -= tokens;
  }

  #fill(): void {
    const nowMs = this.#clock.nowMs();
    // A clock that was set back gives nothing, and counts from there.
    const seconds = Math.max(0, nowMs - this.#filledAtMs) / 1000;
    this.#tokens = Math.min(this.#perSecond * burstSeconds, this.#tokens + seconds * this.#perSecond);
    this.#filledAtMs = nowMs;
  }
}

interface Account {
  readonly userId: UserId;
  readonly bucket: Bucket;
  connections: number;
  leftAtMs: number;
}

type Accounts = ReturnType<typeof createAccounts>;

/** An account's bucket outlives its connections until it would be full again, so that coming back gives nothing new. */
function createAccounts(perSecond: number, clock: Clock) {
  const accounts = new Map<UserId, Account>();
  let sweepAt = sweepFrom;

  /** At a cost that spreads over those that made the table grow. */
  function sweep(): void {
    const nowMs = clock.nowMs();
    for (const [userId, { connections, leftAtMs }] of accounts) {
      if (connections === 0 && Math.abs(nowMs - leftAtMs) >= burstSeconds * 1000) accounts.delete(userId);
    }
    sweepAt = Math.max(sweepFrom, 2 * accounts.size);
  }

  return {
    size: (): number => accounts.size,
    enter(userId: UserId): Account {
      let account = accounts.get(userId);
      if (account === undefined) {
        if (accounts.size >= sweepAt) sweep();
        account = { userId, bucket: new Bucket(perSecond, clock), connections: 0, leftAtMs: 0 };
        accounts.set(userId, account);
      }
      account.connections += 1;
      return account;
    },
    leave(account: Account): void {
      account.connections -= 1;
      account.leftAtMs = clock.nowMs();
    },
  };
}
