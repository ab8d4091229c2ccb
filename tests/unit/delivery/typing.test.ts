/** Who is told that a user types, how often, and what a flood costs. */
import { expect, test } from "bun:test";
import { createTyping } from "../../../src/delivery/typing.ts";
import type { ReceiptChat } from "../../../src/domain/deliveries/receipt-store.ts";
import type { EventOf } from "../../../src/domain/events.ts";
import type { Chat, ChatId, User, UserId } from "../../../src/domain/model.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { until } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const ann = 10_001 as UserId;
const bob = 10_002 as UserId;
const team = 20_001 as ChatId;

const membersOf = (...users: readonly UserId[]) => new Map(users.map((userId) => [userId, "all" as const]));

/** Every chat has Ann and Bob in it, and the key of its number. */
function stage(chat: Partial<ReceiptChat> = {}) {
  const told: EventOf<"chat.typing">[] = [];
  const clock = createManualClock();
  const now = { chat, isMember: true, blockedBy: undefined as UserId | undefined, reads: 0 };
  const idOf = (ref: { id: number } | { key: string }) => ("id" in ref ? ref.id : Number(ref.key)) as ChatId;
  const typing = createTyping({
    store: {
      async findChatOf(_userId, ref) {
        now.reads += 1;
        const chatId = idOf(ref);
        return now.isMember ? ({ kind: "group", ...now.chat, chatId, chatKey: `chat.${chatId}` } as Chat) : undefined;
      },
      async receiptChat(chatId) {
        now.reads += 1;
        const members = membersOf(ann, bob);
        return { chatId, chatKey: `chat.${chatId}`, kind: "group", members, blocked: false, ...now.chat };
      },
      isBlocked: async ({ by }) => by === now.blockedBy,
      findUser: async (userId) => ({ userId, guid: "g", userKey: "u", nick: "n" }) as User,
    },
    hub: { publish: (event) => void told.push(event as EventOf<"chat.typing">) },
    clock,
    log: silentLog,
  });
  const say = (value: boolean, ref: { id: number } | { key: string } = { id: team }, userId = ann) =>
    typing.set({ userId, chat: ref, typing: value, by: "phone" });
  return {
    typing,
    clock,
    say,
    now,
    /** All that was told so far, as `true to …`. */
    said: () => told.map((event) => `${event.typing.typing} to ${event.to.join()}`),
    [Symbol.dispose]: () => typing.stop(),
  };
}

const both = `${ann},${bob}`;

test("it is told at once, then at most once a second, and as it is by then", async () => {
  using one = stage();
  for (let round = 0; round < 100; round += 1) await one.say(true);
  expect(one.said()).toEqual([`true to ${both}`]);
  for (let round = 0; round < 101; round += 1) await one.say(round % 2 === 1);
  expect(one.said()).toHaveLength(1);
  one.clock.advance(1000);
  await until("the end", () => one.said().length === 2);
  expect(one.said()[1]).toBe(`false to ${both}`);
  one.clock.advance(1000);
  await until("nothing is remembered", () => one.typing.size().writers + one.typing.size().checks === 0);
  expect(one.said()).toHaveLength(2);
});

test("who types on is told of again, and who says nothing more has ended after ten seconds", async () => {
  using one = stage();
  await one.say(true);
  for (let second = 0; second < 3; second += 1) {
    one.clock.advance(1000);
    await one.say(true);
  }
  expect(one.said()).toEqual(Array(4).fill(`true to ${both}`));
  one.clock.advance(9999);
  await one.say(true, { id: 20_002 }); // a turn of the timer is a turn for all
  one.clock.advance(1);
  await until("the end", () => one.said().includes(`false to ${both}`));
  await one.say(false);
  expect(one.said().filter((said) => said.startsWith("false"))).toHaveLength(1);
});

test("an end that nothing preceded is not told", async () => {
  using one = stage();
  await one.say(false);
  expect([one.said(), one.typing.size().writers]).toEqual([[], 0]);
});

test("where one blocks the other only one's own clients are told, and the blocked one is refused", async () => {
  using one = stage({ kind: "direct", blocked: true });
  one.now.blockedBy = bob;
  await expect(one.say(true)).rejects.toMatchObject({ code: "not_a_member" });
  one.now.blockedBy = ann;
  await one.say(true);
  expect(one.said()).toEqual([`true to ${ann}`]);
});

test("the right to write is judged anew when it may have changed, also for what is told later", async () => {
  using one = stage();
  await one.say(true);
  one.now.isMember = false;
  one.typing.changed();
  await expect(one.say(true)).rejects.toMatchObject({ code: "chat_not_found" });
  one.now.chat = { members: membersOf(bob) };
  one.clock.advance(10_000);
  await until("the end", () => one.said().length === 2);
  expect(one.said()[1]).toBe(`false to ${ann}`);
});

test("in a large chat only one's own clients are told", async () => {
  using one = stage({ members: undefined });
  await one.say(true);
  expect(one.said()).toEqual([`true to ${ann}`]);
});

test("a flood costs no read each, and what is remembered is bounded", async () => {
  using one = stage();
  await one.say(true);
  const { reads } = one.now;
  for (let round = 0; round < 10_000; round += 1) await one.say(round % 2 === 0);
  expect(one.now.reads).toBe(reads);
  for (let chat = 1; chat <= 20_000; chat += 1) await one.say(true, { id: chat });
  expect(one.typing.size().writers).toBe(32);
  expect(one.typing.size().checks).toBeLessThanOrEqual(16_384);
  // Others are told of meanwhile.
  await one.say(true, { id: team }, bob);
  expect(one.typing.size().writers).toBe(33);
});
