/**
 * The mutations against the code they mutate, and a few of them judged: cheap enough to run always, unlike all of them
 * (`bun run mutations`).
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { specifications } from "./ledger.ts";
import { judgeAll, mutated, testName } from "./mutations/judge.ts";
import { type Mutation, testFiles } from "./mutations/mutation.ts";
import { mutations } from "./mutations/table.ts";

const read = (file: string) => readFileSync(join(import.meta.dir, "../..", file), "utf8");

test("every mutation's text occurs once in its file, and what it makes can be parsed and is something else", () => {
  for (const mutation of mutations) {
    const source = read(mutation.file);
    expect(mutated(source, mutation), mutation.name).not.toBe(source);
  }
});

test("every mutation names one test that is there", () => {
  for (const { name, test } of mutations) expect(() => testName(test, read(test[0])), name).not.toThrow();
});

test("every mutation's rule is a statement of its version, or a section where there is none", () => {
  const numbersOf = new Map(
    specifications.map(({ version, statements }) => [version, new Set(statements.map(({ number }) => number))]),
  );
  for (const { name, version, rule } of mutations) {
    const [, number] = /^\[MQTT-([\d.]+-\d+)\]$/.exec(rule) ?? [];
    if (number === undefined) expect(rule, name).toMatch(/^§ [\d.]+$/);
    else expect(numbersOf.get(version)?.has(number), `${name}: ${rule}`).toBe(true);
  }
});

test("mutations have names of their own, and there are some of every version", () => {
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  expect(mutations.length).toBeGreaterThanOrEqual(60);
  expect(new Set(mutations.map(({ version }) => version))).toEqual(new Set(["3.1", "3.1.1", "5.0"]));
});

const some = ["granted-qos", "dup-passed-on", "retain-as-published-on", "will-client-back"];
/** Something that no test of its file needs. */
const needless: Mutation = {
  name: "needless",
  version: "3.1.1",
  rule: "[MQTT-3.8.4-6]",
  file: "src/mqtt/routing/routes.ts",
  find: "from?.session === session ? one.ofItself : one.ofOthers",
  replace: "one.ofOthers",
  test: [testFiles.pubsub, "a message is delivered at the lower of the published and the granted QoS"],
};

/** What cannot even be loaded shows nothing. */
const broken: Mutation = {
  ...needless,
  name: "broken",
  find: 'import type { Service } from "../service.ts";',
  replace: 'throw new Error("broken");',
};

test("a mutation is killed when its test fails without the rule, and only then", async () => {
  const verdicts = await judgeAll([...mutations.filter(({ name }) => some.includes(name)), needless, broken]);
  expect(Object.fromEntries([...verdicts].map(([{ name }, verdict]) => [name, verdict]))).toEqual({
    ...Object.fromEntries(some.map((name) => [name, "killed"])),
    needless: "SURVIVED",
    broken: "NO TEST",
  });
}, 120_000);

const sample: Mutation = {
  name: "sample",
  version: "3.1.1",
  rule: "§ 1",
  file: "sample.ts",
  find: "one()",
  replace: "$&",
  test: ["sample.test.ts", "sample"],
};

test("a text that is not there once, or a mutation that breaks the file, is complained of", () => {
  expect(mutated("one();\n", { ...sample, replace: "two('$&')" })).toBe("two('$&');\n");
  expect(() => mutated("two();\n", sample)).toThrow("occurs 0 times");
  expect(() => mutated("one(); one();\n", sample)).toThrow("occurs 2 times");
  expect(() => mutated("one();\n", { ...sample, replace: "one(" })).toThrow("cannot be parsed");
});

test("a part of a name that no test has, or several have, is complained of", () => {
  const source = 'test("a sample", () => {});\ntest("another sample", () => {});\n';
  expect(testName(["f", "another"], source)).toBe("another sample");
  expect(() => testName(["f", "sample"], source)).toThrow("several tests");
  expect(() => testName(["f", "none"], source)).toThrow("no test");
});
