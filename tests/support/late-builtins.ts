/**
 * Lets the executable load some of the runtime's own modules when one of their functions is first called. A bundle imports
 * all of them before its first line runs, and these bring Node's streams with them: a tenth of a start's time and 3 MiB.
 * What a module exports stands behind a function of the same name, or a class for names with a capital.
 */
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../../src/", import.meta.url));
const late = ["node:crypto", "node:net", "node:stream", "node:tls", "node:url", "node:zlib"];
const fromLate = new RegExp(`from "(${late.join("|")})";`, "g");

/** The names each of them is asked for in our sources, types left out. */
async function namesByModule(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const names = new Map<string, Set<string>>(late.map((module) => [module, new Set()]));
  for await (const path of new Bun.Glob("**/*.ts").scan({ cwd: sources, absolute: true })) {
    const source = await Bun.file(path).text();
    for (const [, imported = "", module = ""] of source.matchAll(/^import \{([^}]*)\} from "(node:\w+)";/gm)) {
      for (const name of imported.split(",").map((part) => part.trim())) {
        if (name !== "" && !name.startsWith("type ")) names.get(module)?.add(name);
      }
    }
  }
  return names;
}

export async function lateBuiltins(): Promise<Bun.BunPlugin> {
  const names = await namesByModule();
  return {
    name: "late builtins",
    setup: (builder) => {
      // The runtime's own modules are resolved before any plugin is asked, so the sources name the stand-ins.
      builder.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path }) => {
        if (!path.startsWith(sources)) return undefined;
        const source = await Bun.file(path).text();
        const contents = source.replace(fromLate, (_, module: string) => `from "late:${module}";`);
        return contents === source ? undefined : { contents, loader: "ts" };
      });
      builder.onResolve({ filter: /^late:/ }, ({ path }) => ({ path: path.slice("late:".length), namespace: "late" }));
      builder.onLoad({ filter: /^/, namespace: "late" }, ({ path }) => ({
        contents: standIn(path, names.get(path) ?? new Set()),
        loader: "js",
      }));
    },
  };
}

function standIn(module: string, names: ReadonlySet<string>): string {
  const lines = [...names].map((name) =>
    /^[A-Z]/.test(name)
      ? `export const ${name} = new Proxy(class {}, { construct: (_, args) => Reflect.construct(load().${name}, args) });`
      : `export const ${name} = (...args) => load().${name}(...args);`,
  );
  return [
    "let loaded;",
    `const load = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(module)}));`,
    ...lines,
  ].join("\n");
}
