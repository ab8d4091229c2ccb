/**
 * Messages of recently read chats as the JSON that answers hold. What is kept here stays true until a message of the chat
 * is edited, deleted or reacted to, or a user has another key; `invalidate` tells of that. Reading and encoding a page
 * of fifty costs several times what everything else about its request does.
 */

import { messageJson, messageListJson } from "../delivery/message-json.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import type { ChatId, Message } from "../domain/model.ts";
import { assert } from "../lib/assert.ts";

/** A longer message would push out a hundred others and gain little. */
const messageCharactersMax = 4096;
/** Of fewer messages, or of longer ones, each is kept by itself. */
const pageMessagesMin = 8;
const pageContentMax = 2048;

export interface EncodedMessages {
  /** JSON of the messages `from`…`to` without the brackets around them, or the first seq that is missing. */
  find(chatId: ChatId, range: { from: number; to: number }): string | number;
  /** The whole answer as bytes, where the same page was asked for last time. */
  answer(chatId: ChatId, page: { from: number; to: number; next: number | null }): Uint8Array<ArrayBuffer> | undefined;
  /** Keeps messages of one chat, consecutive or single ones; gives their JSON without the brackets. */
  keep(chatId: ChatId, messages: readonly Message[]): string;
  /** Without a chat, of all of them. */
  invalidate(chatId?: ChatId): void;
}

interface Kept {
  readonly texts: Map<number, string>;
  /** Pages as they were read, whose messages are told apart only when another page has some of them. */
  whole: WholePage[];
  characters: number;
  /** The range asked for last: as a rule the newest messages, which one member after the other asks for. */
  last: LastPage | undefined;
}

/** Of consecutive messages that every member sees alike. */
interface WholePage {
  readonly from: number;
  readonly to: number;
  readonly list: string;
}

interface LastPage {
  readonly from: number;
  readonly to: number;
  readonly list: string;
  answer: { readonly next: number | null; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
}

export function createEncodedMessages({ charactersMax }: { charactersMax: number }): EncodedMessages {
  /** The chat read longest ago first. */
  const chats = new Map<ChatId, Kept>();
  let characters = 0;

  function touch(chatId: ChatId): Kept {
    const kept: Kept = chats.get(chatId) ?? { texts: new Map(), whole: [], characters: 0, last: undefined };
    chats.delete(chatId);
    chats.set(chatId, kept);
    return kept;
  }

  function invalidate(chatId?: ChatId): void {
    if (chatId === undefined) {
      chats.clear();
      characters = 0;
      return;
    }
    characters -= chats.get(chatId)?.characters ?? 0;
    chats.delete(chatId);
  }

  return {
    find(chatId, { from, to }) {
      if (!chats.has(chatId)) return from;
      const kept = touch(chatId);
      if (kept.last?.from === from && kept.last.to === to) return kept.last.list;
      const page = kept.whole.find((one) => one.from === from && one.to === to);
      const before = kept.characters;
      const list = page?.list ?? joined(kept, from, to);
      characters += kept.characters - before;
      if (typeof list === "number") return list;
      kept.last = { from, to, list, answer: undefined };
      return list;
    },

    answer(chatId, { from, to, next }) {
      const last = chats.get(chatId)?.last;
      if (last === undefined || last.from !== from || last.to !== to) return undefined;
      touch(chatId);
      if (last.answer?.next !== next) last.answer = { next, bytes: Buffer.from(historyJson(last.list, next)) };
      return last.answer?.bytes;
    },

    keep(chatId, messages) {
      const kept = touch(chatId);
      const before = kept.characters;
      const list = areAlike(messages) ? keepWhole(kept, messages) : keepEach(kept, messages);
      characters += kept.characters - before;
      for (const oldest of chats.keys()) {
        if (characters <= charactersMax) break;
        invalidate(oldest);
      }
      return list;
    },

    invalidate,
  };
}

/** Consecutive, short, and the same for every reader. */
const areAlike = (messages: readonly Message[]): boolean =>
  messages.length >= pageMessagesMin &&
  messages.every(
    ({ seq, addressed, content }, at) =>
      addressed === undefined && content.length <= pageContentMax && seq === (messages[0]?.seq ?? 0) + at,
  );

function keepWhole(kept: Kept, messages: readonly Message[]): string {
  const list = messageListJson(messages);
  const from = messages[0]?.seq ?? 0;
  const to = from + messages.length - 1;
  if (kept.whole.some((one) => one.from === from && one.to === to)) return list;
  kept.whole.push({ from, to, list });
  kept.characters += list.length;
  return list;
}

function keepEach(kept: Kept, messages: readonly Message[]): string {
  const list: string[] = [];
  for (const message of messages) {
    if (isHidden(message)) continue;
    const text = flat(messageJson(message));
    list.push(text);
    // The text is for this reader alone.
    if (message.addressed === undefined) keepText(kept, message.seq, text);
  }
  return list.join(",");
}

function keepText(kept: Kept, seq: number, text: string): void {
  if (text.length > messageCharactersMax || kept.texts.has(seq)) return;
  kept.texts.set(seq, text);
  kept.characters += text.length;
}

/** The messages of a range put together, or the first seq that is missing. */
function joined(kept: Kept, from: number, to: number): string | number {
  const isOutside = (page: WholePage): boolean => page.to < from || page.from > to;
  if (!kept.whole.every(isOutside)) {
    for (const page of kept.whole) if (!isOutside(page)) tellApart(kept, page);
    kept.whole = kept.whole.filter(isOutside);
  }
  const list: string[] = [];
  for (let seq = from; seq <= to; seq += 1) {
    const text = kept.texts.get(seq);
    if (text === undefined) return seq;
    list.push(text);
  }
  return list.join(",");
}

/** A quote within a text is escaped, so no text has the beginning of a message in it. */
const beginning = '{"message_id":"';

function tellApart(kept: Kept, { from, list }: WholePage): void {
  kept.characters -= list.length;
  let seq = from;
  for (let at = 0; at < list.length; seq += 1) {
    const next = list.indexOf(`,${beginning}`, at + 1);
    keepText(kept, seq, list.slice(at, next === -1 ? undefined : next));
    at = next === -1 ? list.length : next + 1;
  }
}

/** `{messages, next}` around messages that are encoded already. */
export const historyJson = (list: string, next: number | null): string => `{"messages":[${list}],"next":${next}}`;

/**
 * A concatenated string stays a tree of its pieces until a character of it is read. Kept as a tree, it would be walked
 * again for every answer that holds it, at ten times the cost.
 */
function flat(text: string): string {
  // An assertion, so that the compiler cannot leave the reading of the character out.
  assert(text.charCodeAt(0) === 0x7b, "a message is a JSON object");
  return text;
}
