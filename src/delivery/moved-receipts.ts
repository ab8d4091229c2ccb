/**
 * Receipts for readers that come and ask: what moved in a user's chats since they asked last, made from the positions. The
 * positions remember by which commit they moved, so nothing is stored for those who ask, however many they are.
 */
import type { MovedMember, MovePlace, ReceiptChat, ReceiptReads } from "../domain/deliveries/receipt-store.ts";
import type { ChatId, ReachedThrough, UserId } from "../domain/model.ts";

/** Given at once; what is beyond comes with the next question. */
const givenMax = 1024;
const chatsAtOnce = 64;
/** A member's position concerns those who wrote one of the last so many messages up to it. */
const ownWithin = 4096;

export interface MovedReceipts {
  readonly receipts: readonly ReachedThrough[];
  /** Where the next question begins. */
  readonly next: MovePlace;
}

type MoveReads = Pick<ReceiptReads, "lastMove" | "chatIds" | "movedMembers" | "newestOwn">;

/** One of the two directions in which a member moved. */
interface Found {
  readonly place: MovePlace;
  readonly reached: ReachedThrough;
}

export function createMovedReceipts(parts: {
  store: MoveReads;
  chatOf(chatId: ChatId): Promise<ReceiptChat | undefined>;
  otherWork(): Promise<void>;
}) {
  const { store, chatOf, otherWork } = parts;

  /** What moved after `after`, in the order of the moves. Without `after` it begins with the moves to come. */
  return async function since(userId: UserId, after: MovePlace | undefined): Promise<MovedReceipts> {
    const through = await store.lastMove();
    const end: MovePlace = { move: through + 1, chatId: 0, userId: 0 };
    // Moves beyond the last one are from before a restore of an older backup.
    if (after === undefined || after.move > through) return { receipts: [], next: end };
    let found: Found[] = [];
    let isCut = false;
    const sorted = (): Found[] => found.toSorted((one, other) => compare(one.place, other.place));
    let chatId = 0;
    for (;;) {
      const chatIds = await store.chatIds(userId, { after: chatId, limit: chatsAtOnce });
      for (const id of chatIds) found.push(...(await movedIn(id, { userId, after, through })));
      if (found.length > 2 * givenMax) {
        found = cut(sorted());
        isCut = true;
      }
      const last = chatIds.at(-1);
      if (last === undefined || chatIds.length < chatsAtOnce) break;
      chatId = last;
      await otherWork();
    }
    const given = cut(sorted());
    const more = isCut || given.length < found.length;
    return { receipts: given.map(({ reached }) => reached), next: (more ? given.at(-1)?.place : undefined) ?? end };
  };

  async function movedIn(
    chatId: ChatId,
    { userId, after, through }: { userId: UserId; after: MovePlace; through: number },
  ): Promise<Found[]> {
    const moved = await store.movedMembers(chatId, { from: after.move, through });
    const others = moved.filter((member) => member.userId !== userId);
    if (others.length === 0) return [];
    const chat = await chatOf(chatId);
    if (chat?.members === undefined || chat.blocked) return [];
    const found: Found[] = [];
    for (const member of others) {
      const rule = chat.members.get(member.userId) ?? "none";
      if (rule !== "none") found.push(foundOf(chat, member, "delivered"));
      if (rule === "all") found.push(foundOf(chat, member, "read"));
    }
    const news = found.filter(({ place }) => compare(place, after) > 0 && place.move <= through);
    return ofOwnMessages(news, { chatId, userId });
  }

  /** Those that went over a message of the user's. */
  async function ofOwnMessages(found: readonly Found[], of: { chatId: ChatId; userId: UserId }): Promise<Found[]> {
    const seqs = [...new Set(found.map(({ reached }) => reached.seq))].toSorted((a, b) => b - a);
    const concerning = new Set<number>();
    let own = Number.POSITIVE_INFINITY;
    for (const seq of seqs) {
      const after = Math.max(0, seq - ownWithin);
      if (own > seq) own = await store.newestOwn({ ...of, after, through: seq });
      if (own > after) concerning.add(seq);
      else if (own === 0) own = Number.POSITIVE_INFINITY;
    }
    return found.filter(({ reached }) => concerning.has(reached.seq));
  }
}

function foundOf({ chatId, chatKey }: ReceiptChat, member: MovedMember, status: "delivered" | "read"): Found {
  const { userId, guid, userKey } = member;
  const [seq, move] =
    status === "read" ? [member.readSeq, member.readMove] : [member.deliveredSeq, member.deliveredMove];
  return {
    place: { move, chatId, userId },
    reached: { chatId, chatKey, status, seq, user: { userId, guid, userKey } },
  };
}

/** The first ones; both directions of one move stay together. */
function cut(sorted: readonly Found[]): Found[] {
  const last = sorted[givenMax - 1];
  if (last === undefined) return [...sorted];
  const next = sorted[givenMax];
  const isPair = next !== undefined && compare(next.place, last.place) === 0;
  return sorted.slice(0, isPair ? givenMax + 1 : givenMax);
}

const compare = (one: MovePlace, other: MovePlace): number =>
  one.move - other.move || one.chatId - other.chatId || one.userId - other.userId;
