/** Token buckets. */
import { expect, test } from "bun:test";
import { TokenRate } from "../../../src/lib/token-bucket.ts";
import { at } from "../../support/manual-clock.ts";

function stage(capacity: number, fillMs: number) {
  let nowMs = 1_000_000;
  let looked = 0;
  const clock = {
    monotonicMs: () => {
      looked += 1;
      return at(nowMs);
    },
  };
  const rate = new TokenRate({ clock, capacity, fillMs });
  const bucket = rate.full();
  const takeAll = (): number => {
    let taken = 0;
    while (rate.take(bucket)) taken += 1;
    return taken;
  };
  return {
    rate,
    bucket,
    takeAll,
    pass: (ms: number) => {
      nowMs += ms;
    },
    looked: () => looked,
  };
}

test("a bucket is full at first, fills evenly, and holds no more than it can", () => {
  const { takeAll, pass } = stage(10, 1000);
  expect(takeAll()).toBe(10);
  pass(99);
  expect(takeAll()).toBe(0);
  pass(1);
  expect(takeAll()).toBe(1);
  pass(500);
  expect(takeAll()).toBe(5);
  pass(1_000_000);
  expect(takeAll()).toBe(10);
});

test("what was spent beyond the tokens is filled up first", () => {
  const { bucket, takeAll, pass } = stage(10, 1000);
  bucket.tokens -= 30;
  pass(2000);
  expect(takeAll()).toBe(0);
  pass(100);
  expect(takeAll()).toBe(1);
});

test("the clock is read only when the bucket is found empty", () => {
  const { rate, bucket, looked } = stage(10, 1000);
  const before = looked();
  for (let n = 0; n < 10; n += 1) rate.take(bucket);
  expect(looked()).toBe(before);
  rate.take(bucket);
  expect(looked()).toBe(before + 1);
});
