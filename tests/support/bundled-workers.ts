/**
 * Loaded before the tests of `test:quick`: a Worker is read from one file, as in the executable, and not from a hundred
 * sources, which is most of the time that opening a store takes. What is bundled is the sources as they are.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const sources = ["store/sqlite/engine/writer.worker.ts", "store/files/files.worker.ts"].map((file) =>
  join(import.meta.dir, "../../src", file),
);
const outdir = mkdtempSync(join(tmpdir(), "roost-workers-"));
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
await Bun.build({
  entrypoints: sources,
  outdir,
  naming: "[name].[ext]",
  target: "bun",
  format: "cjs",
  bytecode: true,
  throw: true,
});
const bundles = new Map(
  sources.map((source) => [pathToFileURL(source).href, join(outdir, basename(source).replace(/ts$/, "js"))]),
);

const Plain = globalThis.Worker;
globalThis.Worker = class extends Plain {
  constructor(source: string | URL, options?: WorkerOptions) {
    super(bundles.get(String(source)) ?? source, options);
  }
};
