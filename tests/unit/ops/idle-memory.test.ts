import { expect, test } from "bun:test";
import { IdleMemory } from "../../../src/ops/idle-memory.ts";

function makeIdleMemory() {
  const now = { connections: 0, cpuMs: 0, shrunk: 0 };
  const memory = new IdleMemory({
    connections: () => now.connections,
    cpuMs: () => now.cpuMs,
    shrink: () => {
      now.shrunk += 1;
    },
  });
  /** So many looks, each with so much work since the one before. */
  function looks(count: number, workMs: number): void {
    for (let look = 0; look < count; look += 1) {
      now.cpuMs += workMs;
      memory.look();
    }
  }
  return { now, looks };
}

test("memory is given back once after a burst of connections, when the server is quiet", () => {
  const { now, looks } = makeIdleMemory();
  now.connections = 10_000;
  looks(3, 800);
  expect(now.shrunk).toBe(0);
  looks(7, 2);
  expect(now.shrunk).toBe(0);
  looks(1, 2);
  expect(now.shrunk).toBe(1);
  looks(100, 2);
  expect(now.shrunk).toBe(1);
});

test("a server with something to do keeps its code", () => {
  const { now, looks } = makeIdleMemory();
  now.connections = 10_000;
  for (let round = 0; round < 20; round += 1) {
    looks(7, 2);
    looks(1, 400);
  }
  expect(now.shrunk).toBe(0);
});

test("a few connections are no burst, however long it is quiet", () => {
  const { now, looks } = makeIdleMemory();
  now.connections = 1999;
  looks(100, 0);
  expect(now.shrunk).toBe(0);
});

test("a fleet that comes back is a burst again", () => {
  const { now, looks } = makeIdleMemory();
  now.connections = 5000;
  looks(20, 1);
  now.connections = 6000;
  looks(20, 1);
  expect(now.shrunk).toBe(1);
  now.connections = 100;
  looks(20, 1);
  expect(now.shrunk).toBe(1);
  now.connections = 5000;
  looks(20, 1);
  expect(now.shrunk).toBe(2);
});
