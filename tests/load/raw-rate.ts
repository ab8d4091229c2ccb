/**
 * What this machine's SQLite can do with the server's own statements and nothing around them: the same tables, indexes
 * and settings, messages into 100 chats in groups of 256, each sender checked to be a member. One thread, no sockets, no
 * Worker: the ceiling that durable throughput is a share of.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { openForWriting } from "../../src/store/sqlite/engine/open.ts";

/** Thrown by a measurement that cannot be taken here, which is not a failure. */
export class Unavailable extends Error {}

const groupRows = 256;
const chatCount = 100;
const userCount = 50;
/** As the writer does between two batches. */
const checkpointPages = 4096;

/** Rows per second, measured for `seconds`. */
export async function rawRate(seconds = 4): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "roost-raw-"));
  const db = openForWriting(folder, "disk");
  try {
    migrate(db, Date.now());
    const insertUser = db.prepare("INSERT INTO users (user_id, guid, nick, created_at_ms) VALUES (?, ?, ?, 0)");
    const insertChat = db.prepare(
      "INSERT INTO chats (chat_id, kind, name, owner_id, created_at_ms, updated_at_ms) VALUES (?, 'group', '', 1, 0, 0)",
    );
    const insertMember = db.prepare(
      "INSERT INTO members (chat_id, user_id, ordinal, joined_seq, delivered_seq, read_seq) VALUES (?, ?, ?, 0, 0, 0)",
    );
    const members = new Map<number, Set<number>>();
    const lastSeq = new Map<number, number>();
    db.transaction(() => {
      for (let user = 1; user <= userCount; user += 1) insertUser.run(user, `guid-${user}`, `user ${user}`);
      for (let chat = 1; chat <= chatCount; chat += 1) {
        insertChat.run(1000 + chat);
        members.set(1000 + chat, new Set());
        for (let user = 1; user <= userCount; user += 1) {
          insertMember.run(1000 + chat, user, user);
          members.get(1000 + chat)?.add(user);
        }
      }
    })();
    const insertMessage = db.prepare(
      "INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, type, content, client_id, client_time_ms, sent_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    const moveChat = db.prepare("UPDATE chats SET last_seq = ?, last_message_id = ? WHERE chat_id = ?");
    const saveSequence = db.prepare("INSERT OR REPLACE INTO sequence (name, next) VALUES ('message', ?)");
    const begin = db.prepare("BEGIN IMMEDIATE");
    const commit = db.prepare("COMMIT");
    const counted = db.prepare("PRAGMA wal_checkpoint(NOOP)");
    const checkpoint = db.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    const content = "x".repeat(100);
    let messageId = 0;
    const startedMs = performance.now();
    const endMs = startedMs + seconds * 1000;
    while (performance.now() < endMs) {
      begin.run();
      for (let row = 0; row < groupRows; row += 1) {
        messageId += 1;
        const chat = 1001 + (messageId % chatCount);
        const user = 1 + (messageId % userCount);
        if (!members.get(chat)?.has(user)) throw new Error("not a member");
        const seq = (lastSeq.get(chat) ?? 0) + 1;
        lastSeq.set(chat, seq);
        insertMessage.run(messageId, chat, seq, user, 0, null, content, null, null, Date.now());
        moveChat.run(seq, messageId, chat);
      }
      saveSequence.run(messageId + 1);
      commit.run();
      const [pages] = counted.values() as [number, number, number][];
      if ((pages?.[1] ?? 0) - (pages?.[2] ?? 0) >= checkpointPages) checkpoint.values();
    }
    return messageId / ((performance.now() - startedMs) / 1000);
  } finally {
    db.close();
    await rm(folder, { recursive: true, force: true });
  }
}
