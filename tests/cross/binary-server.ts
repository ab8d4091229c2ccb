/** The compiled binary as a server in a process and a temporary folder of its own, with the disk shim before it if asked for. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../load/server.ts";
import { compiledBinary } from "../support/binary.ts";
import { requireProgram } from "../support/programs.ts";
import { buildSlowFsync, type SlowFsyncOptions } from "../support/slow-fsync.ts";
import type { WatchedDisk } from "./wal.ts";

export const backendKey = "cross-backend-key-0123456789";

export interface BinaryServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly http: string;
  readonly mqtt: string;
  readonly backendKey: string;
  readonly pid: number;
  readonly exited: Promise<number>;
}

export interface WatchedServer extends BinaryServer {
  readonly data: string;
  readonly disk: WatchedDisk;
  /** While this file exists the disk is full. */
  readonly failPath: string;
}

/** On a data folder that is the caller's to remove. */
export async function startBinary(
  data: string,
  options: { env?: Record<string, string>; slowFsync?: SlowFsyncOptions & { library: string } } = {},
): Promise<BinaryServer> {
  const running = await startServer({
    data,
    command: [await compiledBinary()],
    env: { ROOST_BACKEND_KEY: backendKey, ...options.env },
    ...(options.slowFsync === undefined ? {} : { slowFsync: options.slowFsync }),
  });
  return describe(running);
}

/** In a fresh folder, removed at the end, on a disk whose writes and syncs are logged. */
export async function startWatched(
  library: string,
  options: { delayMs?: number; durability?: "disk" | "os" } = {},
): Promise<WatchedServer> {
  const folder = mkdtempSync(join(tmpdir(), "roost-watched-"));
  const data = join(folder, "data");
  const logPath = join(folder, "disk.log");
  const failPath = join(folder, "disk-is-full");
  try {
    const server = await startBinary(data, {
      env: { ROOST_DURABILITY: options.durability ?? "disk" },
      slowFsync: { library, logPath, failPath, delayUs: (options.delayMs ?? 0) * 1000 },
    });
    return {
      ...server,
      data,
      disk: { walPath: join(data, "roost.db-wal"), logPath },
      failPath,
      async [Symbol.asyncDispose]() {
        rmSync(failPath, { force: true });
        await server[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The disk shim; undefined, loudly, where it cannot be built. */
export async function requireSlowFsync(): Promise<string | undefined> {
  if (!requireProgram("gcc")) return undefined;
  const library = await buildSlowFsync();
  if (library === undefined) console.error("\n*** the disk shim is for Linux: its tests DID NOT RUN ***\n");
  return library;
}

function describe(running: RunningServer): BinaryServer {
  const { http, mqtt, pid, exited } = running;
  return { http, mqtt, pid, exited, backendKey, [Symbol.asyncDispose]: () => running.stop() };
}
