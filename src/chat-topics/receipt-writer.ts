/**
 * The receipts that one session hears, as PUBLISH at QoS 0. What finds no room waits here, of each chat and member the
 * newest place alone: that one says the older ones too.
 */
import type { ChatPlace } from "../access/chat-form.ts";
import { KnownPlaces } from "../delivery/known-places.ts";
import type { EventOf } from "../domain/events.ts";
import type { ChatId, Receipt, UserId } from "../domain/model.ts";
import type { PreparedPublish } from "../mqtt/publish/prepared-publish.ts";
import type { ServiceSession } from "../mqtt/service.ts";

/** Beyond so many places the chat that waits longest is left out. */
const waitingMax = 4096;
/** No message has this id, so a receipt that was sent is not taken for one. */
const noMessage = 0;

interface Waiting {
  readonly chatKey: string;
  readonly receipts: Map<UserId, Receipt>;
}

export class ReceiptWriter {
  /** What the client said of its own user, and what it was told. */
  readonly known = new KnownPlaces();
  readonly #userId: UserId;
  readonly #session: Pick<ServiceSession, "deliver">;
  /** Under which name the session hears receipts of a chat; undefined where it does not. */
  readonly #nameOf: (chat: ChatPlace) => string | undefined;
  readonly #packetsOf: (receipts: readonly Receipt[], chat: ChatPlace, name: string) => readonly PreparedPublish[];
  readonly #waiting = new Map<ChatId, Waiting>();
  #count = 0;

  constructor(parts: {
    userId: UserId;
    session: Pick<ServiceSession, "deliver">;
    nameOf(chat: ChatPlace): string | undefined;
    packetsOf(receipts: readonly Receipt[], chat: ChatPlace, name: string): readonly PreparedPublish[];
  }) {
    this.#userId = parts.userId;
    this.#session = parts.session;
    this.#nameOf = parts.nameOf;
    this.#packetsOf = parts.packetsOf;
  }

  tell({ chatId, chatKey, receipts }: EventOf<"receipts.told">): void {
    if (this.#nameOf({ chatId, chatKey }) === undefined) return;
    const news = receipts.filter((receipt) => receipt.userId !== this.#userId || this.known.isNews(chatId, receipt));
    if (news.length === 0) return;
    this.#add(chatId, chatKey, news);
    this.writable();
  }

  /** The session has room. */
  writable(): void {
    for (const [chatId, { chatKey, receipts }] of this.#waiting) {
      const name = this.#nameOf({ chatId, chatKey });
      if (name !== undefined) {
        for (const packet of this.#packetsOf([...receipts.values()], { chatId, chatKey }, name)) {
          if (this.#session.deliver(packet, 0, noMessage) === "full") return;
        }
      }
      this.#drop(chatId);
    }
  }

  #add(chatId: ChatId, chatKey: string, news: readonly Receipt[]): void {
    const waiting = this.#waiting.get(chatId) ?? { chatKey, receipts: new Map<UserId, Receipt>() };
    this.#waiting.set(chatId, waiting);
    this.#count -= waiting.receipts.size;
    for (const receipt of news) waiting.receipts.set(receipt.userId, receipt);
    this.#count += waiting.receipts.size;
    while (this.#count > waitingMax) {
      const [oldest] = this.#waiting.keys();
      this.#drop(oldest ?? chatId);
    }
  }

  #drop(chatId: ChatId): void {
    this.#count -= this.#waiting.get(chatId)?.receipts.size ?? 0;
    this.#waiting.delete(chatId);
  }
}
