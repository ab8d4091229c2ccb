/**
 * The messages a user has not received yet, over all their chats, in the order of the message ids.
 *
 * In busy chats a slice of the log is read by id, and only the user's rows are kept: one query gives many messages of
 * many chats. In quiet chats a slice would hold mostly other users' rows. So after a slice that gave few rows, the next
 * message of each chat is looked up, and reading continues there. With one chat left, that chat is read in order.
 */
import { emptied } from "../domain/messages/addressed.ts";
import type { ChatId, DeviceId, Message, MessageId, MessageReader, UserId } from "../domain/model.ts";
import type { DeliveryReads, Head } from "../domain/store.ts";
import { isInRanges, type Range } from "../lib/ranges.ts";

/** The most ids that one query reads. */
const sliceIds = 1024;
/** A slice that gave fewer rows than this held mostly other users' rows. */
const sparseRows = 64;

interface Place {
  readonly chatId: ChatId;
  /** The position of the next message in the chat. */
  seq: number;
  /** The id of that message, or a lower bound of it. */
  messageId: number;
  readonly confirmed?: readonly Range[];
}

/** How many messages these heads begin: at most, since deleted ones and those for others are among them. */
export function waitingIn(heads: readonly Head[]): number {
  return heads.reduce((sum, { seq, lastSeq, confirmed = [] }) => {
    return sum + lastSeq - seq + 1 - confirmed.reduce((known, [from, to]) => known + to - from + 1, 0);
  }, 0);
}

export class Backlog {
  readonly #store: Pick<DeliveryReads, "run" | "scan">;
  readonly #reader: MessageReader;
  readonly #through: MessageId;
  readonly #inlineBytesMax: number | undefined;
  /** Undefined while the whole range of ids is read. */
  #places: Place[] | undefined;
  /** The next id to read while the whole range is read. */
  #next: number;
  #rows: Message[] = [];
  #taken = 0;
  /** What the client confirmed meanwhile, up to a place in a chat. */
  #confirmed: Map<ChatId, number> | undefined;

  /**
   * @param parts.from where the missing messages of each chat begin; for a short range, the id after which all of the
   * user's messages are missing. No message with an id above `through` is read.
   */
  constructor(parts: {
    store: Pick<DeliveryReads, "run" | "scan">;
    userId: UserId;
    deviceId?: DeviceId | undefined;
    from: readonly Head[] | { readonly after: MessageId };
    through: MessageId;
    /** See `DeliveryReads.run`. */
    inlineBytesMax?: number | undefined;
  }) {
    this.#store = parts.store;
    this.#reader = { userId: parts.userId, deviceId: parts.deviceId };
    this.#through = parts.through;
    this.#inlineBytesMax = parts.inlineBytesMax;
    this.#places = "after" in parts.from ? undefined : parts.from.map((head) => ({ ...head }));
    this.#next = "after" in parts.from ? parts.from.after + 1 : 0;
  }

  /** Gives the next messages, at most `limit`; none at the end. Repeated calls give the same messages until `take`. */
  async page(limit: number): Promise<readonly Message[]> {
    if (this.#taken < this.#rows.length) return this.#rows.slice(this.#taken, this.#taken + limit);
    this.#taken = 0;
    this.#rows = [];
    while (this.#rows.length === 0) {
      const rows = this.#places === undefined ? await this.#readRange(limit) : await this.#readPlaces(limit);
      if (rows === undefined) break;
      this.#rows = rows;
    }
    return this.#rows;
  }

  /** Everything in the chat up to `seq` needs no handing over any more. */
  confirmedThrough(chatId: ChatId, seq: number): void {
    this.#confirmed ??= new Map();
    this.#confirmed.set(chatId, Math.max(seq, this.#confirmed.get(chatId) ?? 0));
    emptyThrough(this.#rows, chatId, seq);
  }

  #isMissing({ chatId, seq }: Message): boolean {
    return seq > (this.#confirmed?.get(chatId) ?? 0);
  }

  /** Undefined at the end. */
  async #readRange(limit: number): Promise<Message[] | undefined> {
    if (this.#next > this.#through) return undefined;
    const to = Math.min(this.#through, this.#next + sliceIds - 1);
    const slice = await this.#scan(this.#next, to, limit);
    this.#next = slice.through + 1;
    return slice.messages.filter((message) => this.#isMissing(message));
  }

  /** Undefined at the end. */
  async #readPlaces(limit: number): Promise<Message[] | undefined> {
    const places = (this.#places ?? []).filter((place) => place.messageId <= this.#through);
    this.#places = places;
    for (const place of places) place.seq = Math.max(place.seq, (this.#confirmed?.get(place.chatId) ?? 0) + 1);
    const [only, second] = places;
    if (only === undefined) return undefined;
    return second === undefined ? this.#readOn(only, limit) : this.#readSlice(places, limit);
  }

  /** Marks the first `count` messages of the last page as handed over. */
  take(count: number): void {
    this.#taken += count;
  }

  /** Empties a message that was read, was not handed over yet, and is deleted now: it keeps only its position. */
  deleted(messageId: MessageId): void {
    empty(this.#rows, messageId);
  }

  /** The same for a message that is edited now. */
  edited(message: Message): void {
    replace(this.#rows, message);
  }

  async #readOn(place: Place, limit: number): Promise<Message[]> {
    const { confirmed } = place;
    const rows = await this.#run(place, limit);
    const last = rows.at(-1);
    if (last === undefined) this.#places = [];
    else moveBehind(place, last);
    return rows.filter(
      (message) => this.#isMissing(message) && (confirmed === undefined || !isInRanges(confirmed, message.seq)),
    );
  }

  async #readSlice(places: Place[], limit: number): Promise<Message[]> {
    const from = Math.min(...places.map((place) => place.messageId));
    const to = Math.min(this.#through, from + sliceIds - 1);
    const slice = await this.#scan(from, to, limit);
    const placeOf = new Map(places.map((place) => [place.chatId, place]));
    const rows = slice.messages.filter((message) => {
      const place = placeOf.get(message.chatId);
      if (place === undefined || message.seq < place.seq || !this.#isMissing(message)) return false;
      moveBehind(place, message);
      return place.confirmed === undefined || !isInRanges(place.confirmed, message.seq);
    });
    for (const place of places) place.messageId = Math.max(place.messageId, slice.through + 1);
    if (slice.through === to && rows.length < sparseRows) this.#places = await this.#seek(places);
    return rows;
  }

  #scan(from: number, to: number, limit: number) {
    return this.#store.scan({ ...this.#reader, from, to, limit, inlineBytesMax: this.#inlineBytesMax });
  }

  #run({ chatId, seq }: Place, limit: number, inlineBytesMax = this.#inlineBytesMax) {
    return this.#store.run({ chatId, seq, through: this.#through, limit, reader: this.#reader, inlineBytesMax });
  }

  /** Turns bounds into ids and drops the chats that have no more messages. */
  async #seek(places: readonly Place[]): Promise<Place[]> {
    const sought = await Promise.all(
      places.map(async (place) => {
        const [first] = await this.#run(place, 1, 0);
        return first === undefined ? [] : [{ ...place, seq: first.seq, messageId: first.messageId }];
      }),
    );
    return sought.flat();
  }
}

/** Replaces a deleted message by what remains of it: its position. */
export function empty(messages: Message[], messageId: MessageId): void {
  const at = messages.findIndex((message) => message.messageId === messageId);
  const message = messages[at];
  if (message !== undefined) messages[at] = emptied(message);
}

/** Puts the message as it is now in the place of an earlier state, unless nothing of it is to be handed over. */
export function replace(messages: Message[], edited: Message): void {
  const at = messages.findIndex(({ messageId, kind }) => messageId === edited.messageId && kind !== "deleted");
  if (at >= 0) messages[at] = edited;
}

/** Replaces the messages of a chat up to `seq` so. */
export function emptyThrough(messages: Message[], chatId: ChatId, seq: number): void {
  for (const message of messages) {
    if (message.chatId === chatId && message.seq <= seq) empty(messages, message.messageId);
  }
}

function moveBehind(place: Place, message: Message): void {
  place.seq = message.seq + 1;
  place.messageId = message.messageId + 1;
}
