/**
 * The folder of large content: `files/ab/cdef…`, named by the SHA-256 of the bytes, so that equal content is stored
 * once. A name stands for a complete file that is on the disk: it is written beside its place, synced and renamed, and
 * its folder is synced. All of it is synchronous and belongs to one thread, the files Worker.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { isHash } from "../../domain/messages/file-ids.ts";

const partialEnding = ".partial";
const sliceBytes = 1024 * 1024;
/** What must stay free beside a file before the disk counts as taking it again. */
const spareBytes = 1024 * 1024;

export const filesFolder = (dataDir: string): string => join(dataDir, "files");

/** @param hash 64 digits of lower-case hex; nothing else may be passed. */
export const filePath = (dataDir: string, hash: string): string =>
  join(filesFolder(dataDir), hash.slice(0, 2), hash.slice(2));

export interface Folder {
  /**
   * Gives how many bytes it added: 0 where the content was there already. Throws where that is more than `room`, or the
   * disk's error; then it leaves no file.
   */
  put(hash: string, bytes: Uint8Array, room: number): number;
  /**
   * The file at `path`, which is on the disk, is kept under this hash as well. It takes the same steps whether or not there
   * was such a file, so that no one learns of it by the time this takes. Gives by how many bytes the folder grew.
   */
  adopt(hash: string, path: string): number;
  /** Makes a folder in this one. */
  ensure(path: string): void;
  /** Whether the disk has room for so much, by what the system says. */
  hasRoom(bytes: number): boolean;
  /** Whether the disk takes a file of this size just now; it writes one and removes it. Throws the disk's error. */
  takes(bytes: number): boolean;
  /** Gives how many bytes were freed. */
  remove(hash: string): number;
  /** The two digits of each folder that exists. */
  shelves(): string[];
  /** Gives what one folder holds, after it removed what a crash left half-written. */
  tidy(shelf: string): { readonly hash: string; readonly bytes: number }[];
}

/** @param durable whether a file counts as written once it is on the disk, rather than with the operating system. */
export function openFolder(dataDir: string, durable: boolean): Folder {
  const root = filesFolder(dataDir);

  function sync(path: string): void {
    if (!durable) return;
    const descriptor = openSync(path, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Makes a folder. Its name is on the disk before any file in it. */
  function ensureFolder(path: string, parent: string): void {
    if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) sync(parent);
  }

  function put(hash: string, bytes: Uint8Array, room: number): number {
    const shelf = join(root, hash.slice(0, 2));
    ensure(shelf);
    const path = filePath(dataDir, hash);
    const there = statSync(path, { throwIfNoEntry: false })?.size;
    if (there === bytes.byteLength) {
      // The process that created it may have been stopped before the disk had it.
      sync(path);
      sync(shelf);
      return 0;
    }
    const added = bytes.byteLength - (there ?? 0);
    if (added > room) throw new Error("files.total_bytes does not leave room for it");
    const partial = `${path}${partialEnding}`;
    try {
      write(partial, bytes);
      renameSync(partial, path);
    } catch (error) {
      rmSync(partial, { force: true });
      throw error;
    }
    sync(shelf);
    return added;
  }

  function adopt(hash: string, path: string): number {
    const shelf = join(root, hash.slice(0, 2));
    ensure(shelf);
    const target = filePath(dataDir, hash);
    const there = statSync(target, { throwIfNoEntry: false })?.size ?? 0;
    const partial = `${target}${partialEnding}`;
    try {
      rmSync(partial, { force: true });
      linkOrCopy(path, partial);
      renameSync(partial, target);
    } finally {
      // Where both names were of one file already, renaming does nothing.
      rmSync(partial, { force: true });
    }
    sync(shelf);
    return statSync(target).size - there;
  }

  /** Some file systems have no links. */
  function linkOrCopy(from: string, to: string): void {
    try {
      linkSync(from, to);
    } catch {
      copyFileSync(from, to);
      sync(to);
    }
  }

  function ensure(path: string): void {
    ensureFolder(root, dataDir);
    ensureFolder(path, root);
  }

  function hasRoom(bytes: number): boolean {
    const { bavail, bsize } = statfsSync(existsSync(root) ? root : dataDir);
    return bavail * bsize >= bytes + spareBytes;
  }

  function write(path: string, bytes: Uint8Array): void {
    const descriptor = openSync(path, "w", 0o600);
    try {
      for (let at = 0; at < bytes.byteLength; ) {
        at += writeSync(descriptor, bytes, at, Math.min(sliceBytes, bytes.byteLength - at));
      }
      if (durable) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  function takes(bytes: number): boolean {
    if (!hasRoom(bytes)) return false;
    const shelf = join(root, "00");
    ensure(shelf);
    const trial = join(shelf, `trial${partialEnding}`);
    try {
      write(trial, new Uint8Array(bytes));
    } finally {
      rmSync(trial, { force: true });
    }
    return true;
  }

  function remove(hash: string): number {
    const path = filePath(dataDir, hash);
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    rmSync(path, { force: true });
    return bytes;
  }

  function tidy(shelf: string) {
    const folder = join(root, shelf);
    const kept: { hash: string; bytes: number }[] = [];
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const hash = `${shelf}${name}`;
      if (isHash(hash)) kept.push({ hash, bytes: statSync(path).size });
      else if (name.endsWith(partialEnding)) rmSync(path, { force: true });
    }
    return kept;
  }

  return {
    put,
    adopt,
    ensure,
    hasRoom,
    takes,
    remove,
    shelves: () => readdirSync(root).filter((name) => /^[0-9a-f]{2}$/.test(name)),
    tidy,
  };
}
