/**
 * The built web client. From the sources it is built when it is asked for and has changed. In the executable the build puts a
 * module in the place of this one that has the files (`tests/support/client-files.ts`).
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../lib/log.ts";
import { buildClient } from "./build.ts";
import type { Client } from "./client.ts";

const sources = join(import.meta.dir, "../web");

/** One build at a time, for all servers of this process. */
let built: { readonly state: string; readonly client: Promise<Client> } | undefined;
/** The last one that succeeded. Pages that are open still ask for its files. */
let last: Client | undefined;

/** Throws where the client was never built and its sources cannot be. */
export async function clientFiles(log: Pick<Log, "error">): Promise<Client> {
  const state = stateOfSources();
  if (built?.state !== state) built = { state, client: build(log) };
  return await built.client;
}

async function build(log: Pick<Log, "error">): Promise<Client> {
  try {
    const client = await buildClient();
    const files = new Map([...(last?.files ?? []), ...client.files]);
    last = client;
    return { ...client, files, reloadScript: isWatching ? reloadScript : undefined };
  } catch (error) {
    const problems = error instanceof AggregateError ? error.errors.map(describe).join("\n") : String(error);
    log.error("the web client could not be built; the next save tries again", { problems });
    if (last !== undefined) return { ...last, reloadScript: isWatching ? reloadScript : undefined };
    throw new Error(problems);
  }
}

function describe(problem: unknown): string {
  if (!(problem instanceof BuildMessage) || problem.position === null) return String(problem);
  const { file, line, column } = problem.position;
  return `${file}:${line}:${column}: ${problem.message}`;
}

/** Changes with every save. */
function stateOfSources(): string {
  const files = readdirSync(sources, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => `${parentPath}/${name} ${statSync(join(parentPath, name)).mtimeMs}`)
    .join("\n");
}

/** `bun run dev` starts the program like this. */
const isWatching = process.execArgv.includes("--watch");

/** A page that is open asks for itself, once a second, and loads anew where it is another one. */
const reloadScript = `let own;
setInterval(async () => {
  const newest = await fetch("/").then((answer) => (answer.ok ? answer.text() : undefined)).catch(() => undefined);
  own ??= newest;
  if (newest !== undefined && newest !== own) location.reload();
}, 1000);
`;
