/**
 * The Worker that owns the only writing connection. It commits each batch it is sent, answers, and uses the pause after
 * the answer to move the WAL into the database, so that no acknowledgement waits for a checkpoint. This is the build's
 * second entry point.
 */
import type { Database } from "bun:sqlite";
import { type Committer, createCommitter, type NamedChange } from "./committer.ts";
import { migrate } from "./migrations.ts";
import { openForWriting } from "./open.ts";
import { createReserve, type Reserve } from "./reserve.ts";
import type { FromWorker, ToWorker } from "./wire.ts";

declare const self: Worker;

/** 4 KiB pages in the WAL before they are moved: often enough that one slice stays short. */
const checkpointPages = 4096;
const restoreEveryMs = 1000;
const prepareAfterMs = 3000;

interface Open {
  readonly db: Database;
  readonly committer: Committer;
  readonly reserve: Reserve;
}

let open: Open | undefined;
let restoring: ReturnType<typeof setInterval> | undefined;

const post = (message: FromWorker): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "open") start(data);
  else if (data.type === "batch") settle(data);
  else close();
};

function start({ dataDir, durability, nowMs }: Extract<ToWorker, { type: "open" }>): void {
  try {
    const db = openForWriting(dataDir, durability);
    const migrated = migrate(db, nowMs);
    const reserve = createReserve(dataDir, () => commitNothing(db));
    const sweeps = db.prepare("SELECT chat_id FROM sweeps").values() as [number][];
    post({ type: "opened", migrated, sweeps: sweeps.map(([chatId]) => chatId) });
    // The statements are prepared while the other thread goes on.
    open = { db, reserve, committer: createCommitter(db, reserve) };
    // The start does not wait until sixteen megabytes are written.
    setTimeout(() => void prepareReserve(reserve), prepareAfterMs);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    post({ type: "failed", name, message });
  }
}

async function prepareReserve(reserve: Reserve): Promise<void> {
  if (restoring === undefined && !(await reserve.prepare())) degraded(reserve);
}

function settle({ nowMs, seed, changes, blobs }: Extract<ToWorker, { type: "batch" }>): void {
  if (open === undefined) throw new Error("a batch came before the database was opened");
  const named = JSON.parse(changes) as NamedChange[];
  for (const [place, bytes] of blobs) {
    const change = named[place];
    if (change !== undefined) named[place] = [change[0], change[1], bytes];
  }
  const { outcomes, generation, storage, releasedFiles } = open.committer.commit({ nowMs, seed, changes: named });
  const settled = { type: "settled", outcomes: JSON.stringify(outcomes), generation, storage } as const;
  post(releasedFiles === undefined ? settled : { ...settled, releasedFiles });
  if (storage !== null) degraded(open.reserve);
  checkpoint(open);
}

/** PASSIVE never waits for a reader; NOOP only counts. */
function checkpoint({ db, reserve }: Open): void {
  try {
    const [counted] = db.prepare("PRAGMA wal_checkpoint(NOOP)").values() as [number, number, number][];
    const waiting = (counted?.[1] ?? 0) - (counted?.[2] ?? 0);
    if (waiting >= checkpointPages) db.prepare("PRAGMA wal_checkpoint(PASSIVE)").values();
  } catch (error) {
    reserve.spend(String(error));
    degraded(reserve);
  }
}

function degraded(reserve: Reserve): void {
  post({ type: "storage", storage: reserve.reason });
  restoring ??= setInterval(() => {
    if (!reserve.restore()) return;
    clearInterval(restoring);
    restoring = undefined;
    post({ type: "storage", storage: null });
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
  clearInterval(restoring);
  if (open !== undefined) {
    try {
      open.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").values();
    } finally {
      open.db.close();
    }
  }
  post({ type: "closed" });
}
