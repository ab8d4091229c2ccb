/**
 * Every line of docs/protocols/resolutions.md § PROFILE (P) and § PRIVATE (V) has a test that bears its number, and no
 * test bears another.
 */
import { expect, test } from "bun:test";
import { testNames } from "../conformance/ledger.ts";

const last = { P: 23, V: 17 } as const;
const numbers = Object.entries(last).flatMap(([letter, count]) =>
  Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
);

/** `P9, P10: …` bears two. */
const numbersOf = (name: string): string[] =>
  (/^((?:[PV]\d+, )*[PV]\d+): /.exec(name)?.[1] ?? "").split(", ").filter((number) => number !== "");

async function testsByNumber(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for await (const file of new Bun.Glob("*.test.ts").scan(import.meta.dir)) {
    for (const name of testNames(await Bun.file(`${import.meta.dir}/${file}`).text())) {
      for (const number of numbersOf(name)) found.set(number, [...(found.get(number) ?? []), `${file}: ${name}`]);
    }
  }
  return found;
}

test("each resolution of PROFILE and PRIVATE has a test of its number", async () => {
  const found = await testsByNumber();
  expect(numbers.filter((number) => !found.has(number))).toEqual([]);
  expect([...found.keys()].filter((number) => !numbers.includes(number))).toEqual([]);
});
