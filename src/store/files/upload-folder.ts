/**
 * Content that comes in pieces, until all of it is there: `files/uploads/<upload id>`. It is hashed as it comes. Like the
 * folder around it, this one belongs to one thread, the files Worker.
 */
import { isUtf8 } from "node:buffer";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isUploadId } from "../../domain/messages/file-ids.ts";
import { type Folder, filesFolder } from "./folder.ts";
import type { FinishedUpload } from "./wire.ts";

/** So much is read at once, where content must be hashed again. */
const sliceBytes = 8 * 1024 * 1024;
/** As many as `mediaTypeOf` looks at, and some more. */
const headBytes = 32;
/** Beyond it the hash of the upload that paused longest is forgotten, and made again from its file. */
const hashesMax = 256;

/** The disk has less of the upload than was said to be there. */
export class LostUpload extends Error {
  override readonly name = "LostUpload";
}

export interface UploadFolder {
  /** Makes an empty file. */
  begin(upload: string): void;
  /** Writes at `offset`, which is the end of what was kept before; what stands behind it is dropped. Gives the growth. */
  append(upload: string, offset: number, bytes: Uint8Array): number;
  /** What was written is on the disk. */
  sync(upload: string): void;
  /** All `bytes` of it are there: it becomes a file of the folder, and stays here too until it is removed. */
  finish(upload: string, bytes: number): Promise<FinishedUpload & { readonly grown: number }>;
  /** Gives how many bytes were freed. */
  remove(upload: string): number;
  list(): { readonly upload: string; readonly bytes: number }[];
}

interface Hashed {
  readonly hasher: Bun.CryptoHasher;
  length: number;
}

export function openUploadFolder(
  dataDir: string,
  { folder, durable, textBytesMax }: { folder: Folder; durable: boolean; textBytesMax: number },
): UploadFolder {
  const root = join(filesFolder(dataDir), "uploads");
  const pathOf = (upload: string): string => join(root, upload);
  const hashes = new Map<string, Hashed>();

  function begin(upload: string): void {
    folder.ensure(root);
    closeSync(openSync(pathOf(upload), "w", 0o600));
  }

  function append(upload: string, offset: number, bytes: Uint8Array): number {
    const descriptor = open(upload);
    try {
      const before = fstatSync(descriptor).size;
      if (before < offset) throw new LostUpload();
      if (before > offset) ftruncateSync(descriptor, offset);
      try {
        for (let at = 0; at < bytes.byteLength; ) {
          at += writeSync(descriptor, bytes, at, bytes.byteLength - at, offset + at);
        }
      } catch (error) {
        ftruncateSync(descriptor, offset);
        throw error;
      }
      hash(upload, offset, bytes);
      return offset + bytes.byteLength - before;
    } finally {
      closeSync(descriptor);
    }
  }

  function open(upload: string): number {
    try {
      return openSync(pathOf(upload), "r+");
    } catch (error) {
      throw (error as { code?: unknown }).code === "ENOENT" ? new LostUpload() : error;
    }
  }

  function hash(upload: string, offset: number, bytes: Uint8Array): void {
    const known = offset === 0 ? { hasher: new Bun.CryptoHasher("sha256"), length: 0 } : hashes.get(upload);
    hashes.delete(upload);
    if (known === undefined || known.length !== offset) return;
    known.hasher.update(bytes);
    known.length += bytes.byteLength;
    hashes.set(upload, known);
    if (hashes.size <= hashesMax) return;
    for (const oldest of hashes.keys()) {
      hashes.delete(oldest);
      return;
    }
  }

  function sync(upload: string): void {
    if (!durable) return;
    const descriptor = open(upload);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  async function finish(upload: string, bytes: number) {
    sync(upload);
    const path = pathOf(upload);
    const descriptor = open(upload);
    try {
      if (fstatSync(descriptor).size !== bytes) throw new LostUpload();
      const digest = hashes.get(upload)?.length === bytes ? hashes.get(upload)?.hasher.copy().digest("hex") : undefined;
      const name = digest ?? (await hashAgain(descriptor, bytes));
      const head = Buffer.alloc(Math.min(headBytes, bytes));
      readSync(descriptor, head, 0, head.byteLength, 0);
      const isText = bytes <= textBytesMax && isUtf8(readFileSync(path));
      const grown = folder.adopt(name, path);
      return { hash: name, head: head.toString("hex"), isText, grown };
    } finally {
      closeSync(descriptor);
    }
  }

  /** After a restart. Between two slices the Worker does other work. */
  async function hashAgain(descriptor: number, bytes: number): Promise<string> {
    const hasher = new Bun.CryptoHasher("sha256");
    const slice = Buffer.alloc(Math.min(sliceBytes, bytes));
    for (let at = 0; at < bytes; ) {
      const read = readSync(descriptor, slice, 0, slice.byteLength, at);
      if (read === 0) throw new LostUpload();
      hasher.update(slice.subarray(0, read));
      at += read;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return hasher.digest("hex");
  }

  function remove(upload: string): number {
    hashes.delete(upload);
    const bytes = statSync(pathOf(upload), { throwIfNoEntry: false })?.size ?? 0;
    rmSync(pathOf(upload), { force: true });
    return bytes;
  }

  function list() {
    const names = readdirSync(root).filter(isUploadId);
    return names.map((upload) => ({ upload, bytes: statSync(pathOf(upload)).size }));
  }

  return { begin, append, sync, finish, remove, list };
}
