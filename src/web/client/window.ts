/** The part of a chat that is shown: a run of its messages without a gap, which moves both ways. */
import type { Cache } from "./cache.ts";
import type { Page, Pages } from "./pages.ts";
import type { MessageRecord } from "./records.ts";
import type { Storage } from "./storage.ts";
import type { Turns } from "./turns.ts";

export type Loading = "older" | "newer" | "jump";

export interface WindowParts {
  readonly cache: Cache;
  readonly storage: Storage;
  readonly pages: Pages;
  readonly turns: Turns;
  /** Makes the cache reach to the chat's newest message. */
  readonly fill: (chatId: string) => Promise<void>;
  readonly changed: () => void;
}

/** Shown at most, and a little more while new ones come. */
export const windowMessages = 200;
const slack = 50;
const pageMessages = 50;

export class Window {
  /** A chat's id; of a direct chat that is not there yet, the user's. */
  readonly chatId: string;
  messages: readonly MessageRecord[] = [];
  atOldest = false;
  atNewest = false;
  loading: Loading | undefined;
  firstUnreadSeq: number | undefined;
  /** All of the chat's messages between the two are in `messages`. */
  #from = 1;
  #to = 0;
  /** How far the eye has got. */
  #seen = 0;
  readonly #parts: WindowParts;
  /** Counts the jumps, so that a page that comes late is not shown in another place. */
  #place = 0;
  #ended = false;

  constructor(chatId: string, parts: WindowParts) {
    this.chatId = chatId;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const chat = this.#parts.cache.chats.get(this.chatId);
    if (chat !== undefined && chat.unread > 0) this.firstUnreadSeq = chat.readSeq + 1;
    await this.#toCover();
    if (chat === undefined) return;
    await this.#parts.fill(this.chatId);
    const cover = this.#parts.cache.covers.get(this.chatId);
    if (this.messages.length === 0 && cover !== undefined && cover.to > 0) await this.#toCover();
    // The line "new" is to be seen: what stands before it is read already.
    const first = this.firstUnreadSeq;
    if (first !== undefined && first < this.#from && !this.atOldest) await this.toSeq(first);
  }

  end(): void {
    this.#ended = true;
  }

  /** What the cache has of the newest messages. Nothing is added to it meanwhile. */
  #toCover(): Promise<void> {
    const { cache, storage, turns } = this.#parts;
    this.#place += 1;
    const place = this.#place;
    return turns.run(async () => {
      const cover = cache.covers.get(this.chatId);
      if (cover === undefined) return;
      const from = Math.max(cover.from, cover.to - windowMessages + 1);
      const messages = await storage.messages(this.chatId, { from, to: cover.to, limit: windowMessages });
      if (place !== this.#place) return;
      this.loading = undefined;
      this.#show(messages, from, cover.to);
      this.atNewest = true;
      this.#changed();
    });
  }

  async older(): Promise<void> {
    if (this.atOldest || this.loading !== undefined) return;
    await this.#load(
      "older",
      (pages) => pages.before(this.chatId, this.#from, pageMessages),
      (page) => {
        const first = page.more ? (page.messages[0]?.seq ?? this.#from) : 1;
        const messages = [...page.messages, ...this.messages].slice(0, windowMessages + slack);
        const cut = messages.length < page.messages.length + this.messages.length;
        this.#show(messages, first, cut ? (messages.at(-1)?.seq ?? this.#to) : this.#to);
        if (cut) this.atNewest = false;
      },
    );
  }

  async newer(): Promise<void> {
    if (this.atNewest || this.loading !== undefined) return;
    await this.#load(
      "newer",
      (pages) => pages.after(this.chatId, this.#to, pageMessages),
      (page) => {
        const cover = this.#parts.cache.covers.get(this.chatId);
        const last = page.messages.at(-1)?.seq ?? this.#to;
        const messages = [...this.messages, ...page.messages].slice(-windowMessages - slack);
        const cut = messages.length < page.messages.length + this.messages.length;
        const to = page.more ? last : Math.max(last, cover?.to ?? 0);
        this.#show(messages, cut ? (messages[0]?.seq ?? this.#from) : this.#from, to);
        this.atNewest = to >= (cover?.to ?? 0);
      },
    );
  }

  async toNewest(): Promise<void> {
    if (!this.atNewest) await this.#toCover();
  }

  async toSeq(seq: number): Promise<void> {
    if (seq >= this.#from && seq <= this.#to) return;
    await this.#around((pages) => pages.after(this.chatId, Math.max(0, seq - 1), pageMessages), seq);
  }

  async toDate(date: Date): Promise<void> {
    await this.#around((pages) => pages.since(this.chatId, date.getTime(), pageMessages), undefined);
  }

  /** A page from somewhere on, and one before it. */
  async #around(ask: (pages: Pages) => Promise<Page | undefined>, seq: number | undefined): Promise<void> {
    this.#place += 1;
    const both = async (pages: Pages): Promise<Page | undefined> => {
      const after = await ask(pages);
      const first = seq ?? after?.messages[0]?.seq;
      if (after === undefined || first === undefined) return undefined;
      const before = await pages.before(this.chatId, first, pageMessages);
      if (before === undefined) return undefined;
      this.atOldest = !before.more;
      return { messages: [...before.messages, ...after.messages], more: after.more };
    };
    await this.#load("jump", both, (page) => {
      const cover = this.#parts.cache.covers.get(this.chatId);
      const last = page.messages.at(-1)?.seq ?? 0;
      const to = page.more ? last : Math.max(last, cover?.to ?? 0);
      this.#show(page.messages, this.atOldest ? 1 : (page.messages[0]?.seq ?? 1), to);
      this.atNewest = to >= (cover?.to ?? 0);
    });
  }

  async #load(
    loading: Loading,
    ask: (pages: Pages) => Promise<Page | undefined>,
    take: (page: Page) => void,
  ): Promise<void> {
    const place = this.#place;
    this.loading = loading;
    this.#changed();
    const page = await ask(this.#parts.pages);
    if (place !== this.#place) return;
    this.loading = undefined;
    if (page !== undefined) take(page);
    this.#changed();
  }

  #show(messages: readonly MessageRecord[], from: number, to: number): void {
    this.messages = messages;
    this.#from = from;
    this.#to = to;
    this.atOldest = from <= 1;
  }

  #changed(): void {
    if (!this.#ended) this.#parts.changed();
  }

  /** These follow the newest message that was known. */
  appended(messages: readonly MessageRecord[], to: number): void {
    if (!this.atNewest) return;
    const next = messages.filter((message) => message.seq > this.#to);
    const all = [...this.messages, ...next];
    if (all.length > windowMessages + slack && this.#seen < this.#to) {
      // The user reads further up: nothing is taken from before their eyes.
      this.atNewest = false;
    } else {
      const shown = all.length > windowMessages + slack ? all.slice(-windowMessages) : all;
      this.#show(shown, shown.length < all.length ? (shown[0]?.seq ?? 1) : this.#from, Math.max(to, this.#to));
    }
    this.#changed();
  }

  /** What is kept of the newest messages was fetched anew, and may not continue what is shown. */
  async jumped(): Promise<void> {
    const { cache, storage, turns } = this.#parts;
    if (this.messages.length === 0) return this.#toCover();
    await turns.run(async () => {
      const cover = cache.covers.get(this.chatId);
      if (!this.atNewest || cover === undefined) return;
      const from = this.#to + 1;
      this.atNewest = cover.from <= from;
      if (!this.atNewest) this.#changed();
      else this.appended(await storage.messages(this.chatId, { from, to: cover.to, limit: windowMessages }), cover.to);
    });
  }

  changed(seq: number, change: (message: MessageRecord) => MessageRecord): void {
    const index = this.messages.findIndex((message) => message.seq === seq);
    const before = this.messages[index];
    if (before === undefined) return;
    this.messages = this.messages.with(index, change(before));
    this.#changed();
  }

  saw(seq: number): void {
    this.#seen = Math.max(this.#seen, seq);
  }

  /** Nothing that is shown is true any more. */
  async restart(): Promise<void> {
    this.#place += 1;
    this.loading = undefined;
    this.atNewest = false;
    this.#show([], 1, 0);
    this.atOldest = false;
    await this.start();
  }
}
