/**
 * The Worker of search: it answers searches, and between them brings the index up to the messages. It reads the database of
 * messages and writes a file of its own, so that no commit waits for it. It is started when there is something to search or
 * to index, and ended when there is nothing. It is the build's fourth entry point.
 */
import type { Database } from "bun:sqlite";
import { setPriority } from "node:os";
import { freeBytes } from "../engine/free-bytes.ts";
import { openForReading } from "../engine/open.ts";
import type { Tell } from "../engine/opening.ts";
import type { IndexFile } from "./index-file.ts";
import { isBroken, openIndex, throwAway } from "./index-keeper.ts";
import { createIndexer, type Slice } from "./indexer.ts";
import { createPages, defaultPageBounds, type FoundPage, type PageRequest } from "./pages.ts";
import { createTextRows, type TextRows } from "./text-rows.ts";
import type { FromSearchWorker, SearchPace, ToSearchWorker } from "./wire.ts";

declare const self: Worker;

/** Of the thread: a third of the processor time that another thread gets beside it. */
const niceness = 5;
/** Very many messages. */
const busyPerSecond = 2000;
const mib = 1024 * 1024;
/** So many slices of what is marked come before a search. */
const marksFirst = 2;

interface Open {
  readonly dataDir: string;
  readonly pace: SearchPace;
  readonly db: Database;
  readonly rows: TextRows;
}

interface OpenIndex {
  readonly index: IndexFile;
  readonly slice: () => Slice;
  readonly takeMarks: () => Slice | undefined;
}

let open: Open | undefined;
/** Undefined where the disk does not let it be opened. */
let indexed: OpenIndex | undefined;
let find: ((request: PageRequest) => FoundPage | undefined) | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Why nothing is indexed just now. */
let stopped: string | undefined;
let seen = { lastMessageId: 0, atMs: 0 };

const time = { monotonicMs: (): number => performance.now() };
const post = (message: FromSearchWorker): void => self.postMessage(message);
const tell: Tell = (level, message, fields) => post({ type: "log", level, message, fields });

self.onmessage = ({ data }: MessageEvent<ToSearchWorker>) => {
  if (data.type === "open") start(data.dataDir, data.pace);
  else if (data.type === "wake") workIn(0);
  else if (data.type === "find") answer(data);
  else close();
};

/** The others come first where the processor is busy. Of all systems, Linux alone takes this for the thread. */
function beNice(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(0, niceness);
  } catch {
    // A sandbox may forbid it.
  }
}

function start(dataDir: string, pace: SearchPace): void {
  beNice();
  const db = openForReading(dataDir);
  open = { dataDir, pace, db, rows: createTextRows(db, dataDir) };
  useIndex(undefined);
}

function useIndex(index: IndexFile | undefined): void {
  if (open === undefined) return;
  const { rows, pace } = open;
  find = createPages({ index, rows, time, ...defaultPageBounds });
  indexed = index === undefined ? undefined : { index, ...createIndexer({ index, rows, time, sliceMs: pace.sliceMs }) };
}

function reachIndex(): OpenIndex | undefined {
  if (indexed === undefined && open !== undefined) {
    const { dataDir, rows, pace } = open;
    useIndex(openIndex({ dataDir, rows, tell, shardMessages: pace.shardMessages }));
  }
  return indexed;
}

/** A damaged index is made anew; true where it was one. */
function isMadeAnew(error: unknown): boolean {
  if (open === undefined || !isBroken(error)) return false;
  indexed?.index.close();
  useIndex(undefined);
  throwAway({ dataDir: open.dataDir, tell, error });
  return true;
}

function answer(request: Extract<ToSearchWorker, { type: "find" }>): void {
  const { id } = request;
  try {
    const page = findPage(request);
    post(page === undefined ? { type: "refused", id, reason: "no_word" } : { type: "found", id, ...page });
  } catch (error) {
    post({ type: "log", level: "error", message: "a search failed", fields: { error: String(error) } });
    post({ type: "refused", id, reason: "failed" });
  }
  workIn(0);
}

/** Without its index it still finds, among the newest messages, more slowly. */
function findPage(request: PageRequest): FoundPage | undefined {
  try {
    takeMarksFirst(reachIndex());
    return find?.(request);
  } catch (error) {
    if (!isMadeAnew(error)) stopFor(String(error));
    return find?.(request);
  }
}

/** What was edited is found by its new words at once. */
function takeMarksFirst(index: OpenIndex | undefined): void {
  for (let left = stopped === undefined ? marksFirst : 0; left > 0; left -= 1) {
    const slice = index?.takeMarks();
    if (slice === undefined) return;
    tellMarks(slice);
  }
}

function tellMarks({ marksThrough }: Slice): void {
  if (marksThrough !== undefined) post({ type: "marks", through: marksThrough });
}

function workIn(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(work, ms);
}

function work(): void {
  timer = undefined;
  if (open === undefined) return;
  const { pace } = open;
  try {
    const free = freeBytes(open.dataDir);
    if (free < pace.roomBytesMin) {
      stopFor(
        `the disk has ${Math.floor(free / mib)} MiB left; indexing needs ${Math.ceil(pace.roomBytesMin / mib)} MiB`,
      );
      return;
    }
    const slice = reachIndex()?.slice();
    if (stopped !== undefined) tell("info", "messages are indexed for search again", {});
    stopped = undefined;
    if (slice !== undefined) tellMarks(slice);
    if (slice?.again === undefined) post({ type: "idle" });
    else workIn(slice.again === "now" ? pause(open) : Math.max(slice.again.inMs, pace.pauseMs));
  } catch (error) {
    if (isMadeAnew(error)) workIn(pace.pauseMs);
    else stopFor(String(error));
  }
}

/** Indexing stops, and nothing else; it is tried again. */
function stopFor(reason: string): void {
  if (open === undefined) return;
  if (stopped === undefined) tell("warn", "new messages are not indexed for search for now", { reason });
  stopped = reason;
  workIn(open.pace.retryMs);
}

function pause({ rows, pace }: Open): number {
  const before = seen;
  seen = { lastMessageId: rows.lastMessageId(), atMs: time.monotonicMs() };
  const arrived = seen.lastMessageId - before.lastMessageId;
  if (before.atMs === 0 || arrived === 0) return pace.pauseMs;
  const perSecond = (arrived * 1000) / Math.max(1, seen.atMs - before.atMs);
  return perSecond > busyPerSecond ? pace.busyPauseMs : pace.yieldPauseMs;
}

function close(): void {
  clearTimeout(timer);
  try {
    indexed?.index.closeSynced();
  } catch (error) {
    tell("warn", "the index of search was not closed in order", { reason: String(error) });
  }
  open?.rows.close();
  open?.db.close();
  open = undefined;
  indexed = undefined;
  find = undefined;
  post({ type: "closed" });
}
