/** How far this user has read each chat, and how far the others got: receipts, both ways. */
import type { Cache } from "./cache.ts";
import { countOf, type Fields, idOf, isFields } from "./json.ts";
import type { MessageLog } from "./message-log.ts";
import type { Ask } from "./pages.ts";
import { membersKept, type Progress } from "./records.ts";
import type { Turns } from "./turns.ts";

interface Parts {
  readonly cache: Cache;
  readonly ask: Ask;
  readonly turns: Turns;
  readonly log: MessageLog;
}

export class Reading {
  readonly #parts: Parts;
  /** The server is being told. */
  readonly #telling = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The user has seen everything up to `seq`. */
  async read(chatId: string, seq: number): Promise<void> {
    if (await this.#moveTo(chatId, seq)) await this.tell(chatId);
  }

  /** Tells the server, until it knows the newest. */
  async tell(chatId: string): Promise<void> {
    const { cache, ask } = this.#parts;
    if (this.#telling.has(chatId)) return;
    this.#telling.add(chatId);
    let told = -1;
    for (;;) {
      const seq = cache.chats.get(chatId)?.readSeq ?? 0;
      if (seq <= told) break;
      const answer = await ask(
        "message.read",
        { chat_id: chatId, seq },
        (fields) => idOf(fields["chat_id"]) === chatId,
      );
      // Where there is no line, the list of chats shows on the return that the server does not know it.
      if (!answer.ok) break;
      told = seq;
    }
    this.#telling.delete(chatId);
  }

  /** True where that is news. */
  #moveTo(chatId: string, wanted: number): Promise<boolean> {
    const { cache, turns, log } = this.#parts;
    return turns.run(async () => {
      const before = cache.chats.get(chatId);
      const seq = Math.min(wanted, before?.lastSeq ?? 0);
      if (before === undefined || seq <= before.readSeq) return false;
      const left = seq >= before.counted ? 0 : ((await log.unreadAfter(chatId, seq)) ?? before.unread);
      const chat = cache.chats.get(chatId) ?? before;
      const unread = Math.min(left, chat.unread);
      await cache.write({ chats: [{ ...chat, readSeq: seq, unread, mentioned: unread > 0 && chat.mentioned }] });
      return true;
    });
  }

  /** `receipt.push`: of the user's other clients, and of others. */
  pushed({ receipts }: Fields): void {
    for (const receipt of Array.isArray(receipts) ? receipts : []) {
      if (!isFields(receipt)) continue;
      const chatId = idOf(receipt["chat_id"]);
      if (chatId === undefined) continue;
      if (idOf(receipt["user_id"]) !== this.#parts.cache.identity?.userId) this.#others(chatId, [receipt]);
      else void this.#moveTo(chatId, countOf(receipt["read"]) ?? 0);
    }
  }

  /** How far the members are, of a chat that is shown. */
  async learn(chatId: string): Promise<void> {
    const answer = await this.#parts.ask(
      "receipt.list",
      { chat_id: chatId },
      (fields) => idOf(fields["chat_id"]) === chatId,
    );
    if (answer.ok && Array.isArray(answer.fields["receipts"])) this.#others(chatId, answer.fields["receipts"]);
  }

  #others(chatId: string, receipts: readonly unknown[]): void {
    const { cache, turns } = this.#parts;
    void turns.run(async () => {
      const chat = cache.chats.get(chatId);
      if (chat === undefined) return;
      const progress: Record<string, Progress> = { ...chat.progress };
      let changes = false;
      for (const receipt of receipts) {
        const userId = isFields(receipt) ? idOf(receipt["user_id"]) : undefined;
        if (!isFields(receipt) || userId === undefined || userId === cache.identity?.userId) continue;
        const before = progress[userId] ?? { delivered: 0, read: 0 };
        if (progress[userId] === undefined && Object.keys(progress).length >= membersKept) continue;
        const read = Math.max(before.read, countOf(receipt["read"]) ?? 0);
        const delivered = Math.max(before.delivered, read, countOf(receipt["delivered"]) ?? 0);
        changes ||= read > before.read || delivered > before.delivered;
        progress[userId] = { delivered, read };
      }
      if (changes) await cache.write({ chats: [{ ...chat, progress }] });
    });
  }
}
