/**
 * `bun run build`: makes the one executable, `dist/roost` (or `--outfile FILE`), for this machine or `--target bun-linux-arm64`
 * and the like. Works offline for this machine.
 *
 * The Worker is an entry point of its own, named flat, so that `new URL("./writer.worker.ts", import.meta.url)` means the
 * same beside its source and inside the executable, where every module stands at the root. Bytecode needs ESM here,
 * since modules await at their top level.
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { bundlePlainLibraries } from "./plain-libraries.ts";

const root = resolve(import.meta.dir, "../..");

function isTarget(text: string): text is Bun.Build.CompileTarget {
  return text.startsWith("bun-");
}

function git(...args: string[]): string | undefined {
  try {
    const { success, stdout } = Bun.spawnSync(["git", ...args], { cwd: root, stdout: "pipe", stderr: "ignore" });
    return success ? stdout.toString().trim() : undefined;
  } catch {
    return undefined; // No git on this machine: the version goes without a commit.
  }
}

/** `a1b2c3d`, or `a1b2c3d.dirty` where the sources differ from it; null outside a repository. */
function commit(): string | null {
  const head = git("rev-parse", "--short=7", "HEAD");
  if (head === undefined) return null;
  return git("status", "--porcelain", "--untracked-files=no") === "" ? head : `${head}.dirty`;
}

const { values } = parseArgs({ options: { outfile: { type: "string" }, target: { type: "string" } } });
if (values.target !== undefined && !isTarget(values.target)) throw new Error("--target must be like bun-linux-arm64");
const outfile = resolve(values.outfile ?? join(root, "dist/roost"));
mkdirSync(dirname(outfile), { recursive: true });

const startedMs = performance.now();
using libraries = await bundlePlainLibraries();
const build = await Bun.build({
  root,
  entrypoints: [
    join(root, "src/main.ts"),
    join(root, "src/store/sqlite/engine/writer.worker.ts"),
    join(root, "src/store/files/files.worker.ts"),
  ],
  compile: {
    outfile,
    ...(values.target === undefined ? {} : { target: values.target }),
    // An executable takes its settings from where its documentation says, not from what lies in the current folder.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  plugins: [libraries.plugin],
  format: "esm",
  minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
  bytecode: true,
  naming: { entry: "[name].[ext]" },
  define: { ROOST_BUILD: JSON.stringify({ version: manifest.version, commit: commit() }) },
});
for (const log of build.logs) console.error(String(log));
if (!build.success) throw new Error("the build failed");

const tookSeconds = (performance.now() - startedMs) / 1000;
console.log(`${outfile}  ${(statSync(outfile).size / 1024 / 1024).toFixed(1)} MiB in ${tookSeconds.toFixed(1)} s`);
