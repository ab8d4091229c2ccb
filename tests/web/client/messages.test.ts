/** The web client's heart, without a browser: what one writes the other reads, once and in order, over real sockets. */
import { expect, test } from "bun:test";
import { until } from "../../support/deadline.ts";
import { startTestServer } from "../../support/server.ts";
import { again, chatWith, member, online, openClient, settled, shownTexts, shows, write } from "./stage.ts";

test("two people write to each other", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  ann.client.openChat(bob.id);
  await write(ann, bob.id, "hello");
  await settled(ann);
  await shows(ann, ["hello"]);
  await until("Bob's chat", () => chatWith(bob, ann)?.unread === 1);
  expect(chatWith(bob, ann)).toMatchObject({ kind: "direct", name: "Ann", peerId: ann.id, lastSeq: 1 });
  bob.client.openChat(ann.id);
  await shows(bob, ["hello"]);
  await write(bob, ann.id, "good day");
  await shows(ann, ["hello", "good day"]);
  bob.client.readUpTo(chatWith(bob, ann)?.chatId ?? "", 1);
  await until("Ann to know that Bob has read", () => chatWith(ann, bob)?.progress[bob.id]?.read === 1);
  expect(chatWith(bob, ann)?.unread).toBe(0);
  expect(bob.arrived.map(({ content }) => content)).toEqual(["hello"]);
});

test("what was written without a line is sent on the return, in order, once", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  ann.client.line.close();
  for (const text of ["one", "two", "three"]) await write(ann, bob.id, text);
  expect(ann.client.queue.waiting.map(({ text }) => text)).toEqual(["one", "two", "three"]);
  bob.client.openChat(ann.id);
  ann.client.line.open();
  await settled(ann);
  await until("Bob's chat", () => chatWith(bob, ann)?.lastSeq === 3);
  bob.client.openChat(ann.id);
  await shows(bob, ["one", "two", "three"]);
  expect(await ann.storage.all("queue")).toEqual([]);
});

test("a page that was closed before the answer sends what it kept, and the message is there once", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  const { queue } = ann.client;
  const added = write(ann, bob.id, "only once");
  await added;
  const kept = queue.waiting;
  await settled(ann);
  ann.client.stop();
  // The answer was lost: the storage still has the message, with its client id.
  await ann.storage.write({ queue: kept });
  using later = await again(server.http, ann);
  await online(later);
  await settled(later);
  later.client.openChat(bob.id);
  await shows(later, ["only once"]);
  expect(await later.storage.all("queue")).toEqual([]);
  await until("Bob to have it", () => bob.arrived.length > 0);
  await write(bob, ann.id, "yes");
  await until("the answer", () => later.arrived.length > 0);
  expect(chatWith(bob, ann)?.lastSeq).toBe(2);
});

test("a socket that is closing, and says nothing of its end, is left; what was written meanwhile is sent", async () => {
  await using server = await startTestServer();
  const sockets: ClosingSocket[] = [];
  const makeSocket = (url: string): WebSocket => {
    const socket = new ClosingSocket(url);
    sockets.push(socket);
    return socket;
  };
  using ann = await member(server.http, "Ann", { makeSocket });
  using bob = await member(server.http, "Bob");
  const before = sockets.length;
  for (const socket of sockets) socket.isClosing = true;
  await write(ann, bob.id, "while it closes");
  // Other work of the page goes on: a turn of the event loop comes.
  await new Promise((resolve) => setImmediate(resolve));
  expect(ann.client.queue.waiting).toHaveLength(1);
  await until("Bob to have it", () => bob.arrived.length === 1);
  expect(sockets.length).toBeGreaterThan(before);
  await settled(ann);
});

/** Looks as a socket does between its end and the news of it. */
class ClosingSocket extends WebSocket {
  isClosing = false;
  override get readyState(): 0 | 1 | 2 | 3 {
    return this.isClosing ? 2 : super.readyState;
  }
}

test("what came while the client was away is fetched by its seq, shown once and told once", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  ann.client.openChat(bob.id);
  await write(ann, bob.id, "0");
  await settled(ann);
  ann.client.line.close();
  const texts = Array.from({ length: 30 }, (_, n) => String(n + 1));
  for (const text of texts) await write(bob, ann.id, text);
  await settled(bob);
  ann.client.line.open();
  await online(ann);
  await shows(ann, ["0", ...texts]);
  expect(ann.arrived.map(({ content }) => content)).toEqual(texts);
  expect(chatWith(ann, bob)).toMatchObject({ unread: 30, lastSeq: 31 });
});

test("of a long absence the newest messages are kept, and the window reads back through all of them", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann", { kept: 40 });
  using bob = await member(server.http, "Bob");
  await write(ann, bob.id, "0");
  await settled(ann);
  ann.client.line.close();
  const texts = Array.from({ length: 120 }, (_, n) => String(n + 1));
  for (const text of texts) await write(bob, ann.id, text);
  await settled(bob);
  ann.client.line.open();
  await online(ann);
  const chatId = chatWith(ann, bob)?.chatId ?? "";
  await until("the newest", () => ann.client.cache.covers.get(chatId)?.to === 121);
  expect(ann.client.cache.covers.get(chatId)?.from).toBeGreaterThan(70);
  ann.client.readUpTo(chatId, 121);
  await until("nothing to be unread", () => chatWith(ann, bob)?.unread === 0);
  ann.client.openChat(chatId);
  await until("the newest to be shown", () => shownTexts(ann).at(-1) === "120");
  while (ann.client.window?.atOldest === false) await ann.client.window.older();
  expect(shownTexts(ann)).toEqual(["0", ...texts]);
});

test("edits, deletions and reactions reach who is there, and who was away", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  ann.client.openChat(bob.id);
  for (const text of ["first", "second", "third"]) await write(bob, ann.id, text);
  await settled(bob);
  await until("Ann's chat", () => chatWith(ann, bob) !== undefined);
  ann.client.openChat(bob.id);
  await shows(ann, ["first", "second", "third"]);
  const [first, second, third] = ann.client.window?.messages.map(({ messageId }) => messageId) ?? [];
  await bob.client.ask("message.edit", { message_id: first, content: "the first" });
  await shows(ann, ["the first", "second", "third"]);
  ann.client.line.close();
  await bob.client.ask("message.delete", { message_id: second });
  await bob.client.ask("message.edit", { message_id: third, content: "the third" });
  await bob.client.ask("message.react", { message_id: third, reaction: "👍" });
  ann.client.line.open();
  await shows(ann, ["the first", "(deleted)", "the third"]);
  await until("the reaction", () => ann.client.window?.messages[2]?.reactions.length === 1);
  // So does the storage, for the next start.
  const chatId = chatWith(ann, bob)?.chatId ?? "";
  const kept = await ann.storage.messages(chatId, { from: 1, to: 3, limit: 10 });
  expect(kept.map(({ content, deleted, reactions }) => [content, deleted, reactions.length])).toEqual([
    ["the first", false, 0],
    [undefined, true, 0],
    ["the third", false, 1],
  ]);
});

test("it starts from what it kept, without a line", async () => {
  await using server = await startTestServer();
  using ann = await member(server.http, "Ann");
  using bob = await member(server.http, "Bob");
  await write(bob, ann.id, "kept");
  await until("the message", () => ann.arrived.length === 1);
  ann.client.stop();
  await server.stop();
  using later = openClient(server.http, { storage: ann.storage });
  await later.client.start();
  expect(later.client.stage).toBe("in");
  later.client.openChat(bob.id);
  await shows(later, ["kept"]);
});
