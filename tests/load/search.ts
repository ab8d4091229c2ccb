/**
 * What search costs, on a server with a million messages: `bun tests/load/search.ts [--messages N] [--short] [--json] [--ci]
 * [--data FOLDER] [--part NAME]`. How long a search takes, how large `search.db` is beside the messages, how long the index takes, and how long messages wait
 * for their commit while it is made, beside a server whose search is off. With `--ci` the exit code is 1 when the size or the
 * p99 of all searches is worse than half of its target.
 */
import { Database } from "bun:sqlite";
import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { rowsOf } from "../../src/store/sqlite/engine/rows.ts";
import { indexPath, removeIndex } from "../../src/store/sqlite/search/index-path.ts";
import { call, enroll, room, say } from "../rest/client.ts";
import { createRandom } from "../support/random.ts";
import { Histogram } from "./histogram.ts";
import { type RunningServer, startServer, warnOfMemoryDisk } from "./server.ts";

const { values: flags } = parseArgs({
  options: {
    messages: { type: "string" },
    data: { type: "string" },
    part: { type: "string" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    ci: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});
if (flags.help) {
  console.log("bun tests/load/search.ts [--messages N] [--short] [--json] [--ci] [--data FOLDER] [--part NAME]");
  process.exit(0);
}
const parts = ["index", "searches", "commits"] as const;
type Part = (typeof parts)[number];
if (flags.part !== undefined && !parts.some((part) => part === flags.part)) {
  console.error(`--part takes one of ${parts.join(", ")}`);
  process.exit(2);
}
const takes = (part: Part): boolean => flags.part === undefined || flags.part === part;
const count = Number(flags.messages ?? (flags.short ? 100_000 : 1_000_000));
const askedEach = flags.short ? 60 : 300;
const sendSeconds = flags.short ? 4 : 10;
const sendRounds = flags.short ? 1 : 3;
const sendsPerSecond = 200;
const chatCount = 200;
const backendKey = "load-backend-key-0123456789abcdef";

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  /** Of few samples: `--ci` does not fail for it. */
  readonly few?: boolean;
  readonly note?: string;
}
const rows: Row[] = [];
const random = createRandom(7);

/** Sixty thousand made-up words, the frequent ones short, drawn as words are used: the n-th one in proportion to 1/n. */
function createVocabulary() {
  const syllables = "ka to mi ren sol be ta gra lin os ver un chi pel dor en st ing al er".split(" ");
  const words = new Set<string>();
  while (words.size < 60_000) {
    let word = "";
    for (let left = 1 + random.int(4); left > 0; left -= 1) word += random.pick(syllables);
    words.add(words.has(word) ? `${word}${words.size.toString(36)}` : word);
  }
  const sorted = [...words].toSorted((a, b) => a.length - b.length);
  const shares: number[] = [];
  let sum = 0;
  for (let rank = 0; rank < sorted.length; rank += 1) {
    sum += 1 / (rank + 3);
    shares.push(sum);
  }
  const draw = (): string => {
    const at = (random.int(2 ** 30) / 2 ** 30) * sum;
    let [low, high] = [0, shares.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((shares[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return sorted[low] ?? "";
  };
  return { at: (rank: number): string => sorted[rank] ?? "", draw };
}
const vocabulary = createVocabulary();
const han = "今天气很好我们一起去公园散步吃饭看电影买东西明天早上见面工作学习中文日本语时间地方朋友";

/** Five to thirty words; one text in ten is Chinese. */
function textOf(): string {
  if (random.chance(0.1)) return Array.from({ length: 5 + random.int(30) }, () => han[random.int(han.length)]).join("");
  return Array.from({ length: 5 + random.int(25) }, vocabulary.draw).join(" ");
}

const data = flags.data ?? mkdtempSync(join(tmpdir(), "roost-search-"));
const start = (env: Record<string, string>, folder = data): Promise<RunningServer> =>
  startServer({ data: folder, env: { ROOST_BACKEND_KEY: backendKey, ...env } });

async function prepare(): Promise<Readonly<Record<string, string>>> {
  await using server = await start({ ROOST_SEARCH: "off" });
  const api = { http: server.http, backendKey };
  const [one = "", twenty = "", all = ""] = await enroll(api, "one", "twenty", "all");
  for (let chat = 0; chat < chatCount; chat += 1) {
    const members = ["all", ...(chat % 10 === 0 ? ["twenty"] : []), ...(chat === 0 ? ["one"] : [])];
    await room(api, `chat${chat}`, ...members);
  }
  return { one, twenty, all };
}

/** Straight into the file: what is measured is search. */
function fill(): void {
  using db = new Database(databasePath(data));
  // A folder of an earlier run.
  if (Number(rowsOf(db, "SELECT count(*) FROM messages")[0]?.[0]) >= count) return;
  const chats = rowsOf(db, "SELECT chat_id FROM chats WHERE kind = 'group' ORDER BY chat_id").flat().map(Number);
  const [[sender] = []] = rowsOf(db, "SELECT user_id FROM users WHERE username = 'all'");
  const seqs = chats.map(() => 0);
  const lasts = chats.map(() => 0);
  using insert = db.prepare(
    "INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, content, sent_at_ms) VALUES (?, ?, ?, ?, 0, ?, ?)",
  );
  db.transaction(() => {
    for (let id = 1; id <= count; id += 1) {
      const chat = random.int(chats.length);
      const seq = (seqs[chat] ?? 0) + 1;
      seqs[chat] = seq;
      lasts[chat] = id;
      insert.run(id, chats[chat] ?? 0, seq, Number(sender), textOf(), 1_600_000_000_000 + id * 1000);
    }
    chats.forEach((chatId, at) => {
      rowsOf(
        db,
        "UPDATE chats SET last_seq = ?, last_message_id = ? WHERE chat_id = ?",
        seqs[at] ?? 0,
        lasts[at] ?? 0,
        chatId,
      );
    });
    rowsOf(db, "UPDATE members SET delivered_seq = (SELECT last_seq FROM chats c WHERE c.chat_id = members.chat_id)");
    rowsOf(db, "UPDATE sequence SET next = ? WHERE name = 'message'", count + 1);
    rowsOf(db, "DELETE FROM sequence WHERE name = 'search_off'");
  })();
  rowsOf(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

function stateOf(folder: string): { through: number; untidy: number } {
  try {
    using index = new Database(indexPath(folder), { readonly: true });
    const [[through, untidy] = []] = rowsOf(
      index,
      "SELECT through, (SELECT count(*) FROM shards WHERE untidy = 1) FROM state",
    );
    return { through: Number(through), untidy: Number(untidy) };
  } catch {
    return { through: 0, untidy: 1 };
  }
}

async function measureIndex(): Promise<void> {
  const startedMs = performance.now();
  await using _ = await start({});
  for (;;) {
    const { through, untidy } = stateOf(data);
    if (through >= count && untidy === 0) break;
    await Bun.sleep(100);
  }
  rows.push({ name: "the index of all messages", value: (performance.now() - startedMs) / 1000, unit: "s" });
}

function measureSize(): void {
  const [log, index] = [statSync(databasePath(data)).size, statSync(indexPath(data)).size];
  rows.push({
    name: "search.db",
    value: index / 1024 / 1024,
    unit: "MiB",
    note: `${(index / count).toFixed(0)} bytes a message`,
  });
  rows.push({ name: "search.db beside roost.db", value: index / log, unit: "×", atMost: 1.1 });
}

async function measureSearches(tokens: Readonly<Record<string, string>>): Promise<void> {
  await using server = await start({});
  const api = { http: server.http, backendKey };
  const queries: readonly [string, () => string][] = [
    ["a frequent word", () => vocabulary.at(random.int(20))],
    ["a usual word", () => vocabulary.at(200 + random.int(2000))],
    ["a rare word", () => vocabulary.at(30_000 + random.int(25_000))],
    ["two usual words", () => `${vocabulary.at(50 + random.int(500))} ${vocabulary.at(50 + random.int(500))}`],
    ["a beginning of three letters", () => vocabulary.at(2000 + random.int(20_000)).slice(0, 3)],
    ["a beginning of five letters", () => vocabulary.at(9000 + random.int(20_000)).slice(0, 5)],
    ["three signs of Chinese", () => Array.from({ length: 3 }, () => han[random.int(han.length)]).join("")],
    ["a word no one said", () => `nothing${random.int(10_000)}`],
  ];
  const firstMs = performance.now();
  await call(api, "GET /search?query=begin", { as: tokens["one"] });
  rows.push({ name: "the first search after a start", value: performance.now() - firstMs, unit: "ms" });
  for (let warm = 0; warm < 100; warm += 1) {
    await call(api, `GET /search?query=${vocabulary.draw()}`, { as: tokens["twenty"] });
  }
  const all = new Histogram();
  let unfinished = 0;
  for (const [who, token] of Object.entries(tokens)) {
    for (const [what, make] of queries) {
      const times = new Histogram();
      for (let asked = 0; asked < askedEach; asked += 1) {
        const query = encodeURIComponent(make());
        const before = performance.now();
        const answer = await call(api, `GET /search?query=${query}`, { as: token });
        const tookUs = Math.round((performance.now() - before) * 1000);
        if (answer.status !== 200) throw new Error(`search answered ${answer.status}: ${answer.text}`);
        const { messages, next } = JSON.parse(answer.text) as { messages: unknown[]; next: string | null };
        if (messages.length < 20 && next !== null) unfinished += 1;
        times.record(tookUs);
        all.record(tookUs);
      }
      const chats = { one: "in 1 chat", twenty: "in 20 chats", all: `in ${chatCount} chats` }[who] ?? who;
      rows.push({
        name: `${what}, ${chats}, p99`,
        value: times.percentile(0.99) / 1000,
        unit: "ms",
        atMost: 20,
        few: true,
        note: `p50 ${(times.percentile(0.5) / 1000).toFixed(2)}`,
      });
    }
  }
  const share = (100 * unfinished) / all.count;
  rows.push({
    name: "all searches, p99",
    value: all.percentile(0.99) / 1000,
    unit: "ms",
    atMost: 20,
    note: `p50 ${(all.percentile(0.5) / 1000).toFixed(2)}; ${share.toFixed(1)} % had to go on for a whole page`,
  });
}

/** Messages at a fixed pace over REST, each on disk before it is answered. */
async function sendFor(
  server: RunningServer,
  token: string,
  { seconds, into }: { seconds: number; into: Histogram },
): Promise<void> {
  const api = { http: server.http, backendKey };
  const pending: Promise<unknown>[] = [];
  const startedMs = performance.now();
  for (let sent = 0; sent < seconds * sendsPerSecond; sent += 1) {
    const dueMs = startedMs + (sent * 1000) / sendsPerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await Bun.sleep(waitMs);
    pending.push(
      say(api, token, `chat${sent % chatCount}`, textOf()).then(() =>
        into.record(Math.round((performance.now() - dueMs) * 1000)),
      ),
    );
  }
  await Promise.all(pending);
}

const ways = ["off", "steady", "anew"] as const;

/** `anew`: the index is made meanwhile, the worst that search does to a commit. The order changes from round to round. */
async function measureCommits(token: string): Promise<void> {
  const times = { off: new Histogram(), steady: new Histogram(), anew: new Histogram() };
  for (let round = 0; round < sendRounds; round += 1) {
    for (let turn = 0; turn < ways.length; turn += 1) {
      const how = ways[(turn + round) % ways.length] ?? "off";
      const folder = mkdtempSync(join(tmpdir(), "roost-search-"));
      try {
        cpSync(data, folder, { recursive: true });
        if (how === "anew") removeIndex(folder);
        // What was copied must not be written while commits are measured.
        Bun.spawnSync(["sync"]);
        await using server = await start(how === "off" ? { ROOST_SEARCH: "off" } : {}, folder);
        await sendFor(server, token, { seconds: 2, into: new Histogram() });
        if (how !== "off") await call({ http: server.http, backendKey }, "GET /search?query=begin", { as: token });
        await sendFor(server, token, { seconds: sendSeconds, into: times[how] });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
  const names = {
    off: "a message's commit without search",
    steady: "with search",
    anew: "while the index is made anew",
  };
  for (const how of ways) {
    const ms = (part: number): number => times[how].percentile(part) / 1000;
    rows.push({
      name: `${names[how]}, p99`,
      value: ms(0.99),
      unit: "ms",
      note: `p50 ${ms(0.5).toFixed(2)}; p95 ${ms(0.95).toFixed(2)}`,
    });
  }
}

await warnOfMemoryDisk();
try {
  const tokens = await prepare();
  fill();
  await measureIndex();
  measureSize();
  if (takes("searches")) await measureSearches(tokens);
  if (takes("commits")) await measureCommits(tokens["all"] ?? "");
} finally {
  if (flags.data === undefined) rmSync(data, { recursive: true, force: true });
}
if (flags.json) console.log(JSON.stringify({ messages: count, rows }));
else {
  console.log(`${count.toLocaleString("en")} messages in ${chatCount} chats`);
  for (const { name, value, unit, atMost, note } of rows) {
    const mark = atMost === undefined ? " " : value <= atMost ? "✓" : value <= 2 * atMost ? "–" : "✗";
    const target = atMost === undefined ? "" : `at most ${atMost}`;
    console.log(
      `${mark} ${name.padEnd(52)} ${value.toFixed(2).padStart(9)} ${unit.padEnd(4)} ${target.padEnd(12)} ${note ?? ""}`,
    );
  }
}
if (flags.ci && rows.some(({ value, atMost, few }) => atMost !== undefined && few !== true && value > 2 * atMost))
  process.exit(1);
