/**
 * Whole histories at random, many changes in flight, held against a model that is nothing but arrays: member lists of
 * every answer, positions, and the heads of users, of devices and above any id.
 */
import { expect, test } from "bun:test";
import type { ChatId, DeviceId, MessageId, Sent, User, UserId } from "../../../src/domain/model.ts";
import type { Head, Store } from "../../../src/domain/store.ts";
import { createRandom, type Random } from "../../support/random.ts";
import { type OpenFresh, openDevice } from "./stage.ts";

interface Entry {
  messageId: number;
}

interface Membership {
  readonly joinedSeq: number;
  delivered: number;
}

interface ModelChat {
  readonly key: string;
  readonly owner: string;
  readonly members: Map<string, Membership>;
  readonly log: Entry[];
  chatId: number;
}

interface ModelDevice {
  readonly deviceId: DeviceId;
  readonly username: string;
  /** It begins where its user stood when it came. */
  readonly delivered: Map<ModelChat, number>;
}

class Model {
  readonly chats = new Map<string, ModelChat>();
  readonly devices: ModelDevice[] = [];

  put(key: string, usernames: readonly string[]): ModelChat {
    let chat = this.chats.get(key);
    if (chat === undefined) {
      chat = { key, owner: usernames[0] ?? "", members: new Map(), log: [], chatId: 0 };
      this.chats.set(key, chat);
    }
    for (const username of usernames) {
      if (chat.members.has(username)) continue;
      chat.members.set(username, { joinedSeq: chat.log.length, delivered: chat.log.length });
    }
    return chat;
  }

  remove(chat: ModelChat, username: string): void {
    if (!chat.members.delete(username)) return;
    if (username !== chat.owner && chat.members.size > 0) return;
    this.chats.delete(chat.key);
    for (const device of this.devices) device.delivered.delete(chat);
  }

  append(chat: ModelChat): Entry {
    const entry = { messageId: 0 };
    chat.log.push(entry);
    return entry;
  }

  advance(username: string, device: ModelDevice | undefined, chat: ModelChat, seq: number): void {
    const member = chat.members.get(username);
    if (member === undefined || seq > chat.log.length) return;
    member.delivered = Math.max(member.delivered, seq);
    if (device !== undefined) device.delivered.set(chat, Math.max(device.delivered.get(chat) ?? 0, seq));
  }

  /** The first message of each chat of the user for which `wanted` holds. */
  heads(username: string, wanted: (chat: ModelChat, seq: number, entry: Entry) => boolean): Head[] {
    return [...this.chats.values()].flatMap((chat) => {
      const member = chat.members.get(username);
      if (member === undefined) return [];
      const index = chat.log.findIndex((entry, at) => at >= member.joinedSeq && wanted(chat, at + 1, entry));
      const entry = chat.log[index];
      if (entry === undefined) return [];
      const lastSeq = chat.log.length;
      return [{ chatId: chat.chatId as ChatId, seq: index + 1, messageId: entry.messageId as MessageId, lastSeq }];
    });
  }
}

const byChat = (heads: readonly Head[]): Head[] => [...heads].sort((a, b) => a.chatId - b.chatId);

export function historyContract(openFresh: OpenFresh): void {
  test.each([1, 2, 3, 4])(
    "heads, positions and member lists are exact through a random history (seed %d)",
    async (seed) => {
      await using opened = await openFresh();
      const random = createRandom(seed);
      const names = ["a", "b", "c", "d", "e"];
      const model = new Model();
      const users = new Map<string, User>();
      for (const { user } of await opened.store.provision(names.map((username) => ({ username, tokens: [] })))) {
        users.set(user.userKey, user);
      }
      const idOf = (name: string): UserId => users.get(name)?.userId ?? (0 as UserId);
      for (let burst = 0; burst < 25; burst += 1) {
        const work: Promise<unknown>[] = [];
        const size = 1 + random.int(12);
        for (let n = 0; n < size; n += 1) work.push(act(opened.store, model, random, names, idOf));
        await Promise.all(work);
        if (random.chance(0.15)) await opened.reopen();
        await compare(opened.store, model, random, names, idOf);
      }
    },
  );
}

/** Submits one change at random and moves the model as the change will; answers are checked when they come. */
async function act(
  store: Store,
  model: Model,
  random: Random,
  names: readonly string[],
  idOf: (name: string) => UserId,
): Promise<void> {
  const roll = random.int(100);
  const name = random.pick(names);
  if (model.chats.size === 0 || roll < 14) {
    const usernames = [name, random.pick(names)];
    const chat = model.put(`chat-${random.int(4)}`, usernames);
    const put = await store.putMembers({
      chatKey: chat.key,
      people: usernames.map((username) => ({ username })),
      chatName: undefined,
    });
    chat.chatId = put.view.chat.chatId;
    return;
  }
  const chat = random.pick([...model.chats.values()]);
  if (roll < 20) {
    const expected = chat.members.has(name);
    model.remove(chat, name);
    const left = await store.removeMembers({ chatKey: chat.key, people: [name] });
    expect(left !== undefined).toBe(expected);
    return;
  }
  if (roll < 26) {
    const stands = [...model.chats.values()].map((one) => [one, one.members.get(name)?.delivered ?? 0] as const);
    const device = { username: name, delivered: new Map(stands) };
    const deviceId = await openDevice(store, {
      userId: idOf(name),
      door: "mqtt",
      name: `device-${model.devices.length}-${roll}`,
    });
    if (model.devices.every((known) => known.deviceId !== deviceId)) model.devices.push({ ...device, deviceId });
    return;
  }
  if (roll < 50) {
    const device = random.chance(0.6) ? random.pick([undefined, ...model.devices]) : undefined;
    const who = device?.username ?? name;
    const seq = random.int(chat.log.length + 2);
    const chatId = chat.chatId as ChatId;
    if (chatId === 0) return; // Made in the same burst: it has no number yet to be named by.
    model.advance(who, device, chat, seq);
    await store.advance([{ userId: idOf(who), deviceId: device?.deviceId, chatId, deliveredSeq: seq }]);
    return;
  }
  const sender = random.pick([...chat.members.keys()]);
  const count = roll < 60 ? 1 + random.int(4) : 1;
  const entries = Array.from({ length: count }, () => model.append(chat));
  const members = [...chat.members.keys()].map(idOf);
  const firstSeq = chat.log.length - count + 1;
  const draft = { chat: { key: chat.key }, from: idOf(sender), type: "text", content: "x" };
  const sent: Sent[] =
    count === 1 ? [await store.appendMessage(draft)] : await store.appendMessages(entries.map(() => draft));
  entries.forEach((entry, index) => {
    entry.messageId = sent[index]?.message.messageId ?? 0;
    expect(sent[index]).toMatchObject({ members, repeated: false, message: { seq: firstSeq + index } });
  });
}

async function compare(
  store: Store,
  model: Model,
  random: Random,
  names: readonly string[],
  idOf: (name: string) => UserId,
): Promise<void> {
  const after = random.int((await store.lastMessageId()) + 2) as MessageId;
  for (const name of names) {
    const userId = idOf(name);
    const theirs = [...model.chats.values()].filter((chat) => chat.members.has(name));
    expect((await store.positions(userId)).sort((a, b) => a.chatId - b.chatId)).toEqual(
      theirs
        .map((chat) => ({
          chatId: chat.chatId as ChatId,
          deliveredSeq: chat.members.get(name)?.delivered ?? 0,
          readSeq: chat.members.get(name)?.joinedSeq ?? 0,
        }))
        .sort((a, b) => a.chatId - b.chatId),
    );
    expect(byChat(await store.undelivered(userId, undefined))).toEqual(
      byChat(model.heads(name, (chat, seq) => seq > (chat.members.get(name)?.delivered ?? 0))),
    );
    expect(byChat(await store.newerThan(userId, after))).toEqual(
      byChat(model.heads(name, (_, __, entry) => entry.messageId > after)),
    );
  }
  for (const device of model.devices) {
    expect(byChat(await store.undelivered(idOf(device.username), device.deviceId))).toEqual(
      byChat(model.heads(device.username, (chat, seq) => seq > (device.delivered.get(chat) ?? 0))),
    );
  }
}
