/** People: names of those whom a chat shows, contacts, who is online, who is typing. */
import type { Cache } from "./cache.ts";
import { type Fields, idOf, isFields, listOf, textOf, timeOf, wordOf } from "./json.ts";
import type { Ask } from "./pages.ts";
import { type PersonRecord, readPerson } from "./records.ts";

export interface PresenceRecord {
  readonly online: boolean;
  readonly lastSeen?: number | undefined;
}

/** Typing that is not said again has ended. */
const typingMs = 10_000;
const typingAgainMs = 4_000;
const contactPagesMax = 100;
/** Users whose names are asked for at once. */
const askedMax = 50;

export class People {
  readonly presence = new Map<string, PresenceRecord>();
  /** Who sees whether this user is online, as the server said. */
  shownTo: "friends" | "none" | undefined;
  /** By chat: who is typing, and the end of it. */
  readonly #typing = new Map<string, Map<string, ReturnType<typeof setTimeout>>>();
  readonly #asked = new Set<string>();
  #typed: { chatId: string; at: number } | undefined;
  readonly #parts: { cache: Cache; ask: Ask; changed: (topic: "presence" | "typing") => void };

  constructor(parts: { cache: Cache; ask: Ask; changed: (topic: "presence" | "typing") => void }) {
    this.#parts = parts;
  }

  /** Descriptions in an answer or a push; those that say nothing new change nothing. */
  heard(list: unknown): readonly PersonRecord[] {
    const { cache } = this.#parts;
    const people = listOf(list, (one) => readPerson(one, (userId) => cache.people.get(userId)));
    const news = people.filter((person) => !isSame(person, cache.people.get(person.userId)));
    if (news.length > 0) void cache.write({ people: news });
    return people;
  }

  /** Asks for whom a view has no name. */
  want(userIds: Iterable<string>): void {
    for (const userId of userIds) {
      if (this.#parts.cache.people.has(userId) || this.#asked.has(userId) || this.#asked.size >= askedMax) continue;
      this.#asked.add(userId);
      void this.learn(userId).finally(() => this.#asked.delete(userId));
    }
  }

  async learn(userId: string): Promise<void> {
    const answer = await this.#parts.ask(
      "user.get",
      { user_id: userId },
      (fields) => idOf(fields["user_id"]) === userId,
    );
    if (answer.ok) this.heard([answer.fields]);
    // The user is gone; they are not asked for again and again.
    else if (answer.reason === "User not found") this.heard([{ user_id: userId, user_name: "" }]);
  }

  /** Who of the friends is online, from here on. */
  async watch(): Promise<void> {
    const answer = await this.#parts.ask("presence.watch");
    if (answer.ok) this.shownTo = wordOf(answer.fields["presence"], ["friends", "none"]);
    this.#parts.changed("presence");
  }

  /** All contacts, and that other people are none. */
  async syncContacts(): Promise<void> {
    const { ask, cache } = this.#parts;
    const contacts = new Set<string>();
    let after: string | undefined;
    for (let page = 0; page < contactPagesMax; page += 1) {
      const answer = await ask("contact.list", after === undefined ? {} : { after });
      if (!answer.ok) return;
      for (const { userId } of this.heard(answer.fields["contacts"])) contacts.add(userId);
      after = idOf(answer.fields["next"]) ?? textOf(answer.fields["next"]);
      if (after === undefined) break;
    }
    const gone = [...cache.people.values()].filter(
      ({ userId, contact }) => contact !== "none" && !contacts.has(userId),
    );
    if (gone.length > 0) await cache.write({ people: gone.map((person) => ({ ...person, contact: "none" as const })) });
  }

  /** `contact.changed`, and what was done here. */
  contactChanged(userId: string, contact: PersonRecord["contact"]): void {
    const person = this.#parts.cache.people.get(userId);
    if (person !== undefined) void this.#parts.cache.write({ people: [{ ...person, contact }] });
  }

  heardPresence({ presences }: Fields): void {
    for (const one of Array.isArray(presences) ? presences : []) {
      const userId = isFields(one) ? idOf(one["user_id"]) : undefined;
      if (userId === undefined) continue;
      this.presence.set(userId, { online: one.online === true, lastSeen: timeOf(one.last_seen) });
    }
    this.#parts.changed("presence");
  }

  heardTyping(fields: Fields): void {
    const chatId = idOf(fields["chat_id"]);
    const userId = idOf(fields["user_id"]);
    if (chatId === undefined || userId === undefined || userId === this.#parts.cache.identity?.userId) return;
    this.#end(chatId, userId);
    if (fields["typing"] === true) {
      const ofChat = this.#typing.get(chatId) ?? new Map();
      const timer = setTimeout(() => {
        this.#end(chatId, userId);
        this.#parts.changed("typing");
      }, typingMs);
      this.#typing.set(chatId, ofChat.set(userId, timer));
      this.want([userId]);
    }
    this.#parts.changed("typing");
  }

  /** This user types; told once in a few seconds. */
  type(chatId: string): void {
    const at = performance.now();
    if (this.#typed?.chatId === chatId && at - this.#typed.at < typingAgainMs) return;
    this.#typed = { chatId, at };
    void this.#parts.ask("chat.typing", { chat_id: chatId, typing: true });
  }

  /** Whose message came is not typing it any more. */
  ended(chatId: string, userId: string): void {
    if (this.#end(chatId, userId)) this.#parts.changed("typing");
  }

  typingIn(chatId: string): readonly string[] {
    return [...(this.#typing.get(chatId)?.keys() ?? [])];
  }

  /** Nothing is known of the moment. */
  forgetMoment(): void {
    this.presence.clear();
    for (const ofChat of this.#typing.values()) for (const timer of ofChat.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#parts.changed("presence");
    this.#parts.changed("typing");
  }

  #end(chatId: string, userId: string): boolean {
    const ofChat = this.#typing.get(chatId);
    clearTimeout(ofChat?.get(userId));
    const was = ofChat?.delete(userId) ?? false;
    if (ofChat?.size === 0) this.#typing.delete(chatId);
    return was;
  }
}

const isSame = (one: PersonRecord, other: PersonRecord | undefined): boolean =>
  other !== undefined &&
  one.name === other.name &&
  one.avatar === other.avatar &&
  one.kind === other.kind &&
  one.contact === other.contact;
