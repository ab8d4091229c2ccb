/**
 * Tells how far members of chats have got. What commits say of positions is gathered, so that a burst is one receipt: for a
 * moment in direct chats, up to a second in groups. Then those are told whose messages it is about, and the member's own
 * devices. Positions are state: nothing is stored for this, and a receipt that is lost is said again by the next one.
 *
 * Nothing happens while no client hears receipts. Who may be told is judged when the telling comes, by what the store says
 * of the chat then.
 */
import type { PlaceCounts, ReceiptChat, ReceiptReads } from "../domain/deliveries/receipt-store.ts";
import type { EventOf } from "../domain/events.ts";
import type { ChatId, Receipt, UserId } from "../domain/model.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { type ChatMoves, GatheredMoves, type Move } from "./gathered-moves.ts";
import type { Hub } from "./hub.ts";
import { createMovedReceipts } from "./moved-receipts.ts";

/** Members of larger chats are not told of each other's places. */
export const receiptMembersMax = 256;

const directAfterMs = 100;
const groupAfterMs = 1000;
const chatsKnownMax = 4096;
/** Senders are read in slices of so many messages, and other work gets its turn in between. */
const sliceRows = 512;
/** After so many chats other work gets its turn. */
const chatsBetweenTurns = 64;

export type Receipts = ReturnType<typeof createReceipts>;

export function createReceipts(parts: {
  store: ReceiptReads;
  hub: Pick<Hub, "publish">;
  clock: Pick<Clock, "nowMs" | "monotonicMs">;
  log: Log;
}) {
  const { store, hub, clock, log } = parts;
  /** How many clients of each user hear receipts. */
  const hearing = new Map<UserId, number>();
  const gathered = new GatheredMoves();
  const since = createMovedReceipts({ store, chatOf, otherWork });
  const knownChats = new Map<ChatId, ReceiptChat>();
  /** Moves when something that was read of chats may be otherwise now. */
  let version = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** A client of the user hears receipts from here on. Gives what ends that; it is safe to call twice. */
  function listen(userId: UserId): () => void {
    hearing.set(userId, (hearing.get(userId) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (hearing.get(userId) ?? 1) - 1;
      if (left > 0) hearing.set(userId, left);
      else hearing.delete(userId);
      if (hearing.size === 0) stop();
    };
  }

  function moved(event: EventOf<"position.moved">): void {
    const chat = knownChats.get(event.chatId);
    if (chat !== undefined && chat.members === undefined && !hearing.has(event.userId)) return;
    const now = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    gathered.add(event, now, chat?.kind === "group" ? groupAfterMs : directAfterMs);
    timer ??= setTimeout(() => void tellDue(), directAfterMs);
  }

  async function tellDue(): Promise<void> {
    let told = 0;
    for (const chat of gathered.takeDue(clock.monotonicMs())) {
      if (hearing.size === 0) break;
      try {
        await tell(chat);
      } catch (error) {
        log.error("receipts could not be told", { chatId: chat.chatId, error });
      }
      told += 1;
      if (told % chatsBetweenTurns === 0) await otherWork();
    }
    timer = gathered.isEmpty ? undefined : setTimeout(() => void tellDue(), directAfterMs);
  }

  async function tell({ chatId, moves }: ChatMoves): Promise<void> {
    const chat = await chatOf(chatId);
    if (chat === undefined) return;
    const receiptsOf = new Map<UserId, Receipt[]>();
    const add = (userId: UserId, receipt: Receipt): void => {
      const receipts = receiptsOf.get(userId);
      if (receipts === undefined) receiptsOf.set(userId, [receipt]);
      else receipts.push(receipt);
    };
    for (const [userId, move] of moves) if (hearing.has(userId)) add(userId, receiptOf(userId, move));
    for (const { userId, move, readToo, hearers } of await findHearers(chat, moves)) {
      const receipt = receiptOf(userId, move, readToo);
      for (const hearer of hearers) add(hearer, receipt);
    }
    const { chatKey } = chat;
    for (const [userId, receipts] of receiptsOf) {
      hub.publish({ type: "receipts.told", chatId, chatKey, receipts, to: [userId] });
    }
  }

  /** Other members who hear receipts, each where a message of theirs is among those that the move went over. */
  async function findHearers(chat: ReceiptChat, moves: ReadonlyMap<UserId, Move>) {
    const { chatId, members, blocked } = chat;
    if (members === undefined || blocked) return [];
    const candidates = new Set(members.keys().filter((userId) => hearing.has(userId)));
    const tellings = [...moves].flatMap(([userId, move]) => {
      const rule = members.get(userId) ?? "none";
      const readToo = rule === "all";
      if (rule === "none" || (!readToo && move.deliveredBefore === move.deliveredSeq)) return [];
      return [{ userId, move, readToo, hearers: new Set<UserId>() }];
    });
    if (candidates.size === 0 || tellings.length === 0) return [];
    const through = Math.max(...tellings.map(({ move }) => Math.max(move.deliveredSeq, move.readSeq)));
    let after = Math.min(...tellings.map(({ move }) => startOf(move)));
    while (after < through) {
      const rows = await store.senders({ chatId, after, through, limit: sliceRows });
      for (const { seq, senderId } of rows) {
        if (!candidates.has(senderId)) continue;
        for (const { userId, move, readToo, hearers } of tellings) {
          if (userId !== senderId && goesOver(move, seq, readToo)) hearers.add(senderId);
        }
      }
      const last = rows.at(-1);
      if (rows.length < sliceRows || last === undefined) break;
      after = last.seq;
      await otherWork();
    }
    return tellings;
  }

  async function chatOf(chatId: ChatId): Promise<ReceiptChat | undefined> {
    const known = knownChats.get(chatId);
    if (known !== undefined) return known;
    const before = version;
    const chat = await store.receiptChat(chatId, receiptMembersMax);
    if (chat === undefined || version !== before) return chat;
    knownChats.set(chatId, chat);
    const [oldest] = knownChats.keys();
    if (knownChats.size > chatsKnownMax && oldest !== undefined) knownChats.delete(oldest);
    return chat;
  }

  /**
   * How far the members of a chat are, for one of them who asks: each member who lets others know, in chats of up to
   * `receiptMembersMax`; in larger ones how many have got up to `seq`. Where one of the two users of a direct chat blocks the
   * other, the one who asks counts alone.
   */
  async function list(userId: UserId, chatId: ChatId, seq: number): Promise<PlaceCounts & { receipts?: Receipt[] }> {
    const [chat, counts] = await Promise.all([chatOf(chatId), store.placeCounts(chatId, seq)]);
    const { members, blocked = true } = chat ?? {};
    if (members === undefined) return counts;
    const receipts = (await store.places(chatId)).flatMap((place) => {
      const rule = place.userId === userId ? "all" : blocked ? "none" : (members.get(place.userId) ?? "none");
      if (rule === "none") return [];
      return [{ ...place, readSeq: rule === "all" ? place.readSeq : undefined, atMs: undefined }];
    });
    if (!blocked) return { ...counts, receipts };
    const delivered = receipts.filter(({ deliveredSeq }) => deliveredSeq >= seq).length;
    const read = receipts.filter(({ readSeq = 0 }) => readSeq >= seq).length;
    return { members: counts.members, delivered, read, receipts };
  }

  /** Who is in a chat, or whom users block, is otherwise from now on; without a chat it may be any. */
  function changed(chatId?: ChatId): void {
    version += 1;
    if (chatId === undefined) knownChats.clear();
    else knownChats.delete(chatId);
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
    gathered.clear();
    changed();
  }

  return { listen, moved, list, since, changed, stop, isHeard: (): boolean => hearing.size > 0 };
}

const receiptOf = (userId: UserId, { deliveredSeq, readSeq, atMs }: Move, readToo = true): Receipt => ({
  userId,
  deliveredSeq,
  readSeq: readToo ? readSeq : undefined,
  atMs,
});

/** Everything up to here the move did not go over. */
function startOf({ deliveredBefore, deliveredSeq, readBefore, readSeq }: Move): number {
  if (deliveredBefore === deliveredSeq) return readBefore;
  return readBefore === readSeq ? deliveredBefore : Math.min(deliveredBefore, readBefore);
}

const goesOver = (
  { deliveredBefore, deliveredSeq, readBefore, readSeq }: Move,
  seq: number,
  readToo: boolean,
): boolean => (seq > deliveredBefore && seq <= deliveredSeq) || (readToo && seq > readBefore && seq <= readSeq);

const otherWork = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
