/**
 * Messages of recently read chats as the JSON that answers hold. What is kept here stays true until a message of the chat
 * is edited, deleted or reacted to, or a user has another key; `invalidate` tells of that. Reading and encoding a page
 * of fifty costs several times what everything else about its request does.
 */

import { messageJson } from "../delivery/message-json.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import type { ChatId, Message } from "../domain/model.ts";
import { assert } from "../lib/assert.ts";

/** A longer message would push out a hundred others and gain little. */
const messageCharactersMax = 4096;

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
  characters: number;
  /** The range asked for last: as a rule the newest messages, which one member after the other asks for. */
  last: LastPage | undefined;
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
    const kept = chats.get(chatId) ?? { texts: new Map<number, string>(), characters: 0, last: undefined };
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
      const list: string[] = [];
      for (let seq = from; seq <= to; seq += 1) {
        const text = kept.texts.get(seq);
        if (text === undefined) return seq;
        list.push(text);
      }
      kept.last = { from, to, list: list.join(","), answer: undefined };
      return kept.last.list;
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
      const list: string[] = [];
      for (const message of messages) {
        if (isHidden(message)) continue;
        const text = flat(messageJson(message));
        list.push(text);
        // The text is for this reader alone.
        if (message.addressed !== undefined) continue;
        if (text.length > messageCharactersMax || kept.texts.has(message.seq)) continue;
        kept.texts.set(message.seq, text);
        kept.characters += text.length;
        characters += text.length;
      }
      for (const oldest of chats.keys()) {
        if (characters <= charactersMax) break;
        invalidate(oldest);
      }
      return list.join(",");
    },

    invalidate,
  };
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
