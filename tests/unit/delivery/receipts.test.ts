/** Who is told how far a member has got: gathered, to those whose messages it is about, and only where someone hears it. */
import { expect, test } from "bun:test";
import { createReceipts } from "../../../src/delivery/receipts.ts";
import type { ReceiptChat } from "../../../src/domain/deliveries/receipt-store.ts";
import type { DomainEvent, EventOf } from "../../../src/domain/events.ts";
import type { ChatId, ReceiptRule, UserId } from "../../../src/domain/model.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { until } from "../../support/deadline.ts";
import { realClock } from "../../support/manual-clock.ts";

const ann = 10_001 as UserId;
const bob = 10_002 as UserId;
const carl = 10_003 as UserId;
const team = 20_001 as ChatId;
const direct = 20_002 as ChatId;

type Chats = Readonly<Record<number, Partial<ReceiptChat> & { readonly senders: readonly UserId[] | "unreadable" }>>;

const rules = (...users: readonly UserId[]) => new Map<UserId, ReceiptRule>(users.map((userId) => [userId, "all"]));

/** `senders` of a chat sent its messages 1, 2, 3 … */
function stage(chats: Chats, log: Log = silentLog) {
  const told: EventOf<"receipts.told">[] = [];
  let chatReads = 0;
  let senderReads = 0;
  const receipts = createReceipts({
    store: {
      async receiptChat(chatId) {
        chatReads += 1;
        const chat = chats[chatId];
        const members = rules(ann, bob, carl);
        if (chat === undefined) return undefined;
        return { chatId, chatKey: `chat.${chatId}`, kind: "direct", members, blocked: false, ...chat };
      },
      places: () => Promise.resolve([]),
      placeCounts: () => Promise.resolve({ members: 0, delivered: 0, read: 0 }),
      lastMove: () => Promise.resolve(0),
      chatIds: () => Promise.resolve([]),
      movedMembers: () => Promise.resolve([]),
      newestOwn: () => Promise.resolve(0),
      receiptRule: () => Promise.resolve("all"),
      async senders({ chatId, after, through, limit }) {
        senderReads += 1;
        const senders = chats[chatId]?.senders ?? [];
        if (senders === "unreadable") throw new Error("the disk is gone");
        return senders
          .map((senderId, index) => ({ seq: index + 1, senderId }))
          .filter(({ seq }) => seq > after && seq <= through)
          .slice(0, limit);
      },
    },
    hub: { publish: (event: DomainEvent) => void told.push(event as EventOf<"receipts.told">) },
    clock: realClock,
    log,
  });
  const move = (userId: UserId, delivered: [number, number], read: [number, number] = [0, 0], chatId = direct) =>
    receipts.moved({
      type: "position.moved",
      chatId,
      userId,
      deliveredBefore: delivered[0],
      deliveredSeq: delivered[1],
      readBefore: read[0],
      readSeq: read[1],
      to: [userId],
    });
  return {
    receipts,
    move,
    reads: () => ({ chats: chatReads, senders: senderReads }),
    /** What each user was told, as `who told whom: delivered/read`, once so many events came. */
    async told(events: number): Promise<string[]> {
      await until(`${events} events`, () => told.length >= events);
      return told.flatMap(({ to, receipts: list }) =>
        list.map(({ userId, deliveredSeq, readSeq }) => `${userId} to ${to.join()}: ${deliveredSeq}/${readSeq}`),
      );
    },
  };
}

test("a burst is one receipt, from where it began, for the sender alone", async () => {
  const { receipts, move, told } = stage({ [direct]: { senders: [ann, ann, ann, ann] } });
  receipts.listen(ann);
  receipts.listen(carl);
  for (let seq = 1; seq <= 4; seq += 1) move(bob, [seq - 1, seq], [0, Math.min(seq, 2)]);
  expect(await told(1)).toEqual([`${bob} to ${ann}: 4/2`]);
});

test("only those hear of it whose messages the move went over, and never of their own", async () => {
  const { receipts, move, told } = stage({ [direct]: { senders: [ann, bob, carl, ann] } });
  for (const userId of [ann, bob, carl]) receipts.listen(userId);
  move(bob, [2, 3]);
  expect(await told(2)).toEqual([`${bob} to ${bob}: 3/0`, `${bob} to ${carl}: 3/0`]);
  move(carl, [4, 4], [0, 2]);
  expect((await told(5)).slice(2)).toEqual([
    `${carl} to ${carl}: 4/2`,
    `${carl} to ${ann}: 4/2`,
    `${carl} to ${bob}: 4/2`,
  ]);
});

test("in a group, all who got a message are one array for its sender", async () => {
  const many = Array.from({ length: 254 }, (_, index) => (30_000 + index) as UserId);
  const members = rules(ann, bob, ...many);
  const { receipts, move, told } = stage({ [team]: { kind: "group", members, senders: [ann] } });
  receipts.listen(ann);
  for (const userId of members.keys()) move(userId, [0, 1], [0, 0], team);
  const lines = await told(1);
  expect(lines[0]).toBe(`${ann} to ${ann}: 1/0`);
  expect(lines.slice(1)).toEqual([bob, ...many].map((userId) => `${userId} to ${ann}: 1/0`));
});

test.each([
  ["the two block each other", { blocked: true }],
  ["the chat is larger than receipts are for", { members: undefined }],
  ["the member has left", { members: rules(ann, carl) }],
])("the member's own devices alone are told where %s", async (_, chat) => {
  const { receipts, move, told } = stage({ [direct]: { ...chat, senders: [ann] } });
  for (const userId of [ann, bob]) receipts.listen(userId);
  move(bob, [0, 1]);
  move(ann, [0, 1]);
  const lines = await told(2);
  expect(lines).toEqual([`${bob} to ${bob}: 1/0`, `${ann} to ${ann}: 1/0`]);
});

test("who lets others know of delivery alone, or of nothing, is told of so; the own devices hear all", async () => {
  const members = rules(ann, bob, carl).set(bob, "delivered").set(carl, "none");
  const { receipts, move, told } = stage({ [direct]: { members, senders: [ann, ann] } });
  for (const userId of [ann, bob, carl]) receipts.listen(userId);
  move(carl, [0, 2], [0, 2]);
  move(bob, [0, 2], [0, 2]);
  expect(await told(3)).toEqual([`${carl} to ${carl}: 2/2`, `${bob} to ${bob}: 2/2`, `${bob} to ${ann}: 2/undefined`]);
  // Of reading alone nothing is said.
  move(bob, [2, 2], [1, 2]);
  move(ann, [0, 1]);
  expect((await told(5)).slice(3)).toEqual([`${bob} to ${bob}: 2/2`, `${ann} to ${ann}: 1/0`]);
});

test("a chat is read once until it changes, and who it is about is read in slices", async () => {
  const senders = Array.from({ length: 1500 }, (_, index) => (index === 1400 ? ann : carl));
  const { receipts, move, told, reads } = stage({ [direct]: { senders } });
  receipts.listen(ann);
  move(bob, [0, 1500]);
  expect(await told(1)).toEqual([`${bob} to ${ann}: 1500/0`]);
  expect(reads()).toEqual({ chats: 1, senders: 3 });
  move(bob, [1400, 1401]);
  await told(2);
  expect(reads().chats).toBe(1);
  receipts.changed(team);
  move(bob, [1400, 1401]);
  await told(3);
  expect(reads().chats).toBe(1);
  receipts.changed(direct);
  move(bob, [1400, 1401]);
  await told(4);
  receipts.changed();
  move(bob, [1400, 1401]);
  await told(5);
  expect(reads().chats).toBe(3);
});

test("no one hears: nothing is asked for, and what was gathered is dropped with the last who hears", async () => {
  const { receipts, move, told } = stage({ [direct]: { senders: [ann] } });
  expect(receipts.isHeard()).toBe(false);
  const end = receipts.listen(ann);
  const other = receipts.listen(ann);
  expect(receipts.isHeard()).toBe(true);
  end();
  end();
  expect(receipts.isHeard()).toBe(true);
  move(bob, [0, 1]);
  other();
  expect(receipts.isHeard()).toBe(false);
  receipts.listen(ann);
  move(carl, [0, 1]);
  expect(await told(1)).toEqual([`${carl} to ${ann}: 1/0`]);
});

test("a chat that is gone is not told of, and one that cannot be read is logged and keeps nothing from the others", async () => {
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (message: string) => void errors.push(message) };
  const { receipts, move, told } = stage({ [direct]: { senders: [ann] }, [team]: { senders: "unreadable" } }, log);
  receipts.listen(ann);
  move(bob, [0, 1], [0, 0], 99 as ChatId);
  move(bob, [0, 1], [0, 0], team);
  move(bob, [0, 1]);
  expect(await told(1)).toEqual([`${bob} to ${ann}: 1/0`]);
  expect(errors).toEqual(["receipts could not be told"]);
});
