/**
 * Messages for persistent sessions on their way to the disk and their removal from it. The messages of one turn of the
 * event loop, for any number of sessions, are one change of the store. What waits for it (a publisher's
 * acknowledgement, the connected clients) continues when it is committed. Acknowledged messages are removed along with
 * other commits.
 */
import { type Clock, forever, longAgo, type MonotonicMs } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { flushAnswers, isLast, type Pubacks, reservePubacks } from "../connection/acknowledgements.ts";
import type { Connection } from "../connection/connection.ts";
import { appendPublish5, type Sendable } from "../publish/publish-form.ts";
import { appendAsStored } from "../publish/stored-publish.ts";
import { notStored } from "../publish/verdict.ts";
import type { Retained } from "../routing/retained.ts";
import { type BrokerStore, type QueueChange, queueColumnCount, queueColumns, type RetainedChange } from "../store.ts";
import { reasonCodes } from "../wire/reason-codes.ts";
import type { Work } from "../work.ts";
import type { DeliveryTerms } from "./delivery-terms.ts";
import type { Keeper, Queued } from "./queued-message.ts";

/** A larger turn becomes more than one change, so that no commit is long. */
const turnBytesMax = 4 * 1024 * 1024;
const turnRowsMax = 16_384;
/** Removals join a commit at most this often, and make one of their own when none comes for this long. */
const removeEveryMs = 25;
const removeAfterMs = 250;

/** Memory that another thread can read without a copy. */
const sharedBuffer = (bytes: number): Buffer => Buffer.from(new SharedArrayBuffer(bytes));
const sharedRows = (count: number): Float64Array =>
  new Float64Array(new SharedArrayBuffer(count * queueColumnCount * Float64Array.BYTES_PER_ELEMENT));

/** Packets one after the other; `appendPublish5` writes to it. */
class Pile {
  buffer: Buffer;
  length = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  reserve(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const larger = sharedBuffer(Math.max(this.length, 2 * this.buffer.length));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }
}

/** The buffers a turn is gathered in; the next turn reuses them. */
interface Room {
  readonly rows: Float64Array;
  readonly packets: Buffer;
}

const roomsMax = 4;
const roomBytesMax = 1024 * 1024;

/** What one turn has gathered. */
class Turn {
  rows: Float64Array;
  rowCount = 0;
  readonly pile: Pile;
  readonly shares: [number, string][] = [];
  readonly received: [number, number][] = [];
  readonly retainedTopics = new Set<string>();
  /** For each row: the message, if its client is connected. */
  readonly live: (Queued | undefined)[] = [];
  /** The queues of the other rows, which will be read back. */
  readonly waiting: { readonly queue: Keeper; readonly bytes: number }[] = [];
  /** PUBACKs that wait for nothing else. */
  readonly pubacks: WaitingPubacks[] = [];
  lastPubacks: WaitingPubacks | undefined;
  readonly settled = Promise.withResolvers<undefined>();

  constructor({ rows, packets }: Room) {
    this.rows = rows;
    this.pile = new Pile(packets);
  }
}

/** PUBACKs of one connection, with no other answer between them. */
interface WaitingPubacks {
  readonly connection: Connection;
  readonly pubacks: Pubacks;
  bytes: number;
}

export interface QueueWriterParts {
  readonly store: Pick<BrokerStore, "lastQueueId" | "beforeCommit" | "enqueue" | "send" | "dequeue">;
  readonly retained: Pick<Retained, "current">;
  readonly work: Work;
  readonly clock: Clock;
  readonly log: Log;
}

export class QueueWriter {
  /** Messages added since the start. A caller that compares it before and after knows whether it added any. */
  count = 0;
  readonly #store: QueueWriterParts["store"];
  readonly #work: Work;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #retainedNow: (topic: string) => RetainedChange;
  #lastId: number;
  #turn: Turn | undefined;
  #rooms: Room[] = [];
  /** The turn whose pile holds the message being forwarded, once it does. */
  #sharedTurn: Turn | undefined;
  #sharedMessage: Sendable | undefined;
  #sharedStart = 0;
  #sharedEnd = 0;
  /** The start of the packet added last. */
  #start = 0;
  #end = 0;
  #removed: number[] = [];
  #sent: [number, number][] = [];
  #passedMs: MonotonicMs = longAgo;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ store, retained, work, clock, log }: QueueWriterParts) {
    this.#store = store;
    this.#work = work;
    this.#clock = clock;
    this.#log = log;
    this.#retainedNow = (topic) => retained.current(topic);
    this.#lastId = store.lastQueueId();
    store.beforeCommit(() => this.#passAlong());
  }

  /** Begins a new message: packets added before belong to another one. */
  begin(): void {
    // Between messages, not within one: the rows of a message belong in one change.
    const turn = this.#turn;
    if (turn !== undefined && (turn.pile.length >= turnBytesMax || turn.rowCount >= turnRowsMax)) this.#flushTurn();
    this.#sharedTurn = undefined;
    this.#sharedMessage = undefined;
  }

  /** Resolves when everything added so far in this turn is on disk; a rejection was logged. */
  get settled(): Promise<undefined> {
    return this.#current().settled.promise;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /**
   * Adds a message for a session: one whose client is connected, or (`queued` undefined) one that will be read back.
   * Gives the bytes of its packet.
   */
  add(
    to: { sessionId: number; queueId: number; queue: Keeper },
    queued: Queued | undefined,
    message: Sendable,
    qos: 1 | 2,
    terms: DeliveryTerms,
  ): number {
    const turn = this.#current();
    this.#place(turn, message, qos, terms);
    const start = this.#start;
    const end = this.#end;
    const at = turn.rowCount * queueColumnCount;
    if (at === turn.rows.length) {
      const larger = sharedRows((2 * turn.rows.length) / queueColumnCount);
      larger.set(turn.rows);
      turn.rows = larger;
    }
    const expiresAtMs = message.expiresAtMs === forever ? 0 : message.expiresAtMs;
    const { rows } = turn;
    rows[at] = to.queueId; // in the order of `queueColumns`
    rows[at + 1] = to.sessionId;
    rows[at + 2] = qos;
    rows[at + 3] = queued?.packetId ?? 0;
    rows[at + 4] = queued === undefined ? 0 : 1;
    rows[at + 5] = expiresAtMs;
    rows[at + 6] = start;
    rows[at + 7] = end;
    if (terms.group !== undefined) turn.shares.push([turn.rowCount, terms.group.sharedFilter]);
    turn.rowCount++;
    this.count++;
    turn.live.push(queued);
    if (queued === undefined) turn.waiting.push({ queue: to.queue, bytes: end - start });
    else queued.expiresAtMs = message.expiresAtMs;
    return end - start;
  }

  /** Sends PUBACK when everything added so far is on disk. `bytes` count for the connection until then. */
  acknowledge(connection: Connection, packetId: number, bytes: number): void {
    connection.workStarted(bytes);
    const turn = this.#current();
    const last = turn.lastPubacks;
    if (last !== undefined && last.connection === connection && isLast(connection, last.pubacks)) {
      last.pubacks.packetIds.push(packetId);
      last.bytes += bytes;
      return;
    }
    turn.lastPubacks = { connection, pubacks: reservePubacks(connection, packetId), bytes };
    turn.pubacks.push(turn.lastPubacks);
  }

  /** A QoS 2 publish whose message was just added: its packet id is stored in the same change. */
  received(sessionId: number, packetId: number): void {
    this.#current().received.push([sessionId, packetId]);
  }

  /** What the topic retains is stored in the same change too. */
  retained(topic: string): void {
    this.#current().retainedTopics.add(topic);
  }

  /** Removes a message that was acknowledged, expired or given up. */
  remove(queueId: number): void {
    this.#removed.push(queueId);
    this.#passSoon();
  }

  /** The message was sent with a packet id that its row does not have. */
  sent(queueId: number, packetId: number): void {
    this.#sent.push([queueId, packetId]);
    this.#passSoon();
  }

  /** Hands everything gathered to the store, so that a change submitted now comes after it. */
  flush(): void {
    this.#flushTurn();
    this.#flushPassing();
  }

  #current(): Turn {
    if (this.#turn === undefined) {
      this.#turn = new Turn(this.#rooms.pop() ?? { rows: sharedRows(64), packets: sharedBuffer(16 * 1024) });
      this.#turn.settled.promise.catch(() => {}); // logged where it failed; what waits for it gets the rejection too
      this.#work.started();
      setImmediate(() => this.#flushTurn());
    }
    return this.#turn;
  }

  /** Points `#start` and `#end` at the packet. All sessions that get the same bytes share them. */
  #place(turn: Turn, message: Sendable, qos: 1 | 2, terms: DeliveryTerms): void {
    const common = terms.retain === 0 && terms.subscriptionIds === undefined;
    // Forwarding one message may close a client whose will is forwarded in between.
    if (common && this.#sharedTurn === turn && this.#sharedMessage === message) {
      this.#start = this.#sharedStart;
      this.#end = this.#sharedEnd;
      return;
    }
    const { pile } = turn;
    this.#start = pile.length;
    const form = message.storable();
    if (form.propertiesOffset === 0 && terms.subscriptionIds === undefined) appendAsStored(pile, form, terms.retain);
    else {
      appendPublish5(pile, message.form(5, qos), {
        flags: (qos << 1) | terms.retain,
        packetId: 1, // any but the invalid 0; the real one is set when it is sent
        alias: 0,
        aliasKnown: false,
        subscriptionIds: terms.subscriptionIds,
        nowMs: this.#clock.steadyMs(),
      });
    }
    this.#end = pile.length;
    if (!common) return;
    this.#sharedTurn = turn;
    this.#sharedMessage = message;
    this.#sharedStart = this.#start;
    this.#sharedEnd = this.#end;
  }

  #flushTurn(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#turn = undefined;
    const change: QueueChange = {
      rows: turn.rows.subarray(0, turn.rowCount * queueColumnCount),
      packets: turn.pile.buffer.subarray(0, turn.pile.length),
      shares: turn.shares,
      received: turn.received,
      retained: [...turn.retainedTopics].map(this.#retainedNow),
    };
    this.#store
      .enqueue(change)
      .then(
        () => this.#committed(turn),
        (error: unknown) => this.#failed(turn, error),
      )
      .finally(() => {
        // Whatever still needs a packet has copied it.
        const { rows, pile } = turn;
        const isKept = this.#rooms.length < roomsMax && rows.byteLength + pile.buffer.length <= roomBytesMax;
        if (isKept) this.#rooms.push({ rows, packets: pile.buffer });
        this.#work.done();
      });
  }

  #committed(turn: Turn): void {
    const { live, rows } = turn;
    const { buffer } = turn.pile;
    const touched = new Set<Keeper>();
    for (let row = 0; row < live.length; row++) {
      const queued = live[row];
      if (queued === undefined) continue;
      const { queue } = queued;
      queued.stored = true;
      if (queue === undefined || queued.left) continue;
      queued.packet = buffer;
      queued.start = rows[row * queueColumnCount + queueColumns.start] as number;
      queued.end = rows[row * queueColumnCount + queueColumns.end] as number;
      touched.add(queue);
    }
    for (const { queue } of turn.waiting) {
      queue.rowStored();
      touched.add(queue);
    }
    turn.settled.resolve(undefined);
    for (const queue of touched) queue.turnStored();
    // All are marked first, so that those of one connection are sent together.
    for (const { pubacks } of turn.pubacks) pubacks.ready = true;
    for (const { connection, pubacks, bytes } of turn.pubacks) {
      flushAnswers(connection);
      connection.workDone(bytes, pubacks.packetIds.length);
    }
  }

  #failed(turn: Turn, error: unknown): void {
    this.#log.error("messages could not be queued", { messages: turn.rowCount, error });
    for (const queued of turn.live) queued?.queue?.lost(queued);
    for (const { queue, bytes } of turn.waiting) queue.rowLost(bytes);
    for (const { connection, pubacks, bytes } of turn.pubacks) {
      if (connection.protocolVersion === 5) {
        pubacks.refusal = { reasonCode: reasonCodes.quotaExceeded, reasonString: connection.explanation(notStored) };
        pubacks.ready = true;
        flushAnswers(connection);
      } else connection.close("service", notStored); // 3.1.1 has no refusal: without an answer the client repeats it
      connection.workDone(bytes, pubacks.packetIds.length);
    }
    turn.settled.reject(error instanceof Error ? error : new Error(String(error)));
  }

  #passSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flushPassing();
    }, removeAfterMs);
  }

  /** A commit is about to be made. */
  #passAlong(): void {
    if (this.#timer === undefined || this.#clock.monotonicMs() - this.#passedMs < removeEveryMs) return;
    this.#flushPassing();
  }

  #flushPassing(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#passedMs = this.#clock.monotonicMs();
    const [sent, removed] = [this.#sent, this.#removed];
    this.#sent = [];
    this.#removed = [];
    if (sent.length > 0) this.#attempt("packet ids", this.#store.send(sent));
    if (removed.length > 0) this.#attempt("removals", this.#store.dequeue(removed));
  }

  /** What fails here is sent to the client again after a restart, with DUP. */
  #attempt(what: string, change: Promise<void>): void {
    this.#work.started();
    change
      .catch((error: unknown) => this.#log.error("queued messages could not be updated", { what, error }))
      .finally(() => this.#work.done());
  }
}
