/**
 * Builds the disk shim of slow-fsync.c and reads the log it writes. The shim delays every sync of a server started with it
 * in LD_PRELOAD, records what reached the disk and when, and can fill the disk; its own file says how.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Nanoseconds are CLOCK_MONOTONIC; `monotonicNowNs` reads the same clock. */
export type SlowFsyncEvent =
  | { kind: "write"; file: string; offset: number; bytes: number; atNs: bigint }
  | { kind: "sync-start"; file: string; atNs: bigint }
  | { kind: "sync-end"; file: string; atNs: bigint };

export interface SlowFsyncOptions {
  /** Added to every fsync and fdatasync. */
  delayUs?: number;
  /** Where to log; see `readSlowFsyncLog`. */
  logPath?: string;
  /** While this file exists, writes to database files fail with ENOSPC. */
  failPath?: string;
}

/** Compiles the shim into a cache folder, once per version of its source; undefined where there is no gcc. */
export async function buildSlowFsync(): Promise<string | undefined> {
  const gcc = Bun.which("gcc");
  if (gcc === null || process.platform !== "linux") return undefined;
  const source = join(import.meta.dir, "slow-fsync.c");
  const version = createHash("sha256")
    .update(await readFile(source))
    .digest("hex")
    .slice(0, 16);
  const folder = join(tmpdir(), `roost-slow-fsync-${process.getuid?.() ?? 0}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const library = join(folder, `slow-fsync-${version}.so`);
  if (await exists(library)) return library;
  // Built beside and renamed, since test files may build it at the same time.
  const building = `${library}.${process.pid}.${crypto.randomUUID()}`;
  const compiler = Bun.spawn([gcc, "-shared", "-fPIC", "-O2", "-o", building, source, "-ldl", "-lpthread"], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const [complaint, code] = await Promise.all([new Response(compiler.stderr).text(), compiler.exited]);
  if (code !== 0) throw new Error(`gcc could not build the disk shim:\n${complaint}`);
  await rename(building, library);
  return library;
}

/** The environment that loads `library` into a process before all else. */
export function slowFsyncEnvironment(library: string, options: SlowFsyncOptions): Record<string, string> {
  return {
    LD_PRELOAD: library,
    ...(options.delayUs === undefined ? {} : { SLOW_FSYNC_US: String(options.delayUs) }),
    ...(options.logPath === undefined ? {} : { SLOW_FSYNC_LOG: options.logPath }),
    ...(options.failPath === undefined ? {} : { SLOW_FSYNC_FAIL: options.failPath }),
  };
}

/** The log's events in the order they were written. A last line that is not complete yet is left out. */
export function parseSlowFsyncLog(text: string): SlowFsyncEvent[] {
  const events: SlowFsyncEvent[] = [];
  const lines = text.split("\n");
  lines.pop();
  for (const line of lines) {
    const event = parseLine(line);
    if (event === undefined) throw new Error(`not a line of the disk shim's log: ${JSON.stringify(line)}`);
    events.push(event);
  }
  return events;
}

/** Reads and parses a log; a log that nothing was written to yet is empty. */
export async function readSlowFsyncLog(path: string): Promise<SlowFsyncEvent[]> {
  if (!(await exists(path))) return [];
  return parseSlowFsyncLog(await readFile(path, "utf8"));
}

function parseLine(line: string): SlowFsyncEvent | undefined {
  const [kind, file, ...numbers] = line.split(" ");
  if (file === undefined || !numbers.every((number) => /^-?\d+$/.test(number))) return undefined;
  const [first, second, third] = numbers;
  if (kind === "write" && first !== undefined && second !== undefined && third !== undefined) {
    return { kind, file, offset: Number(first), bytes: Number(second), atNs: BigInt(third) };
  }
  if ((kind === "sync-start" || kind === "sync-end") && first !== undefined && second === undefined) {
    return { kind, file, atNs: BigInt(first) };
  }
  return undefined;
}

let readMonotonic: (() => bigint) | undefined;

/** CLOCK_MONOTONIC now, to compare with the log. Bun's own clocks count from the start of the process. */
export function monotonicNowNs(): bigint {
  readMonotonic ??= openMonotonicClock();
  return readMonotonic();
}

function openMonotonicClock(): () => bigint {
  const clockMonotonic = 1;
  const libc = dlopen("libc.so.6", { clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 } });
  const time = new BigInt64Array(2); // struct timespec: seconds, nanoseconds
  const address = ptr(time);
  return () => {
    libc.symbols.clock_gettime(clockMonotonic, address);
    return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
