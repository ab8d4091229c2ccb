/** Messages that are found by their words, before and after they are indexed. */
import { expect, test } from "bun:test";
import type { MessageSearch } from "../../../src/domain/messages/search-store.ts";
import type { ChatId, MessageId, Sent, User } from "../../../src/domain/model.ts";
import type { Store } from "../../../src/domain/store.ts";
import { createRandom } from "../../support/random.ts";
import { expectRefusal, group, inChat, type OpenedForTest, type OpenFresh, people, text, withUser } from "./stage.ts";

type Asked = Partial<Omit<MessageSearch, "userId" | "query">>;

const find = (store: Store, user: User, query: string, asked: Asked = {}) =>
  store.searchMessages({ userId: user.userId, chatId: undefined, query, before: undefined, limit: 50, ...asked });

/** The texts that `user` finds on the first page. */
async function found(store: Store, user: User, query: string, asked: Asked = {}): Promise<unknown[]> {
  const { messages } = await find(store, user, query, asked);
  return messages.map(({ content }) => content);
}

/** All ids that `user` finds, page by page. */
async function allFound(store: Store, user: User, query: string, asked: Asked): Promise<number[]> {
  const ids: number[] = [];
  let before: MessageId | undefined;
  do {
    const page = await find(store, user, query, { ...asked, before });
    expect(page.messages.length).toBeLessThanOrEqual(asked.limit ?? 50);
    if (page.next !== undefined && before !== undefined) expect(page.next).toBeLessThan(before);
    ids.push(...page.messages.map(({ messageId }) => messageId));
    before = page.next;
  } while (before !== undefined);
  return ids;
}

/** Checks what is found while nothing is indexed, once all is, and after a restart. */
async function alsoIndexed(opened: OpenedForTest, check: (now: Store) => Promise<void>): Promise<void> {
  await check(opened.store);
  await opened.indexed();
  await check(opened.store);
  await check(await opened.reopen());
}

/** A text, what finds it, and what does not. */
const scripts: readonly (readonly [text: string, finds: readonly string[], not: readonly string[]])[] = [
  ["Grüße aus der Straße", ["grusse", "GRÜSSE", "strass", "straße str"], ["rasse", "us"]],
  ["Le café était fermé", ["CAFE", "etait ferme", "café"], ["caffe"]],
  ["Łódź i Kraków", ["lodz", "krakow", "i"], ["k"]],
  ["İstanbul'da ışık", ["istanbul", "isik", "da"], ["stanbul"]],
  ["Việt Nam đẹp", ["viet", "dep", "việt nam"], ["vietnam"]],
  ["Привет, как дела? Ёлка", ["привет", "ДЕЛА", "елка", "как прив"], ["вет"]],
  ["Καλημέρα ΚΌΣΜΟΣ", ["καλημερα", "κοσμος", "κόσμ"], ["σμος"]],
  ["مُحَمَّد كتب الكتاب", ["محمد", "الكت", "كتب"], ["حمد"]],
  ["שָׁלוֹם לעולם", ["שלום", "לעו"], ["עולם"]],
  ["สวัสดีครับ ผมชื่อสมชาย", ["สวัสดี", "ครับ", "ชื่อสม", "ย"], ["สมชื่อ"]],
  ["今天天气很好，我们去公园", ["天气", "天", "公园", "我们去公园", "园"], ["好我", "气天"]],
  ["東京タワーへ行きました", ["東京", "タワー", "ﾀﾜｰ", "行き", "た"], ["京東"]],
  ["안녕하세요 만나서 반갑습니다", ["안녕", "하세요", "갑습", "요"], ["세요만"]],
  ["नमस्ते दुनिया", ["नमस्ते", "दुनि"], ["मस्ते"]],
  ["Party 🎉 tonight 👍🏽 🇩🇪", ["🎉", "👍", "🇩🇪 party"], ["🎂", "🇫🇷"]],
  ["iPhone手机 and 2024年", ["iphone", "手机", "2024", "年", "机 iph"], ["phone"]],
  ["a_b-c@example.org, don't!", ["example org", "b", "don t", "(c)"], ["ab"]],
];

export function searchContract(openFresh: OpenFresh): void {
  test("a text is found by its words and their beginnings, in any script", async () => {
    await using opened = await openFresh();
    const [ann] = await people(opened.store, "Ann");
    for (const [content] of scripts) await opened.store.appendMessage(text(ann, withUser(ann), content));
    await alsoIndexed(opened, async (store) => {
      for (const [content, finds, not] of scripts) {
        for (const query of finds)
          expect({ query, found: await found(store, ann, query) }).toEqual({
            query,
            found: expect.arrayContaining([content]),
          });
        for (const query of not)
          expect({ query, found: await found(store, ann, query) }).not.toEqual({
            query,
            found: expect.arrayContaining([content]),
          });
      }
    });
  });

  test("all words must be there, in any order; the newest message comes first", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    for (const content of ["red apple", "green apple", "apple pie, red", "red"]) {
      await opened.store.appendMessage(text(ann, withUser(bob), content));
    }
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, bob, "apple red")).toEqual(["apple pie, red", "red apple"]);
      expect(await found(store, bob, "app")).toEqual(["apple pie, red", "green apple", "red apple"]);
      expect(await found(store, bob, "apple blue")).toEqual([]);
    });
  });

  test("only members find a chat's messages, all that its history shows them, and none once they left", async () => {
    await using opened = await openFresh();
    const [ann, bob, carl] = await people(opened.store, "Ann", "Bob", "Carl");
    const team = await group(opened.store, ann, bob);
    await opened.store.appendMessage(text(ann, inChat(team), "before carl"));
    await opened.store.appendMessage(text(ann, withUser(bob), "between two"));
    const finders = async (query: string) =>
      Promise.all([ann, bob, carl].map(async (user) => (await found(opened.store, user, query)).length));
    for (const indexed of [false, true]) {
      if (indexed) await opened.indexed();
      expect(await finders("before")).toEqual([1, 1, 0]);
      expect(await finders("between")).toEqual([1, 1, 0]);
    }
    await opened.store.addToChat({ userId: ann.userId, chat: inChat(team), members: [carl.userId] });
    expect(await finders("before")).toEqual([1, 1, 1]);
    await opened.store.leaveChat({ userId: carl.userId, chat: inChat(team) });
    await opened.store.appendMessage(text(ann, inChat(team), "carl is gone before lunch"));
    expect(await finders("before")).toEqual([2, 2, 0]);
    await opened.indexed();
    expect(await finders("before")).toEqual([2, 2, 0]);
    await opened.store.addToChat({ userId: ann.userId, chat: inChat(team), members: [carl.userId] });
    expect(await finders("before")).toEqual([2, 2, 2]);
  });

  test("in one chat alone; of a chat that one is not in, nothing", async () => {
    await using opened = await openFresh();
    const [ann, bob, carl] = await people(opened.store, "Ann", "Bob", "Carl");
    const team = await group(opened.store, ann, bob);
    const other = await group(opened.store, ann, carl);
    await opened.store.appendMessage(text(ann, inChat(team), "lunch in team"));
    await opened.store.appendMessage(text(ann, inChat(other), "lunch elsewhere"));
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, ann, "lunch")).toEqual(["lunch elsewhere", "lunch in team"]);
      expect(await found(store, ann, "lunch", { chatId: team.chatId })).toEqual(["lunch in team"]);
      expect(await found(store, bob, "lunch", { chatId: other.chatId })).toEqual([]);
      expect(await found(store, bob, "lunch", { chatId: 999_999 as ChatId })).toEqual([]);
    });
  });

  test("who is blocked is found as in history: what was said stays", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    await opened.store.appendMessage(text(bob, withUser(ann), "annoying words"));
    await opened.store.blockContact({ userId: ann.userId, contactId: bob.userId });
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, ann, "annoying")).toEqual(["annoying words"]);
      expect(await found(store, bob, "annoying")).toEqual(["annoying words"]);
    });
  });

  test("a text for one recipient is never found, by nobody", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    const team = await group(opened.store, ann, bob);
    await opened.store.exchange({
      from: { userId: ann.userId, deviceId: undefined },
      messages: [
        {
          chatKey: team.chatKey,
          clientId: "1",
          texts: [{ guid: bob.guid, text: "ciphertext alone" }],
          oldMessageId: undefined,
        },
      ],
      confirmations: [],
    });
    await opened.store.appendMessage(text(ann, inChat(team), "plain alone"));
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, bob, "alone")).toEqual(["plain alone"]);
      expect(await found(store, ann, "ciphertext")).toEqual([]);
    });
  });

  test("only texts are found, large ones too: no files, no bytes", async () => {
    await using opened = await openFresh();
    const [ann] = await people(opened.store, "Ann");
    const notes = withUser(ann);
    const large = `beginning ${"word ".repeat(20_000)}`;
    await opened.store.appendMessage(text(ann, notes, "beginning", { type: "image" }));
    await opened.store.appendMessage(text(ann, notes, Buffer.from("beginning")));
    await opened.store.appendMessage(text(ann, notes, "beginning of html", { type: "text/html" }));
    await opened.store.appendMessage(text(ann, notes, large));
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, ann, "beginning")).toEqual([large, "beginning of html"]);
      const { messages } = await find(store, ann, "beginning", { inlineBytesMax: 1024 });
      expect(messages.map(({ content, file }) => [content, file?.bytes])).toEqual([
        ["", large.length],
        ["beginning of html", undefined],
      ]);
    });
  });

  test("a deleted message is not found, nor those of a chat that is gone", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    const team = await group(opened.store, ann, bob);
    const keys = { chatKey: "second", chatName: undefined };
    const second = await opened.store.putMembers({ ...keys, people: [{ username: "zoe" }, { username: "max" }] });
    const [zoe] = second.users;
    if (zoe === undefined) throw new Error("zoe was made");
    const { message } = await opened.store.appendMessage(text(ann, inChat(team), "secret one"));
    await opened.store.appendMessage(text(ann, inChat(team), "secret two"));
    await opened.store.appendMessage(text(zoe, { key: "second" }, "secret three"));
    await opened.indexed();
    expect(await found(opened.store, zoe, "secret")).toEqual(["secret three"]);
    await opened.store.deleteMessage({ userId: ann.userId, messageId: message.messageId });
    await opened.store.deleteChat("second");
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, ann, "secret")).toEqual(["secret two"]);
      expect(await found(store, zoe, "secret")).toEqual([]);
    });
  });

  test("an edited message is found by what it says now", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    const first = await opened.store.appendMessage(text(ann, withUser(bob), "red tulips"));
    const second = await opened.store.appendMessage(text(ann, withUser(bob), "red roses"));
    const edit = (sent: Sent, content: string) =>
      opened.store.editMessage({ userId: ann.userId, messageId: sent.message.messageId, type: "text", content });
    await edit(first, "blue tulips");
    const check = async (store: Store) => {
      expect(await found(store, bob, "blue")).toEqual(["blue tulips"]);
      expect(await found(store, bob, "red")).toEqual(["red roses"]);
    };
    await check(opened.store);
    await opened.indexed();
    await check(opened.store);
    await edit(first, "red tulips");
    await edit(second, "blue tulips");
    await alsoIndexed(opened, async (store) => {
      expect(await found(store, bob, "blue")).toEqual(["blue tulips"]);
      expect(await found(store, bob, "red")).toEqual(["red tulips"]);
      expect(await found(store, bob, "roses")).toEqual([]);
    });
  });

  test("page after page gives every message once, while more are sent, indexed and deleted", async () => {
    await using opened = await openFresh();
    const { int, chance } = createRandom(5);
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    const chats = [await group(opened.store, ann, bob), await group(opened.store, ann), await group(opened.store, bob)];
    const wanted: number[] = [];
    for (let count = 0; count < 300; count += 1) {
      const chat = chats[int(3)] ?? chats[0];
      if (chat === undefined) throw new Error("there are three");
      const isWanted = chance(0.5);
      const owner = chat === chats[2] ? bob : ann;
      const sent = await opened.store.appendMessage(
        text(owner, inChat(chat), `${isWanted ? "needle" : "hay"} ${count}`),
      );
      if (isWanted && chat !== chats[2]) wanted.unshift(sent.message.messageId);
      if (count === 150) await opened.indexed();
    }
    for (const limit of [1, 7, 50]) expect(await allFound(opened.store, ann, "needle", { limit })).toEqual(wanted);
    await opened.indexed();
    for (const limit of [1, 7, 50]) expect(await allFound(opened.store, ann, "needle", { limit })).toEqual(wanted);
    const first = await find(opened.store, ann, "needle", { limit: 20 });
    await opened.store.appendMessage(text(ann, withUser(ann), "needle, later"));
    const [gone = 0] = wanted.splice(30, 1);
    await opened.store.deleteMessage({ userId: ann.userId, messageId: gone as MessageId });
    const rest: number[] = [];
    for (let before = first.next; before !== undefined; ) {
      const page = await find(opened.store, ann, "needle", { limit: 20, before });
      rest.push(...page.messages.map(({ messageId }) => messageId));
      before = page.next;
    }
    expect([...first.messages.map(({ messageId }) => messageId), ...rest] as number[]).toEqual(wanted);
  });

  test("signs of query languages mean nothing; a query without a word is refused", async () => {
    await using opened = await openFresh();
    const [ann, bob] = await people(opened.store, "Ann", "Bob");
    const team = await group(opened.store, bob);
    await opened.store.appendMessage(text(bob, inChat(team), "or near terms rowid"));
    await opened.store.appendMessage(text(ann, withUser(ann), "salt OR near, pepper NEAR/2"));
    await alsoIndexed(opened, async (store) => {
      for (const query of [
        '" OR NEAR( * ^ -',
        "salt OR pepper",
        '"near" AND',
        "or*",
        "terms:or'--",
        `#${"a".repeat(9)}`,
      ]) {
        expect(await found(store, ann, query)).toEqual(
          ['" OR NEAR( * ^ -', "or*", "salt OR pepper"].includes(query) ? ["salt OR near, pepper NEAR/2"] : [],
        );
      }
      // A chat's id is no word of its messages.
      expect(await found(store, ann, `#${team.chatId.toString(36)}`)).toEqual([]);
      for (const query of ["", " ", '"', "*", "(((", "^-:", "\0", "…。、"]) {
        await expectRefusal(find(store, ann, query), "invalid_query");
      }
      expect(await found(store, ann, `salt ${"x".repeat(100_000)}`)).toEqual([]);
      expect(await found(store, ann, "天".repeat(300))).toEqual([]);
    });
  });
}
