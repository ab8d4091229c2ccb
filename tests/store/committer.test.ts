/** Batches on a real database, without the Worker: what a failure inside one does to the others, and a full disk. */
import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BatchOutcome, NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { nowMs, openStage, type Stage, valuesOf } from "./committer-stage.ts";

const append = (chatId: number, from: number, content = "x", more: object = {}): NamedChange => [
  "appendMessage",
  { chat: { id: chatId }, from, type: "text", content, ...more },
];
/** Fails on its foreign key, after it began to write. */
const failing: NamedChange = [
  "subscribe",
  { sessionId: 999, subscriptions: [{ filter: "a/b", qos: 1, options: 0, subscriptionId: null }] },
];
const seqAt = (batch: BatchOutcome, index: number) => {
  const outcome = batch.outcomes[index];
  return outcome?.[0] === 0 ? (outcome[1] as unknown[])[1] : outcome?.[0];
};

test("a change that fails after it wrote spoils nobody else's in its batch", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  const batch = stage.commit(
    append(chatId, ann, "one"),
    failing,
    append(chatId, bob, "two"),
    ["createUser", { nick: "Carl" }],
    append(chatId, ann, "lost", { publish: { sessionId: 999, packetId: 1, dup: false } }),
    append(404, ann),
    append(chatId, bob, "three"),
  );
  expect(batch.outcomes.map((outcome) => outcome[0])).toEqual([0, 2, 0, 0, 2, 1, 0]);
  expect([0, 2, 6].map((index) => seqAt(batch, index))).toEqual([1, 2, 3]);
  expect(batch.outcomes[5]?.slice(0, 2)).toEqual([1, "chat_not_found"]);
  expect(String(batch.outcomes[1]?.[1])).toContain("FOREIGN KEY");
  expect(stage.rows("SELECT seq, content FROM messages ORDER BY seq")).toEqual([
    [1, "one"],
    [2, "two"],
    [3, "three"],
  ]);
  expect(stage.rows("SELECT count(*) FROM mqtt_subscriptions")).toEqual([[0]]);
  expect(stage.rows(`SELECT last_seq FROM chats WHERE chat_id = ${chatId}`)).toEqual([[3]]);
  expect(batch.storage).toBeNull();
  expect(seqAt(stage.commit(append(chatId, ann, "four")), 0)).toBe(4);
});

test("half of a change that fails is undone: a direct chat its message could not follow into", () => {
  using stage = openStage();
  const { ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  const publish = { sessionId: 999, packetId: 1, dup: false };
  const before = stage.rows("SELECT * FROM chats");
  const events = stage.rows("SELECT * FROM events");
  const batch = stage.commit(append(bob, ann, "x", { publish }), [
    "appendMessages",
    { drafts: [append(bob, ann, "y")[1], append(bob, ann, "z", { publish })[1]] },
  ]);
  expect(batch.outcomes.map((outcome) => outcome[0])).toEqual([2, 2]);
  expect(stage.rows("SELECT * FROM chats")).toEqual(before);
  expect(stage.rows("SELECT * FROM events")).toEqual(events);
  expect(stage.rows("SELECT count(*) FROM messages")).toEqual([[0]]);
  const next = stage.commit(append(bob, ann, "x"));
  expect(seqAt(next, 0)).toBe(1);
});

test("member lists are sent along again after a failure made the writer forget", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0] = ids;
  const membersIn = (batch: BatchOutcome, index: number) => (valuesOf(batch)[index] as unknown[])[7];
  const first = stage.commit(append(chatId, ann), append(chatId, ann));
  expect([membersIn(first, 0), membersIn(first, 1)]).toEqual([ids, null]);
  const second = stage.commit(append(chatId, ann), failing, append(chatId, ann));
  expect(second.generation).toBeGreaterThan(first.generation);
  expect((second.outcomes[0]?.[1] as unknown[] | undefined)?.[7]).toEqual(ids);
  const third = stage.commit(append(chatId, ann));
  expect(third.generation).toBe(second.generation);
  expect(membersIn(third, 0)).toBeNull();
});

test("a change nobody knows is a fault, and the rest is done", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann");
  const [ann = 0] = ids;
  const batch = stage.commit(["noSuchChange" as NamedChange[0], {}], append(chatId, ann));
  expect(batch.outcomes.map((outcome) => outcome[0])).toEqual([2, 0]);
});

test("a disabled sender is refused", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  stage.db.run("UPDATE users SET disabled = 1 WHERE user_id = ?", [bob]);
  const batch = stage.commit(append(chatId, ann), append(chatId, bob));
  expect(batch.outcomes.map((outcome) => outcome[1])).toEqual([expect.anything(), "user_disabled"]);
});

/** Fills the database to where the next page cannot be had, as a full disk would. */
function fillUp(stage: Stage, chatId: number, from: number): void {
  const [[pages] = []] = stage.rows("PRAGMA page_count") as [number][];
  stage.db.run(`PRAGMA max_page_count = ${Number(pages) + 1}`);
  for (let n = 0; n < 100; n += 1) {
    if (stage.commit(append(chatId, from, "y".repeat(1500))).storage !== null) return;
  }
  throw new Error("the database did not fill up");
}

test("a full disk refuses the whole batch and leaves nothing half-done", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  expect(stage.reserve.restore()).toBe(true);
  stage.commit(append(chatId, ann, "before"));
  const [[pages] = []] = stage.rows("PRAGMA page_count") as [number][];
  stage.db.run(`PRAGMA max_page_count = ${Number(pages) + 1}`);
  const before = stage.rows("SELECT count(*), max(seq) FROM messages");
  const batch = stage.commit(
    append(chatId, ann, "small"),
    ["createUser", { nick: "Carl" }],
    append(chatId, bob, "z".repeat(100_000)),
    append(chatId, ann, "small"),
  );
  expect(batch.outcomes.map((outcome) => outcome.slice(0, 2))).toEqual(Array(4).fill([1, "storage_full"]));
  expect(batch.storage).toContain("full");
  expect(stage.db.inTransaction).toBe(false);
  expect(stage.rows("SELECT count(*), max(seq) FROM messages")).toEqual(before);
  expect(stage.rows("SELECT count(*) FROM users")).toEqual([[2]]);
  expect(statSync(join(stage.dataDir, "reserve")).size).toBeLessThan(8 * 1024 * 1024);
  stage.db.run("PRAGMA max_page_count = 1000000");
  expect(stage.commit(append(chatId, ann, "still refused")).outcomes).toEqual([[1, "storage_full"]]);
  expect(stage.reserve.restore()).toBe(true);
  expect(existsSync(join(stage.dataDir, "reserve"))).toBe(true);
  const after = stage.commit(append(chatId, ann, "after"), ["createUser", { nick: "Carl" }]);
  expect(seqAt(after, 0)).toBe(2);
  expect(after.storage).toBeNull();
});

test("while the disk is full, what frees space or was received still goes through", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const { chatId: other } = stage.chatOf("Carl");
  const [ann = 0, bob = 0] = ids;
  for (let n = 0; n < 20; n += 1) stage.commit(append(chatId, ann, "x".repeat(1000)));
  const [eventId] = stage.rows(`SELECT event_id FROM events WHERE user_id = ${bob}`).flat() as number[];
  fillUp(stage, chatId, ann);
  const batch = stage.commit(
    append(chatId, ann, "refused"),
    ["advance", { moves: [[bob, 0, chatId, 1, 5, 0]] }],
    ["createUser", { nick: "Dora" }],
    ["confirmEvents", { userId: bob, door: "rest", eventIds: [eventId] }],
    ["touchUsers", { seen: [{ userId: bob, lastSeenAtMs: nowMs }] }],
    ["openSession", { principalKey: "user:1", clientId: "c" }],
  );
  expect(batch.outcomes.map((outcome) => outcome[1])).toEqual([
    "storage_full",
    { moved: [[chatId, bob, 0, 5, 0, 0]], told: [] },
    "storage_full",
    null,
    null,
    "storage_full",
  ]);
  expect(stage.rows(`SELECT delivered_seq FROM members WHERE user_id = ${bob}`)).toEqual([[5]]);
  expect(stage.rows(`SELECT doors FROM events WHERE event_id = ${eventId}`)).toEqual([[1]]);
  // The reserve that was freed is what a deletion needs to be written down; here it is a page more.
  const [[pages] = []] = stage.rows("PRAGMA page_count") as [number][];
  stage.db.run(`PRAGMA max_page_count = ${Number(pages) + 4}`);
  const [deleted] = valuesOf(stage.commit(["deleteChat", { chatKey: `chat.${chatId}` }]));
  expect(deleted).toMatchObject({ deleted: true });
  expect(valuesOf(stage.commit(["sweepChat", { chatId, rows: 1000 }]))).toEqual([true]);
  expect(stage.rows(`SELECT count(*) FROM messages WHERE chat_id = ${chatId}`)).toEqual([[0]]);
  expect(stage.reserve.intact).toBe(false);
  stage.reserve.restore();
  expect(seqAt(stage.commit(append(other, Number(stage.rows("SELECT max(user_id) FROM users")[0]?.[0]), "x")), 0)).toBe(
    1,
  );
});

test("a chat's messages are swept slice by slice, other chats' are not", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann");
  const { chatId: other, ids: others } = stage.chatOf("Bob");
  const [ann = 0] = ids;
  const [bob = 0] = others;
  stage.commit(...Array.from({ length: 25 }, () => append(chatId, ann)), append(other, bob));
  stage.commit(["deleteChat", { chatKey: `chat.${chatId}` }]);
  expect(stage.rows("SELECT chat_id FROM sweeps")).toEqual([[chatId]]);
  const slice: NamedChange = ["sweepChat", { chatId, rows: 10 }];
  expect(valuesOf(stage.commit(slice, slice))).toEqual([false, false]);
  expect(stage.rows("SELECT chat_id, count(*) FROM messages GROUP BY 1")).toEqual([
    [chatId, 5],
    [other, 1],
  ]);
  expect(valuesOf(stage.commit(slice))).toEqual([true]);
  expect(stage.rows("SELECT chat_id, count(*) FROM messages GROUP BY 1")).toEqual([[other, 1]]);
  expect(stage.rows("SELECT chat_id FROM sweeps")).toEqual([]);
});

test("a user who never confirms keeps a bounded number of events, wherever the rows fall", () => {
  using stage = openStage();
  const { ids } = stage.chatOf("Ann", "Bob");
  // Two are told each time, so that the numbers of one of them are all odd.
  const changes = Array.from(
    { length: 11_500 },
    (): NamedChange => ["createChat", { ownerId: ids[0], members: ids, name: "x" }],
  );
  stage.commit(...changes);
  const counts = stage.rows("SELECT user_id, count(*) FROM events GROUP BY user_id") as [number, number][];
  expect(counts.map(([userId]) => userId)).toEqual(ids);
  for (const [, count] of counts) expect(count).toBeLessThan(11_000);
});

test("a batch is one transaction, seen by others whole or not at all", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann");
  const [ann = 0] = ids;
  const version = () => stage.rows("PRAGMA data_version");
  using other = openForWriting(stage.dataDir, "os");
  const seenBefore = other.prepare("PRAGMA data_version").values();
  const own = version();
  stage.commit(...Array.from({ length: 500 }, () => append(chatId, ann)));
  expect(version()).toEqual(own);
  expect(other.prepare("PRAGMA data_version").values()).not.toEqual(seenBefore);
  expect(other.prepare("SELECT count(*) FROM messages").values()).toEqual([[500]]);
});

test("of a batch that the disk does not take, what frees space is done on its own, and its files are told", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  const file = { hash: "ab".repeat(32), bytes: 100_000, form: "text", mediaType: "text/plain" };
  const [first, second] = valuesOf(
    stage.commit(append(chatId, ann, "x", { content: { file } }), append(chatId, bob, "two")),
  ) as [number[], number[]];
  const remove = ([messageId]: readonly number[], userId: number): NamedChange => [
    "deleteMessage",
    { chat: { id: chatId }, userId, messageId },
  ];
  stage.rows(`PRAGMA max_page_count = ${stage.rows("PRAGMA page_count")[0]?.[0]}`);
  const batch = stage.commit(
    remove(first, ann),
    append(chatId, ann, "y".repeat(60_000)),
    remove(second, bob),
    append(chatId, bob, "z".repeat(60_000)),
  );
  expect(batch.outcomes.map((outcome) => (outcome[0] === 1 ? outcome[1] : outcome[0]))).toEqual([
    0,
    "storage_full",
    0,
    "storage_full",
  ]);
  expect(batch.storage).toContain("full");
  expect(batch.releasedFiles).toEqual([file.hash]);
  expect(stage.reserve.intact).toBe(false);
  expect(stage.rows("SELECT count(*), count(content) FROM messages")).toEqual([[2, 0]]);
});
