/** The one executable, for tests that must see what an operator runs. Built at most once per state of the sources. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dir, "../..");
/** What the executable is made from. */
const madeFrom = [
  ...["src", "drizzle", "package.json", "bun.lock"],
  ...["build", "client-files", "late-builtins", "plain-libraries", "unused-tables"].map(
    (name) => `tests/support/${name}.ts`,
  ),
];
/** Executables of earlier states of the sources are removed when they are this old. */
const keptMs = 20 * 60_000;

let found: Promise<string> | undefined;

/** Its path: `ROOST_BINARY`, else `dist/roost` where it is newer than the sources, else one built into a cache folder. */
export function compiledBinary(): Promise<string> {
  found ??= findOrBuild();
  return found;
}

async function findOrBuild(): Promise<string> {
  const named = process.env["ROOST_BINARY"];
  if (named !== undefined && named !== "") return resolve(named);
  const sources = madeFrom.flatMap(filesOf);
  const built = join(repository, "dist/roost");
  if (existsSync(built) && sources.every((file) => statSync(file).mtimeMs < statSync(built).mtimeMs)) return built;
  return buildCached(sources);
}

async function buildCached(sources: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(Bun.version);
  for (const file of sources) hash.update(file).update(readFileSync(file));
  const folder = join(tmpdir(), `roost-binary-${process.getuid?.() ?? 0}`);
  const binary = join(folder, `roost-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeOld(folder);
  // Built beside and renamed, since two test runs may build it at the same time.
  const building = `${binary}.${process.pid}`;
  const build = Bun.spawn([process.execPath, join(repository, "tests/support/build.ts"), "--outfile", building], {
    cwd: repository,
    stdout: "ignore",
    stderr: "pipe",
  });
  const [complaint, code] = await Promise.all([new Response(build.stderr).text(), build.exited]);
  if (code !== 0) throw new Error(`the executable could not be built:\n${complaint}`);
  renameSync(building, binary);
  return binary;
}

function filesOf(name: string): string[] {
  const path = join(repository, name);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function removeOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > keptMs) rmSync(path, { force: true });
  }
}
