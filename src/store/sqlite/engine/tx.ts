/**
 * What a change works with inside the writer: the connection, the batch's time, the ids it may give, and small caches
 * of rows only this connection ever changes. A rollback empties the caches.
 */
import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import { chatKeyOf, userKeyOf } from "../../../domain/keys.ts";
import { type ChatId, type ChatKind, systemUserId, type UserId, type UserKind } from "../../../domain/model.ts";
import { isPerson } from "../../../domain/people/kinds.ts";
import { longAgo, type SteadyMs } from "../../../lib/clock.ts";
import { blockQuery } from "../contacts/friends.ts";
import { DiskUsage } from "./disk-usage.ts";

export interface ChatEntry {
  readonly chatId: ChatId;
  readonly kind: ChatKind;
  readonly chatKey: string;
  readonly members: readonly UserId[];
  readonly memberSet: ReadonlySet<number>;
  /** Of a direct chat, the members whom the other one blocks; empty nearly everywhere. */
  readonly blocked: readonly number[];
  lastSeq: number;
  /** Of the last message with a text for each recipient; undefined until it is looked up. */
  addressedSeq: number | undefined;
  /** Who sent the last message. */
  tailSenderId: number | null;
  /** How far members have got, by user: of those who moved lately and confirmed nothing out of order. */
  positions: Map<number, PositionEntry> | undefined;
  /** The generation in which the main thread was sent `members` of this entry; -1 before. */
  announcedIn: number;
}

export interface PositionEntry {
  readonly rowId: number;
  deliveredSeq: number;
  readSeq: number;
}

export interface SenderEntry {
  readonly userKey: string;
  readonly disabled: boolean;
  /** See `people/kinds.ts` of the domain. */
  readonly isPerson: boolean;
  /** Whose use of the disk it is: the user's own, or of a hook its maker's. */
  readonly payerId: number;
  /** The payer has a share of the disk and no more: neither the operator nor a backend made them, and they are no device. */
  readonly hasShare: boolean;
}

const systemSender: SenderEntry = {
  userKey: userKeyOf({ userId: systemUserId, username: undefined }),
  disabled: false,
  isPerson: true,
  payerId: systemUserId,
  hasShare: false,
};

/** Together they bound what the caches hold: entries, and member ids over all chats. */
const entriesMax = 20_000;
const memberIdsMax = 500_000;
/** A position takes the room of so many member ids. */
const positionWeight = 3;

/** A clock that is further behind the last batch's time was not merely set right. */
const clockBehindMaxMs = 24 * 3_600_000;

const nobody: readonly number[] = [];

/** How old the stored steady time may be: a start that finds it goes on from there. */
const steadySavedEveryMs = 1000;

/** What the table `sequence` holds for the writer: the next ids, and the times of the last batch that changed a row. */
interface Sequences {
  readonly message: number;
  readonly id: number;
  readonly move: number;
  readonly time: number;
  readonly steady: SteadyMs;
  /** By this connection so far. */
  readonly rowsChanged: number;
}

export class Tx {
  readonly db: Database;
  readonly disk: DiskUsage;
  /** The batch's time, for what is shown. */
  nowMs = 0;
  /** The same for deadlines, and for what is kept so long. */
  steadyMs = longAgo as SteadyMs;
  /** Rows written in this batch; a change that throws after it wrote must not leave half of itself behind. */
  writes = 0;
  /** Files that lost their last message in this batch, by hash. */
  releasedFiles: string[] = [];
  /** Moves whenever the caches were emptied: what the main thread keeps beside them is void then. */
  generation = 0;

  readonly #chats = new Map<number, ChatEntry>();
  readonly #users = new Map<number, SenderEntry>();
  readonly #chatIds = new Map<string, number>();
  #memberIds = 0;
  #nextMessageId = 0;
  #nextId = 0;
  /** Of this batch; undefined while it moved no position. */
  #move: number | undefined;
  #saved: Sequences = { message: 0, id: 0, move: 0, time: 0, steady: longAgo, rowsChanged: 0 };
  #seed = "";
  #draws = 0;

  readonly #chatRow;
  readonly #chatIdRow;
  readonly #memberRows;
  readonly #userRow;
  readonly #blockRow;
  readonly #sequences;
  readonly #saveSequence;
  readonly #saveTime;

  constructor(db: Database) {
    this.db = db;
    this.disk = new DiskUsage(db);
    db.run(
      "INSERT OR IGNORE INTO sequence (name, next) VALUES ('id', 10001), ('message', 1), ('users', 1), ('move', 1), ('time', 0), ('steady', 0)",
    );
    this.#chatRow = db.prepare<ChatRow, [number]>(
      "SELECT chat_id chatId, kind, chat_key chatKey, direct_low directLow, direct_high directHigh, last_seq lastSeq, tail_sender_id tailSenderId FROM chats WHERE chat_id = ?",
    );
    this.#chatIdRow = db.prepare<{ chatId: number }, [string]>("SELECT chat_id chatId FROM chats WHERE chat_key = ?");
    this.#memberRows = db.prepare<{ userId: UserId }, [number]>(
      "SELECT user_id userId FROM members WHERE chat_id = ? ORDER BY ordinal",
    );
    this.#userRow = db.prepare<UserRow, [number]>(
      `SELECT u.username, u.disabled, u.kind, payer_id payerId,
       u.kind <> 'device' AND coalesce(p.made_by, u.made_by) IN ('registered', 'invited') hasShare
       FROM users u LEFT JOIN disk_payers d USING (user_id) LEFT JOIN users p ON p.user_id = payer_id WHERE u.user_id = ?`,
    );
    this.#blockRow = db.prepare<{ one: 1 }, [number, number]>(blockQuery);
    this.#sequences = db.prepare<Sequences, []>(
      `SELECT (SELECT next FROM sequence WHERE name = 'message') message, (SELECT next FROM sequence WHERE name = 'id') id,
       (SELECT next FROM sequence WHERE name = 'move') move,
       (SELECT next FROM sequence WHERE name = 'time') time,
       (SELECT next FROM sequence WHERE name = 'steady') steady, total_changes() rowsChanged`,
    );
    this.#saveSequence = db.prepare("UPDATE sequence SET next = ? WHERE name = ?");
    // A batch that changes nothing stays without a write.
    this.#saveTime = db.prepare("UPDATE sequence SET next = ? WHERE name = ? AND total_changes() <> ?");
  }

  /**
   * `nowMs` is what the clock says. The batch's time is no less than the last one's, which is stored, while the clock is
   * up to a day behind it; further behind, the last one was wrong and the clock is believed again.
   */
  begin({ nowMs, steadyMs, seed }: { nowMs: number; steadyMs: SteadyMs; seed: string }): void {
    this.#seed = seed;
    this.#draws = 0;
    this.writes = 0;
    this.disk.discard();
    if (this.releasedFiles.length > 0) this.releasedFiles = [];
    if (
      this.#chats.size > entriesMax ||
      this.#users.size > entriesMax ||
      this.#chatIds.size > entriesMax ||
      this.#memberIds > memberIdsMax
    )
      this.forget();
    this.#saved = this.#sequences.get() ?? this.#saved;
    this.#nextMessageId = this.#saved.message;
    this.#nextId = this.#saved.id;
    this.#move = undefined;
    const { time, steady } = this.#saved;
    this.steadyMs = Math.max(steadyMs, steady) as SteadyMs;
    this.nowMs = time - nowMs > clockBehindMaxMs ? nowMs : Math.max(nowMs, time);
  }

  /** Writes what the batch keeps in memory; the last thing before COMMIT. */
  finish(): void {
    this.disk.flush();
    const { message, id, time, steady, rowsChanged } = this.#saved;
    if (this.#nextMessageId !== message) this.#saveSequence.run(this.#nextMessageId, "message");
    if (this.#nextId !== id) this.#saveSequence.run(this.#nextId, "id");
    if (this.#move !== undefined) this.#saveSequence.run(this.#move + 1, "move");
    if (this.nowMs !== time) this.#saveTime.run(this.nowMs, "time", rowsChanged);
    if (this.steadyMs - steady >= steadySavedEveryMs) this.#saveTime.run(this.steadyMs, "steady", rowsChanged);
  }

  /** After a rollback nothing remembered can be trusted. */
  forget(): void {
    this.#chats.clear();
    this.#users.clear();
    this.#chatIds.clear();
    this.#memberIds = 0;
    this.disk.shareChanged();
    this.generation += 1;
  }

  /** A new GUID of version 4: not to be guessed without the batch's seed, and the same for every executor of the batch. */
  guid(): string {
    const hex = createHash("sha256").update(`${this.#seed}:${this.#draws}`).digest("hex");
    this.#draws += 1;
    const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  takeMessageId(): number {
    return this.#nextMessageId++;
  }

  /** The newest id given, this batch included. */
  lastMessageId(): number {
    return this.#nextMessageId - 1;
  }

  /** The number of this batch among those that move positions. */
  move(): number {
    this.#move ??= this.#saved.move;
    return this.#move;
  }

  /** For a user or a chat. */
  takeId(): number {
    return this.#nextId++;
  }

  chat(chatId: number): ChatEntry | undefined {
    const known = this.#chats.get(chatId);
    if (known !== undefined) return known;
    const row = this.#chatRow.get(chatId);
    if (row === null) return undefined;
    const members = this.#memberRows.all(chatId).map((member) => member.userId);
    const entry: ChatEntry = {
      chatId: row.chatId,
      kind: row.kind,
      chatKey: chatKeyOf(row),
      members,
      memberSet: new Set(members),
      blocked: row.kind === "direct" ? this.#blockedAmong(members) : nobody,
      lastSeq: row.lastSeq,
      addressedSeq: undefined,
      tailSenderId: row.tailSenderId,
      positions: undefined,
      announcedIn: -1,
    };
    this.#chats.set(chatId, entry);
    this.#memberIds += members.length;
    return entry;
  }

  /** The chat where it is in the cache; for what is not worth reading a chat's members. */
  chatAtHand(chatId: number): ChatEntry | undefined {
    return this.#chats.get(chatId);
  }

  keepPosition(chat: ChatEntry, userId: number, position: PositionEntry): void {
    chat.positions ??= new Map();
    chat.positions.set(userId, position);
    this.#memberIds += positionWeight;
  }

  dropPosition(chatId: number, userId: number): void {
    if (this.#chats.get(chatId)?.positions?.delete(userId) === true) this.#memberIds -= positionWeight;
  }

  /** Whether the user `by` blocks the user `userId`. */
  isBlocked(userId: number, by: number): boolean {
    return this.#blockRow.get(by, userId) !== null;
  }

  #blockedAmong(members: readonly number[]): readonly number[] {
    const blocked = members.filter((one) => members.some((other) => other !== one && this.isBlocked(one, other)));
    return blocked.length === 0 ? nobody : blocked;
  }

  /** A chat by the id its backend gave it. */
  chatIdOfKey(chatKey: string): number | undefined {
    const known = this.#chatIds.get(chatKey);
    if (known !== undefined) return known;
    const row = this.#chatIdRow.get(chatKey);
    if (row === null) return undefined;
    this.#chatIds.set(chatKey, row.chatId);
    return row.chatId;
  }

  sender(userId: number): SenderEntry | undefined {
    const known = this.#users.get(userId);
    if (known !== undefined) return known;
    if (userId === systemUserId) return systemSender;
    const row = this.#userRow.get(userId);
    if (row === null) return undefined;
    const entry = {
      userKey: userKeyOf({ userId, username: row.username }),
      disabled: row.disabled !== 0,
      isPerson: isPerson(row),
      payerId: row.payerId ?? userId,
      hasShare: row.hasShare !== 0,
    };
    this.#users.set(userId, entry);
    return entry;
  }

  /** The user's name or rights changed, or the user was enabled, disabled or removed. */
  userChanged(userId: number): void {
    this.#users.delete(userId);
  }

  /** Something of a user changed that is known of others, too. */
  usersChanged(): void {
    this.#users.clear();
  }

  /** Its members, name or existence changed. */
  chatChanged(chatId: number): void {
    const entry = this.#chats.get(chatId);
    if (entry === undefined) return;
    this.#chatIds.delete(entry.chatKey);
    this.#memberIds -= entry.members.length + positionWeight * (entry.positions?.size ?? 0);
    this.#chats.delete(chatId);
  }
}

interface UserRow {
  readonly username: string | null;
  readonly disabled: number;
  readonly kind: UserKind;
  readonly payerId: number | null;
  readonly hasShare: number;
}

interface ChatRow {
  readonly chatId: ChatId;
  readonly kind: ChatKind;
  readonly chatKey: string | null;
  readonly directLow: number | null;
  readonly directHigh: number | null;
  readonly lastSeq: number;
  readonly tailSenderId: number | null;
}
