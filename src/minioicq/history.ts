/**
 * `message.get` (PROTOCOLS § 2.5 O17): messages of one or several chats in the order the server stored them, picked by
 * time or by place in the list. Reading goes page by page from one end, and no further than its bounds.
 */
import { isHidden, type MessageReader } from "../domain/addressed.ts";
import type { Chat, Message } from "../domain/model.ts";
import type { MessageStore } from "../domain/store.ts";
import type { HistoryRange } from "./actions.ts";
import type { Front } from "./front.ts";
import { messageBytes, withWantedContent } from "./large-content.ts";
import { messageTimeMs } from "./push.ts";

const pageRows = 64;
/** How far a client's clock may run ahead of ours before its messages are missed at the start of a range. */
const clockSlackMs = 86_400_000;

export interface HistoryQuery {
  readonly chats: readonly Chat[];
  readonly reader: MessageReader;
  /** Only messages of these senders; undefined for all. */
  readonly between: ReadonlySet<number> | undefined;
  readonly range: HistoryRange;
  /** See `Dialect`. */
  readonly contentBytesMax: number;
}

/**
 * Ascending. Where there is more than one answer may hold: from the start where the request named one, so that the
 * client can go on from there, else the newest.
 */
export async function readHistory(
  { domain, limits }: Pick<Front, "domain" | "limits">,
  { chats, reader, between, range, contentBytesMax }: HistoryQuery,
): Promise<Message[]> {
  const window = new Window(limits.historyMessagesMax, limits.historyBytesMax, contentBytesMax);
  const readers = chats
    .filter((chat) => chat.lastSeq > 0)
    .map(
      (chat) =>
        new ChatReader({ store: domain.store, chat, reader }, range.by === "index" ? "ascending" : "descending"),
    );
  let index = 0;
  for (let scanned = 0; scanned < limits.historyScanMax; scanned += 1) {
    const message = await nextOf(readers);
    if (message === undefined) break;
    if (message.kind === "deleted" || isHidden(message) || (between !== undefined && !between.has(message.senderId)))
      continue;
    if (range.by === "index") {
      if (index > range.last) break;
      if (index >= range.first && !window.addIfFits(message)) break;
      index += 1;
      continue;
    }
    if (range.fromMs !== undefined && message.sentAtMs < range.fromMs - clockSlackMs) break;
    const timeMs = messageTimeMs(message);
    if (timeMs < (range.fromMs ?? 0) || timeMs > (range.toMs ?? Number.POSITIVE_INFINITY)) continue;
    if (range.fromMs !== undefined) window.addDroppingFirst(message);
    else if (!window.addIfFits(message)) break;
  }
  const messages = range.by === "index" ? window.messages : window.messages.reverse();
  return withWantedContent(domain.store, messages, contentBytesMax);
}

/** Takes the message whose turn it is, over all chats. */
async function nextOf(readers: ChatReader[]): Promise<Message | undefined> {
  let chosen: ChatReader | undefined;
  for (const reader of readers) {
    if (reader.peeked === undefined) await reader.advance();
    if (reader.peeked === undefined) continue;
    if (chosen?.peeked === undefined || reader.isBefore(chosen.peeked)) chosen = reader;
  }
  const message = chosen?.peeked;
  if (chosen !== undefined) chosen.peeked = undefined;
  return message;
}

/** One chat's messages, one after the other. */
class ChatReader {
  peeked: Message | undefined;
  readonly #of: { store: Pick<MessageStore, "messages">; chat: Chat; reader: MessageReader };
  readonly #descending: boolean;
  /** The page at hand, its next message last. */
  #page: Message[] = [];
  #seq: number | undefined;
  #done = false;

  constructor(
    of: { store: Pick<MessageStore, "messages">; chat: Chat; reader: MessageReader },
    direction: "ascending" | "descending",
  ) {
    this.#of = of;
    this.#descending = direction === "descending";
    if (!this.#descending) this.#seq = 0;
  }

  isBefore(other: Message): boolean {
    const id = this.peeked?.messageId ?? 0;
    return this.#descending ? id > other.messageId : id < other.messageId;
  }

  async advance(): Promise<void> {
    if (this.#page.length === 0 && !this.#done) await this.#read();
    this.peeked = this.#page.pop();
    if (this.peeked !== undefined) this.#seq = this.peeked.seq;
  }

  async #read(): Promise<void> {
    const { store, chat, reader } = this.#of;
    const page = await store.messages({
      chatId: chat.chatId,
      reader,
      ...(this.#descending ? { beforeSeq: this.#seq } : { afterSeq: this.#seq }),
      limit: pageRows,
      inlineBytesMax: 0,
    });
    this.#done = page.length < pageRows;
    this.#page = this.#descending ? [...page] : [...page].reverse();
    await new Promise<void>((resolve) => setImmediate(resolve)); // between two pages others get their turn
  }
}

/** What one answer may hold. */
class Window {
  readonly messages: Message[] = [];
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #contentBytesMax: number;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number, contentBytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.#contentBytesMax = contentBytesMax;
  }

  addIfFits(message: Message): boolean {
    if (this.messages.length > 0 && this.#isOver(1, this.#bytesOf(message))) return false;
    this.#add(message);
    return true;
  }

  addDroppingFirst(message: Message): void {
    this.#add(message);
    while (this.messages.length > 1 && this.#isOver(0, 0)) {
      const first = this.messages.shift();
      if (first !== undefined) this.#bytes -= this.#bytesOf(first);
    }
  }

  #add(message: Message): void {
    this.messages.push(message);
    this.#bytes += this.#bytesOf(message);
  }

  #bytesOf(message: Message): number {
    return messageBytes(message, this.#contentBytesMax);
  }

  #isOver(more: number, bytes: number): boolean {
    return this.messages.length + more > this.#messagesMax || this.#bytes + bytes > this.#bytesMax;
  }
}
