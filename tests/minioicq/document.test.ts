/** docs/protocols/minioicq.md tells everything the door may say, and the clients it prints work as they stand. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { websocketSettings } from "../../src/config/websocket-settings.ts";
import { closeCode } from "../../src/minioicq/errors.ts";
import { actionNames } from "../../src/minioicq/requests/actions.ts";
import { LineProcess } from "../support/processes.ts";
import { pythonWith } from "../support/programs.ts";
import { startTestServer } from "../support/server.ts";
import { catalog } from "./catalog.ts";

const root = join(import.meta.dir, "../..");
const document = readFileSync(join(root, "docs/protocols/minioicq.md"), "utf8");

/** What stands below a heading, up to the next of the same level or above. */
function sectionOf(heading: string): string {
  const at = document.indexOf(`\n${heading}\n`);
  if (at === -1) return "";
  const rest = document.slice(at + heading.length + 2);
  const level = heading.indexOf(" ");
  return rest.split(new RegExp(`^#{1,${level}} `, "m"))[0] ?? "";
}

test.each([...actionNames])("%s has a section with each of its fields and its answer", (action) => {
  const section = sectionOf(`### \`${action}\``);
  const { fields = {}, answer } = catalog[action] ?? {};
  for (const field of [...Object.keys(fields).map((path) => path.split(".").at(-1)), answer].filter(isText)) {
    expect({ action, field, told: section.includes(field) }).toEqual({ action, field, told: true });
  }
  expect(section.length).toBeGreaterThan(10);
});

const isText = (value: string | undefined): value is string => value !== undefined;

/** Words of the domain's that this door has no occasion for: its actions take no usernames, topics or keys. */
const unheard = new Set(["User name taken", "Reserved name", "Invalid device"]);

test("every reason and every close code is told", () => {
  const folder = join(root, "src/minioicq");
  const files = readdirSync(folder, { recursive: true }).map(String);
  const sources = files.filter((file) => file.endsWith(".ts")).map((file) => readFileSync(join(folder, file), "utf8"));
  const code = sources.join("\n").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const reasons = new Set([...code.matchAll(/"([A-Z][a-z]+(?:,? [A-Za-z_]+)+)"/g)].map(([, words = ""]) => words));
  expect(reasons.size).toBeGreaterThan(30);
  const untold = [...reasons].filter((reason) => !unheard.has(reason) && !document.includes(`\`${reason}\``));
  expect(untold).toEqual([]);
  const codes = sectionOf("## Close codes");
  expect(Object.values(closeCode).filter((one) => !codes.includes(`| ${one} |`))).toEqual([]);
});

test("every setting of the door is told", () => {
  expect(Object.keys(websocketSettings).filter((key) => !document.includes(`\`${key}`))).toEqual([]);
});

const python = await pythonWith(["websockets", "msgpack"]);

/** The first block of code in that language. */
function printedCode(language: string): string {
  const code = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "m").exec(document)?.[1];
  if (code === undefined) throw new Error(`the document prints no ${language}`);
  return code;
}

test("the printed clients have about thirty lines", () => {
  for (const language of ["ts", "python"]) expect(printedCode(language).split("\n").length).toBeLessThanOrEqual(40);
});

test.skipIf(python === undefined)(
  "the printed clients talk with each other",
  async () => {
    await using server = await startTestServer();
    const folder = mkdtempSync(join(tmpdir(), "roost-printed-"));
    try {
      const [ts, py] = [join(folder, "client.ts"), join(folder, "client.py")];
      await Promise.all([Bun.write(ts, printedCode("ts")), Bun.write(py, printedCode("python"))]);
      const url = `ws://${server.http}/ws`;
      const inTypeScript = (who: string) => new LineProcess([process.execPath, ts, url, who, "correct horse"]);
      const inPython = (who: string) => new LineProcess([python ?? "python3", py, url, who, "battery staple"]);
      await using mia = inTypeScript("Mia");
      await using max = inPython("Max");
      const [miaId = "", maxId = ""] = [await mia.line("Mia's id"), await max.line("Max's id")].map((line) =>
        line.slice(5),
      );
      expect([miaId, maxId]).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/)]);
      mia.write(`${maxId} hello from TypeScript 🦆`);
      const chat = /^chat (\d+) is Max$/.exec(await mia.line("the chat"))?.[1] ?? "";
      expect(await max.line("the chat")).toBe(`chat ${chat} is Mia`);
      for (const one of [mia, max])
        expect(await one.line("Mia's words")).toBe(`${chat} ${miaId}: hello from TypeScript 🦆`);
      max.write(`${chat} grüße from Python`);
      for (const one of [mia, max]) expect(await one.line("Max's words")).toBe(`${chat} ${maxId}: grüße from Python`);
      mia.write("9 nobody");
      expect(await mia.line("a refusal")).toBe("message.send.fail: Chat not found");
      max.write("");
      expect(await max.line("the end")).toBe("closed: 1000");

      await using again = inPython(maxId);
      expect(await again.line("the id")).toBe(`I am ${maxId}`);
      mia.write(`${chat} once more`);
      expect(await again.line("what is new")).toBe(`${chat} ${miaId}: once more`);
      await using wrong = inTypeScript(maxId);
      expect(await wrong.line("a refusal")).toBe("auth.login.fail: Incorrect password");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
