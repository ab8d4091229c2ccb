/** What commits tell: in their order, before the caller is answered, and only what a listener wants. */
import { expect, test } from "bun:test";
import type { DomainEvent } from "../../../src/domain/events.ts";
import type { Store } from "../../../src/domain/store.ts";
import { group, inChat, type OpenFresh, people, text } from "./stage.ts";

function listen(store: Store, wanted: readonly DomainEvent["type"][], hear: (event: DomainEvent) => void): () => void {
  return store.onCommitted({
    hears: (type) => wanted.includes(type),
    committed(events) {
      for (const event of events) if (wanted.includes(event.type)) hear(event);
      return undefined;
    },
  });
}

export function commitContract(openFresh: OpenFresh): void {
  test("messages are told in the order of their ids, each before its sender is answered", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    const seen: string[] = [];
    listen(store, ["message.sent"], (event) => {
      if (event.type === "message.sent") seen.push(`told ${event.message.seq}`);
    });
    const large = "x".repeat(200_000);
    await Promise.all(
      [large, "a", "b", "c"].map((content, n) =>
        store
          .appendMessage(text(n % 2 === 0 ? ann : bob, inChat(chat), content))
          .then(({ message }) => seen.push(`answered ${message.seq}`)),
      ),
    );
    const told = seen.filter((one) => one.startsWith("told"));
    expect(told).toEqual(["told 1", "told 2", "told 3", "told 4"]);
    for (const n of [1, 2, 3, 4]) expect(seen.indexOf(`told ${n}`)).toBeLessThan(seen.indexOf(`answered ${n}`));
  });

  test("who hears one type of event is told of that alone, before those who take all", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const told: string[] = [];
    listen(store, ["message.sent", "chat.entered"], ({ type }) => told.push(`all: ${type}`));
    store.onEvent("message.sent", ({ message }) => told.push(`sent: ${message.content}`));
    store.onEvent("message.sent", ({ to }) => told.push(`to ${to.length}`));
    const chat = await group(store, ann, bob);
    await store.appendMessage(text(ann, inChat(chat), "x"));
    expect(told).toEqual(["all: chat.entered", "sent: x", "to 2", "all: message.sent"]);
  });

  test("the caller is answered when the listener is done", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const done = Promise.withResolvers<void>();
    const heard = Promise.withResolvers<void>();
    const stop = store.onCommitted({
      hears: () => true,
      committed() {
        heard.resolve();
        return done.promise;
      },
    });
    let answered = false;
    const chat = group(store, ann, bob).then(() => {
      answered = true;
    });
    await heard.promise;
    await store.findUser(ann.userId);
    expect(answered).toBe(false);
    done.resolve();
    await chat;
    stop();
    await group(store, ann, bob); // Nothing is waited for any more.
  });

  test("however often a commit moves a member's position, that is one event, and none where no listener wants it", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann, bob] = await people(store, "Ann", "Bob");
    const chat = await group(store, ann, bob);
    for (let n = 0; n < 6; n += 1) await store.appendMessage(text(ann, inChat(chat), "x"));
    const move = (deliveredSeq: number) => ({
      userId: bob.userId,
      deviceId: undefined,
      chatId: chat.chatId,
      deliveredSeq,
    });
    await store.advance([move(1)]);
    const events: DomainEvent[] = [];
    const stop = listen(store, ["position.moved"], (event) => events.push(event));
    await Promise.all([
      store.advance([move(2)]),
      store.confirmMessages([{ ...move(0), ranges: [[3, 4]] }]),
      store.advance([move(5), move(3)]),
    ]);
    const { chatId } = chat;
    const { userId } = bob;
    const read = { readBefore: 0, readSeq: 0 };
    expect(events).toEqual([
      { type: "position.moved", chatId, userId, deliveredBefore: 1, deliveredSeq: 5, ...read, to: [userId] },
    ]);
    await store.advance([move(4)]); // It is behind.
    expect(events).toHaveLength(1);
    stop();
    await store.advance([move(6)]);
    expect(events).toHaveLength(1);
  });
}
