/** What the views follow, kept in step with the client. */
import { batch, type Signal, signal } from "@preact/signals";
import { type NoticeState, noticeState } from "../browser/notices.ts";
import type { Topic } from "../client/cache.ts";
import type { Client } from "../client/client.ts";
import { countOf, type Fields, isFields, textOf, wordOf } from "../client/json.ts";
import type { QueuedRecord } from "../client/storage.ts";
import type { Chat, Done, Id, Line, Model, Person, Server } from "./model.ts";
import type { Showing } from "./showing.ts";
import { ShownTimeline } from "./shown-timeline.ts";

type Value<K extends keyof Model> = Model[K] extends { readonly value: infer V } ? V : never;

export class ModelSignals {
  readonly open = signal<ShownTimeline | undefined>(undefined);
  readonly unreadTotal = signal(0);
  readonly notices: Signal<NoticeState> = signal(noticeState());
  readonly #stage = signal<Value<"stage">>("starting");
  readonly #why = signal<string | undefined>(undefined);
  readonly #line = signal<Line>("offline");
  readonly #retryAt = signal<Date | undefined>(undefined);
  readonly #server = signal<Server | undefined>(undefined);
  readonly #me = signal<Value<"me">>(undefined);
  readonly #chats = signal<readonly Chat[]>([]);
  readonly #people = signal<ReadonlyMap<Id, Person>>(new Map());
  readonly #contacts = signal<readonly Person[]>([]);
  readonly #unsent = signal(0);
  readonly #storageFull = signal(false);
  readonly #presence = signal<Value<"presence">>(undefined);
  readonly #receipts = signal<Value<"receipts">>(undefined);
  readonly #client: Client;
  readonly #showing: Showing;

  constructor(client: Client, showing: Showing) {
    this.#client = client;
    this.#showing = showing;
  }

  /** As the views see them. */
  get shown() {
    return {
      stage: this.#stage,
      why: this.#why,
      line: this.#line,
      retryAt: this.#retryAt,
      server: this.#server,
      me: this.#me,
      chats: this.#chats,
      people: this.#people,
      contacts: this.#contacts,
      open: this.open,
      unreadTotal: this.unreadTotal,
      unsent: this.#unsent,
      storageFull: this.#storageFull,
      presence: this.#presence,
      receipts: this.#receipts,
    };
  }

  refresh(topics: ReadonlySet<Topic>): void {
    const has = (...wanted: readonly Topic[]) => wanted.some((topic) => topics.has(topic));
    batch(() => {
      if (has("identity")) this.#identity();
      if (has("line")) this.#lineState();
      if (has("server")) this.#server.value = serverOf(this.#client.server);
      if (has("storage", "identity")) this.#storageFull.value = !this.#client.storage.lasting;
      if (has("people", "presence", "identity")) this.#everybody();
      if (has("chats", "typing", "queue", "identity")) this.#allChats();
      if (has("queue", "identity")) this.#unsent.value = this.#client.queue.waiting.length;
      if (has("window", "queue", "chats", "identity")) this.#timeline();
    });
  }

  /** A setting that the server took. */
  settled(setting: "presence" | "receipts", value: Value<"presence"> | Value<"receipts">, outcome: Done): Done {
    if (outcome.ok && setting === "presence") this.#presence.value = wordOf(value, ["friends", "none"]);
    if (outcome.ok && setting === "receipts") this.#receipts.value = wordOf(value, ["all", "delivered", "none"]);
    return outcome;
  }

  #identity(): void {
    const { stage, why, cache } = this.#client;
    this.#stage.value = stage;
    this.#why.value = why;
    const { identity } = cache;
    if (identity === undefined || stage !== "in") {
      this.#me.value = undefined;
      this.#receipts.value = undefined;
      this.#presence.value = undefined;
      return;
    }
    const { userId, name, avatar, loginName } = identity;
    const me = { userId, name, avatar, kind: "person", contact: "none" } as const;
    this.#me.value = loginName === undefined ? me : { ...me, loginName };
  }

  #lineState(): void {
    const { line, people } = this.#client;
    this.#line.value = line.state;
    this.#retryAt.value = line.retryInMs === undefined ? undefined : new Date(Date.now() + line.retryInMs);
    if (people.shownTo !== undefined) this.#presence.value = people.shownTo;
  }

  #everybody(): void {
    const { cache, people } = this.#client;
    if (people.shownTo !== undefined) this.#presence.value = people.shownTo;
    const shown = new Map([...cache.people].map(([id, record]) => [id, this.#showing.person(record)]));
    this.#people.value = shown;
    this.#contacts.value = [...shown.values()]
      .filter(({ contact }) => contact !== "none")
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  #allChats(): void {
    const { cache, queue, people } = this.#client;
    const waiting = new Map<string, QueuedRecord>();
    for (const record of queue.waiting) waiting.set(cache.chatIdOf(record.chatId), record);
    const chats = [...cache.chats.values()].map((record) => {
      const last = waiting.get(record.chatId);
      const at = Math.max(last?.madeAt ?? 0, record.last?.time ?? 0, record.created);
      return { at, chat: this.#showing.chat(record, last) };
    });
    chats.sort((a, b) => b.at - a.at);
    this.#chats.value = chats.map(({ chat }) => chat);
    let unread = 0;
    for (const { chat } of chats) if (chat.mutedUntil === undefined || chat.mentioned) unread += chat.unread;
    this.unreadTotal.value = unread;
    // A group's last message is shown with its sender's name.
    people.want(chats.slice(0, 50).flatMap(({ chat }) => chat.last?.senderId ?? chat.peerId ?? []));
  }

  #timeline(): void {
    const { window } = this.#client;
    const before = this.open.peek();
    if (before?.isOf(window)) before.refresh();
    else this.open.value = window && new ShownTimeline({ window, client: this.#client, showing: this.#showing });
  }
}

function serverOf(fields: Fields | undefined): Server | undefined {
  if (fields === undefined) return undefined;
  const limits = isFields(fields["limits"]) ? fields["limits"] : {};
  return {
    name: textOf(fields["name"]) ?? "Roost",
    version: textOf(fields["version"]) ?? "",
    registration: wordOf(fields["registration"], ["open", "invite", "off"]) ?? "off",
    invites: wordOf(fields["invites"], ["operator", "users"]) ?? "operator",
    passwordLengthMin: countOf(limits["password_min_length"]) ?? 8,
    fileBytesMax: countOf(limits["file_bytes"]) ?? 16 * 1024 * 1024,
    messageBytesMax: countOf(limits["message_bytes"]) ?? 1024 * 1024,
    secure: isSecureContext,
  };
}
