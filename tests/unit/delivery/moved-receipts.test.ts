/** Receipts of readers who come and ask: in the order of the moves, in bounded parts, and nothing twice. */
import { expect, test } from "bun:test";
import { createMovedReceipts } from "../../../src/delivery/moved-receipts.ts";
import type { MovedMember, MovePlace } from "../../../src/domain/deliveries/receipt-store.ts";
import type { ChatId, ReceiptRule, UserId } from "../../../src/domain/model.ts";

const ann = 10_001 as UserId;
const first: MovePlace = { move: 1, chatId: 0, userId: 0 };

interface Chat {
  readonly moved: readonly (readonly [userId: number, delivered: number, by: number, read?: number, readBy?: number])[];
  /** Where Ann wrote; at 1 where it is left out. */
  readonly own?: readonly number[];
  readonly rules?: Readonly<Record<number, ReceiptRule>>;
  readonly blocked?: boolean;
  readonly large?: boolean;
}

function stage(chats: Readonly<Record<number, Chat>>) {
  const memberOf = ([userId, deliveredSeq, deliveredMove, readSeq = 0, readMove = 0]: Chat["moved"][number]) =>
    ({
      userId,
      guid: `g${userId}`,
      userKey: `u${userId}`,
      deliveredSeq,
      readSeq,
      deliveredMove,
      readMove,
    }) as MovedMember;
  const members = (id: number) => (chats[id]?.moved ?? []).map(memberOf);
  const ids = Object.keys(chats).map(Number);
  const reads = { chats: 0, turns: 0 };
  const since = createMovedReceipts({
    store: {
      lastMove: async () =>
        Math.max(...ids.flatMap((id) => members(id).flatMap((one) => [one.deliveredMove, one.readMove]))),
      chatIds: async (_, { after, limit }) => ids.filter((id) => id > after).slice(0, limit) as ChatId[],
      movedMembers: async (chatId, { from, through }) => {
        reads.chats += 1;
        const isIn = (move: number) => move >= from && move <= through;
        return members(chatId).filter((one) => isIn(one.deliveredMove) || isIn(one.readMove));
      },
      newestOwn: async ({ chatId, after, through }) =>
        (chats[chatId]?.own ?? [1]).filter((seq) => seq > after && seq <= through).at(-1) ?? 0,
    },
    chatOf: async (chatId) => ({
      chatId,
      chatKey: `chat.${chatId}`,
      kind: "group",
      blocked: chats[chatId]?.blocked ?? false,
      members: chats[chatId]?.large
        ? undefined
        : new Map(members(chatId).map(({ userId }) => [userId, chats[chatId]?.rules?.[userId] ?? "all"])),
    }),
    otherWork: async () => {
      reads.turns += 1;
    },
  });
  return {
    reads,
    async ask(after: MovePlace | undefined) {
      const { receipts, next } = await since(ann, after);
      return {
        next,
        said: receipts.map(({ chatId, user, status, seq }) => `${chatId} ${user.userId} ${status} ${seq}`),
      };
    },
  };
}

test("each direction that moved, by the order of the moves; asked again there is nothing", async () => {
  const { ask } = stage({
    7: {
      moved: [
        [2, 4, 3, 2, 5],
        [3, 5, 4],
        [ann, 5, 6],
      ],
    },
    8: { moved: [[2, 1, 1]] },
  });
  const { said, next } = await ask(first);
  expect(said).toEqual(["8 2 delivered 1", "7 2 delivered 4", "7 3 delivered 5", "7 2 read 2"]);
  expect(await ask(next)).toEqual({ said: [], next });
  expect((await ask({ move: 4, chatId: 0, userId: 0 })).said).toEqual(["7 3 delivered 5", "7 2 read 2"]);
});

test("a reader without a place, or with one of a later time, begins with what comes", async () => {
  const { ask, reads } = stage({ 7: { moved: [[2, 4, 3]] } });
  expect(await ask(undefined)).toEqual({ said: [], next: { move: 4, chatId: 0, userId: 0 } });
  expect(await ask({ move: 99, chatId: 0, userId: 0 })).toEqual({ said: [], next: { move: 4, chatId: 0, userId: 0 } });
  expect(reads.chats).toBe(0);
});

test("rules, blocks and large chats are kept to, and only places behind a message of the reader's count", async () => {
  const moved = [
    [2, 9, 1, 9, 1],
    [3, 9, 1, 9, 1],
    [4, 9, 1, 9, 1],
    [5, 3, 1, 3, 1],
  ] as const;
  const { ask } = stage({
    7: { moved, own: [4, 6], rules: { 2: "delivered", 3: "none" } },
    8: { moved, blocked: true },
    9: { moved, large: true },
    10: { moved, own: [] },
    // Too far before the place to be looked for.
    11: { moved: [[2, 4100, 1]], own: [4] },
    12: { moved: [[2, 4100, 1]], own: [5] },
  });
  expect((await ask(first)).said).toEqual(["7 2 delivered 9", "7 4 delivered 9", "7 4 read 9", "12 2 delivered 4100"]);
});

test("more than is given at once comes with the next questions, each once, and pairs stay together", async () => {
  const chats: Record<number, Chat> = {};
  for (let id = 1; id <= 300; id += 1) {
    const moved = Array.from(
      { length: 13 },
      (_, at) => [at + 2, 5, 1 + ((id + at) % 2), 5, 1 + ((id + at) % 2)] as const,
    );
    chats[id] = { moved };
  }
  const { ask, reads } = stage(chats);
  const said: string[] = [];
  let place = first;
  let questions = 0;
  for (;;) {
    const answer = await ask(place);
    if (answer.said.length === 0) break;
    expect(answer.said.length).toBeLessThanOrEqual(1025);
    expect(answer.said.length % 2).toBe(0);
    said.push(...answer.said);
    place = answer.next;
    questions += 1;
  }
  expect(said).toHaveLength(300 * 13 * 2);
  expect(new Set(said).size).toBe(said.length);
  expect(questions).toBe(8);
  expect(reads.turns).toBeGreaterThan(8);
});
