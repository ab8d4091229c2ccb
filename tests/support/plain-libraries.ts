/**
 * Libraries that the executable holds as plain source instead of bytecode: nodemailer takes 0.2 MiB so, and 1.2 MiB as bytecode.
 * Each `import("./libraries/….ts")` in `src/outside/libraries.ts` is bundled first, and then imported as an embedded file.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const list = fileURLToPath(new URL("../../src/outside/libraries.ts", import.meta.url));

export interface PlainLibraries extends Disposable {
  readonly plugin: Bun.BunPlugin;
}

/** The bundles are there until it is disposed of, and must be while an executable is built. */
export async function bundlePlainLibraries(): Promise<PlainLibraries> {
  const folder = mkdtempSync(join(tmpdir(), "roost-libraries-"));
  const source = await Bun.file(list).text();
  const names = [...source.matchAll(/import\("\.\/libraries\/(\w+)\.ts"\)/g)].map(([, name = ""]) => name);
  const build = await Bun.build({
    entrypoints: names.map((name) => fileURLToPath(new URL(`../../src/outside/libraries/${name}.ts`, import.meta.url))),
    outdir: folder,
    target: "bun",
    format: "esm",
    minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
    naming: { entry: "[name].mjs" },
  });
  if (!build.success) throw new AggregateError(build.logs, "the libraries could not be bundled");
  const imports = names.map((name) => {
    return `import ${name}File from ${JSON.stringify(join(folder, `${name}.mjs`))} with { type: "file" };\n`;
  });
  const contents = imports.join("") + source.replace(/import\("\.\/libraries\/(\w+)\.ts"\)/g, "import($1File)");
  return {
    plugin: {
      name: "plain libraries",
      setup: (builder) => {
        builder.onLoad({ filter: /[/\\]outside[/\\]libraries\.ts$/ }, ({ path }) => {
          return path === list ? { contents, loader: "ts" } : undefined;
        });
      },
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
