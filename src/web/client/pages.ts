/** Pages of a chat's history, by `message.get`. */
import type { Answer, Refusal } from "./channel.ts";
import { type Fields, listOf, textOf } from "./json.ts";
import { type MessageRecord, readMessage } from "./records.ts";

export interface Page {
  /** Ascending. */
  readonly messages: readonly MessageRecord[];
  /** There may be more in the direction of the page. */
  readonly more: boolean;
}

export type Ask = (action: string, fields?: Fields, isMine?: (fields: Fields) => boolean) => Promise<Answer | Refusal>;

/** A page may be empty and still have a next one; so many of them are turned. */
const emptyPagesMax = 20;

async function page(ask: Ask, chatId: string, fields: Fields): Promise<Page | undefined> {
  let next: string | undefined;
  for (let turned = 0; turned < emptyPagesMax; turned += 1) {
    const answer = await ask("message.get", { chat_id: chatId, ...fields, ...(next === undefined ? {} : { next }) });
    if (!answer.ok) return undefined;
    const messages = listOf(answer.fields["messages"], readMessage).filter((message) => message.chatId === chatId);
    messages.sort((a, b) => a.seq - b.seq);
    next = textOf(answer.fields["next"]);
    if (messages.length > 0 || next === undefined) return { messages, more: next !== undefined };
  }
  return { messages: [], more: true };
}

/** Undefined: no line, or the server refused. */
export const createPages = (ask: Ask) => ({
  newest: (chatId: string, limit: number) => page(ask, chatId, { limit }),
  /** The newest before `seq`. */
  before: (chatId: string, seq: number, limit: number) => page(ask, chatId, { before: seq, limit }),
  /** The oldest after `seq`. */
  after: (chatId: string, seq: number, limit: number) => page(ask, chatId, { after: seq, limit }),
  /** The first from a time on, in epoch milliseconds. */
  since: (chatId: string, time: number, limit: number) =>
    page(ask, chatId, { start: new Date(time).toISOString(), limit }),
});

export type Pages = ReturnType<typeof createPages>;
