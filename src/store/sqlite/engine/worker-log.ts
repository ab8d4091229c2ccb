/** The log of a server on its own: a Worker owns the only writing connection and commits each batch to the file. */
import type { Log } from "../../../lib/log.ts";
import type { BatchLog, CommittedBatch } from "./batch-log.ts";
import { SchemaError } from "./migrations.ts";
import type { Durability } from "./open.ts";
import { DatabaseRefused } from "./own-database.ts";
import type { FromWorker, ToWorker } from "./wire.ts";
import { startWriterThread, type WriterThread } from "./writer-thread.ts";

export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

export interface WorkerLogOptions {
  readonly dataDir: string;
  readonly durability: Durability;
  readonly nowMs: number;
  readonly log: Log;
  /** Where the database is lost or foreign, what is there is set aside; else that is refused. */
  readonly startEmpty?: boolean | undefined;
  /** Started already, or it is now. */
  readonly thread?: WriterThread | undefined;
  /** Writing is refused for this reason, or (undefined) works again. */
  onStorage(reason: string | undefined): void;
}

export interface WorkerLog extends BatchLog {
  /** Chats that are gone and still have messages. */
  readonly sweeps: readonly number[];
}

/** Resolves when the database is open. Throws `SchemaError`, `DatabaseRefused`, `DatabaseError`. */
export async function openWorkerLog(options: WorkerLogOptions): Promise<WorkerLog> {
  const { worker, ended: workerEnded } = options.thread ?? startWriterThread();
  const opened = Promise.withResolvers<readonly number[]>();
  const closed = Promise.withResolvers<void>();
  let underWay: ((batch: CommittedBatch) => void) | undefined;
  let ended: (error: Error) => void = () => {};
  let state: "open" | "closing" | "ended" = "open";

  const tell = (message: ToWorker): void => worker.postMessage(message);

  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === "settled") {
      underWay?.(data);
      underWay = undefined;
    } else if (data.type === "opened") opened.resolve(data.sweeps);
    else if (data.type === "failed") opened.reject(failure(data.name, data.message));
    else if (data.type === "log") options.log[data.level](data.message, data.fields);
    else if (data.type === "storage") options.onStorage(data.storage ?? undefined);
    else closed.resolve();
  };
  void workerEnded.then(({ error }) => {
    if (error !== undefined) end(error);
    else if (state !== "closing") end(new Error("the writer ended by itself"));
  });

  function end(error: Error): void {
    if (state === "ended") return;
    const wasClosing = state === "closing";
    state = "ended";
    opened.reject(error);
    closed.resolve();
    if (!wasClosing) ended(error);
  }

  const { dataDir, durability, nowMs, startEmpty = false } = options;
  tell({ type: "open", dataDir, durability, nowMs, startEmpty });
  try {
    const sweeps = await opened.promise;
    return {
      sweeps,
      append(batch) {
        const { promise, resolve } = Promise.withResolvers<CommittedBatch>();
        underWay = resolve;
        tell({ type: "batch", ...batch });
        return promise;
      },
      onEnd(listener) {
        ended = listener;
      },
      async close() {
        if (state !== "open") return;
        state = "closing";
        tell({ type: "close" });
        await closed.promise;
        worker.terminate();
      },
    };
  } catch (error) {
    state = "closing";
    worker.terminate();
    throw error;
  }
}

/** The Worker's errors come as name and message. */
function failure(name: string, message: string): Error {
  if (name === "SchemaError") return new SchemaError(message);
  if (name === "DatabaseRefused") return new DatabaseRefused(message);
  return new DatabaseError(`the database cannot be opened: ${message}`);
}
