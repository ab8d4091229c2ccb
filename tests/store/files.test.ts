/** What of large content is SQLite's and the folder's affair: where files are, when they go, what a crash leaves. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DomainError } from "../../src/domain/errors.ts";
import type { ChatId, MessageId } from "../../src/domain/model.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { FileLimits } from "../../src/store/files/files.ts";
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { until } from "../support/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { openStopped } from "../support/open-stopped.ts";
import { expectRefusal, group, inChat, people, text, withUser } from "./contract/stage.ts";
import { openSqlite, temporaryFolder } from "./open-sqlite.ts";

const kib = 1024;
const content = (bytes: number, seed: number): Uint8Array => new Uint8Array(bytes).fill(seed);

/** Of all files, whole and half-written, under `files/`. */
function namesIn(dataDir: string): string[] {
  const root = join(dataDir, "files");
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((shelf) => readdirSync(join(root, shelf)).map((name) => `${shelf}${name}`));
}

const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

test("what is smaller than the bound leaves no folder; what is not stands once under its hash, for its owner alone", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann, bob] = await people(store, "Ann", "Bob");
  await store.appendMessage(text(ann, withUser(bob), content(64 * kib - 1, 1)));
  expect(existsSync(join(dataDir, "files"))).toBe(false);
  const large = content(64 * kib, 2);
  const asText = Buffer.from(large).toString("base64");
  for (const one of [large, asText, large]) await store.appendMessage(text(ann, withUser(bob), one));
  expect(namesIn(dataDir)).toEqual([hashOf(large)]);
  const path = join(dataDir, "files", hashOf(large).slice(0, 2), hashOf(large).slice(2));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(dataDir, "files")).mode & 0o777).toBe(0o700);
  const db = openStopped(databasePath(dataDir), { readonly: true });
  expect(db.query("SELECT count(*) count FROM messages WHERE content IS NULL").get()).toEqual({ count: 3 });
  db.close();
});

test("a file goes with the last message that refers to it", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const [shared, alone] = [content(100 * kib, 1), content(100 * kib, 2)];
  for (const chatKey of ["one", "two"]) {
    await store.putMembers({ chatKey, people: [{ username: "dora" }], chatName: undefined });
  }
  const dora = (await store.findUserByKey("dora")) ?? ann;
  await store.appendMessages([text(dora, { key: "one" }, shared), text(dora, { key: "one" }, alone)]);
  await store.appendMessage(text(dora, { key: "two" }, shared));
  expect(namesIn(dataDir).sort()).toEqual([hashOf(shared), hashOf(alone)].sort());
  await store.deleteChat("one");
  await until("the file of no message to go", () => namesIn(dataDir).length === 1);
  expect(namesIn(dataDir)).toEqual([hashOf(shared)]);
  await store.deleteChat("two");
  await until("the last file to go", () => namesIn(dataDir).length === 0);
});

test("a file that is said again while its last message goes stays", async () => {
  await using opened = await openSqlite();
  const { store } = opened;
  const [ann] = await people(store, "Ann");
  const large = content(100 * kib, 1);
  const chat = await group(store, ann);
  for (let round = 0; round < 10; round += 1) {
    const chatKey = `round.${round}`;
    await store.putMembers({ chatKey, people: [{ username: "dora" }], chatName: undefined });
    const dora = (await store.findUserByKey("dora")) ?? ann;
    await store.appendMessage(text(dora, { key: chatKey }, large));
    const [, again] = await Promise.all([
      store.deleteChat(chatKey),
      store.appendMessage(text(ann, inChat(chat), large)),
    ]);
    const read = await store.findMessage(again.message.messageId);
    expect(read?.content).toHaveLength(large.byteLength);
    // The only message again, for the next round.
    if (round % 2 === 0) await store.appendMessage(text(ann, inChat(chat), "x"));
  }
  const whole = await store.messages({ chatId: chat.chatId, limit: 100 });
  expect(whole.every(({ file, content }) => file === undefined || content.length === large.byteLength)).toBe(true);
});

test("a refused message leaves no file", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann, bob] = await people(store, "Ann", "Bob");
  const chat = await group(store, ann);
  await expectRefusal(store.appendMessage(text(bob, inChat(chat), content(100 * kib, 1))), "not_a_member");
  await until("the file to go", () => namesIn(dataDir).length === 0);
});

test("closing refuses what waits for its file, and the next start finds nothing half-written", async () => {
  await using opened = await openSqlite();
  const { dataDir } = opened;
  const [ann] = await people(opened.store, "Ann");
  const sent = Array.from({ length: 6 }, (_, n) =>
    opened.store.appendMessage(text(ann, withUser(ann), content(4096 * kib, n), { type: "file" })).then(
      () => "done",
      (error: DomainError) => error.code,
    ),
  );
  const again = await opened.reopen();
  const outcomes = await Promise.all(sent);
  expect(outcomes.every((outcome) => outcome === "done" || outcome === "stopping")).toBe(true);
  expect(outcomes).toContain("stopping");
  const { length } = outcomes.filter((outcome) => outcome === "done");
  expect(await again.lastMessageId()).toBe(length as MessageId);
  await until("the leftovers to go", () => namesIn(dataDir).length === length);
});

test("a start removes what a crash left, and nothing else", async () => {
  await using opened = await openSqlite();
  const { dataDir } = opened;
  const [ann] = await people(opened.store, "Ann");
  const large = content(100 * kib, 1);
  const { message } = await opened.store.appendMessage(text(ann, withUser(ann), large));
  await opened.store.close();
  const shelf = join(dataDir, "files", "ab");
  mkdirSync(shelf, { recursive: true });
  writeFileSync(join(shelf, "c".repeat(62)), "nothing refers to it");
  writeFileSync(join(shelf, `${"d".repeat(62)}.partial`), "half of");
  writeFileSync(join(dataDir, "files", "somebody-elses.txt"), "not ours");
  const again = await opened.reopen();
  await until("the leftovers to go", () => readdirSync(shelf).length === 0);
  expect(existsSync(join(dataDir, "files", "somebody-elses.txt"))).toBe(true);
  expect((await again.findMessage(message.messageId))?.content).toHaveLength(large.byteLength);
  rmSync(join(dataDir, "files", "somebody-elses.txt"));
});

test("a message whose file is gone or cut comes without its content rather than not at all", async () => {
  await using opened = await openSqlite();
  const { store, dataDir } = opened;
  const [ann] = await people(store, "Ann");
  const [gone, cut] = [content(100 * kib, 1), content(100 * kib, 2)];
  for (const one of [gone, cut]) await store.appendMessage(text(ann, withUser(ann), one));
  const pathOf = (bytes: Uint8Array) => join(dataDir, "files", hashOf(bytes).slice(0, 2), hashOf(bytes).slice(2));
  rmSync(pathOf(gone));
  writeFileSync(pathOf(cut), "cut");
  const [chat] = await store.chatsOf(ann.userId);
  const messages = await store.messages({ chatId: chat?.chatId ?? (0 as ChatId), limit: 10 });
  expect(messages.map((message) => [message.content.length, message.file?.bytes])).toEqual([
    [0, 100 * kib],
    [0, 100 * kib],
  ]);
  // Said again, it is whole again.
  await store.appendMessage(text(ann, withUser(ann), cut));
  const [, second] = await store.messages({ chatId: chat?.chatId ?? (0 as ChatId), limit: 10, afterSeq: 0 });
  expect(second?.content).toHaveLength(100 * kib);
});

test("all files together have a bound, kept over a restart; what is there already costs nothing", async () => {
  using folder = temporaryFolder();
  const limits: FileLimits = {
    bytesMin: 64 * kib,
    bytesMax: 1024 * kib,
    textBytesMax: 1024 * 1024,
    totalBytesMax: 250 * kib,
  };
  const open = () =>
    openStore({
      dataDir: folder.path,
      durability: "os",
      clock: createManualClock(),
      log: silentLog,
      files: limits,
      onStorage: () => {},
      onFiles: () => {},
      onDeath: (error) => {
        throw error;
      },
    });
  let store = await open();
  const [ann] = await people(store, "Ann");
  await store.putMembers({ chatKey: "one", people: [{ username: "dora" }], chatName: undefined });
  const dora = (await store.findUserByKey("dora")) ?? ann;
  const say = (seed: number) => store.appendMessage(text(dora, { key: "one" }, content(100 * kib, seed)));
  await say(1);
  await say(2);
  await expectRefusal(say(3), "storage_full");
  await say(2);
  await store.close();
  store = await open();
  await expectRefusal(say(4), "storage_full");
  await store.deleteChat("one");
  await until("the files to go", () => namesIn(folder.path).length === 0);
  await store.appendMessage(text(ann, withUser(ann), content(200 * kib, 5)));
  await store.close();
});
