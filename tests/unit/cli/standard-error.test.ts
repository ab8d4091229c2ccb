/** Standard error on what a server's is in life: a pipe that nobody reads for now, a file that others write to, nothing. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireProgram } from "../../support/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-stderr-"));
afterAll(() => rmSync(folder, { recursive: true }));

const source = JSON.stringify(join(import.meta.dir, "../../../src/cli/standard-error.ts"));

/** Runs `script` as a program of its own, by a shell that says where its standard error goes; gives the shell's output. */
async function run(script: string, shell: string): Promise<string> {
  const program = join(folder, `${crypto.randomUUID()}.ts`);
  writeFileSync(
    program,
    `import { openStandardError } from ${source};\nconst output = openStandardError();\n${script}`,
  );
  const child = Bun.spawn(["sh", "-c", shell], {
    env: { ...process.env, PROGRAM: `${process.execPath} ${program}`, MARK: join(folder, crypto.randomUUID()) },
    stdout: "pipe",
  });
  return new Response(child.stdout).text();
}

const available = ["sh", "sleep", "cat", "head"].map(requireProgram).every(Boolean);

const lines = 20_000;
const expected = Array.from({ length: lines }, (_, n) => `line ${n} ${"x".repeat(n % 90)}\n`).join("");
const writeAll = `
  let left = ${lines};
  for (let n = 0; n < ${lines}; n += 1) output.write(\`line \${n} \${"x".repeat(n % 90)}\\n\`, () => { left -= 1; });
`;

test.skipIf(!available)(
  "a pipe that nobody reads holds nothing up, and gets every line in order when it is read",
  async () => {
    // Its reader begins only when the program is through; were it held up, neither would ever go on.
    const script = `${writeAll}
    await Bun.write(process.env.MARK, "through");
    const timer = setInterval(() => { if (left === 0) clearInterval(timer); }, 5);`;
    const shell = "$PROGRAM 2>&1 >/dev/null | { while [ ! -e $MARK ]; do sleep 0.05; done; cat; }";
    expect(await run(script, shell)).toBe(expected);
  },
);

test.skipIf(!available)("a pipe whose reader went away takes what is written, and the program goes on", async () => {
  const shell = `{ $PROGRAM 2>&1 >&3 | head -c 20 >/dev/null; } 3>&1`;
  expect(await run(`${writeAll} setTimeout(() => console.log("still here", left), 50);`, shell)).toBe("still here 0\n");
});

test.skipIf(!available)("a file is appended to beside others that write to it", async () => {
  const path = join(folder, "log");
  writeFileSync(path, "before\n");
  const script = `import { writeSync } from "node:fs";
    output.write("one\\n", () => {}); writeSync(2, "two\\n"); output.write("three\\n", () => {}); process.exit(1);`;
  await run(script, `$PROGRAM 2>>${path}; echo four >>${path}`);
  expect(readFileSync(path, "utf8")).toBe("before\none\ntwo\nthree\nfour\n");
});

test.skipIf(!available)("nothing to write to is no reason to fail", async () => {
  expect(await run(`output.write("x\\n", () => console.log("done", output.isTerminal));`, "$PROGRAM 2>/dev/null")).toBe(
    "done false\n",
  );
});
