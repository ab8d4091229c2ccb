/**
 * Loaded before the tests of `test:quick`. A Worker is read from one file, as in the executable, and not from a hundred
 * sources, and the store's Worker that has closed its database serves the next store. Starting Workers would take half of
 * the time of all tests. What is bundled is the sources as they are. Where the machine has a file system in memory with
 * room, the tests' folders are there.
 */
import { mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

/** More than the tests of two processes have at a time. */
const roomBytes = 4 * 2 ** 30;
const inMemory = "/dev/shm";

function hasRoom(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize >= roomBytes;
  } catch {
    return false; // Not every system has one.
  }
}

if (hasRoom(inMemory)) process.env["TMPDIR"] = inMemory;

const sources = [
  "store/sqlite/engine/writer.worker.ts",
  "store/files/files.worker.ts",
  "store/sqlite/search/search.worker.ts",
].map((file) => join(import.meta.dir, "../../src", file));
const folderOf = (pid: number): string => join(tmpdir(), `roost-workers-${pid}`);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// A process of `bun test` ends without its `exit` event, so what it leaves is removed by the next one.
for (const name of readdirSync(tmpdir())) {
  const pid = Number(/^roost-workers-(\d+)$/.exec(name)?.[1]);
  if (pid > 0 && !isRunning(pid)) rmSync(folderOf(pid), { recursive: true, force: true });
}
const outdir = folderOf(process.pid);
mkdirSync(outdir, { recursive: true });
await Bun.build({
  entrypoints: sources,
  outdir,
  naming: "[name].[ext]",
  target: "bun",
  format: "cjs",
  bytecode: true,
  throw: true,
});
const bundles = new Map(
  sources.map((source) => [pathToFileURL(source).href, join(outdir, basename(source).replace(/ts$/, "js"))]),
);

const Plain = globalThis.Worker;

/** Their databases are closed. */
const idle: SharedWriter[] = [];

/** The Worker behind one `Writer` after the other. */
class SharedWriter {
  readonly worker: Worker;
  owner: Writer | undefined;

  constructor(source: string) {
    this.worker = new Plain(source);
    this.worker.onmessage = (event) => this.owner?.received(event);
    this.worker.onerror = (event) => this.owner?.onerror?.(event);
    this.worker.addEventListener("close", (event) => {
      if (this.owner === undefined) idle.splice(idle.indexOf(this), 1);
      this.owner?.dispatchEvent(new CloseEvent("close", event));
    });
  }
}

/** What a store takes for its Worker. One that was ended without closing its database is not used again. */
class Writer extends EventTarget {
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly #shared: SharedWriter;
  #hasClosed = false;

  constructor(source: string) {
    super();
    this.#shared = idle.pop() ?? new SharedWriter(source);
    this.#shared.owner = this;
  }

  postMessage(message: unknown): void {
    this.#shared.worker.postMessage(message);
  }

  received(event: MessageEvent<{ readonly type: string }>): void {
    if (event.data.type === "closed") this.#hasClosed = true;
    this.onmessage?.(event);
  }

  terminate(): void {
    if (!this.#hasClosed) {
      this.#shared.worker.terminate();
      return;
    }
    if (this.#shared.owner !== this) return;
    this.#shared.owner = undefined;
    idle.push(this.#shared);
  }
}

const writerSource = pathToFileURL(sources[0] ?? "").href;

globalThis.Worker = new Proxy(Plain, {
  construct(_, [source, options]: ConstructorParameters<typeof Worker>) {
    const bundle = bundles.get(String(source));
    if (bundle !== undefined && String(source) === writerSource) return new Writer(bundle);
    return new Plain(bundle ?? source, options);
  },
});
