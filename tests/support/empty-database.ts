/**
 * A database that is migrated and holds nothing, for tests to begin with: migrating takes longer than most of them. It is
 * made once for all test processes of this machine, and anew when a migration changes.
 */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { clockOf } from "./manual-clock.ts";

const migrations = join(import.meta.dir, "../../drizzle");
/** What else decides how the file begins. */
const engine = ["open.ts", "own-database.ts", "migrations.ts"].map((name) =>
  join(import.meta.dir, "../../src/store/sqlite/engine", name),
);

let made: Promise<string> | undefined;

/** Puts the database into a folder that has none. */
export async function putEmptyDatabase(dataDir: string): Promise<void> {
  made ??= find();
  copyFileSync(await made, databasePath(dataDir));
}

async function find(): Promise<string> {
  const names = readdirSync(migrations).filter((name) => name.endsWith(".sql"));
  const hash = new Bun.CryptoHasher("sha256").update(Bun.version);
  for (const name of names.toSorted()) hash.update(name).update(readFileSync(join(migrations, name)));
  for (const file of engine) hash.update(readFileSync(file));
  const path = join(tmpdir(), `roost-empty-${hash.digest("hex").slice(0, 16)}.db`);
  if (!existsSync(path)) await make(path);
  return path;
}

async function make(path: string): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "roost-empty-"));
  try {
    const store = await openStore({
      dataDir,
      durability: "os",
      clock: clockOf(() => 0),
      log: silentLog,
      onStorage() {},
      onFiles() {},
      onDeath(error) {
        throw error;
      },
    });
    await store.close();
    const wal = `${databasePath(dataDir)}-wal`;
    if (existsSync(wal) && statSync(wal).size > 0) throw new Error("the database is not whole without its WAL");
    // Another process may do the same; the last one to come puts the same in its place.
    renameSync(databasePath(dataDir), path);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}
