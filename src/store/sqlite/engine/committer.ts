/**
 * Runs a batch of changes as one transaction. The straight path has no savepoints: every change checks before it
 * writes, so a refusal leaves nothing behind. If one throws after it wrote, the batch rolls back and runs again with a
 * savepoint each. If the transaction itself is lost (disk full, I/O error), every change of the batch fails.
 */
import type { Database } from "bun:sqlite";
import { DomainError, type DomainErrorCode } from "../../../domain/errors.ts";
import type { SteadyMs } from "../../../lib/clock.ts";
import { type ChangeName, createChanges } from "../changes.ts";
import { Appended } from "../messages/message-changes.ts";
import type { Reserve } from "./reserve.ts";
import { Tx } from "./tx.ts";

/** Bytes stand beside the JSON; `{"blob": n}` in the arguments means the n-th of them. */
export type NamedChange = readonly [name: ChangeName, args: unknown, blobs?: readonly Uint8Array[]];

/** 0: done, with its value. 1: refused by a rule. 2: a fault of ours, with text for the log. */
export type Outcome = readonly [0, unknown] | readonly [1, DomainErrorCode, string?] | readonly [2, string];

export interface BatchOutcome {
  readonly outcomes: readonly Outcome[];
  /** When it moves, the receiver's copy of member lists is void. */
  readonly generation: number;
  /** Why writing is refused just now, if it is. */
  readonly storage: string | null;
  /** Files no message refers to since this commit; left out where there are none. */
  readonly releasedFiles?: readonly string[];
}

export interface Committer {
  commit(batch: ParsedBatch): BatchOutcome;
}

/** All that a commit depends on besides the database: a `Batch` of the log, its changes no longer text. */
export interface ParsedBatch {
  /** What the clock says; the batch's time is made of it, see `Tx.begin`. */
  readonly nowMs: number;
  readonly steadyMs: SteadyMs;
  /** Drawn for this batch alone: what is random in it is derived from that. */
  readonly seed: string;
  readonly changes: readonly NamedChange[];
}

/** @param between called between the transactions of a batch that could not be one, as for a checkpoint */
export function createCommitter(db: Database, reserve: Reserve, between: () => void = () => {}): Committer {
  const tx = new Tx(db);
  const changeOf = createChanges(tx);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commitNow = db.prepare("COMMIT");
  const rollback = db.prepare("ROLLBACK");
  const savepoint = db.prepare("SAVEPOINT change");
  const release = db.prepare("RELEASE change");
  const rollbackTo = db.prepare("ROLLBACK TO change");

  const commit: Committer["commit"] = (whole) => {
    const { changes: batch } = whole;
    const allowed = reserve.intact ? batch : batch.filter(([name]) => frees(name));
    released = [];
    const results = allowed.length === 0 ? [] : attempt({ ...whole, changes: allowed });
    let next = 0;
    const outcomes =
      reserve.intact === false && allowed.length < batch.length
        ? batch.map(([name]) => (frees(name) ? (results[next++] ?? storageFull()) : storageFull()))
        : results;
    const outcome = { outcomes, generation: tx.generation, storage: reserve.reason };
    return released.length === 0 ? outcome : { ...outcome, releasedFiles: released };
  };

  /** Files that the transactions of this batch released. */
  let released: string[] = [];

  const frees = (name: string): boolean => changeOf(name)?.frees === true;

  function attempt(batch: ParsedBatch): Outcome[] {
    try {
      return straight(batch) ?? withSavepoints(batch);
    } catch (error) {
      // The transaction is gone or cannot be finished: nothing of the batch happened.
      abandon();
      if (!isStorageError(error)) return batch.changes.map(() => fault(error));
      reserve.spend(String(error));
      return isFull(error) && batch.changes.length > 1 ? inHalves(batch) : batch.changes.map(storageFull);
    }
  }

  /** Together they were too much for the disk; those that free space may be small enough, and make room for each other. */
  function inHalves(batch: ParsedBatch): Outcome[] {
    const freeing = batch.changes.filter(([name]) => frees(name));
    const middle = Math.ceil(freeing.length / 2);
    const outcomes = [freeing.slice(0, middle), freeing.slice(middle)].flatMap((changes, half) => {
      if (changes.length === 0) return [];
      makeRoom();
      return attempt({ ...batch, seed: `${batch.seed}.${half}`, changes });
    });
    let next = 0;
    return batch.changes.map(([name]) => (frees(name) ? (outcomes[next++] ?? storageFull()) : storageFull()));
  }

  function makeRoom(): void {
    try {
      between();
    } catch {
      // The transaction that follows finds out.
    }
  }

  /** Undefined where a change failed half-way and the batch must run again, each change on its own. */
  function straight(batch: ParsedBatch): Outcome[] | undefined {
    begin.run();
    tx.begin(batch);
    const results: Outcome[] = [];
    for (const change of batch.changes) {
      const writesBefore = tx.writes;
      try {
        results.push(run(change));
      } catch (error) {
        if (!db.inTransaction || isStorageError(error)) throw error;
        if (tx.writes !== writesBefore) {
          abandon();
          return undefined;
        }
        results.push(refusal(error));
      }
    }
    finish();
    return results.map((outcome) => encode(outcome, tx.generation));
  }

  function withSavepoints(batch: ParsedBatch): Outcome[] {
    begin.run();
    tx.begin(batch);
    const results: Outcome[] = [];
    for (const change of batch.changes) {
      savepoint.run();
      try {
        results.push(run(change));
        tx.disk.flush();
      } catch (error) {
        if (!db.inTransaction || isStorageError(error)) throw error;
        rollbackTo.run();
        tx.disk.discard();
        tx.forget();
        results.push(refusal(error));
      }
      release.run();
    }
    finish();
    return results.map((outcome) => encode(outcome, tx.generation));
  }

  function run([name, args, blobs]: NamedChange): Outcome {
    const change = changeOf(name);
    if (change === undefined) throw new Error(`no change is named ${name}`);
    return [0, change(args as never, blobs ?? [])];
  }

  function finish(): void {
    tx.finish();
    commitNow.run();
    if (tx.releasedFiles.length > 0) released.push(...tx.releasedFiles);
  }

  function abandon(): void {
    tx.disk.discard();
    tx.forget();
    if (db.inTransaction) rollback.run();
  }

  return { commit };
}

/** Done after the commit: an `Appended` turns into what the main thread has not got yet. */
function encode(outcome: Outcome, generation: number): Outcome {
  if (outcome[0] !== 0) return outcome;
  const value = outcome[1];
  if (value instanceof Appended) return [0, value.encode(generation)];
  if (!Array.isArray(value)) return outcome;
  return [0, value.map((one: unknown) => (one instanceof Appended ? one.encode(generation) : one))];
}

function refusal(error: unknown): Outcome {
  if (!(error instanceof DomainError)) return fault(error);
  return [1, error.code, error.message];
}

const fault = (error: unknown): Outcome => [2, error instanceof Error ? (error.stack ?? error.message) : String(error)];

const storageFull = (): Outcome => [1, "storage_full"];

const isFull = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === "SQLITE_FULL";

/** SQLITE_FULL, SQLITE_IOERR and its kin, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_CORRUPT: the disk, not the change. */
function isStorageError(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM)/.test(code);
}
