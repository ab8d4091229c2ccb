/** The rules of the house: who may import whom, no circles (types included), no dead files, names that say something. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dir, "../..");

/**
 * What each folder of `src` may import besides itself, or which file of another. Files that stand in `src` itself, `cli`
 * and `config` put parts together.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  net: ["lib"],
  etf: ["lib"],
  providers: ["domain", "lib"],
  domain: ["lib"],
  delivery: ["domain", "lib"],
  mqtt: ["net", "lib"],
  access: ["mqtt", "domain", "delivery", "lib"],
  "chat-topics": ["mqtt", "access", "domain", "delivery", "lib"],
  "erlang-terms": ["mqtt", "access", "etf", "domain", "delivery", "lib"],
  minioicq: ["net", "domain", "delivery", "lib"],
  rest: ["domain", "delivery", "lib"],
  pages: ["lib"],
  webhooks: ["domain", "delivery", "lib"],
  // The broker declares what it needs remembered, as the domain does; nothing else of it is the store's business.
  store: ["domain", "lib", "mqtt/store.ts", "mqtt/wire/protocol.ts"],
  ops: ["store", "domain", "delivery", "lib"],
  // What runs in the browser. The server knows it as built files alone.
  web: [],
};
/** The same for the folders of `src/web`. What stands in `src/web` itself puts them together. */
const webMayImport: Readonly<Record<string, readonly string[]>> = {
  client: [],
  browser: ["client"],
  state: ["client", "browser"],
  words: [],
  views: ["state", "words"],
  worker: [],
};
/** Libraries that only these folders or files may use. */
const ownersOf: Readonly<Record<string, readonly string[]>> = {
  "drizzle-orm": ["src/store/"],
  "bun:sqlite": ["src/store/"],
  "mqtt-packet": ["src/mqtt/wire/codec.ts", "src/mqtt/wire/library.ts"],
  "@msgpack/msgpack": ["src/minioicq/", "src/chat-topics/"],
  preact: ["src/web/views/", "src/web/main.tsx"],
  "@preact/signals": ["src/web/state/", "src/web/views/", "src/web/main.tsx"],
};
const entryPoints = [
  "src/main.ts",
  "src/store/sqlite/engine/writer.worker.ts",
  "src/store/files/files.worker.ts",
  "src/store/sqlite/search/search.worker.ts",
  "src/web/main.tsx",
  "src/web/worker/sw.ts",
];

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  /** A file of ours, or a package. */
  readonly to: string;
}

const files = [...new Bun.Glob("src/**/*.{ts,tsx}").scanSync(root)]
  .filter((file) => !file.endsWith(".d.ts"))
  .toSorted();
const imports: readonly Import[] = files.flatMap((from) =>
  [
    ...readFileSync(join(root, from), "utf8").matchAll(
      /(?:^(?:import|export)\b[^"';]*?(?:from )?|\b(?:import|require)\(|new URL\()"([^"]+)"/gm,
    ),
  ].map(([text, to = ""]) => ({
    from,
    typeOnly: /^(?:import|export) type\b/.test(text),
    to: to.startsWith(".") ? relative(root, join(root, dirname(from), to)) : to,
  })),
);
const folderOf = (file: string): string | undefined => /^src\/([^/]+)\//.exec(file)?.[1];

/** Groups of files of which each reaches every other by imports (Tarjan), those of one file left out. */
function circles(): string[][] {
  const next = Map.groupBy(imports, ({ from }) => from);
  const numbers = new Map<string, number>();
  const lows = new Map<string, number>();
  const path: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const number = numbers.size;
    numbers.set(file, number);
    path.push(file);
    let low = number;
    for (const { to } of next.get(file) ?? []) {
      if (!files.includes(to)) continue;
      if (!numbers.has(to)) low = Math.min(low, visit(to));
      else if (path.includes(to)) low = Math.min(low, lows.get(to) ?? numbers.get(to) ?? low);
    }
    lows.set(file, low);
    if (low !== number) return low;
    const group = path.splice(path.indexOf(file));
    if (group.length > 1) found.push(group.toSorted());
    return low;
  };
  for (const file of files) if (!numbers.has(file)) visit(file);
  return found;
}

test("each folder imports only what it may", () => {
  const folders = new Set(files.map(folderOf).filter((folder) => folder !== undefined));
  for (const folder of ["cli", "config"]) folders.delete(folder);
  expect([...folders].toSorted()).toEqual(Object.keys(mayImport).toSorted());
  const wrong = imports.filter(({ from, to }) => {
    const folder = folderOf(from);
    if (folder === undefined || !to.startsWith("src/") || folderOf(to) === folder) return false;
    const may = mayImport[folder];
    return may !== undefined && !may.includes(folderOf(to) ?? "") && !may.includes(to.slice("src/".length));
  });
  expect(wrong).toEqual([]);
});

test("so does each folder of the web client, and nothing imports the client but itself", () => {
  const webFolderOf = (file: string): string | undefined => /^src\/web\/([^/]+)\//.exec(file)?.[1];
  const wrong = imports.filter(({ from, to }) => {
    if (!from.startsWith("src/web/")) return to.startsWith("src/web/");
    const folder = webFolderOf(from);
    if (folder === undefined || !to.startsWith("src/") || webFolderOf(to) === folder) return false;
    return webMayImport[folder]?.includes(webFolderOf(to) ?? "") !== true;
  });
  expect(wrong).toEqual([]);
});

test("libraries stay in the folders that wrap them", () => {
  const wrong = imports.filter(({ from, to }) => {
    const owners = Object.entries(ownersOf).find(([name]) => to === name || to.startsWith(`${name}/`))?.[1];
    return owners !== undefined && !owners.some((owner) => from.startsWith(owner));
  });
  expect(wrong).toEqual([]);
});

test("imports go in no circle, those of types included", () => {
  expect(circles()).toEqual([]);
});

test("every file is reached from where the program begins", () => {
  const next = Map.groupBy(imports, ({ from }) => from);
  const reached = new Set(entryPoints);
  for (const file of reached) for (const { to } of next.get(file) ?? []) reached.add(to);
  expect(files.filter((file) => !reached.has(file))).toEqual([]);
});

/** What changes are made of, and what they use. */
function executedByWriter(): ReadonlySet<string> {
  const next = Map.groupBy(
    imports.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  );
  const executed = new Set(["src/store/sqlite/engine/committer.ts"]);
  for (const file of executed) for (const { to } of next.get(file) ?? []) if (files.includes(to)) executed.add(to);
  expect(executed.size).toBeGreaterThan(40);
  return executed;
}

test("changes are written in SQL, and Drizzle builds nothing but reads", () => {
  const users = imports.filter(({ to }) => to.endsWith("/late-drizzle.ts")).map(({ from }) => from);
  expect(users.length).toBeGreaterThan(3);
  const executed = executedByWriter();
  expect([...executed].filter((file) => users.includes(file) || /\/(?:drizzle|schema)\.ts$/.test(file))).toEqual([]);
  const writes = /\borm\s*\.(?!select\b)\w+/;
  expect(users.filter((file) => writes.test(readFileSync(join(root, file), "utf8")))).toEqual([]);
});

test("changes have no clock and no chance of their own: they are functions of database, batch and arguments", () => {
  const executed = executedByWriter();
  const ownWill =
    /\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b|\bMath\.random\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bprocess\.(?:env|hrtime)\b|\bBun\.(?:env|nanoseconds)\b/;
  const wrong = [...executed].filter((file) => ownWill.test(readFileSync(join(root, file), "utf8")));
  expect(wrong).toEqual([]);
});

/** Who looks at the wall clock, and what they show by it. All that waits counts by another clock (`src/lib/clock.ts`). */
const showTheTime: Readonly<Record<string, string>> = {
  "src/lib/steady-clock.ts": "steps are seen by it",
  "src/lib/log-sink.ts": "the time of a line",
  "src/ops/clock-watch.ts": "roost clock",
  "src/store/sqlite/engine/writer.ts": "the time of a batch",
  "src/store/sqlite/store.ts": "when a migration was applied",
  "src/domain/people/presence.ts": "when a user was last seen",
  "src/domain/people/accounts.ts": "when an invitation ends, for its reader",
  "src/domain/people/account-codes.ts": "when a code ends, for its reader",
  "src/domain/phones/phone-sessions.ts": "when a session was last used",
  "src/domain/profiles/profiles.ts": "no later than now, of what a client asks for",
  "src/erlang-terms/handlers/profile.ts": "what the client asks for next time",
  "src/delivery/receipts.ts": "when a member got further",
  "src/minioicq/requests/handlers/chat-list.ts": "whether a mute is over",
  "src/delivery/presence.ts": "the minute in which a user was last seen",
  "src/delivery/typing.ts": "since when a user types",
  "src/rest/routes/signed.ts": "a signature's time, ours and a client's",
  "src/webhooks/runner.ts": "a signature's time",
};

test("only what shows the time looks at the wall clock of the server", () => {
  const looks = /\.nowMs\(\)|\bDate\.now\b|\bnew Date\(\)/;
  const server = files.filter((file) => !file.startsWith("src/web/"));
  const found = server.filter((file) => looks.test(readFileSync(join(root, file), "utf8")));
  expect(found.toSorted()).toEqual(Object.keys(showTheTime).toSorted());
});

test("files are kebab-case nouns", () => {
  const names = files.map((file) => file.slice(file.lastIndexOf("/") + 1));
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.worker)?\.tsx?$/.test(name))).toEqual([]);
  expect(names.filter((name) => /^(utils?|helpers?|common|misc|manager)\.tsx?$/.test(name))).toEqual([]);
});
