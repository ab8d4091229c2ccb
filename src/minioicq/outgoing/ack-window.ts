/**
 * What a client that acknowledges (O26) was told and has not confirmed. A plain `message.push.ack` confirms the oldest
 * push; one with `message_ids` confirms those messages, in any order. The document has no acknowledgement for chats:
 * TCP keeps the order, so a client that confirms a push has read every announcement before it.
 */
import type { ChatId, Message, MessageId } from "../../domain/model.ts";
import type { MiniOicqLimits } from "../limits.ts";

/** Integer clients see the low 31 bits of a message id, so these are what they confirm by. Other clients name the whole id. */
const keyOf = (messageId: number): number => messageId % 2 ** 31;
const isNamedBy = (id: number, messageId: number): boolean => id === messageId || id === keyOf(messageId);
/** Past this the oldest announcement is no longer waited for; the chat is announced again at the next log-in. */
const announcementsMax = 10_000;

interface Push {
  /** Grows from push to push. */
  readonly place: number;
  readonly messages: Set<PushedMessage>;
}

interface PushedMessage {
  readonly messageId: MessageId;
  readonly chatId: ChatId;
  readonly seq: number;
  readonly push: Push;
}

/** Hears what the client confirms. */
export interface AckListener<Announced> {
  messageConfirmed(chatId: ChatId, seq: number): void;
  chatConfirmed(chatId: ChatId, announced: Announced): void;
}

type Limits = Pick<MiniOicqLimits, "unconfirmedPushesMax" | "unconfirmedMessagesMax">;

/** @typeParam Announced what an announcement stood for, given back with its confirmation. */
export class AckWindow<Announced> {
  readonly #limits: Limits;
  readonly #listener: AckListener<Announced>;
  readonly #pushes = new Set<Push>();
  /** By key. More than one of a message where a repeated send was answered. */
  readonly #messages = new Map<number, PushedMessage[]>();
  readonly #announcements = new Map<ChatId, { readonly announced: Announced; readonly place: number }>();
  #count = 0;
  #place = 0;
  /** Plain acknowledgements still to come for pushes of before. */
  #owed: number;

  constructor(parts: { limits: Limits; listener: AckListener<Announced>; owed: number }) {
    this.#limits = parts.limits;
    this.#listener = parts.listener;
    this.#owed = parts.owed;
  }

  /** Plain acknowledgements that may be on their way. */
  get awaited(): number {
    return this.#owed + this.#pushes.size;
  }

  /** No more is to be pushed before something is confirmed, where so many pushes and messages wait to be written. */
  isFull(pushes: number, messages: number): boolean {
    const { unconfirmedPushesMax, unconfirmedMessagesMax } = this.#limits;
    return this.#pushes.size + pushes >= unconfirmedPushesMax || this.#count + messages >= unconfirmedMessagesMax;
  }

  /** Messages waited for; answers to the client's own sends count although nothing holds them back. */
  get messages(): number {
    return this.#count;
  }

  /** A push was written. */
  pushed(messages: readonly Pick<Message, "messageId" | "chatId" | "seq">[]): void {
    this.#place += 1;
    const push: Push = { place: this.#place, messages: new Set() };
    for (const { messageId, chatId, seq } of messages) {
      const key = keyOf(messageId);
      const message: PushedMessage = { messageId, chatId, seq, push };
      push.messages.add(message);
      const known = this.#messages.get(key);
      if (known === undefined) this.#messages.set(key, [message]);
      else known.push(message);
    }
    this.#count += messages.length;
    this.#pushes.add(push);
  }

  /** A chat's announcement was written. */
  announced(chatId: ChatId, announced: Announced): void {
    this.#announcements.delete(chatId);
    this.#announcements.set(chatId, { announced, place: this.#place });
    if (this.#announcements.size <= announcementsMax) return;
    for (const oldest of this.#announcements.keys()) {
      this.#announcements.delete(oldest);
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
      for (const message of push.messages) this.#confirm(message);
      return;
    }
  }

  /** Unknown ids are passed over: they were confirmed before. */
  confirmMessages(messageIds: readonly number[]): void {
    for (const messageId of messageIds) {
      for (const message of [...(this.#messages.get(keyOf(messageId)) ?? [])]) {
        if (isNamedBy(messageId, message.messageId)) this.#confirm(message);
      }
    }
  }

  /** The messages of a chat up to `seq`. Plain acknowledgements of their pushes may still come, and confirm nothing else. */
  confirmThrough(chatId: ChatId, seq: number): void {
    for (const push of this.#pushes) {
      for (const message of push.messages) {
        if (message.chatId === chatId && message.seq <= seq) this.#confirm(message);
      }
      if (push.messages.size === 0) this.#owed += 1;
    }
  }

  confirmChats(chatIds: readonly number[]): void {
    for (const chatId of chatIds) {
      const known = this.#announcements.get(chatId as ChatId);
      if (known !== undefined) this.#confirmAnnouncement(chatId as ChatId, known.announced);
    }
  }

  #confirm(message: PushedMessage): void {
    const { push, messageId, chatId, seq } = message;
    if (!push.messages.delete(message)) return;
    const key = keyOf(messageId);
    const others = this.#messages.get(key)?.filter((one) => one !== message) ?? [];
    if (others.length === 0) this.#messages.delete(key);
    else this.#messages.set(key, others);
    this.#count -= 1;
    if (push.messages.size === 0) this.#pushes.delete(push);
    this.#listener.messageConfirmed(chatId, seq);
    this.#confirmAnnouncementsBefore(push.place);
  }

  #confirmAnnouncementsBefore(place: number): void {
    for (const [chatId, known] of this.#announcements) {
      if (known.place >= place) return;
      this.#confirmAnnouncement(chatId, known.announced);
    }
  }

  #confirmAnnouncement(chatId: ChatId, announced: Announced): void {
    this.#announcements.delete(chatId);
    this.#listener.chatConfirmed(chatId, announced);
  }
}
