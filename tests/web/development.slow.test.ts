/** `bun run dev`: the page is built anew when a source is saved, and waits for the next save where the sources are wrong. */
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withoutSettings } from "../load/server.ts";
import { withDeadline } from "../support/deadline.ts";

/** Asks again until the answer is the one that is waited for. */
async function until<Value>(ask: () => Promise<Value>, isIt: (value: Value) => boolean): Promise<Value> {
  let over = false;
  const asking = async (): Promise<Value> => {
    for (;;) {
      const value = await ask();
      if (over || isIt(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return withDeadline("the page that was saved", asking(), 30_000).finally(() => {
    over = true;
  });
}

const root = join(import.meta.dir, "../..");

test("a save is shown, a syntax error waits for the next save and is said with its line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-development-"));
  for (const part of ["src", "drizzle", "package.json", "tsconfig.json", "bunfig.toml"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const server = Bun.spawn(
    [
      process.execPath,
      "--watch",
      "src/main.ts",
      "serve",
      "--data",
      "data",
      "--http",
      "127.0.0.1:0",
      "--mqtt",
      "127.0.0.1:0",
      "--json",
    ],
    { cwd: folder, env: withoutSettings(process.env), stdout: "pipe", stderr: Bun.file(join(folder, "log")) },
  );
  try {
    const { value } = await server.stdout.getReader().read();
    const { http } = JSON.parse(new TextDecoder().decode(value));
    const page = async (): Promise<string> => (await fetch(`http://${http}/`)).text();
    const scriptOf = (html: string): string => /src="(\/_\/main-\w+\.js)"/.exec(html)?.[1] ?? "";
    const script = async (): Promise<string> => (await fetch(`http://${http}${scriptOf(await page())}`)).text();
    const main = join(folder, "src/web/main.tsx");
    const source = readFileSync(main, "utf8");

    const first = await page();
    expect(first).toContain('src="/_/reload.js"');
    expect((await fetch(`http://${http}/_/reload.js`)).status).toBe(200);

    writeFileSync(main, `${source}\ndocument.title = "saved once";\n`);
    expect(await until(script, (text) => text.includes("saved once"))).toContain("saved once");

    writeFileSync(main, `${source}\nconst = ;\n`);
    const log = (): string => readFileSync(join(folder, "log"), "utf8");
    const asked = async (): Promise<string> => {
      await page();
      return log();
    };
    const told = await until(asked, (text) => text.includes("could not be built"));
    expect(told).toMatch(/main\.tsx:\d+:\d+: /);
    expect(await script()).toContain("saved once");

    writeFileSync(main, `${source}\ndocument.title = "saved twice";\n`);
    expect(await until(script, (text) => text.includes("saved twice"))).toContain("saved twice");
    expect(server.exitCode).toBe(null);
  } finally {
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  }
});
