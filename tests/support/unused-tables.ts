/**
 * Leaves out of the executable the tables that Drizzle is not asked about: of the forty that migrations are made from,
 * its reads name a quarter, and the first of them waits until the columns of all tables are made.
 */
import { fileURLToPath } from "node:url";

const schema = fileURLToPath(new URL("../../src/store/sqlite/schema.ts", import.meta.url));

export const unusedTables: Bun.BunPlugin = {
  name: "unused tables",
  setup: (builder) => {
    builder.onLoad({ filter: /[/\\]sqlite[/\\]schema\.ts$/ }, async ({ path }) => {
      return path === schema ? { contents: removable(await Bun.file(path).text()), loader: "ts" } : undefined;
    });
  },
};

/** Each table becomes the result of a call that the bundler may leave out where the name is not used. */
export function removable(source: string): string {
  const tables = /^export const (\w+) = (sqliteTable\((?:.*\)|[\s\S]*?\n(?:\}\)|\))));$/gm;
  const count = source.match(/^export const \w+ = sqliteTable\(/gm)?.length ?? 0;
  let found = 0;
  const contents = source.replace(tables, (_, name: string, table: string) => {
    found += 1;
    return `export const ${name} = /* @__PURE__ */ (() => ${table})();`;
  });
  if (count === 0 || found !== count) throw new Error(`${found} of ${count} tables were understood`);
  return contents;
}
