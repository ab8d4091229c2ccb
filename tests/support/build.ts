/**
 * `bun run build`: makes the one executable, `dist/roost` (or `--outfile FILE`), for this machine or `--target bun-linux-arm64`
 * and the like. Works offline for this machine.
 *
 * The Worker is an entry point of its own, named flat, so that `new URL("./writer.worker.ts", import.meta.url)` means the
 * same beside its source and inside the executable, where every module stands at the root. Bytecode needs ESM here,
 * since modules await at their top level.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { notices } from "../../src/cli/notices.ts";
import { embedClient } from "./client-files.ts";
import { embeddedOf, firstVisitOf } from "./client-sizes.ts";
import { lateBuiltins } from "./late-builtins.ts";
import { bundlePlainLibraries } from "./plain-libraries.ts";
import { unusedTables } from "./unused-tables.ts";

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

/** The licences of what is built in, compressed, in the place of the module that reads them from the packages. */
async function embedNotices(): Promise<Disposable & { readonly text: string; readonly plugin: Bun.BunPlugin }> {
  const text = await notices();
  const folder = mkdtempSync(join(tmpdir(), "roost-licences-"));
  const file = join(folder, "notices.zst");
  writeFileSync(file, Bun.zstdCompressSync(text, { level: 19 }));
  const contents = `import file from ${JSON.stringify(file)} with { type: "file" };
export const notices = async () => new TextDecoder().decode(Bun.zstdDecompressSync(await Bun.file(file).bytes()));`;
  return {
    text,
    plugin: {
      name: "licences",
      setup: (builder) => {
        builder.onLoad({ filter: /[/\\]cli[/\\]notices\.ts$/ }, () => ({ contents, loader: "ts" }));
      },
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const { values } = parseArgs({ options: { outfile: { type: "string" }, target: { type: "string" } } });
if (values.target !== undefined && !isTarget(values.target)) throw new Error("--target must be like bun-linux-arm64");
const outfile = resolve(values.outfile ?? join(root, "dist/roost"));
mkdirSync(dirname(outfile), { recursive: true });

const startedMs = performance.now();
using libraries = await bundlePlainLibraries();
using licences = await embedNotices();
using web = await embedClient();
const build = await Bun.build({
  root,
  entrypoints: [
    join(root, "src/main.ts"),
    join(root, "src/store/sqlite/engine/writer.worker.ts"),
    join(root, "src/store/files/files.worker.ts"),
    join(root, "src/store/sqlite/search/search.worker.ts"),
  ],
  compile: {
    outfile,
    ...(values.target === undefined ? {} : { target: values.target }),
    // An executable takes its settings from where its documentation says, not from what lies in the current folder.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  plugins: [libraries.plugin, licences.plugin, web.plugin, unusedTables, await lateBuiltins()],
  format: "esm",
  minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
  bytecode: true,
  // What is loaded when it is needed has a file of its own then, and what both threads need is there once.
  splitting: true,
  naming: { entry: "[name].[ext]" },
  define: { ROOST_BUILD: JSON.stringify({ version: manifest.version, commit: commit() }) },
});
for (const log of build.logs) console.error(String(log));
if (!build.success) throw new Error("the build failed");

writeFileSync(join(dirname(outfile), "THIRD-PARTY-NOTICES"), licences.text);

const tookSeconds = (performance.now() - startedMs) / 1000;
console.log(`${outfile}  ${(statSync(outfile).size / 1024 / 1024).toFixed(1)} MiB in ${tookSeconds.toFixed(1)} s`);

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
const visit = firstVisitOf(web.client);
console.log(
  `web client: a first visit loads ${kib(visit.br)} with brotli, ${kib(visit.gzip)} with gzip; embedded ${kib(embeddedOf(web.client))}`,
);
