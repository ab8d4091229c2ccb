/** What one client knows of its own user's places: a client is not told what it said itself. */
import type { ChatId, Receipt } from "../domain/model.ts";

/** Of so many chats; a client is told again of a chat that was forgotten. */
const chatsMax = 4096;

interface Place {
  delivered: number;
  read: number;
}

export class KnownPlaces {
  readonly #places = new Map<ChatId, Place>();

  /** The client itself confirmed everything up to `seq`. */
  delivered(chatId: ChatId, seq: number): void {
    const place = this.#placeIn(chatId);
    if (seq > place.delivered) place.delivered = seq;
  }

  /** The client itself said that everything up to `seq` was read. */
  read(chatId: ChatId, seq: number): void {
    const place = this.#placeIn(chatId);
    place.delivered = Math.max(place.delivered, seq);
    place.read = Math.max(place.read, seq);
  }

  /** Whether a receipt of the client's own user says anything new; then the client knows it from now on. */
  isNews(chatId: ChatId, { deliveredSeq, readSeq = 0 }: Receipt): boolean {
    const place = this.#placeIn(chatId);
    if (deliveredSeq <= place.delivered && readSeq <= place.read) return false;
    place.delivered = Math.max(place.delivered, deliveredSeq);
    place.read = Math.max(place.read, readSeq);
    return true;
  }

  #placeIn(chatId: ChatId): Place {
    const known = this.#places.get(chatId);
    if (known !== undefined) return known;
    const place = { delivered: 0, read: 0 };
    this.#places.set(chatId, place);
    if (this.#places.size > chatsMax) {
      const [oldest] = this.#places.keys();
      if (oldest !== undefined) this.#places.delete(oldest);
    }
    return place;
  }
}
