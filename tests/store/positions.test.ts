/** The mover of positions: what each way of confirming moves, and that it says so. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { MovedPosition, Moves } from "../../src/store/sqlite/deliveries/positions.ts";
import type { NamedChange } from "../../src/store/sqlite/engine/committer.ts";
import { openStage, type Stage, valuesOf } from "./committer-stage.ts";

/** A chat of two in which the first has sent `count` messages. */
function conversation(stage: Stage, count: number) {
  const { chatId, ids } = stage.chatOf("Ann", "Bob");
  const [ann = 0, bob = 0] = ids;
  const sent = valuesOf(
    stage.commit(
      ...Array.from(
        { length: count },
        (): NamedChange => ["appendMessage", { chat: { id: chatId }, from: ann, type: "text", content: "hi" }],
      ),
    ),
  ) as [number][];
  return { chatId, ann, bob, messageIds: sent.map(([messageId]) => messageId) };
}

function deviceIn(stage: Stage, userId: number, name: string): number {
  const [opened] = valuesOf(stage.commit(["openDevice", { userId, door: "mqtt", name }]));
  return (opened as { deviceId: number }).deviceId;
}

const statuses = (userId: number, status: "delivered" | "read", messageIds: number[], deviceId: number | null = null) =>
  [
    "confirmStatuses",
    { userId, deviceId, messages: [], confirmations: messageIds.map((messageId) => ({ messageId, status })) },
  ] as const;

function movedBy(stage: Stage, change: NamedChange): readonly MovedPosition[] {
  const [value] = valuesOf(stage.commit(change));
  return (value as Moves).moved;
}

test("whichever way a message is confirmed, the change says which position moved", () => {
  for (const way of ["advance", "confirmMessages", "confirmStatuses"] as const) {
    using stage = openStage();
    const { chatId, bob, messageIds } = conversation(stage, 2);
    const change: NamedChange = {
      advance: ["advance", { moves: [[bob, 0, chatId, 1, 2, 0]] }] as const,
      confirmMessages: ["confirmMessages", { moves: [[bob, 0, chatId, [[1, 2]]]] }] as const,
      confirmStatuses: statuses(bob, "delivered", messageIds),
    }[way];
    expect([way, movedBy(stage, change)]).toEqual([way, [[chatId, bob, 0, 2, 0, 0]]]);
    expect([way, movedBy(stage, change)]).toEqual([way, []]);
  }
});

test("a message that was read moves what was read, and nothing else", () => {
  using stage = openStage();
  const { chatId, bob, messageIds } = conversation(stage, 3);
  expect(movedBy(stage, statuses(bob, "read", messageIds.slice(1, 2)))).toEqual([[chatId, bob, 0, 0, 0, 2]]);
  expect(movedBy(stage, statuses(bob, "read", messageIds.slice(0, 1)))).toEqual([]);
  expect(movedBy(stage, statuses(bob, "delivered", messageIds))).toEqual([[chatId, bob, 0, 3, 2, 2]]);
});

test("everything up to a place is read at once, and delivered with it", () => {
  using stage = openStage();
  const { chatId, bob, messageIds } = conversation(stage, 4);
  const phone = deviceIn(stage, bob, "phone");
  stage.commit(statuses(bob, "read", messageIds.slice(3, 4)));
  expect(movedBy(stage, ["advance", { moves: [[bob, phone, chatId, 1, 3, 2]] }])).toEqual([[chatId, bob, 0, 3, 4, 4]]);
  expect(movedBy(stage, ["advance", { moves: [[bob, phone, chatId, 1, 3, 2]] }])).toEqual([]);
  expect(movedBy(stage, ["advance", { moves: [[bob, 0, chatId, 1, 5, 2]] }])).toEqual([]);
  expect(stage.rows("SELECT delivered_seq, read_ranges FROM device_positions")).toEqual([[3, "[[1,3]]"]]);
  expect(stage.rows(`SELECT read_ranges FROM members WHERE user_id = ${bob}`)).toEqual([["[[1,4]]"]]);
});

test("who may not write in a chat now says nothing of having read it, whichever way", () => {
  using stage = openStage();
  const [ann, bob] = stage.chatOf("Ann", "Bob").ids as [number, number];
  const say: NamedChange = ["appendMessage", { chat: { id: bob }, from: ann, type: "text", content: "hi" }];
  const sent = valuesOf(stage.commit(say, say, say)) as [number, unknown][];
  const messageIds = sent.map(([messageId]) => messageId);
  const [[direct = 0] = []] = stage.rows("SELECT chat_id FROM chats WHERE kind = 'direct'") as number[][];
  const read = () => stage.rows(`SELECT read_seq FROM members WHERE chat_id = ${direct} AND user_id = ${bob}`);
  stage.commit(["blockContact", { userId: ann, contactId: bob }]);
  // It need not come again.
  expect(movedBy(stage, ["advance", { moves: [[bob, 0, direct, 1, 2, 2]] }])).toEqual([[direct, bob, 0, 2, 0, 0]]);
  expect(movedBy(stage, statuses(bob, "read", messageIds))).toEqual([]);
  const { outcomes } = stage.commit(["readThrough", { userId: bob, deviceId: 0, chat: { id: direct }, seq: 3 }]);
  expect([outcomes[0]?.[0] === 0, read()]).toEqual([false, [[0]]]);
  stage.commit(["unblockContact", { userId: ann, contactId: bob }]);
  expect(movedBy(stage, statuses(bob, "read", messageIds.slice(0, 1)))).toEqual([[direct, bob, 2, 2, 0, 1]]);
  expect(movedBy(stage, ["advance", { moves: [[bob, 0, direct, 1, 3, 2]] }])).toEqual([[direct, bob, 2, 3, 1, 3]]);
  // In a chat since left nothing is read either.
  stage.commit(["blockContact", { userId: bob, contactId: ann }]);
  expect(movedBy(stage, ["advance", { moves: [[bob, 0, direct, 1, 3, 2]] }])).toEqual([]);
  expect(read()).toEqual([[3]]);
});

test("the system is told nothing of who got its messages, and the position moves all the same", () => {
  using stage = openStage();
  const { chatId, ids } = stage.chatOf("Ann");
  const [ann = 0] = ids;
  const said: NamedChange = ["appendMessage", { chat: { id: chatId }, from: 0, type: "text", content: "maintenance" }];
  const [sent] = valuesOf(stage.commit(said)) as [number][];
  const events = stage.rows("SELECT count(*) FROM events");
  const [confirmed] = valuesOf(stage.commit(statuses(ann, "delivered", [sent?.[0] ?? 0])));
  expect(confirmed).toMatchObject({ told: [], moved: [[chatId, ann, 0, 1, 0, 0]] });
  expect(stage.rows("SELECT count(*) FROM events")).toEqual(events);
});

test("what is confirmed beyond a gap moves nothing until the gap closes, whichever way it closes", () => {
  for (const way of ["advance", "confirmMessages", "confirmStatuses"] as const) {
    using stage = openStage();
    const { chatId, bob, messageIds } = conversation(stage, 6);
    expect(movedBy(stage, ["confirmMessages", { moves: [[bob, 0, chatId, [[3, 4]]]] }])).toEqual([]);
    const change: NamedChange = {
      advance: ["advance", { moves: [[bob, 0, chatId, 1, 2, 0]] }] as const,
      confirmMessages: ["confirmMessages", { moves: [[bob, 0, chatId, [[1, 2]]]] }] as const,
      confirmStatuses: statuses(bob, "delivered", messageIds.slice(0, 2)),
    }[way];
    expect([way, movedBy(stage, change)]).toEqual([way, [[chatId, bob, 0, 4, 0, 0]]]);
    expect(stage.rows(`SELECT delivered_ranges FROM members WHERE user_id = ${bob}`)).toEqual([[null]]);
  }
});

test("a user has got what any of their clients confirmed, and nothing that all of them missed", () => {
  using stage = openStage();
  const { chatId, ann, bob } = conversation(stage, 2);
  const open = (name: string) => deviceIn(stage, bob, name);
  const say: NamedChange = ["appendMessage", { chat: { id: chatId }, from: ann, type: "text", content: "hi" }];
  const place = () => stage.rows(`SELECT delivered_seq, delivered_ranges FROM members WHERE user_id = ${bob}`)[0];
  const devices = () => stage.rows("SELECT delivered_seq, delivered_ranges FROM device_positions ORDER BY device_id");
  // A client without a position of its own took two of the middle.
  stage.commit(say, say, say);
  expect(movedBy(stage, ["advance", { moves: [[bob, 0, chatId, 3, 4, 0]] }])).toEqual([]);
  expect(place()).toEqual([0, "[[3,4]]"]);
  const phone = open("phone");
  expect(devices()).toEqual([[0, "[[3,4]]"]]);
  // One that skips the chat moves alone. What it takes after that does not cover what it skipped.
  stage.commit(["advance", { moves: [[bob, phone, chatId, 1, 5, 1]] }], say);
  expect(movedBy(stage, ["advance", { moves: [[bob, phone, chatId, 6, 6, 0]] }])).toEqual([]);
  expect(place()).toEqual([0, "[[3,4],[6,6]]"]);
  const desk = open("desk");
  expect(movedBy(stage, ["confirmMessages", { moves: [[bob, desk, chatId, [[2, 2]]]] }])).toEqual([]);
  expect(movedBy(stage, ["advance", { moves: [[bob, desk, chatId, 1, 1, 0]] }])).toEqual([[chatId, bob, 0, 4, 0, 0]]);
  expect(place()).toEqual([4, "[[6,6]]"]);
  expect(devices()).toEqual([
    [6, null],
    [4, "[[6,6]]"],
  ]);
  // In a chat in which nothing waits, a device needs no position.
  stage.commit(["advance", { moves: [[bob, 0, chatId, 5, 5, 0]] }]);
  open("tablet");
  expect(devices()).toHaveLength(2);
});

test("a device that passes over moves nothing of its user's, and one that confirms moves both", () => {
  using stage = openStage();
  const { chatId, ann, bob } = conversation(stage, 0);
  const deviceId = deviceIn(stage, bob, "phone");
  const say: NamedChange = ["appendMessage", { chat: { id: chatId }, from: ann, type: "text", content: "hi" }];
  stage.commit(say, say, say);
  expect(movedBy(stage, ["advance", { moves: [[bob, deviceId, chatId, 1, 2, 1]] }])).toEqual([]);
  expect(movedBy(stage, ["advance", { moves: [[bob, deviceId, chatId, 1, 1, 0]] }])).toEqual([
    [chatId, bob, 0, 1, 0, 0],
  ]);
  expect(movedBy(stage, ["confirmMessages", { moves: [[bob, deviceId, chatId, [[3, 3]]]] }])).toEqual([]);
  expect(stage.rows(`SELECT delivered_ranges FROM members WHERE user_id = ${bob}`)).toEqual([["[[3,3]]"]]);
  expect(stage.rows("SELECT delivered_seq FROM device_positions")).toEqual([[3]]);
});

test("positions agree with a plain model, whatever is confirmed in whatever way and order", () => {
  const length = 12;
  const move = fc.record({
    way: fc.constantFrom("advance", "confirmMessages", "confirmStatuses"),
    from: fc.integer({ min: 1, max: length }),
    more: fc.integer({ min: 0, max: 3 }),
  });
  using stage = openStage();
  fc.assert(
    fc.property(fc.array(move, { maxLength: 14 }), (moves) => {
      const { chatId, bob, messageIds } = conversation(stage, length);
      const confirmed = new Set<number>();
      let position = 0;
      for (const { way, from, more } of moves) {
        const to = Math.min(from + more, length);
        const before = position;
        for (let seq = way === "advance" && more < 2 ? 1 : from; seq <= to; seq += 1) confirmed.add(seq);
        while (confirmed.has(position + 1)) position += 1;
        const change: NamedChange =
          way === "advance"
            ? ["advance", { moves: [[bob, 0, chatId, more < 2 ? 1 : from, to, 0]] }]
            : way === "confirmMessages"
              ? ["confirmMessages", { moves: [[bob, 0, chatId, [[from, to]]]] }]
              : statuses(bob, "delivered", messageIds.slice(from - 1, to));
        expect(movedBy(stage, change)).toEqual(position > before ? [[chatId, bob, before, position, 0, 0]] : []);
      }
    }),
    { numRuns: 60 },
  );
});
