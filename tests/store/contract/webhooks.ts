/** Webhooks: what is called, how far each has got, and the logs they read. */
import { expect, test } from "bun:test";
import type { ChatId } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import {
  isLoggedChange,
  type Webhook,
  type WebhookProgress,
  webhooksMax,
} from "../../../src/domain/webhooks/webhook-store.ts";
import { at } from "../../support/manual-clock.ts";
import { alsoAfterReopening, expectRefusal, group, inChat, type OpenFresh, people, sendMany, text } from "./stage.ts";

const hook = (name: string): Pick<Webhook, "name" | "url" | "secret" | "kinds"> => ({
  name,
  url: `https://${name}.example/`,
  secret: "c2VjcmV0",
  kinds: ["message", "event"],
});
const start = { messageId: 0, eventId: 0 };
const progress = (more: Partial<WebhookProgress>): WebhookProgress => ({
  name: "w",
  offset: start,
  places: [],
  caughtUp: [],
  givenUp: [],
  ...more,
});
const place = (chatId: ChatId, messageId: number) => ({
  chatId,
  messageId,
  eventId: 7,
  attempts: 2,
  failingSinceMs: at(1000),
  nextAtMs: at(2000),
  problem: "answered 500",
});
const placesOf = async (store: Store, name: string) =>
  (await store.webhookPlaces(name)).toSorted((a, b) => a.chatId - b.chatId);

export function webhookContract(openFresh: OpenFresh): void {
  test("a webhook is made at the end of the log, and keeps its place when it is put again", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    await sendMany(store, ann, inChat(chat), 3);
    const made = await store.putWebhook(hook("w"));
    expect(made).toEqual({
      ...hook("w"),
      messageId: await store.lastMessageId(),
      eventId: 0,
      createdAtMs: clock.nowMs(),
    });
    await sendMany(store, ann, inChat(chat), 3);
    clock.advance(1000);
    const changed = { ...hook("w"), url: "https://elsewhere.example/", kinds: ["message" as const] };
    expect(await store.putWebhook(changed)).toEqual({ ...made, ...changed });
    await store.putWebhook(hook("another"));
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.listWebhooks()).map((webhook) => webhook.name)).toEqual(["another", "w"]);
    });
    expect(await opened.store.removeWebhook("w")).toBe(true);
    expect(await opened.store.removeWebhook("w")).toBe(false);
    expect((await opened.store.listWebhooks()).map((webhook) => webhook.name)).toEqual(["another"]);
  });

  test("there are so many and no more", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    await Promise.all(Array.from({ length: webhooksMax }, (_, n) => store.putWebhook(hook(`w${n}`))));
    await expectRefusal(store.putWebhook(hook("one-more")), "busy");
    await store.putWebhook(hook("w0"));
    expect(await store.listWebhooks()).toHaveLength(webhooksMax);
  });

  test("progress is saved whole: the offset, chats that fail, chats that caught up, and what was given up", async () => {
    await using opened = await openFresh();
    const { store, clock } = opened;
    const [ann] = await people(store, "Ann");
    const [one, two] = [await group(store, ann), await group(store, ann)];
    await store.putWebhook(hook("w"));
    await store.putWebhook(hook("other"));
    const offset = { messageId: 12, eventId: 3 };
    await store.saveWebhook(progress({ offset, places: [place(one.chatId, 5), place(two.chatId, 6)] }));
    const given = { chatId: one.chatId, kind: "message" as const, eventId: 7, problem: "answered 422" };
    const givenUp = [5, 6, 7].map((messageId) => ({ ...given, messageId }));
    await store.saveWebhook(progress({ offset, places: [place(two.chatId, 8)], caughtUp: [one.chatId], givenUp }));
    await store.saveWebhook(progress({ name: "nowhere", places: [place(one.chatId, 1)], givenUp }));
    await alsoAfterReopening(opened, async (now) => {
      expect((await now.listWebhooks()).find((webhook) => webhook.name === "w")).toMatchObject(offset);
      expect(await placesOf(now, "w")).toEqual([place(two.chatId, 8)]);
      expect(await placesOf(now, "other")).toEqual([]);
      expect(await placesOf(now, "nowhere")).toEqual([]);
      const letters = await now.deadLetters("w", { after: 0, limit: 10 });
      expect(letters).toMatchObject(givenUp.map((letter) => ({ ...letter, givenUpAtMs: clock.nowMs() })));
      const after = letters[0]?.letterId ?? 0;
      expect(await now.deadLetters("w", { after, limit: 1 })).toEqual(letters.slice(1, 2));
      expect(await now.deadLetters("other", { after: 0, limit: 10 })).toEqual([]);
    });
    await opened.store.rewindWebhook("w", { messageId: 2, eventId: 1 });
    expect((await opened.store.listWebhooks()).find((webhook) => webhook.name === "w")).toMatchObject({
      messageId: 2,
      eventId: 1,
    });
    expect(await placesOf(opened.store, "w")).toEqual([]);
    await opened.store.removeWebhook("w");
    expect(await opened.store.deadLetters("w", { after: 0, limit: 10 })).toEqual([]);
  });

  test("the message log is read above an id, of all chats or of one", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const [one, two] = [await group(store, ann), await group(store, ann)];
    const ids: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      ids.push((await store.appendMessage(text(ann, inChat(n % 2 === 0 ? one : two), `${n}`))).message.messageId);
    }
    const after = ids[1] ?? 0;
    await alsoAfterReopening(opened, async (now) => {
      const contents = (messages: readonly { content: unknown }[]) => messages.map((message) => message.content);
      expect(contents(await now.messageLog(0, 10))).toEqual(["0", "1", "2", "3", "4", "5"]);
      expect(contents(await now.messageLog(after, 3))).toEqual(["2", "3", "4"]);
      expect(contents(await now.messageLogOf(one.chatId, 0, 10))).toEqual(["0", "2", "4"]);
      expect(contents(await now.messageLogOf(one.chatId, after, 1))).toEqual(["2"]);
      expect(contents(await now.messageLogOf(two.chatId, after, 10))).toEqual(["3", "5"]);
      expect(await now.messageLog(ids[5] ?? 0, 10)).toEqual([]);
    });
  });

  test("large messages come in smaller pages, one at least", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const [ann] = await people(store, "Ann");
    const chat = await group(store, ann);
    const count = 40;
    await Promise.all(
      Array.from({ length: count }, () => store.appendMessage(text(ann, inChat(chat), "x".repeat(50_000)))),
    );
    for (const read of [
      (after: number) => store.messageLog(after, count),
      (after: number) => store.messageLogOf(chat.chatId, after, count),
    ]) {
      const seqs: number[] = [];
      for (let after = 0; ; ) {
        const page = await read(after);
        if (page.length === 0) break;
        expect(page.length).toBeLessThan(count);
        seqs.push(...page.map((message) => message.seq));
        after = page.at(-1)?.messageId ?? after;
      }
      expect(seqs).toEqual(Array.from({ length: count }, (_, n) => n + 1));
    }
  });

  test("a chat's events are logged once, with their place among the messages, while there is a webhook", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const put = (chatKey: string, ...usernames: string[]) =>
      store.putMembers({ chatKey, people: usernames.map((username) => ({ username })), chatName: undefined });
    await put("before", "ann");
    await store.putWebhook(hook("w"));
    const { users, view } = await put("team", "ann", "bob");
    const [ann] = users;
    if (ann === undefined) throw new Error("two users were put");
    const { message } = await store.appendMessage(text(ann, { key: "team" }, "hello"));
    await put("room", "ann");
    await store.removeMembers({ chatKey: "team", people: ["bob"] });
    await store.deleteChat("room");
    await alsoAfterReopening(opened, async (now) => {
      const log = await now.eventLog(0, 10);
      const brief = log.map(({ event, afterMessageId }) =>
        isLoggedChange(event)
          ? []
          : [
              event.type,
              event.chatKey,
              event.users.map((user) => user.userKey).join(" "),
              event.deleted,
              afterMessageId,
            ],
      );
      expect(brief).toEqual([
        ["entered", "team", "ann bob", false, 0],
        ["entered", "room", "ann", false, message.messageId],
        ["left", "team", "bob", false, message.messageId],
        ["left", "room", "ann", true, message.messageId],
      ]);
      const [first] = log;
      expect(await now.eventLog(first?.event.eventId ?? 0, 2)).toEqual(log.slice(1, 3));
      expect(await now.eventLog(0, 10, view.chat.chatId)).toEqual(log.filter(({ event }) => event.chatKey === "team"));
    });
  });

  test("edits, reactions and deletions are logged by what they did, and never with what was said", async () => {
    await using opened = await openFresh();
    const { store } = opened;
    const ann = await store.createUser({ nick: "Ann" });
    const { userId } = ann;
    const { message } = await store.appendMessage(text(ann, { id: userId }, "before there was a webhook"));
    const { messageId, chatId, chatKey } = message;
    await store.editMessage({ userId, messageId, content: "unheard", type: "text" });
    await store.putWebhook(hook("w"));
    await store.editMessage({ userId, messageId, content: "former words", type: "text" });
    await store.reactToMessage({ userId, messageId, reaction: "👍", added: true });
    await store.deleteMessage({ userId, messageId });
    await alsoAfterReopening(opened, async (now) => {
      const log = await now.eventLog(0, 10);
      const place = { chatId, chatKey, messageId, seq: 1 };
      expect(log.map(({ event: { eventId: _, ...event } }) => event)).toEqual([
        { type: "edited", ...place, revision: 2 },
        { type: "reacted", ...place, revision: 3, reaction: { by: userId, reaction: "👍", added: true } },
        { type: "deleted", ...place, revision: 4 },
      ]);
    });
  });
}
