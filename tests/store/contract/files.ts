/** Large content: the same bytes back, one place for what is equal, the order of what one person says, who may see it. */
import { expect, test } from "bun:test";
import type { Message, Sent } from "../../../src/domain/model.ts";
import { alsoAfterReopening, expectRefusal, group, inChat, type OpenFresh, people, text } from "./stage.ts";

const kib = 1024;
const patterned = (bytes: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8) + seed) & 0xff);

const largeContents: readonly [string, string | Uint8Array, form: string][] = [
  ["bytes", patterned(300 * kib), "bytes"],
  ["text", "ünï ✓ 😀 ".repeat(20 * kib), "text"],
  ["base64", Buffer.from(patterned(200 * kib + 1)).toString("base64"), "base64"],
  ["base64 with a line break", `${Buffer.from(patterned(150 * kib)).toString("base64")}\n\n\n\n`, "text"],
  ["base64 of the URL alphabet", Buffer.from(patterned(150 * kib)).toString("base64url"), "text"],
  ["base64 whose last bits are not zero", `${"QUJD".repeat(50 * kib)}QUJ=`.replace("QUJ=", "QUK="), "text"],
  ["base64 without its end", "QUJD".repeat(50 * kib).slice(0, -1), "text"],
  ["letters that are base64 by accident", "word".repeat(50 * kib), "base64"],
];

export function fileContract(openFresh: OpenFresh): void {
  test.each(largeContents)("large content comes back as it was sent: %s", async (_name, content, form) => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const { message } = await store.appendMessage(text(ann, inChat(chat), content, { type: "file" }));
    expect(message.content === content).toBe(true);
    expect(message.file).toMatchObject({ form, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await alsoAfterReopening(opened, async (now) => {
      const { messageId, chatId, seq } = message;
      const [paged] = await now.messages({ chatId, limit: 10 });
      const [run] = await now.run({ chatId, seq, through: messageId, limit: 10 });
      const { messages } = await now.scan({ userId: bob.userId, from: messageId, to: messageId, limit: 10 });
      for (const read of [paged, run, messages[0], await now.findMessage(messageId)]) {
        expect({ ...read, content: undefined }).toEqual({ ...message, content: undefined });
        expect(isSame(read?.content, content)).toBe(true);
      }
    });
  });

  test("content of files larger than asked for is left out, and read when it is asked for", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const contents = ["small", patterned(100 * kib), patterned(300 * kib), "x ".repeat(100 * kib)];
    for (const content of contents) await store.appendMessage(text(ann, inChat(chat), content));
    const inlineBytesMax = 150 * kib;
    const left = await store.messages({ chatId: chat.chatId, limit: 10, inlineBytesMax });
    expect(left.map(({ content }) => content.length)).toEqual([5, 100 * kib, 0, 0]);
    expect(left.map(({ file }) => file?.bytes)).toEqual([undefined, 100 * kib, 300 * kib, 200 * kib]);
    const whole = await store.withContent(left);
    expect(whole.map(({ content }, index) => isSame(content, contents[index]))).toEqual([true, true, true, true]);
    const none = await store.run({ chatId: chat.chatId, seq: 1, through: lastId(whole), limit: 10, inlineBytesMax: 0 });
    expect(none.map(({ content }) => content.length)).toEqual([5, 0, 0, 0]);
  });

  test("a page of a backlog holds one large message, or some that are smaller", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const sent: Message[] = [];
    for (let n = 0; n < 6; n += 1) {
      const content = patterned(n < 2 ? 2048 * kib : 400 * kib, n);
      sent.push((await store.appendMessage(text(ann, inChat(chat), content, { type: "image" }))).message);
    }
    const from = { chatId: chat.chatId, through: lastId(sent), limit: 10 };
    const sizes = async (seq: number) => (await store.run({ ...from, seq })).map((message) => message.content.length);
    expect(await sizes(1)).toEqual([2048 * kib]);
    expect(await sizes(3)).toEqual([400 * kib, 400 * kib, 400 * kib]);
    expect(await store.run({ ...from, seq: 1, inlineBytesMax: 0 })).toHaveLength(6);
  });

  test("what one person says keeps its order, large or small; what others say does not wait for it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const settled: string[] = [];
    const say = (who: typeof ann, name: string, content: string | Uint8Array): Promise<Sent> =>
      store.appendMessage(text(who, inChat(chat), content, { type: "file", clientId: name })).then((sent) => {
        settled.push(name);
        return sent;
      });
    const all = await Promise.all([
      say(ann, "a1", patterned(4096 * kib)),
      say(ann, "a2", "small"),
      say(bob, "b1", "small"),
      store
        .appendMessages([text(ann, inChat(chat), "c1"), text(ann, inChat(chat), patterned(70 * kib, 2))])
        .then((sent) => sent[0] as Sent),
      say(ann, "a3", patterned(65 * kib, 1)),
      say(ann, "a4", "small"),
    ]);
    const [a1, a2, b1, c1, a3, a4] = all.map((sent) => sent.message.seq);
    expect([b1, a1, a2, c1, a3, a4]).toEqual([1, 2, 3, 4, 6, 7]);
    expect(settled).toEqual(["b1", "a1", "a2", "a3", "a4"]);
    expect((await store.messages({ chatId: chat.chatId, limit: 10 })).map(({ clientId }) => clientId)).toEqual([
      "b1",
      "a1",
      "a2",
      undefined,
      undefined,
      "a3",
      "a4",
    ]);
  });

  test("outcomes settle in the order of the message ids, whoever waited for a file", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob, carl);
    const settled: number[] = [];
    const note = ({ message }: Sent): number => settled.push(message.messageId);
    const sends: Promise<number>[] = [];
    const speak = async (): Promise<void> => {
      for (let n = 0; n < 40; n += 1) {
        sends.push(store.appendMessage(text(carl, inChat(chat), `c${n}`)).then(note));
        if (n % 4 === 0) sends.push(store.appendMessage(text(ann, inChat(chat), patterned(80 * kib, n))).then(note));
        if (n % 7 === 0) sends.push(store.appendMessage(text(bob, inChat(chat), patterned(66 * kib, -n))).then(note));
        if (n % 3 === 0) sends.push(store.appendMessage(text(ann, inChat(chat), `a${n}`)).then(note));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await speak();
    await Promise.all(sends);
    expect(settled).toEqual(settled.toSorted((a, b) => a - b));
    expect(settled).toHaveLength(sends.length);
  });

  test("a repeat gets the first answer with its content, large or small", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const large = patterned(100 * kib);
    const once = (content: string | Uint8Array) =>
      store.appendMessage(text(ann, inChat(chat), content, { type: "file", clientId: "c-1" }));
    const first = await once(large);
    for (const content of [large, patterned(100 * kib, 1), "small"]) {
      const again = await once(content);
      expect(again.repeated).toBe(true);
      expect({ ...again.message, content: "" }).toEqual({ ...first.message, content: "" });
      expect(isSame(again.message.content, large)).toBe(true);
    }
    const session = { sessionId: await opened.openMqttSession("phone"), packetId: 7 };
    const publish = (content: Uint8Array, dup: boolean) =>
      store.appendMessage(text(ann, inChat(chat), content, { type: "file", publish: { ...session, dup } }));
    const published = await publish(large, false);
    expect(await publish(large, true)).toMatchObject({ repeated: true, message: { seq: published.message.seq } });
    expect(await publish(patterned(100 * kib, 1), true)).toMatchObject({ repeated: false });
    expect(await store.findChat(inChat(chat))).toMatchObject({ lastSeq: 3 });
  });

  test("only who is in a chat with the file finds it, as long as a message refers to it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const { view } = await store.putMembers({ chatKey: "one", people: [{ username: "dora" }], chatName: undefined });
    const dora = view.members[0] ?? ann;
    const two = await group(store, ann, bob);
    const png = patterned(100 * kib);
    png.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const { message } = await store.appendMessage(text(dora, { key: "one" }, png, { type: "image/png" }));
    const hash = message.file?.hash ?? "";
    const finds = async (...users: (typeof ann)[]) =>
      (await Promise.all(users.map((user) => opened.store.findFile(user.userId, hash)))).map((file) => file?.bytes);
    expect(await finds(dora, ann, bob, carl)).toEqual([100 * kib, undefined, undefined, undefined]);
    await store.appendMessage(text(ann, inChat(two), png, { type: "image" }));
    expect(await finds(dora, ann, bob, carl)).toEqual([100 * kib, 100 * kib, 100 * kib, undefined]);
    await store.deleteChat("one");
    expect(await finds(dora, ann, bob, carl)).toEqual([undefined, 100 * kib, 100 * kib, undefined]);
    const again = await opened.reopen();
    expect(await again.chatsOfFile(bob.userId, hash, 9)).toEqual([{ chatId: two.chatId }]);
    expect(await again.chatsOfFile(carl.userId, hash, 9)).toEqual([]);
    expect([await again.chatsOfFile(bob.userId, hash, 0), await again.chatsOfFile(bob.userId, "no", 9)]).toEqual([
      [],
      [],
    ]);
    const found = await again.findFile(bob.userId, hash);
    expect(found?.mediaType).toBe("image/png");
    expect(isSame(await found?.content.bytes(), png)).toBe(true);
    for (const no of ["", "../../roost.db", hash.toUpperCase(), `${hash}0`, "0".repeat(64)]) {
      expect(await opened.store.findFile(bob.userId, no)).toBeUndefined();
    }
  });

  test("a refusal leaves nothing, and says what is wrong with the message, not with its file", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob, carl] = await people(store, "Ann", "Bob", "Carl");
    const chat = await group(store, ann, bob);
    const large = patterned(100 * kib);
    await expectRefusal(store.appendMessage(text(carl, inChat(chat), large)), "not_a_member");
    await expectRefusal(store.appendMessage(text(ann, { key: "nowhere" }, large)), "chat_not_found");
    const batch = [text(ann, inChat(chat), large), text(carl, inChat(chat), "x")];
    await expectRefusal(store.appendMessages(batch), "not_a_member");
    const tooLarge = new Uint8Array(16 * 1024 * kib + 1);
    await expectRefusal(store.appendMessage(text(ann, inChat(chat), tooLarge)), "message_too_large");
    await expectRefusal(store.appendMessages([...batch, text(ann, inChat(chat), tooLarge)]), "message_too_large");
    const after = await store.appendMessage(text(ann, inChat(chat), "x"));
    expect(after.message.seq).toBe(1);
  });
}

const lastId = (messages: readonly Message[]) => messages.at(-1)?.messageId ?? (0 as never);

/** Compared without printing megabytes where it fails. */
function isSame(a: string | Uint8Array | undefined, b: string | Uint8Array | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return typeof a === "string" && a === b;
}
