/** The executable itself: modules loaded late, the Worker and the migrations must be in it, wherever it lies. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import manifest from "../../package.json" with { type: "json" };
import { provision, roost, serving, temporaryFolder } from "./roost.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const program = [folder.in("elsewhere", "roost-under-test")];
const surroundings = { cwd: folder.path, program };

beforeAll(async () => {
  const build = join(import.meta.dir, "../support/build.ts");
  const child = Bun.spawn([process.execPath, build, "--outfile", program[0] ?? ""], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const [exitCode, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  expect([exitCode, stderr]).toEqual([0, ""]);
});

test("it knows its version", async () => {
  const { exitCode, stdout } = await roost(["version"], surroundings);
  expect([exitCode, stdout.startsWith(`roost ${manifest.version}`)]).toEqual([0, true]);
});

test("it holds the licences of what is built in, and the build writes them beside it", async () => {
  const { exitCode, stdout } = await roost(["version", "--licences"], surroundings);
  expect(exitCode).toBe(0);
  expect(stdout).toBe(readFileSync(join(dirname(program[0] ?? ""), "THIRD-PARTY-NOTICES"), "utf8"));
  for (const name of [...Object.keys(manifest.dependencies), "JavaScriptCore", "LGPL"]) expect(stdout).toContain(name);
});

test("it stores, answers its operator and stops, and takes nothing from the folder it is started in", async () => {
  writeFileSync(folder.in(".env"), "ROOST_NONSENSE=1\n");
  writeFileSync(folder.in("bunfig.toml"), 'preload = ["./nowhere.ts"]\n');
  await using server = await serving(["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"], surroundings);
  const { http, backend_key } = JSON.parse(server.firstLine);
  expect(await provision(http, backend_key)).toBe(201);
  const online = await roost(["user", "list", "--json"], surroundings);
  expect(JSON.parse(online.stdout).users).toHaveLength(1);
  expect((await server.end()).exitCode).toBe(0);
  const offline = await roost(["user", "list", "--json"], surroundings);
  expect(JSON.parse(offline.stdout)).toEqual(JSON.parse(online.stdout));
});

test("it holds the web client, compressed, and serves it", async () => {
  const ports = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];
  await using server = await serving(["--data", folder.in("page-data"), ...ports, "--json"], surroundings);
  const { http } = JSON.parse(server.firstLine);
  const page = await (await fetch(`http://${http}/`)).text();
  const script = /src="(\/_\/main-\w+\.js)"/.exec(page)?.[1] ?? "";
  const answers = await Promise.all(
    ["br", "gzip", "identity"].map((encoding) =>
      fetch(`http://${http}${script}`, { headers: { "Accept-Encoding": encoding }, decompress: false }),
    ),
  );
  expect(answers.map(({ status, headers }) => [status, headers.get("content-encoding")])).toEqual([
    [200, "br"],
    [200, "gzip"],
    [200, null],
  ]);
  const [br, gzip, plain] = await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  const text = new TextDecoder().decode(plain);
  expect(brotliDecompressSync(br ?? new ArrayBuffer()).toString()).toBe(text);
  expect(gunzipSync(gzip ?? new ArrayBuffer()).toString()).toBe(text);
  expect(text).toContain("server.info");
  expect((await server.end()).exitCode).toBe(0);
});
