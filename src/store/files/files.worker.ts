/**
 * The Worker that owns the folder of large content. It recognises, hashes, writes and removes files one after the
 * other, so that neither the event loop nor a commit waits for a large file. It starts with the first large message, or
 * where the folder holds something to be checked. It is the build's third entry point.
 */

import { DomainError } from "../../domain/errors.ts";
import { packContent } from "../../domain/messages/content.ts";
import { isUploadId } from "../../domain/messages/file-ids.ts";
import { mediaTypeOf } from "../../domain/messages/media-types.ts";
import type { MessageFile } from "../../domain/model.ts";
import { isOutOfDescriptors, systemCodeOf } from "../../lib/system-errors.ts";
import { type Folder, openFolder } from "./folder.ts";
import { LostUpload, openUploadFolder, type UploadFolder } from "./upload-folder.ts";
import type { FinishedUpload, FromFilesWorker, ToFilesWorker } from "./wire.ts";

declare const self: Worker;

type Opening = Extract<ToFilesWorker, { type: "open" }>;
type Put = Extract<ToFilesWorker, { type: "put" }>;
type Step = Extract<ToFilesWorker, { type: "upload" }>;
type Asked = Exclude<ToFilesWorker, Opening>;

interface Open {
  readonly folder: Folder;
  readonly uploads: UploadFolder;
  readonly bytesMax: number;
  readonly totalBytesMax: number;
}

/** The bytes received and written since the last garbage collection. */
const garbageBytesMax = 32 * 1024 * 1024;
/** From a refusal, or a look without success, to the next look at the disk. */
const lookAfterMs = 1000;
const tryAfterMs = 30_000;

let open: Open | undefined;
let garbageBytes = 0;
/** The bytes of all files; known once they were counted. */
let totalBytes = 0;
/** Requests that came before the count was known; used only where the total has a limit. */
let untilCounted: Asked[] | undefined;
/** Files that uncommitted changes need, by hash or upload id, with the number of those changes. */
const held = new Map<string, number>();
/** The size of the largest content that the disk refused; 0 while it takes all. */
let refusedBytes = 0;
let looking: ReturnType<typeof setTimeout> | undefined;

const post = (message: FromFilesWorker): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToFilesWorker>) => {
  if (data.type === "open") start(data);
  else if (untilCounted !== undefined) untilCounted.push(data);
  else handle(data);
};

function start({ dataDir, durable, bytesMax, totalBytesMax, textBytesMax }: Opening): void {
  const folder = openFolder(dataDir, durable);
  open = { folder, uploads: openUploadFolder(dataDir, { folder, durable, textBytesMax }), bytesMax, totalBytesMax };
  if (totalBytesMax > 0) untilCounted = [];
  void sweep(open);
}

function handle(asked: Asked): void {
  if (open === undefined) throw new Error("the folder was not opened");
  if (asked.type === "put") answer(open, asked);
  else if (asked.type === "upload") void answerStep(open, asked);
  else if (asked.type === "settled") settle(asked.name);
  else for (const name of asked.names) if (!held.has(name)) remove(open, name);
}

async function answerStep(parts: Open, asked: Step): Promise<void> {
  const { id } = asked;
  try {
    post({ type: "uploaded", id, finished: await take(parts, asked) });
  } catch (error) {
    if (isOfDisk(error)) refusedByDisk(parts.folder, bytesOf(asked), reasonOf(error));
    const code = error instanceof LostUpload ? "file_not_found" : codeOf(error);
    post({
      type: "upload refused",
      id,
      code: code === "message_too_large" ? "storage_full" : code,
      reason: reasonOf(error),
    });
  }
  clear(bytesOf(asked));
}

const bytesOf = ({ step }: Step): number => (step.is === "append" ? step.content.byteLength : 0);

/** All but the last step are done at once, so that steps of several uploads do not wait for each other. */
function take({ folder, uploads, totalBytesMax }: Open, { upload, step }: Step): undefined | Promise<FinishedUpload> {
  const room = totalBytesMax === 0 ? Number.POSITIVE_INFINITY : totalBytesMax - totalBytes;
  switch (step.is) {
    case "begin":
      if (step.bytes > room) throw new Error(noRoom);
      if (!folder.hasRoom(step.bytes)) throw new Error("the disk does not have so much room");
      uploads.begin(upload);
      hold(upload);
      return undefined;
    case "append":
      if (step.content.byteLength > room) throw new Error(noRoom);
      totalBytes += uploads.append(upload, step.offset, step.content);
      return undefined;
    case "sync":
      uploads.sync(upload);
      return undefined;
    case "finish":
      return uploads.finish(upload, step.bytes).then(({ grown, ...finished }) => {
        totalBytes += grown;
        hold(finished.hash);
        return finished;
      });
  }
}

const noRoom = "files.total_bytes does not leave room for it";

function answer(parts: Open, asked: Put): void {
  const { id, content } = asked;
  try {
    post({ type: "put", id, file: put(parts, asked) });
  } catch (error) {
    post({ type: "refused", id, code: codeOf(error), reason: reasonOf(error) });
  }
  clear(content.length);
}

function codeOf(error: unknown): "message_too_large" | "busy" | "storage_full" {
  if (error instanceof DomainError && error.code === "message_too_large") return error.code;
  return isOutOfDescriptors(error) ? "busy" : "storage_full";
}

const isOfDisk = (error: unknown): boolean =>
  systemCodeOf(error)?.startsWith("E") === true && !isOutOfDescriptors(error);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Says so once, and looks until there is room for as much as was refused. */
function refusedByDisk(folder: Folder, bytes: number, reason: string): void {
  if (refusedBytes === 0) post({ type: "disk", reason });
  refusedBytes = Math.max(refusedBytes, bytes);
  looking ??= setTimeout(look, lookAfterMs, folder);
}

function look(folder: Folder): void {
  looking = undefined;
  let nextMs = lookAfterMs;
  try {
    if (folder.takes(refusedBytes)) {
      taken();
      return;
    }
  } catch {
    // The disk seems to have room and takes nothing: it is not worn out by trying.
    nextMs = tryAfterMs;
  }
  looking = setTimeout(look, nextMs, folder);
}

function taken(): void {
  refusedBytes = 0;
  clearTimeout(looking);
  looking = undefined;
  post({ type: "disk", reason: null });
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
  const room = totalBytesMax === 0 ? Number.POSITIVE_INFINITY : totalBytesMax - totalBytes;
  try {
    const added = folder.put(hash, bytes, room);
    totalBytes += added;
    if (refusedBytes > 0 && added >= refusedBytes) taken();
  } catch (error) {
    if (isOfDisk(error)) refusedByDisk(folder, bytes.byteLength, reasonOf(error));
    throw error;
  }
  hold(hash);
  return { hash, bytes: bytes.byteLength, form, mediaType: mediaTypeOf(kind, bytes) };
}

function hold(name: string): void {
  held.set(name, (held.get(name) ?? 0) + 1);
}

function settle(name: string): void {
  const left = (held.get(name) ?? 1) - 1;
  if (left === 0) held.delete(name);
  else held.set(name, left);
}

/** A file that cannot be removed takes up room until the next start tries again. */
function remove({ folder, uploads }: Open, name: string): void {
  try {
    totalBytes -= isUploadId(name) ? uploads.remove(name) : folder.remove(name);
  } catch {
    // Nothing refers to the file, so the failure breaks no promise.
  }
}

/** Checks the existing files one shelf at a time, so that a message in between does not wait for all of them. */
async function sweep({ folder, uploads }: Open): Promise<void> {
  const begun = listOf(uploads);
  for (const { bytes } of begun) totalBytes += bytes;
  if (begun.length > 0) post({ type: "found", names: begun.map(({ upload }) => upload) });
  for (const shelf of shelvesOf(folder)) {
    const found = tidy(folder, shelf);
    for (const { bytes } of found) totalBytes += bytes;
    if (found.length > 0) post({ type: "found", names: found.map(({ hash }) => hash) });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const asked = untilCounted ?? [];
  untilCounted = undefined;
  for (const one of asked) handle(one);
}

function listOf(uploads: UploadFolder): ReturnType<UploadFolder["list"]> {
  try {
    return uploads.list();
  } catch {
    return []; // There is no folder yet.
  }
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
