/**
 * The messages of all chats as this client knows them. Of each chat it keeps the newest ones, from a `seq` to another
 * without a gap (its cover). A push that continues the cover is added; before any other, what is missing is fetched. So
 * no message is missed and none is there twice, whatever was pushed, repeated or lost.
 */
import type { Cache } from "./cache.ts";
import { type Fields, listOf } from "./json.ts";
import type { Pages } from "./pages.ts";
import { type ChatRecord, type MessageRecord, readMessage } from "./records.ts";
import type { Batch, Storage } from "./storage.ts";
import type { Turns } from "./turns.ts";

export interface MessageLogHooks {
  readonly me: () => string;
  /** These follow the newest message that was known; `to`: everything up to there is known. */
  readonly appended: (chatId: string, messages: readonly MessageRecord[], to: number) => void;
  /** What is known of the chat does not continue what was known before. */
  readonly jumped: (chatId: string) => void;
  /** Of others, and not read yet: each is told once. */
  readonly arrived: (messages: readonly MessageRecord[]) => void;
  /** One's own, by their client ids: they are stored. */
  readonly stored: (clientIds: readonly string[]) => void;
  /** A message came of a chat that is not known. */
  readonly unknownChat: (chatId: string) => void;
}

interface Parts {
  readonly cache: Cache;
  readonly storage: Storage;
  readonly pages: Pages;
  readonly turns: Turns;
  readonly hooks: MessageLogHooks;
  /** Messages kept of each chat. */
  readonly kept: number;
}

const pageMessages = 100;
const firstPageMessages = 50;

export class MessageLog {
  readonly #parts: Parts;
  readonly #filling = new Map<string, Promise<void>>();
  #inbox: MessageRecord[] = [];
  #draining: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `message.push`. Resolves when what it brought is kept, or is going to be fetched whole. */
  pushed(fields: Fields): Promise<readonly MessageRecord[]> {
    const messages = listOf(fields["messages"], readMessage);
    this.#inbox.push(...messages);
    this.#draining ??= this.#parts.turns.run(() => {
      const inbox = this.#inbox;
      this.#inbox = [];
      this.#draining = undefined;
      return this.#take(inbox);
    });
    return this.#draining.then(() => messages);
  }

  async #take(messages: readonly MessageRecord[]): Promise<void> {
    const { cache, hooks } = this.#parts;
    const batches: Batch[] = [];
    for (const [chatId, ofChat] of Map.groupBy(messages, (message) => message.chatId)) {
      if (!cache.chats.has(chatId)) hooks.unknownChat(chatId);
      const cover = cache.covers.get(chatId);
      const ordered = ofChat.toSorted((a, b) => a.seq - b.seq);
      const first = ordered[0]?.seq ?? 1;
      let to = cover?.to ?? first - 1;
      const next: MessageRecord[] = [];
      for (const message of ordered) {
        if (message.seq !== to + 1) continue;
        next.push(message);
        to += 1;
      }
      batches.push(this.#put(chatId, next, { from: cover?.from ?? first, to, said: ordered }));
      if ((ordered.at(-1)?.seq ?? 0) > to) void this.fill(chatId);
    }
    await cache.write(joined(batches));
  }

  /** Everything up to the newest message that the chat is known to have. */
  fill(chatId: string): Promise<void> {
    let filling = this.#filling.get(chatId);
    if (filling === undefined) {
      filling = this.#fill(chatId).finally(() => this.#filling.delete(chatId));
      this.#filling.set(chatId, filling);
    }
    return filling;
  }

  async #fill(chatId: string): Promise<void> {
    const { cache, pages, turns, kept } = this.#parts;
    for (;;) {
      const cover = cache.covers.get(chatId);
      const known = cache.chats.get(chatId)?.lastSeq ?? 0;
      if (cover !== undefined && cover.to >= known) return;
      const continues = cover !== undefined && known - cover.to <= kept;
      const page = continues
        ? await pages.after(chatId, cover.to, pageMessages)
        : await pages.newest(chatId, firstPageMessages);
      if (page === undefined) return;
      const last = page.messages.at(-1)?.seq ?? 0;
      const first = page.messages[0]?.seq ?? known + 1;
      const to = continues && page.more ? last : Math.max(last, known);
      await turns.run(() =>
        continues ? this.#continue(chatId, page.messages, to) : this.#jump(chatId, page, first, to),
      );
      if ((cache.covers.get(chatId)?.to ?? 0) <= (cover?.to ?? -1)) return;
    }
  }

  async #continue(chatId: string, messages: readonly MessageRecord[], to: number): Promise<void> {
    const { cache } = this.#parts;
    const cover = cache.covers.get(chatId);
    // Pushes may have continued it meanwhile.
    if (cover === undefined || !cache.chats.has(chatId) || to <= cover.to) return;
    const next = messages.filter((message) => message.seq > cover.to && message.seq <= to);
    await cache.write(this.#put(chatId, next, { from: cover.from, to, said: next }));
  }

  async #jump(
    chatId: string,
    { messages, more }: { messages: readonly MessageRecord[]; more: boolean },
    first: number,
    to: number,
  ): Promise<void> {
    const { cache, hooks } = this.#parts;
    const cover = cache.covers.get(chatId);
    const chat = cache.chats.get(chatId);
    if (chat === undefined || (cover !== undefined && cover.to >= to)) return;
    await cache.write({ empty: [chatId] });
    await cache.write(this.#put(chatId, messages, { from: more ? first : 1, to, said: messages }, false));
    hooks.jumped(chatId);
  }

  /**
   * What is to be written for messages that continue the cover. `said`: all that came, of which the chat's newest is
   * known now, also where it does not continue.
   */
  #put(
    chatId: string,
    next: readonly MessageRecord[],
    { from, to, said }: { from: number; to: number; said: readonly MessageRecord[] },
    tell = true,
  ): Batch {
    const { cache, hooks, kept } = this.#parts;
    const me = hooks.me();
    const chat = cache.chats.get(chatId) ?? emptyChat(chatId);
    const fresh = next.filter(
      ({ seq, senderId, deleted }) => seq > Math.max(chat.counted, chat.readSeq) && senderId !== me && !deleted,
    );
    const newest = said.findLast((message) => !message.deleted);
    const changed: ChatRecord = {
      ...chat,
      lastSeq: Math.max(chat.lastSeq, to, said.at(-1)?.seq ?? 0),
      unread: chat.unread + fresh.length,
      counted: Math.max(chat.counted, to),
      mentioned: chat.mentioned || fresh.some(({ mentions }) => mentions.includes(me)),
      last: newest !== undefined && newest.seq >= (chat.last?.seq ?? 0) ? newest : chat.last,
    };
    const clientIds = said.flatMap(({ senderId, clientId }) =>
      senderId === me && clientId !== undefined ? [clientId] : [],
    );
    if (clientIds.length > 0) hooks.stored(clientIds);
    if (next.length > 0 && tell) hooks.appended(chatId, next, to);
    const unread = next.filter(({ seq, senderId, deleted }) => seq > chat.readSeq && senderId !== me && !deleted);
    if (unread.length > 0 && tell) hooks.arrived(unread);
    return {
      chats: [changed],
      messages: next,
      covers: [{ chatId, from: Math.max(from, to - kept + 1), to }],
      unqueue: clientIds,
    };
  }

  /** Replaces a message that is known by what `change` makes of it. */
  async change(
    chatId: string,
    seq: number,
    change: (message: MessageRecord) => MessageRecord,
  ): Promise<MessageRecord | undefined> {
    const { cache } = this.#parts;
    const cover = cache.covers.get(chatId);
    const chat = cache.chats.get(chatId);
    const isCovered = cover !== undefined && seq >= cover.from && seq <= cover.to;
    const before = isCovered ? await cache.message(chatId, seq) : undefined;
    const last = chat?.last?.seq === seq ? change(chat.last) : undefined;
    const after = before === undefined ? undefined : change(before);
    if (after === undefined && last === undefined) return undefined;
    await cache.write({
      ...(after === undefined ? {} : { messages: [after] }),
      ...(last === undefined || chat === undefined ? {} : { chats: [{ ...chat, last }] }),
    });
    return after;
  }

  /** How many messages of others are kept after `seq`; undefined where not all of them are. */
  async unreadAfter(chatId: string, seq: number): Promise<number | undefined> {
    const { cache, storage, hooks, kept } = this.#parts;
    const cover = cache.covers.get(chatId);
    if (cover === undefined || cover.from > seq + 1) return undefined;
    const messages = await storage.messages(chatId, { from: seq + 1, to: cover.to, limit: kept });
    return messages.filter(({ senderId, deleted }) => senderId !== hooks.me() && !deleted).length;
  }
}

export const emptyChat = (chatId: string): ChatRecord => ({
  chatId,
  kind: "group",
  name: "",
  avatar: "",
  created: 0,
  lastSeq: 0,
  readSeq: 0,
  unread: 0,
  counted: 0,
  mentioned: false,
  revision: 0,
  progress: {},
});

const joined = (batches: readonly Batch[]): Batch => ({
  chats: batches.flatMap(({ chats }) => chats ?? []),
  messages: batches.flatMap(({ messages }) => messages ?? []),
  covers: batches.flatMap(({ covers }) => covers ?? []),
  unqueue: batches.flatMap(({ unqueue }) => unqueue ?? []),
});
