/**
 * Drives publishers against receivers and keeps the books, the same for every door. Closed loop: each publisher keeps a
 * window of messages that are not yet both acknowledged and delivered. Open loop: messages are due at a fixed rate whether
 * or not the server keeps up, and one that could not be sent in time counts from when it was due, so that a stalled
 * server is not flattered.
 */
import { DeliveryChecker, type Faults } from "./checker.ts";
import { Histogram, type LatencySummary } from "./histogram.ts";
import { type ProcessStats, readProcessStats } from "./process-stats.ts";
import { nowUs } from "./stamp.ts";

/** One publishing connection. */
export interface Publisher {
  /** Writes its next message with this send time; it leaves at the next flush. Gives the stream it went to. */
  send(sentUs: number): number;
  flush(): void;
  /** True while its socket takes no more. */
  readonly isFull: boolean;
}

export interface FlowOptions {
  /** Messages per second over all publishers; 0 for a closed loop. */
  rate: number;
  /** Messages of one publisher under way at once; in an open loop this bounds how far the server may fall behind. */
  inFlight: number;
  warmupSeconds: number;
  durationSeconds: number;
  /** False where nothing acknowledges a publish (QoS 0). */
  acks: boolean;
  /** The server's process, for its processor time and memory. */
  pid?: number | undefined;
  /** Called about every second with a line for a person. */
  progress?: ((line: string) => void) | undefined;
  /** How long the last messages may take once publishing has ended. */
  drainTimeoutMs?: number;
}

export interface FlowResult {
  seconds: number;
  /** Over the whole run, warm-up and drain included. */
  sentTotal: number;
  sent: number;
  acked: number;
  delivered: number;
  ackLatency: LatencySummary | undefined;
  deliveryLatency: LatencySummary;
  faults: Faults;
  problems: string[];
  /** Open loop: messages sent later than they were due because the publisher's window or socket was full. */
  late: number;
  server: { cpuSeconds: number; rssBytes: number; rssPeakBytes: number; threads: number } | undefined;
  generatorCpuSeconds: number;
}

interface PublisherState {
  readonly publisher: Publisher;
  sent: number;
  acked: number;
  /** Messages that every receiver has. */
  delivered: number;
  isReady: boolean;
  /** Open loop: messages were due that the window or the socket had no room for. */
  wasBlocked: boolean;
}

const TICK_MS = 1;

export class Flow {
  readonly #publishers: PublisherState[] = [];
  /** Which publisher a stream belongs to. */
  readonly #owners: PublisherState[] = [];
  readonly #streamSent: Float64Array;
  readonly #receivers: number;
  readonly #checker: DeliveryChecker;
  /** With several receivers: how many have each of a stream's recent messages. */
  readonly #got: Uint16Array | undefined;
  readonly #gotMask: number;
  readonly #gotSize: number;
  readonly #options: FlowOptions;
  readonly #ackLatency = new Histogram();
  readonly #deliveryLatency = new Histogram();
  readonly #problems: string[] = [];
  readonly #ready: PublisherState[] = [];
  #pumpScheduled = false;
  #phase: "idle" | "running" | "draining" | "done" = "idle";
  #sent = 0;
  #acked = 0;
  #delivered = 0;
  #late = 0;
  /** Delivered messages that are not repeats. */
  #deliveredOnce = 0;

  /** `streams[i]` is the index of the publisher that stream i belongs to; each stream reaches every receiver that takes it. */
  constructor({
    publishers,
    streams,
    receivers,
    options,
  }: {
    publishers: Publisher[];
    streams: number[];
    /** How many receivers get every message of a stream. */
    receivers: number;
    options: FlowOptions;
  }) {
    this.#options = options;
    this.#receivers = receivers;
    this.#checker = new DeliveryChecker({ streams: streams.length, receivers });
    this.#streamSent = new Float64Array(streams.length);
    for (const publisher of publishers) {
      this.#publishers.push({ publisher, sent: 0, acked: 0, delivered: 0, isReady: false, wasBlocked: false });
    }
    for (const owner of streams) {
      const state = this.#publishers[owner];
      if (state === undefined) throw new Error(`a stream belongs to publisher ${owner}, which does not exist`);
      this.#owners.push(state);
    }
    this.#gotSize = 2 ** Math.ceil(Math.log2(Math.max(1024, options.inFlight * 2)));
    this.#gotMask = this.#gotSize - 1;
    this.#got = receivers > 1 ? new Uint16Array(streams.length * this.#gotSize) : undefined;
  }

  /** A receiver got a message. `now` may be one reading of the clock for a whole chunk. */
  delivered(receiver: number, stream: number, seq: number, sentUs: number, now: number): void {
    this.#delivered += 1;
    this.#deliveryLatency.record((now - sentUs) >>> 0);
    if (!this.#checker.accept(receiver, stream, seq)) return;
    this.#deliveredOnce += 1;
    const owner = this.#owners[stream];
    if (owner === undefined) return;
    if (this.#got !== undefined) {
      const slot = stream * this.#gotSize + (seq & this.#gotMask);
      const count = (this.#got[slot] ?? 0) + 1;
      if (count < this.#receivers) {
        this.#got[slot] = count;
        return;
      }
      this.#got[slot] = 0;
    }
    owner.delivered += 1;
    this.#freed(owner);
  }

  /** The server acknowledged a message of publisher number `index` that was sent at `sentUs`. */
  acked(index: number, sentUs: number, now: number): void {
    this.#acked += 1;
    this.#ackLatency.record((now - sentUs) >>> 0);
    const state = this.#publishers[index];
    if (state === undefined) return;
    state.acked += 1;
    this.#freed(state);
  }

  /** Something other than a lost message went wrong; the run fails and says so. */
  problem(what: string): void {
    if (this.#phase === "done") return;
    if (this.#problems.length < 20) this.#problems.push(what);
  }

  async run(): Promise<FlowResult> {
    const { warmupSeconds, durationSeconds } = this.#options;
    this.#phase = "running";
    const clock = this.#startClock();
    if (this.#options.rate > 0) this.#startOpenLoop();
    else this.#startClosedLoop();
    await this.#sleep(warmupSeconds * 1000);
    this.#ackLatency.reset();
    this.#deliveryLatency.reset();
    const before = { sent: this.#sent, acked: this.#acked, delivered: this.#delivered };
    const serverBefore = await this.#serverStats();
    const ownBefore = process.cpuUsage();
    const startedMs = performance.now();
    await this.#sleep(durationSeconds * 1000);
    const seconds = (performance.now() - startedMs) / 1000;
    const after = { sent: this.#sent, acked: this.#acked, delivered: this.#delivered };
    const own = process.cpuUsage(ownBefore);
    const ackLatency = this.#ackLatency.summary();
    const deliveryLatency = this.#deliveryLatency.summary();
    const serverAfter = await this.#serverStats();
    await this.#drain();
    clearInterval(clock);
    this.#phase = "done";
    const sentTotal = this.#sent;
    if (this.#options.acks && this.#acked !== sentTotal) {
      this.#problems.push(`${sentTotal} messages sent, ${this.#acked} acknowledged`);
    }
    if (after.delivered === before.delivered) this.#problems.push("nothing was delivered in the measured time");
    return {
      seconds,
      sentTotal,
      sent: after.sent - before.sent,
      acked: after.acked - before.acked,
      delivered: after.delivered - before.delivered,
      ackLatency: this.#options.acks ? ackLatency : undefined,
      deliveryLatency,
      faults: this.#checker.finish((stream) => this.#streamSent[stream] ?? 0),
      problems: this.#problems,
      late: this.#late,
      server: serverBefore === undefined || serverAfter === undefined ? undefined : used(serverBefore, serverAfter),
      generatorCpuSeconds: (own.user + own.system) / 1e6,
    };
  }

  async #serverStats(): Promise<ProcessStats | undefined> {
    const { pid } = this.#options;
    if (pid === undefined) return undefined;
    try {
      return await readProcessStats(pid);
    } catch {
      this.problem(`there is no process ${pid} to read processor time and memory of`);
      return undefined;
    }
  }

  #outstanding(state: PublisherState): number {
    const done = this.#options.acks ? Math.min(state.acked, state.delivered) : state.delivered;
    return state.sent - done;
  }

  #sendOne(state: PublisherState, sentUs: number): void {
    const stream = state.publisher.send(sentUs);
    this.#streamSent[stream] = (this.#streamSent[stream] ?? 0) + 1;
    state.sent += 1;
    this.#sent += 1;
  }

  #freed(state: PublisherState): void {
    if (state.isReady || this.#phase !== "running" || this.#options.rate > 0) return;
    state.isReady = true;
    this.#ready.push(state);
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(this.#pump);
  }

  #startClosedLoop(): void {
    for (const state of this.#publishers) this.#freed(state);
  }

  readonly #pump = (): void => {
    this.#pumpScheduled = false;
    if (this.#phase !== "running") return;
    const now = nowUs();
    const ready = this.#ready.splice(0);
    for (const state of ready) {
      state.isReady = false;
      while (this.#outstanding(state) < this.#options.inFlight) this.#sendOne(state, now);
      state.publisher.flush();
    }
  };

  /** Message k of the run is due at start + k / rate, and belongs to publisher k modulo their number. */
  #startOpenLoop(): void {
    const { rate, inFlight } = this.#options;
    const count = this.#publishers.length;
    const startedMs = performance.now();
    const tick = (): void => {
      if (this.#phase !== "running") return;
      const nowMs = performance.now();
      const now = (nowMs * 1000) >>> 0;
      const due = Math.floor(((nowMs - startedMs) * rate) / 1000);
      for (let index = 0; index < count; index++) {
        const state = this.#publishers[index];
        if (state === undefined) continue;
        const dueHere = Math.floor((due - index + count - 1) / count);
        const before = state.sent;
        let hasRoom = true;
        while (state.sent < dueHere) {
          hasRoom = this.#outstanding(state) < inFlight && !state.publisher.isFull;
          if (!hasRoom) break;
          // What waited for the server counts from when it was due; what only waited for this program's timer does not.
          const dueMs = startedMs + ((state.sent * count + index) * 1000) / rate;
          if (state.wasBlocked) this.#late += 1;
          this.#sendOne(state, state.wasBlocked ? (dueMs * 1000) >>> 0 : now);
        }
        state.wasBlocked = !hasRoom;
        if (state.sent > before) state.publisher.flush();
      }
      setTimeout(tick, TICK_MS);
    };
    tick();
  }

  /** Waits until everything sent has arrived, for as long as something still arrives. */
  async #drain(): Promise<void> {
    this.#phase = "draining";
    const patienceMs = this.#options.drainTimeoutMs ?? 10_000;
    let seen = -1;
    let seenAtMs = performance.now();
    while (!this.#isDrained() && this.#problems.length === 0) {
      const progress = this.#acked + this.#delivered;
      if (progress !== seen) {
        seen = progress;
        seenAtMs = performance.now();
      } else if (performance.now() - seenAtMs > patienceMs) return;
      await Bun.sleep(5);
    }
    // A repeat would come after the message it repeats; give it the chance to be seen.
    await Bun.sleep(50);
  }

  #isDrained(): boolean {
    const acksIn = !this.#options.acks || this.#acked >= this.#sent;
    return acksIn && this.#deliveredOnce >= this.#sent * this.#receivers;
  }

  /** Ends early when the run has already failed. */
  async #sleep(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (this.#problems.length === 0) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return;
      await Bun.sleep(Math.min(leftMs, 100));
    }
  }

  #startClock(): Timer | undefined {
    const { progress } = this.#options;
    if (progress === undefined) return undefined;
    let last = { sent: 0, acked: 0, delivered: 0, atMs: performance.now() };
    return setInterval(() => {
      const now = { sent: this.#sent, acked: this.#acked, delivered: this.#delivered, atMs: performance.now() };
      const per = (name: "sent" | "acked" | "delivered") =>
        Math.round(((now[name] - last[name]) * 1000) / (now.atMs - last.atMs)).toLocaleString("en");
      progress(`${this.#phase}: sent ${per("sent")}/s, acked ${per("acked")}/s, delivered ${per("delivered")}/s`);
      last = now;
    }, 1000);
  }
}

function used(before: ProcessStats, after: ProcessStats): NonNullable<FlowResult["server"]> {
  return {
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    rssBytes: after.rssBytes,
    rssPeakBytes: after.rssPeakBytes,
    threads: after.threads,
  };
}
