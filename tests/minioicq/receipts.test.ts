/** How far others have got: said, pushed to extended connections alone, asked for, and withheld. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createLeapingClock } from "../support/manual-clock.ts";
import { startTestServer } from "../support/server.ts";
import { type Action, encodings, MiniClient, newUser } from "./client.ts";
import { groupOf, person } from "./stage.ts";

const withReceipts = { receipts: true };

type ReceiptMap = Readonly<Record<string, unknown>>;

const receiptsOf = (frames: readonly Action[]): ReceiptMap[] =>
  frames.filter(({ action }) => action === "receipt.push").flatMap(({ receipts }) => receipts as ReceiptMap[]);

/** What each client was pushed while it waited for answers. */
const aside = new WeakMap<MiniClient, Action[]>();

const pushesOf = (client: MiniClient): Action[] => {
  const pushes = aside.get(client) ?? [];
  aside.set(client, pushes);
  return pushes;
};

/** Asks, and puts aside what comes before the answer. */
async function ask(client: MiniClient, request: Action): Promise<Action> {
  client.say(request);
  for (;;) {
    const frame = await client.next();
    const { action } = frame;
    if (action === `${request.action}.success` || action === `${request.action}.fail`) return frame;
    if (request.action === "message.send" && action === "message.push") return frame;
    pushesOf(client).push(frame);
  }
}

/** Waits until a push tells of the user's place. */
async function hears(client: MiniClient, userId: string, place: { delivered: number; read?: number }) {
  const isIt = (one: ReceiptMap) =>
    one["user_id"] === userId && one["delivered"] === place.delivered && one["read"] === place.read;
  for (;;) {
    const frame = pushesOf(client).shift() ?? (await client.next());
    if (receiptsOf([frame]).some(isIt)) return frame;
  }
}

describe.each([...encodings])("in %s", (encoding) => {
  test("the sender hears who got and who read a message, and the reader's other devices hear it too", async () => {
    await using server = await startTestServer({ clock: createLeapingClock(10) });
    const [ann, bob] = [
      await person(server.http, "Ann", encoding, withReceipts),
      await person(server.http, "Bob", encoding, withReceipts),
    ];
    const chat = await groupOf(ann, bob);
    const tablet = await MiniClient.connect(server.http, encoding, withReceipts);
    await ask(tablet, { action: "auth.login", user_id: bob.id, password: "secret", extensions: true });
    const pushed = await ask(ann.client, {
      action: "message.send",
      message: { chat_id: chat, type: "text", content: "hello" },
    });
    const [message] = pushed["messages"] as { message_id: string; seq: number }[];
    await hears(ann.client, bob.id, { delivered: 1, read: 0 });
    const answer = await ask(bob.client, { action: "message.read", chat_id: chat, message_id: message?.message_id });
    expect(answer).toEqual({ action: "message.read.success", chat_id: chat, seq: 1 });
    const push = await hears(ann.client, bob.id, { delivered: 1, read: 1 });
    expect(push).toEqual({
      action: "receipt.push",
      receipts: [{ chat_id: chat, user_id: bob.id, delivered: 1, read: 1, time: expect.any(String) }],
    });
    await hears(tablet, bob.id, { delivered: 1, read: 1 });
    // Who said it is not told it, and hears nothing of what is no message of theirs.
    expect(receiptsOf(await bob.client.fence())).toEqual([]);
    tablet[Symbol.dispose]();
  });

  test("a client of the document alone hears nothing new, and hears from its first extension on", async () => {
    await using server = await startTestServer();
    const ann = await newUser(server.http, "Ann", encoding, withReceipts);
    const bob = await person(server.http, "Bob", encoding, withReceipts);
    const witness = await MiniClient.connect(server.http, encoding, withReceipts);
    await ask(witness, { action: "auth.login", user_id: ann.id, password: "secret", extensions: true });
    const read = (seq: number) => ask(bob.client, { action: "message.read", chat_id: ann.id, seq });
    for (const content of ["one", "two"]) {
      await ask(ann.client, { action: "message.send", message: { chat_id: bob.id, type: "text", content } });
    }
    await read(1);
    await hears(witness, bob.id, { delivered: 2, read: 1 });
    expect((await ann.client.fence()).map(({ action }) => action)).not.toContain("receipt.push");
    await ask(ann.client, { action: "chat.list" });
    await read(2);
    await hears(ann.client, bob.id, { delivered: 2, read: 2 });
    witness[Symbol.dispose]();
  });
});

test("what others may know is the user's to say: of delivery alone, or nothing; one's own devices hear all", async () => {
  await using server = await startTestServer();
  const [ann, bob] = [
    await person(server.http, "Ann", "json", withReceipts),
    await person(server.http, "Bob", "json", withReceipts),
  ];
  const chat = await groupOf(ann, bob);
  const send = (content: string) =>
    ask(ann.client, { action: "message.send", message: { chat_id: chat, type: "text", content } });
  const placesFor = async (client: MiniClient) => {
    const answer = await ask(client, { action: "receipt.list", chat_id: chat });
    return (answer["receipts"] as ReceiptMap[]).map(({ user_id: id, delivered, read }) => [id, delivered, read]);
  };
  const set = await ask(bob.client, { action: "receipt.set", receipts: "delivered" });
  expect(set).toEqual({ action: "receipt.set.success", receipts: "delivered" });
  await send("one");
  await ask(bob.client, { action: "message.read", chat_id: chat, seq: 1 });
  await hears(ann.client, bob.id, { delivered: 1 });
  expect(await placesFor(ann.client)).toContainEqual([bob.id, 1, undefined]);
  expect(await placesFor(bob.client)).toContainEqual([bob.id, 1, 1]);
  await ask(bob.client, { action: "receipt.set", receipts: "none" });
  await send("two");
  await ask(bob.client, { action: "message.read", chat_id: chat, seq: 2 });
  expect((await placesFor(ann.client)).map(([id]) => id)).toEqual([ann.id]);
  await ask(bob.client, { action: "receipt.set", receipts: "all" });
  await send("three");
  await ask(bob.client, { action: "message.read", chat_id: chat, seq: 3 });
  await hears(ann.client, bob.id, { delivered: 3, read: 3 });
});

test("who blocks whom hears nothing of the other, and is told nothing of it", async () => {
  await using server = await startTestServer();
  const [ann, bob] = [
    await person(server.http, "Ann", "json", withReceipts),
    await person(server.http, "Bob", "json", withReceipts),
  ];
  const message = { chat_id: bob.id, type: "text", content: "hello" };
  const sent = await ask(ann.client, { action: "message.send", message });
  const [first] = sent["messages"] as { chat_id: string }[];
  const chat = String(first?.chat_id);
  await ask(ann.client, { action: "contact.block", user_id: bob.id });
  const refused = { action: "message.read.fail", reason: "Chat not found" };
  expect(await ask(bob.client, { action: "message.read", chat_id: chat, seq: 1 })).toEqual(refused);
  expect(await ask(bob.client, { action: "message.read", chat_id: "999999", seq: 1 })).toEqual(refused);
  expect(await ask(ann.client, { action: "message.read", chat_id: chat, seq: 1 })).toMatchObject({ seq: 1 });
  for (const one of [ann, bob]) {
    const { receipts } = await ask(one.client, { action: "receipt.list", chat_id: chat });
    expect((receipts as ReceiptMap[]).map(({ user_id: id }) => id)).toEqual([one.id]);
  }
});

test("in a chat of more than 256 members there are counts alone", async () => {
  await using server = await startTestServer();
  const ann = await person(server.http, "Ann", "json", withReceipts);
  const many = await Promise.all(
    Array.from({ length: 256 }, (_, index) => server.store.createUser({ nick: `user ${index}` })),
  );
  const members = many.map(({ userId }) => String(userId));
  const spawn = await ann.client.ask({ action: "chat.create", members, name: "Crowd" });
  const chat = String(spawn["chat_id"]);
  for (const content of ["one", "two"]) {
    await ask(ann.client, { action: "message.send", message: { chat_id: chat, type: "text", content } });
  }
  const moves = many.slice(0, 3).map(({ userId }, index) => ({
    userId,
    deviceId: undefined,
    chatId: Number(chat) as never,
    deliveredSeq: 1 + (index % 2),
    read: index === 1,
  }));
  await server.store.advance(moves);
  const list = (seq?: number) => ask(ann.client, { action: "receipt.list", chat_id: chat, seq });
  const answer = { action: "receipt.list.success", chat_id: chat, members: 257 };
  expect(await list(1)).toEqual({ ...answer, seq: 1, delivered: expect.any(Number), read: 1 });
  expect(await list()).toMatchObject({ ...answer, seq: 2, read: 1 });
  expect(await list()).not.toHaveProperty("receipts");
});

test("the frames that the document prints are those of the server", async () => {
  const document = readFileSync(join(import.meta.dir, "../../docs/protocols/minioicq.md"), "utf8");
  const printed = new Map(
    [...document.matchAll(/^\{"action":"(message\.read|receipt\.\w+)(\.success)?".*\}$/gm)].map(
      ([text, action, success]) => [`${action}${success ?? ""}`, JSON.parse(text) as Action],
    ),
  );
  await using server = await startTestServer();
  const [ann, bob] = [
    await person(server.http, "Ann", "json", withReceipts),
    await person(server.http, "Bob", "json", withReceipts),
  ];
  const chat = await groupOf(ann, bob);
  for (const content of ["one", "two", "three", "four"]) {
    await ask(ann.client, { action: "message.send", message: { chat_id: chat, type: "text", content } });
  }
  const isAsPrinted = async (action: string) => {
    const request = printed.get(action) ?? { action };
    const answer = await ask(bob.client, { ...request, ...("chat_id" in request ? { chat_id: chat } : {}) });
    const example = printed.get(`${action}.success`);
    expect({ action, keys: Object.keys(answer) }).toEqual({ action, keys: Object.keys(example ?? {}) });
    expect(answer.action).toBe(`${action}.success`);
  };
  await isAsPrinted("message.read");
  const { receipts } = await hears(ann.client, bob.id, { delivered: 4, read: 4 });
  const example = (printed.get("receipt.push")?.["receipts"] as ReceiptMap[] | undefined)?.[0] ?? {};
  expect(Object.keys((receipts as ReceiptMap[])[0] ?? {}).toSorted()).toEqual(Object.keys(example).toSorted());
  await isAsPrinted("receipt.list");
  await isAsPrinted("receipt.set");
});
