/** README.md: its commands exist, and its conversations run as they are printed. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { conversationsAsPrinted, readme, section, shellBlocks } from "../support/readme.ts";

const root = new URL("../../", import.meta.url).pathname;
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Record<string, string> };

test("a newcomer finds one command that runs the server and one that tests it, each on a line of its own", () => {
  expect(shellBlocks(section("Run it"))).toEqual(["npx --yes bun@1.4.5 run start\n"]);
  expect(shellBlocks(section("Test it"))[0]).toBe("npx --yes bun@1.4.5 run test:all\n");
});

test("every script it names exists", () => {
  const named = [...readme.matchAll(/bun@1\.4\.5 run ([a-z][a-z:]*)/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test("the version of Bun is the one the project is tested with", () => {
  const versions = new Set([...readme.matchAll(/bun@(\d+\.\d+\.\d+)/g)].map(([, version]) => version));
  expect([...versions]).toEqual(["1.4.5"]);
});

conversationsAsPrinted("that is quick");
