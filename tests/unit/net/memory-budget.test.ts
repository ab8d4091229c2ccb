/** Who pays when too much waits in memory. */
import { expect, test } from "bun:test";
import { silentLog } from "../../../src/lib/log.ts";
import { type Holder, MemoryBudget } from "../../../src/net/memory-budget.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const mib = 1024 * 1024;

class Waiting implements Holder {
  heldBytes: number;
  readonly holder: string | undefined;
  ended = false;

  constructor(holder: string | undefined, mebibytes: number) {
    this.holder = holder;
    this.heldBytes = mebibytes * mib;
  }

  endForRoom(): void {
    this.ended = true;
    this.heldBytes = 0;
  }
}

async function endedOf(holders: readonly Waiting[], kept = 0): Promise<boolean[]> {
  const limits = { memoryBytesMax: 64 * mib, accountBytesMax: 24 * mib, strangersBytesMax: 8 * mib };
  const memory = new MemoryBudget({ limits, log: silentLog });
  memory.keep("retained", kept * mib);
  for (const holder of holders) memory.grew(holder, holder.heldBytes);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  return holders.map(({ ended }) => ended);
}

test("within the limits all stay", async () => {
  const holders = [new Waiting("a", 24), new Waiting("b", 24), new Waiting(undefined, 8)];
  expect(await endedOf(holders)).toEqual([false, false, false]);
});

test("strangers pay for strangers, the largest first", async () => {
  const holders = [
    new Waiting(undefined, 3),
    new Waiting(undefined, 5),
    new Waiting(undefined, 2),
    new Waiting("a", 20),
  ];
  expect(await endedOf(holders)).toEqual([false, true, false, false]);
});

test("an account pays for what waits for itself", async () => {
  const holders = [new Waiting("a", 10), new Waiting("a", 11), new Waiting("a", 9), new Waiting("b", 23)];
  expect(await endedOf(holders)).toEqual([false, true, false, false]);
});

test("over all the largest pays, and what is kept counts", async () => {
  const holders = [new Waiting("a", 10), new Waiting("b", 20), new Waiting("c", 15)];
  expect(await endedOf(holders)).toEqual([false, false, false]);
  expect(await endedOf(holders, 30)).toEqual([false, true, false]);
});

test("who has sent what it held is not asked to pay, and a body has room or none", async () => {
  const limits = { memoryBytesMax: 64 * mib, accountBytesMax: 64 * mib, strangersBytesMax: 8 * mib };
  const memory = new MemoryBudget({ limits, log: silentLog });
  const quick = new Waiting("a", 60);
  const slow = new Waiting("b", 40);
  memory.grew(quick, quick.heldBytes);
  quick.heldBytes = 0;
  memory.grew(slow, slow.heldBytes);
  await new Promise((resolve) => setImmediate(resolve));
  expect([quick.ended, slow.ended]).toEqual([false, false]);
  const give = memory.takeBody({ sender: "192.0.2.1", bytes: 16 * mib, isStranger: false });
  expect(memory.takeBody({ sender: "192.0.2.2", bytes: 1, isStranger: false })).toBeUndefined();
  give?.();
  give?.();
  expect(memory.keptBytes).toBe(0);
  expect(memory.takeBody({ sender: "192.0.2.2", bytes: 8 * mib, isStranger: true })).toBeDefined();
  expect(memory.takeBody({ sender: "192.0.2.3", bytes: 1, isStranger: true })).toBeUndefined();
  expect(memory.takeBody({ sender: "192.0.2.3", bytes: 1, isStranger: false })).toBeDefined();
});

test("an account of which many were just ended begins no other one for now", async () => {
  const limits = { memoryBytesMax: 640 * mib, accountBytesMax: 8 * mib, strangersBytesMax: 8 * mib };
  const clock = createManualClock();
  const memory = new MemoryBudget({ limits, log: silentLog, clock });
  for (let n = 0; n < 8; n += 1) {
    expect(memory.mayBegin("a")).toBe(true);
    memory.grew(new Waiting("a", 9), 9 * mib);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([memory.ended, memory.mayBegin("a"), memory.mayBegin("b")]).toEqual([8, false, true]);
  clock.advance(2000);
  expect(memory.mayBegin("a")).toBe(true);
});

test("who has no share of its own pays only when all is full", async () => {
  const limits = { memoryBytesMax: 64 * mib, accountBytesMax: 8 * mib, strangersBytesMax: 8 * mib };
  const memory = new MemoryBudget({ limits, log: silentLog });
  const backends = [30, 20].map((size) => Object.assign(new Waiting("backend", size), { isUnshared: true }));
  for (const backend of backends) memory.grew(backend, backend.heldBytes);
  await new Promise((resolve) => setImmediate(resolve));
  expect(backends.map(({ ended }) => ended)).toEqual([false, false]);
  memory.keep("retained", 20 * mib);
  await new Promise((resolve) => setImmediate(resolve));
  expect(backends.map(({ ended }) => ended)).toEqual([true, false]);
});

test("many small beginnings of strangers count together", async () => {
  const limits = { memoryBytesMax: 64 * mib, accountBytesMax: 8 * mib, strangersBytesMax: 8 * mib };
  const memory = new MemoryBudget({ limits, log: silentLog });
  const many = Array.from({ length: 1000 }, () => new Waiting(undefined, 16 / 1024));
  for (const one of many) {
    memory.grew(one, one.heldBytes);
    await Promise.resolve();
  }
  const left = many.filter(({ ended }) => !ended).length;
  expect(left).toBeLessThan(800);
  expect(left).toBeGreaterThan(300);
});
