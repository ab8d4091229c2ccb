/**
 * A MiniOICQ client that loses nothing: it sends what waits until it is answered, keeps the newest messages of each chat,
 * and on its return asks for what it missed. It has no views: these listen for topics and read the fields.
 */
import { Cache } from "./cache.ts";
import { Changes } from "./changes.ts";
import {
  type Answer,
  type Channel,
  type Closed,
  type MakeSocket,
  type Refusal,
  type Timing,
  usualTiming,
} from "./channel.ts";
import type { ClientOptions } from "./client-options.ts";
import { type Fields, idOf, textOf } from "./json.ts";
import { Line } from "./line.ts";
import { askOnce, endOwnSession, identityOf } from "./log-in.ts";
import { MessageLog } from "./message-log.ts";
import { createPages } from "./pages.ts";
import { People } from "./people.ts";
import { createPushes } from "./pushes.ts";
import { Reading } from "./reading.ts";
import { readChat } from "./records.ts";
import { SafeStorage } from "./safe-storage.ts";
import { SendQueue } from "./send-queue.ts";
import type { Identity } from "./storage.ts";
import { sync } from "./sync.ts";
import type { Note } from "./tabs.ts";
import { Turns } from "./turns.ts";
import { Window } from "./window.ts";

export type Stage = "starting" | "out" | "in";

/** Messages kept of each chat; a window shows no more. */
const keptUsually = 200;
/** A backlog of more is fetched where it is read, and not pushed. */
const backlogMax = 1_000;

/** The log-in is over, whatever is tried. */
const over = new Set(["Invalid token", "User disabled", "User not found"]);
const farewells = new Set(["Session ended", "User disabled"]);

export class Client {
  stage: Stage = "starting";
  /** Why the user was logged out. */
  why: string | undefined;
  /** The answer to `server.info`. */
  server: Fields | undefined;
  window: Window | undefined;
  readonly cache: Cache;
  readonly people: People;
  readonly queue: SendQueue;
  readonly line: Line;
  readonly storage: SafeStorage;
  readonly #options: ClientOptions;
  readonly #timing: Timing;
  readonly #makeSocket: MakeSocket;
  readonly #turns = new Turns();
  readonly #log: MessageLog;
  readonly #changes: Changes;
  readonly #reading: Reading;
  readonly #pushed: (action: string, fields: Fields) => void;
  readonly #pages = createPages((action, fields, isMine) => this.ask(action, fields, isMine));
  #syncing: Promise<void> | undefined;
  #tooMuchWaits = false;

  constructor(options: ClientOptions) {
    const { changed, tabs } = options;
    this.#options = options;
    this.#timing = options.timing ?? usualTiming;
    this.#makeSocket = options.makeSocket ?? ((url) => new WebSocket(url));
    const ask = this.ask.bind(this);
    this.storage = new SafeStorage(options.storage, (kept) => {
      this.cache.keepCovers(kept);
      changed("storage");
    });
    const { storage } = this;
    this.cache = new Cache({ storage, changed });
    this.people = new People({ cache: this.cache, ask, changed });
    this.#log = new MessageLog({
      cache: this.cache,
      storage,
      pages: this.#pages,
      turns: this.#turns,
      kept: options.kept ?? keptUsually,
      hooks: {
        me: () => this.cache.identity?.userId ?? "",
        appended: (chatId, messages, to) => this.#shown(chatId)?.appended(messages, to),
        jumped: (chatId) => void this.#shown(chatId)?.jumped(),
        arrived: (messages) => {
          for (const { chatId, senderId } of messages) this.people.ended(chatId, senderId);
          options.arrived?.(messages);
        },
        stored: (clientIds) => this.queue.stored(clientIds),
        unknownChat: (chatId) => void this.learnChat(chatId),
      },
    });
    this.#changes = new Changes({
      cache: this.cache,
      ask,
      turns: this.#turns,
      log: this.#log,
      changed: (chatId, seq, change) => this.#shown(chatId)?.changed(seq, change),
      reset: (chatId) => void this.#shown(chatId)?.restart(),
    });
    this.#reading = new Reading({ cache: this.cache, ask, turns: this.#turns, log: this.#log });
    this.queue = new SendQueue({
      storage,
      tabs,
      ask,
      isOnline: () => this.line.isOpen,
      me: () => this.cache.identity,
      changed: () => changed("queue"),
      base: options.base,
      fetch: options.fetch ?? ((address, init) => fetch(address, init)),
      retryMs: this.#timing.retryMs,
    });
    this.#pushed = createPushes(this, {
      log: this.#log,
      changes: this.#changes,
      reading: this.#reading,
      turns: this.#turns,
    });
    this.line = new Line({
      url: options.url,
      timing: this.#timing,
      makeSocket: this.#makeSocket,
      hooks: {
        greet: (channel) => this.#greet(channel),
        pushed: (action, fields) => this.#pushed(action, fields),
        changed: () => this.#lineChanged(),
        ended: (closed) => this.#ended(closed),
      },
    });
    tabs.heard = (note) => void this.#heard(note);
    tabs.led = () => void this.queue.load();
  }

  /** Shows what was kept, and connects where a user is logged in. */
  async start(): Promise<void> {
    await this.cache.load();
    await this.queue.load();
    this.#become(this.cache.identity === undefined ? "out" : "in", undefined);
    if (this.stage === "in") this.line.open();
    else void this.learnServer();
  }

  /** Ends timers and the line; what is kept stays. */
  stop(): void {
    this.line.close();
    this.queue.clear();
    this.people.forgetMoment();
    this.window?.end();
  }

  ask(action: string, fields: Fields = {}, isMine?: (fields: Fields) => boolean): Promise<Answer | Refusal> {
    return this.line.ask(action, fields, isMine);
  }

  /** One question over a channel of its own, without a log-in. */
  askOnce(action: string, fields: Fields = {}): Promise<Answer | Refusal> {
    return askOnce({ url: this.#options.url, timing: this.#timing, makeSocket: this.#makeSocket }, action, fields);
  }

  async learnServer(): Promise<void> {
    const answer = await this.askOnce("server.info");
    if (answer.ok) this.#serverKnown(answer.fields);
  }

  /** `auth.register` or `auth.login`; from its answer on the line is this user's. */
  async logIn(action: "auth.register" | "auth.login", fields: Fields): Promise<Answer | Refusal> {
    const { name } = this.#options;
    const answer = await this.askOnce(action, {
      ...fields,
      remember: true,
      ack: true,
      client_name: name,
      avatars: "url",
    });
    if (!answer.ok) return answer;
    const token = textOf(answer.fields["token"]);
    const identity = token === undefined ? undefined : identityOf(answer.fields, token);
    if (identity === undefined) return { ok: false, reason: "Internal error" };
    // What was kept is of another user, or of this one before they were logged out.
    const others = (await this.storage.all("queue")).some(({ userId }) => userId !== identity.userId);
    await this.#turns.run(() => this.cache.clear(others ? "everything" : "caches"));
    await this.cache.write({ identity });
    this.#options.tabs.tell({ type: "identity" });
    await this.#enter();
    return answer;
  }

  /** Everything that is kept here goes. */
  async logOut(): Promise<void> {
    await endOwnSession(this.line);
    await this.#leave(undefined, "everything");
  }

  /** Shows a chat, or the direct chat with a user. */
  openChat(id: string | undefined): void {
    const chatId = id === undefined ? undefined : this.cache.chatIdOf(id);
    if (this.window?.chatId === chatId) return;
    this.window?.end();
    this.window = undefined;
    if (chatId !== undefined) {
      const window = new Window(chatId, {
        cache: this.cache,
        storage: this.storage,
        pages: this.#pages,
        turns: this.#turns,
        fill: (wanted) => this.#log.fill(wanted),
        changed: () => this.#options.changed("window"),
      });
      this.window = window;
      void window.start();
      this.#prepare(chatId);
    }
    this.#options.changed("window");
  }

  readUpTo(chatId: string, seq: number): void {
    this.#shown(chatId)?.saw(seq);
    void this.#reading.read(chatId, seq);
  }

  /** Asks what the chat is, and who is in it. */
  async learnChat(chatId: string): Promise<boolean> {
    const answer = await this.ask("chat.get", { chat_id: chatId }, (fields) => idOf(fields["chat_id"]) === chatId);
    if (!answer.ok) return false;
    this.people.heard(answer.fields["members"]);
    await this.#turns.run(() => {
      const chat = readChat(answer.fields, this.cache.chats.get(chatId));
      return chat === undefined ? undefined : this.cache.write({ chats: [chat] });
    });
    return true;
  }

  /** More waits than is to be pushed. */
  heardWaiting(messages: number): void {
    if (messages > backlogMax) this.#tooMuchWaits = true;
  }

  /** A chat that is not there yet has an id from now on. */
  chatCame(chatId: string): void {
    const peerId = this.cache.chats.get(chatId)?.peerId;
    if (peerId !== undefined && this.window?.chatId === peerId) this.openChat(chatId);
  }

  /** What others see of me changed. */
  async identityChanged(fields: Partial<Pick<Identity, "name" | "avatar" | "loginName">>): Promise<void> {
    const { identity } = this.cache;
    if (identity !== undefined) await this.cache.write({ identity: { ...identity, ...fields } });
  }

  #shown(chatId: string): Window | undefined {
    return this.window?.chatId === chatId ? this.window : undefined;
  }

  #become(stage: Stage, why: string | undefined): void {
    this.stage = stage;
    this.why = why;
    this.#options.changed("identity");
  }

  #serverKnown(fields: Fields): void {
    this.server = fields;
    this.#options.changed("server");
  }

  async #enter(): Promise<void> {
    await this.queue.load();
    await this.#options.entering?.(this.cache.identity?.token ?? "");
    this.#become("in", undefined);
    this.line.open();
  }

  async #leave(why: string | undefined, what: "caches" | "everything"): Promise<void> {
    this.line.close();
    this.openChat(undefined);
    this.queue.clear();
    this.people.forgetMoment();
    await this.#turns.run(() => this.cache.clear(what));
    await this.cache.write({ identity: null });
    this.#options.left?.();
    this.#options.tabs.tell({ type: "identity" });
    this.#become("out", why);
    void this.learnServer();
  }

  /** Another tab told something. */
  async #heard(note: Note): Promise<void> {
    if (note.type === "queue") await this.queue.load();
    else if (note.type === "progress") this.queue.heardProgress(note.key, note.share);
    else if (note.type === "drop") await this.queue.dropped(note.key);
    else {
      const identity = await this.storage.identity();
      if (identity?.token === this.cache.identity?.token) return;
      this.line.close();
      this.openChat(undefined);
      await this.start();
    }
  }

  async #greet(channel: Channel): Promise<"in" | "retry" | "stop"> {
    const { identity } = this.cache;
    if (identity === undefined) return "stop";
    const { token } = identity;
    const [answer, info] = await Promise.all([
      channel.ask("auth.login", {
        token,
        ack: true,
        extensions: true,
        avatars: "url",
        files: "url",
        client_name: this.#options.name,
      }),
      channel.ask("server.info"),
    ]);
    if (info.ok) this.#serverKnown(info.fields);
    if (!answer.ok) {
      if (!over.has(answer.reason)) return "retry";
      void this.#leave(answer.reason, "caches");
      return "stop";
    }
    const known = identityOf(answer.fields, token);
    if (known === undefined || known.userId !== identity.userId) return "retry";
    const isRestored = identity.epoch !== undefined && known.epoch !== identity.epoch;
    if (isRestored) void this.#turns.run(() => this.cache.clear("caches"));
    void this.cache.write({ identity: known });
    return "in";
  }

  #lineChanged(): void {
    this.#options.changed("line");
    if (this.line.state !== "online") {
      if (this.line.state === "offline") this.people.forgetMoment();
      return;
    }
    this.#tooMuchWaits = false;
    // The log-in by which the page came in may be younger than what it has for pictures.
    void this.#options.entering?.(this.cache.identity?.token ?? "");
    this.queue.drain();
    this.#syncing = this.#sync();
  }

  async #sync(): Promise<void> {
    const ask = this.ask.bind(this);
    const { cache, window } = this;
    void this.people.syncContacts();
    void this.people.watch();
    await sync({
      cache,
      ask,
      turns: this.#turns,
      log: this.#log,
      changes: this.#changes,
      tellRead: (chatId) => void this.#reading.tell(chatId),
    });
    if (window !== undefined && window === this.window) {
      if (window.messages.length === 0) await window.restart();
      this.#prepare(window.chatId);
    }
    if (!this.#tooMuchWaits) return;
    for (const { chatId, lastSeq } of cache.chats.values())
      if (lastSeq > 0) void ask("message.confirm", { chat_id: chatId, through: lastSeq });
  }

  /** What of edits, deletions and reactions is not known here yet, those that were made here among them. */
  catchUp(chatId: string): Promise<void> {
    return this.#changes.catchUp(chatId);
  }

  /** The account is no more. */
  async ceased(): Promise<void> {
    await this.#leave(undefined, "everything");
  }

  /** Everything that was asked for on the return is there. */
  async synced(): Promise<void> {
    await this.#syncing;
    await this.#turns.run(() => {});
  }

  /** What a chat that is shown needs besides its messages. */
  #prepare(chatId: string): void {
    const chat = this.cache.chats.get(chatId);
    if (chat === undefined) return;
    if (chat.memberIds === undefined) void this.learnChat(chatId);
    void this.#reading.learn(chatId);
  }

  #ended({ reason }: Closed): boolean {
    if (!farewells.has(reason) || this.stage !== "in") return false;
    void this.#leave(reason, "caches");
    return true;
  }
}
