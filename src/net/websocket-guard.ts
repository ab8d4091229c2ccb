/**
 * Who holds how many WebSockets, over every door of the HTTP port. Bun gathers a frame before the program sees a byte of
 * it, and has one limit for the frames of all: so what a peer can make it gather is bounded by how many WebSockets that
 * peer has. Peers that are not logged in share a small number, each for a short time.
 */
import { networkOf } from "../lib/client-network.ts";
import { longAgo, type TimeSource } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { systemTime } from "../lib/steady-clock.ts";

export interface WebSocketLimits {
  /** Of all peers that are not logged in. */
  readonly strangersMax: number;
  /** From the upgrade to the log-in. */
  readonly loginSecondsMax: number;
  readonly perAccountMax: number;
  readonly perAddressMax: number;
}

export const defaultWebSocketLimits: WebSocketLimits = {
  strangersMax: 24,
  loginSecondsMax: 30,
  perAccountMax: 16,
  perAddressMax: 1000,
};

/** `displaced`: it made room for another one. */
export type StrangerEnd = "displaced" | "login_timeout";

/**
 * Bun keeps a WebSocket that was closed, with the frame it has gathered, for 16 seconds while its peer does not answer, and
 * nothing ends it sooner. So many may linger so, of strangers of one network, of all strangers, and of one account: the others
 * are dropped without a close frame.
 */
const lingeringMax = { ofNetwork: 2, ofStrangers: 4, ofAccount: 4 };

/** A frame that was gathered is memory for a while longer, so it is not to be filled again and again. */
const displacedPerSecondMax = 8;

/** Ends of strangers are counted; they are logged only this often. */
const logEveryMs = 60_000;

export interface WebSocketGuardParts {
  readonly limits: WebSocketLimits;
  readonly log: Log;
  readonly clock?: Pick<TimeSource, "monotonicMs">;
}

export class WebSocketGuard {
  readonly clock: Pick<TimeSource, "monotonicMs">;
  /** Strangers that made room for others since the start. */
  displaced = 0;
  readonly #limits: WebSocketLimits;
  readonly #log: Log;
  /** In the order they came. */
  readonly #strangers = new Map<string, Set<WebSocketPlace>>();
  #count = 0;
  readonly #ofAccounts = new Map<string, number>();
  readonly #ofNetworks = new Map<string, number>();
  #displacedInSecond = 0;
  #secondStartedMs: number = longAgo;
  /** Of each network's strangers, of all strangers, of each account. */
  readonly #lingering = new Map<string, number>();
  #loggedAtMs: number = longAgo;

  constructor({ limits, log, clock = systemTime }: WebSocketGuardParts) {
    this.clock = clock;
    this.#limits = limits;
    this.#log = log;
  }

  /** WebSockets that are not logged in. */
  get strangers(): number {
    return this.#count;
  }

  /**
   * Whether the address has as many as it may; or many made room for others within the second, and its network is one of
   * those that hold most.
   */
  isFull(address: string): boolean {
    const network = networkOf(address);
    if ((this.#ofNetworks.get(network) ?? 0) >= this.#limits.perAddressMax) return true;
    if (this.#count < this.#limits.strangersMax) return false;
    this.#turnSecond();
    if (this.#displacedInSecond < displacedPerSecondMax) return false;
    return 2 * (this.#strangers.get(network)?.size ?? 0) >= (this.#most?.size ?? 0);
  }

  #turnSecond(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.#secondStartedMs + 1000) return;
    this.#secondStartedMs = nowMs;
    this.#displacedInSecond = 0;
  }

  /** One more, which is a stranger's until `logIn`. Beyond the limit another one ends. */
  enter(address: string, end: (why: StrangerEnd) => void): WebSocketPlace {
    const place = new WebSocketPlace(this, networkOf(address), end);
    const { network } = place;
    const others = this.#strangers.get(network);
    if (others === undefined) this.#strangers.set(network, new Set([place]));
    else others.add(place);
    this.#count++;
    this.#ofNetworks.set(network, (this.#ofNetworks.get(network) ?? 0) + 1);
    place.stay(this.#limits.loginSecondsMax * 1000);
    if (this.#count > this.#limits.strangersMax) this.#displaceOne();
    return place;
  }

  /** For `WebSocketPlace`. */
  noStranger(place: WebSocketPlace): void {
    const ofNetwork = this.#strangers.get(place.network);
    if (ofNetwork?.delete(place) !== true) return;
    this.#count--;
    if (ofNetwork.size === 0) this.#strangers.delete(place.network);
  }

  /** For `WebSocketPlace`: false where the account has as many as it may. */
  take(account: string): boolean {
    const held = this.#ofAccounts.get(account) ?? 0;
    if (held >= this.#limits.perAccountMax) return false;
    this.#ofAccounts.set(account, held + 1);
    return true;
  }

  /** For `WebSocketPlace`. */
  giveBack(account: string): void {
    countDown(this.#ofAccounts, account);
  }

  /** For `WebSocketPlace`. */
  left({ network }: WebSocketPlace): void {
    countDown(this.#ofNetworks, network);
  }

  /** For `WebSocketPlace`: under which names it lingers from now on; undefined where it may not. */
  linger(network: string, account: string | undefined): readonly string[] | undefined {
    const { ofNetwork, ofStrangers, ofAccount } = lingeringMax;
    const max: Readonly<Record<string, number>> =
      account === undefined
        ? { [`strangers of ${network}`]: ofNetwork, strangers: ofStrangers }
        : { [`account ${account}`]: ofAccount };
    if (Object.entries(max).some(([name, most]) => (this.#lingering.get(name) ?? 0) >= most)) return undefined;
    const names = Object.keys(max);
    for (const name of names) this.#lingering.set(name, (this.#lingering.get(name) ?? 0) + 1);
    return names;
  }

  /** For `WebSocketPlace`. */
  lingersNoLonger(names: readonly string[]): void {
    for (const name of names) countDown(this.#lingering, name);
  }

  /** Those of the network that holds most. */
  get #most(): ReadonlySet<WebSocketPlace> | undefined {
    let most: Set<WebSocketPlace> | undefined;
    for (const held of this.#strangers.values()) if (held.size > (most?.size ?? 0)) most = held;
    return most;
  }

  /** The network that holds most loses its oldest. */
  #displaceOne(): void {
    const most = this.#most;
    const [oldest] = most ?? [];
    if (most === undefined || oldest === undefined) return;
    this.displaced++;
    this.#turnSecond();
    this.#displacedInSecond++;
    this.#tell(oldest.network, most.size);
    oldest.endStranger("displaced");
  }

  #tell(network: string, held: number): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.#loggedAtMs + logEveryMs) return;
    this.#loggedAtMs = nowMs;
    this.#log.info("WebSockets without a log-in make room for others", {
      network,
      held,
      displaced: this.displaced,
      setting: "limits.websocket_strangers",
    });
  }
}

function countDown(counts: Map<string, number>, key: string): void {
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
}

/** One WebSocket's. */
export class WebSocketPlace {
  readonly network: string;
  readonly #guard: WebSocketGuard;
  readonly #end: (why: StrangerEnd) => void;
  #account: string | undefined;
  #untilMs = 0;
  #lingersAs: readonly string[] | undefined;
  #isGone = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(guard: WebSocketGuard, network: string, end: (why: StrangerEnd) => void) {
    this.#guard = guard;
    this.network = network;
    this.#end = end;
  }

  /** It may go without a log-in for so long from now, and never for less than it might before. */
  stay(ms: number): void {
    const untilMs = this.#guard.clock.monotonicMs() + ms;
    if (this.#isGone || this.#account !== undefined || untilMs <= this.#untilMs) return;
    this.#untilMs = untilMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.endStranger("login_timeout"), ms);
  }

  /** It is this account's from now on. False where the account has as many as it may; then nothing changes. */
  logIn(account: string): boolean {
    if (account === this.#account || this.#isGone) return true;
    if (!this.#guard.take(account)) return false;
    this.#giveBack();
    this.#account = account;
    return true;
  }

  /**
   * Called when the server closes it: whether it may have a close frame, and its peer time to answer, until `closed`. If not,
   * it is to be dropped, since too many others have that time.
   */
  mayLinger(): boolean {
    this.#lingersAs ??= this.#guard.linger(this.network, this.#account);
    return this.#lingersAs !== undefined;
  }

  /** The socket is closed. */
  closed(): void {
    this.leave();
    if (this.#lingersAs === undefined) return;
    this.#guard.lingersNoLonger(this.#lingersAs);
    this.#lingersAs = undefined;
  }

  /** It counts no longer. Safe to call twice. */
  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#giveBack();
    this.#guard.left(this);
  }

  #giveBack(): void {
    clearTimeout(this.#timer);
    this.#guard.noStranger(this);
    if (this.#account !== undefined) this.#guard.giveBack(this.#account);
    this.#account = undefined;
  }

  /** For `WebSocketGuard`. */
  endStranger(why: StrangerEnd): void {
    this.leave();
    this.#end(why);
  }
}
