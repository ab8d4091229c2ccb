/** The index of search on SQLite: what becomes of its file, and what one page of a search costs at most. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageId, User, UserId } from "../../src/domain/model.ts";
import { databasePath, openForReading } from "../../src/store/sqlite/engine/open.ts";
import { rowsOf } from "../../src/store/sqlite/engine/rows.ts";
import { IndexFile } from "../../src/store/sqlite/search/index-file.ts";
import { indexPath, removeIndex } from "../../src/store/sqlite/search/index-path.ts";
import { createIndexer } from "../../src/store/sqlite/search/indexer.ts";
import { createPages, type PageBounds } from "../../src/store/sqlite/search/pages.ts";
import { defaultSearchTimes, type SearchTimes } from "../../src/store/sqlite/search/search-store.ts";
import { createTextRows } from "../../src/store/sqlite/search/text-rows.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { withDeadline } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { recordLog } from "../support/recorded-log.ts";
import { group, inChat, people, text, withUser } from "./contract/stage.ts";
import { indexed, openIn, openSqlite, temporaryFolder } from "./open-sqlite.ts";

const { pace } = defaultSearchTimes;

const find = (store: SqliteStore, user: User, query: string, before?: number) =>
  store.searchMessages({ userId: user.userId, chatId: undefined, query, before, limit: 50 });

/** Of all pages: a page ends where it has taken its time, which a busy machine makes of a few rows. */
async function found(store: SqliteStore, user: User, query: string): Promise<unknown[]> {
  const contents: unknown[] = [];
  let before: number | undefined;
  do {
    const page = await find(store, user, query, before);
    contents.push(...page.messages.map(({ content }) => content));
    before = page.next;
  } while (before !== undefined);
  return contents;
}

/** A store in a folder that outlives it, with Ann, who wrote `texts` to herself. */
async function startWith(dataDir: string, texts: readonly string[]) {
  const store = await openIn(dataDir, createManualClock());
  const [ann] = await people(store, "Ann");
  for (const content of texts) await store.appendMessage(text(ann, withUser(ann), content));
  return { store, ann };
}

async function waitFor(what: string, condition: () => boolean): Promise<void> {
  const look = async (): Promise<void> => {
    while (!condition()) await Bun.sleep(2);
  };
  await withDeadline(what, look());
}

/** Whether any file of the index holds these bytes. */
const isInIndex = (dataDir: string, word: string): boolean =>
  ["search.db", "search.db-wal"].some((name) => {
    const path = join(dataDir, name);
    return existsSync(path) && readFileSync(path).includes(word);
  });

test.each<[what: string, spoil: (path: string) => void]>([
  [
    "is no database",
    (path) => writeFileSync(path, "not a database at all, and longer than a header of one hundred bytes".repeat(9)),
  ],
  [
    "is another program's",
    (path) => {
      writeFileSync(path, "");
      using db = openStopped(path);
      db.run("CREATE TABLE theirs (a)");
    },
  ],
  [
    "is a newer version's",
    (path) => {
      using db = openStopped(path);
      db.run("PRAGMA user_version = 999");
    },
  ],
  [
    "is damaged where it is opened",
    (path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x5a, 100, 4096));
    },
  ],
  [
    "is damaged inside",
    (path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x5a, 3 * 4096));
    },
  ],
  ["is cut", (path) => writeFileSync(path, readFileSync(path).subarray(0, 5000))],
  [
    "was made from other messages",
    (path) => {
      using db = openStopped(path);
      db.run("UPDATE anchors SET sent_at_ms = sent_at_ms + 1");
    },
  ],
  [
    "was open for writing when the machine stopped",
    (path) => {
      using db = openStopped(path);
      db.run("UPDATE state SET written_in = 'an earlier run of the machine'");
    },
  ],
  [
    "is ahead of the messages",
    (path) => {
      using db = openStopped(path);
      db.run("UPDATE state SET through = 1000");
    },
  ],
])("an index that %s is thrown away, told of, and made anew", async (_, spoil) => {
  using folder = temporaryFolder();
  const texts = Array.from({ length: 40 }, (_, n) => `word${n} common`);
  const { store, ann } = await startWith(folder.path, texts);
  await indexed(store, folder.path);
  await store.close();
  spoil(indexPath(folder.path));
  const { log, lines } = recordLog();
  const again = await openIn(folder.path, createManualClock(), "os", { log });
  try {
    expect(await found(again, ann, "word7")).toEqual(["word7 common"]);
    await indexed(again, folder.path);
    expect(await found(again, ann, "word7")).toEqual(["word7 common"]);
    expect(await found(again, ann, "common")).toHaveLength(40);
    expect(lines.filter(({ message }) => message.includes("made anew"))).toHaveLength(1);
  } finally {
    await again.close();
  }
});

test.each(["deleted", "edited"])("the words of a message that was %s leave the file", async (how) => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const notes = withUser(ann);
  for (let count = 0; count < 50; count += 1) await store.appendMessage(text(ann, notes, `ordinary words ${count}`));
  const secret = await store.appendMessage(text(ann, notes, "zanzibarqwertz"));
  await opened.indexed();
  expect(isInIndex(dataDir, "zanzibarqwertz")).toBe(true);
  const { messageId } = secret.message;
  if (how === "deleted") await store.deleteMessage({ userId: ann.userId, messageId });
  else await store.editMessage({ userId: ann.userId, messageId, type: "text", content: "harmless" });
  await opened.indexed();
  await waitFor("the words are overwritten", () => !isInIndex(dataDir, "zanzibar"));
  expect(await found(store, ann, "ordinary 49")).toEqual(["ordinary words 49"]);
  expect(await found(store, ann, "harmless")).toEqual(how === "deleted" ? [] : ["harmless"]);
});

test("the messages of a chat that is gone leave the file", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const { users } = await store.putMembers({ chatKey: "team", people: [{ username: "ann" }], chatName: undefined });
  const [ann] = users;
  if (ann === undefined) throw new Error("ann was made");
  const drafts = Array.from({ length: 600 }, (_, n) => text(ann, { key: "team" }, `quetzalcoatlus ${n}`));
  await store.appendMessages(drafts);
  await store.appendMessage(text(ann, withUser(ann), "still here"));
  await opened.indexed();
  expect(isInIndex(dataDir, "quetzalcoatlus")).toBe(true);
  await store.deleteChat("team");
  await waitFor("the words are overwritten", () => !isInIndex(dataDir, "quetzal"));
  expect(await found(store, ann, "still")).toEqual(["still here"]);
});

test("off, the file goes and nothing is found; on again, it is made anew and knows what was deleted meanwhile", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(folder.path, ["first tulip", "second tulip"]);
  await indexed(store, folder.path);
  await store.close();
  const { log, lines } = recordLog();
  const off = await openIn(folder.path, createManualClock(), "os", { search: "off", log });
  expect(existsSync(indexPath(folder.path))).toBe(false);
  expect(lines.map(({ message }) => message)).toContain("search is off; its index was removed");
  expect(await find(off, ann, "tulip").catch((error: unknown) => error)).toMatchObject({ code: "search_off" });
  const third = await off.appendMessage(text(ann, withUser(ann), "third tulip"));
  await off.deleteMessage({ userId: ann.userId, messageId: (third.message.messageId - 1) as MessageId });
  await off.close();
  expect(existsSync(indexPath(folder.path))).toBe(false);
  using db = openStopped(databasePath(folder.path));
  expect(rowsOf(db, "SELECT count(*) FROM search_marks")).toEqual([[0]]);
  const on = await openIn(folder.path, createManualClock());
  try {
    await indexed(on, folder.path);
    expect(await found(on, ann, "tulip")).toEqual(["third tulip", "first tulip"]);
  } finally {
    await on.close();
  }
});

test("left alone, as by a command beside no server, the index learns of what changed at the next start", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(folder.path, ["first tulip", "second tulip"]);
  await indexed(store, folder.path);
  await store.close();
  const beside = await openIn(folder.path, createManualClock(), "os", { search: undefined });
  await beside.deleteMessage({ userId: ann.userId, messageId: 1 as MessageId });
  await beside.appendMessage(text(ann, withUser(ann), "third tulip"));
  await beside.close();
  const times: SearchTimes = { ...defaultSearchTimes, lookAfterMs: 1 };
  const again = await openIn(folder.path, createManualClock(), "os", { searchTimes: times });
  try {
    // No one searches: the start itself notices.
    await waitFor("the index goes on", () => !isInIndex(folder.path, "first") && isInIndex(folder.path, "third"));
    expect(await found(again, ann, "tulip")).toEqual(["third tulip", "second tulip"]);
  } finally {
    await again.close();
  }
});

test("without room on the disk nothing is indexed, and everything is found all the same", async () => {
  using folder = temporaryFolder();
  const { log, lines } = recordLog();
  const noRoom: SearchTimes = { ...defaultSearchTimes, pace: { ...pace, roomBytesMin: 2 ** 60, retryMs: 5 } };
  const store = await openIn(folder.path, createManualClock(), "os", { log, searchTimes: noRoom });
  const [ann] = await people(store, "Ann");
  for (let count = 0; count < 30; count += 1) await store.appendMessage(text(ann, withUser(ann), `tulip ${count}`));
  expect(await found(store, ann, "tulip")).toHaveLength(30);
  const told = () => lines.filter(({ message }) => message.includes("not indexed for search for now"));
  await waitFor("the log says so", () => told().length > 0);
  await store.deleteMessage({ userId: ann.userId, messageId: 3 as MessageId });
  expect(await found(store, ann, "tulip")).toHaveLength(29);
  expect(told()).toHaveLength(1);
  await store.close();
  using index = openStopped(indexPath(folder.path), { readonly: true });
  expect(rowsOf(index, "SELECT through FROM state")).toEqual([[0]]);
});

test("a folder that takes no index leaves searching to the messages", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(folder.path, ["a tulip"]);
  await store.close();
  // A folder in its place: SQLite cannot open it, and it is no broken file either.
  await Bun.write(join(indexPath(folder.path), "in the way"), "x");
  const { log, lines } = recordLog();
  const again = await openIn(folder.path, createManualClock(), "os", { log });
  try {
    expect(await found(again, ann, "tulip")).toEqual(["a tulip"]);
    expect(lines.filter(({ message }) => message.includes("not indexed for search for now"))).toHaveLength(1);
  } finally {
    await again.close();
  }
});

test("messages are indexed behind their commits without anyone searching, and the thread ends when it is idle", async () => {
  using folder = temporaryFolder();
  const times: SearchTimes = { ...defaultSearchTimes, indexAfterMs: 1, idleMs: 1 };
  const store = await openIn(folder.path, createManualClock(), "os", { searchTimes: times });
  const [ann] = await people(store, "Ann");
  for (const word of ["tulip", "crocus"]) {
    await store.appendMessage(text(ann, withUser(ann), word));
    // SQLite removes the WAL when the last connection is closed.
    const hasEnded = () => existsSync(indexPath(folder.path)) && !existsSync(`${indexPath(folder.path)}-wal`);
    await waitFor("the thread ended", () => hasEnded() && isInIndex(folder.path, word));
  }
  expect(await found(store, ann, "tulip")).toEqual(["tulip"]);
  await store.close();
});

test("nothing is started where nothing is said and nothing is sought", async () => {
  using folder = temporaryFolder();
  const times: SearchTimes = { ...defaultSearchTimes, indexAfterMs: 1, lookAfterMs: 1 };
  const store = await openIn(folder.path, createManualClock(), "os", { searchTimes: times });
  await people(store, "Ann", "Bob");
  await new Promise((resolve) => setTimeout(resolve, 5));
  await store.close();
  expect(existsSync(indexPath(folder.path))).toBe(false);
});

test("a user has at most four searches waiting, and others do not wait for them", async () => {
  await using opened = await openSqlite();
  const [ann, bob] = await people(opened.store, "Ann", "Bob");
  const asked = Array.from({ length: 9 }, () => find(opened.store, ann, "tulip"));
  const other = find(opened.store, bob, "tulip");
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
  expect(outcomes.at(-1)).toMatchObject({ reason: { code: "busy" } });
  expect(await other).toEqual({ messages: [], next: undefined });
});

/** Indexer and pages in this thread, on the messages of `store`. */
function stage(dataDir: string, given: { shardMessages: number; bounds?: Partial<PageBounds>; stepMs?: number }) {
  const db = openForReading(dataDir);
  const rows = createTextRows(db, dataDir);
  const index = new IndexFile(dataDir, given.shardMessages);
  let nowMs = 0;
  /** Each look at the clock takes so long. */
  const { stepMs = 0 } = given;
  const time = {
    monotonicMs: () => {
      nowMs += stepMs;
      return nowMs;
    },
  };
  const { slice } = createIndexer({ index, rows, time, sliceMs: 1 });
  const bounds = { rowsMax: 100_000, pageMs: 1000, ...given.bounds };
  return {
    index,
    rows,
    tick: (ms: number) => {
      nowMs += ms;
    },
    indexAll() {
      while (slice().again === "now") nowMs += 1;
    },
    slice,
    find: createPages({ index, rows, time, ...bounds }),
    [Symbol.dispose]() {
      index.close();
      rows.close();
      db.close();
    },
  };
}

/** All pages of a search, and how many there were. */
function walk(
  page: ReturnType<typeof createPages>,
  asked: { userId: UserId; query: string; limit?: number; chatId?: number },
) {
  const ids: number[] = [];
  let pages = 0;
  for (let before: number | undefined; ; pages += 1) {
    const got = page({ chatId: undefined, limit: 50, ...asked, before });
    ids.push(...(got?.messageIds ?? []));
    if (got?.next === undefined) return { ids, pages: pages + 1 };
    if (before !== undefined) expect(got.next).toBeLessThan(before);
    before = got.next;
  }
}

test("shards, bounds on rows and a slow machine change how many pages there are, and nothing of what is found", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(folder.path, []);
  const [bob] = await people(store, "Bob");
  const [mine, other] = [await group(store, ann, bob), await group(store, bob)];
  const wanted: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    const isMine = count % 3 === 0;
    const from = isMine ? ann : bob;
    const content = count % 2 === 0 ? `tulip ${count}` : "a crocus";
    const sent = await store.appendMessage(text(from, inChat(isMine ? mine : other), content));
    if (isMine && count % 2 === 0) wanted.unshift(sent.message.messageId);
  }
  await store.close();
  for (const shardMessages of [7, 64, 131_072]) {
    using parts = stage(folder.path, { shardMessages });
    expect(walk(parts.find, { userId: ann.userId, query: "tulip" }).ids).toEqual(wanted);
    parts.indexAll();
    expect(walk(parts.find, { userId: ann.userId, query: "tulip", limit: 9 }).ids).toEqual(wanted);
    expect(walk(parts.find, { userId: ann.userId, query: "tul", chatId: mine.chatId }).ids).toEqual(wanted);
    const { rows, index } = parts;
    let nowMs = 0;
    const slow = { monotonicMs: () => (nowMs += 10) };
    const bounded = createPages({ index, rows, time: slow, rowsMax: 5, pageMs: 1 });
    const walked = walk(bounded, { userId: ann.userId, query: "tulip" });
    expect(walked.ids).toEqual(wanted);
    expect(walked.pages).toBeGreaterThan(wanted.length / 5);
    removeIndex(folder.path);
  }
});

test("a user of a hundred chats finds what is in them, and nothing else", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(folder.path, []);
  const [bob] = await people(store, "Bob");
  const wanted: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    const owner = count % 2 === 0 ? ann : bob;
    const chat = await group(store, owner);
    const { message } = await store.appendMessage(text(owner, inChat(chat), "tulip"));
    if (owner === ann) wanted.unshift(message.messageId);
  }
  await store.close();
  using parts = stage(folder.path, { shardMessages: 50 });
  parts.indexAll();
  expect(walk(parts.find, { userId: ann.userId, query: "tulip" }).ids).toEqual(wanted);
});

test("the index goes on from where its file stands", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(
    folder.path,
    Array.from({ length: 60 }, (_, n) => `tulip ${n}`),
  );
  await store.close();
  for (let round = 1; round <= 20; round += 1) {
    using ended = stage(folder.path, { shardMessages: 16, stepMs: 0.4 });
    ended.slice();
    expect(ended.index.through).toBeGreaterThan(round);
    expect(ended.index.through).toBeLessThan(60);
  }
  using parts = stage(folder.path, { shardMessages: 16 });
  parts.indexAll();
  expect(parts.index.through).toBe(60);
  expect(walk(parts.find, { userId: ann.userId, query: "tulip" }).ids).toHaveLength(60);
});

test("a shard whose messages are all gone is dropped", async () => {
  using folder = temporaryFolder();
  const { store, ann } = await startWith(
    folder.path,
    Array.from({ length: 40 }, (_, n) => `tulip ${n}`),
  );
  {
    using parts = stage(folder.path, { shardMessages: 10 });
    parts.indexAll();
    expect(parts.index.shards()).toHaveLength(5);
  }
  for (let id = 10; id < 20; id += 1) await store.deleteMessage({ userId: ann.userId, messageId: id as MessageId });
  await store.close();
  using parts = stage(folder.path, { shardMessages: 10 });
  parts.indexAll();
  parts.tick(60_000);
  parts.indexAll();
  expect(parts.index.shards().map(({ number }) => number)).toEqual([0, 2, 3, 4]);
  expect(walk(parts.find, { userId: ann.userId, query: "tulip" }).ids).toHaveLength(30);
});
