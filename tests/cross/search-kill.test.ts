/**
 * kill -9 at any time, while messages are sent, indexed and searched: after the next start a search finds every
 * acknowledged message once, and nothing that was not said. Between two starts `search.db` is now and then lost, damaged, or an
 * older one. A run is repeated with `ROOST_KILL_SEED=<seed>`, and made longer with `ROOST_KILL_ROUNDS=<rounds>`.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { indexPath, removeIndex } from "../../src/store/sqlite/search/index-path.ts";
import { call, enroll, room } from "../rest/client.ts";
import { createRandom, type Random } from "../support/random.ts";
import { startBinary } from "./binary-server.ts";

const rounds = Number(process.env["ROOST_KILL_ROUNDS"] ?? (process.env["CI"] ? 8 : 4));
const seed = Number(process.env["ROOST_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

type Server = Awaited<ReturnType<typeof startBinary>>;

/** What was acknowledged, id → word; and the words of what may have been stored. */
interface Known {
  readonly kept: Map<string, string>;
  readonly doubtful: Set<string>;
}

test(
  `what was acknowledged is found after kill -9, ${rounds} times`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-search-kill-"));
    console.log(`kill -9: seed ${seed}, ${rounds} rounds`);
    try {
      await killAgainAndAgain(join(folder, "data"), createRandom(seed));
    } catch (error) {
      throw new Error(`failed; run it again with ROOST_KILL_SEED=${seed} ROOST_KILL_ROUNDS=${rounds}`, {
        cause: error,
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  20_000 + rounds * 10_000,
);

async function killAgainAndAgain(data: string, random: Random): Promise<void> {
  const known: Known = { kept: new Map(), doubtful: new Set() };
  const older = `${data}-older.db`;
  let server = await startBinary(data);
  const [anna = ""] = await enroll(server, "anna");
  await room(server, "team", "anna");
  try {
    for (let round = 0; round < rounds; round += 1) {
      const talking = talk(server, anna, known, round);
      await Bun.sleep(50 + random.int(600));
      process.kill(server.pid, "SIGKILL");
      await server.exited;
      await talking;
      spoil(data, older, random);
      server = await startBinary(data);
      await verify(server, anna, known);
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

/** Sends and searches until the server is gone. */
async function talk(server: Server, as: string, known: Known, round: number): Promise<void> {
  const clients = Array.from({ length: 4 }, async (_, client) => {
    for (let sent = 0; ; sent += 1) {
      const word = `word${round}x${client}x${sent}`;
      const id = await attempt(async () => {
        const answer = await call(server, "POST /messages", { as, body: { chatID: "team", content: `tulip ${word}` } });
        return (JSON.parse(answer.text) as { message_id: string }).message_id;
      });
      if (id === undefined) {
        known.doubtful.add(word);
        return;
      }
      known.kept.set(id, word);
      if (sent % 5 === 4) await attempt(() => call(server, "GET /search?query=tulip", { as }));
    }
  });
  await Promise.all(clients);
}

async function attempt<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch {
    return undefined; // The server was killed.
  }
}

/** Most of the time the index stays as the kill left it. */
function spoil(data: string, older: string, random: Random): void {
  const path = indexPath(data);
  if (existsSync(path) && !existsSync(older)) {
    using db = new Database(path);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    copyFileSync(path, older);
    return;
  }
  const way = random.int(6);
  if (way > 2) return;
  removeIndex(data);
  if (way === 0 && existsSync(older)) copyFileSync(older, path);
  if (way === 1 && existsSync(older)) writeFileSync(path, readFileSync(older).fill(0x5a, 4096));
}

async function verify(server: Server, as: string, known: Known): Promise<void> {
  const found = new Map<string, string>();
  for (let before = ""; ; ) {
    const answer = await call(server, `GET /search?query=tulip&limit=50&before=${before}`, { as });
    expect([answer.status, answer.status === 200 ? "" : answer.text]).toEqual([200, ""]);
    const page = JSON.parse(answer.text) as {
      messages: { message_id: string; content: string }[];
      next: string | null;
    };
    for (const { message_id: id, content } of page.messages) {
      expect(found.has(id)).toBe(false);
      found.set(id, content);
    }
    if (page.next === null) break;
    before = page.next;
  }
  for (const [id, word] of known.kept) expect([id, found.get(id)]).toEqual([id, `tulip ${word}`]);
  const words = new Set(known.kept.values());
  const others = [...found.values()]
    .map((content) => content.slice("tulip ".length))
    .filter((word) => !words.has(word));
  expect(others.filter((word) => !known.doubtful.has(word))).toEqual([]);
}
