/** Commands that need no server. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import manifest from "../../package.json" with { type: "json" };
import { databasePath } from "../../src/store/sqlite/engine/open.ts";
import { requireProgram } from "../support/programs.ts";
import { fromSources, roost, serving, temporaryFolder } from "./roost.ts";

test("the licences of every package are printed from the sources too", async () => {
  using folder = temporaryFolder();
  const { exitCode, stdout } = await roost(["version", "--licences"], { cwd: folder.path });
  expect(exitCode).toBe(0);
  const named = [...stdout.matchAll(/^(\S+) \d+\.\d+\.\d+\nLicence: \S+$/gm)].map(([, name]) => name);
  expect(named).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
});

test("version", async () => {
  using folder = temporaryFolder();
  expect(await roost(["version"], { cwd: folder.path })).toEqual({
    exitCode: 0,
    stdout: `roost ${manifest.version}\n`,
    stderr: "",
  });
  expect(JSON.parse((await roost(["version", "--json"], { cwd: folder.path })).stdout)).toMatchObject({
    version: manifest.version,
  });
});

test("help says every command, its settings and the exit codes", async () => {
  using folder = temporaryFolder();
  const help = await roost(["--help"], { cwd: folder.path });
  expect(help.exitCode).toBe(0);
  for (const word of ["serve", "init", "config", "user", "group", "device", "key", "version", "Exit codes:", "  3  "]) {
    expect(help.stdout).toContain(word);
  }
  for (const command of [
    ["serve"],
    ["init"],
    ["config", "show"],
    ["user", "add"],
    ["user", "topics"],
    ["group", "members"],
    ["device", "set"],
    ["device", "may"],
    ["key", "rotate"],
    ["version"],
  ]) {
    const { exitCode, stdout } = await roost([...command, "--help"], { cwd: folder.path });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`Usage: roost ${command.join(" ")}`)]);
  }
  expect((await roost(["serve", "--help"], { cwd: folder.path })).stdout).toContain("ROOST_LOGIN_FAILURES_PER_MINUTE");
});

describe("a wrong command line ends with 2", () => {
  for (const args of [
    [],
    ["frobnicate"],
    ["serve", "--port", "1"],
    ["user"],
    ["user", "add"],
    ["user", "list", "--limit", "0"],
  ]) {
    test(`roost ${args.join(" ")}`, async () => {
      using folder = temporaryFolder();
      const { exitCode, stdout, stderr } = await roost(args, { cwd: folder.path });
      expect([exitCode, stdout]).toEqual([2, ""]);
      expect(stderr).not.toBe("");
      expect(existsSync(folder.in("roost-data"))).toBe(false);
    });
  }
});

describe("init", () => {
  test("writes an annotated file for this user alone, and not over another one", async () => {
    using folder = temporaryFolder();
    const file = folder.in("roost-data", "roost.toml");
    expect(await roost(["init"], { cwd: folder.path })).toEqual({ exitCode: 0, stdout: `wrote ${file}\n`, stderr: "" });
    expect(statSync(folder.in("roost-data")).mode & 0o777).toBe(0o700);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await roost(["config", "check"], { cwd: folder.path })).exitCode).toBe(0);

    writeFileSync(file, "durability = 'os'\n");
    const refused = await roost(["init"], { cwd: folder.path });
    expect([refused.exitCode, refused.stderr]).toEqual([1, `roost: ${file} exists already; --force overwrites it\n`]);
    expect(readFileSync(file, "utf8")).toBe("durability = 'os'\n");
    expect((await roost(["init", "--force"], { cwd: folder.path })).exitCode).toBe(0);
    expect(readFileSync(file, "utf8")).toContain("# http.listen");
  });

  test("writes where --config says, and makes no data folder then", async () => {
    using folder = temporaryFolder();
    expect((await roost(["init", "--config", "etc/my.toml"], { cwd: folder.path })).exitCode).toBe(0);
    expect(existsSync(folder.in("etc", "my.toml"))).toBe(true);
    expect(existsSync(folder.in("roost-data"))).toBe(false);
  });
});

describe("config", () => {
  test("show tells each value and where it came from", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.in("my.toml"), 'durability = "os"\n[log]\nlevel = "warn"\n');
    writeFileSync(folder.in("key"), "a-secret-of-some-length\n");
    const env = { ROOST_LOG_LEVEL: "debug", ROOST_BACKEND_KEY_FILE: folder.in("key") };
    const args = ["config", "show", "--config", "my.toml", "--data", "here"];
    const { exitCode, stdout } = await roost([...args, "--json"], { cwd: folder.path, env });
    expect(exitCode).toBe(0);
    const { settings } = JSON.parse(stdout);
    expect(settings).toContainEqual({
      key: "data",
      value: folder.in("here"),
      origin: { kind: "flag", name: "--data" },
    });
    expect(settings).toContainEqual({
      key: "log.level",
      value: "debug",
      origin: { kind: "environment", name: "ROOST_LOG_LEVEL" },
    });
    expect(settings).toContainEqual({
      key: "durability",
      value: "os",
      origin: { kind: "file", path: folder.in("my.toml") },
    });
    expect(settings).toContainEqual({
      key: "backend_key",
      value: "(set)",
      origin: { kind: "environment file", name: "ROOST_BACKEND_KEY_FILE", path: folder.in("key") },
    });
    const shown = await roost(args, { cwd: folder.path, env });
    expect(shown.stdout).toMatch(/^log\.level +debug +ROOST_LOG_LEVEL$/m);
    expect(shown.stdout + stdout).not.toContain("a-secret");
  });

  test("check says everything that is wrong, and ends with 2", async () => {
    using folder = temporaryFolder();
    const env = { ROOST_DURABILTY: "os", ROOST_HTTP_LISTEN: "nowhere" };
    const { exitCode, stdout, stderr } = await roost(["config", "check"], { cwd: folder.path, env });
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "roost: ROOST_DURABILTY: there is no such setting; did you mean ROOST_DURABILITY?",
      expect.stringContaining('roost: ROOST_HTTP_LISTEN: "nowhere" cannot be used: expected HOST:PORT'),
    ]);
    const json = await roost(["config", "check", "--json"], { cwd: folder.path, env });
    expect(json.exitCode).toBe(2);
    expect(JSON.parse(json.stdout)).toEqual({ ok: false, problems: [expect.any(String), expect.any(String)] });
    expect((await roost(["serve"], { cwd: folder.path, env })).exitCode).toBe(2);
  });
});

test("config check names the admins who are no users of the operator, and so does the start", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  expect((await roost(["init"], { cwd })).exitCode).toBe(0);
  expect((await roost(["user", "add", "ann"], { cwd, stdin: "secret of ann\n" })).exitCode).toBe(0);
  expect((await roost(["user", "add", "ben"], { cwd, stdin: "secret of ben\n" })).exitCode).toBe(0);
  {
    // A participant of a backend.
    using db = new Database(databasePath(folder.in("roost-data")));
    db.run("UPDATE users SET made_by = 'backend' WHERE username = 'ben'");
  }
  writeFileSync(folder.in("roost-data", "roost.toml"), 'admins = ["ann", "nobody1", "user.10001", "ben", "user.99"]\n');
  const check = async () => {
    const text = await roost(["config", "check"], { cwd });
    const json = await roost(["config", "check", "--json"], { cwd });
    expect([text.exitCode, text.stderr.trimEnd().split("\n")]).toEqual([
      0,
      [
        "roost: admins: there is no user nobody1; roost user add nobody1 makes one",
        "roost: admins: the user ben was not made by the operator and is no admin; roost user trust ben makes one",
        expect.stringContaining("there is no user user.99"),
      ],
    ]);
    expect(JSON.parse(json.stdout)).toEqual({
      ok: true,
      problems: [],
      warnings: ["nobody1", "ben", "user.99"].map((name) => expect.stringContaining(name)),
    });
  };
  await check();
  await using server = await serving(["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"], { cwd });
  await check();
  const { stderr } = await server.end();
  const named = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; message: string; fields: { name?: string } })
    .filter(({ message }) => message.startsWith("admins: "));
  expect(named.map(({ level, fields }) => [level, fields.name])).toEqual([
    ["WARN", "nobody1"],
    ["WARN", "ben"],
    ["WARN", "user.99"],
  ]);
});

describe("commands on the data end with 3", () => {
  test("where there is none", async () => {
    using folder = temporaryFolder();
    for (const args of [
      ["user", "list"],
      ["device", "list"],
      ["key", "show"],
      ["key", "rotate"],
    ]) {
      const { exitCode, stderr } = await roost(args, { cwd: folder.path });
      expect([exitCode, stderr]).toEqual([3, expect.stringContaining("there is no Roost data in")]);
    }
    expect(existsSync(folder.in("roost-data"))).toBe(false);
  });

  /** As root everything may be read, so that right is taken from the program. */
  const asRoot = process.getuid?.() === 0;
  const withoutRights = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", ...fromSources];

  test.skipIf(asRoot && !requireProgram("setpriv"))(
    "where the folder, or a file in it, is another system user's",
    async () => {
      using folder = temporaryFolder();
      const cwd = folder.path;
      const program = asRoot ? withoutRights : fromSources;
      const data = folder.in("roost-data");
      expect((await roost(["init"], { cwd })).exitCode).toBe(0);
      expect((await roost(["user", "add", "ann"], { cwd, stdin: "secret of ann\n" })).exitCode).toBe(0);
      const close = (path: string) => (asRoot ? chownSync(path, 65_534, 65_534) : chmodSync(path, 0));
      const serve = ["serve", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"];

      close(folder.in("roost-data", "roost.db"));
      for (const args of [["user", "list"], serve]) {
        const { exitCode, stdout, stderr } = await roost(args, { cwd, program });
        expect([args[0], exitCode, stdout]).toEqual([args[0], 3, ""]);
        expect(stderr).toContain("all files in the data folder must belong to the system user that runs roost");
      }
      close(data);
      for (const args of [["user", "list"], ["config", "check"], ["key", "show"], ["init"], serve]) {
        const { exitCode, stdout, stderr } = await roost(args, { cwd, program });
        expect([args[0], exitCode, stdout]).toEqual([args[0], 3, ""]);
        expect(stderr).not.toContain("EACCES");
        expect(stderr).toMatch(
          asRoot
            ? /^roost: the data folder \S+ belongs to the system user \S+; run the command as that user: sudo -u /
            : /^roost: this system user may not make or enter the data folder /,
        );
      }
      chmodSync(data, 0o700);
    },
  );

  test("where the folder is somebody else's", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.in("home"));
    writeFileSync(folder.in("home", "letter.txt"), "dear");
    chmodSync(folder.in("home"), 0o755);
    const { exitCode, stderr } = await roost(["serve", "--data", "home", "--http", ":0", "--mqtt", ":0"], {
      cwd: folder.path,
    });
    expect([exitCode, stderr]).toEqual([
      3,
      expect.stringContaining("is not a Roost data folder (it holds letter.txt)"),
    ]);
    expect(statSync(folder.in("home")).mode & 0o777).toBe(0o755);
  });
});
