/** Who has to wait for whom. */
import { expect, test } from "bun:test";
import { Turns } from "../../../src/lib/turns.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("so many of a key run at once, the others in their order, also behind one that fails", async () => {
  const turns = new Turns<string>(2);
  const begun: string[] = [];
  const begin = (key: string, name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const ended = turns.run(key, () => {
      begun.push(name);
      return promise;
    });
    return { ended, resolve, reject };
  };
  const [first, second, third, fourth] = ["1", "2", "3", "4"].map((name) => begin("a", name));
  const other = begin("b", "other");
  expect(begun).toEqual(["1", "2", "other"]);
  second?.reject(new Error("no"));
  await expect(second?.ended).rejects.toThrow("no");
  expect(begun).toHaveLength(3);
  await turn();
  await turn();
  expect(begun.slice(3)).toEqual(["3"]);
  for (const one of [first, third, fourth, other]) one?.resolve("yes");
  for (const one of [first, third, fourth, other]) expect(await one?.ended).toBe("yes");
  expect(begun.slice(4)).toEqual(["4"]);
});
