/** The queue of costly work: in turn while there is room, shared out when it is full. */
import { expect, test } from "bun:test";
import { DomainError } from "../../../src/domain/errors.ts";
import { createHashQueue } from "../../../src/domain/people/hash-queue.ts";

/** A queue with one place at work, which is taken until `finish`. */
function stage(waitingMax: number) {
  const queue = createHashQueue({ atOnceMax: 1, waitingMax });
  const { promise: held, resolve: finish } = Promise.withResolvers<void>();
  const outcomes = new Map<string, string>();
  const order: string[] = [];
  const works: Promise<void>[] = [queue.run({ network: "first", account: "first" }, () => held)];
  const ask = (name: string, network: string, account = network): void => {
    const work = queue
      .run({ network, account }, async () => void order.push(name))
      .then(
        () => void outcomes.set(name, "done"),
        (error: unknown) => void outcomes.set(name, error instanceof DomainError ? error.code : "failed"),
      );
    works.push(work);
  };
  return {
    ask,
    order,
    async end(): Promise<Record<string, string>> {
      finish();
      await Promise.all(works);
      return Object.fromEntries(outcomes);
    },
  };
}

test("with room for all it is first come, first served", async () => {
  const { ask, end, order } = stage(6);
  for (const name of ["a", "b", "c", "d", "e", "f"]) ask(name, name === "c" ? "other" : "one");
  expect(Object.values(await end())).toEqual(Array(6).fill("done"));
  expect(order).toEqual(["a", "b", "c", "d", "e", "f"]);
});

test("in a full queue who holds less takes the place of the newest of the network that holds most", async () => {
  const { ask, end } = stage(4);
  for (const name of ["a1", "a2", "a3", "a4"]) ask(name, "a");
  ask("b1", "b");
  ask("b2", "b");
  // Even by now: nobody takes anybody's place.
  ask("b3", "b");
  ask("a5", "a");
  ask("c1", "c");
  expect(await end()).toEqual({
    a1: "done",
    a2: "busy",
    a3: "busy",
    a4: "busy",
    a5: "busy",
    b1: "done",
    b2: "done",
    b3: "busy",
    c1: "done",
  });
});

test("within one network the account that holds most gives way", async () => {
  const { ask, end } = stage(4);
  for (const name of ["a1", "a2", "a3", "a4"]) ask(name, "home", "ann");
  ask("b1", "home", "bob");
  ask("a5", "home", "ann");
  expect(await end()).toEqual({ a1: "done", a2: "done", a3: "done", a4: "busy", a5: "busy", b1: "done" });
});

test("four hundred of one address do not keep out forty-nine others", async () => {
  const { ask, end } = stage(256);
  for (let n = 0; n < 400; n += 1) ask(`many${n}`, "many", `user:${n}`);
  for (let n = 0; n < 49; n += 1) ask(`other${n}`, `other${n}`);
  const outcomes = Object.entries(await end());
  const done = (prefix: string) => outcomes.filter(([name, one]) => name.startsWith(prefix) && one === "done").length;
  expect([done("other"), done("many")]).toEqual([49, 207]);
});
