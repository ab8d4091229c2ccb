/** The contract is whole: every method that a store has is called by its part of the contract. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");

/** The methods of an interface and of all it extends, from the source of its type. */
function methodsOf(name: string, file: string): string[] {
  const source = read(file);
  const found = new RegExp(`^export interface ${name}\\b(?:\\s+extends ([^{]*))?\\s*\\{(\\}|.*?^\\})`, "ms").exec(
    source,
  );
  if (found === null) throw new Error(`${file} has no interface ${name}`);
  const [, parents = "", body = ""] = found;
  const inherited = parents.split(",").flatMap((parent) => {
    const parentName = parent.trim();
    if (parentName === "" || parentName === "AsyncDisposable") return [];
    const from = new RegExp(`import (?:type )?\\{[^}]*\\b${parentName}\\b[^}]*\\} from "(\\.[^"]*)"`).exec(source)?.[1];
    return methodsOf(parentName, from === undefined ? file : join(dirname(file), from));
  });
  // What stands at the first level is a method, or it would be missed here.
  const members = [...body.matchAll(/^ {2}(?=[^\s})])(.*)$/gm)].map(([, line = ""]) => line);
  const own = members.map((line) => {
    const method = /^(\w+)(?:<[^(]*>)?\(/.exec(line)?.[1];
    if (method === undefined) throw new Error(`${name} has a member that is no method: ${line}`);
    return method;
  });
  return [...new Set([...inherited, ...own])];
}

const contractOf = (pattern: string): string => [...new Bun.Glob(pattern).scanSync(root)].map(read).join("\n");

test.each([
  ["Store", "src/domain/store.ts", "tests/store/contract/*.ts"],
  ["BrokerStore", "src/mqtt/store.ts", "tests/store/broker-contract.ts"],
  ["PaidMessageStore", "src/store/sqlite/phones/paid-messages.ts", "tests/store/paid-messages.test.ts"],
])("every method of %s is called by its contract", (name, file, contract) => {
  const methods = methodsOf(name, file);
  expect(methods.length).toBeGreaterThan(1);
  const source = contractOf(contract);
  expect(methods.filter((method) => !new RegExp(`\\.${method}\\(`).test(source))).toEqual([]);
});

test("the methods of the whole store are seen", () => {
  const methods = methodsOf("Store", "src/domain/store.ts");
  expect(methods).toContain("appendMessage");
  expect(methods).toContain("findUser");
  expect(methods.length).toBeGreaterThan(120);
});
