/**
 * How fast one connection may ask, and all connections of one account together. Requests beyond that are answered "Try
 * later" in their turn; a connection that goes on regardless is closed. The clock is read only when a bucket is empty.
 */
import type { UserId } from "../../domain/model.ts";
import { type Clock, longAgo, type MonotonicMs } from "../../lib/clock.ts";
import { SweptMap } from "../../lib/swept-map.ts";
import { type TokenBucket, TokenRate } from "../../lib/token-bucket.ts";
import { closeCode, Refusal } from "../errors.ts";
import type { MiniOicqLimits } from "../limits.ts";
import type { Request } from "./actions.ts";

/** A long frame costs more to read, so each of these in it counts as a request too. */
const requestBytes = 64 * 1024;
/** The requests of so many seconds may come at once. */
const burstSeconds = 10;
/** Stands in a connection's queue where the connection will close: requests before it are still answered. */
export interface CloseRequest {
  readonly action: "close";
  readonly code: number;
  readonly reason: string;
}

export function createRates({ limits, clock }: { limits: MiniOicqLimits; clock: Clock }) {
  const connectionRate = rateOf(limits.requestsPerSecondMax, clock);
  const accounts = createAccounts(limits.accountRequestsPerSecondMax, clock);
  return {
    open: (): RequestRate => new RequestRate({ rate: connectionRate, accounts, limits }),
    /** Accounts remembered. */
    accounts: accounts.size,
  };
}

const rateOf = (perSecond: number, clock: Clock): TokenRate =>
  new TokenRate({ clock, capacity: perSecond * burstSeconds, fillMs: burstSeconds * 1000 });

/** One connection's. */
export class RequestRate {
  readonly #rate: TokenRate;
  readonly #bucket: TokenBucket;
  readonly #accounts: Accounts;
  readonly #refusalsMax: number;
  #account: Account | undefined;
  /** In a row. */
  #refused = 0;

  constructor(parts: { rate: TokenRate; accounts: Accounts; limits: MiniOicqLimits }) {
    this.#rate = parts.rate;
    this.#bucket = parts.rate.full();
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
    this.#bucket.tokens -= requests;
    if (this.#account !== undefined) this.#account.bucket.tokens -= requests;
  }

  /** The same requests, with a refusal in place of each that is beyond the rate. */
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
    // These have no answer that could refuse them, and a client must be able to confirm whatever it is sent.
    if (request.action === "message.push.ack" || request.action === "auth.logout" || request.action === "close") {
      return true;
    }
    if (this.#rate.take(this.#bucket) && (this.#account === undefined || this.#accounts.take(this.#account))) {
      this.#refused = 0;
      return true;
    }
    this.#refused += 1;
    return false;
  }
}

const tooFast = (request: Request | CloseRequest): Refusal =>
  new Refusal(`${request.action}.fail`, "Try later", request.action === "message.send" ? request.clientId : undefined);

interface Account {
  readonly bucket: TokenBucket;
  connections: number;
  leftAtMs: MonotonicMs;
}

type Accounts = ReturnType<typeof createAccounts>;

/** An account's bucket outlives its connections until it would be full again, so that coming back gives nothing new. */
function createAccounts(perSecond: number, clock: Clock) {
  const rate = rateOf(perSecond, clock);
  const accounts = new SweptMap<UserId, Account>(
    ({ connections, leftAtMs }, nowMs) => connections === 0 && nowMs - leftAtMs >= rate.fillMs,
  );
  return {
    size: (): number => accounts.size,
    take: (account: Account): boolean => rate.take(account.bucket),
    enter(userId: UserId): Account {
      let account = accounts.get(userId);
      if (account === undefined) {
        account = { bucket: rate.full(), connections: 0, leftAtMs: longAgo };
        accounts.add(userId, account, account.bucket.filledAtMs);
      }
      account.connections += 1;
      return account;
    },
    leave(account: Account): void {
      account.connections -= 1;
      account.leftAtMs = clock.monotonicMs();
    },
  };
}
