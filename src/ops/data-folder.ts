/** The data folder: accessible to this system user alone, and never a folder that holds other data. */
import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";

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
    throw new DataFolderError(`the data folder ${dir} cannot be used: ${reasonOf(error)}`);
  }
}

function tighten(dir: string): void {
  try {
    chmodSync(dir, 0o700);
  } catch (error) {
    if (codeOf(error) !== "EPERM" && codeOf(error) !== "EROFS") throw error;
  }
}

/** For commands that read existing data. Throws `DataFolderError` where no server ever stored anything. */
export function requireDataFolder(dir: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") {
      throw new DataFolderError(`the data folder ${dir} cannot be used: ${reasonOf(error)}`);
    }
  }
  if (names.some(isOurs)) return;
  throw new DataFolderError(
    `there is no Roost data in ${dir}; name the folder with --data, or make one with roost init`,
  );
}

const codeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
