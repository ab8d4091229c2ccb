/** The store through its Worker: batches, what a stop or the Worker's end leaves, and what SQLite's store alone offers. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Message, MessageId, UserId } from "../../src/domain/model.ts";
import { createCommitter, type NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { databasePath, openForReading, openForWriting } from "../../src/store/sqlite/engine/open.ts";
import { createReserve } from "../../src/store/sqlite/engine/reserve.ts";
import { createMessageReader } from "../../src/store/sqlite/messages/message-reader.ts";
import { createUserReader } from "../../src/store/sqlite/people/user-reader.ts";
import { until } from "../support/deadline.ts";
import { at, createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { expectRefusal, group, inChat, people, sendMany, text, withUser } from "./contract/stage.ts";
import { openIn, openSqlite, temporaryFolder } from "./open-sqlite.ts";

/** A look at the file from beside the store. */
function countMessages(dataDir: string, chatId: number): number {
  using db = openStopped(databasePath(dataDir), { readonly: true });
  const [[count] = []] = db.prepare("SELECT count(*) FROM messages WHERE chat_id = ?").values(chatId) as [number][];
  return count ?? 0;
}

test("what is asked in one turn is one batch, and what gathers while it is written is the next", async () => {
  await using folder = await openSqlite();
  const [ann, bob] = await people(folder.store, "Ann", "Bob");
  await folder.store.close();
  // The store looks at the clock once a batch, so each batch has a time of its own.
  let batches = 0;
  const store = await openIn(folder.dataDir, { ...createManualClock(), nowMs: () => ++batches });
  const timesOf = (messages: readonly Message[]) => new Set(messages.map((message) => message.sentAtMs)).size;
  const first = await sendMany(store, ann, withUser(bob), 1000);
  expect(timesOf(first.map((one) => one.message))).toBe(1);
  const gathered: Promise<unknown>[] = [];
  for (let turn = 0; turn < 1000; turn += 1) {
    gathered.push(store.appendMessage(text(bob, withUser(ann), "x")));
    if (turn % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(store.waiting().changes).toBeGreaterThan(0);
  await Promise.all(gathered);
  expect(store.waiting()).toEqual({ changes: 0, bytes: 0 });
  const chatId = first[0]?.message.chatId ?? (0 as Message["chatId"]);
  const log = await store.messages({ chatId, afterSeq: 1000, limit: 1000 });
  expect(log).toHaveLength(1000);
  expect(timesOf(log)).toBeLessThanOrEqual(51);
  await store.close();
});

test("a batch has an end, and what is over it keeps its order", async () => {
  await using opened = await openSqlite();
  const [ann] = await people(opened.store, "Ann");
  const sent = await sendMany(opened.store, ann, withUser(ann), 5000);
  expect(sent.map((one) => one.message.seq)).toEqual(sent.map((_, n) => n + 1));
});

test("more than 64 MiB waiting for the disk is answered with busy, and all that was taken is stored", async () => {
  await using opened = await openSqlite();
  const { store } = opened;
  const [ann] = await people(store, "Ann");
  // Below what goes to a file, and so waits elsewhere.
  const content = new Uint8Array(65_000);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 1100 }, () => store.appendMessage(text(ann, withUser(ann), content))),
  );
  const taken = outcomes.filter((outcome) => outcome.status === "fulfilled").length;
  expect(taken).toBeWithin(1025, 1033); // 64 MiB of content, and of the JSON beside it.
  await expectRefusal(Promise.reject(outcomes.find((outcome) => outcome.status === "rejected")?.reason), "busy");
  expect(await store.appendMessage(text(ann, withUser(ann), "small"))).toMatchObject({ message: { seq: taken + 1 } });
});

test("closing waits for what is in flight and refuses what comes after", async () => {
  await using opened = await openSqlite();
  const { store } = opened;
  const [ann] = await people(store, "Ann");
  const sent = sendMany(store, ann, withUser(ann), 200);
  await store.close();
  expect(await sent).toHaveLength(200);
  await expectRefusal(store.appendMessage(text(ann, withUser(ann), "x")), "stopping");
  await store.close();
  const again = await opened.reopen();
  expect(await again.lastMessageId()).toBe(200 as MessageId);
});

test.each(["terminate", "error"])(
  "a writer that ends (%s) refuses what was in flight and says so once",
  async (how) => {
    using dir = temporaryFolder();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "dying-writer.ts"), dir.path, how], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    expect({ code, out: out === "" ? err : JSON.parse(out) }).toEqual({
      code: 0,
      out: {
        deaths: 1,
        during: ["storage_full"],
        after: "stopping",
        readable: expect.any(Number),
      },
    });
  },
);

test("a deleted chat's messages are swept in the background, other chats' stay", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann, bob] = await people(store, "Ann", "Bob");
  const [gone, kept] = [await group(store, ann, bob), await group(store, ann, bob)];
  await Promise.all([sendMany(store, ann, inChat(gone), 5000), sendMany(store, bob, inChat(kept), 10)]);
  await store.deleteChat(gone.chatKey);
  await until("the messages to be gone", () => countMessages(dataDir, gone.chatId) === 0);
  expect(countMessages(dataDir, kept.chatId)).toBe(10);
});

test("a sweep that a stop interrupted goes on at the next start", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const chat = await group(store, ann);
  await sendMany(store, ann, inChat(chat), 6000);
  await store.close();
  {
    // As far as a server that was killed might have come.
    using db = openForWriting(dataDir, "os");
    const slice: NamedChange = ["sweepChat", { chatId: chat.chatId, rows: 1000 }];
    const changes: NamedChange[] = [["deleteChat", { chatKey: chat.chatKey }], slice];
    createCommitter(db, createReserve(dataDir)).commit({ nowMs: 0, steadyMs: at(0), seed: "swept", changes });
  }
  expect(countMessages(dataDir, chat.chatId)).toBe(5000);
  await opened.reopen();
  await until("the messages to be gone", () => countMessages(dataDir, chat.chatId) === 0);
});

test("closing does not wait for a large sweep, and the next start finishes it", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const chat = await group(store, ann);
  await sendMany(store, ann, inChat(chat), 10_000);
  const deleted = store.deleteChat(chat.chatKey);
  await deleted;
  await store.close();
  expect(countMessages(dataDir, chat.chatId)).toBeGreaterThan(0);
  await opened.reopen();
  await until("the messages to be gone", () => countMessages(dataDir, chat.chatId) === 0);
});

test("a page that was cut short leaves no statement open that would pin the WAL", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const chat = await group(store, ann);
  for (let n = 0; n < 6; n += 1) await store.appendMessage(text(ann, inChat(chat), "x".repeat(600_000)));
  const through = await store.lastMessageId();
  await store.close();
  using reading = openForReading(dataDir);
  const reader = createMessageReader(reading);
  const run = reader.run({ chatId: chat.chatId, seq: 1, through, limit: 100 });
  const scan = reader.scan({ userId: ann.userId, from: 1, to: through, limit: 100 });
  expect(run.length).toBeLessThan(6);
  expect(scan.messages.length).toBeLessThan(6);
  using writing = openForWriting(dataDir, "os");
  writing.run("UPDATE users SET nick = 'Anna'");
  expect(createUserReader(reading).findUser(ann.userId)?.nick).toBe("Anna");
  writing.run("UPDATE users SET nick = 'Annie'");
  const [[busy] = []] = writing.prepare("PRAGMA wal_checkpoint(RESTART)").values() as [number][];
  expect(busy).toBe(0);
});

test("member lists stay right while failures make the writer forget them", async () => {
  await using opened = await openSqlite();
  const { store } = opened;
  const { users } = await store.putMembers({
    chatKey: "team",
    people: ["a", "b", "c"].map((username) => ({ username })),
    chatName: undefined,
  });
  const [a, b, c] = users.map((user) => user.userId) as [UserId, UserId, UserId];
  const lists: number[][] = [];
  const say = () =>
    store
      .appendMessage({ chat: { key: "team" }, from: a, type: "text", content: "x" })
      .then(({ members }) => lists.push([...members]));
  let failures = 0;
  const fail = () =>
    store.mqtt.subscribe(999, [{ filter: "x", qos: 0, options: 0, subscriptionId: undefined }]).catch(() => {
      failures += 1;
    });
  const put = (username: string) => store.putMembers({ chatKey: "team", people: [{ username }], chatName: undefined });
  const remove = (username: string) => store.removeMembers({ chatKey: "team", people: [username] });
  let before = [a, b, c];
  for (let round = 0; round < 5; round += 1) {
    lists.length = 0;
    await Promise.all([
      ...[say(), fail(), say(), remove("b"), say(), remove("c"), fail(), say()],
      ...[put("c"), say(), put("b"), say()],
    ]);
    expect(lists).toEqual([before, before, [a, c], [a], [a, c], [a, c, b]]);
    before = [a, c, b];
  }
  expect(failures).toBe(10);
});
