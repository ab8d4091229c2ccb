/**
 * What a connection that acknowledges (PROTOCOLS § 2.5 O26) was told and has not confirmed. A plain
 * `message.push.ack` confirms the oldest push; one with `message_ids` those messages, in any order. Chats have no
 * acknowledgement in the document: TCP keeps the order, so who confirms a push has read every spawn before it.
 */
import type { ChatId, Message, MessageId } from "../../domain/model.ts";

/** Integer clients see the low 31 bits of a message id, so these are what they confirm by. */
const keyOf = (messageId: number): number => messageId % 2 ** 31;
/** Past this the oldest spawn is no longer waited for; it is told again at the next login. */
const spawnsMax = 10_000;

interface Push {
  /** Grows from push to push. */
  readonly place: number;
  readonly entries: Set<Entry>;
}

interface Entry {
  readonly messageId: MessageId;
  readonly chatId: ChatId;
  readonly seq: number;
  readonly push: Push;
}

export interface UnconfirmedParts<Spawn> {
  readonly limits: { readonly unconfirmedPushesMax: number; readonly unconfirmedMessagesMax: number };
  confirmed(chatId: ChatId, seq: number): void;
  spawnConfirmed(chatId: ChatId, spawn: Spawn): void;
}

export class Unconfirmed<Spawn> {
  readonly #parts: UnconfirmedParts<Spawn>;
  readonly #pushes = new Set<Push>();
  /** More than one of a message where a repeated send was answered. */
  readonly #entries = new Map<number, Entry[]>();
  readonly #spawns = new Map<ChatId, { readonly spawn: Spawn; readonly place: number }>();
  #count = 0;
  #place = 0;
  /** Plain acknowledgements still to come for pushes that are none of these. */
  #owed: number;

  constructor(parts: UnconfirmedParts<Spawn>, owed: number) {
    this.#parts = parts;
    this.#owed = owed;
  }

  /** Plain acknowledgements that may be on their way. */
  get awaited(): number {
    return this.#owed + this.#pushes.size;
  }

  /** No more is to be pushed before something is confirmed, with so many more about to be written. */
  isFull(pushes: number, messages: number): boolean {
    const { unconfirmedPushesMax, unconfirmedMessagesMax } = this.#parts.limits;
    return this.#pushes.size + pushes >= unconfirmedPushesMax || this.#count + messages >= unconfirmedMessagesMax;
  }

  /** Messages waited for; answers to the client's own sends count although nothing holds them back. */
  get messages(): number {
    return this.#count;
  }

  /** A push was written. */
  pushed(messages: readonly Pick<Message, "messageId" | "chatId" | "seq">[]): void {
    this.#place += 1;
    const push: Push = { place: this.#place, entries: new Set() };
    for (const { messageId, chatId, seq } of messages) {
      const key = keyOf(messageId);
      const entry: Entry = { messageId, chatId, seq, push };
      push.entries.add(entry);
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, [entry]);
      else known.push(entry);
    }
    this.#count += messages.length;
    this.#pushes.add(push);
  }

  /** A chat's announcement was written. */
  spawned(chatId: ChatId, spawn: Spawn): void {
    this.#spawns.delete(chatId);
    this.#spawns.set(chatId, { spawn, place: this.#place });
    if (this.#spawns.size <= spawnsMax) return;
    for (const oldest of this.#spawns.keys()) {
      this.#spawns.delete(oldest);
      return;
    }
  }

  /** A plain acknowledgement. */
  confirmOldest(): void {
    if (this.#owed > 0) {
      this.#owed -= 1;
      return;
    }
    for (const push of this.#pushes) {
      for (const entry of push.entries) this.#confirm(entry);
      return;
    }
  }

  /** Unknown ids are passed over: they were confirmed before. */
  confirmMessages(messageIds: readonly number[]): void {
    for (const messageId of messageIds) {
      for (const entry of [...(this.#entries.get(keyOf(messageId)) ?? [])]) this.#confirm(entry);
    }
  }

  confirmChats(chatIds: readonly number[]): void {
    for (const chatId of chatIds) {
      const known = this.#spawns.get(chatId as ChatId);
      if (known !== undefined) this.#confirmSpawn(chatId as ChatId, known.spawn);
    }
  }

  #confirm(entry: Entry): void {
    const { push, messageId, chatId, seq } = entry;
    if (!push.entries.delete(entry)) return;
    const key = keyOf(messageId);
    const others = this.#entries.get(key)?.filter((one) => one !== entry) ?? [];
    if (others.length === 0) this.#entries.delete(key);
    else this.#entries.set(key, others);
    this.#count -= 1;
    if (push.entries.size === 0) this.#pushes.delete(push);
    this.#parts.confirmed(chatId, seq);
    this.#confirmSpawnsBefore(push.place);
  }

  #confirmSpawnsBefore(place: number): void {
    for (const [chatId, known] of this.#spawns) {
      if (known.place >= place) return;
      this.#confirmSpawn(chatId, known.spawn);
    }
  }

  #confirmSpawn(chatId: ChatId, spawn: Spawn): void {
    this.#spawns.delete(chatId);
    this.#parts.spawnConfirmed(chatId, spawn);
  }
}
