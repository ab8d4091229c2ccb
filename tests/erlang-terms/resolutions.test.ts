/**
 * What the documents leave open about AUTH and its transport: every resolution of docs/protocols/resolutions.md § AUTH
 * and § Transport has its test.
 */
import { expect, test } from "bun:test";

const numbers = [
  ...Array.from({ length: 19 }, (_, at) => `A${at + 1}`),
  ...Array.from({ length: 12 }, (_, at) => `T${at + 1}`),
];

/** The name of a test or of a row, which begins with the numbers of what it holds: `A6, A14: …`. */
const numbered = /(?:\btest(?:\.each\(\w+\))?\(|\bname: )\s*["`]((?:[AT]\d+, )*[AT]\d+): /g;

/** AUTH's words, each with the kinds it comes in. */
const results = [
  "ok login",
  "ok sms_send",
  "error sms_send",
  "error not_verified",
  "error mismatch_user_data",
  "error session_not_found",
  "error miltiple_devices",
  "error attempts_expired",
  "error already_registered",
  "error roster_not_found",
  "error invalid_sms_code",
];

async function sources(pattern: string): Promise<string> {
  const folder = `${import.meta.dir}/..`;
  const files = [...new Bun.Glob(pattern).scanSync(folder)].map((file) => Bun.file(`${folder}/${file}`).text());
  return (await Promise.all(files)).join("\n");
}

test("every resolution of AUTH and of the transport has a test that is named by its number", async () => {
  const text = await sources("{erlang-terms,mqtt}/**/*.test.ts");
  const named = new Set([...text.matchAll(numbered)].flatMap(([, list = ""]) => list.split(", ")));
  expect(numbers.filter((number) => !named.has(number))).toEqual([]);
  expect([...named].filter((number) => !numbers.includes(number))).toEqual([]);
});

test("every result of AUTH's document is the answer of a row", async () => {
  const text = await sources("erlang-terms/auth-table/*.test.ts");
  const answers = new Set([...text.matchAll(/\banswer: "(\w+ \w+)"/g)].map(([, answer]) => answer));
  expect([...answers].sort()).toEqual([...results].sort());
});
