/**
 * Which of the queued messages lie together in a row of `mqtt_turns`, one row for all that a turn of the event loop
 * brought for connected clients. Most are acknowledged before they would be worth a row each; when none of a turn is
 * left its row goes. A message that must be found by its session, or that stays longer, moves to a row of its own.
 */
import { queueColumnCount } from "../../../mqtt/store.ts";

/** What is to be done with the rows of turns before anything else in a change. */
export interface WireTurns {
  /** Messages that get rows of their own, by the first queue id of their turn. */
  readonly moved: readonly (readonly [firstId: number, queueIds: readonly number[]])[];
  /** Turns of which nothing is left. */
  readonly emptied: readonly number[];
}

export const noTurns: WireTurns = { moved: [], emptied: [] };

/**
 * Whether a row may lie with others: sent at QoS 1, with a packet id already, to a client that is connected. What a share
 * group chose is looked for when a session ends, and QoS 2 has states to be written.
 */
export const liesTogether = (rows: Float64Array, at: number): boolean =>
  rows[at + 2] === 1 && rows[at + 3] !== 0 && rows[at + 4] === 1;

/** A turn as it lies on the disk: what its rows say, 28 bytes each, and the packets they point into. */
export class StoredTurn {
  readonly firstId: number;
  readonly #packets: Uint8Array;
  /** Session id, and when it expires. */
  readonly #numbers: Float64Array;
  /** Packet id, 0 for a row that is not in the turn; where its packet starts and ends. */
  readonly #places: Uint32Array;

  constructor(firstId: number, rows: Uint8Array, packets: Uint8Array) {
    this.firstId = firstId;
    this.#packets = packets;
    const count = Math.floor(rows.byteLength / storedRowBytes);
    const { buffer } = new Uint8Array(rows); // aligned
    this.#numbers = new Float64Array(buffer, 0, 2 * count);
    this.#places = new Uint32Array(buffer, 16 * count, 3 * count);
  }

  get lastId(): number {
    return this.firstId + this.#numbers.length / 2 - 1;
  }

  /** Undefined if it is not in the turn. */
  message(queueId: number): TurnMessage | undefined {
    const at = queueId - this.firstId;
    const [sessionId, expiresAtMs] = [this.#numbers[2 * at], this.#numbers[2 * at + 1]];
    const [packetId, start, end] = [this.#places[3 * at], this.#places[3 * at + 1], this.#places[3 * at + 2]];
    if (sessionId === undefined || expiresAtMs === undefined || !packetId) return undefined;
    return { queueId, sessionId, packetId, expiresAtMs, packet: this.#packets.subarray(start, end) };
  }
}

export interface TurnMessage {
  readonly queueId: number;
  readonly sessionId: number;
  readonly packetId: number;
  readonly expiresAtMs: number;
  readonly packet: Uint8Array;
}

const storedRowBytes = 28;

/** The rows of a turn as `StoredTurn` reads them: those that `add` is called for. */
export class TurnRows {
  readonly bytes: Uint8Array;
  readonly #numbers: Float64Array;
  readonly #places: Uint32Array;

  constructor(count: number) {
    this.bytes = new Uint8Array(count * storedRowBytes);
    this.#numbers = new Float64Array(this.bytes.buffer, 0, 2 * count);
    this.#places = new Uint32Array(this.bytes.buffer, 16 * count, 3 * count);
  }

  /** The row of a `QueueChange` that begins at `at`. */
  add(row: number, rows: Float64Array, at: number): void {
    this.#numbers[2 * row] = rows[at + 1] as number;
    this.#numbers[2 * row + 1] = rows[at + 5] as number;
    this.#places[3 * row] = rows[at + 3] as number;
    this.#places[3 * row + 1] = rows[at + 6] as number;
    this.#places[3 * row + 2] = rows[at + 7] as number;
  }
}

export class Turn {
  readonly firstId: number;
  readonly lastId: number;
  /** Messages still in it. */
  count: number;
  /** By its place: 1 for a message that is still in it. */
  readonly #here: Uint8Array;
  /** At which look at all turns it was new. */
  readonly madeAt: number;

  constructor(firstId: number, here: Uint8Array, madeAt: number) {
    this.firstId = firstId;
    this.lastId = firstId + here.length - 1;
    this.#here = here;
    this.count = here.reduce((sum, one) => sum + one, 0);
    this.madeAt = madeAt;
  }

  /** False if the message is not in it. */
  take(queueId: number): boolean {
    const at = queueId - this.firstId;
    if (this.#here[at] !== 1) return false;
    this.#here[at] = 0;
    this.count--;
    return true;
  }

  putBack(queueId: number): void {
    this.#here[queueId - this.firstId] = 1;
    this.count++;
  }

  left(): number[] {
    return [...this.#here].flatMap((here, at) => (here === 1 ? this.firstId + at : []));
  }
}

/** What was taken from turns; `undo` where the change that was to tell the disk failed. */
export interface Taken extends WireTurns {
  /** Those asked for that have rows of their own. */
  readonly others: readonly number[];
  undo(): void;
}

export class Turns {
  /** By queue id. */
  #turns: Turn[] = [];
  #lastFound: Turn | undefined;
  #looks = 0;

  get size(): number {
    return this.#turns.length;
  }

  /** The turn of a change about to be made; undefined if none of its rows lie together. */
  add(rows: Float64Array, shares: readonly (readonly [row: number, filter: string])[]): Turn | undefined {
    const count = Math.floor(rows.length / queueColumnCount);
    const here = new Uint8Array(count);
    const [firstId = 0] = rows;
    let any = false;
    for (let row = 0; row < count; row++) {
      const at = row * queueColumnCount;
      if (rows[at] !== firstId + row) return undefined;
      if (!liesTogether(rows, at)) continue;
      here[row] = 1;
      any = true;
    }
    for (const [row] of shares) here[row] = 0;
    if (!any) return undefined;
    const turn = new Turn(firstId, here, this.#looks);
    if (turn.count === 0) return undefined;
    this.#turns.push(turn);
    return turn;
  }

  /** It could not be stored. */
  forget(turn: Turn): void {
    this.#turns = this.#turns.filter((one) => one !== turn);
    this.#lastFound = undefined;
  }

  /** Messages that are done with. */
  remove(queueIds: readonly number[]): Taken {
    return this.#taking(queueIds, false);
  }

  /** Messages that get rows of their own. */
  move(queueIds: readonly number[]): Taken {
    return this.#taking(queueIds, true);
  }

  /** What has been together since the look before the last: messages that stay for long, and turns that failed to go. */
  moveOld(): Taken | undefined {
    this.#looks++;
    const old = this.#turns.filter(({ madeAt, count }) => madeAt < this.#looks - 1 || count === 0);
    if (old.length === 0) return undefined;
    const moved = old.filter(({ count }) => count > 0).map((turn) => [turn, turn.left()] as const);
    for (const [turn, queueIds] of moved) for (const queueId of queueIds) turn.take(queueId);
    return this.#taken(moved, old, []);
  }

  #taking(queueIds: readonly number[], moving: boolean): Taken {
    const moved = new Map<Turn, number[]>();
    const emptied: Turn[] = [];
    const others: number[] = [];
    for (const queueId of queueIds) {
      const turn = this.#find(queueId);
      if (turn === undefined || !turn.take(queueId)) {
        others.push(queueId);
        continue;
      }
      if (turn.count === 0) emptied.push(turn);
      if (!moving) continue;
      const list = moved.get(turn);
      if (list === undefined) moved.set(turn, [queueId]);
      else list.push(queueId);
    }
    return this.#taken([...moved], emptied, others);
  }

  #taken(moved: readonly (readonly [Turn, readonly number[]])[], emptied: readonly Turn[], others: number[]): Taken {
    if (emptied.length > 0) {
      const gone = new Set(emptied);
      this.#turns = this.#turns.filter((turn) => !gone.has(turn));
      this.#lastFound = undefined;
    }
    return {
      moved: moved.map(([{ firstId }, queueIds]) => [firstId, queueIds] as const),
      emptied: emptied.map(({ firstId }) => firstId),
      others,
      undo: () => {
        for (const [turn, queueIds] of moved) for (const queueId of queueIds) turn.putBack(queueId);
        this.#turns = [...new Set([...this.#turns, ...emptied])].sort((a, b) => a.firstId - b.firstId);
      },
    };
  }

  #find(queueId: number): Turn | undefined {
    const last = this.#lastFound;
    if (last !== undefined && queueId >= last.firstId && queueId <= last.lastId) return last;
    let low = 0;
    let high = this.#turns.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const turn = this.#turns[middle] as Turn;
      if (queueId < turn.firstId) high = middle - 1;
      else if (queueId > turn.lastId) low = middle + 1;
      else {
        this.#lastFound = turn;
        return turn;
      }
    }
    return undefined;
  }
}
