/** Retained messages against the plain reading of § 4.7, and against a store that is slow and fails. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Clock, later, type SteadyMs } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { DeadlineWheel } from "../../../src/mqtt/connection/keep-alive.ts";
import { createCounters } from "../../../src/mqtt/counters.ts";
import { Retained, type RetainedDraft } from "../../../src/mqtt/routing/retained.ts";
import type { RetainedChange, StoredRetained } from "../../../src/mqtt/store.ts";
import type { Qos } from "../../../src/mqtt/wire/protocol.ts";
import { isTopicFilter } from "../../../src/mqtt/wire/topic-names.ts";
import { Work } from "../../../src/mqtt/work.ts";
import { defaultMemoryLimits, MemoryBudget } from "../../../src/net/memory-budget.ts";
import { createManualClock, realClock } from "../../support/manual-clock.ts";
import { openIdentity } from "../../support/test-broker.ts";

class SlowStore {
  readonly rows = new Map<string, StoredRetained>();
  hasDisk = true;
  waiting: { changes: readonly RetainedChange[]; settled: PromiseWithResolvers<void> } | undefined;

  retainedPage(after: string): StoredRetained[] {
    return [...this.rows.values()].filter(({ topic }) => topic > after).sort((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  hasDiskFor(): boolean {
    return this.hasDisk;
  }

  retain(changes: readonly RetainedChange[]): Promise<void> {
    expect(this.waiting).toBeUndefined(); // one at a time
    const settled = Promise.withResolvers<void>();
    this.waiting = { changes, settled };
    return settled.promise;
  }

  commit(works: boolean): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    this.waiting = undefined;
    if (!works) {
      waiting.settled.reject(new Error("disk full"));
      return;
    }
    for (const { topic, message } of waiting.changes) {
      if (message === undefined) this.rows.delete(topic);
      else this.rows.set(topic, message);
    }
    waiting.settled.resolve();
  }
}

const roomy = { retainedMessagesMax: 1000, retainedBytesMax: 1e9, retainedBytesPerPrincipalMax: 1e9 };

function openRetained(store: SlowStore, limits = roomy, clock: Clock = realClock) {
  const work = new Work();
  const wheel = new DeadlineWheel(clock);
  const memory = new MemoryBudget({ limits: defaultMemoryLimits, log: silentLog });
  const parts = {
    limits,
    counters: createCounters(),
    memory,
    work,
    clock,
    log: silentLog,
    wheel,
    identity: openIdentity,
  };
  return { retained: new Retained({ ...parts, store }), memory, work, wheel };
}

const draft = (text: string, qos: Qos, expiresAtMs?: SteadyMs): RetainedDraft => ({
  payload: Buffer.from(text),
  qos,
  properties: undefined,
  expiresAtMs,
});

const shown = (retained: Retained, filter: string): string[] => {
  const found: string[] = [];
  const messages = retained.match(filter);
  for (let next = messages.next(); next.done !== true; next = messages.next()) {
    found.push(`${next.value.topic} ${Buffer.from(next.value.payload)}`);
  }
  return found.sort();
};

/** § 4.7 word by word. */
function matches(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && (filter.startsWith("#") || filter.startsWith("+"))) return false;
  const filterLevels = filter.split("/");
  const topicLevels = topic.split("/");
  for (const [index, level] of filterLevels.entries()) {
    if (level === "#") return true;
    if (index >= topicLevels.length) return false;
    if (level !== "+" && level !== topicLevels[index]) return false;
  }
  return filterLevels.length === topicLevels.length;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const level = fc.constantFrom("", "a", "b", "$s");
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((name) => name !== "");
const filter = fc
  .array(fc.constantFrom("", "a", "b", "$s", "+", "#"), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter(isTopicFilter);

test("a filter finds exactly the topics it matches, after any history of them", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(topic, fc.boolean()), { maxLength: 30 }), filter, (history, wanted) => {
      const { retained } = openRetained(new SlowStore());
      const model = new Set<string>();
      for (const [name, keep] of history) {
        void retained.set(name, draft(keep ? "x" : "", 0));
        if (keep) model.add(name);
        else model.delete(name);
      }
      const expected = [...model].filter((name) => matches(wanted, name)).map((name) => `${name} x`);
      expect(shown(retained, wanted)).toEqual(expected.sort());
      expect(retained.count).toBe(model.size);
    }),
  );
});

test("whatever fails, what is shown in the end is what is stored, and what was acknowledged is not undone by it", async () => {
  const step = fc.oneof(
    fc.record({ set: fc.constantFrom("a", "b", "a/b"), empty: fc.boolean() }),
    fc.record({ works: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const store = new SlowStore();
      const { retained, work } = openRetained(store);
      let n = 0;
      for (const each of steps) {
        if ("works" in each) {
          store.commit(each.works);
          await turn();
          continue;
        }
        const text = each.empty ? "" : `${++n}`;
        retained.set(each.set, draft(text, 1)).then(
          () => {
            // Acknowledged: this, or something newer, is on disk.
            const stored = store.rows.get(each.set);
            if (text !== "" && stored !== undefined)
              expect(Number(Buffer.from(stored.payload))).toBeGreaterThanOrEqual(+text);
          },
          () => {},
        );
        await turn();
      }
      while (store.waiting !== undefined) {
        store.commit(steps.length % 2 === 0);
        await turn();
      }
      await work.whenIdle();
      const stored = [...store.rows.values()].map((row) => `${row.topic} ${Buffer.from(row.payload)}`).sort();
      expect(shown(retained, "#")).toEqual(stored);
      expect(retained.count).toBe(store.rows.size);
      const again = openRetained(store).retained;
      expect([again.count, again.bytes]).toEqual([retained.count, retained.bytes]);
    }),
    { numRuns: 60 },
  );
});

test("many levels of few letters count for what they take", () => {
  const { retained } = openRetained(new SlowStore(), { ...roomy, retainedBytesMax: 10_000 });
  void retained.set("a/".repeat(63), draft("x", 0));
  void retained.set("b/".repeat(63), draft("x", 0));
  expect(retained.count).toBe(1);
});

test("a user has a share of what all may retain, and gets it back", () => {
  const limits = { ...roomy, retainedBytesMax: 10_000, retainedBytesPerPrincipalMax: 4000 };
  const { retained, memory } = openRetained(new SlowStore(), limits);
  const long = (byte: string) => draft(byte.repeat(3000), 0);
  void retained.set("a", long("a"), "user:1");
  expect(retained.refuses("b", long("b"), "user:1")).toBe(true);
  expect(retained.refuses("b", long("b"), "user:2")).toBe(false);
  // In place of their own message it fits; without a message there is always room.
  expect(retained.refuses("a", long("c"), "user:1")).toBe(false);
  expect(retained.refuses("b", draft("", 0), "user:1")).toBe(false);
  // Whose topic it was before does not count.
  void retained.set("a", long("d"), "user:2");
  expect(retained.refuses("b", long("b"), "user:1")).toBe(false);
  expect(retained.refuses("b", long("b"), "user:2")).toBe(true);
  expect(memory.keptBytes).toBe(retained.bytes);
  void retained.set("a", draft("", 0), "user:1");
  expect([retained.bytes, memory.keptBytes]).toEqual([0, 0]);
});

test("a user without room on the disk retains nothing larger than before", () => {
  const store = new SlowStore();
  const { retained } = openRetained(store);
  void retained.set("a", draft("long", 0), "user:1");
  store.hasDisk = false;
  expect(retained.refuses("a", draft("longer", 0), "user:1")).toBe(true);
  expect(retained.refuses("b", draft("", 0), "user:1")).toBe(false);
  for (const text of ["same", "", "x"]) expect(retained.refuses("a", draft(text, 0), "user:1")).toBe(false);
});

test("an expired message is shown to no client at once, and gone from memory and the store soon after", async () => {
  const clock = createManualClock();
  const store = new SlowStore();
  const { retained, wheel, work } = openRetained(store, roomy, clock);
  void retained.set("a", draft("short", 1, later(clock.steadyMs(), 5000)));
  void retained.set("b", draft("long", 1, later(clock.steadyMs(), 500_000)));
  void retained.set("c", draft("for ever", 1));
  await turn();
  store.commit(true);
  await work.whenIdle();
  clock.advance(4999);
  expect(shown(retained, "#")).toEqual(["a short", "b long", "c for ever"]);
  clock.advance(1);
  expect(shown(retained, "#")).toEqual(["b long", "c for ever"]);
  clock.advance(60_000);
  wheel.turn();
  expect(retained.count).toBe(2);
  await turn();
  store.commit(true);
  await work.whenIdle();
  expect([...store.rows.keys()]).toEqual(["b", "c"]);
  // One that is replaced by a message that stays is not removed when the first would have expired.
  void retained.set("b", draft("for ever", 1));
  clock.advance(1_000_000);
  wheel.turn();
  expect(shown(retained, "#")).toEqual(["b for ever", "c for ever"]);
  store.commit(true);
});

test("topics are emptied in changes of their own, which a full disk takes, and in the order they came", async () => {
  const store = new SlowStore();
  const { retained } = openRetained(store);
  const commit = async (works: boolean): Promise<void> => {
    store.commit(works);
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  for (const topic of ["a", "b"]) void retained.set(topic, draft("old", 1));
  await new Promise<void>((resolve) => setImmediate(resolve));
  await commit(true);
  const outcomes = [
    retained.set("a", draft("", 1)),
    retained.set("c", draft("new", 1)),
    retained.set("b", draft("", 1)),
  ].map((set) =>
    set.then(
      () => "done",
      () => "refused",
    ),
  );
  const asked: string[][] = [];
  for (let round = 0; round < 3; round += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const changes = store.waiting?.changes ?? [];
    asked.push(changes.map(({ topic }) => topic));
    await commit(changes.every(({ message }) => message === undefined));
  }
  expect(asked).toEqual([["a"], ["c"], ["b"]]);
  expect(await Promise.all(outcomes)).toEqual(["done", "refused", "done"]);
  expect([shown(retained, "#"), [...store.rows.keys()]]).toEqual([[], []]);
});
