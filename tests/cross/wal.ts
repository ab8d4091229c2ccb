/**
 * Whether a change is on the disk, told from two files alone: the database's WAL (sqlite.org/fileformat2.html § 4) and the
 * log of the disk shim, which holds every write and sync in the order they happened. No clocks are compared.
 */
import { readFileSync } from "node:fs";
import { parseSlowFsyncLog, type SlowFsyncEvent } from "../support/slow-fsync.ts";

/**
 * `absent`: no whole transaction in the WAL holds it. `unwritten`: there is one, but not all its writes were logged
 * before we looked. `unsynced`: written, and no sync began and ended after its last write. `synced`: on the disk.
 */
export type OnDisk = "absent" | "unwritten" | "unsynced" | "synced";

export interface WatchedDisk {
  /** Of the WAL, and of the shim's log. */
  readonly walPath: string;
  readonly logPath: string;
}

const walName = "roost.db-wal";
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Looks for the transaction that first wrote `marker`. Synchronous, so that nothing happens between cause and look. */
export function onDisk(marker: string | Uint8Array, { walPath, logPath }: WatchedDisk): OnDisk {
  // The log first: what the WAL has got since then counts as not written.
  const events = parseSlowFsyncLog(readFileSync(logPath, "utf8"));
  const transaction = findTransaction(readFileSync(walPath), marker);
  if (transaction === undefined) return "absent";
  const writes = events.flatMap((event, index) => (touches(event, transaction) ? [{ event, index }] : []));
  const last = writes.at(-1);
  if (
    last === undefined ||
    !covers(
      writes.map(({ event }) => event),
      transaction,
    )
  )
    return "unwritten";
  const after = events.slice(last.index + 1).filter(({ file }) => file === walName);
  const start = after.findIndex(({ kind }) => kind === "sync-start");
  if (start === -1) return "unsynced";
  return after.slice(start).some(({ kind }) => kind === "sync-end") ? "synced" : "unsynced";
}

/**
 * The same for a change that leaves no marker, as a removal does, and is the only one: looks for what reached the WAL
 * after `ns` (`monotonicNowNs`).
 */
export function onDiskSince(ns: bigint, { logPath }: WatchedDisk): OnDisk {
  const after = parseSlowFsyncLog(readFileSync(logPath, "utf8")).filter(
    ({ file, atNs }) => file === walName && atNs > ns,
  );
  const last = after.findLastIndex(({ kind }) => kind === "write");
  if (last === -1) return "absent";
  const start = after.findIndex(({ kind }, at) => kind === "sync-start" && at > last);
  if (start === -1) return "unsynced";
  return after.slice(start).some(({ kind }) => kind === "sync-end") ? "synced" : "unsynced";
}

/** Writes to and syncs of the database's files after `ns` (`monotonicNowNs`). */
export function diskEventsSince(ns: bigint, { logPath }: WatchedDisk): SlowFsyncEvent[] {
  return parseSlowFsyncLog(readFileSync(logPath, "utf8")).filter(({ atNs }) => atNs > ns);
}

/** All frames of the first transaction with a page that holds the marker, up to and with its commit frame. */
function findTransaction(wal: Buffer, marker: string | Uint8Array): Range | undefined {
  if (wal.byteLength < walHeaderBytes) return undefined;
  const frameBytes = frameHeaderBytes + wal.readUInt32BE(8);
  const startOf = (frame: number): number => walHeaderBytes + frame * frameBytes;
  /** Frames left over from before the WAL was begun anew bear other salts. */
  const isValid = (frame: number): boolean =>
    startOf(frame + 1) <= wal.byteLength && wal.compare(wal, 16, 24, startOf(frame) + 8, startOf(frame) + 16) === 0;
  /** The commit frame of a transaction tells the size of the database; the others tell zero. */
  const commits = (frame: number): boolean => wal.readUInt32BE(startOf(frame) + 4) !== 0;

  for (let at = wal.indexOf(marker, walHeaderBytes); at !== -1; at = wal.indexOf(marker, at + 1)) {
    let first = Math.floor((at - walHeaderBytes) / frameBytes);
    let last = first;
    if (!isValid(first)) continue;
    while (isValid(last) && !commits(last)) last += 1;
    if (!isValid(last)) return undefined;
    while (first > 0 && !commits(first - 1)) first -= 1;
    return { start: startOf(first), end: startOf(last + 1) };
  }
  return undefined;
}

type Write = Extract<SlowFsyncEvent, { kind: "write" }>;

function touches(event: SlowFsyncEvent, { start, end }: Range): event is Write {
  return event.kind === "write" && event.file === walName && event.offset < end && event.offset + event.bytes > start;
}

/** Whether the writes together fill the range, so that none went past the shim. */
function covers(writes: readonly SlowFsyncEvent[], { start, end }: Range): boolean {
  const ranges = writes.flatMap((event) => (event.kind === "write" ? [event] : []));
  let filled = start;
  for (const { offset, bytes } of ranges.sort((a, b) => a.offset - b.offset)) {
    if (offset > filled) return false;
    filled = Math.max(filled, offset + bytes);
  }
  return filled >= end;
}
