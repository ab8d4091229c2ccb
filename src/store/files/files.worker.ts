/**
 * The Worker that owns the folder of large content. It recognises, hashes, writes and removes files one after the
 * other, so that neither the event loop nor a commit waits for a large file. It starts with the first large message, or
 * where the folder holds something to be checked. It is the build's third entry point.
 */

import { DomainError } from "../../domain/errors.ts";
import { packContent } from "../../domain/messages/content.ts";
import { mediaTypeOf } from "../../domain/messages/media-types.ts";
import type { MessageFile } from "../../domain/model.ts";
import { type Folder, openFolder } from "./folder.ts";
import type { FromFilesWorker, ToFilesWorker } from "./wire.ts";

declare const self: Worker;

type Opening = Extract<ToFilesWorker, { type: "open" }>;
type Put = Extract<ToFilesWorker, { type: "put" }>;
type Asked = Exclude<ToFilesWorker, Opening>;

interface Open {
  readonly folder: Folder;
  readonly bytesMax: number;
  readonly totalBytesMax: number;
}

/** The bytes received and written since the last garbage collection. */
const garbageBytesMax = 32 * 1024 * 1024;

let open: Open | undefined;
let garbageBytes = 0;
/** The bytes of all files; known once they were counted. */
let totalBytes = 0;
/** Requests that came before the count was known; used only where the total has a limit. */
let untilCounted: Asked[] | undefined;
/** Files that uncommitted messages need, with the number of those messages. */
const held = new Map<string, number>();

const post = (message: FromFilesWorker): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToFilesWorker>) => {
  if (data.type === "open") start(data);
  else if (untilCounted !== undefined) untilCounted.push(data);
  else handle(data);
};

function start({ dataDir, durable, bytesMax, totalBytesMax }: Opening): void {
  open = { folder: openFolder(dataDir, durable), bytesMax, totalBytesMax };
  if (totalBytesMax > 0) untilCounted = [];
  void sweep(open.folder);
}

function handle(asked: Asked): void {
  if (open === undefined) throw new Error("the folder was not opened");
  if (asked.type === "put") answer(open, asked);
  else if (asked.type === "settled") settle(asked.hash);
  else for (const hash of asked.hashes) if (!held.has(hash)) remove(open.folder, hash);
}

function answer(parts: Open, asked: Put): void {
  const { id, content } = asked;
  try {
    post({ type: "put", id, file: put(parts, asked) });
  } catch (error) {
    const code = error instanceof DomainError && error.code === "message_too_large" ? error.code : "storage_full";
    post({ type: "refused", id, code, reason: error instanceof Error ? error.message : String(error) });
  }
  clear(content.length);
}

/**
 * This heap is small but its garbage is large: without this call the collector lets it grow by hundreds of megabytes.
 */
function clear(bytes: number): void {
  garbageBytes += bytes;
  if (garbageBytes < garbageBytesMax) return;
  garbageBytes = 0;
  Bun.gc(true);
}

function put({ folder, bytesMax, totalBytesMax }: Open, { kind, content, asBase64 }: Put): MessageFile {
  const { bytes, form } = packContent(content, asBase64);
  if (bytes.byteLength > bytesMax) throw new DomainError("message_too_large", `content is over ${bytesMax} bytes`);
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  totalBytes += folder.put(hash, bytes, totalBytesMax === 0 ? Number.POSITIVE_INFINITY : totalBytesMax - totalBytes);
  held.set(hash, (held.get(hash) ?? 0) + 1);
  return { hash, bytes: bytes.byteLength, form, mediaType: mediaTypeOf(kind, bytes) };
}

function settle(hash: string): void {
  const left = (held.get(hash) ?? 1) - 1;
  if (left === 0) held.delete(hash);
  else held.set(hash, left);
}

/** A file that cannot be removed takes up room until the next start tries again. */
function remove(folder: Folder, hash: string): void {
  try {
    totalBytes -= folder.remove(hash);
  } catch {
    // No message refers to the file, so the failure breaks no promise.
  }
}

/** Checks the existing files one shelf at a time, so that a message in between does not wait for all of them. */
async function sweep(folder: Folder): Promise<void> {
  for (const shelf of shelvesOf(folder)) {
    const found = tidy(folder, shelf);
    for (const { bytes } of found) totalBytes += bytes;
    if (found.length > 0) post({ type: "found", hashes: found.map(({ hash }) => hash) });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const asked = untilCounted ?? [];
  untilCounted = undefined;
  for (const one of asked) handle(one);
}

function shelvesOf(folder: Folder): string[] {
  try {
    return folder.shelves();
  } catch {
    return []; // There is no folder yet.
  }
}

function tidy(folder: Folder, shelf: string): ReturnType<Folder["tidy"]> {
  try {
    return folder.tidy(shelf);
  } catch {
    return []; // The disk cannot be read at present; the next start checks again.
  }
}
