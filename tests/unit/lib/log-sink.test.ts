import { expect, test } from "bun:test";
import { openLog } from "../../../src/lib/log-sink.ts";

function record(format: "text" | "json", level: "debug" | "info" | "warn" | "error" = "info") {
  const lines: string[] = [];
  return { lines, sink: openLog({ level, format, write: (line) => lines.push(line) }) };
}

test("JSON lines carry the sentence, the level and the fields", () => {
  const { lines, sink } = record("json");
  sink.log.warn("a {brace} stays", { userId: 5, message: "of the field", big: 5n });
  sink.close();
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "WARN",
    message: "a {brace} stays",
    fields: { userId: 5, message: "of the field", big: "5" },
  });
  expect(lines[0]?.endsWith("}\n")).toBe(true);
});

test("text lines are one line whatever a field holds", () => {
  const { lines, sink } = record("text");
  sink.log.info("somebody came", { nick: "two\nlines", id: 7, bytes: new Uint8Array(3) });
  sink.close();
  expect(lines.join("")).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}somebody came {2}nick="two\\nlines" id=7 bytes="3 bytes"\n$/,
  );
});

test("errors keep their code and stack; a stack follows a text line", () => {
  const error = Object.assign(new Error("no"), { code: "E_NO" });
  const json = record("json");
  json.sink.log.error("failed", { error });
  json.sink.close();
  expect(JSON.parse(json.lines[0] ?? "").fields.error).toMatchObject({ message: "no", code: "E_NO" });
  const text = record("text");
  text.sink.log.error("failed", { error });
  text.sink.close();
  expect(text.lines.join("")).toContain('ERROR failed  error="no"\n  Error: no\n');
});

test("fields named like secrets are never written", () => {
  const { lines, sink } = record("json");
  sink.log.error("oops", { password: "p1", accessToken: "p2", backend_key: "p3", Authorization: "p4", tokens: 3 });
  sink.close();
  expect(lines.join("")).not.toMatch(/p[1-4]/);
  expect(JSON.parse(lines[0] ?? "").fields.tokens).toBe(3);
});

test("the level can change while running, and nothing is written after close", () => {
  const { lines, sink } = record("text", "warn");
  sink.log.info("no");
  sink.setLevel("debug");
  sink.log.debug("yes");
  sink.close();
  sink.log.error("no more");
  expect(lines.map((line) => line.slice(13).trim())).toEqual(["DEBUG yes"]);
});

/** What a terminal obeys: C0, DEL, C1, the marks of writing direction, separators of lines, tags. */
const obeyed = [
  ...["\u0000", "\u0007", "\u001b", "\r", "\u007f", "\u0085", "\u009b", "\u009d", "\u061c", "\u200b", "\u200e"],
  ...["\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068"],
  ...["\u2069", "\ufeff", "\u{e0041}"],
];

for (const format of ["text", "json"] as const) {
  test(`nothing in a ${format} line is obeyed by a terminal, wherever it stands`, () => {
    for (const character of obeyed) {
      const name = `before${character}[2Jafter`;
      const { lines, sink } = record(format);
      sink.log.info("a client came", { name, inner: { name }, list: [name], error: new Error(name) });
      sink.close();
      const whole = lines.join("");
      expect(whole.includes(character), `${JSON.stringify(character)} is escaped`).toBe(false);
      if (format === "json") {
        expect(JSON.parse(whole).fields).toMatchObject({ name, inner: { name }, list: [name] });
      }
    }
  });
}

test("a text of another line within an error is not a line of the log", () => {
  const { lines, sink } = record("text");
  sink.log.error("failed", { error: new Error("no\n15:04:05.123 INFO  all is well") });
  sink.close();
  const [first, ...others] = lines.join("").trimEnd().split("\n");
  expect(first).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ERROR failed /);
  expect(others.length).toBeGreaterThan(1);
  expect(others.filter((line) => !line.startsWith("  "))).toEqual([]);
});

test("letters of every script, and emoji, are written as they are", () => {
  const { lines, sink } = record("text");
  sink.log.info("a client came", { name: "Zoë 李 🙂 עברית" });
  sink.close();
  expect(lines.join("")).toContain('name="Zoë 李 🙂 עברית"');
});
