/** The inflight ring against a Map that remembers everything. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { awaited, Inflight } from "../../../src/mqtt/session/inflight.ts";

test("ids are unique, nonzero and found until removed; order is that of sending", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 1000 }) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 3000 }), (steps, max) => {
      const inflight = new Inflight();
      const model = new Map<number, number>();
      let ref = 0;
      for (const each of steps) {
        if ("add" in each) {
          for (let n = 0; n < each.add && inflight.count < max; n++) {
            const id = inflight.add(++ref, awaited.puback);
            expect(id >= 1 && id <= 65_535 && !model.has(id)).toBe(true);
            model.set(id, ref);
          }
        } else if (model.size > 0) {
          const [id = 0, value] = [...model][each.remove % model.size] ?? [];
          expect(inflight.remove(id)).toBe(value);
          model.delete(id);
          expect(inflight.has(id)).toBe(false);
        }
        expect(inflight.count).toBe(model.size);
      }
      expect(inflight.inOrder()).toEqual([...model.keys()]);
      for (const [id, value] of model) expect([inflight.has(id), inflight.get(id)]).toEqual([true, value]);
    }),
    { numRuns: 60 },
  );
});

test("one message never acknowledged does not stop the others, round and round", () => {
  const inflight = new Inflight();
  const stuck = inflight.add(0, awaited.puback);
  let before = 0;
  for (let n = 1; n <= 200_000; n++) {
    const id = inflight.add(n, awaited.puback);
    if (id === stuck || id === 0 || id === before) throw new Error(`packet id ${id} given twice`);
    before = id;
    inflight.remove(id);
  }
  const last = inflight.add(1, awaited.puback);
  expect(inflight.inOrder()).toEqual([stuck, last]);
});

test("the order of sending survives packet ids that wrap round while the ring grows", () => {
  const inflight = new Inflight();
  for (let n = 0; n < 65_500; n++) inflight.remove(inflight.add(n, awaited.puback));
  const sent = Array.from({ length: 500 }, (_, n) => inflight.add(n, awaited.puback));
  expect(Math.min(...sent)).toBe(1);
  expect(sent[0]).toBeGreaterThan(65_000);
  expect(inflight.inOrder()).toEqual(sent);
});

test("a released packet id stays in use, its content is given up, and PUBRELs follow in the order of PUBRECs", () => {
  const inflight = new Inflight();
  const [a = 0, b = 0, c = 0] = [1, 2, 3].map((n) => inflight.add(n, awaited.pubrec));
  inflight.release(b);
  inflight.release(a);
  expect([a, b, c].map((id) => inflight.get(id))).toEqual([undefined, undefined, 3]);
  expect(inflight.count).toBe(3);
  expect([a, b, c].map((id) => inflight.awaits(id))).toEqual([awaited.pubcomp, awaited.pubcomp, awaited.pubrec]);
  for (let n = 0; n < 7; n++) inflight.add(n, awaited.puback); // grows
  expect([a, b, c].map((id) => inflight.awaits(id))).toEqual([awaited.pubcomp, awaited.pubcomp, awaited.pubrec]);
  expect(inflight.inOrder().filter((id) => id === a || id === b)).toEqual([b, a]);
  inflight.remove(a);
  expect(inflight.has(a)).toBe(false);
});
