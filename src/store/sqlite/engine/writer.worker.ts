/**
 * The Worker that owns the only writing connection. It commits each batch it is sent, answers, and uses the pause after
 * the answer to move the WAL into the database, so that no acknowledgement waits for a checkpoint. This is the build's
 * second entry point.
 */
import type { Database } from "bun:sqlite";
import { free } from "../../../lib/freed.ts";
import { type Checkpoint, createCheckpoint } from "./checkpoint.ts";
import { type Committer, createCommitter, type NamedChange } from "./committer.ts";
import { tellOfMigrations } from "./migration-notices.ts";
import { migrate } from "./migrations.ts";
import { openDatabase, type Tell } from "./opening.ts";
import { createReserve, type Reserve } from "./reserve.ts";
import { createVacuum, type Vacuum } from "./vacuum.ts";
import type { FromWorker, ToWorker } from "./wire.ts";

declare const self: Worker;

const restoreEveryMs = 1000;
const prepareAfterMs = 3000;
/** From the first batch after a pause until a look whether there are free pages to give back. */
const vacuumAfterMs = 1000;
/** A slice of it and the pause behind it: what arrives in between waits for one slice at most. */
const vacuumSliceMs = 1;
const vacuumPauseMs = 50;
/** Of each second in which writing is refused. */
const vacuumWhenFullMs = 100;

type Opening = Extract<ToWorker, { type: "open" }>;

interface Open {
  readonly db: Database;
  readonly committer: Committer;
  readonly checkpoint: Checkpoint;
  readonly reserve: Reserve;
  readonly vacuum: Vacuum;
}

let open: Open | undefined;
let restoring: ReturnType<typeof setInterval> | undefined;
let preparing: ReturnType<typeof setTimeout> | undefined;
let vacuuming: ReturnType<typeof setTimeout> | undefined;

const post = (message: FromWorker): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "open") start(data);
  else if (data.type === "batch") settle(data);
  else close();
};

function start(opening: Opening): void {
  const { dataDir, nowMs } = opening;
  try {
    const db = openDatabase(opening, tell);
    tellOfMigrations(db, migrate(db, nowMs), tell);
    const sweeps = db.prepare("SELECT chat_id FROM sweeps").values() as [number][];
    post({ type: "opened", sweeps: sweeps.map(([chatId]) => chatId) });
    // The statements are prepared while the other thread goes on.
    const vacuum = createVacuum(db);
    const reserve = createReserve(dataDir, {
      trial: () => commitNothing(db),
      // Free pages first: the WAL that they are moved through is there.
      givers: [() => giveFreePages(checkpoint, vacuum), () => checkpoint.andTruncate()],
    });
    const checkpoint = createCheckpoint(db, { dataDir, reserve });
    open = { db, checkpoint, reserve, vacuum, committer: createCommitter(db, reserve, checkpoint.ifDue) };
    // The start does not wait until sixteen megabytes are written.
    preparing = setTimeout(prepareReserve, prepareAfterMs, reserve);
    vacuumLater();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    post({ type: "failed", name, message });
  }
}

const tell: Tell = (level, message, fields) => post({ type: "log", level, message, fields });

async function prepareReserve(reserve: Reserve): Promise<void> {
  if (restoring !== undefined) return;
  const prepared = await reserve.prepare();
  if (open?.reserve !== reserve) return;
  if (prepared === false) degraded(reserve);
  // No descriptor is free just now, which is no reason to refuse anything.
  if (prepared === undefined) preparing = setTimeout(prepareReserve, prepareAfterMs, reserve);
}

function settle({ nowMs, steadyMs, seed, changes, blobs }: Extract<ToWorker, { type: "batch" }>): void {
  if (open === undefined) throw new Error("a batch came before the database was opened");
  const named = JSON.parse(changes) as NamedChange[];
  for (const [place, bytes] of blobs) {
    const change = named[place];
    if (change !== undefined) named[place] = [change[0], change[1], bytes];
  }
  const { outcomes, generation, storage, releasedFiles } = open.committer.commit({
    nowMs,
    steadyMs,
    seed,
    changes: named,
  });
  const settled = { type: "settled", outcomes: JSON.stringify(outcomes), generation, storage } as const;
  post(releasedFiles === undefined ? settled : { ...settled, releasedFiles });
  if (storage !== null) degraded(open.reserve);
  onDisk(open, open.checkpoint.ifDue);
  vacuumLater();
  // They are copies of this thread's.
  for (const [, parts] of blobs) for (const bytes of parts) free(bytes);
}

function onDisk({ reserve }: Open, work: () => void): void {
  try {
    work();
  } catch (error) {
    reserve.spend(String(error));
    degraded(reserve);
  }
}

function vacuumLater(): void {
  vacuuming ??= setTimeout(vacuumSlice, vacuumAfterMs);
}

/** Goes on until nothing is worth it, and then lets the file shrink. */
function vacuumSlice(): void {
  vacuuming = undefined;
  if (open === undefined || !open.reserve.intact) return;
  const { checkpoint, vacuum } = open;
  onDisk(open, () => {
    if (!vacuum.isWorth()) return;
    if (vacuum.slice(vacuumSliceMs)) vacuuming = setTimeout(vacuumSlice, vacuumPauseMs);
    if (vacuuming === undefined || !vacuum.isWorth()) checkpoint.now();
    else checkpoint.ifDue();
  });
}

/** The WAL is used again from its beginning, so that this takes no more of the disk. */
function giveFreePages(checkpoint: Checkpoint, vacuum: Vacuum): void {
  checkpoint.now();
  vacuum.slice(vacuumWhenFullMs);
  checkpoint.now();
}

function degraded(reserve: Reserve): void {
  post({ type: "storage", storage: reserve.reason });
  restoring ??= setInterval(() => {
    if (!reserve.restore()) return;
    clearInterval(restoring);
    restoring = undefined;
    post({ type: "storage", storage: null });
    vacuumLater();
  }, restoreEveryMs);
}

/** A commit that goes all the way to the disk and leaves nothing behind. */
function commitNothing(db: Database): void {
  const write = db.transaction(() => {
    db.run("INSERT INTO sweeps (chat_id) VALUES (0)");
    db.run("DELETE FROM sweeps WHERE chat_id = 0");
  });
  write.immediate();
}

function close(): void {
  clearTimeout(preparing);
  clearTimeout(vacuuming);
  vacuuming = undefined;
  clearInterval(restoring);
  restoring = undefined;
  const closing = open;
  open = undefined;
  if (closing !== undefined) {
    try {
      closing.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").values();
    } finally {
      closing.db.close();
    }
  }
  post({ type: "closed" });
}
