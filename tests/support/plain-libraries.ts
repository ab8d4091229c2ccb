/**
 * Libraries that the executable holds as plain source instead of bytecode, which takes five to ten times the room: nodemailer
 * is 0.2 MiB so, and 1.2 MiB as bytecode. Each is bundled first, with what our sources use of it, and then imported as an
 * embedded file: those of `src/providers/libraries.ts` when they are needed, `atStart` when their first user is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../../src", import.meta.url));
const list = join(sources, "providers/libraries.ts");
/** They are required: what awaits at its top level could not be required in turn by a module that loads them late. */
const atStart = ["zod", "commander", "hono", "mqtt-packet", "@msgpack/msgpack", "aws4fetch"] as const;

export interface PlainLibraries extends Disposable {
  readonly plugin: Bun.BunPlugin;
}

/**
 * What mqtt-packet brings and does not need here. Its list of buffers is also a stream, on a copy of Node's streams: the
 * list alone stands in a file beside. And it writes to a debug log that nobody can turn on in an executable of ours.
 */
const withoutStreams: Bun.BunPlugin = {
  name: "without streams",
  setup: (builder) => {
    builder.onResolve({ filter: /^bl$/ }, ({ importer }) => ({ path: Bun.resolveSync("bl/BufferList.js", importer) }));
    builder.onResolve({ filter: /^debug$/ }, () => ({ path: "debug", namespace: "silent" }));
    builder.onLoad({ filter: /^debug$/, namespace: "silent" }, () => ({
      contents: "module.exports = () => () => {};",
      loader: "js",
    }));
  },
};

/** The bundles are there until it is disposed of, and must be while an executable is built. */
export async function bundlePlainLibraries(): Promise<PlainLibraries> {
  const folder = mkdtempSync(join(tmpdir(), "roost-libraries-"));
  const source = await Bun.file(list).text();
  const names = [...source.matchAll(/import\("\.\/libraries\/(\w+)\.ts"\)/g)].map(([, name = ""]) => name);
  const used = await usedParts();
  const entryOf = (index: number): string => join(sources, `providers/libraries/at-start-${index}.ts`);
  const build = await Bun.build({
    entrypoints: [
      ...names.map((name) => join(sources, `providers/libraries/${name}.ts`)),
      ...atStart.map((_, n) => entryOf(n)),
    ],
    outdir: folder,
    target: "bun",
    format: "esm",
    minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
    naming: { entry: "[name].mjs" },
    plugins: [withoutStreams],
    files: Object.fromEntries(atStart.map((library, n) => [entryOf(n), entrySource(library, used)])),
  });
  if (!build.success) throw new AggregateError(build.logs, "the libraries could not be bundled");
  const imports = names.map((name) => `import ${name}File from ${embedded(join(folder, `${name}.mjs`))};\n`);
  const contents = imports.join("") + source.replace(/import\("\.\/libraries\/(\w+)\.ts"\)/g, "import($1File)");
  return {
    plugin: {
      name: "plain libraries",
      setup: (builder) => {
        builder.onLoad({ filter: /[/\\]providers[/\\]libraries\.ts$/ }, ({ path }) => {
          return path === list ? { contents, loader: "ts" } : undefined;
        });
        for (const [n, library] of atStart.entries()) {
          const exact = new RegExp(`^${library}$`);
          const parts = library === "zod" ? ["z"] : [...(used.names.get(library) ?? [])];
          const file = embedded(join(folder, `at-start-${n}.mjs`));
          const shim = `import file from ${file};\nexport const { ${parts.join(", ")} } = require(file);`;
          builder.onResolve({ filter: exact }, () => ({ path: library, namespace: "plain" }));
          builder.onLoad({ filter: exact, namespace: "plain" }, () => ({ contents: shim, loader: "ts" }));
        }
      },
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const embedded = (path: string): string => `${JSON.stringify(path)} with { type: "file" }`;

interface UsedParts {
  /** What is imported by name, types left out. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of zod's namespace, whose rest would be half a megabyte of source in itself. */
  readonly zod: ReadonlySet<string>;
}

async function usedParts(): Promise<UsedParts> {
  const names = new Map<string, Set<string>>(atStart.map((library) => [library, new Set()]));
  const zod = new Set<string>();
  for await (const path of new Bun.Glob("**/*.ts").scan({ cwd: sources, absolute: true })) {
    const source = await Bun.file(path).text();
    for (const [, imported = "", library = ""] of source.matchAll(/^import \{([^}]*)\} from "([^"]+)";/gm)) {
      for (const name of imported.split(",").map((part) => part.trim())) {
        if (name !== "" && !name.startsWith("type ")) names.get(library)?.add(name);
      }
    }
    if (!source.includes('import { z } from "zod"')) continue;
    for (const [, part = ""] of source.matchAll(/\bz\.([a-z]\w*)\b/g)) zod.add(part);
  }
  return { names, zod };
}

function entrySource(library: string, used: UsedParts): string {
  if (library !== "zod") return `export { ${[...(used.names.get(library) ?? [])].join(", ")} } from "${library}";`;
  const parts = [...used.zod].toSorted().map((part) => `${part}: zod.${part}`);
  return `import * as zod from "zod";\nexport const z = { ${parts.join(", ")} };`;
}
