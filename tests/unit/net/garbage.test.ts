/** When the collector is asked to look. */
import { expect, test } from "bun:test";
import { Garbage } from "../../../src/net/garbage.ts";

const mib = 1024 * 1024;

function open({ tookMs = 10 } = {}) {
  const now = { externalMib: 5, usedMib: 5, ms: 0, collections: 0 };
  const garbage = new Garbage({
    externalBytes: () => now.externalMib * mib,
    nowMs: () => now.ms,
    collect: () => {
      now.collections++;
      now.ms += tookMs;
      now.externalMib = now.usedMib;
    },
  });
  /** Frames of 1 MiB, all of which become garbage. */
  const frames = (count: number): void => {
    for (let n = 0; n < count; n++) {
      now.externalMib++;
      now.ms++;
      garbage.passed(mib);
    }
  };
  return { now, garbage, frames };
}

test("large frames that follow each other never leave much garbage", () => {
  const { now, frames } = open({ tookMs: 1 });
  let most = 0;
  for (let n = 0; n < 400; n++) {
    frames(1);
    most = Math.max(most, now.externalMib);
  }
  // What was there at the start may be garbage too: that shows after the first collection.
  expect(most).toBeLessThanOrEqual(5 + 16 + 4);
  expect(now.collections).toBeGreaterThan(400 / (16 + 4) - 2);
});

test("what stays in use is no garbage", () => {
  const { now, garbage } = open();
  now.externalMib = now.usedMib = 200;
  garbage.passed(4 * mib);
  expect(now.collections).toBe(1);
  for (let n = 0; n < 100; n++) garbage.passed(4 * mib);
  expect(now.collections).toBe(1);
});

test("little that passes is not looked at", () => {
  const { now, garbage } = open();
  now.externalMib = 100;
  garbage.passed(4 * mib - 1);
  expect(now.collections).toBe(0);
  garbage.passed(1);
  expect(now.collections).toBe(1);
});

test("collecting takes a fifth of the time at most, and less where it holds up others", () => {
  const short = open({ tookMs: 20 });
  short.frames(1000);
  expect(short.now.collections * 20).toBeLessThanOrEqual(short.now.ms / 5 + 20);
  const long = open({ tookMs: 21 });
  long.frames(3000);
  // Besides what was saved up.
  expect(long.now.collections * 21).toBeLessThanOrEqual(300 + long.now.ms / 50 + 21);
});

test("the first long collections follow each other as short ones do, and again after a while without any", () => {
  const { now, frames } = open({ tookMs: 50 });
  frames(3000);
  const first = now.collections;
  expect(first).toBeGreaterThanOrEqual(300 / 50);
  frames(200);
  expect(now.collections - first).toBeLessThanOrEqual(1);
  now.ms += 300 * 50;
  frames(1500);
  expect(now.collections - first).toBeGreaterThanOrEqual(300 / 50);
});

test("bytes outside of the heap are read from the runtime", () => {
  let collections = 0;
  const garbage = new Garbage({ collect: () => void collections++ });
  const held = new Uint8Array(64 * mib);
  garbage.passed(4 * mib);
  expect(collections).toBe(1);
  expect(held.length).toBe(64 * mib);
});
