/** How many large answers an account may leave unread, and what waits for them. */
import { expect, test } from "bun:test";
import type { UserId } from "../../../src/domain/model.ts";
import { json } from "../../../src/rest/json.ts";
import { LargeAnswers } from "../../../src/rest/large-answers.ts";
import type { Holder } from "../../../src/rest/memory.ts";

const mib = 1024 * 1024;
const ann = 1 as UserId;
const info = { address: "192.0.2.1", timeouts: { timeout() {} } };
const hurrying = () => {
  let nowMs = 0;
  return () => (nowMs += 60_000);
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

interface Opening {
  readonly account?: string | null;
  readonly waitMs?: number;
  nowMs?(): number;
}

/** Without a clock of its own so much time passes between any two steps that nothing is paced. */
function open({ account = "user:1", waitMs = 60_000, nowMs = hurrying() }: Opening = {}) {
  const holders: Holder[] = [];
  const answers = new LargeAnswers({
    memory: { answersBytesMax: 16 * mib, grew: (holder) => void holders.push(holder) },
    callerOf: async () => ({ account: account ?? undefined }),
    waitMs,
    monotonicMs: nowMs,
  });
  const answer = async (bytes: number): Promise<Response> => {
    const response = await answers.counted(new Request("http://x/"), info, json("x".repeat(bytes)));
    if (response === undefined) throw new Error("it is not large");
    return response;
  };
  const begun: number[] = [];
  /** Reads a page, that gives its number, when there is room for it. */
  const page = (n: number, { signal = new AbortController().signal, of = ann } = {}): Promise<number> =>
    answers.page(of, { signal }, async () => {
      begun.push(n);
      return n;
    });
  return { answers, holders, answer, page, begun };
}

test("a small answer is sent as it is, a large one arrives whole and holds nothing then", async () => {
  const { answers, holders, answer } = open();
  expect(answers.counted(new Request("http://x/"), info, json("{}"))).toBeUndefined();
  const response = await answer(300_000);
  expect(holders[0]).toMatchObject({ holder: "user:1", heldBytes: 300_000 });
  expect(await response.text()).toBe("x".repeat(300_000));
  expect(holders[0]?.heldBytes).toBe(0);
});

test("pages wait while much is unread, and another user waits for none", async () => {
  const { answer, page, begun } = open();
  const first = await answer(8 * mib);
  await page(1); // 4 MiB more would fit
  await turn();
  const second = await answer(5 * mib);
  const waiting = [page(2), page(3)];
  await page(9, { of: 2 as UserId });
  expect(begun).toEqual([1, 9]);
  await second.arrayBuffer();
  expect(await Promise.all(waiting)).toEqual([2, 3]);
  expect(begun).toEqual([1, 9, 2, 3]);
  await first.body?.cancel();
  expect(await page(4)).toBe(4);
});

test("pages that are being read take room too, and one that fails gives it back", async () => {
  const { answers } = open();
  const reads = Array.from({ length: 6 }, () => Promise.withResolvers<number>());
  let begun = 0;
  const { signal } = new AbortController();
  const pages = reads.map(({ promise }) =>
    answers.page(ann, { signal }, () => {
      begun += 1;
      return promise;
    }),
  );
  expect(begun).toBe(4);
  reads[0]?.reject(new Error("no"));
  await expect(pages[0]).rejects.toThrow("no");
  await turn();
  await turn();
  await turn();
  expect(begun).toBe(5);
  for (const { resolve } of reads) resolve(1);
  expect(await Promise.all(pages.slice(1))).toEqual([1, 1, 1, 1, 1]);
});

test("after a large answer pages are read one after the other, and after a small one beside each other", async () => {
  const { answers, answer } = open();
  const { signal } = new AbortController();
  let begun = 0;
  const held = Promise.withResolvers<void>();
  const pages = (count: number) =>
    Array.from({ length: count }, () =>
      answers.page(ann, { signal }, () => {
        begun += 1;
        return held.promise;
      }),
    );
  const large = await answer(mib);
  const few = pages(2);
  expect(begun).toBe(1);
  held.resolve();
  await Promise.all(few);
  expect(begun).toBe(2);
  await large.arrayBuffer();
  await (await answer(mib - 1)).arrayBuffer();
  const many = pages(3);
  expect(begun).toBe(5);
  await Promise.all(many);
});

test("a page that waits too long, or whose client is gone, is refused", async () => {
  const { answer, page } = open({ waitMs: 1 });
  await answer(16 * mib);
  await expect(page(1)).rejects.toThrow("not read yet");
  const patient = open();
  await patient.answer(16 * mib);
  const gone = new AbortController();
  const waiting = patient.page(1, { signal: gone.signal });
  gone.abort();
  await expect(waiting).rejects.toThrow("not read yet");
});

test("one that has to end breaks off", async () => {
  const { holders, answer } = open();
  const response = await answer(mib);
  const reading = response.text();
  holders[0]?.endForRoom();
  await expect(reading).rejects.toThrow("too much waited");
  expect(holders[0]?.heldBytes).toBe(0);
});

test("a backend waits for nothing", async () => {
  const { holders, answer, page } = open({ account: null });
  for (let n = 0; n < 8; n += 1) await answer(4 * mib);
  expect(holders.map(({ holder, isUnshared }) => [holder, isUnshared])).toEqual(Array(8).fill(["backend", true]));
  expect(await page(1)).toBe(1);
});

test("the pages of a user follow each other at a pace, however soon they are taken", async () => {
  let nowMs = 0;
  const { answer, page, begun } = open({ nowMs: () => nowMs });
  await (await answer(2 * mib)).arrayBuffer();
  const waiting = page(1);
  await page(9, { of: 2 as UserId });
  for (let n = 0; n < 5; n += 1) await turn();
  expect(begun).toEqual([9]);
  nowMs += 1000;
  expect(await waiting).toBe(1);
  expect(await page(2)).toBe(2);
});
