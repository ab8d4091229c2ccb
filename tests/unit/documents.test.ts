/** The documents: links lead somewhere, tags lead to a line, settings are today's, and some words do not stand there. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { limitSettings } from "../../src/config/limit-settings.ts";
import { type SettingKey, settingKeys, settingsTable } from "../../src/config/settings.ts";

const root = join(import.meta.dir, "../..");
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");
const filesOf = (pattern: string): string[] => [...new Bun.Glob(pattern).scanSync({ cwd: root })].toSorted();

const documents = [
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...filesOf("docs/**/*.md"),
  "tests/load/README.md",
];
/** Without blocks and pieces of code, which may hold anything. */
const proseOf = (markdown: string): string => markdown.replaceAll(/```[\s\S]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");

test.each([
  ["README.md", 9 * 1024],
  ["ARCHITECTURE.md", 12 * 1024],
])("%s has at most %i bytes", (file, bytesMax) => {
  expect(Buffer.byteLength(textOf(file))).toBeLessThanOrEqual(bytesMax);
});

test("the pictures of README are small, and each says in words what it shows", () => {
  const pictures = [...textOf("README.md").matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)];
  expect(pictures.map(([, , file]) => file)).toEqual(filesOf("docs/images/*"));
  for (const [, words = "", file = ""] of pictures) {
    expect(words).not.toBe("");
    const bytes = readFileSync(join(root, file));
    expect(bytes.subarray(1, 4).toString()).toBe("PNG");
    expect(bytes.length).toBeLessThanOrEqual(120 * 1024);
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of markdown.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const shown = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = shown.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

test.each(documents)("every relative link of %s leads to a file and to a heading in it", (file) => {
  const dead: string[] = [];
  for (const [, target = ""] of proseOf(textOf(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = "", anchor] = target.split("#");
    const linked = path === "" ? file : relative(root, join(root, dirname(file), path));
    if (!existsSync(join(root, linked))) dead.push(target);
    else if (anchor !== undefined && !anchorsOf(textOf(linked)).has(anchor)) dead.push(target);
  }
  expect(dead).toEqual([]);
});

test.each(["ARCHITECTURE.md", "CONTRIBUTING.md", ...filesOf("docs/decisions/*.md")])(
  "every file of the program that %s names exists",
  (file) => {
    const named = [...textOf(file).matchAll(/`([a-z0-9-]+(?:\/[a-z0-9.-]+)+\.(?:ts|sql))`/g)].map(
      ([, path = ""]) => path,
    );
    expect(named.filter((path) => ![path, `src/${path}`].some((one) => existsSync(join(root, one))))).toEqual([]);
  },
);

/** O8, R38, A3 …, not a time such as T00:00. */
const tag = /(?<![\w.-])[APVTOR][1-9]\d?(?![\w-]|:\d)/g;

test("every tag that the sources and tests cite is a line of docs/protocols", () => {
  const told = new Set(
    filesOf("docs/protocols/*.md").flatMap((file) =>
      [...textOf(file).matchAll(/^(?:\| |#+ )([APVTOR]\d{1,2})\b/gm)].map(([, number]) => number),
    ),
  );
  expect(told.size).toBeGreaterThan(130);
  const cited = new Map<string, string>();
  for (const file of filesOf("{src,tests}/**/*.{ts,tsx}")) {
    for (const [number] of textOf(file).matchAll(tag)) cited.set(number, file);
  }
  expect(cited.size).toBeGreaterThan(100);
  expect([...cited].filter(([number]) => !told.has(number))).toEqual([]);
});

/** Comments and titles as one line each, so that a name may go on behind the end of a line. */
const unwrapped = (source: string): string => source.replaceAll(/\n *(?:\*|\/\/) */g, " ");
const headingsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#{2,} +(.+?) *$/gm)].map(([, heading = ""]) => heading.replaceAll("`", ""));

test("every page and heading that the sources and tests cite exists", () => {
  const wrong: string[] = [];
  for (const file of filesOf("{src,tests}/**/*.{ts,tsx}")) {
    for (const [, page = "", behind] of unwrapped(textOf(file)).matchAll(/\b(docs\/[\w/-]+\.md)(?: § (.{0,80}))?/g)) {
      const there = existsSync(join(root, page));
      if (!there || (behind !== undefined && !headingsOf(textOf(page)).some((heading) => behind.startsWith(heading)))) {
        wrong.push(`${file}: ${page}${behind === undefined ? "" : ` § ${behind}`}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("every section of an original document that the sources and tests cite stands in the map", () => {
  const [, ...families] = textOf("docs/protocols/README.md").split(/^### /m);
  const sections = new Map(
    families.map((family) => [
      family.split("\n")[0] ?? "",
      [...family.matchAll(/^\| ([^|]+?) \|/gm)].flatMap(([, cell = ""]) => cell.replace(/ \(.*\)$/, "").split(", ")),
    ]),
  );
  expect([...sections.keys()]).toEqual(["AUTH", "PROFILE", "PRIVATE", "MiniOICQ", "REST"]);
  const wrong: string[] = [];
  for (const file of filesOf("{src,tests}/**/*.{ts,tsx}")) {
    for (const [cite, family = "", behind = ""] of unwrapped(textOf(file)).matchAll(
      /\b(AUTH|PROFILE|PRIVATE|MiniOICQ|REST) § (.{0,60})/g,
    )) {
      if (!sections.get(family)?.some((section) => behind.startsWith(section))) wrong.push(`${file}: ${cite}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the tags of each family are numbered without a gap", () => {
  const numbers = [...textOf("docs/protocols/resolutions.md").matchAll(/^\| ([APVTOR])(\d+) \|/gm)];
  const last: Record<string, number> = {};
  for (const [, letter = "", number] of numbers) {
    expect(Number(number)).toBe((last[letter] ?? 0) + 1);
    last[letter] = Number(number);
  }
  expect(last).toEqual({ O: 28, R: 38, A: 19, P: 23, V: 17, T: 12 });
});

/** Settings as a table shows them: key → default. */
const rowsOf = (file: string, cell: RegExp): Map<string, string> =>
  new Map([...textOf(file).matchAll(cell)].map(([, key = "", shown = ""]) => [key, shown.trim()]));
const fallbackOf = (key: SettingKey): string => {
  const { fallback } = settingsTable[key];
  return fallback === undefined ? "not set" : `\`${fallback}\``;
};

test("docs/configuration.md has every setting with its default, and no other", () => {
  const rows = rowsOf("docs/configuration.md", /^\| `([a-z_]+(?:\.[a-z0-9_]+)?)` \| ([^|]+) \|/gm);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(settingKeys.map((key) => [key, fallbackOf(key)])));
});

test("docs/configuration.md says of each setting whether it is secret, a list, or reloaded", () => {
  const lines = textOf("docs/configuration.md").split("\n");
  for (const key of settingKeys) {
    const line = lines.find((one) => one.startsWith(`| \`${key}\` |`)) ?? "";
    const { secret, list, live } = settingsTable[key];
    expect({
      key,
      secret: line.includes("*secret.*"),
      list: line.includes(" A list |"),
      live: line.includes("*reload*"),
    }).toEqual({ key, secret: secret === true, list: list === true, live: live === true });
  }
});

test("docs/limits.md has every limit with its default", () => {
  const rows = rowsOf("docs/limits.md", /^\| `(limits\.[a-z_]+)` \| ([^|]+) \|/gm);
  const limits = Object.entries(limitSettings).map(([key, { fallback }]) => [key, String(fallback)] as const);
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(limits));
});

test.each(documents)("every setting that %s names exists", (file) => {
  const families = [...new Set(settingKeys.filter((key) => key.includes(".")).map((key) => key.split(".")[0]))];
  const named = [...textOf(file).matchAll(new RegExp(`\`((?:${families.join("|")})\\.[a-z0-9_]+)(?=[\` ])`, "g"))];
  const unknown = named.map(([, key = ""]) => key).filter((key) => !settingKeys.some((known) => known === key));
  // MiniOICQ has actions that look like settings, and a folder may have a file of that name.
  expect(
    unknown.filter(
      (name) => !/^auth\.l|^auth\.register$|^password\.(?:set|forgot|reset|unlink)$|\.(?:ts|md)$/.test(name),
    ),
  ).toEqual([]);
});

/** A door is a door, a user is they, and who is meant has a name. */
const unwanted = [/(?<!\bin )\bfronts?\b/gi, /\b(?:he|him|his|himself)\b/gi];
const unnamed = [/\b(?:whoever|somebody|nobody)\b/gi];

/** What stands around each of these words. */
const findWords = (text: string, words: readonly RegExp[]): string[] =>
  words.flatMap((word) => [...text.matchAll(word)].map(({ index }) => text.slice(Math.max(0, index - 20), index + 20)));

test.each(documents)("%s keeps to the words of the house", (file) => {
  expect(findWords(proseOf(textOf(file)), unwanted)).toEqual([]);
});

/** Whole lines of comment, and comments behind code. */
const commentsOf = (source: string): string =>
  [...source.matchAll(/^ *(?:\/\*\*?|\*|\/\/).*|(?<= )\/\/ .*/gm)].map(([line]) => line).join("\n");

test("the comments of the program keep to the words of the house, and name who is meant", () => {
  const wrong = filesOf("src/**/*.ts").flatMap((file) =>
    findWords(commentsOf(textOf(file)), [...unwanted, ...unnamed]).map((found) => `${file}: ${found}`),
  );
  expect(wrong).toEqual([]);
});
