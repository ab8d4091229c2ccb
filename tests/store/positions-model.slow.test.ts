/**
 * Where a user and the user's devices stand, against a model that is nothing but sets: in a history of any kind, whatever
 * was sent waits at every place that has not got it, and what was confirmed does not come again. The clients of a place
 * take what waits for them there, as those of the doors do; confirmations are gathered as they are in the server, and the
 * gathered ones may be lost. `ROOST_MODEL_RUNS=<count>` plays more histories. A failure prints the history and its seed;
 * `ROOST_MODEL_SEED=<seed>` repeats it.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Backlog } from "../../src/delivery/backlog.ts";
import { createDeliveries, type Deliveries } from "../../src/domain/deliveries/deliveries.ts";
import type { ChatId, DeviceId, MessageId, UserId } from "../../src/domain/model.ts";
import type { OpenedDevice, Store } from "../../src/domain/store.ts";
import { silentLog } from "../../src/lib/log.ts";
import { isInRanges } from "../../src/lib/ranges.ts";
import { createDeliveryReader } from "../../src/store/sqlite/deliveries/delivery-reader.ts";
import { createDeliveryStore } from "../../src/store/sqlite/deliveries/delivery-store.ts";
import { createCommitter, type NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { migrate } from "../../src/store/sqlite/engine/migrations.ts";
import { createMessageReader } from "../../src/store/sqlite/messages/message-reader.ts";
import type { Submit } from "../../src/store/sqlite/submit.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { nowMs, steadyMs, valuesOf } from "./committer-stage.ts";

const runs = Number(process.env["ROOST_MODEL_RUNS"] ?? 10_000);
const seed = Number(process.env["ROOST_MODEL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const deviceNames = ["phone", "desk"];
const chatsOpen = 2;

/** A message as the model knows it; its `seq` is its place in the log, from 1. */
interface Entry {
  readonly messageId: number;
  readonly own: boolean;
  deleted: boolean;
}

class ModelChat {
  readonly chatId: ChatId;
  readonly log: Entry[] = [];
  /** The last `seq` that retention took. */
  cleared = 0;
  /** The last `seq` when the user came; undefined while they are not in the chat. */
  joined: number | undefined = 0;

  constructor(chatId: number) {
    this.chatId = chatId as ChatId;
  }

  get last(): number {
    return this.log.length;
  }
}

/** The user, or a device of theirs. */
class Place {
  readonly deviceId: DeviceId | undefined;
  readonly #got = new Map<ModelChat, Set<number>>();

  constructor(deviceId: DeviceId | undefined, before: Place | undefined) {
    this.deviceId = deviceId;
    if (before === undefined) return;
    for (const [chat, seqs] of before.#got) this.#got.set(chat, new Set(seqs));
  }

  has(chat: ModelChat, seq: number): boolean {
    return this.#got.get(chat)?.has(seq) === true;
  }

  take(chat: ModelChat, from: number, to: number): void {
    const seqs = this.#got.get(chat) ?? new Set();
    this.#got.set(chat, seqs);
    for (let seq = from; seq <= to; seq += 1) seqs.add(seq);
  }

  forget(chat: ModelChat): void {
    this.#got.delete(chat);
  }
}

/** One database for all histories; each has a user and chats of its own. */
class World {
  readonly #committer;
  readonly reader;
  readonly messages;
  readonly store;
  readonly owner: UserId;
  #batches = 0;

  constructor() {
    const db = new Database(":memory:", { strict: true });
    db.run("PRAGMA foreign_keys = ON");
    migrate(db, nowMs);
    const spare = {
      intact: true,
      reason: null,
      spend() {},
      spendLast: () => true,
      prepare: async () => true,
      restore: () => true,
    };
    this.#committer = createCommitter(db, spare);
    this.reader = createDeliveryReader(db);
    this.messages = createMessageReader(db);
    const submit = ((name, args) => Promise.resolve(this.commit([name, args] as NamedChange)[0])) as Submit;
    this.store = createDeliveryStore(db, submit);
    this.db = db;
    this.owner = this.makeUser("owner");
  }

  readonly db: Database;

  makeUser(nick: string): UserId {
    return (this.commit(["createUser", { nick }])[0] as { userId: UserId }).userId;
  }

  commit(...changes: NamedChange[]): unknown[] {
    this.#batches += 1;
    return valuesOf(this.#committer.commit({ nowMs, steadyMs, seed: `batch ${this.#batches}`, changes }));
  }
}

type Command = readonly [op: number, a: number, b: number, c: number];

class History {
  readonly #world: World;
  readonly #userId: UserId;
  readonly #chats: ModelChat[] = [];
  readonly #user = new Place(undefined, undefined);
  readonly #devices = new Map<string, Place>();
  #deliveries: Deliveries;
  /** What the gathered confirmations will do once they are written. */
  #gathered: (() => void)[] = [];
  /** The places whose clients have confirmed what is gathered. */
  readonly #unwritten = new Set<Place>();
  #opened: OpenedDevice | undefined;
  #isDead = { now: false };

  constructor(world: World) {
    this.#world = world;
    this.#userId = world.makeUser("user");
    for (let n = 0; n < chatsOpen; n += 1) this.#openChat();
    this.#deliveries = this.#begin();
  }

  /** The part of the server that gathers, as it begins. */
  #begin(): Deliveries {
    const { store } = this.#world;
    const process = { now: false };
    this.#isDead = process;
    const alive =
      <Moves>(write: (moves: Moves) => Promise<void>) =>
      (moves: Moves) =>
        process.now ? Promise.resolve() : write(moves);
    const parts: Pick<Store, "advance" | "confirmMessages" | "openDevice" | "beforeCommit"> = {
      advance: alive(store.advance),
      confirmMessages: alive(store.confirmMessages),
      openDevice: async (device) => {
        const opened = this.#world.commit(["openDevice", device])[0] as OpenedDevice;
        this.#opened = opened;
        return opened;
      },
      beforeCommit() {},
    };
    return createDeliveries({ store: parts as Store, clock: createManualClock(), log: silentLog });
  }

  #openChat(): ModelChat {
    const members = [this.#world.owner, this.#userId];
    const [made] = this.#world.commit(["createChat", { ownerId: this.#world.owner, members, name: "chat" }]);
    const chat = new ModelChat((made as { chat: { chatId: number } }).chat.chatId);
    this.#chats.push(chat);
    return chat;
  }

  step([op, a, b, c]: Command): void {
    const chat = this.#chats[a % this.#chats.length] ?? this.#openChat();
    const place = this.#placeAt(b);
    if (op < 30) this.#send(chat, b % 4 === 0, 1 + (c % 4));
    else if (op < 42) this.#takeInOrder(place, chat, 1 + (c % 5));
    else if (op < 50) this.#takeSome(place, chat, c);
    else if (op < 56) this.#confirmSigned(place, chat, c);
    else if (op < 61) this.#confirmThrough(place, chat, 1 + (c % (chat.last + 2)));
    else if (op < 65) this.#hearLive(chat, c);
    else if (op < 68) this.#skip(place, chat);
    else if (op < 76) this.#openDevice(deviceNames[b % deviceNames.length] ?? "");
    else if (op < 80) this.#forgetDevice(deviceNames[b % deviceNames.length] ?? "");
    else if (op < 86) this.#comeOrGo(chat);
    else if (op < 89) this.#delete(chat, c);
    else if (op < 91) this.#clear(chat, c);
    else if (op < 92) this.#drop(chat);
    else if (op < 97) this.#flush();
    else this.#kill();
  }

  #placeAt(at: number): Place {
    const places = [this.#user, ...this.#devices.values()];
    return places[at % places.length] ?? this.#user;
  }

  #send(chat: ModelChat, own: boolean, count: number): void {
    const from = own && chat.joined !== undefined ? this.#userId : this.#world.owner;
    const draft = { chat: { id: chat.chatId }, from, type: "text", content: "x" };
    const sent = this.#world.commit(...Array.from({ length: count }, (): NamedChange => ["appendMessage", draft]));
    for (const [messageId] of sent as [number][]) {
      chat.log.push({ messageId, own: from === this.#userId, deleted: false });
    }
  }

  /** A client of this place is handed what waits, and confirms the first of it. */
  #takeInOrder(place: Place, chat: ModelChat, count: number): void {
    for (const seq of this.#waitingFor(place, chat).slice(0, count)) {
      this.#deliveries.delivered(this.#userId, place.deviceId, chat.chatId, seq);
      this.#gather(place, () => this.#got(place, chat, seq, seq));
    }
  }

  /** It confirms some of it in any order. */
  #takeSome(place: Place, chat: ModelChat, mask: number): void {
    const some = this.#waitingFor(place, chat).filter((_, at) => (mask >> (at % 8)) & 1);
    for (const seq of mask % 2 === 0 ? some : some.reverse()) {
      this.#deliveries.confirmed(this.#userId, place.deviceId, chat.chatId, seq);
      this.#gather(place, () => this.#got(place, chat, seq, seq));
    }
  }

  /** It confirms some of it by statuses of single messages, which are written at once. */
  #confirmSigned(place: Place, chat: ModelChat, mask: number): void {
    const some = this.#waitingFor(place, chat).filter((seq, at) => (mask >> (at % 8)) & 1 && !chat.log[seq - 1]?.own);
    const status = mask % 5 === 0 ? "read" : "delivered";
    const confirmations = some.map((seq) => ({ messageId: chat.log[seq - 1]?.messageId ?? 0, status }) as const);
    const reader = { userId: this.#userId, deviceId: place.deviceId ?? null };
    this.#world.commit(["confirmStatuses", { ...reader, messages: [], confirmations }]);
    if (status === "delivered") for (const seq of some) this.#got(place, chat, seq, seq);
  }

  /** It takes everything up to a place, which may not be there yet. */
  #confirmThrough(place: Place, chat: ModelChat, seq: number): void {
    const { deviceId } = place;
    const move = { userId: this.#userId, deviceId, chatId: chat.chatId, deliveredSeq: seq, read: seq % 2 === 0 };
    void this.#world.store.advance([move]);
    if (chat.joined !== undefined && seq <= chat.last) this.#got(place, chat, 1, seq);
  }

  /** A client without a position of its own hears what is sent while it is there, and confirms that. */
  #hearLive(chat: ModelChat, count: number): void {
    if (chat.joined === undefined) return;
    const from = chat.last + 1;
    this.#send(chat, false, 1 + (count % 3));
    for (let seq = from; seq <= chat.last; seq += 1) {
      this.#deliveries.delivered(this.#userId, undefined, chat.chatId, seq);
      this.#gathered.push(() => this.#got(this.#user, chat, seq, seq));
    }
  }

  /** A device whose filters do not name the chat. */
  #skip(place: Place, chat: ModelChat): void {
    const { last } = chat;
    if (place.deviceId === undefined || chat.joined === undefined || last === 0) return;
    this.#deliveries.passedOver(this.#userId, place.deviceId, chat.chatId, last);
    this.#gather(place, () => place.take(chat, 1, last));
  }

  #gather(place: Place, apply: () => void): void {
    this.#gathered.push(apply);
    this.#unwritten.add(place);
  }

  /** What was gathered is written first, so that a new device does not get it again. */
  #openDevice(name: string): void {
    void this.#deliveries.openDevice({ userId: this.#userId, door: "mqtt", name });
    this.#written();
    const opened = this.#opened;
    if (opened === undefined) throw new Error("a device was opened");
    expect(opened.isNew).toBe(!this.#devices.has(name));
    if (opened.isNew) this.#devices.set(name, new Place(opened.deviceId, this.#user));
    this.check();
  }

  #forgetDevice(name: string): void {
    this.#world.commit(["endDevice", { userId: this.#userId, door: "mqtt", name }]);
    this.#devices.delete(name);
  }

  #comeOrGo(chat: ModelChat): void {
    const { owner, commit } = { owner: this.#world.owner, commit: this.#world.commit.bind(this.#world) };
    const members = [this.#userId];
    if (chat.joined === undefined) {
      commit(["addToChat", { userId: owner, chat: { id: chat.chatId }, members }]);
      chat.joined = chat.last;
      return;
    }
    commit(["leaveChat", { userId: this.#userId, chat: { id: chat.chatId } }]);
    chat.joined = undefined;
    for (const place of [this.#user, ...this.#devices.values()]) place.forget(chat);
  }

  #delete(chat: ModelChat, at: number): void {
    const entry = chat.log[at % Math.max(1, chat.last)];
    if (entry === undefined || entry.deleted || entry.own || at % Math.max(1, chat.last) < chat.cleared) return;
    this.#world.commit(["deleteMessage", { userId: this.#world.owner, messageId: entry.messageId }]);
    entry.deleted = true;
  }

  /** Retention: the oldest messages go. */
  #clear(chat: ModelChat, count: number): void {
    chat.cleared = Math.max(chat.cleared, Math.min(chat.last, count % 8));
    const { db } = this.#world;
    db.run("DELETE FROM messages WHERE chat_id = ? AND seq <= ?", [chat.chatId, chat.cleared]);
    db.run("UPDATE chats SET first_seq = ? WHERE chat_id = ?", [chat.cleared + 1, chat.chatId]);
  }

  /** The chat ends for all, and another one begins. */
  #drop(chat: ModelChat): void {
    this.#world.commit(["deleteChat", { chatKey: `chat.${chat.chatId}` }]);
    this.#chats.splice(this.#chats.indexOf(chat), 1);
    this.#openChat();
  }

  #got(place: Place, chat: ModelChat, from: number, to: number): void {
    if (chat.joined === undefined) return;
    for (const one of new Set([place, this.#user])) one.take(chat, from, to);
  }

  #flush(): void {
    void this.#deliveries.flush();
    this.#written();
    this.check();
  }

  #written(): void {
    for (const apply of this.#gathered.splice(0)) apply();
    this.#unwritten.clear();
  }

  /** What was gathered is lost, and may come again. */
  #kill(): void {
    this.#isDead.now = true;
    void this.#deliveries.flush();
    this.#gathered = [];
    this.#unwritten.clear();
    this.#deliveries = this.#begin();
    this.check();
  }

  /** By the store, in order. A client reads it after what it confirmed itself was written. */
  #waitingFor(place: Place, chat: ModelChat): number[] {
    if (this.#unwritten.has(place)) this.#flush();
    return this.#waiting(place).get(chat.chatId) ?? [];
  }

  #waiting(place: Place): Map<ChatId, number[]> {
    const waiting = new Map<ChatId, number[]>();
    for (const { chatId, seq, lastSeq, confirmed = [] } of this.#world.reader.undelivered(
      this.#userId,
      place.deviceId,
    )) {
      const seqs: number[] = [];
      for (let one = seq; one <= lastSeq; one += 1) if (!isInRanges(confirmed, one)) seqs.push(one);
      waiting.set(chatId, seqs);
    }
    return waiting;
  }

  /** Everything that waits, at every place. */
  check(): void {
    for (const place of [this.#user, ...this.#devices.values()]) this.#compare(place, this.#waiting(place));
  }

  #compare(place: Place, waiting: ReadonlyMap<ChatId, readonly number[]>): void {
    const problems: string[] = [];
    for (const chat of this.#chats) {
      const found = new Set(waiting.get(chat.chatId));
      for (const seq of found) {
        if (place.has(chat, seq)) problems.push(`${seq} comes again`);
        if (chat.joined === undefined || seq <= chat.joined) problems.push(`${seq} is none of the user's`);
        if (seq <= chat.cleared || seq > chat.last) problems.push(`${seq} is not there`);
      }
      if (chat.joined === undefined) continue;
      for (let seq = Math.max(chat.joined, chat.cleared) + 1; seq <= chat.last; seq += 1) {
        const { own, deleted } = chat.log[seq - 1] ?? { own: true, deleted: true };
        if (!own && !deleted && !found.has(seq) && !place.has(chat, seq)) problems.push(`${seq} is lost`);
      }
    }
    if (problems.length > 0) throw new Error(`${place.deviceId ?? "the user"}: ${problems.join(", ")}`);
  }

  /** As a client reads it: page by page. */
  async checkBacklogs(): Promise<void> {
    this.#flush();
    const { reader, messages } = this.#world;
    const through = messages.lastMessageId();
    for (const place of [this.#user, ...this.#devices.values()]) {
      const { deviceId } = place;
      const backlog = new Backlog({
        store: { run: async (from) => messages.run(from), scan: async (range) => messages.scan(range) },
        userId: this.#userId,
        deviceId,
        from: reader.undelivered(this.#userId, deviceId),
        through: through as MessageId,
      });
      const waiting = new Map<ChatId, number[]>();
      for (let rows = await backlog.page(7); rows.length > 0; rows = await backlog.page(7)) {
        for (const { chatId, seq } of rows) waiting.set(chatId, [...(waiting.get(chatId) ?? []), seq]);
        backlog.take(rows.length);
      }
      for (const [chatId, seqs] of waiting) expect([chatId, ...seqs]).toEqual([chatId, ...new Set(seqs)]);
      this.#compare(place, waiting);
    }
  }
}

test(`whatever was sent waits at every place that has not got it, and nothing confirmed comes again: ${runs} histories`, async () => {
  const world = new World();
  const command = fc.tuple(fc.nat(99), fc.nat(7), fc.nat(7), fc.nat(255));
  const before = process.cpuUsage();
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40, size: "max" }), async (commands) => {
      const history = new History(world);
      for (const one of commands) history.step(one);
      await history.checkBacklogs();
    }),
    { numRuns: runs, seed },
  );
  const { user, system } = process.cpuUsage(before);
  console.log(`positions: ${runs} histories, seed ${seed}: ${((user + system) / 1e6).toFixed(1)} s of processor time`);
  world.db.close();
}, 600_000);
