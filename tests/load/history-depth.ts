/**
 * How long `message.get` takes for the newest, a middle and the oldest page of one chat with a million messages:
 * `bun tests/load/history-depth.ts [messages]`.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { silentLog } from "../../src/lib/log.ts";
import { startServer } from "../../src/server.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { MiniClient, messagesOf, newUser } from "../minioicq/client.ts";

const count = Number(process.argv[2] ?? 1_000_000);
const rounds = 200;
const limit = 100;

const dataDir = mkdtempSync(join(tmpdir(), "roost-depth-"));
const start = () =>
  startServer(
    loadConfig({
      flags: { data: dataDir, "http.listen": "127.0.0.1:0", "mqtt.listen": "127.0.0.1:0" },
      env: { ROOST_DURABILITY: "os" },
      readFile: () => undefined,
    }),
    { log: silentLog },
  );

try {
  const first = await start();
  const ann = await newUser(first.http, "Ann");
  const chat = String((await ann.client.ask({ action: "chat.create", members: [] }))["chat_id"]);
  await ann.client.bye();
  await first.stop();
  fill(Number(chat), Number(ann.id));

  const server = await start();
  const client = await MiniClient.connect(server.http);
  await client.login(ann.id, "secret", { device_id: "depth" });
  await client.fence();
  const questions: [string, Record<string, unknown>][] = [
    ["newest page", { chat_id: chat }],
    ["middle page", { chat_id: chat, before: Math.floor(count / 2) }],
    ["oldest page", { chat_id: chat, after: 0 }],
    ["newest of all chats", { user_id: ann.id }],
    ["oldest of all chats", { user_id: ann.id, after: 0 }],
    ["by time, at the start", { chat_id: chat, start: 1_600_000_000, end: 1_600_000_500 }],
    ["by time, at the end", { chat_id: chat, start: 1_600_000_000 + count - 500 }],
  ];
  for (const [name, question] of questions) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = performance.now();
      const answer = await client.ask({ action: "message.get", limit, ...question });
      times.push(performance.now() - before);
      if (messagesOf(answer).length !== limit) throw new Error(`${name}: ${messagesOf(answer).length} messages`);
    }
    times.sort((a, b) => a - b);
    const at = (part: number) => (times[Math.floor(part * rounds)] ?? 0).toFixed(2);
    console.log(`${name.padEnd(24)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`);
  }
  await client.bye();
  await server.stop();
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}

/** Straight into the file: what is measured is reading. A second apart, the first in September 2020. */
function fill(chatId: number, senderId: number): void {
  using db = new Database(databasePath(dataDir));
  db.transaction(() => {
    db.prepare(
      `WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < ?1)
       INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, content, sent_at_ms)
       SELECT seq, ?2, seq, ?3, 0, 'message number ' || seq || ' of a long conversation', 1600000000000 + seq * 1000 FROM n`,
    ).run(count, chatId, senderId);
    db.prepare("UPDATE chats SET last_seq = ?1, last_message_id = ?1 WHERE chat_id = ?2").run(count, chatId);
    db.prepare("UPDATE members SET delivered_seq = ?1 WHERE chat_id = ?2").run(count, chatId);
    db.prepare("UPDATE sequence SET next = ?1 + 1 WHERE name = 'message'").run(count);
  })();
}
