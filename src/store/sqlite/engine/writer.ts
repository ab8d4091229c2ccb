/**
 * The main thread's end of the writer: gathers what a tick asks for, ships it as one message, and while the Worker
 * commits, gathers the next. Nothing waits for a timer: a batch is as large as the last commit was slow.
 */

import { DomainError } from "../../../domain/errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { ChangeName } from "../changes.ts";
import type { Outcome } from "./committer.ts";
import { SchemaError } from "./migrations.ts";
import type { Durability } from "./open.ts";
import type { FromWorker, Outcomes, ToWorker } from "./wire.ts";

/** One transaction takes no more than this. */
const batchChangesMax = 4096;
const batchBytesMax = 8 * 1024 * 1024;
/** What may wait for the disk in all; beyond it the answer is `busy`. */
const waitingBytesMax = 64 * 1024 * 1024;
/** How long a change that is not worth a commit waits for somebody else's. */
const laterMs = 100;

interface Waiting {
  readonly json: string;
  readonly blobs: readonly Uint8Array[];
  readonly bytes: number;
  readonly urgent: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface Writer {
  /** Resolves, in the order of submission, once the change is on disk. */
  submit<Value>(name: ChangeName, args: unknown, blobs?: readonly Uint8Array[]): Promise<Value>;
  /** The same, for what is not worth a commit of its own: it joins the next one, or is made within a tenth of a second. */
  submitLater<Value>(name: ChangeName, args: unknown): Promise<Value>;
  /** Moves when the member lists known so far are void; looked at before a batch's values are handed out. */
  onGeneration(listener: () => void): void;
  /** Told after a commit that left files without a message. */
  onReleasedFiles(listener: (hashes: readonly string[]) => void): void;
  /** Adds a listener, called when a batch is about to be shipped; what it submits joins it. */
  beforeCommit(listener: () => void): void;
  waiting(): { changes: number; bytes: number };
  close(): Promise<void>;
}

export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

export interface WriterOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  /** Users find only those by number whom they know. */
  readonly hidesStrangers?: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Writing is refused for this reason, or (undefined) works again. */
  onStorage(reason: string | undefined): void;
  /** The Worker is gone: what was in flight has been refused, and the process must end. */
  onDeath(error: Error): void;
}

export async function openWriter(options: WriterOptions): Promise<Writer & { sweeps: readonly number[] }> {
  const { clock, log } = options;
  const worker = new Worker(new URL("./writer.worker.ts", import.meta.url).href);
  const opened = Promise.withResolvers<readonly number[]>();
  const closed = Promise.withResolvers<void>();
  let queue: Waiting[] = [];
  let inFlight: Waiting[] = [];
  let waitingBytes = 0;
  let scheduled = false;
  let state: "open" | "closing" | "dead" = "open";
  let generation = 0;
  let forget: () => void = () => {};
  let releasedFiles: (hashes: readonly string[]) => void = () => {};
  const beforeCommit: (() => void)[] = [];
  /** How many changes of `queue` ask for a commit. */
  let urgent = 0;
  /** What waits for somebody else's commit has waited long enough. */
  let overdue = false;
  let later: ReturnType<typeof setTimeout> | undefined;

  const tell = (message: ToWorker): void => worker.postMessage(message);

  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === "settled") settled(data);
    else if (data.type === "opened") opened.resolve(data.sweeps);
    else if (data.type === "failed") opened.reject(failure(data.name, data.message));
    else if (data.type === "storage") options.onStorage(data.storage ?? undefined);
    else closed.resolve();
  };
  worker.onerror = (event) => died(new Error(event.message));
  worker.addEventListener("close", () => {
    if (state !== "closing") died(new Error("the writer ended by itself"));
  });

  function died(error: Error): void {
    if (state === "dead") return;
    const wasClosing = state === "closing";
    state = "dead";
    clearTimeout(later);
    opened.reject(error);
    closed.resolve();
    const refused = new DomainError("storage_full", "the writer ended");
    for (const waiting of [...inFlight, ...queue]) waiting.reject(refused);
    inFlight = [];
    queue = [];
    if (!wasClosing) options.onDeath(error);
  }

  function submit<Value>(name: ChangeName, args: unknown, blobs: readonly Uint8Array[] = []): Promise<Value> {
    const promise = push<Value>({ name, args, blobs, urgent: true });
    if (urgent > 0 && inFlight.length === 0 && !scheduled) {
      scheduled = true;
      setImmediate(ship);
    }
    return promise;
  }

  function submitLater<Value>(name: ChangeName, args: unknown): Promise<Value> {
    const promise = push<Value>({ name, args, blobs: [], urgent: false });
    if (queue.length > 0) later ??= setTimeout(shipLate, laterMs);
    return promise;
  }

  function push<Value>(change: {
    name: ChangeName;
    args: unknown;
    blobs: readonly Uint8Array[];
    urgent: boolean;
  }): Promise<Value> {
    if (state !== "open") return Promise.reject(new DomainError("stopping"));
    const { blobs } = change;
    const json = `["${change.name}",${JSON.stringify(change.args)}]`;
    let bytes = json.length;
    for (const blob of blobs) bytes += blob.byteLength;
    if (waitingBytes + bytes > waitingBytesMax) {
      return Promise.reject(new DomainError("busy", "the disk is slower than what is asked of it"));
    }
    waitingBytes += bytes;
    if (change.urgent) urgent += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    queue.push({ json, blobs, bytes, urgent: change.urgent, resolve: resolve as (value: unknown) => void, reject });
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
    tell({ type: "batch", nowMs: clock.nowMs(), changes, blobs });
  }

  function settled(batch: Extract<FromWorker, { type: "settled" }>): void {
    const done = inFlight;
    inFlight = [];
    for (const waiting of done) waitingBytes -= waiting.bytes;
    // The Worker goes on at once, with what gathered meanwhile; the answers are handed out while it works.
    ship();
    if (batch.generation !== generation) {
      generation = batch.generation;
      forget();
    }
    if (batch.storage !== null) options.onStorage(batch.storage);
    const outcomes = JSON.parse(batch.outcomes) as Outcomes;
    for (let index = 0; index < done.length; index += 1) {
      const waiting = done[index];
      if (waiting !== undefined) answer(waiting, outcomes[index]);
    }
    if (batch.releasedFiles !== undefined) releasedFiles(batch.releasedFiles);
  }

  function answer(waiting: Waiting, outcome: Outcome | undefined): void {
    if (outcome === undefined) waiting.reject(new Error("the writer gave no answer"));
    else if (outcome[0] === 0) waiting.resolve(outcome[1]);
    else if (outcome[0] === 1) waiting.reject(refusalOf(outcome[1], outcome[2]));
    else {
      log.error("a change failed", { error: outcome[1] });
      waiting.reject(new Error("a change failed"));
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
    tell({ type: "close" });
    await closed.promise;
    worker.terminate();
  }

  const { dataDir, durability, hidesStrangers = false } = options;
  tell({ type: "open", dataDir, durability, hidesStrangers, nowMs: clock.nowMs() });
  try {
    const sweeps = await opened.promise;
    return {
      sweeps,
      submit,
      submitLater,
      close,
      onGeneration: (listener) => {
        forget = listener;
      },
      onReleasedFiles: (listener) => {
        releasedFiles = listener;
      },
      beforeCommit: (listener) => {
        beforeCommit.push(listener);
      },
      waiting: () => ({ changes: inFlight.length + queue.length, bytes: waitingBytes }),
    };
  } catch (error) {
    state = "closing";
    worker.terminate();
    throw error;
  }
}

function failure(name: string, message: string): Error {
  return name === "SchemaError"
    ? new SchemaError(message)
    : new DatabaseError(`the database cannot be opened: ${message}`);
}

/** The Worker's text is `code: detail`; the code is not said twice. */
function refusalOf(code: ConstructorParameters<typeof DomainError>[0], text: string | undefined): DomainError {
  return new DomainError(code, text?.startsWith(`${code}: `) === true ? text.slice(code.length + 2) : undefined);
}
