/** Confirmations gathered into few writes: the newest per device and chat, in order, and none lost by a failure unnoticed. */
import { expect, test } from "bun:test";
import { createDeliveries } from "../../../src/domain/deliveries/deliveries.ts";
import type { ChatId, DeviceId, UserId } from "../../../src/domain/model.ts";
import type { Advance, Confirmed, Store } from "../../../src/domain/store.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { withDeadline } from "../../support/deadline.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const ann = 10_001 as UserId;
const bob = 10_002 as UserId;
const phone = 1 as DeviceId;
const laptop = 2 as DeviceId;
const team = 20_001 as ChatId;
const other = 20_002 as ChatId;

/** A store of which only positions are used; it answers when `answer` says so, and `commit` is another change's commit. */
function stage(answer: (moves: readonly Advance[]) => Promise<void> = () => Promise.resolve(), log: Log = silentLog) {
  const written: (readonly Advance[])[] = [];
  const confirmed: (readonly Confirmed[])[] = [];
  /** How many writes came before each device. */
  const opened: number[] = [];
  const clock = createManualClock();
  let commit = (): void => {};
  const store = {
    beforeCommit(listener: () => void) {
      commit = listener;
    },
    advance(moves: readonly Advance[]) {
      written.push(moves);
      return answer(moves);
    },
    confirmMessages(moves: readonly Confirmed[]) {
      confirmed.push(moves);
      return answer([]);
    },
    async openDevice() {
      opened.push(written.length);
      return { deviceId: laptop, isNew: true };
    },
  } as Pick<Store, "advance" | "confirmMessages" | "openDevice" | "beforeCommit"> as Store;
  return {
    written,
    confirmed,
    opened,
    clock,
    commit: () => commit(),
    deliveries: createDeliveries({ store, clock, log }),
  };
}

const brief = (moves: readonly Advance[] | undefined) =>
  moves?.map((move) => [move.userId, move.deviceId, move.chatId, move.fromSeq, move.deliveredSeq]);

test("what follows without a gap is one run, per user, device and chat", async () => {
  const { written, deliveries } = stage();
  for (let seq = 1; seq <= 500; seq += 1) {
    deliveries.delivered(ann, phone, team, seq);
    deliveries.delivered(ann, laptop, team, seq * 2, seq * 2 - 1);
    deliveries.delivered(ann, undefined, team, seq + 1);
    deliveries.delivered(bob, phone, other, 7);
    deliveries.delivered(ann, phone, other, 3);
  }
  await deliveries.flush();
  expect(written).toHaveLength(1);
  expect(brief(written[0])).toEqual([
    [ann, phone, team, 1, 500],
    [ann, laptop, team, 1, 1000],
    [ann, undefined, team, 2, 501],
    [bob, phone, other, 7, 7],
    [ann, phone, other, 3, 3],
  ]);
});

test("a gap begins another run: several clients of a user without a device may confirm at once", async () => {
  const { written, deliveries } = stage();
  for (const seq of [4, 5, 4, 9, 2, 3]) deliveries.delivered(ann, undefined, team, seq);
  await deliveries.flush();
  expect(brief(written[0])).toEqual([
    [ann, undefined, team, 4, 5],
    [ann, undefined, team, 9, 9],
    [ann, undefined, team, 2, 3],
  ]);
});

test("what one user confirmed is waited for, and nothing for who confirmed nothing", async () => {
  const answers: (() => void)[] = [];
  const { written, confirmed, deliveries } = stage(() => new Promise((resolve) => answers.push(resolve)));
  deliveries.delivered(ann, phone, team, 1);
  deliveries.confirmed(ann, phone, team, 3);
  const log: string[] = [];
  await deliveries.settled(bob);
  expect(written).toHaveLength(0);
  const waiting = [deliveries.settled(ann).then(() => log.push("gathered"))];
  expect([written.length, confirmed.length]).toEqual([1, 1]);
  waiting.push(deliveries.settled(ann).then(() => log.push("under way")));
  await deliveries.settled(bob);
  expect(log).toEqual([]);
  for (const answer of answers) answer();
  await Promise.all(waiting);
  await deliveries.settled(ann);
  expect([written.length, confirmed.length, log.length]).toEqual([1, 1, 2]);
});

test("a new device is opened behind what was gathered", async () => {
  const { written, opened, deliveries } = stage();
  deliveries.delivered(ann, phone, team, 1);
  expect(await deliveries.openDevice({ userId: ann, door: "mqtt", name: "laptop" })).toEqual({
    deviceId: laptop,
    isNew: true,
  });
  expect(opened).toEqual([written.length]);
  expect(written).toHaveLength(1);
});

test("passing over and delivering are told apart", async () => {
  const { written, deliveries } = stage();
  deliveries.passedOver(ann, phone, team, 9);
  deliveries.delivered(ann, phone, team, 4);
  deliveries.passedOver(ann, phone, team, 7);
  await deliveries.flush();
  expect(written[0]).toEqual([
    { userId: ann, deviceId: phone, chatId: team, deliveredSeq: 9, passedOver: true },
    { userId: ann, deviceId: phone, chatId: team, fromSeq: 4, deliveredSeq: 4 },
  ]);
});

test("nothing gathered is nothing written", async () => {
  const { written, deliveries } = stage();
  await deliveries.flush();
  deliveries.delivered(ann, phone, team, 1);
  await deliveries.flush();
  await deliveries.flush();
  expect(written).toHaveLength(1);
});

test("what is not flushed is written by itself", async () => {
  const done = Promise.withResolvers<void>();
  const { written, deliveries } = stage(async () => done.resolve());
  deliveries.delivered(ann, phone, team, 1);
  deliveries.delivered(ann, phone, team, 2);
  expect(written).toHaveLength(0);
  await withDeadline("the position to be written", done.promise);
  expect(brief(written[0])).toEqual([[ann, phone, team, 1, 2]]);
});

test("what is gathered has an end: then it is written at once", async () => {
  const { written, deliveries } = stage();
  for (let user = 1; user <= 10_000; user += 1) deliveries.delivered(user as UserId, undefined, team, 1);
  await deliveries.flush();
  expect(written.map((moves) => moves.length)).toEqual([4096, 4096, 1808]);
});

test("a write is submitted at once, and a flush waits for all that are under way", async () => {
  const answers: (() => void)[] = [];
  const { written, deliveries } = stage(() => new Promise((resolve) => answers.push(resolve)));
  const log: string[] = [];
  deliveries.delivered(ann, phone, team, 1);
  const first = deliveries.flush().then(() => log.push("first"));
  deliveries.delivered(ann, phone, team, 2);
  const second = deliveries.flush().then(() => log.push("second"));
  const third = deliveries.flush().then(() => log.push("third"));
  expect([brief(written[0]), brief(written[1])]).toEqual([[[ann, phone, team, 1, 1]], [[ann, phone, team, 2, 2]]]);
  answers[1]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual([]);
  answers[0]?.();
  await Promise.all([first, second, third]);
  expect(log[0]).toBe("first");
});

test("a write that fails is logged, and the next one goes on", async () => {
  const warnings: string[] = [];
  let attempts = 0;
  const { written, deliveries } = stage(
    () => (++attempts === 1 ? Promise.reject(new Error("disk full")) : Promise.resolve()),
    { ...silentLog, warn: (message) => void warnings.push(message) },
  );
  deliveries.delivered(ann, phone, team, 1);
  await deliveries.flush();
  expect(warnings).toEqual(["positions could not be written; messages will repeat"]);
  deliveries.delivered(ann, phone, team, 1);
  await deliveries.flush();
  expect([written.length, warnings.length]).toEqual([2, 1]);
});

test("positions ride along with another change's commit, but not with every one", () => {
  const { written, clock, commit, deliveries } = stage();
  commit();
  expect(written).toHaveLength(0);
  deliveries.delivered(ann, phone, team, 1);
  commit();
  expect(brief(written[0])).toEqual([[ann, phone, team, 1, 1]]);
  deliveries.delivered(ann, phone, team, 2);
  commit();
  expect(written).toHaveLength(1);
  clock.advance(25);
  commit();
  expect(brief(written[1])).toEqual([[ann, phone, team, 2, 2]]);
});

test("confirmations of single messages are gathered as ranges, per user, device and chat", async () => {
  const { written, confirmed, deliveries } = stage();
  for (const seq of [3, 4, 9, 5, 4, 8]) deliveries.confirmed(ann, phone, team, seq);
  deliveries.confirmed(ann, undefined, team, 1);
  deliveries.confirmed(bob, undefined, other, 2);
  await deliveries.flush();
  await deliveries.flush();
  expect(written).toEqual([]);
  expect(confirmed).toEqual([
    [
      {
        userId: ann,
        deviceId: phone,
        chatId: team,
        ranges: [
          [3, 5],
          [8, 9],
        ],
      },
      { userId: ann, deviceId: undefined, chatId: team, ranges: [[1, 1]] },
      { userId: bob, deviceId: undefined, chatId: other, ranges: [[2, 2]] },
    ],
  ]);
});

test("confirmations that cannot be written are logged, and the next ones are", async () => {
  const warned: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => warned.push(message) };
  let fails = true;
  const { confirmed, deliveries } = stage(() => (fails ? Promise.reject(new Error("full")) : Promise.resolve()), log);
  deliveries.confirmed(ann, phone, team, 1);
  await deliveries.flush();
  expect(warned).toHaveLength(1);
  fails = false;
  deliveries.confirmed(ann, phone, team, 2);
  await deliveries.flush();
  expect(warned).toHaveLength(1);
  expect(confirmed.map((moves) => moves[0]?.ranges)).toEqual([[[1, 1]], [[2, 2]]]);
});
