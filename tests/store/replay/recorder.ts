/**
 * Preloaded by `bun run replay`: writes down every batch that the tests of this process give to a writer's Worker, one file
 * of lines for each data folder, in the folder that `RECORD_DIR` names.
 */
import { Database } from "bun:sqlite";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { SteadyMs } from "../../../src/lib/clock.ts";
import { databasePath } from "../../../src/store/sqlite/engine/open.ts";
import type { FromWorker, ToWorker } from "../../../src/store/sqlite/engine/wire.ts";

export type Line =
  /** `isNew`: there was no database before, or one in which nobody had been yet. */
  | { readonly type: "open"; readonly nowMs: number; readonly isNew: boolean }
  | {
      readonly type: "batch";
      readonly nowMs: number;
      readonly steadyMs: SteadyMs;
      readonly seed: string;
      readonly changes: string;
      /** The bytes of changes in base64, by their places. */
      readonly blobs: readonly (readonly [place: number, bytes: readonly string[]])[];
    }
  /** The disk refused something, which a replay knows nothing of. */
  | { readonly type: "storage" };

const recordDir = process.env["RECORD_DIR"];
const files = new WeakMap<Worker, string>();

function write(worker: Worker, line: Line): void {
  const file = files.get(worker);
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

function record(worker: Worker, message: ToWorker): void {
  if (message.type === "open") {
    if (!files.has(worker)) {
      worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
        if ((data.type === "settled" || data.type === "storage") && data.storage !== null) {
          write(worker, { type: "storage" });
        }
      });
    }
    files.set(worker, join(recordDir ?? "", `${process.pid}${message.dataDir.replaceAll("/", "_")}.jsonl`));
    write(worker, { type: "open", nowMs: message.nowMs, isNew: isNew(databasePath(message.dataDir)) });
  } else if (message.type === "batch") {
    const { nowMs, steadyMs, seed, changes, blobs } = message;
    const texts = blobs.map(
      ([place, bytes]) => [place, bytes.map((each) => Buffer.from(each).toString("base64"))] as const,
    );
    write(worker, { type: "batch", nowMs, steadyMs, seed, changes, blobs: texts });
  }
}

function isNew(path: string): boolean {
  if (!existsSync(path)) return true;
  using db = new Database(path);
  try {
    const filled = ["users", "chats", "mqtt_sessions", "events", "profiles"].filter(
      (table) => db.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() !== null,
    );
    return filled.length === 0;
  } catch {
    return false; // An older schema, or no database at all.
  }
}

if (recordDir !== undefined) {
  const post = Worker.prototype.postMessage;
  Object.defineProperty(Worker.prototype, "postMessage", {
    value(this: Worker, ...given: Parameters<Worker["postMessage"]>) {
      const [message] = given as unknown[];
      if (isToWriter(message)) record(this, message);
      return post.apply(this, given);
    },
  });
}

/** Files have a Worker too. */
function isToWriter(message: unknown): message is ToWorker {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  if (message.type === "open") return "dataDir" in message && "durability" in message;
  return message.type === "batch" && "seed" in message;
}
