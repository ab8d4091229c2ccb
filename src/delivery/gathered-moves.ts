/** What commits say of members' places, kept for a moment by chat and member, so that a burst is one. */
import type { EventOf } from "../domain/events.ts";
import type { ChatId, UserId } from "../domain/model.ts";
import { later, type MonotonicMs } from "../lib/clock.ts";

/** Beyond so many moves the chat that waits longest is left out: the next moves of its members say the same. */
const movesMax = 65_536;

/** How far a member got, from where the gathering began. */
export interface Move {
  readonly deliveredBefore: number;
  readonly readBefore: number;
  readonly deliveredSeq: number;
  readonly readSeq: number;
  readonly atMs: number;
}

export interface ChatMoves {
  readonly chatId: ChatId;
  readonly dueMs: MonotonicMs;
  readonly moves: Map<UserId, Move>;
}

export class GatheredMoves {
  readonly #chats = new Map<ChatId, ChatMoves>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#chats.size === 0;
  }

  add(event: EventOf<"position.moved">, now: { nowMs: number; monotonicMs: MonotonicMs }, afterMs: number): void {
    const { chatId, userId, deliveredSeq, readSeq } = event;
    let chat = this.#chats.get(chatId);
    if (chat === undefined) {
      chat = { chatId, dueMs: later(now.monotonicMs, afterMs), moves: new Map() };
      this.#chats.set(chatId, chat);
    }
    const { deliveredBefore, readBefore } = chat.moves.get(userId) ?? event;
    if (!chat.moves.has(userId)) this.#count += 1;
    chat.moves.set(userId, { deliveredBefore, readBefore, deliveredSeq, readSeq, atMs: now.nowMs });
    while (this.#count > movesMax) this.#take(this.#chats.values().next().value ?? chat);
  }

  /** Takes out the chats whose time has come. */
  takeDue(nowMs: MonotonicMs): ChatMoves[] {
    const due = [...this.#chats.values().filter((chat) => chat.dueMs <= nowMs)];
    for (const chat of due) this.#take(chat);
    return due;
  }

  clear(): void {
    this.#chats.clear();
    this.#count = 0;
  }

  #take(chat: ChatMoves): void {
    this.#chats.delete(chat.chatId);
    this.#count -= chat.moves.size;
  }
}
