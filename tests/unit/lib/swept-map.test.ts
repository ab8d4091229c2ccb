/** A table that forgets entries which mean nothing any more. */
import { expect, test } from "bun:test";
import { SweptMap } from "../../../src/lib/swept-map.ts";
import { at } from "../../support/manual-clock.ts";

test("stale entries go when the table would grow past its bound, others stay however many there are", () => {
  const map = new SweptMap<number, { readonly untilMs: number }>(({ untilMs }, nowMs) => untilMs <= nowMs);
  for (let key = 0; key < 1024; key += 1) map.add(key, { untilMs: key % 2 === 0 ? 10 : 1000 }, at(0));
  expect(map.size).toBe(1024);
  map.add(5000, { untilMs: 1000 }, at(10));
  expect(map.size).toBe(513);
  expect([map.get(0), map.get(1), map.get(5000)]).toEqual([undefined, { untilMs: 1000 }, { untilMs: 1000 }]);
  for (let key = 10_000; key < 15_000; key += 1) map.add(key, { untilMs: 1000 }, at(10));
  expect(map.size).toBe(5513);
});

test("sweeps grow rare as the table grows", () => {
  let looked = 0;
  const map = new SweptMap<number, number>(() => {
    looked += 1;
    return false;
  });
  for (let key = 0; key < 100_000; key += 1) map.add(key, key, at(0));
  expect(looked).toBeLessThan(2 * 100_000);
});
