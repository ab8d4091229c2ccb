/**
 * The feed at its hand-over from the store to the hub, on the real store and through the real domain: many senders while
 * it catches up, a client that takes what it likes, and reads that take their time. Every run is made by a seed.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Feed, type FeedOptions } from "../../../src/delivery/feed.ts";
import { createHub, type Hub, type Sink } from "../../../src/delivery/hub.ts";
import { createChats } from "../../../src/domain/chats/chats.ts";
import { createMessages, defaultMessageLimits } from "../../../src/domain/messages/messages.ts";
import type { DeviceId, Message, User } from "../../../src/domain/model.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { type OpenedSqlite, openSqlite } from "../../store/open-sqlite.ts";
import { until } from "../../support/deadline.ts";
import { createRandom, type Random, withSeeds } from "../../support/random.ts";

/** One store for the file; every run has users and chats of its own. */
let opened: OpenedSqlite;
let runs = 0;
beforeAll(async () => {
  opened = await openSqlite();
});
afterAll(() => opened[Symbol.asyncDispose]());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Reads = FeedOptions["store"];

/** The store's reads, answered late at random, before and after they looked: as a server database would. */
function lateReads(random: Random): Reads {
  const { store } = opened;
  async function late<Value>(read: () => Promise<Value>): Promise<Value> {
    for (let turns = random.int(3); turns > 0; turns -= 1) await turn();
    const value = await read();
    for (let turns = random.int(3); turns > 0; turns -= 1) await turn();
    return value;
  }
  return {
    lastMessageId: () => late(() => store.lastMessageId()),
    undelivered: (userId, deviceId) => late(() => store.undelivered(userId, deviceId)),
    newerThan: (userId, after) => late(() => store.newerThan(userId, after)),
    run: (from) => late(() => store.run(from)),
    scan: (range) => late(() => store.scan(range)),
  };
}

interface World {
  readonly hub: Hub;
  readonly reader: User;
  readonly senders: readonly User[];
  readonly chatKeys: readonly string[];
  join(chatKey: string): Promise<void>;
  leave(chatKey: string): Promise<void>;
  send(chatKey: string, count?: number): Promise<Message[]>;
  /** All there is for the reader, in the order of the commits: what came after they joined. */
  ofReader(): Promise<Message[]>;
}

/** A reader, senders who are in every chat, and chats the reader is in (`chatKeys`) or may join. */
async function openWorld(random: Random, chatCount: number): Promise<World> {
  const { store } = opened;
  runs += 1;
  const run = runs;
  const hub = createHub({ log: silentLog });
  store.onCommitted({
    hears: () => true,
    committed(events) {
      for (const event of events) hub.publish(event);
      return undefined;
    },
  });
  const chats = createChats({ store });
  const messages = createMessages({ store, limits: defaultMessageLimits });
  const names = Array.from({ length: 3 }, (_, n) => `sender-${run}-${n}`);
  const readerName = `reader-${run}`;
  const [reader, ...senders] = (
    await store.provision([readerName, ...names].map((username) => ({ username, tokens: [] })))
  ).map((one) => one.user);
  if (reader === undefined) throw new Error("a reader was provisioned");
  const chatKeys = Array.from({ length: chatCount }, (_, n) => `chat-${run}-${n}`);
  const people = names.map((username) => ({ username }));
  for (const chatKey of chatKeys) await chats.putMembers({ chatKey, people, chatName: undefined });
  const joinedAt = new Map<string, number>();
  return {
    hub,
    reader,
    senders,
    chatKeys,
    async join(chatKey) {
      const { view } = await chats.putMembers({ chatKey, people: [{ username: readerName }], chatName: undefined });
      const position = (await store.positions(reader.userId)).find((one) => one.chatId === view.chat.chatId);
      joinedAt.set(chatKey, position?.readSeq ?? 0);
    },
    leave: (chatKey) => chats.removeMembers({ chatKey, people: [readerName] }),
    async send(chatKey, count = 1) {
      const draft = { chat: { key: chatKey }, from: random.pick(senders).userId, type: "text", content: `${run}` };
      const sent =
        count === 1 ? [await messages.send(draft)] : await messages.sendAll(Array.from({ length: count }, () => draft));
      return sent.map((one) => one.message);
    },
    async ofReader() {
      const all: Message[] = [];
      for (const [chatKey, afterSeq] of joinedAt) {
        const chat = await store.findChat({ key: chatKey });
        if (chat !== undefined) all.push(...(await store.messages({ chatId: chat.chatId, afterSeq, limit: 10_000 })));
      }
      return all.sort((a, b) => a.messageId - b.messageId);
    },
  };
}

interface Client extends Disposable {
  readonly feed: Feed;
  readonly received: Message[];
  /** From here on everything is taken, and room is announced as often as needed. */
  drain(): Promise<void>;
}

/** A client that takes a part of what it is given at random and has room again some turns later. */
function openClient(
  world: World,
  random: Random,
  options: { from?: "position" | "now"; deviceId?: DeviceId | undefined; store?: Reads } = {},
): Client {
  const received: Message[] = [];
  let greedy = false;
  const feed = new Feed({
    store: options.store ?? lateReads(random),
    userId: world.reader.userId,
    deviceId: options.deviceId,
    from: options.from ?? "position",
    emit(messages) {
      const taken = greedy || random.chance(0.5) ? messages.length : random.int(messages.length + 1);
      received.push(...messages.slice(0, taken));
      if (taken < messages.length) haveRoomSoon();
      return taken;
    },
    failed(error) {
      throw error;
    },
  });
  function haveRoomSoon(): void {
    const way = random.int(4);
    if (way === 0) queueMicrotask(() => feed.resume());
    else if (way === 1) setImmediate(() => feed.resume());
    else if (way === 2)
      void turn()
        .then(turn)
        .then(turn)
        .then(() => feed.resume());
    // Otherwise somebody else's turn: `drain`, or a resume at random.
  }
  const sink: Sink = {
    userId: world.reader.userId,
    deliver: (event) => {
      if (event.type === "message.sent") feed.offer(event.message);
    },
  };
  world.hub.attach(sink);
  return {
    feed,
    received,
    async drain() {
      greedy = true;
      await until("the feed to be live", () => {
        feed.resume();
        return feed.live;
      });
    },
    [Symbol.dispose]() {
      feed.end();
      world.hub.detach(sink);
    },
  };
}

const brief = (messages: readonly Message[]) => messages.map((message) => `${message.chatKey}#${message.seq}`);

/** Sends at random for a while, many in flight together, the reader's clients catching up meanwhile. */
async function sendAtRandom(world: World, random: Random, joined: string[], clients: readonly Client[]): Promise<void> {
  const work: Promise<unknown>[] = [];
  for (let step = 3 + random.int(25); step > 0; step -= 1) {
    for (let count = random.int(5); count > 0; count -= 1) {
      work.push(world.send(random.pick(world.chatKeys), random.chance(0.2) ? 1 + random.int(6) : 1));
    }
    if (random.chance(0.15)) {
      const chatKey = random.pick(world.chatKeys);
      if (!joined.includes(chatKey)) {
        joined.push(chatKey);
        work.push(world.join(chatKey));
      }
    }
    if (random.chance(0.3)) for (const client of clients) client.feed.resume();
    for (let turns = random.int(4); turns > 0; turns -= 1) await turn();
  }
  await Promise.all(work);
}

test("the backlog, then live: each message once, in order, none left out", async () => {
  await withSeeds({ first: 1, count: 60 }, async (random) => {
    const world = await openWorld(random, 1 + random.int(4));
    const joined = world.chatKeys.filter((_, n) => n === 0 || random.chance(0.6));
    for (const chatKey of joined) {
      await world.send(chatKey, 1 + random.int(5)); // From before the reader came: never theirs.
      await world.join(chatKey);
    }
    await Promise.all(
      Array.from({ length: random.int(40) }, () => world.send(random.pick(world.chatKeys), 1 + random.int(20))),
    );
    const early = random.chance(0.5) ? sendAtRandom(world, random, [...world.chatKeys], []) : Promise.resolve();
    using client = openClient(world, random);
    client.feed.start();
    await sendAtRandom(world, random, joined, [client]);
    await early;
    await client.drain();
    await world.send(joined[0] ?? "", 3);
    expect(brief(client.received)).toEqual(brief(await world.ofReader()));
  });
});

test("from now on: everything sent after the start, nothing from long before", async () => {
  await withSeeds({ first: 1000, count: 25 }, async (random) => {
    const world = await openWorld(random, 2);
    for (const chatKey of world.chatKeys) await world.join(chatKey);
    for (const chatKey of world.chatKeys) await world.send(chatKey, 1 + random.int(200));
    const before = (await world.ofReader()).length;
    const under = Array.from({ length: random.int(6) }, () => world.send(random.pick(world.chatKeys)));
    using client = openClient(world, random, { from: "now" });
    client.feed.start();
    const inFlight = before + under.length;
    await sendAtRandom(world, random, [...world.chatKeys], [client]);
    await Promise.all(under);
    await client.drain();
    await world.send(world.chatKeys[0] ?? "");
    const all = brief(await world.ofReader());
    const received = brief(client.received);
    // What was in flight at the start may be on either side of it; from there on it is all, without a gap.
    expect(received).toEqual(all.slice(all.length - received.length));
    expect(received.length).toBeLessThanOrEqual(all.length - before);
    expect(received.length).toBeGreaterThanOrEqual(all.length - inFlight);
  });
});

test("a device gets what its user had not got when it came, and what it has not confirmed", async () => {
  await withSeeds({ first: 2000, count: 20 }, async (random) => {
    const { store } = opened;
    const world = await openWorld(random, 3);
    for (const chatKey of world.chatKeys) await world.join(chatKey);
    for (const chatKey of world.chatKeys) await world.send(chatKey, random.int(5) + 1);
    // Of some chats another client of the user took the first messages.
    const taken = new Map<string, number>();
    for (const message of await world.ofReader()) {
      if (random.chance(0.6)) taken.set(message.chatKey, message.seq);
    }
    for (const { chatId, chatKey } of await store.chatsOf(world.reader.userId)) {
      const deliveredSeq = taken.get(chatKey) ?? 0;
      await store.advance([{ userId: world.reader.userId, deviceId: undefined, chatId, deliveredSeq }]);
    }
    const { deviceId } = await store.openDevice({ userId: world.reader.userId, door: "mqtt", name: "phone" });
    const confirmed = new Map<string, number>();
    for (const chatKey of world.chatKeys) {
      const sent = await world.send(chatKey, 1 + random.int(150));
      const upTo = random.pick([undefined, ...sent]);
      if (upTo === undefined) continue;
      confirmed.set(chatKey, upTo.seq);
      const { chatId, seq } = upTo;
      await store.advance([{ userId: world.reader.userId, deviceId, chatId, deliveredSeq: seq }]);
    }
    using phone = openClient(world, random, { deviceId });
    using other = openClient(world, random);
    phone.feed.start();
    other.feed.start();
    await sendAtRandom(world, random, [...world.chatKeys], [phone, other]);
    await phone.drain();
    await other.drain();
    const all = await world.ofReader();
    const isNew = ({ chatKey, seq }: Message) => seq > Math.max(taken.get(chatKey) ?? 0, confirmed.get(chatKey) ?? 0);
    expect(brief(phone.received)).toEqual(brief(all.filter(isNew)));
    expect(brief(other.received)).toEqual(brief(all.filter(isNew)));
  });
});

test("what the client confirmed elsewhere up to a place needs no handing over, and nothing else is left out", async () => {
  await withSeeds({ first: 3000, count: 30 }, async (random) => {
    const world = await openWorld(random, 1 + random.int(4));
    for (const chatKey of world.chatKeys) await world.join(chatKey);
    await Promise.all(
      Array.from({ length: random.int(40) }, () => world.send(random.pick(world.chatKeys), 1 + random.int(20))),
    );
    using client = openClient(world, random);
    const through = new Map<string, number>();
    let isSending = true;
    async function confirmAtRandom(): Promise<void> {
      while (isSending) {
        for (let turns = random.int(6); turns > 0; turns -= 1) await turn();
        await turn();
        const chat = await opened.store.findChat({ key: random.pick(world.chatKeys) });
        if (chat === undefined || chat.lastSeq === 0 || !random.chance(0.3)) continue;
        const seq = 1 + random.int(chat.lastSeq);
        client.feed.confirmedThrough(chat.chatId, seq);
        through.set(chat.chatKey, Math.max(seq, through.get(chat.chatKey) ?? 0));
      }
    }
    client.feed.start();
    const confirming = confirmAtRandom();
    await sendAtRandom(world, random, [...world.chatKeys], [client]);
    isSending = false;
    await confirming;
    await client.drain();
    // In order and once, as ever; what is missing was confirmed.
    const all = await world.ofReader();
    const places = client.received.map((message) => all.findIndex(({ messageId }) => messageId === message.messageId));
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
    const received = new Set(brief(client.received));
    const missing = all.filter((message) => !received.has(brief([message])[0] ?? ""));
    expect(brief(missing.filter(({ chatKey, seq }) => seq > (through.get(chatKey) ?? 0)))).toEqual([]);
  });
});

test("a client that falls behind while live is caught up from the store, again and again", async () => {
  const random = createRandom(7);
  const world = await openWorld(random, 2);
  for (const chatKey of world.chatKeys) await world.join(chatKey);
  const received: Message[] = [];
  let room = 5;
  let announced = 0;
  const feed = new Feed({
    store: opened.store,
    userId: world.reader.userId,
    from: "position",
    emit(messages) {
      const taken = Math.min(room, messages.length);
      room -= taken;
      received.push(...messages.slice(0, taken));
      return taken;
    },
    caughtUp() {
      announced += 1;
    },
    failed(error) {
      throw error;
    },
  });
  world.hub.attach({
    userId: world.reader.userId,
    deliver: (event) => {
      if (event.type === "message.sent") feed.offer(event.message);
    },
  });
  feed.start();
  await until("the feed to be live", () => feed.live);
  for (let round = 0; round < 6; round += 1) {
    await Promise.all(Array.from({ length: 40 }, (_, n) => world.send(world.chatKeys[n % 2] ?? "")));
    expect(feed.live).toBe(false);
    expect(received.length).toBe(round * 40 + 5);
    room = 35;
    feed.resume();
    await until("the feed to be live", () => feed.live);
    room = 5;
  }
  expect(brief(received)).toEqual(brief(await world.ofReader()));
  expect(announced).toBe(1);
  feed.end();
});

test("room announced in whatever turn after a full one is not lost", async () => {
  const world = await openWorld(createRandom(8), 1);
  const chatKey = world.chatKeys[0] ?? "";
  await world.join(chatKey);
  await world.send(chatKey, 10);
  for (let turns = 0; turns < 12; turns += 1) {
    const received: Message[] = [];
    let asked = 0;
    const feed: Feed = new Feed({
      store: opened.store,
      userId: world.reader.userId,
      from: "position",
      emit(messages) {
        asked += 1;
        if (asked > 1) {
          received.push(...messages);
          return messages.length;
        }
        let work = Promise.resolve();
        for (let n = 0; n < turns; n += 1) work = work.then(() => {});
        void work.then(() => feed.resume());
        return 0;
      },
      failed(error) {
        throw error;
      },
    });
    feed.start();
    await until("the feed to be live", () => feed.live, 2000);
    expect(received).toHaveLength(10);
    feed.end();
  }
});

test("a chat left while behind gives nothing from after the leaving", async () => {
  await withSeeds({ first: 3000, count: 15 }, async (random) => {
    const world = await openWorld(random, 2);
    const [left = "", kept = ""] = world.chatKeys;
    await world.join(left);
    await world.join(kept);
    await world.send(left, 150);
    await world.send(kept, 150);
    using client = openClient(world, random);
    client.feed.start();
    for (let turns = random.int(12); turns > 0; turns -= 1) await turn();
    const work = [world.send(left, 5), world.leave(left), world.send(left, 5), world.send(kept, 5)];
    const lastOfHis = (await work[0]) as Message[];
    await Promise.all(work);
    await client.drain();
    await world.send(kept);
    const bySeq = (chatKey: string) =>
      client.received.filter((message) => message.chatKey === chatKey).map((message) => message.seq);
    expect(bySeq(kept)).toEqual(Array.from({ length: 156 }, (_, n) => n + 1));
    expect(bySeq(left)).toEqual(bySeq(left).map((_, n) => n + 1));
    expect(bySeq(left).length).toBeLessThanOrEqual(lastOfHis.at(-1)?.seq ?? 0);
  });
});

test("a feed that ended hands over nothing more, wherever it was", async () => {
  await withSeeds({ first: 4000, count: 25 }, async (random) => {
    const world = await openWorld(random, 2);
    for (const chatKey of world.chatKeys) await world.join(chatKey);
    for (const chatKey of world.chatKeys) await world.send(chatKey, 200);
    using client = openClient(world, random);
    client.feed.start();
    const sending = sendAtRandom(world, random, [...world.chatKeys], []);
    for (let turns = random.int(25); turns > 0; turns -= 1) await turn();
    client.feed.end();
    const received = client.received.length;
    client.feed.resume();
    client.feed.start();
    await sending;
    await world.send(world.chatKeys[0] ?? "");
    expect(client.received.length).toBe(received);
    expect(client.feed.live).toBe(false);
    expect(brief(client.received)).toEqual(brief(await world.ofReader()).slice(0, received));
  });
});

test("a page that ends its own feed is the last one", async () => {
  const world = await openWorld(createRandom(9), 2);
  for (const chatKey of world.chatKeys) {
    await world.join(chatKey);
    await world.send(chatKey, 300);
  }
  let pages = 0;
  const feed: Feed = new Feed({
    store: opened.store,
    userId: world.reader.userId,
    from: "position",
    emit(messages) {
      pages += 1;
      feed.end();
      return messages.length;
    },
    failed(error) {
      throw error;
    },
  });
  feed.start();
  for (let turns = 0; turns < 50; turns += 1) await turn();
  expect(pages).toBe(1);
});

test("a store that fails while catching up is told once, and the feed is over", async () => {
  const world = await openWorld(createRandom(10), 1);
  const chatKey = world.chatKeys[0] ?? "";
  await world.join(chatKey);
  await world.send(chatKey, 300);
  const failures: unknown[] = [];
  const received: Message[] = [];
  const refuse = () => Promise.reject(new Error("the disk is gone"));
  let reads = 0;
  const feed = new Feed({
    store: {
      lastMessageId: () => opened.store.lastMessageId(),
      undelivered: (...args) => opened.store.undelivered(...args),
      newerThan: refuse,
      run: (from) => (++reads > 1 ? refuse() : opened.store.run(from)),
      scan: refuse,
    },
    userId: world.reader.userId,
    from: "position",
    emit(messages) {
      received.push(...messages);
      return messages.length;
    },
    failed: (error) => void failures.push(error),
  });
  feed.start();
  await until("the failure to be told", () => failures.length > 0);
  const [message] = await world.send(chatKey);
  if (message !== undefined) feed.offer(message);
  feed.resume();
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect(failures).toHaveLength(1);
  expect(received.length).toBeLessThan(300);
  expect(feed.live).toBe(false);
});
