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

describe("device", () => {
  eitherWay("devices are added, listed, asked about and revoked", async ({ path, run }) => {
    const added = await run([
      "device",
      "add",
      "lamp_1",
      "--publish",
      "s/%u/#",
      "--publish",
      "c/%c",
      "--subscribe",
      "all",
    ]);
    expect(added).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^added lamp_1\npassword rd_[\w-]{32}\n$/),
      stderr: "",
    });
    writeFileSync(`${path}/secret`, "of the gate\n");
    const gate = await run(["device", "add", "gate", "--certificate", "cn=gate, O=Acme", "--json"]);
    const device = { name: "gate", certificate: "CN=gate,O=Acme", publish: null, subscribe: null };
    expect([gate.exitCode, JSON.parse(gate.stdout)]).toEqual([
      0,
      { device: { ...device, created: expect.stringMatching(/^\d{4}-.*Z$/) } },
    ]);
    const bell = await run(["device", "add", "bell", "--password-file", "secret", "--subscribe", "$SYS/#"]);
    expect([bell.exitCode, bell.stdout]).toEqual([0, "added bell\n"]);

    const list = JSON.parse((await run(["device", "list", "--json"])).stdout);
    expect(list.devices.map((one: { name: string }) => one.name)).toEqual(["bell", "gate", "lamp_1"]);
    expect(list.devices[2]).toMatchObject({ publish: ["s/%u/#", "c/%c"], subscribe: ["all"], certificate: null });
    const table = (await run(["device", "list"])).stdout;
    expect(table).toMatch(/^lamp_1 +s\/%u\/# c\/%c +all +- +\d{4}/m);
    expect(table).toMatch(/^gate +\(default\) +\(default\) +CN=gate,O=Acme +\d{4}/m);
    expect(table).toMatch(/^bell +\(nothing\) +\$SYS\/# +- /m);

    await run(["user", "add", "ann"], "secret\n");
    const questions: [asked: string, answer: string][] = [
      ["lamp_1 publish s/lamp_1/t", "yes: its pattern s/%u/#"],
      ["lamp_1 publish s/other/t", "no: none of its patterns to publish fits"],
      ["lamp_1 publish c/7 --client-id 7", "yes: its pattern c/%c"],
      ["lamp_1 publish c/7", "no: none of its patterns to publish fits"],
      ["lamp_1 publish c/# --client-id #", "no: it is no topic to publish to"],
      ["lamp_1 subscribe all", "yes: its pattern all"],
      ["lamp_1 subscribe $share/g/all", "yes: its pattern all"],
      ["lamp_1 subscribe #", "no: none of its patterns to subscribe fits"],
      ["gate subscribe #", "yes: it has no patterns: everything outside the reserved prefixes"],
      ["gate publish chat/team/send", "no: the topic is reserved for the server's services"],
      ["bell subscribe $SYS/broker/uptime", "yes: its pattern $SYS/#"],
      ["ann publish a/b", "yes: users may use everything outside the reserved prefixes"],
      ["ann publish chat/team/send", "no: the user is not a member of such a chat"],
      ["ann subscribe chat/+/messages", "yes: of the chats it names, those are delivered that the user is a member of"],
      ["ann subscribe $share/g/chat/+/messages", "no: what the server's services deliver is not shared"],
      ["ann subscribe $SYS/#", "no: only admins read $SYS"],
    ];
    for (const [asked, answer] of questions) {
      const { exitCode, stdout, stderr } = await run(["device", "may", ...asked.split(" ")]);
      expect([asked, stdout, exitCode, stderr]).toEqual([asked, `${answer}\n`, answer.startsWith("yes") ? 0 : 1, ""]);
    }
    const json = await run(["device", "may", "lamp_1", "publish", "s/lamp_1", "--json"]);
    expect(JSON.parse(json.stdout)).toEqual({ allowed: true, pattern: "s/%u/#", why: "its pattern s/%u/#" });

    expect((await run(["device", "revoke", "lamp_1"])).stdout).toBe("revoked lamp_1\n");
    expect(JSON.parse((await run(["device", "revoke", "gate", "--json"])).stdout)).toEqual({ name: "gate" });
    const left = JSON.parse((await run(["device", "list", "--json"])).stdout);
    expect(left.devices.map((one: { name: string }) => one.name)).toEqual(["bell"]);
  });

  eitherWay("a no is a line and exit code 1, a wrong pattern 2", async ({ run }) => {
    await run(["user", "add", "ann"], "secret\n");
    await run(["device", "add", "lamp", "--certificate", "CN=lamp"]);
    const table: [args: string[], exitCode: number, says: string][] = [
      [["device", "add", "ann"], 1, "username_taken"],
      [["device", "add", "lamp"], 1, "username_taken"],
      [["device", "add", "10001"], 1, "reserved_key"],
      [["device", "add", "a b"], 1, "invalid_name"],
      [["device", "add", "bell", "--publish", "a/#/b"], 1, "invalid_device"],
      [["device", "add", "bell", "--certificate", "CN=lamp"], 1, "invalid_device"],
      [["device", "add", "bell", "--certificate", "lamp"], 1, "invalid_device"],
      [["device", "add", "bell", "--subscribe", "chat/#"], 2, "is reserved for the server's services"],
      [["device", "add", "bell", "--publish", "$SYS/x"], 2, "is reserved for the server's services"],
      [["device", "revoke", "bell"], 1, "no device bell"],
      [["device", "may", "bell", "publish", "a"], 1, "no device and no user bell"],
      [["device", "may", "lamp", "shout", "a"], 2, "Allowed choices are publish, subscribe"],
      [["user", "add", "lamp"], 1, "username_taken"],
    ];
    for (const [args, code, says] of table) {
      const { exitCode, stdout, stderr } = await run(args, args[0] === "user" ? "secret\n" : undefined);
      expect([args.join(" "), exitCode, stdout, stderr]).toEqual([
        args.join(" "),
        code,
        "",
        expect.stringContaining(says),
      ]);
    }
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
    { op: "addDevice", name: "" },
    { op: "addDevice", name: "x", publish: "a" },
    { op: "addDevice", name: "x", publish: [5] },
    { op: "addDevice", name: "x", subscribe: new Array(65).fill("a") },
    { op: "listDevices", after: 5 },
    { op: "revokeDevice" },
    { op: "may", name: "x", action: "deliver", topic: "a" },
  ];
  for (const request of hostile) {
    const body = JSON.stringify(request) ?? "";
    const answer = await (await fetch("http://roost/", { unix: path, method: "POST", body })).json();
    expect([body, answer]).toEqual([body, { ok: false, code: "bad_request", message: expect.any(String) }]);
  }
  expect(await askOperator(path, { op: "listUsers" })).toEqual({ ok: true, result: { users: [], next: null } });
  expect((await server.end()).exitCode).toBe(0);
});
