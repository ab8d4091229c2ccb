/**
 * Libraries that the executable holds as plain source instead of bytecode, which takes five to ten times the room: nodemailer
 * is 0.2 MiB so, and 1.2 MiB as bytecode. Each is bundled first, and then imported as an embedded file:
 * `import("./libraries/….ts")` in `src/outside/libraries.ts`, when it is needed; zod, when its first user is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../../src", import.meta.url));
const list = join(sources, "outside/libraries.ts");

export interface PlainLibraries extends Disposable {
  readonly plugin: Bun.BunPlugin;
}

/** The bundles are there until it is disposed of, and must be while an executable is built. */
export async function bundlePlainLibraries(): Promise<PlainLibraries> {
  const folder = mkdtempSync(join(tmpdir(), "roost-libraries-"));
  const source = await Bun.file(list).text();
  const names = [...source.matchAll(/import\("\.\/libraries\/(\w+)\.ts"\)/g)].map(([, name = ""]) => name);
  const zodEntry = join(sources, "outside/libraries/zod.ts");
  const zodParts = await partsOfZod();
  const build = await Bun.build({
    entrypoints: [...names.map((name) => join(sources, `outside/libraries/${name}.ts`)), zodEntry],
    outdir: folder,
    target: "bun",
    format: "esm",
    minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
    naming: { entry: "[name].mjs" },
    files: {
      [zodEntry]: `import * as zod from "zod";\nexport const z = {${zodParts.map((part) => `${part}: zod.${part}`)}};`,
    },
  });
  if (!build.success) throw new AggregateError(build.logs, "the libraries could not be bundled");
  const imports = names.map((name) => `import ${name}File from ${embedded(join(folder, `${name}.mjs`))};\n`);
  const contents = imports.join("") + source.replace(/import\("\.\/libraries\/(\w+)\.ts"\)/g, "import($1File)");
  const zod = `import file from ${embedded(join(folder, "zod.mjs"))};\nexport const { z } = await import(file);`;
  return {
    plugin: {
      name: "plain libraries",
      setup: (builder) => {
        builder.onLoad({ filter: /[/\\]outside[/\\]libraries\.ts$/ }, ({ path }) => {
          return path === list ? { contents, loader: "ts" } : undefined;
        });
        builder.onResolve({ filter: /^zod$/ }, () => ({ path: "zod", namespace: "plain" }));
        builder.onLoad({ filter: /^zod$/, namespace: "plain" }, () => ({ contents: zod, loader: "ts" }));
      },
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const embedded = (path: string): string => `${JSON.stringify(path)} with { type: "file" }`;

/** What our sources use of it: the rest of its namespace would be a megabyte of source in itself. */
async function partsOfZod(): Promise<string[]> {
  const parts = new Set<string>();
  for await (const path of new Bun.Glob("**/*.ts").scan({ cwd: sources, absolute: true })) {
    const source = await Bun.file(path).text();
    if (!source.includes('import { z } from "zod"')) continue;
    for (const [, part = ""] of source.matchAll(/\bz\.([a-z]\w*)\b/g)) parts.add(part);
  }
  return [...parts].toSorted();
}
