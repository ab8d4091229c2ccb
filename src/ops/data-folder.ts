/** The data folder: accessible to this system user alone, and never a folder that holds other data. */
import { accessSync, chmodSync, constants, mkdirSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { isDenied, systemCodeOf } from "../lib/system-errors.ts";

export class DataFolderError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "DataFolderError";
  }
}

/** The names by which a folder is known as Roost's. `lost+found` comes with a fresh volume. */
const isOurs = (name: string): boolean => name.startsWith("roost") || name.startsWith("lock.db");
const isOfVolume = (name: string): boolean => name === "lost+found";

/**
 * Creates the folder with mode 0700, or takes one that is empty or is Roost's already. A mounted volume may belong to
 * another system user; then its mode stays. Throws `DataFolderError`.
 */
export function prepareDataFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const names = readdirSync(dir).filter((name) => !isOfVolume(name));
    if (names.length > 0 && !names.some(isOurs)) {
      throw new DataFolderError(
        `${dir} is not a Roost data folder (it holds ${names[0]}); name an empty or a new folder with --data`,
      );
    }
    if ((statSync(dir).mode & 0o077) !== 0) tighten(dir);
  } catch (error) {
    if (error instanceof DataFolderError) throw error;
    throw new DataFolderError(unusable(dir, error));
  }
}

/** Of the file system that the folder is on, whatever else is on it. */
export function fileSystemBytes(dir: string): number {
  const { blocks, bsize } = statfsSync(dir);
  return blocks * bsize;
}

function tighten(dir: string): void {
  try {
    chmodSync(dir, 0o700);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== "EPERM" && code !== "EROFS") throw error;
  }
}

/** Throws `DataFolderError` where the folder is there and this system user may not use it. */
export function requireAccess(dir: string): void {
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (isDenied(error)) throw new DataFolderError(unusable(dir, error));
  }
}

function unusable(dir: string, error: unknown): string {
  if (!isDenied(error)) return `the data folder ${dir} cannot be used: ${reasonOf(error)}`;
  const owner = ownerOf(dir);
  return owner === undefined
    ? `this system user may not make or enter the data folder ${dir}; name another one with --data, or run the command as a user who may`
    : `the data folder ${dir} belongs to the system user ${owner}; run the command as that user: sudo -u '${owner}' roost …`;
}

/** The name of a folder's owner, else `#` and the number, as sudo takes it; undefined where it cannot be seen. */
function ownerOf(dir: string): string | undefined {
  try {
    const { uid } = statSync(dir);
    if (uid === process.getuid?.()) return undefined;
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((one) => one.split(":")[2] === String(uid));
    return line?.split(":")[0] ?? `#${uid}`;
  } catch {
    return undefined;
  }
}

/** For commands that read existing data. Throws `DataFolderError` where no server ever stored anything. */
export function requireDataFolder(dir: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT") throw new DataFolderError(unusable(dir, error));
  }
  if (names.some(isOurs)) return;
  throw new DataFolderError(
    `there is no Roost data in ${dir}; name the folder with --data, or make one with roost init`,
  );
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
