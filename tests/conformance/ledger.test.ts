/** The ledger itself: complete, backed by tests that exist, and never less than it was. */
import { describe, expect, test } from "bun:test";
import {
  heldNumbers,
  missingTests,
  numberFaults,
  readRecorded,
  regressions,
  specifications,
  summarize,
  testNames,
} from "./ledger.ts";
import { excepted, held, type Statement, waits } from "./statement.ts";

describe.each(specifications.map((specification) => [specification.title, specification] as const))(
  "the ledger of %s",
  (_title, specification) => {
    const { version, statements } = specification;

    test("has every statement's number once", () => {
      expect(numberFaults(specification)).toEqual([]);
    });

    test("names only tests that exist", () => {
      expect(missingTests(statements.flatMap(({ state }) => (state.is === "excepted" ? [] : state.tests)))).toEqual([]);
    });

    test("names a test for every line that is held, and says why of every other", () => {
      for (const { number, demands, state } of statements) {
        expect(demands, number).toMatch(/^[A-Z].+\.$/);
        if (state.is === "held") expect(state.tests.length, number).toBeGreaterThan(0);
        else expect(state.reason.length, number).toBeGreaterThan(10);
      }
    });

    test("holds every line it held before: only recorded.json can let one go", () => {
      expect(regressions(specification, readRecorded())).toEqual([]);
    });

    test("has all it holds on record", () => {
      const recorded = new Set(readRecorded()[version]);
      // bun tests/conformance/ledger.ts --record
      expect(heldNumbers(specification).filter((number) => !recorded.has(number))).toEqual([]);
    });

    test("a test of its folder stands in the line of every statement its name has", async () => {
      const named = new Set<string>();
      for (const { number, state } of statements) {
        if (state.is !== "excepted") for (const { name } of state.tests) named.add(`${number} ${name}`);
      }
      const folder = `${import.meta.dir}/v${version}`;
      for await (const file of new Bun.Glob("*.test.ts").scan(folder)) {
        for (const name of testNames(await Bun.file(`${folder}/${file}`).text())) {
          const numbers = [...name.matchAll(/\[MQTT-([\d.]+-\d+)\]/g)].map(([, number]) => number);
          expect(numbers.length, `${file}: ${name}`).toBeGreaterThan(0);
          for (const number of numbers) expect(named.has(`${number} ${name}`), `${file}: ${name}`).toBe(true);
        }
      }
    });
  },
);

test("at most ten of the statements that bind a server are excepted, over all versions", () => {
  const excepted = specifications.map((specification) => summarize(specification).server.excepted);
  expect(excepted.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10);
});

const line = (number: string, state: Statement["state"]): Statement => ({
  number,
  binds: "both",
  demands: "X.",
  state,
});

test("a number that is missing, unknown or there twice is a fault", () => {
  const sections = { "1.1": 2, "1.2": 1 };
  const statements = ["1.1-1", "1.1-1", "1.2-2"].map((number) => line(number, excepted("no reason")));
  expect(numberFaults({ sections, statements })).toEqual([
    "1.1-1: unknown, or there twice",
    "1.2-2: unknown, or there twice",
    "1.1-2: missing",
    "1.2-1: missing",
  ]);
});

test("a section's numbers may begin after 1", () => {
  const sections = { "1.1": { first: 2, last: 3 } };
  const statements = ["1.1-1", "1.1-2"].map((number) => line(number, excepted("no reason")));
  expect(numberFaults({ sections, statements })).toEqual(["1.1-1: unknown, or there twice", "1.1-3: missing"]);
});

test("a line that was held and waits now, or is gone, is a regression", () => {
  const statements = [line("1-1", held(["f", "n"])), line("1-2", waits("broken")), line("1-4", held(["f", "n"]))];
  expect(regressions({ version: "9", statements }, { 9: ["1-1", "1-2", "1-3"] })).toEqual(["1-2", "1-3"]);
});

test("test names are read from plain tests and tables, not from skipped ones or comments", () => {
  const source = [
    'test("plain", () => {});',
    'test(\n  "on its own line \\"quoted\\"",\n  async () => {});',
    'test.each([["a", 1]] as const)("table %s", () => {});',
    'test.each([\n  ["b"],\n])("lines %s", () => {});',
    'test.each(rows)(\n  "named %s",\n  () => {});',
    'test.skip("skipped", () => {});',
    'test.todo("todo", () => {});',
    'test.failing("failing", () => {});',
    'test.skipIf(slow)("sometimes", () => {});',
    'test.skipIf(slow).each(["0"])("sometimes %s", () => {});',
    'test.if(fast)("if", () => {});',
    '// test("commented", () => {});',
    'expect("value", () => {});',
    '  test("indented", () => { f("not a title", 1); });',
    'test("twice\\u00e9", () => {});',
  ].join("\n");
  expect([...testNames(source)]).toEqual([
    "plain",
    'on its own line "quoted"',
    "table %s",
    "lines %s",
    "named %s",
    "indented",
    "twiceé",
  ]);
});

test("a test that does not exist is found missing", () => {
  const file = "tests/conformance/ledger.test.ts";
  const there = { file, name: "a test that does not exist is found missing" };
  const gone = { file, name: "a test that never was" };
  const nowhere = { file: "tests/conformance/never.test.ts", name: there.name };
  expect(missingTests([there, gone, nowhere])).toEqual([gone, nowhere]);
});
