/** Open files: a reserve, and doors that close before the last one is taken for long. */
import { expect, test } from "bun:test";
import { silentLog } from "../../../src/lib/log.ts";
import { Descriptors } from "../../../src/net/descriptors.ts";

/** A process that may have `limit` files open, `taken` of them by others. */
function stage(limit: number) {
  const machine = { taken: 0, held: new Set<number>(), next: 0 };
  const told: string[] = [];
  const descriptors = new Descriptors({
    limit,
    log: { ...silentLog, warn: (message) => void told.push(message), info: (message) => void told.push(message) },
    open() {
      if (machine.taken + machine.held.size >= limit) throw new Error("EMFILE");
      machine.held.add(++machine.next);
      return machine.next;
    },
    close: (descriptor) => void machine.held.delete(descriptor),
  });
  let listening = true;
  let mayListen = true;
  descriptors.watch({
    pause: () => {
      listening = false;
    },
    resume: () => {
      if (!mayListen) throw new Error("EADDRINUSE");
      listening = true;
    },
  });
  descriptors.start();
  return { machine, descriptors, told, isListening: () => listening, mayListen: (may: boolean) => (mayListen = may) };
}

test.each([
  [64, 32, 8],
  [1000, 872, 32],
  [20_000, 18_976, 64],
])("of %d files connections leave a reserve", (limit, connectionsMax, aside) => {
  const { descriptors, machine } = stage(limit);
  expect([descriptors.connectionsMax, machine.held.size]).toEqual([connectionsMax, aside]);
  descriptors.check();
  expect(machine.held.size).toBe(aside);
  descriptors.stop();
  descriptors.stop();
  expect(machine.held.size).toBe(0);
});

test("when none is left no door listens, and what was kept aside is there for the store, until there are enough", () => {
  const { descriptors, machine, told, isListening, mayListen } = stage(1000);
  machine.taken = 967;
  descriptors.check();
  expect(isListening()).toBe(true);
  machine.taken = 968;
  descriptors.check();
  expect([isListening(), machine.held.size]).toEqual([false, 0]);
  // Enough for the reserve is not enough: the next connections would take it.
  machine.taken = 950;
  descriptors.check();
  expect([isListening(), machine.held.size]).toEqual([false, 0]);
  machine.taken = 900;
  mayListen(false);
  descriptors.check();
  expect(isListening()).toBe(false);
  mayListen(true);
  descriptors.check();
  expect([isListening(), machine.held.size]).toEqual([true, 32]);
  // Told once a minute, and when it is over.
  machine.taken = 968;
  descriptors.check();
  descriptors.refused();
  expect(told.filter((one) => !one.startsWith("a door could not"))).toEqual([
    "no door listens for now, since this process may have no more files open",
    "every door listens again",
  ]);
  descriptors.stop();
});
