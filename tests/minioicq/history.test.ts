/** `message.get` by pages (O17): every message once, and an old page at the cost of a new one. */
import { expect, test } from "bun:test";
import type { ChatId, UserId } from "../../src/domain/model.ts";
import type { Store } from "../../src/domain/store.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Action, MiniClient, messagesOf, newUser } from "./client.ts";
import { openDoor } from "./open-door.ts";

type Fields = Readonly<Record<string, unknown>>;

const texts = (answer: Action): string[] => messagesOf(answer).map((message) => message.content);
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, n) => `${from + n}`);

/** All pages of one question, in the order they were asked for. */
async function pagesOf(client: MiniClient, fields: Fields): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: unknown; ; ) {
    const answer = await client.ask({ action: "message.get", ...fields, next });
    if (answer.action !== "message.retrieve") throw new Error(JSON.stringify(answer));
    pages.push(texts(answer));
    next = answer["next"];
    if (next === undefined) return pages;
    if (pages.length > 10_000) throw new Error("it never ends");
  }
}

/** Stores `count` messages of a chat at once: "1", "2", "3", … */
async function fill(server: TestServer, of: { chat: string; from: string; count: number; first?: number }) {
  const { first = 1, count } = of;
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      server.store.appendMessage({
        chat: { id: Number(of.chat) },
        from: Number(of.from) as UserId,
        type: "text",
        content: `${first + n}`,
      }),
    ),
  );
}

async function group(owner: MiniClient, ...members: string[]): Promise<string> {
  await owner.fence();
  return String((await owner.ask({ action: "chat.create", members }))["chat_id"]);
}

/** A user who is not disturbed by pushes of what the test stores. */
async function comeBack(http: string, userId: string): Promise<MiniClient> {
  const client = await MiniClient.connect(http);
  await client.login(userId, "secret", { device_id: "history" });
  await client.fence();
  return client;
}

test("a chat is read page by page, back from its end or on from any place", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const chat = await group(ann.client);
  await fill(server, { chat, from: ann.id, count: 2345 });
  using client = await comeBack(server.http, ann.id);
  const back = await pagesOf(client, { chat_id: chat, limit: 500 });
  expect(back.map((page) => page.length)).toEqual([500, 500, 500, 500, 345]);
  expect(back.reverse().flat()).toEqual(numbers(1, 2345));
  expect((await pagesOf(client, { chat_id: chat })).map((page) => page.length)).toEqual([1000, 1000, 345]);
  expect((await pagesOf(client, { chat_id: chat, after: 0, limit: 1000 })).flat()).toEqual(numbers(1, 2345));
  const cases: [Fields, string[]][] = [
    [{ after: 100, limit: 3 }, ["101", "102", "103"]],
    [{ before: 100, limit: "3" }, ["97", "98", "99"]],
    [{ before: 3 }, ["1", "2"]],
    [{ after: 2343 }, ["2344", "2345"]],
    [{ after: 2345 }, []],
    [{ before: 1 }, []],
    [{ before: 0 }, []],
    [{ after: 9_999_999 }, []],
    [{ start: 10, end: 12 }, ["11", "12", "13"]],
    [{ start: 10, end: 900, limit: 2 }, ["11", "12"]],
    [{ start: 10, end: 12, after: 11 }, ["12", "13"]],
    [{ start: 2344 }, ["2345"]],
  ];
  for (const [fields, expected] of cases) {
    const answer = await client.ask({ action: "message.get", chat_id: chat, ...fields });
    expect({ fields, got: texts(answer) }).toEqual({ fields, got: expected });
  }
  for (const [fields, reason] of [
    [{ limit: -1 }, "Invalid limit"],
    [{ limit: 1.5 }, "Invalid limit"],
    [{ after: 1, before: 2 }, "Invalid range"],
    [{ after: "x" }, "Invalid range"],
    [{ next: 5 }, "Invalid range"],
    [{ next: "before:" }, "Invalid range"],
    [{ next: `after:${"9".repeat(16)}` }, "Invalid range"],
  ] as const) {
    const answer = await client.ask({ action: "message.get", chat_id: chat, ...fields });
    expect<unknown>({ fields, ...answer }).toEqual({ fields, action: "message.get.fail", reason });
  }
}, 30_000);

test("O17 what two people said in all their chats, and what one user has in theirs, come in the order they were stored", async () => {
  await using server = await startTestServer();
  const [ann, bob, eve] = [
    await newUser(server.http, "Ann"),
    await newUser(server.http, "Bob"),
    await newUser(server.http, "Eve"),
  ];
  const all = [ann, bob, eve];
  const chats = [
    await group(ann.client, bob.id, eve.id),
    await group(ann.client, bob.id, eve.id),
    await group(bob.client, ann.id),
    await group(ann.client, eve.id),
  ];
  const said: { by: string; chat: string | undefined; content: string }[] = [];
  for (let n = 0; n < 900; n += 1) {
    // Ann and Bob are quiet for a long while in the middle.
    const by = n > 300 && n < 600 ? eve : (all[(n * 7) % 3] ?? ann);
    const chat = by === eve ? [0, 1, 3][n % 3] : by === bob ? n % 3 : n % 4;
    said.push({ by: by.id, chat: chats[chat ?? 0], content: `${n}` });
  }
  for (const { by, chat, content } of said) {
    await server.store.appendMessage({
      chat: { id: Number(chat) },
      from: Number(by) as UserId,
      type: "text",
      content,
    });
  }
  ann.client.send(bob.id, "direct");
  await ann.client.fence();
  const between = [
    ...said.filter(({ by, chat }) => by !== eve.id && chat !== chats[3]).map(({ content }) => content),
    "direct",
  ];
  const mine = [...said.map(({ content }) => content), "direct"];
  // Few are looked at for a page, so that many pages find little or nothing.
  using door = openDoor(server, { historyScanMax: 50, historyRowsAtOnceMax: 32 });
  for (const http of [server.http, door.http]) {
    using client = await comeBack(http, ann.id);
    for (const limit of [7, 1000]) {
      const reversed = async (fields: Fields) => (await pagesOf(client, { ...fields, limit })).reverse().flat();
      expect(await reversed({ user_id: bob.id })).toEqual(between);
      expect(await reversed({ user_id: ann.id })).toEqual(mine);
      expect((await pagesOf(client, { user_id: bob.id, start: 0, limit })).flat()).toEqual(between);
      expect((await pagesOf(client, { user_id: ann.id, start: 100, end: 420, limit })).flat()).toEqual(
        mine.slice(100, 421),
      );
      expect((await pagesOf(client, { user_id: bob.id, start: 100, end: 299, limit })).flat()).toEqual(
        between.slice(100, 300),
      );
    }
    client.say({ action: "auth.logout" });
    await client.closed;
  }
}, 60_000);

test("a range of time finds what clients with wrong clocks said, wherever it stands", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const chats = [await group(ann.client), await group(ann.client)];
  const day = 86_400_000;
  const now = Date.now();
  const times = new Map<string, number>();
  for (let n = 0; n < 400; n += 1) {
    const content = `${n}`;
    // Now and then a clock is hours behind, or ahead, or right.
    const clientTimeMs =
      n % 10 === 3 ? now - day + n : n % 10 === 7 ? now + day + n : n % 2 === 0 ? undefined : now + n;
    const { message } = await server.store.appendMessage({
      chat: { id: Number(chats[n % 2]) },
      from: Number(ann.id) as UserId,
      type: "text",
      content,
      clientTimeMs,
    });
    times.set(content, clientTimeMs ?? message.sentAtMs);
  }
  using door = openDoor(server, { historyScanMax: 20, historyRowsAtOnceMax: 16 });
  for (const http of [server.http, door.http]) {
    using client = await comeBack(http, ann.id);
    const ranges: [number | undefined, number | undefined][] = [
      [now - day, now - day + 250],
      [now + day + 100, now + 2 * day],
      [now - 1000, now + 60_000],
      [undefined, now - 1000],
      [now + 60_000, undefined],
      [now - day - 5000, now - day - 1],
    ];
    for (const [start, end] of ranges) {
      const isIn = (content: string): boolean =>
        (times.get(content) ?? 0) >= (start ?? 0) && (times.get(content) ?? 0) <= (end ?? Number.POSITIVE_INFINITY);
      const expected = [...times.keys()].filter(isIn);
      const got = async (fields: Fields): Promise<string[]> => {
        const pages = await pagesOf(client, { ...fields, start, end });
        return (start === undefined ? pages.reverse() : pages).flat();
      };
      expect(await got({ user_id: ann.id })).toEqual(expected);
      for (const parity of [0, 1]) {
        expect(await got({ chat_id: chats[parity] })).toEqual(
          expected.filter((content) => Number(content) % 2 === parity),
        );
      }
    }
    client.say({ action: "auth.logout" });
    await client.closed;
  }
}, 30_000);

test("an old page costs what a new one does, in a chat and over all chats", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  const chat = await group(ann.client, bob.id);
  const other = await group(ann.client, bob.id);
  for (let n = 0; n < 8; n += 1) {
    await fill(server, { chat, from: ann.id, count: 2500, first: n * 2500 + 1 });
    await fill(server, { chat: other, from: bob.id, count: 10 });
  }
  const counted = countReads(server.store);
  using door = openDoor({ hub: server.hub, domain: { ...server.domain, store: counted.store } }, {});
  using client = await comeBack(door.http, ann.id);
  const costOf = async (fields: Fields) => {
    counted.reset();
    const answer = await client.ask({ action: "message.get", limit: 100, ...fields });
    expect(messagesOf(answer)).toHaveLength(100);
    return counted.cost();
  };
  for (const of of [{ chat_id: chat }, { user_id: ann.id }, { user_id: bob.id }]) {
    const places = "chat_id" in of ? [20_000, 10_000, 150] : [20_080, 10_000, 150];
    const costs = [];
    for (const before of places) costs.push(await costOf({ ...of, before }));
    for (const after of [0, 10_000, 19_000]) costs.push(await costOf({ ...of, after }));
    for (const { rows, reads } of costs) {
      expect(rows).toBeLessThanOrEqual(600);
      expect(reads).toBeLessThanOrEqual(20);
    }
  }
  for (const start of [0, 10_000, 19_900]) {
    expect(await costOf({ chat_id: chat, start, end: start + 99 })).toEqual({ rows: 100, reads: 1 });
  }
}, 60_000);

/** The store, with the messages it was asked to look at counted. */
function countReads(store: Store) {
  let rows = 0;
  let reads = 0;
  const counting: Store = {
    ...store,
    async readStretch(stretch) {
      reads += 1;
      const piece = await store.readStretch(stretch);
      rows += Math.abs(piece.reached - (stretch.descending ? stretch.to : stretch.from)) + 1;
      return piece;
    },
    async readOddTimes(stretch) {
      reads += 1;
      const piece = await store.readOddTimes(stretch);
      rows += piece.messages.length;
      return piece;
    },
    messages() {
      throw new Error("history is not read by whole pages");
    },
  };
  return {
    store: counting,
    cost: () => ({ rows, reads }),
    reset() {
      rows = 0;
      reads = 0;
    },
  };
}

test("deleted chats and strangers' chats are no part of anybody's history", async () => {
  await using server = await startTestServer();
  const ann = await newUser(server.http, "Ann");
  const bob = await newUser(server.http, "Bob");
  const chat = await group(ann.client, bob.id);
  await fill(server, { chat, from: ann.id, count: 3 });
  await fill(server, { chat: await group(bob.client), from: bob.id, count: 3, first: 10 });
  using client = await comeBack(server.http, ann.id);
  expect(texts(await client.ask({ action: "message.get", user_id: ann.id }))).toEqual(["1", "2", "3"]);
  expect(texts(await client.ask({ action: "message.get", user_id: bob.id }))).toEqual(["1", "2", "3"]);
  const found = await server.domain.store.findChat({ id: Number(chat) as ChatId });
  await server.domain.chats.remove(found?.chatKey ?? "");
  expect(texts(await client.ask({ action: "message.get", user_id: ann.id }))).toEqual([]);
});
