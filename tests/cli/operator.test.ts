/** The operator's commands, which work the same whether a server has the data or nobody does. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connectAsync } from "mqtt";
import { askOperator, operatorSocketPath } from "../../src/ops/operator-socket.ts";
import { type Ended, provision, roost, type Serving, serving, temporaryFolder } from "./roost.ts";

const anywhere = ["--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--json"];

interface Place {
  readonly path: string;
  run(args: readonly string[], stdin?: string): Promise<Ended>;
}

/** Runs `work` beside a running server and, in another folder, on its own. */
function eitherWay(name: string, work: (place: Place, server: Serving | undefined) => Promise<void>): void {
  for (const running of [true, false]) {
    test(`${name}, ${running ? "while the server runs" : "while it does not"}`, async () => {
      using folder = temporaryFolder();
      const { path } = folder;
      const run: Place["run"] = (args, stdin) => roost(args, { cwd: path, ...(stdin === undefined ? {} : { stdin }) });
      if (running) {
        await using server = await serving(anywhere, { cwd: path });
        await work({ path, run }, server);
        expect((await server.end()).exitCode).toBe(0);
      } else {
        expect((await run(["init"])).exitCode).toBe(0);
        await work({ path, run }, undefined);
      }
    });
  }
}

describe("user", () => {
  eitherWay("users are added, listed and given new passwords", async ({ path, run }, server) => {
    const ann = await run(["user", "add", "ann", "--nick", "Ann Lee"], "first password\n");
    expect(ann).toEqual({ exitCode: 0, stdout: expect.stringMatching(/^added ann \(id \d+\)\n$/), stderr: "" });
    writeFileSync(`${path}/secret`, "of bob\n");
    const bob = await run(["user", "add", "bob", "--password-file", "secret", "--json"]);
    expect([bob.exitCode, JSON.parse(bob.stdout)]).toEqual([
      0,
      {
        user: expect.objectContaining({
          username: "bob",
          nick: "bob",
          online: false,
          disabled: false,
          last_seen: null,
        }),
      },
    ]);
    const bobId = JSON.parse(bob.stdout).user.user_id;

    const list = JSON.parse((await run(["user", "list", "--json"])).stdout);
    expect(list.users.map((user: { nick: string }) => user.nick)).toEqual(["Ann Lee", "bob"]);
    expect(list.next).toBeNull();
    const page = JSON.parse((await run(["user", "list", "--limit", "1", "--json"])).stdout);
    expect([page.users.length, page.next]).toEqual([1, page.users[0].user_id]);
    const rest = JSON.parse((await run(["user", "list", "--after", String(page.next), "--json"])).stdout);
    expect(rest.users.map((user: { user_id: number }) => user.user_id)).toEqual([bobId]);
    expect((await run(["user", "list"])).stdout).toMatch(/^\d+ +ann +Ann Lee +offline +-$/m);

    for (const name of ["bob", String(bobId)]) {
      const changed = await run(["user", "passwd", name, "--password-file", "-"], "another\n");
      expect(changed.stdout).toBe(`the password of bob (id ${bobId}) is changed\n`);
    }
    if (server !== undefined) {
      const [hostname, port] = JSON.parse(server.firstLine).mqtt.split(":");
      for (const [password, admitted] of [
        ["another", true],
        ["of bob", false],
      ] as const) {
        const options = { username: "bob", password, reconnectPeriod: 0 };
        const connected = connectAsync(`mqtt://${hostname}:${port}`, options, false).then(
          (client) => client.endAsync().then(() => true),
          () => false,
        );
        expect([password, await connected]).toEqual([password, admitted]);
      }
      expect(server.logged()).not.toMatch(/first password|of bob|another/);
    }
  });

  eitherWay("a no is a line and exit code 1", async ({ run }) => {
    expect((await run(["user", "add", "ann"], "secret\n")).exitCode).toBe(0);
    const table: [args: string[], says: string][] = [
      [["user", "add", "ann"], "username_taken"],
      [["user", "add", "a b"], "invalid_name"],
      [["user", "add", "user.10001"], "reserved_key"],
      [["user", "add", "bob", "--nick", " "], "empty_name_or_password"],
      [["user", "passwd", "nobody"], "no user nobody"],
    ];
    for (const [args, says] of table) {
      const { exitCode, stdout, stderr } = await run(args, "secret\n");
      expect([args.join(" "), exitCode, stdout, stderr]).toEqual([
        args.join(" "),
        1,
        "",
        expect.stringContaining(says),
      ]);
      expect(stderr.trimEnd()).not.toContain("\n");
    }
    expect((await run(["user", "add", "carl"], "\n")).exitCode).toBe(2);
  });
});

describe("key", () => {
  eitherWay("rotating prints a new key once, and show tells them apart", async ({ run }) => {
    const first = await run(["key", "rotate"]);
    expect([first.exitCode, first.stdout]).toEqual([0, expect.stringMatching(/^roost_[\w-]{32}\n$/)]);
    const shown = JSON.parse((await run(["key", "show", "--json"])).stdout);
    expect(shown.key).toEqual({
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      created: expect.stringMatching(/^\d{4}-.*Z$/),
      age_seconds: expect.any(Number),
    });
    const second = JSON.parse((await run(["key", "rotate", "--json"])).stdout);
    expect(second.backend_key).not.toBe(first.stdout.trim());
    expect(second.fingerprint).not.toBe(shown.key.fingerprint);
    const text = await run(["key", "show"]);
    expect(text.stdout).toContain(`fingerprint ${second.fingerprint}\n`);
    expect(text.stdout).not.toContain(second.backend_key);
  });

  test("the old key stops working while the server runs", async () => {
    using folder = temporaryFolder();
    await using server = await serving(anywhere, { cwd: folder.path });
    const { http, backend_key: oldKey } = JSON.parse(server.firstLine);
    expect(await provision(http, oldKey)).toBe(201);
    const newKey = (await roost(["key", "rotate"], { cwd: folder.path })).stdout.trim();
    expect(await provision(http, oldKey)).toBe(401);
    expect(await provision(http, newKey)).toBe(201);
    const { stderr } = await server.end();
    expect(stderr).not.toContain(oldKey);
    expect(stderr).not.toContain(newKey);
  });

  test("without any key show says how to make one", async () => {
    using folder = temporaryFolder();
    await roost(["init"], { cwd: folder.path });
    const { exitCode, stderr } = await roost(["key", "show"], { cwd: folder.path });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("there is no backend key yet")]);
  });
});

test("requests that are not ours are refused and change nothing", async () => {
  using folder = temporaryFolder();
  await using server = await serving(anywhere, { cwd: folder.path });
  const path = operatorSocketPath(folder.in("roost-data"));
  const hostile = [
    undefined,
    null,
    7,
    [],
    {},
    { op: "dropTables" },
    { op: "toString" },
    { op: "addUser", nick: 5, password: "x" },
    { op: "addUser", nick: "x", password: "x".repeat(1025) },
    { op: "addUser", nick: "x", password: "x", disabled: false },
    { op: "listUsers", limit: 1e9 },
    { op: "listUsers", after: -1 },
    { op: "setPassword", user: "", password: "x" },
  ];
  for (const request of hostile) {
    const body = JSON.stringify(request) ?? "";
    const answer = await (await fetch("http://roost/", { unix: path, method: "POST", body })).json();
    expect([body, answer]).toEqual([body, { ok: false, code: "bad_request", message: expect.any(String) }]);
  }
  expect(await askOperator(path, { op: "listUsers" })).toEqual({ ok: true, result: { users: [], next: null } });
  expect((await server.end()).exitCode).toBe(0);
});
