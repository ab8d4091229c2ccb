/**
 * Gathers what a tick asks for, has it committed as one batch, and while that goes on gathers the next. Nothing waits for a
 * timer: a batch is as large as the last commit was slow. What was committed is told in the order of the commits, before
 * the promise of the caller who asked for it resolves.
 */

import { DomainError } from "../../../domain/errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { ArgumentsOf, ChangeName } from "../changes.ts";
import type { BatchLog, CommittedBatch } from "./batch-log.ts";
import type { Outcome } from "./committer.ts";
import type { Outcomes } from "./wire.ts";

/** One transaction takes no more than this. */
const batchChangesMax = 4096;
const batchBytesMax = 8 * 1024 * 1024;
/** What may wait for the disk in all; beyond it the answer is `busy`. */
const waitingBytesMax = 64 * 1024 * 1024;
/** How long a change that is not worth a commit waits for another one. */
const laterMs = 100;

/** A change as it was asked for. */
export interface Asked {
  readonly name: ChangeName;
  readonly args: unknown;
  readonly blobs: readonly Uint8Array[];
  /** What the caller gave for `Committed.settle` alone; it does not leave this thread. */
  readonly local: unknown;
  /** Answers the caller. */
  readonly resolve: (value: unknown) => void;
}

interface Waiting extends Asked {
  readonly json: string;
  readonly bytes: number;
  readonly urgent: boolean;
  readonly reject: (error: Error) => void;
}

/** What hears of commits; all of it is called in their order. */
export interface Committed {
  /** The member lists known so far are void. */
  forget(): void;
  /** A change was committed with this outcome: tells the users it concerns, then answers the caller. */
  settle(change: Asked, outcome: unknown): void;
  /** Every change of the batch was settled. */
  batchSettled(): void;
  /** Files that no message refers to any more. */
  released(hashes: readonly string[]): void;
}

/** Bytes travel beside the arguments, which are JSON. */
export interface Beside {
  readonly blobs?: readonly Uint8Array[];
  readonly local?: unknown;
}

export interface Writer {
  /** Resolves, in the order of submission, once the change is on disk and was told. */
  submit<Name extends ChangeName>(name: Name, args: ArgumentsOf<Name>, beside?: Beside): Promise<unknown>;
  /** The same, for what is not worth a commit of its own: it joins the next one, or is made within a tenth of a second. */
  submitLater<Name extends ChangeName>(name: Name, args: ArgumentsOf<Name>): Promise<unknown>;
  /** Adds a listener, called when a batch is about to be committed; what it submits joins it. */
  beforeCommit(listener: () => void): void;
  waiting(): { changes: number; bytes: number };
  close(): Promise<void>;
}

export interface WriterParts {
  readonly batches: BatchLog;
  readonly committed: Committed;
  readonly clock: Clock;
  readonly log: Log;
  /** Writing is refused for this reason. */
  onStorage(reason: string): void;
  /** The log ended: what was in flight has been refused, and the process must end. */
  onDeath(error: Error): void;
}

const seedBytes = Buffer.alloc(16);

/** Not from node:crypto, which a start would have to load for its first batch. */
const newSeed = (): string => crypto.getRandomValues(seedBytes).toString("hex");

export function createWriter({ batches, committed, clock, log, onStorage, onDeath }: WriterParts): Writer {
  let queue: Waiting[] = [];
  let inFlight: Waiting[] = [];
  let waitingBytes = 0;
  let scheduled = false;
  let state: "open" | "closing" | "dead" = "open";
  let generation = 0;
  const beforeCommit: (() => void)[] = [];
  /** How many changes of `queue` ask for a commit. */
  let urgent = 0;
  /** What waits for another change's commit has waited long enough. */
  let overdue = false;
  let later: ReturnType<typeof setTimeout> | undefined;

  batches.onEnd((error) => {
    state = "dead";
    clearTimeout(later);
    const refused = new DomainError("storage_full", "the writer ended");
    for (const waiting of [...inFlight, ...queue]) waiting.reject(refused);
    inFlight = [];
    queue = [];
    onDeath(error);
  });

  function submit(name: ChangeName, args: unknown, beside?: Beside): Promise<unknown> {
    const promise = push(name, args, beside, true);
    if (urgent > 0 && inFlight.length === 0 && !scheduled) {
      scheduled = true;
      setImmediate(ship);
    }
    return promise;
  }

  function submitLater(name: ChangeName, args: unknown): Promise<unknown> {
    const promise = push(name, args, undefined, false);
    if (queue.length > 0) later ??= setTimeout(shipLate, laterMs);
    return promise;
  }

  function push(name: ChangeName, args: unknown, beside: Beside | undefined, isUrgent: boolean): Promise<unknown> {
    if (state !== "open") return Promise.reject(new DomainError("stopping"));
    const blobs = beside?.blobs ?? none;
    const json = `["${name}",${JSON.stringify(args)}]`;
    let bytes = json.length;
    for (const blob of blobs) bytes += blob.byteLength;
    if (waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new DomainError("busy", "the disk is slower than what is asked of it"));
    }
    waitingBytes += bytes;
    if (isUrgent) urgent += 1;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    queue.push({ name, args, blobs, local: beside?.local, json, bytes, urgent: isUrgent, resolve, reject });
    return promise;
  }

  function shipLate(): void {
    later = undefined;
    overdue = true;
    if (!scheduled) ship();
  }

  function ship(): void {
    scheduled = true; // what the listeners submit ships now
    const due = inFlight.length === 0 && queue.length > 0 && (urgent > 0 || overdue) && state !== "dead";
    if (due && state === "open") for (const listener of beforeCommit) listener();
    scheduled = false;
    if (!due) return;
    let count = 0;
    let bytes = 0;
    while (count < queue.length && count < batchChangesMax && (count === 0 || bytes < batchBytesMax)) {
      bytes += queue[count]?.bytes ?? 0;
      count += 1;
    }
    inFlight = count === queue.length ? queue : queue.slice(0, count);
    queue = count === queue.length ? [] : queue.slice(count);
    for (const waiting of inFlight) if (waiting.urgent) urgent -= 1;
    if (queue.length === 0) {
      overdue = false;
      clearTimeout(later);
      later = undefined;
    }
    const blobs: [number, readonly Uint8Array[]][] = [];
    inFlight.forEach((waiting, place) => {
      if (waiting.blobs.length > 0) blobs.push([place, waiting.blobs]);
    });
    const changes = `[${inFlight.map((waiting) => waiting.json).join(",")}]`;
    void batches
      .append({ nowMs: clock.nowMs(), steadyMs: clock.steadyMs(), seed: newSeed(), changes, blobs })
      .then(settled);
  }

  function settled(batch: CommittedBatch): void {
    const done = inFlight;
    inFlight = [];
    for (const waiting of done) waitingBytes -= waiting.bytes;
    // The log goes on at once, with what gathered meanwhile; the answers are handed out while it works.
    ship();
    if (batch.generation !== generation) {
      generation = batch.generation;
      committed.forget();
    }
    if (batch.storage !== null) onStorage(batch.storage);
    const outcomes = JSON.parse(batch.outcomes) as Outcomes;
    for (let index = 0; index < done.length; index += 1) {
      const waiting = done[index];
      if (waiting !== undefined) answer(waiting, outcomes[index]);
    }
    committed.batchSettled();
    if (batch.releasedFiles !== undefined) committed.released(batch.releasedFiles);
  }

  function answer(waiting: Waiting, outcome: Outcome | undefined): void {
    if (outcome === undefined) waiting.reject(new Error("the writer gave no answer"));
    else if (outcome[0] === 0) done(waiting, outcome[1]);
    else if (outcome[0] === 1) waiting.reject(refusalOf(outcome[1], outcome[2]));
    else {
      log.error("a change failed", { error: outcome[1] });
      waiting.reject(new Error("a change failed"));
    }
  }

  /** Whatever goes wrong in telling, the other changes of the batch are told and answered. */
  function done(waiting: Waiting, outcome: unknown): void {
    try {
      committed.settle(waiting, outcome);
    } catch (error) {
      log.error("a change was committed and could not be told", { change: waiting.name, error });
      waiting.reject(new Error("a change could not be told"));
    }
  }

  async function close(): Promise<void> {
    while (state === "open" && (inFlight.length > 0 || queue.length > 0)) {
      overdue = true; // Nothing waits for a commit that may never be.
      ship();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (state !== "open") return;
    state = "closing";
    await batches.close();
  }

  return {
    submit,
    submitLater,
    close,
    beforeCommit: (listener) => {
      beforeCommit.push(listener);
    },
    waiting: () => ({ changes: inFlight.length + queue.length, bytes: waitingBytes }),
  };
}

const none: readonly Uint8Array[] = [];

/** The committer's text is `code: detail`; the code is not said twice. */
function refusalOf(code: ConstructorParameters<typeof DomainError>[0], text: string | undefined): DomainError {
  return new DomainError(code, text?.startsWith(`${code}: `) === true ? text.slice(code.length + 2) : undefined);
}
