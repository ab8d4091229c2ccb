/**
 * What the document leaves open was resolved point by point, O1 to O28 (docs/protocols/resolutions.md § MiniOICQ; a
 * client's author meets some of them in docs/protocols/minioicq.md may meet). Each has a test that bears its number in
 * its title; a resolution without one is a rule nobody keeps.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const all = Array.from({ length: 28 }, (_, n) => `O${n + 1}`);

/** Number → titles of the tests that bear it. Only literal titles count, so a test must say what it holds. */
function titlesByNumber(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(import.meta.dir).filter((name) => name.endsWith(".test.ts"))) {
    const source = readFileSync(join(import.meta.dir, file), "utf8");
    for (const [, title = ""] of source.matchAll(/\btest\(\s*["`]((?:O\d+ )+[^"`]+)["`]/g)) {
      for (const [number] of title.matchAll(/\bO\d+\b/g)) {
        found.set(number, [...(found.get(number) ?? []), `${file}: ${title}`]);
      }
    }
  }
  return found;
}

test("every resolution has a test that bears its number", () => {
  const held = titlesByNumber();
  const missing = all.filter((number) => !held.has(number));
  const unknown = [...held.keys()].filter((number) => !all.includes(number));
  expect({ missing, unknown }).toEqual({ missing: [], unknown: [] });
});
